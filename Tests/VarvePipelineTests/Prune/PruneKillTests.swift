// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveTestKit
import VarveVault

/// A prune that ends at any call of the operating system leaves every recovery point either whole or on record as removed.
@Suite struct PruneKillTests {
    /// A disk that does nothing any more from one change on, as for a process that was killed.
    private final class Ending: Sendable {
        private static let changes: Set<FilePoint> = [
            .openTemporary, .write, .sync, .link, .syncFolder, .unlink, .makeFolder, .rename,
        ]
        private let state = Mutex<(calls: Int, end: Int)>((0, .max))

        var calls: Int { state.withLock { $0.calls } }
        func end(at call: Int) { state.withLock { $0 = (0, call) } }

        func point(_ point: FilePoint) -> Errno? {
            state.withLock { state in
                defer { state.calls += Self.changes.contains(point) ? 1 : 0 }
                return state.calls >= state.end ? .ioError : nil
            }
        }
    }

    private static let policy = RetentionPolicy(keepLast: 1, pointInTime: .seconds(86_400))

    /// What a vault looks like when nothing came in between.
    private struct Expected {
        let kept: [String]
        let objects: Set<String>
        let begins: Instant
        let through: Instant
    }

    private static func bytesAndKeys(_ objects: Set<String>) -> Set<String> {
        objects.filter { !$0.hasPrefix("tombstones/") }
    }

    @Test(.timeLimit(.minutes(30)), arguments: [Duration.zero, .seconds(86_400)])
    func `a kill at any call leaves all that is kept, and the next run finishes`(grace: Duration) throws {
        let prune = try PruneHome(days: 4)
        let before = try prune.snapshots()
        if grace > .zero {
            // The first step is done; the bytes are due.
            try prune.run(Self.policy)
            prune.home.clock.advance(seconds: PruneHome.day + 60)
        }
        let expected = try Self.undisturbed(prune, grace)
        let ending = Ending()
        var call = 0
        var steps: [Int: Int] = [:]
        while true {
            let (folder, vault) = try prune.copy {
                try Vault.open(try DirectoryStorage($0, failpoint: { ending.point($0) }))
            }
            ending.end(at: call)
            let error = refusal { try prune.run(Self.policy, grace: grace, in: vault) }
            let wasReached = ending.calls > call
            ending.end(at: .max)
            try Self.look(prune, folder, grace, expected, before: before, "killed at call \(call)", &steps)
            if !wasReached {
                #expect(error == nil)
                break
            }
            call += 1
        }
        print(
            "\(call) calls with a grace period of \(grace); records and objects left: \(steps.sorted { $0.key < $1.key })"
        )
        #expect(call > 60)
    }

    private static func undisturbed(_ prune: PruneHome, _ grace: Duration) throws -> Expected {
        let (folder, vault) = try prune.copy { try Vault.open(try DirectoryStorage($0)) }
        try prune.run(policy, grace: grace, in: vault)
        let coverage = try prune.coverage(vault)
        let interval = try #require(coverage.intervals.last)
        let objects = try bytesAndKeys(prune.objects(vault))
        #expect(try prune.problems(vault) == [] && objects.count < bytesAndKeys(prune.objects()).count)
        defer { withExtendedLifetime(folder) {} }
        return Expected(
            kept: try prune.snapshots(vault), objects: objects, begins: interval.from, through: interval.through)
    }

    /// As another process finds it, later: the lease of the one that was killed has ended.
    private static func look(
        _ prune: PruneHome, _ folder: TemporaryFolder, _ grace: Duration, _ expected: Expected, before: [String],
        _ context: String, _ steps: inout [Int: Int]
    ) throws {
        let vault = try Vault.open(try DirectoryStorage(folder.appending("vault")))
        for lease in try vault.storage.list("leases/") { try vault.storage.delete(lease.path) }
        let problems = try prune.problems(vault)
        #expect(problems == [], "\(context)")
        let listed = try prune.snapshots(vault)
        #expect(Set(listed).isSuperset(of: expected.kept) && Set(before).isSuperset(of: listed), "\(context)")
        let coverage = try prune.coverage(vault)
        #expect(
            coverage.holes == [] && coverage.contains(expected.begins) && coverage.contains(expected.through),
            "\(context)")
        steps[try prune.objects(vault).count, default: 0] += 1

        try prune.run(policy, grace: grace, in: vault)
        #expect(try bytesAndKeys(prune.objects(vault)) == expected.objects, "\(context)")
        #expect(try prune.problems(vault) == [] && prune.snapshots(vault) == expected.kept, "\(context)")
    }
}
