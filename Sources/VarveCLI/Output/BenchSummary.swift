// SPDX-License-Identifier: Apache-2.0

import VarvePipeline

/// What `varve bench` prints.
struct BenchSummary: Encodable {
    struct Stage: Encodable {
        let name: String
        let title: String
        /// The commands whose way leads through it.
        let commands: [String]
        let rawBytes: Int
        let wallSeconds: Double
        let cpuSeconds: Double
        let mebibytesPerSecond: Double
        let cpuSecondsPerGibibyte: Double
    }

    struct Whole: Encodable {
        let command: String
        let wallSeconds: Double
        let cpuSeconds: Double
        let peakBytes: Int?
        let mebibytesPerSecond: Double
        /// What its stages, each alone, take for as many bytes.
        let stagesCpuSeconds: Double
        /// That, divided by the processors, divided by what the whole took.
        let share: Double
    }

    let type = "summary"
    let version: String
    let folder: String
    let seed: UInt64
    let items: Int
    let rawBytes: Int
    let storedBytes: Int
    let cores: Int
    let stages: [Stage]
    let whole: [Whole]

    init(_ report: SpeedReport, seed: UInt64, folder: String) {
        version = Varve.version
        self.folder = folder
        self.seed = seed
        items = report.items
        rawBytes = report.rawBytes
        storedBytes = report.storedBytes
        cores = report.workers
        stages = BenchStage.allCases.compactMap { stage in
            guard let clock = report.stages[stage] else { return nil }
            return Stage(
                name: stage.rawValue, title: stage.title, commands: stage.commands.map(\.rawValue),
                rawBytes: clock.rawBytes, wallSeconds: clock.wallSeconds, cpuSeconds: clock.processorSeconds,
                mebibytesPerSecond: clock.mebibytesPerSecond,
                cpuSecondsPerGibibyte: clock.processorSecondsPerGibibyte)
        }
        whole = report.whole.map { whole in
            Whole(
                command: whole.command.rawValue, wallSeconds: whole.wallSeconds, cpuSeconds: whole.processorSeconds,
                peakBytes: whole.peakBytes,
                mebibytesPerSecond: Double(report.rawBytes) / 1_048_576 / whole.wallSeconds,
                stagesCpuSeconds: report.stagesSeconds(of: whole.command), share: report.efficiency(of: whole))
        }
    }

    func print(to console: Console) {
        console.line(
            "\(Units.counted(items, "item")), \(Units.size(rawBytes)) raw, \(Units.size(storedBytes)) stored, \(Units.counted(cores, "core")), in \(folder)"
        )
        console.line()
        console.table(
            ["STAGE, ALONE ON ONE THREAD", "MiB/s RAW", "CPU s/GiB", "PART OF"],
            stages.map {
                [
                    $0.title, Units.tenths($0.mebibytesPerSecond), Units.hundredths($0.cpuSecondsPerGibibyte),
                    $0.commands.joined(separator: ", "),
                ]
            }, right: [1, 2])
        console.line()
        console.table(
            ["WHOLE", "WALL s", "MiB/s RAW", "CPU s", "PEAK MEMORY", "STAGES' CPU s", "SHARE"],
            whole.map {
                [
                    $0.command, Units.hundredths($0.wallSeconds), Units.tenths($0.mebibytesPerSecond),
                    Units.hundredths($0.cpuSeconds), $0.peakBytes.map { Units.size($0) } ?? "-",
                    Units.hundredths($0.stagesCpuSeconds), "\(Int(($0.share * 100).rounded())) %",
                ]
            }, right: [1, 2, 3, 4, 5, 6])
        console.line("share: the stages' CPU seconds over the cores, divided by the whole's wall clock")
    }
}
