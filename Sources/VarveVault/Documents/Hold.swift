// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// What a hold or a lock is laid on.
package struct Protected: Codable, Equatable, Sendable {
    /// The id of a recovery point or segment.
    package let recoveryPoint: String?
    /// The id of a table: all of its recovery points and its log. Both nil: the whole vault.
    package let table: String?

    package init(recoveryPoint: String? = nil, table: String? = nil) {
        self.recoveryPoint = recoveryPoint
        self.table = table
    }

    /// - Parameters:
    ///   - id: a recovery point's or segment's.
    ///   - table: its table's id.
    package func includes(_ id: String, table: String) -> Bool {
        (recoveryPoint == nil || recoveryPoint == id) && (self.table == nil || self.table == table)
    }
}

/// A legal hold: what it is laid on stays, whatever a policy says, until it is released.
package struct Hold: VersionedContent, Equatable {
    package static let kind = "hold"
    package static let formatNewest = 1

    package let format: Int
    package let vault: String
    package let path: String
    package let id: String
    package let on: Protected
    /// Why, for people.
    package let reason: String
    package let placedBy: String
    package let placed: Instant
    package let tool: String

    package init(
        vault: String, path: String, id: String, on: Protected, reason: String, placedBy: String, placed: Instant,
        tool: String
    ) {
        format = Self.formatNewest
        self.vault = vault
        self.path = path
        self.id = id
        self.on = on
        self.reason = reason
        self.placedBy = placedBy
        self.placed = placed
        self.tool = tool
    }
}

/// The end of a hold. The hold itself stays on record.
package struct HoldRelease: VersionedContent, Equatable {
    package static let kind = "holdRelease"
    package static let formatNewest = 1

    package let format: Int
    package let vault: String
    package let path: String
    /// The hold's id.
    package let hold: String
    package let reason: String
    package let releasedBy: String
    package let released: Instant
    package let tool: String

    package init(
        vault: String, path: String, hold: String, reason: String, releasedBy: String, released: Instant, tool: String
    ) {
        format = Self.formatNewest
        self.vault = vault
        self.path = path
        self.hold = hold
        self.reason = reason
        self.releasedBy = releasedBy
        self.released = released
        self.tool = tool
    }
}
