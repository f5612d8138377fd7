// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// One entry of the change log.
///
/// Sequence numbers ascend in the order of commits, without holes. All changes of one transaction have one time, and times strictly ascend
/// from transaction to transaction, so that no instant lies within a transaction.
package struct ChangeRecord: Sendable {
    package let sequence: Int64
    package let time: Instant
    package let tableID: String
    package let tableName: String
    package let event: ChangeEvent
    package let actor: ChangeActor
    /// The sweep, restore or import that did it.
    package let run: String?
    /// Canonical bytes of an item that has the key attributes only; for changes of items.
    package let keys: [UInt8]?
    package let oldImage: [UInt8]?
    package let newImage: [UInt8]?
    /// How many items came, for ``ChangeEvent/loaded``.
    package let items: Int?
}

package enum ChangeEvent: Int64, Sendable, CaseIterable {
    case insert = 1
    case modify = 2
    case remove = 3
    /// Many items came at once and have no records of their own: what came must be read from the table.
    case loaded = 4
    case created = 5
    case dropped = 6
}

package enum ChangeActor: Int64, Sendable, CaseIterable {
    case user = 1
    case sweep = 2
    case restore = 3
    case `import` = 4
}

extension ChangeEvent {
    /// As DynamoDB's streams name changes of items; `nil` for what happens to a whole table.
    package var streamName: String? {
        switch self {
        case .insert: "INSERT"
        case .modify: "MODIFY"
        case .remove: "REMOVE"
        case .loaded, .created, .dropped: nil
        }
    }
}

extension ChangeActor {
    package var name: String {
        switch self {
        case .user: "user"
        case .sweep: "sweep"
        case .restore: "restore"
        case .import: "import"
        }
    }
}
