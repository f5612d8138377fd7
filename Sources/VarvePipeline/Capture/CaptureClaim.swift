// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import VarveModel
import VarveVault

/// That one at a time captures a table into a vault: a lock for the processes of this home, which ends with its holder, and a lease in the vault for
/// all others.
///
/// If both were to fail, two captures would write segments that overlap; coverage and restores take each position once, so nothing would be wrong.
final class CaptureClaim {
    private let lock: ProcessLock
    private let lease: Lease

    init(_ table: Manifest.TableIdentity, _ settings: ArchiveSettings) throws {
        let path = settings.commits.path.removingLastComponent()
            .appending("capture-\(settings.vault.id)-\(table.id).lock")
        let lock = try ProcessLock(path) {
            "The change log of table '\(table.name)' is being captured into this vault by \($0). One at a time may do this."
        }
        let lease = try Lease.claiming(
            "capture/\(table.id)", settings.vault.storage, what: "capture of \(table.name)", clock: settings.clock)
        self.lock = lock
        self.lease = lease
    }

    func refresh() throws { try lease.refresh() }

    deinit { lease.release() }
}
