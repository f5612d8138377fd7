// SPDX-License-Identifier: Apache-2.0

import Foundation
package import SystemPackage

/// The Python with the AWS Encryption SDK, by which tests open with public tools what Varve sealed.
///
/// `make test` makes it and names it in VARVE_PYTHON. Without that variable the first test that asks makes it under
/// `.build/python`; where that
/// cannot be (no python, no network) the test has to say so: `catch let error as TestKitError { try
/// Test.cancel("\(error)") }`.
package enum PythonEnvironment {
    /// - Throws: ``TestKitError`` with the reason when there is none and none could be made.
    package static func interpreter() throws -> FilePath { try made.get() }

    private static let made = Result<FilePath, any Error> {
        if let named = ProcessInfo.processInfo.environment["VARVE_PYTHON"], !named.isEmpty {
            return FilePath(named)
        }
        // Several test processes may run at once: one makes it, the others wait.
        let folder = Checkout.root.appending(".build")
        let result = try ChildProcess.run(
            "flock",
            [folder.appending("python.lock").string, Checkout.root.appending(".ci/python-environment").string],
            timeLimit: .seconds(600))
        let path = result.outputText.split(separator: "\n").last.map(String.init) ?? ""
        guard result.exitCode == 0, !path.isEmpty else {
            throw TestKitError("No Python with the AWS Encryption SDK could be made: \(result.errorText.suffix(400))")
        }
        return FilePath(path)
    }
}
