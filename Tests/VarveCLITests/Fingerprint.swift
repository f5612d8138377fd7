// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage

/// What is below a folder: every file's path, mode and content. Equal fingerprints: nothing has changed.
struct Fingerprint: Hashable {
    private let entries: [String: Entry]

    private struct Entry: Hashable {
        let type: String
        let mode: Int
        let content: Data
    }

    /// - Parameter ignored: whether the entry at a path (from the folder) does not count.
    init(of folder: FilePath, ignoring ignored: (String) -> Bool = { _ in false }) throws {
        let files = FileManager.default
        var entries: [String: Entry] = [:]
        let all = files.enumerator(atPath: folder.string)
        while let name = all?.nextObject() as? String {
            if ignored(name) { continue }
            let path = folder.appending(name).string
            let attributes = try files.attributesOfItem(atPath: path)
            let type = attributes[.type] as? FileAttributeType ?? .typeUnknown
            let content: Data =
                switch type {
                case .typeRegular: try Data(contentsOf: URL(fileURLWithPath: path))
                case .typeSymbolicLink: Data(try files.destinationOfSymbolicLink(atPath: path).utf8)
                default: Data()
                }
            entries[name] = Entry(
                type: type.rawValue, mode: attributes[.posixPermissions] as? Int ?? -1, content: content)
        }
        self.entries = entries
    }

    /// The paths at which two fingerprints differ.
    func differences(from other: Fingerprint) -> [String] {
        Set(entries.keys).union(other.entries.keys).filter { entries[$0] != other.entries[$0] }.sorted()
    }
}
