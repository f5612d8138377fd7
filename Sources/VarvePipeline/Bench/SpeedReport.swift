// SPDX-License-Identifier: Apache-2.0

/// What `varve bench` measured.
package struct SpeedReport: Sendable {
    /// A whole command: all of its threads, all of its bytes.
    package struct Whole: Sendable {
        package let command: BenchCommand
        package let wallSeconds: Double
        /// Of all processors.
        package let processorSeconds: Double
        /// The most memory that the process held meanwhile; nil where the system does not tell.
        package let peakBytes: Int?
    }

    package let items: Int
    package let rawBytes: Int
    package let storedBytes: Int
    package let workers: Int
    package let stages: [BenchStage: StageClock]
    package let whole: [Whole]

    /// What the stages of a command, each alone, take of processors for as many bytes as the whole had.
    package func stagesSeconds(of command: BenchCommand) -> Double {
        let perGibibyte = command.stages.reduce(0) { $0 + (stages[$1]?.processorSecondsPerGibibyte ?? 0) }
        return perGibibyte * Double(rawBytes) / 1_073_741_824
    }

    /// How near the whole comes to what its stages, each alone, would take if they shared the workers' processors evenly: 1 is all of it.
    package func efficiency(of whole: Whole) -> Double {
        stagesSeconds(of: whole.command) / Double(workers) / whole.wallSeconds
    }
}
