// SPDX-License-Identifier: Apache-2.0

/// The manual page in the macros of man(7).
struct ManualPage {
    private(set) var text = ""

    init(_ command: CommandDescription) {
        line(".\\\" Made by 'varve manual' from the descriptions of its commands; change those.")
        line(".TH VARVE 1 \"\" \"Varve \(Varve.version)\" \"User Commands\"")
        section("NAME")
        line("varve \\- \(Self.escaped(lowercasedFirst(command.abstract ?? "")))")
        section("SYNOPSIS")
        line(".B varve")
        line(".I command")
        line("[\\fB\\-\\-config\\fR \\fIfile\\fR] [\\fB\\-\\-json\\fR] [\\fIoptions\\fR] [\\fIarguments\\fR]")
        section("DESCRIPTION")
        block(command.discussion ?? "")
        section("OPTIONS OF EVERY COMMAND")
        for argument in command.verbs.first?.arguments ?? []
        where (argument.names ?? []).contains(where: { ["help", "version", "config", "json"].contains($0.name) }) {
            item(argument)
        }
        section("COMMANDS")
        for verb in command.verbs { describe(verb, path: "varve") }
        section("EXIT STATUS")
        for status in ExitStatus.allCases {
            line(".TP")
            line(".B \(status.rawValue)")
            line(Self.escaped(status.meaning))
        }
        line(".TP")
        line(".B 128 + N")
        line("ended by signal N, after taking back what was begun")
        section("FILES")
        for (name, meaning) in [
            ("varve.yaml", "the configuration: --config, else here, ~/.config/varve, /etc/varve"),
            ("Jobs/*.yaml, Schedules/*.yaml", "jobs and when they run, beside it"),
            (".varve/", "key store, store, vault and state, as 'varve init' makes them"),
        ] {
            line(".TP")
            line(".I \(Self.escaped(name))")
            line(Self.escaped(meaning))
        }
    }

    private mutating func describe(_ verb: CommandDescription, path: String) {
        let path = path + " " + verb.commandName
        guard verb.verbs.isEmpty else {
            for sub in verb.verbs { describe(sub, path: path) }
            return
        }
        line(".SS \(Self.escaped(path))")
        line(".B \(Self.escaped(path))")
        line(Self.escaped(verb.ownArguments.map(\.synopsis).joined(separator: " ")))
        line(".PP")
        line(Self.escaped(verb.abstract ?? ""))
        for argument in verb.ownArguments { item(argument) }
        if let discussion = verb.discussion, !discussion.isEmpty {
            line(".PP")
            block(discussion)
        }
    }

    private mutating func item(_ argument: CommandDescription.Argument) {
        line(".TP")
        line(".B \(Self.escaped(argument.spelling))")
        let standard = argument.defaultValue.map { " (default: \($0))" } ?? ""
        line(Self.escaped((argument.abstract ?? "") + standard))
    }

    /// Paragraphs are filled; indented lines, examples and tables, stay as they are.
    private mutating func block(_ text: String) {
        var isFilling = true
        for part in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let fills = !part.hasPrefix(" ")
            if fills != isFilling { line(fills ? ".fi" : ".nf") }
            isFilling = fills
            line(part.isEmpty ? ".PP" : Self.escaped(String(part)))
        }
        if !isFilling { line(".fi") }
    }

    private mutating func section(_ name: String) { line(".SH \(name)") }

    private mutating func line(_ line: String) { text += line + "\n" }

    private func lowercasedFirst(_ text: String) -> String { text.prefix(1).lowercased() + text.dropFirst() }

    /// A backslash, a minus and a control character at a line's beginning mean something to roff.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\e"
            case "-": escaped += "\\-"
            default: escaped.append(character)
            }
        }
        return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
    }
}
