// SPDX-License-Identifier: Apache-2.0

/// The long part of a verb's `--help`: what it does, examples that can be typed as they stand, and how it may end.
enum HelpText {
    /// A command line, without the leading `varve`, and what it does.
    typealias Example = (command: String, does: String)

    /// - Parameter exits: What it may end with beside 0 (done), 1 (failed) and 2 (the command line is wrong).
    static func of(_ text: String = "", examples: [Example], exits: [ExitStatus] = []) -> String {
        var parts = text.isEmpty ? [] : [filled(text)]
        let width = examples.map(\.command.count).filter { $0 <= columnMax }.max() ?? 0
        let lines = examples.map { example in
            let padding = String(repeating: " ", count: max(0, width - example.command.count))
            return "  varve \(example.command)\(padding)  # \(example.does)"
        }
        parts.append("EXAMPLES:\n" + lines.joined(separator: "\n"))
        let known = [.done, .failed, .usage] + exits
        parts.append("EXIT CODES:\n" + known.map { "  \($0.rawValue)  \($0.meaning)" }.joined(separator: "\n"))
        return parts.joined(separator: "\n\n")
    }

    /// Joins the lines of each paragraph, which whoever shows them breaks anew; indented lines stay as they are.
    private static func filled(_ text: String) -> String {
        var lines: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let last = lines.last, !last.isEmpty, !last.hasPrefix(" "), !line.isEmpty, !line.hasPrefix(" ") {
                lines[lines.count - 1] = last + " " + line
            } else {
                lines.append(String(line))
            }
        }
        return lines.joined(separator: "\n")
    }

    /// A longer command does not push what the others do out of sight.
    private static let columnMax = 48
}

extension ExitStatus {
    /// In a few words; README says more.
    var meaning: String {
        switch self {
        case .done: "done"
        case .failed: "failed; the message says why"
        case .usage: "the command line is wrong"
        case .partlyDone: "partly done: some failed, and are named"
        case .damageFound: "damage found"
        case .notRestorable:
            "not restorable: a hole in the log, keys that were destroyed on purpose, or removed by retention"
        case .notFound: "no such store, vault, table, item or recovery point"
        case .lockedByAnother: "another process holds what is needed"
        case .wrongKey: "a key, passphrase or kit is wrong or cannot be used"
        case .configurationInvalid: "the configuration, a job or a schedule file is invalid or missing"
        case .refused: "refused: something exists already, or a policy, hold, lock or clock forbids it"
        }
    }
}
