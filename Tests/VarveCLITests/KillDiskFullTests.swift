// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import SystemPackage
import Testing
import VarveTestKit

extension Torture {
    /// The disk fills up at a random byte of a backup and of a sweep: a clear error, nothing lost, and the next run succeeds once there is room.
    ///
    /// The whole home lies on a small file system in memory, which only root may mount; `VARVE_FULL_DISKS` says how many times for each verb (5).
    struct DiskFullTests {
        private static let items = 5_000
        private static let diskBytes = 96 << 20

        @Test(.timeLimit(.minutes(60)), arguments: ["backup", "sweep"])
        func aFullDiskLosesNothing(_ verb: String) throws {
            var random = SeededGenerator("aFullDiskLosesNothing(\(verb))")
            let folder = try TemporaryFolder()
            guard geteuid() == 0 else { try Test.cancel("Only root may mount a file system in memory.") }
            let mount = try ChildProcess.run(
                "mount", ["-t", "tmpfs", "-o", "size=\(Self.diskBytes)", "tmpfs", folder.path.string])
            guard mount.exitCode == 0 else { try Test.cancel("This root may not mount: \(mount.errorText)") }
            defer { _ = try? ChildProcess.run("umount", [folder.path.string]) }

            let home = folder.appending("home")
            try FileManager.default.createDirectory(atPath: home.string, withIntermediateDirectories: false)
            try DamageHome.varve(["init", "."], in: home)
            try DamageHome.varve(["table", "create", "Items", "--partition-key", "id:S", "--ttl", "expires"], in: home)
            try KillHome.load(KillHome.lines(Self.items, &random), into: "Items", in: home)
            try DamageHome.varve(["backup"], in: home)
            let pristine = folder.appending("pristine")
            try DamageHome.copy(home, to: pristine)

            let before = try Self.free(folder.path)
            try DamageHome.varve([verb, "Items"], in: home)
            let needed = before - (try Self.free(folder.path))
            try #require(needed > 100_000)
            var fired = 0
            for _ in 0..<Torture.count("VARVE_FULL_DISKS", default: 5) {
                try FileManager.default.removeItem(atPath: home.string)
                try DamageHome.copy(pristine, to: home)
                let room = Int.random(in: 0..<needed, using: &random)
                fired += try trial(verb, home: home, disk: folder.path, room: room) ? 1 : 0
            }
            print("\(verb) needs \(needed) bytes; the disk was full in \(fired) runs.")
            #expect(fired >= Torture.count("VARVE_FULL_DISKS", default: 5) * 3 / 5)
        }

        /// Whether the disk was full before the run had ended.
        private func trial(_ verb: String, home: FilePath, disk: FilePath, room: Int) throws -> Bool {
            let commands = KillCommands(home)
            let source = try KillItems(store: try KillHome.open(home), table: "Items")
            let listed = try commands.listed().ids
            let filler = disk.appending("filler")
            try Self.fill(filler, try Self.free(disk) - room)
            let run = try commands.run([verb, "Items"])
            try FileManager.default.removeItem(atPath: filler.string)
            if run.exitCode == 0 { return false }
            let what: Comment = "\(verb) with \(room) bytes of room: \(run)"
            guard case .exit = run.ending else {
                Issue.record(what)
                return true
            }
            let isNamed =
                run.errorText.contains("No space is left to ")
                || run.errorText.contains("The disk that holds the store is full")
            #expect(isNamed, what)
            #expect(listed.isSubset(of: try commands.listed().ids), what)
            #expect(try commands.verify()?.isEmpty == true, what)
            try check(home, source, what)
            let next = try commands.run([verb, "Items"])
            #expect(next.exitCode == 0, "\(what)\nthe next run: \(next)")
            #expect(try commands.verify()?.isEmpty == true, what)
            try check(home, source, what)
            return true
        }

        /// Every item is in the table as it was, or in an archive as it was.
        private func check(_ home: FilePath, _ source: KillItems, _ what: Comment) throws {
            let live = Set(source.fingerprints.keys.filter { !KillWriter.hasExpired($0) })
            let state = KillHome.State(store: home, vault: home, record: home, listed: [], objects: [])
            var checks = KillChecks(home, before: state)
            try KillSweepCheck(
                home: home, expected: KillExpectation(items: source, live: live),
                archives: try KillCommands(home).listed().ids
            ).run(&checks)
            #expect(checks.problems.isEmpty, "\(what)\n\(checks.problems)")
        }

        private static func free(_ folder: FilePath) throws -> Int {
            var status = statvfs()
            guard statvfs(folder.string, &status) == 0 else { throw DamageTestError("statvfs: \(errno)") }
            return Int(status.f_bavail) * Int(status.f_frsize)
        }

        private static func fill(_ file: FilePath, _ bytes: Int) throws {
            let descriptor = open(file.string, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw DamageTestError("The filler cannot be made: \(errno)") }
            defer { close(descriptor) }
            let code = bytes > 0 ? posix_fallocate(descriptor, 0, off_t(bytes)) : 0
            guard code == 0 else { throw DamageTestError("The disk cannot be filled: \(code)") }
        }
    }
}
