// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials

/// The whole command as the argument parser describes it: what the manual page is made from.
///
/// The fields are those of the parser's own description, serialization version 0.
struct CommandDescription: Decodable {
    struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String
        }

        /// `positional`, `option` or `flag`.
        let kind: String
        let shouldDisplay: Bool
        let isOptional: Bool
        let isRepeating: Bool
        let names: [Name]?
        let valueName: String?
        let defaultValue: String?
        let abstract: String?
    }

    let commandName: String
    let abstract: String?
    let discussion: String?
    let shouldDisplay: Bool
    let subcommands: [CommandDescription]?
    let arguments: [Argument]?

    private struct Dump: Decodable {
        let command: CommandDescription
    }

    /// Describes `varve` with all its verbs; `help`, which is the parser's own, left out.
    static func varve() throws -> CommandDescription {
        try JSONDecoder().decode(Dump.self, from: Data(Varve._dumpHelp().utf8)).command
    }

    /// The verbs below, in the order in which help lists them.
    var verbs: [CommandDescription] { (subcommands ?? []).filter { $0.shouldDisplay && $0.commandName != "help" } }

    /// What is given on the command line; the options that every verb has aside.
    var ownArguments: [Argument] {
        (arguments ?? []).filter { argument in
            argument.shouldDisplay
                && !(argument.names ?? []).contains { ["help", "version", "config", "json"].contains($0.name) }
        }
    }
}

extension CommandDescription.Argument {
    /// `--level <level>`, `-h`, `<table>`.
    var spelling: String {
        let value = "<\(valueName ?? "value")>"
        guard kind != "positional" else { return value }
        let spelled = (names ?? []).map { ($0.kind == "short" ? "-" : "--") + $0.name }.joined(separator: ", ")
        return kind == "flag" ? spelled : spelled + " " + value
    }

    /// As a synopsis has it.
    var synopsis: String {
        let repeated = spelling + (isRepeating ? " ..." : "")
        return isOptional ? "[\(repeated)]" : repeated
    }
}
