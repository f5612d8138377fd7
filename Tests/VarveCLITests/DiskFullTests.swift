// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import SystemPackage
import Testing
import VarveTestKit

extension Torture {
    /// The disk fills up at a random byte of a backup, a sweep and a key change: a clear error, nothing lost, and the next run succeeds once there is room.
    ///
    /// The whole home lies on a small file system in memory, which only root may mount; `VARVE_FULL_DISKS` says how many times for each change (5).
    struct DiskFullTests {
        private static let diskBytes = 128 << 20
        private static let trials = Torture.count("VARVE_FULL_DISKS", default: 5)

        @Test(.timeLimit(.minutes(60)), arguments: DiskChange.allCases)
        func aFullDiskLosesNothing(_ change: DiskChange) throws {
            var random = SeededGenerator("aFullDiskLosesNothing(\(change))")
            let folder = try TemporaryFolder()
            guard geteuid() == 0 else { try Test.cancel("Only root may mount a file system in memory.") }
            let mount = try ChildProcess.run(
                "mount", ["-t", "tmpfs", "-o", "size=\(Self.diskBytes)", "tmpfs", folder.path.string])
            guard mount.exitCode == 0 else { try Test.cancel("This root may not mount: \(mount.errorText)") }
            defer { _ = try? ChildProcess.run("umount", [folder.path.string]) }

            let home = folder.appending("home")
            try change.makeHome(home, &random)
            let pristine = folder.appending("pristine")
            try DamageHome.copy(home, to: pristine)

            try Self.mirror(home, in: folder)
            let before = try Self.free(folder.path)
            let whole = try change.run { try KillCommands(home).run($0) }
            try #require(whole.exitCode == 0, "\(whole)")
            let needed = before - (try Self.free(folder.path))
            try #require(needed > 100_000)
            var fired = 0
            // Where nothing failed, other files were let go first: there was room enough.
            for _ in 0..<Self.trials * 2 where fired < Self.trials {
                try FileManager.default.removeItem(atPath: home.string)
                try DamageHome.copy(pristine, to: home)
                try Self.mirror(home, in: folder)
                let room = Int.random(in: 0..<needed, using: &random)
                fired += try trial(change, home: home, disk: folder.path, room: room) ? 1 : 0
            }
            print("\(change) needs \(needed) bytes; the disk was full in \(fired) runs.")
            #expect(fired == Self.trials)
        }

        /// A second name for every key file, as a mirror of hard links has it: what a rewrap takes away frees nothing, so that it needs room from its
        /// first recovery point to its last.
        private static func mirror(_ home: FilePath, in folder: TemporaryFolder) throws {
            let mirror = folder.appending("mirror").string
            try? FileManager.default.removeItem(atPath: mirror)
            let keys = home.appending(DamageHome.vaultFolder).appending("keys")
            let result = try ChildProcess.run("cp", ["-al", keys.string, mirror])
            try #require(result.exitCode == 0, "\(result)")
        }

        /// Whether the disk was full before the change had ended.
        private func trial(_ change: DiskChange, home: FilePath, disk: FilePath, room: Int) throws -> Bool {
            let aftermath = try DiskAftermath(change, home)
            let filler = disk.appending("filler")
            try Self.fill(filler, try Self.free(disk) - room)
            let run = try change.run { try KillCommands(home).run($0) }
            try FileManager.default.removeItem(atPath: filler.string)
            if run.exitCode == 0 { return false }
            let what: Comment = "\(change) with \(room) bytes of room: \(run)"
            guard case .exit = run.ending else {
                Issue.record(what)
                return true
            }
            let isNamed = [
                "No space is left to ", "The disk that holds the store is full", "No space left on device",
            ].contains { run.errorText.contains($0) }
            #expect(isNamed, what)
            try aftermath.check(what)
            return true
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
