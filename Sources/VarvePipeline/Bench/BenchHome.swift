// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import SystemPackage
import VarveKeys
import VarveModel
import VarveStore
import VarveVault

/// A key store, a store and a vault of their own, in a folder that goes with the measurement.
struct BenchHome {
    static let table = "Bench"

    let folder: FilePath
    let keys: KeyStore
    let store: EmbeddedStore
    let vault: Vault

    init(in folder: FilePath) throws {
        self.folder = folder
        try Self.make(folder)
        let protection = try KeyProtection.createRootKeyFile(at: folder.appending("root.key"))
        keys = try KeyStore.create(at: folder.appending("keys.json"), protection: protection)
        store = try EmbeddedStore.create(at: folder.appending("store"), keys: keys)
        let directory = folder.appending("vault")
        try Self.make(directory)
        vault = try Vault.create(DirectoryStorage(directory), tool: "bench")
    }

    private static func make(_ folder: FilePath) throws {
        guard mkdir(folder.string, 0o700) == 0 else {
            throw PipelineError(.noScratch, "The folder '\(folder)' cannot be made: \(Errno(rawValue: errno)).")
        }
    }

    func archive(workers: Int) -> ArchiveSettings {
        ArchiveSettings(
            vault: vault, keys: keys, wrappingKey: "owned", compressionLevel: DataFile.levelDefault, workers: workers,
            commits: CommitRecord(folder.appending("commits.log")), tool: "bench")
    }

    /// Runs `body` with an empty store that goes with the call.
    func withScratchStore<Result>(_ body: (EmbeddedStore) throws -> Result) throws -> Result {
        let path = folder.appending("scratch-store")
        defer { try? FileManager.default.removeItem(atPath: path.string) }
        let store = try EmbeddedStore.create(at: path, keys: keys)
        defer { store.close() }
        return try body(store)
    }

    // MARK: Room

    /// What the folder needs for a table of that many items: it lies there twice, and once as a snapshot; logs and sorting come on top.
    static func bytesNeeded(items: Int) -> Int { items * 2800 + (256 << 20) }

    /// Throws unless there is room for `items`.
    static func requireRoom(items: Int, in folder: FilePath) throws {
        var status = statvfs()
        guard statvfs(folder.string, &status) == 0 else {
            throw PipelineError(
                .noScratch, "The file system of '\(folder)' does not tell its room: \(Errno(rawValue: errno)).")
        }
        let free = Int(status.f_bavail) * Int(status.f_frsize)
        guard free >= bytesNeeded(items: items) else {
            throw PipelineError(
                .noScratch,
                "Measuring with \(items) items needs about \(bytesNeeded(items: items) >> 20) MiB in '\(folder)', which has \(free >> 20) MiB "
                    + "left. Take fewer items or another folder.")
        }
    }
}
