// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// Reads files that people write: bounded, and as text.
enum ConfigFile {
    static func text(of file: FilePath) throws(ConfigError) -> String {
        let bytes: [UInt8]
        do {
            bytes = try read(file)
        } catch Errno.noSuchFileOrDirectory {
            throw ConfigError(.notFound, "There is no such file.").in(file)
        } catch {
            throw ConfigError(.unreadable, "The file cannot be read: \(error).", cause: error).in(file)
        }
        guard bytes.count <= YAMLNode.fileBytesMax else {
            throw ConfigError(
                .unreadable,
                "The file is larger than \(ByteCount(bytes: Int64(YAMLNode.fileBytesMax))), so it is no configuration."
            ).in(file)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let line = 1 + String(decoding: bytes, as: UTF8.self).prefix { $0 != "\u{FFFD}" }.count(where: \.isNewline)
            throw ConfigError(.unreadable, "The file is no UTF-8 text.").at(Place(line: line, column: 1)).in(file)
        }
        return text
    }

    /// All of it, or one byte more than is allowed.
    private static func read(_ file: FilePath) throws -> [UInt8] {
        let descriptor = try FileDescriptor.open(file, .readOnly)
        return try descriptor.closeAfter {
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while bytes.count <= YAMLNode.fileBytesMax {
                let count = try chunk.withUnsafeMutableBytes { try descriptor.read(into: $0) }
                if count == 0 { break }
                bytes.append(contentsOf: chunk[..<count])
            }
            return bytes
        }
    }
}
