// SPDX-License-Identifier: Apache-2.0

/// Input of an import that cannot be taken. Messages name files and line numbers, never what stands there.
enum ImportError {
    static func malformed(_ message: String) -> PipelineError { PipelineError(.badInput, message) }
    static func invalid(_ message: String, cause: any Error) -> PipelineError {
        PipelineError(.badInput, message, cause: cause)
    }
}
