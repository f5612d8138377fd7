// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarveTestKit
import VarveVault

/// Runs the very commands that every vault's README.txt prints.
@Suite struct VaultReadmeTests {
    /// The commands between the lines of three backquotes.
    static var blocks: [String] {
        let parts = VaultReadme.text.components(separatedBy: "\n```\n")
        return stride(from: 1, to: parts.count, by: 2).map { parts[$0] }
    }

    @Test func `the README's first commands install what the tests have installed`() throws {
        #expect(Self.blocks.count == 4)
        #expect(Self.blocks[0].contains("aws-encryption-sdk[MPL]==4.0.7"))
        let installed = try Tamper.read(Checkout.root.appending(".ci/python-environment"))
        #expect(String(decoding: installed, as: UTF8.self).contains("aws-encryption-sdk[MPL]==4.0.7"))
        #expect(VaultReadme.text.split(separator: "\n").allSatisfy { $0.count <= 125 })
    }

    @Test(arguments: ["exported key", "recovery kit"])
    func `a snapshot opens by the README's commands`(secret: String) throws {
        let python: FilePath
        do {
            python = try PythonEnvironment.interpreter()
        } catch let error as TestKitError {
            try Test.cancel("\(error)")
        }
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let protection = KeyProtection.rootKey(SecretBytes([UInt8](repeating: 3, count: 32)))
        let store = try KeyStore.create(at: folder.appending("keys"), protection: protection)
        let writer = try SnapshotWriter(
            vault,
            .init(
                kind: .snapshot, table: Samples.table, description: Samples.description, wrappingKey: "managed",
                tool: "t"),
            keys: store, record: nil)
        for part in 0..<2 {
            let bundle = try writer.bundle()
            try bundle.add(try Samples.dataFile((part * 100)..<(part * 100 + 100)))
            try bundle.finish()
        }
        let reader = try writer.commit(consistency: Samples.consistency(writer.started))

        if secret == "recovery kit" {
            try store.recoveryKit(vaults: [vault.id]).save(at: folder.appending("secret.json"))
        } else {
            try folder.write("secret.json", try JSONEncoder().encode(reader.exportedKey()))
        }
        let work = folder.appending("work")
        try FileManager.default.createDirectory(atPath: work.string, withIntermediateDirectories: true)
        // What the first block makes is there already.
        try FileManager.default.createSymbolicLink(
            atPath: work.appending("varve-open").string,
            withDestinationPath: python.removingLastComponent().removingLastComponent().string)
        let script = (["set -e"] + Self.blocks.dropFirst()).joined(separator: "\n")
        let result = try ChildProcess.run(
            "bash", ["-c", script], in: work,
            environment: [
                "VAULT": folder.appending("vault").string, "SNAPSHOT": reader.manifest.folder,
                "SECRET": folder.appending("secret.json").string,
            ])
        try #require(result.exitCode == 0, "\(result.errorText)")
        let lines = try Tamper.read(work.appending("items.jsonl")).split(separator: 0x0A).map { Array($0) + [0x0A] }
        #expect(lines.sorted { $0.lexicographicallyPrecedes($1) } == Samples.expectedLines(0..<200))

        // A bundle that was damaged is named, and nothing of it is left over for use.
        let bundle = vault.file(reader.manifest.folder + "000001.tar.esdk")
        var bytes = try Tamper.read(bundle)
        bytes[bytes.count / 2] ^= 1
        try Tamper.write(bundle, bytes)
        try FileManager.default.removeItem(atPath: work.appending("opened").string)
        let refused = try ChildProcess.run(
            "bash", ["-c", script], in: work,
            environment: [
                "VAULT": folder.appending("vault").string, "SNAPSHOT": reader.manifest.folder,
                "SECRET": folder.appending("secret.json").string,
            ])
        #expect(refused.exitCode != 0)
        #expect(refused.errorText.contains("000001.tar.esdk is damaged"))
    }
}
