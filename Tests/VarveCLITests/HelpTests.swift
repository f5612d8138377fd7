// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit

/// What the command says of itself: help that teaches, completion, the manual page.
@Suite struct HelpTests {
    /// One verb as the parser describes it.
    private struct Described {
        let path: [String]
        let abstract: String
        let discussion: String
        /// Long names with their help.
        let options: [String: String]
        let positionals: [String: String]
    }

    private let folder: TemporaryFolder
    private let verbs: [Described]

    init() throws {
        folder = try TemporaryFolder()
        let dump = try ChildProcess.varve("--experimental-dump-help", in: folder.path)
        let whole = try #require(try JSONText.last(dump.output) as? [String: Any], "\(dump)")
        verbs = Self.leaves(try #require(whole["command"] as? [String: Any]), path: [])
    }

    private static func leaves(_ command: [String: Any], path: [String]) -> [Described] {
        let below = (command["subcommands"] as? [[String: Any]] ?? []).filter { $0["commandName"] as? String != "help" }
        if !below.isEmpty {
            return below.flatMap { leaves($0, path: path + [$0["commandName"] as? String ?? ""]) }
        }
        let arguments = command["arguments"] as? [[String: Any]] ?? []
        func help(_ argument: [String: Any]) -> String { argument["abstract"] as? String ?? "" }
        var options: [String: String] = [:]
        var positionals: [String: String] = [:]
        for argument in arguments where argument["shouldDisplay"] as? Bool == true {
            if argument["kind"] as? String == "positional" {
                positionals[argument["valueName"] as? String ?? ""] = help(argument)
            } else {
                for name in argument["names"] as? [[String: Any]] ?? [] where name["kind"] as? String == "long" {
                    options[name["name"] as? String ?? ""] = help(argument)
                }
            }
        }
        return [
            Described(
                path: path, abstract: command["abstract"] as? String ?? "",
                discussion: command["discussion"] as? String ?? "", options: options, positionals: positionals)
        ]
    }

    @Test func `every verb says what it does, shows an example and names its exit codes`() {
        #expect(verbs.count >= 25)
        for verb in verbs {
            let name = verb.path.joined(separator: " ")
            #expect(!verb.abstract.isEmpty, "\(name)")
            #expect(verb.discussion.contains("EXAMPLES:\n  varve \(name)"), "\(name)")
            #expect(verb.discussion.contains("EXIT CODES:\n  0  done"), "\(name)")
            for (option, help) in verb.options { #expect(!help.isEmpty, "\(name) --\(option)") }
            for (argument, help) in verb.positionals { #expect(!help.isEmpty, "\(name) <\(argument)>") }
        }
    }

    @Test func `the options of every example are options of its verb`() throws {
        var seen = 0
        for verb in verbs {
            for line in verb.discussion.split(separator: "\n") where line.hasPrefix("  varve ") {
                let words = line.prefix { $0 != "#" && $0 != "|" && $0 != ">" && $0 != "<" }.split(separator: " ")
                #expect(words.dropFirst().prefix(verb.path.count).map(String.init) == verb.path, "\(line)")
                for word in words where word.hasPrefix("--") {
                    #expect(verb.options[String(word.dropFirst(2))] != nil, "\(line)")
                    seen += 1
                }
            }
        }
        #expect(seen >= 20)
    }

    @Test(arguments: ["bash", "zsh", "fish"]) func `a shell's completion knows every verb`(shell: String) throws {
        let printed = try ChildProcess.varve("completion", shell, in: folder.path)
        #expect(printed.exitCode == 0)
        let script = String(decoding: printed.output, as: UTF8.self)
        for verb in verbs { #expect(script.contains(verb.path[verb.path.count - 1]), "\(verb.path)") }
        if shell == "bash" {
            let file = try folder.write("varve.bash", script)
            #expect(try ChildProcess.run("bash", ["-n", file.string]).exitCode == 0)
        }
    }

    @Test func `the manual page has every verb, option and exit code, and only known macros`() throws {
        let printed = try ChildProcess.varve("manual", in: folder.path)
        #expect(printed.exitCode == 0)
        let page = String(decoding: printed.output, as: UTF8.self)
        let lines = page.split(separator: "\n").map(String.init)
        for verb in verbs {
            let heading = ".SS varve " + verb.path.joined(separator: " ").replacing("-", with: "\\-")
            let begin = try #require(lines.firstIndex(of: heading), "\(heading)")
            let section = lines[(begin + 1)...].prefix { !$0.hasPrefix(".SS") }.joined(separator: "\n")
            for option in verb.options.keys where !["help", "version", "json", "config"].contains(option) {
                #expect(section.contains("\\-\\-" + option.replacing("-", with: "\\-")), "\(verb.path) \(option)")
            }
        }
        let macros = Set(lines.filter { $0.hasPrefix(".") }.map { $0.prefix { $0 != " " } })
        #expect(macros == [".\\\"", ".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".I", ".nf", ".fi"])
        for code in [0, 1, 2, 3, 4, 10, 11, 12, 13, 15] { #expect(lines.contains(".B \(code)"), "\(code)") }
    }
}
