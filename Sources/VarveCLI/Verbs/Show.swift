// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveModel
import VarvePipeline
import VarveSeal
import VarveVault

struct ShowVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one recovery point or segment in full, as its manifest states it.",
        discussion: HelpText.of(
            examples: [
                ("show 3k4ljtz", "one recovery point, by the beginning of its id")
            ],
            exits: [.damageFound, .notFound, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "The recovery point or segment: its id or a unique beginning of it.") var id: String
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?

    func perform() throws -> ExitStatus {
        let source = try common.home().vault(vault)
        let manifest = try RecoveryPoints(source.vault).find(table: nil, id: id, segments: true).manifest
        let tombstone = try source.vault.tombstone(of: manifest.id)
        let console = common.console
        console.line("id            \(manifest.id) (\(manifest.kind.rawValue))")
        console.line("table         \(manifest.table.name) (id \(manifest.table.id))")
        console.line("consistency   \(manifest.consistency.method)")
        console.line(
            "cut           \(manifest.consistency.cut.time.rfc3339)\(manifest.consistency.cut.sequence.map { ", sequence \($0)" } ?? "")"
        )
        console.line(
            "taken         \(manifest.started.rfc3339) to \(manifest.finished.rfc3339) by varve \(manifest.tool)")
        console.line(
            "\(manifest.kind == .log ? "changes " : "items   ")      \(Units.count(manifest.items)) in \(Units.counted(manifest.dataFiles, "data file"))"
        )
        if let log = manifest.log { show(log, console) }
        console.line(
            "size          \(Units.size(manifest.rawBytes)) raw, \(Units.size(manifest.sealedBytes)) stored (\(manifest.compression))"
        )
        if let tombstone {
            console.line(
                "key           \(manifest.key.id), DESTROYED on purpose at \(tombstone.shredded.rfc3339); record \(tombstone.path)"
            )
        } else {
            // The key file says how it is now; the manifest, how it was.
            let recipients = (try? source.vault.keyFiles.recipients(manifest.key.id)) ?? []
            let now = recipients.map { "\($0.namespace)/\($0.name)" }.joined(separator: " and ")
            console.line(
                "key           \(manifest.key.id), sealed to \(now.isEmpty ? "nobody: its file is missing or damaged" : now)"
            )
        }
        if let verified = try source.verifications.newest()[manifest.id] {
            console.line("verified      \(verified.rfc3339), to the last item")
        }
        console.line("manifest      \(manifest.path)")
        console.line("export id     \(manifest.exportID)")
        if let previous = manifest.previous { console.line("previous      \(previous.path)") }
        for bundle in manifest.bundles {
            console.line(
                "bundle        \(bundle.name)  \(Units.counted(bundle.items, "item"))  \(Units.size(bundle.sealedBytes))  sha256 \(bundle.sha256)"
            )
        }
        try console.document(manifest)
        return .done
    }

    private func show(_ log: LogStretch, _ console: Console) {
        console.line(
            "stretch       \(log.from.rfc3339) to \(log.through.rfc3339)\(log.ended ? ", the end of the stream" : "")")
        if let beginning = log.beginning, beginning.cause != .first {
            console.line(
                "begins anew   \(beginning.cause.rawValue)\(beginning.lastThrough.map { "; the log before it ends at \($0.rfc3339)" } ?? "")"
            )
        }
        if let aloneFrom = log.aloneFrom {
            console.line("alone from    \(aloneFrom.rfc3339), where the segments before it are gone")
        }
        for shard in log.shards {
            console.line(
                "shard         \(shard.id)  after \(shard.after?.text ?? "its beginning") through \(shard.through?.text ?? "nothing yet")  \(Units.counted(shard.changes, "change"))\(shard.ended ? ", ended" : "")"
            )
        }
        for event in log.events {
            console.line(
                "event         \(event.event.rawValue) at \(event.time.rfc3339), position \(event.position)\(event.items.map { ", \(Units.counted($0, "item"))" } ?? "")"
            )
        }
    }
}
