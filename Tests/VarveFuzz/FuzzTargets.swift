// SPDX-License-Identifier: Apache-2.0

/// The table of targets.
enum FuzzTargets {
    static let all: [any FuzzTarget.Type] = [
        ItemTarget.self, ManifestTarget.self, YAMLTarget.self, CronTarget.self, EnvelopeTarget.self, TarTarget.self,
    ]

    /// Proves the drivers, and is no trial of the product: nobody runs it by accident.
    private static let hidden: [any FuzzTarget.Type] = [SelfTestTarget.self]

    /// What one process may take, whatever it is fed: a zstd window of 128 MiB, a data file of 16 MiB raw and compressed, and as much again.
    static let memoryBytesMax = 512 << 20
    /// No input of these sizes is worth more time.
    static let secondsMax = 5

    static func named(_ name: String) -> (any FuzzTarget.Type)? {
        (all + hidden).first { $0.name == name }
    }
}
