// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit
import VarveVault

/// What kills leave at instants that are rarely hit, made by hand.
struct KillRecoveryTests {
    private let folder: TemporaryFolder
    private var home: FilePath { folder.path }
    private var vault: FilePath { home.appending(".varve/vault") }
    private var commands: KillCommands { KillCommands(folder.path) }

    init() throws {
        folder = try TemporaryFolder()
        try DamageHome.varve(["init", "."], in: folder.path)
        try DamageHome.varve(["table", "create", "Notes", "--partition-key", "id:S"], in: folder.path)
        try DamageHome.varve(["table", "put", "Notes", #"{"id":{"S":"a"}}"#], in: folder.path)
        try DamageHome.varve(["backup"], in: folder.path)
    }

    private var manifest: (path: String, catalogPath: String) {
        get throws {
            let manifest = try #require(try Catalog.read(try OpenDamageHome(home).vault).entries.last).manifest
            return (manifest.path, manifest.catalogPath)
        }
    }

    private func remove(_ path: String) throws {
        try FileManager.default.removeItem(atPath: vault.appending(path).string)
    }

    @Test func theNextBackupFinishesACommitThatWasCutBetweenItsTwoCopies() throws {
        let manifest = try manifest
        try remove(manifest.catalogPath)
        let record = try OpenDamageHome(home).commits.path
        try Data().write(to: URL(fileURLWithPath: record.string))
        #expect(try commands.verify()?.map(\.object) == [manifest.catalogPath])
        try DamageHome.varve(["backup"], in: home)
        #expect(try commands.verify()?.isEmpty == true)
        #expect(try commands.listed().ids.count == 2)
        #expect(try OpenDamageHome(home).commits.entries().entries.map(\.path).contains(manifest.path))
    }

    @Test func aCopyThatWasThereAndVanishedIsDamageAndStaysOne() throws {
        let manifest = try manifest
        try remove(manifest.catalogPath)
        try DamageHome.varve(["backup"], in: home)
        #expect(try commands.verify()?.map(\.object) == [manifest.catalogPath])
    }

    @Test func aManifestThatDoesNotProveItselfIsNotCopied() throws {
        let manifest = try manifest
        try remove(manifest.catalogPath)
        let opened = try OpenDamageHome(home)
        try Data().write(to: URL(fileURLWithPath: opened.commits.path.string))
        let file = URL(fileURLWithPath: vault.appending(manifest.path).string)
        var bytes = try Array(Data(contentsOf: file))
        bytes[bytes.count / 2] ^= 1
        try Data(bytes).write(to: file)
        try DamageHome.varve(["backup"], in: home)
        #expect(try commands.verify()?.map(\.object) == [manifest.path])
    }

    @Test func aLeaseHoldsAsLongAsItsProcessLives() throws {
        let opened = try OpenDamageHome(home)
        let orphan = "tables/Gone~aaaaaaaaaaaaaaaa/snapshots/20260101T000000Z~aaaaaaaaaaaaaaaa/000001.tar.esdk"
        try folder.write(".varve/vault/\(orphan)", [1, 2, 3])
        let lease = try Lease(
            opened.vault.storage, what: "a test", protects: [String(orphan.prefix { $0 != "~" })])
        let prune = ["prune", "--leftovers", "--grace", "0s"]
        try DamageHome.varve(prune, in: home)
        #expect(FileManager.default.fileExists(atPath: vault.appending(orphan).string))
        lease.release()
        try DamageHome.varve(prune, in: home)
        #expect(!FileManager.default.fileExists(atPath: vault.appending(orphan).string))
    }

    @Test func aVaultWithoutItsIdentityIsToldAsDamage() throws {
        let file = vault.appending("vault.json")
        var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: file.string)))
        bytes[20] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: file.string))
        let damaged = try commands.run(["verify"])
        #expect(damaged.exitCode == 4, "\(damaged)")
        #expect(damaged.outputText.contains("DAMAGED  vault.json  [manifests]"), "\(damaged)")
        try FileManager.default.removeItem(atPath: file.string)
        let missing = try commands.run(["verify"])
        #expect(missing.exitCode == 4, "\(missing)")
        #expect(missing.outputText.contains("DAMAGED  vault.json  [listing]"), "\(missing)")
    }
}
