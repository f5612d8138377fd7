// SPDX-License-Identifier: Apache-2.0

import Synchronization
import VarveModel
import VarveVault

/// A vault's objects in memory, as a listing and a small read see them. Nothing is written through it.
final class MemoryStorage: VaultStorage {
    let location = "memory"
    let readersMax = 1
    private let objects: [ObjectPath: [UInt8]]
    private static let modified = Instant(microseconds: 0)

    init(_ objects: [ObjectPath: [UInt8]] = [:]) { self.objects = objects }

    func get(_ path: ObjectPath, atMost limit: Int) throws -> [UInt8] {
        guard let bytes = objects[path] else { throw VaultError(.notFound, "'\(path)' is not there.") }
        guard bytes.count <= limit else { throw VaultError(.limitExceeded, "'\(path)' is too long.") }
        return bytes
    }

    func info(_ path: ObjectPath) throws -> ObjectInfo? {
        objects[path].map { ObjectInfo(path: path, bytes: $0.count, modified: Self.modified) }
    }

    func list(_ prefix: String) throws -> [ObjectInfo] {
        objects.filter { $0.key.text.hasPrefix(prefix) }.map {
            ObjectInfo(path: $0.key, bytes: $0.value.count, modified: Self.modified)
        }.sorted { $0.path < $1.path }
    }

    func paths(_ prefix: String) throws -> [ObjectPath] { try list(prefix).map(\.path) }

    func folders(_ folder: String) throws -> [String] {
        let names = objects.keys.compactMap { path -> String? in
            guard path.text.hasPrefix(folder) else { return nil }
            let rest = path.text.dropFirst(folder.count)
            return rest.firstIndex(of: "/").map { String(rest[..<$0]) }
        }
        return Set(names).sorted()
    }

    func writer(_ path: ObjectPath) throws -> any ObjectWriter { throw Self.readOnly }
    func put(_ path: ObjectPath, _ bytes: [UInt8]) throws { throw Self.readOnly }
    func reader(_ path: ObjectPath) throws -> any ObjectReader { throw Self.readOnly }
    func delete(_ path: ObjectPath) throws { throw Self.readOnly }
    func replace(_ path: ObjectPath, _ bytes: [UInt8]) throws { throw Self.readOnly }
    func remains(before instant: Instant) throws -> [StorageRemains] { [] }
    func remove(_ remains: StorageRemains) throws { throw Self.readOnly }

    private static let readOnly = VaultError(.misuse, "A storage in memory is only read.")
}
