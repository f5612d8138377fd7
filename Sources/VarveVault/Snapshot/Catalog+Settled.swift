// SPDX-License-Identifier: Apache-2.0

import Glibc
import VarveModel

extension Catalog {
    /// Times that a vault is read again while somebody is at work in it: two seconds in all, longer than any commit takes between its first
    /// object and its last.
    private static let triesMax = 40
    private static let pauseMicroseconds: UInt32 = 50_000

    /// Reads a vault until what is missing is missing for good.
    ///
    /// A listing is no snapshot: a commit that falls into it shows its later objects and not its earlier ones, which looks like loss. So where
    /// `look` finds something missing, the vault is read again, until nothing is, or nothing changes any more and nobody holds a lease.
    ///
    /// - Parameter look: What the caller finds in a catalog, such as ``Vault/checkListing(_:record:)``.
    package static func settled(
        _ vault: Vault, depth: Depth = .oneCopy, _ look: (Catalog) -> [Finding] = { $0.findings }
    ) throws -> (catalog: Catalog, findings: [Finding]) {
        var last: Catalog?
        for _ in 0..<triesMax {
            let catalog = try read(vault, depth: depth)
            let findings = look(catalog)
            guard findings.contains(where: { $0.code == .missing }) else { return (catalog, findings) }
            if let last, last.objects == catalog.objects {
                let (leases, unreadable) = try Lease.live(in: vault.storage, at: .now())
                // A lease that protects nothing writes nothing: a capture's own, while it waits for changes.
                if leases.allSatisfy({ $0.protects.isEmpty }) && unreadable.isEmpty { return (catalog, findings) }
            }
            last = catalog
            usleep(pauseMicroseconds)
        }
        let catalog = try read(vault, depth: depth)
        return (catalog, look(catalog))
    }
}
