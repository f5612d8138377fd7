// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import VarveTestKit

/// A file of the clone, with its path from the top.
struct SourceFile: Sendable {
    let path: String
    let text: String
    /// The text line by line.
    let lines: [Substring]
    /// The same lines with comments and the insides of strings blanked out: what the compiler sees.
    let code: [Substring]

    init(path: String, text: String) {
        self.path = path
        self.text = text
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        code = Self.withoutCommentsAndStrings(text).split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// `Sources/VarveSeal/Message.swift` is of `VarveSeal`.
    var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    /// All files of a folder of the clone with one of these endings, or a single file.
    static func all(under folder: String, ending extensions: Set<String>) throws -> [SourceFile] {
        let top = Checkout.root
        guard let walker = FileManager.default.enumerator(atPath: top.appending(folder).string) else { return [] }
        var files: [SourceFile] = []
        for case let name as String in walker {
            guard let last = FilePath(name).lastComponent, extensions.contains(last.extension ?? "") else { continue }
            files.append(try one("\(folder)/\(name)"))
        }
        return files.sorted { $0.path < $1.path }
    }

    static func one(_ path: String) throws -> SourceFile {
        let url = URL(fileURLWithPath: Checkout.root.pushing(FilePath(path)).string)
        return SourceFile(path: path, text: String(decoding: try Data(contentsOf: url), as: UTF8.self))
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: Checkout.root.pushing(FilePath(path)).string)
    }

    /// The length of a name in backticks that is a sentence, as tests have; nil for anything else.
    private static func sentence(at index: Int, in bytes: [UInt8]) -> Int? {
        guard bytes[index] == UInt8(ascii: "`") else { return nil }
        let name = bytes[(index + 1)...].prefix { $0 != UInt8(ascii: "`") && $0 != UInt8(ascii: "\n") }
        return name.contains(UInt8(ascii: " ")) ? name.count + 2 : nil
    }

    /// Swift's comments (nested ones too) and string literals (raw and of several lines too), each replaced by blanks; line breaks stay. An
    /// interpolation counts as a part of its string. A name that is a sentence goes too.
    static func withoutCommentsAndStrings(_ text: String) -> String {
        enum State {
            case code
            case lineComment
            case blockComment(depth: Int)
            case string(end: [UInt8], escape: [UInt8])
        }
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        var state = State.code
        var index = 0

        func begins(_ word: [UInt8]) -> Bool { bytes[index...].starts(with: word) }
        /// Copies code; blanks everything else except line breaks.
        func take(_ count: Int, blank: Bool) {
            for byte in bytes[index..<min(index + count, bytes.count)] {
                out.append(blank && byte != UInt8(ascii: "\n") ? UInt8(ascii: " ") : byte)
            }
            index += count
        }

        while index < bytes.count {
            switch state {
            case .code:
                let hashes = bytes[index...].prefix { $0 == UInt8(ascii: "#") }.count
                let quotes = bytes[(index + hashes)...].prefix { $0 == UInt8(ascii: "\"") }.count
                if begins(Array("//".utf8)) {
                    state = .lineComment
                    take(2, blank: true)
                } else if begins(Array("/*".utf8)) {
                    state = .blockComment(depth: 1)
                    take(2, blank: true)
                } else if quotes > 0 {
                    let width = quotes >= 3 ? 3 : 1
                    let fence = [UInt8](repeating: UInt8(ascii: "#"), count: hashes)
                    state = .string(
                        end: [UInt8](repeating: UInt8(ascii: "\""), count: width) + fence,
                        escape: [UInt8(ascii: "\\")] + fence)
                    take(hashes + width, blank: true)
                } else if let name = sentence(at: index, in: bytes) {
                    take(name, blank: true)
                } else {
                    take(max(1, hashes), blank: false)
                }
            case .lineComment:
                if bytes[index] == UInt8(ascii: "\n") { state = .code }
                take(1, blank: true)
            case .blockComment(let depth):
                if begins(Array("/*".utf8)) {
                    state = .blockComment(depth: depth + 1)
                    take(2, blank: true)
                } else if begins(Array("*/".utf8)) {
                    state = depth == 1 ? .code : .blockComment(depth: depth - 1)
                    take(2, blank: true)
                } else {
                    take(1, blank: true)
                }
            case .string(let end, let escape):
                if begins(escape) {
                    take(escape.count + 1, blank: true)
                } else if begins(end) {
                    state = .code
                    take(end.count, blank: true)
                } else {
                    take(1, blank: true)
                }
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}

/// What a rule found.
struct Finding: Hashable, Sendable, CustomStringConvertible {
    let path: String
    let line: Int
    let message: String

    var description: String { "\(path):\(line): \(message)" }
}
