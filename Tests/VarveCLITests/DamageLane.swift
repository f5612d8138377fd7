// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import VarveKeys
import VarveModel
import VarvePipeline
import VarveSeal
import VarveStore
import VarveTestKit
import VarveVault

/// One copy of the home, in which one damage at a time is done and undone.
final class DamageLane {
    private let folder: TemporaryFolder
    private let pristine: [String: [UInt8]]
    private let opened: OpenDamageHome
    private var restores = 0

    private var home: FilePath { folder.path }
    private var vaultFolder: FilePath { folder.path.appending(DamageHome.vaultFolder) }

    init(_ original: DamageHome, pristine: [String: [UInt8]]) throws {
        folder = try TemporaryFolder(in: original.folder.path.removingLastComponent())
        let copy = try ChildProcess.run("cp", ["-a", original.folder.path.string + "/.", folder.path.string])
        guard copy.exitCode == 0 else { throw DamageTestError("The home could not be copied: \(copy)") }
        self.pristine = pristine
        opened = try OpenDamageHome(folder.path)
    }

    /// All objects of a vault, leases aside.
    static func objects(of home: FilePath) throws -> [String: [UInt8]] {
        let root = home.appending(DamageHome.vaultFolder)
        var objects: [String: [UInt8]] = [:]
        for case let path as String in FileManager.default.enumerator(atPath: root.string) ?? .init() {
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: root.appending(path).string, isDirectory: &isFolder)
            if !exists || isFolder.boolValue || path.hasPrefix(".") || path.hasPrefix("leases/") { continue }
            objects[path] = try Array(Data(contentsOf: URL(fileURLWithPath: root.appending(path).string)))
        }
        return objects
    }

    // MARK: Doing and undoing

    func apply(_ damage: Damage) throws {
        for (path, bytes) in damage.changes { try set(path, bytes) }
    }

    func undo(_ damage: Damage) throws {
        for path in damage.changes.keys { try set(path, pristine[path]) }
    }

    /// Which objects of the pristine vault are not there, the damage's own aside; puts them back.
    func removed(besides damage: Damage) throws -> Set<String> {
        var removed: Set<String> = []
        for (path, bytes) in pristine where damage.changes[path] == nil {
            if !FileManager.default.fileExists(atPath: vaultFolder.appending(path).string) {
                removed.insert(path)
                try set(path, bytes)
            }
        }
        return removed
    }

    private func set(_ path: String, _ bytes: [UInt8]?) throws {
        let file = vaultFolder.appending(path)
        guard let bytes else { return try FileManager.default.removeItem(atPath: file.string) }
        try FileManager.default.createDirectory(
            atPath: file.removingLastComponent().string, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: file.string))
    }

    // MARK: Looking

    struct Verdict: Equatable {
        struct Named: Hashable {
            let object: String
            let level: String
        }
        var exitCode: Int32?
        var named: Set<Named>
    }

    /// What `varve verify --level content` does, in this process.
    func verify(ids: [String] = []) throws -> Verdict {
        let report: VerifyReport
        do {
            let vault = try Vault.open(try DirectoryStorage(vaultFolder))
            report = try VerifyVault(vault: vault, keys: opened.keys, commits: opened.commits, workers: 1)
                .run(ids: ids, depth: .content, progress: Progress(), stop: StopSignal())
        } catch {
            guard let finding = Finding(opening: error) else { throw error }
            report = VerifyReport(finding)
        }
        let levels = ["listing", "manifests", "objects", "content"]
        return Verdict(
            exitCode: Self.exitCode(report.findings),
            named: Set(report.findings.map { .init(object: $0.object, level: levels[$0.level]) }))
    }

    /// As README lists them: damage, unless all that was found is sound and only closed to these keys or this version.
    private static func exitCode(_ findings: [Finding]) -> Int32 {
        if findings.isEmpty { return 0 }
        if findings.allSatisfy({ $0.code == .unreadable }) { return 12 }
        if findings.allSatisfy({ $0.code == .newerFormat }) { return 1 }
        return 4
    }

    /// The same by the command itself.
    func verifyByCommand() throws -> Verdict {
        let result = try ChildProcess.run(
            Checkout.varve, ["verify", "--level", "content", "--json"], in: home, timeLimit: .seconds(60))
        struct Line: Decodable {
            let type: String
            let damaged: [Record]?
            struct Record: Decodable {
                let object: String
                let level: String
            }
        }
        var named: Set<Verdict.Named> = []
        for line in result.output.split(separator: UInt8(ascii: "\n")) {
            let decoded = try JSONDecoder().decode(Line.self, from: Data(line))
            guard decoded.type == "summary" else { continue }
            named = Set((decoded.damaged ?? []).map { .init(object: $0.object, level: $0.level) })
        }
        return Verdict(exitCode: result.exitCode, named: named)
    }

    func pruneByCommand() throws -> ProcessResult {
        try ChildProcess.run(
            Checkout.varve, ["prune", "--leftovers", "--grace", "0s"], in: home, timeLimit: .seconds(60))
    }

    /// Prunes while the home's record of commits is not there.
    func pruneWithoutRecord() throws -> ProcessResult {
        let state = home.appending(".varve/state").string
        let away = state + ".away"
        try FileManager.default.moveItem(atPath: state, toPath: away)
        defer {
            try? FileManager.default.removeItem(atPath: state)
            try? FileManager.default.moveItem(atPath: away, toPath: state)
        }
        return try pruneByCommand()
    }

    // MARK: Restoring

    enum Restored {
        case equal
        /// An error of the house's own, and no table left behind.
        case refused
        case wrong(String)
    }

    /// Restores a recovery point into a new table, as the command line does.
    func restore(_ id: String) throws -> Restored {
        restores += 1
        let name = "Restored\(restores)"
        let result: Restored
        do {
            let vault = try Vault.open(try DirectoryStorage(vaultFolder))
            let point = try RecoveryPoints(vault).find(table: nil, id: id)
            let restored = try RestoreTable(
                vault: vault, keys: opened.keys, workers: 2, scratch: vaultFolder.removingLastComponent()
            ).run(PointInTime(point), as: name, into: opened.store, progress: Progress(), stop: StopSignal())
            result = restored.items == point.manifest.items ? .equal : .wrong("\(restored.items) items")
        } catch is VaultError {
            result = .refused
        } catch is PipelineError {
            result = .refused
        } catch is SealError {
            result = .refused
        } catch is KeyError {
            result = .refused
        } catch {
            result = .wrong("an error without a type of ours: \(error)")
        }
        let isThere = try opened.store.tables().contains { $0.name == name }
        switch result {
        case .equal:
            guard isThere else { return .wrong("a restore that ended well left no table") }
            try opened.store.dropTable(name)
        case .refused, .wrong:
            if isThere { return .wrong("a restore that failed left a table") }
        }
        return result
    }
}

/// A trial that could not be made.
struct DamageTestError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
