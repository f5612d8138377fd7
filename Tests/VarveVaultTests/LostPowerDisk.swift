// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import SystemPackage
import VarveTestKit
import VarveVault

/// What was done to a disk, and what a power loss may leave of it.
///
/// The rules are the weakest that POSIX promises. A file's bytes since its last sync may be there or not, in pieces of 4 KiB, each by itself; a
/// name that was made, moved or taken away since its folder's last sync may be there or not, each by itself. What was synced stays.
final class LostPowerDisk: Sendable {
    private let state = Mutex<[FileEvent]>([])

    /// What a storage or a record of commits writes into.
    var journal: FileJournal { { event in self.state.withLock { $0.append(event) } } }
    var events: [FileEvent] { state.withLock { $0 } }
    var count: Int { state.withLock { $0.count } }

    /// What a disk that lies does not do although it says so.
    enum Lie: CaseIterable {
        /// Files are not synced.
        case files
        /// Folders are not synced after a file was given its name.
        case names
        /// Folders are not synced after a folder was made in them.
        case folders

        /// The events without what the disk did not do.
        func told(_ events: [FileEvent]) -> [FileEvent] {
            var before: FileEvent?
            return events.filter { event in
                defer { before = event }
                switch (self, event, before) {
                case (.files, .sync, _): return false
                case (.names, .syncFolder, .link), (.names, .syncFolder, .rename): return false
                case (.folders, .syncFolder, .makeFolder): return false
                default: return true
                }
            }
        }
    }

    /// Writes to `target` what a power loss after `events` may leave of `source`, which was on the disk before the first of them.
    static func replay(
        _ events: some Sequence<FileEvent>, from source: FilePath, to target: FilePath, _ random: inout SeededGenerator
    ) throws {
        var model = Model()
        try model.load(source)
        for event in events { model.apply(event) }
        try model.crash(&random).write(to: target, under: source)
    }

    private struct File {
        /// Bytes that are on the disk.
        var durable: [UInt8] = []
        /// Writes that may be, oldest first.
        var pending: [(offset: Int, bytes: [UInt8])] = []
    }

    private enum Entry {
        case file(Int)
        case folder
    }

    private struct Model {
        static let pieceBytes = 4096

        var files: [File] = []
        /// By path, as the process sees it.
        var names: [String: Entry] = [:]
        /// By path, as it is on the disk.
        var durable: [String: Entry] = [:]
        /// Names whose making or taking away is not on the disk yet, by folder, oldest first.
        var pending: [String: [(path: String, entry: Entry?)]] = [:]

        mutating func load(_ root: FilePath) throws {
            guard let enumerator = FileManager.default.enumerator(atPath: root.string) else { return }
            for case let name as String in enumerator {
                let path = root.string + "/" + name
                var isFolder: ObjCBool = false
                guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { continue }
                if isFolder.boolValue {
                    durable[path] = .folder
                } else {
                    files.append(File(durable: Array(try Data(contentsOf: URL(fileURLWithPath: path)))))
                    durable[path] = .file(files.count - 1)
                }
            }
            names = durable
        }

        private static func folder(_ path: String) -> String { FilePath(path).removingLastComponent().string }

        private mutating func set(_ path: String, _ entry: Entry?) {
            names[path] = entry
            pending[Self.folder(path), default: []].append((path, entry))
        }

        private func file(_ path: String) -> Int? {
            guard case .file(let number) = names[path] else { return nil }
            return number
        }

        mutating func apply(_ event: FileEvent) {
            switch event {
            case .create(let path):
                files.append(File())
                set(path.string, .file(files.count - 1))
            case .write(let path, let offset, let bytes):
                if let number = file(path.string) { files[number].pending.append((offset, bytes)) }
            case .sync(let path):
                guard let number = file(path.string) else { return }
                for write in files[number].pending {
                    Self.put(write.bytes, at: write.offset, into: &files[number].durable)
                }
                files[number].pending = []
            case .link(let from, let to):
                if let number = file(from.string) { set(to.string, .file(number)) }
            case .rename(let from, let to):
                guard let number = file(from.string) else { return }
                set(to.string, .file(number))
                set(from.string, nil)
            case .unlink(let path), .removeFolder(let path): set(path.string, nil)
            case .makeFolder(let path): set(path.string, .folder)
            case .syncFolder(let path):
                for change in pending.removeValue(forKey: path.string) ?? [] { durable[change.path] = change.entry }
            }
        }

        /// Decides for everything that is not on the disk whether it is.
        mutating func crash(_ random: inout SeededGenerator) -> Model {
            // Nothing, everything, or each by itself.
            let chances: [Double] = [0, 1, 0.5]
            let chance = chances.randomElement(using: &random) ?? 0.5
            func isKept() -> Bool { Double.random(in: 0..<1, using: &random) < chance }
            var after = self
            for folder in pending.keys.sorted() {
                for change in pending[folder] ?? [] where isKept() { after.durable[change.path] = change.entry }
            }
            for number in files.indices {
                for write in files[number].pending {
                    for begin in stride(from: 0, to: write.bytes.count, by: Self.pieceBytes) where isKept() {
                        let piece = Array(write.bytes[begin..<min(begin + Self.pieceBytes, write.bytes.count)])
                        Self.put(piece, at: write.offset + begin, into: &after.files[number].durable)
                    }
                }
            }
            return after
        }

        private static func put(_ bytes: [UInt8], at offset: Int, into file: inout [UInt8]) {
            let end = offset + bytes.count
            if file.count < end { file += [UInt8](repeating: 0, count: end - file.count) }
            file.replaceSubrange(offset..<end, with: bytes)
        }

        /// Makes what is on the disk; what lies in a folder that is not there is lost with it.
        func write(to target: FilePath, under source: FilePath) throws {
            try FileManager.default.createDirectory(atPath: target.string, withIntermediateDirectories: true)
            var folders: Set<String> = [source.string]
            for (path, entry) in durable.sorted(by: { $0.key < $1.key }) where folders.contains(Self.folder(path)) {
                let place = target.string + path.dropFirst(source.string.count)
                switch entry {
                case .folder:
                    folders.insert(path)
                    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
                case .file(let number): try Data(files[number].durable).write(to: URL(fileURLWithPath: place))
                }
            }
        }
    }
}
