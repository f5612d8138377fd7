// SPDX-License-Identifier: Apache-2.0

import Foundation
import VarveTestKit

/// The rules that no compiler keeps. Each takes text and returns what it found, so that it can be shown bad text too.
enum Rules {
    /// A file longer than this holds several things. The few that are one format or one state machine stay below it too.
    static let linesMax = 600

    // MARK: Who may import whom

    static func imports(_ file: SourceFile, room: Room) -> [Finding] {
        file.code.enumerated().compactMap { number, line in
            guard let module = importedModule(line), module != room.name, !room.mayImport(module) else { return nil }
            return Finding(
                path: file.path, line: number + 1,
                message: "\(room.name) may not import \(module); the table in Rooms.swift says what it may.")
        }
    }

    /// The module of an import, with whatever may stand around it: attributes, an access level, the kind of a single declaration.
    static func importedModule(_ line: Substring) -> String? {
        var words = line.split(whereSeparator: { " \t;".contains($0) }).map(String.init)
        let leading: Set<String> = ["public", "package", "internal", "fileprivate", "private"]
        while let first = words.first, first.hasPrefix("@") || leading.contains(first) { words.removeFirst() }
        guard words.count >= 2, words[0] == "import" else { return nil }
        let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias", "actor"]
        let name = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
        return name.split(separator: ".").first.map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "`")) }
    }

    /// A system-library target includes its library's own headers, and C's.
    static func includes(_ file: SourceFile, headers: [String]) -> [Finding] {
        file.lines.enumerated().compactMap { number, line in
            let words = line.split(separator: " ")
            guard words.first == "#include", words.count > 1 else { return nil }
            let header = words[1].trimmingCharacters(in: CharacterSet(charactersIn: "<>\""))
            guard !headers.contains(where: { header.hasPrefix($0) }) else { return nil }
            return Finding(
                path: file.path, line: number + 1, message: "'\(header)' is no header of this room's library.")
        }
    }

    // MARK: Files

    static func licence(_ file: SourceFile) -> [Finding] {
        // A manifest's first line is taken by the tools version.
        let first = file.lines.first { !$0.hasPrefix("// swift-tools-version") && !$0.hasPrefix("#!") } ?? ""
        guard !first.contains("SPDX-License-Identifier: Apache-2.0") else { return [] }
        return [
            Finding(
                path: file.path, line: 1, message: "The licence line is missing: SPDX-License-Identifier: Apache-2.0.")
        ]
    }

    static func length(_ file: SourceFile) -> [Finding] {
        guard file.lines.count > linesMax else { return [] }
        return [
            Finding(
                path: file.path, line: linesMax, message: "\(file.lines.count) lines; a file has at most \(linesMax).")
        ]
    }

    static func tabs(_ file: SourceFile) -> [Finding] {
        file.lines.enumerated().compactMap { number, line in
            line.contains("\t")
                ? Finding(path: file.path, line: number + 1, message: "A tab; four spaces are the rule.") : nil
        }
    }

    // MARK: Words

    /// Ways to stop the whole program on something that could be an error.
    static func stops(_ file: SourceFile) -> [Finding] {
        words(file.code, file, [#"\btry!"#, #"\bfatalError\("#, #"\bas!"#]) {
            "'\($0)' stops the program; throw an error, or prove by a precondition that it cannot be."
        }
    }

    /// Work left undone, in comments too.
    static func leftovers(_ file: SourceFile) -> [Finding] {
        words(file.lines, file, ["\\b" + "TO" + "DO\\b", "\\b" + "FIX" + "ME\\b", "\\b" + "XX" + "X\\b"]) {
            "'\($0)' is work left undone; do it or file it."
        }
    }

    static func access(_ file: SourceFile) -> [Finding] {
        words(file.code, file, [#"(^|\s)(public|open)\s+(\w|@)"#]) { _ in
            "Wider than 'package', the widest access that is written here."
        }
    }

    private static func words(
        _ lines: [Substring], _ file: SourceFile, _ patterns: [String], _ message: (Substring) -> String
    ) -> [Finding] {
        lines.enumerated().flatMap { number, line in
            patterns.compactMap { pattern in
                line.range(of: pattern, options: .regularExpression).map {
                    Finding(path: file.path, line: number + 1, message: message(line[$0]))
                }
            }
        }
    }

    // MARK: The package's targets

    /// The targets that a manifest declares and that live in `Sources`.
    static func targets(ofManifest text: String) -> Set<String> {
        let pattern = #"(room|\.systemLibrary|\.executableTarget|\.target)\(\s*(name:\s*)?"([A-Za-z]+)"[^()]*"#
        guard let expression = try? NSRegularExpression(pattern: pattern) else { return [] }
        let whole = NSRange(text.startIndex..., in: text)
        var names: Set<String> = []
        for match in expression.matches(in: text, range: whole) {
            guard let name = Range(match.range(at: 3), in: text), let call = Range(match.range, in: text) else {
                continue
            }
            if !text[call].contains("path: \"Tests/") { names.insert(String(text[name])) }
        }
        return names
    }

    // MARK: Links

    /// Links to the documentation that lead nowhere: `Documentation/Formats.md#envelope` in any text, and `[text](path)` in Markdown.
    ///
    /// - Parameters:
    ///   - exists: whether a path from the top of the clone is there.
    ///   - read: its text.
    static func links(
        _ file: SourceFile, exists: (String) -> Bool, read: (String) -> String
    ) -> [Finding] {
        file.lines.enumerated().flatMap { number, line -> [Finding] in
            targets(ofLinksIn: String(line), of: file.path).compactMap { target in
                let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                let path = parts[0].isEmpty ? file.path : String(parts[0])
                guard exists(path) else {
                    return Finding(path: file.path, line: number + 1, message: "'\(path)' is not there.")
                }
                guard parts.count == 2, !anchors(in: read(path)).contains(String(parts[1])) else { return nil }
                return Finding(path: file.path, line: number + 1, message: "'\(path)' has no heading '#\(parts[1])'.")
            }
        }
    }

    private static func targets(ofLinksIn line: String, of path: String) -> [String] {
        var found: [String] = []
        for match in matches(#"(?<![A-Za-z0-9_./-])Documentation/[A-Za-z0-9_./-]*\.md(#[A-Za-z0-9_-]+)?"#, in: line) {
            found.append(match)
        }
        if path.hasSuffix(".md") {
            let folder = path.split(separator: "/").dropLast().joined(separator: "/")
            for match in matches(#"\]\([^)\s]+\)"#, in: line) {
                let target = String(match.dropFirst(2).dropLast())
                guard !target.contains("://"), !target.hasPrefix("mailto:") else { continue }
                found.append(target.hasPrefix("#") || folder.isEmpty ? target : folder + "/" + target)
            }
        }
        return found.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    private static func matches(_ pattern: String, in line: String) -> [String] {
        guard let expression = try? NSRegularExpression(pattern: pattern) else { return [] }
        return expression.matches(in: line, range: NSRange(line.startIndex..., in: line)).compactMap {
            Range($0.range, in: line).map { String(line[$0]) }
        }
    }

    /// The anchors that Markdown renderers give to headings: lower case, blanks become hyphens, punctuation goes.
    static func anchors(in markdown: String) -> Set<String> {
        Set(
            markdown.split(separator: "\n").filter { $0.hasPrefix("#") }.map { heading in
                String(
                    heading.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased().compactMap {
                        character in
                        character == " "
                            ? "-"
                            : character.isLetter || character.isNumber || "-_".contains(character) ? character : nil
                    })
            })
    }
}
