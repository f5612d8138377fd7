// SPDX-License-Identifier: Apache-2.0

import Glibc
package import SystemPackage
import VarveModel
import VarveStore
import VarveVault

/// Measures this machine: first whole commands on a table of generated items, then every stage of theirs alone, on one thread.
///
/// Stages are the functions that the commands call, on the very bytes that the commands wrote; only what surrounds them is left out. All of
/// it happens in a scratch folder that is removed at the end, and also when the run is stopped.
package struct MeasureSpeed: Sendable {
    private let items: BenchItems
    private let secondsPerStage: Double
    private let workers: Int

    /// - Parameter secondsPerStage: Each stage runs at least so long, after a pass that warms up.
    package init(items: BenchItems, secondsPerStage: Double, workers: Int) {
        self.items = items
        self.secondsPerStage = secondsPerStage
        self.workers = workers
    }

    /// - Parameters:
    ///   - parent: Where the scratch folder is made.
    ///   - says: What is measured next, for whoever watches.
    package func run(in parent: FilePath, stop: StopSignal, says: (String) -> Void) throws -> SpeedReport {
        try BenchHome.requireRoom(items: items.count, in: parent)
        let folder = try ScratchFolder.make(in: parent)
        let home = try BenchHome(in: folder.path)
        defer { home.store.close() }
        let stages = MeasureStages(home: home, seconds: secondsPerStage, stop: stop)
        says("loading \(items.count) items")
        try stages.load(items, into: home.store, publish: true)
        let (whole, manifest) = try measureWhole(home, stop, says)
        says("stages of loading")
        try stages.loadAgain(items)
        try stages.forth(says)
        try stages.back(says)
        return SpeedReport(
            items: manifest.items, rawBytes: manifest.rawBytes, storedBytes: manifest.sealedBytes, workers: workers,
            stages: stages.clocks, whole: whole)
    }

    // MARK: Whole commands

    private func measureWhole(
        _ home: BenchHome, _ stop: StopSignal, _ says: (String) -> Void
    ) throws -> ([SpeedReport.Whole], Manifest) {
        says("backup")
        let (backup, manifest) = try Self.measure(.backup) {
            try TakeSnapshot(home.archive(workers: workers)).run(
                store: home.store, table: BenchHome.table, progress: Progress(), stop: stop)
        }
        says("verify")
        let (verify, report) = try Self.measure(.verify) {
            try VerifyVault(vault: home.vault, keys: home.keys, commits: nil, workers: workers).run(
                ids: [], depth: .content, progress: Progress(), stop: stop)
        }
        if let finding = report.findings.first {
            throw PipelineError(
                .contentMismatch,
                "What was just written into the scratch vault does not verify: \(finding.reason) "
                    + "This machine's disk or memory is not to be trusted.")
        }
        says("restore")
        let point = try RecoveryPoints(home.vault).find(table: BenchHome.table, id: nil)
        let restore = try home.withScratchStore { store in
            try Self.measure(.restore) {
                try RestoreTable(vault: home.vault, keys: home.keys, workers: workers, scratch: home.folder).run(
                    PointInTime(point), as: BenchHome.table, into: store, progress: Progress(), stop: stop)
            }.whole
        }
        return ([backup, verify, restore], manifest)
    }

    private static func measure<Result>(
        _ command: BenchCommand, _ body: () throws -> Result
    ) throws -> (whole: SpeedReport.Whole, result: Result) {
        let tellsPeak = ProcessMemory.forgetPeak()
        let (wall, processor) = (StageClock.now(CLOCK_MONOTONIC), StageClock.now(CLOCK_PROCESS_CPUTIME_ID))
        let result = try body()
        let whole = SpeedReport.Whole(
            command: command, wallSeconds: StageClock.now(CLOCK_MONOTONIC) - wall,
            processorSeconds: StageClock.now(CLOCK_PROCESS_CPUTIME_ID) - processor,
            peakBytes: tellsPeak ? ProcessMemory.peakBytes() : nil)
        return (whole, result)
    }
}

/// The most memory that this process has held, as the kernel counts it.
private enum ProcessMemory {
    /// Begins to count anew; false where the kernel does not allow that.
    static func forgetPeak() -> Bool {
        let descriptor = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return write(descriptor, "5", 1) == 1
    }

    static func peakBytes() -> Int? {
        guard let file = fopen("/proc/self/status", "re") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.hasPrefix("VmHWM:") else { continue }
            return text.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
                .map { $0 * 1024 }
        }
        return nil
    }
}
