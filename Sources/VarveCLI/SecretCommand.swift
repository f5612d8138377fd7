// SPDX-License-Identifier: Apache-2.0

import Foundation
import VarveKeys

/// Asks a command for a passphrase: what it prints on standard output, without the last line break.
enum SecretCommand {
    /// `command` is the program and its arguments; no shell is involved, so nothing is expanded.
    static func passphrase(_ command: [String]) throws -> KeyProtection {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw UsageError(
                "The passphrase command '\(command.first ?? "")' cannot be run.", status: .configurationInvalid)
        }
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw UsageError(
                "The passphrase command '\(command.first ?? "")' ended with status \(process.terminationStatus).",
                status: .configurationInvalid)
        }
        return try .passphrase(text: String(decoding: text, as: UTF8.self).trimmingSuffix(while: { $0 == "\n" }))
    }
}

extension String {
    fileprivate func trimmingSuffix(while drop: (Character) -> Bool) -> String {
        var text = self
        while let last = text.last, drop(last) { text.removeLast() }
        return text
    }
}
