// SPDX-License-Identifier: Apache-2.0

import Foundation
import VarveKeys

/// Asks a command for a passphrase: the first line that it prints on standard output.
enum SecretCommand {
    /// A password manager prints a line or a short note; a command that goes on printing is the wrong one.
    private static let outputBytesMax = 64 * 1024

    /// `command` is the program and its arguments; no shell is involved, so nothing is expanded.
    static func passphrase(_ command: [String]) throws -> KeyProtection {
        let name = command.first ?? ""
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw UsageError("The passphrase command '\(name)' cannot be run.", status: .configurationInvalid)
        }
        var text = Data()
        let reader = output.fileHandleForReading
        while text.count <= outputBytesMax, let part = try? reader.read(upToCount: 4096), !part.isEmpty {
            text.append(part)
        }
        guard text.count <= outputBytesMax else {
            // Ended first and waited for after, or a command that never ends would hold us for ever.
            kill(process.processIdentifier, SIGKILL)
            try? reader.close()
            process.waitUntilExit()
            throw UsageError("The passphrase command '\(name)' does not stop printing.", status: .configurationInvalid)
        }
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw UsageError(
                "The passphrase command '\(name)' failed with status \(process.terminationStatus).",
                status: .configurationInvalid)
        }
        let line = text.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        return try .passphrase(text: String(decoding: line, as: UTF8.self))
    }
}
