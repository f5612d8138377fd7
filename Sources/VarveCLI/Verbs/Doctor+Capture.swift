// SPDX-License-Identifier: Apache-2.0

import VarveConfig
import VarveModel
import VarvePipeline
import VarveStore
import VarveVault

extension DoctorVerb {
    /// For each table whose log is captured: how far the vault is behind, and how long the store will wait for it.
    func checkCapture(_ home: Home, _ examination: inout Examination) {
        for vault in home.configuration.vaults {
            guard let target = try? home.vault(vault.name), let catalog = try? Catalog.read(target.vault) else {
                continue
            }
            for definition in home.configuration.stores {
                guard let sources = try? home.store(definition.name).store.changeSources() else { continue }
                for (source, table, _) in sources {
                    guard let coverage = Coverage.all(in: catalog, of: table.id).first, coverage.segments > 0,
                        !coverage.hasEnded
                    else { continue }
                    examination.check("capture of \(definition.name)/\(table.name) into \(vault.name)") {
                        try Self.look(at: source, target, coverage, definition.changeRetention)
                    }
                }
            }
        }
    }

    private static func look(
        at source: EmbeddedChangeSource, _ target: OpenVault, _ coverage: Coverage, _ retention: Duration
    ) throws -> Examination.Result {
        let table = coverage.table
        let newest = try target.vault.newestSegment(of: table) { _ in true }
        guard let log = newest?.manifest.log else { return .warning("its newest segment cannot be read") }
        let lag = Double(Instant.now().microseconds - log.through.microseconds) / 1e6
        let behind = "the vault holds its log through \(log.through.rfc3339), \(Units.span(seconds: max(0, lag))) ago"
        for shard in log.shards where !shard.ended {
            guard case .page(let page) = try source.read(shard.id, after: shard.through, limit: 1) else {
                return .failed(
                    "\(behind), and the store has lost changes since: 'varve capture \(table.name)' records the hole, "
                        + "'varve backup \(table.name)' makes the table restorable again")
            }
            if page.records.isEmpty { continue }
            if lag > retention.seconds / 2 {
                return .warning(
                    "\(behind), and the store keeps changes for \(retention.text): run 'varve capture \(table.name)' before they are trimmed"
                )
            }
        }
        if coverage.isOpen {
            return .warning("\(behind), but a hole is open: 'varve backup \(table.name)' makes it restorable again")
        }
        return .ok(behind)
    }
}
