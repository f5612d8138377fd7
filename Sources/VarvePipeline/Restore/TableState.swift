// SPDX-License-Identifier: Apache-2.0

package import VarveModel
package import VarveStore
package import VarveVault

/// A state of a table that can be read: one out of a vault, or a live one.
package enum TableState: Sendable {
    case past(PointInTime, Vault)
    /// Stays as it is for as long as the snapshot is open.
    case live(any TableSnapshot)

    package var description: TableDescription {
        get throws {
            switch self {
            case .past(let point, _): try TableDescription(json: point.base.manifest.description)
            case .live(let snapshot): snapshot.description
            }
        }
    }
}
