// SPDX-License-Identifier: Apache-2.0

package import VarveModel
package import VarveVault

/// What a retention plan is made from: one table's recovery points and the segments of its log, as a vault has them. A plain value.
package struct RetentionFacts: Sendable {
    /// What beats every policy.
    package struct Protection: Sendable, Equatable {
        /// The ids of holds.
        package var holds: [String]
        package var lockedUntil: Instant?
        /// Who reads or writes it now, by a lease: `restore of Music`.
        package var use: String?

        package init(holds: [String] = [], lockedUntil: Instant? = nil, use: String? = nil) {
            self.holds = holds
            self.lockedUntil = lockedUntil
            self.use = use
        }
    }

    /// A snapshot or the archive of a sweep.
    package struct Point: Sendable, Equatable {
        package let id: String
        package let kind: Manifest.Kind
        /// Its cut.
        package let time: Instant
        package let sealedBytes: Int
        package let isVerified: Bool
        /// Its keys were destroyed: nothing can be restored from it.
        package let isShredded: Bool
        /// An object of it is missing: as long as nobody puts it back, nothing can be restored from it.
        package let isBroken: Bool
        /// Of a sweep: what became of the items is on record.
        package let isSettled: Bool
        /// Of a snapshot: the part of the log that leads on from it, as an index into ``RetentionFacts/parts``.
        package let part: Int?
        package let protection: Protection

        package init(
            id: String, kind: Manifest.Kind, time: Instant, sealedBytes: Int = 0, isVerified: Bool = false,
            isShredded: Bool = false, isBroken: Bool = false, isSettled: Bool = true, part: Int? = nil,
            protection: Protection = Protection()
        ) {
            self.id = id
            self.kind = kind
            self.time = time
            self.sealedBytes = sealedBytes
            self.isVerified = isVerified
            self.isShredded = isShredded
            self.isBroken = isBroken
            self.isSettled = isSettled
            self.part = part
            self.protection = protection
        }
    }

    package struct Segment: Sendable, Equatable {
        package let id: String
        package let started: Instant
        /// No change in it has a later effective time, and it says nothing of a later one.
        package let reach: Instant
        package let sealedBytes: Int
        package let protection: Protection

        package init(
            id: String, started: Instant, reach: Instant, sealedBytes: Int = 0, protection: Protection = Protection()
        ) {
            self.id = id
            self.started = started
            self.reach = reach
            self.sealedBytes = sealedBytes
            self.protection = protection
        }
    }

    package let table: Manifest.TableIdentity
    /// Snapshots and archives of sweeps, in no particular order.
    package let points: [Point]
    /// In the order of the log: each began later than the one before. One that was made of others began with the first of them.
    package let segments: [Segment]
    /// Segments that were merged into one of ``segments``.
    package let merged: [Segment]
    /// Through when each part of the log without a hole reaches.
    package let parts: [Instant]
    /// When the table was dropped, where its log says so.
    package let ended: Instant?

    package init(
        table: Manifest.TableIdentity, points: [Point], segments: [Segment] = [], parts: [Instant] = [],
        merged: [Segment] = [], ended: Instant? = nil
    ) {
        self.table = table
        self.points = points
        self.segments = segments
        self.merged = merged
        self.parts = parts
        self.ended = ended
    }
}
