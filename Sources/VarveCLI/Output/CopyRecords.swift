// SPDX-License-Identifier: Apache-2.0

import VarvePipeline
import VarveVault

/// What a copy into one vault came to.
struct CopyRecord: Encodable {
    let vault: String
    /// Recovery points that the vault holds now.
    private(set) var copied: [SnapshotRecord] = []
    /// Segments that it holds now, and their changes.
    private(set) var segments = 0
    private(set) var changes = 0
    /// Outcomes of sweeps that were there without one.
    var outcomes = 0
    /// Bytes of bundles that were copied; what a broken run had left there already is not counted.
    private(set) var bytes = 0
    /// What was there already.
    var present = 0
    /// What the target's own retention removed there.
    var removed = 0
    /// What was not copied because its keys were destroyed on purpose; of these, what the vault still opens.
    private(set) var shredded: [String] = []
    private(set) var stillOpen: [String] = []
    /// Manifests of the source that cannot be read.
    private(set) var unreadable: [String] = []
    private(set) var failed: [CopyFailure] = []
    /// What waits for the next run, because something before it failed.
    var waiting = 0
    private var statuses: Set<ExitStatus> = []

    private enum CodingKeys: String, CodingKey {
        case vault, copied, segments, changes, outcomes, bytes, present, removed, shredded, stillOpen, unreadable,
            failed,
            waiting
    }

    init(vault: String) { self.vault = vault }

    /// Done; partly done; or, where nothing was done, the failures' own status if they agree on one.
    var status: ExitStatus {
        if failed.isEmpty && unreadable.isEmpty { return .done }
        if failed.isEmpty || !copied.isEmpty || segments > 0 || outcomes > 0 { return .partlyDone }
        return statuses.count == 1 ? statuses.first ?? .failed : .failed
    }

    mutating func add(_ plan: CopyPlan, source: String, _ console: Console) {
        present = plan.present
        removed = plan.removed
        shredded = plan.shredded.map(\.id)
        stillOpen = plan.stillOpen.map(\.id)
        unreadable = plan.unreadable
        for stem in unreadable {
            console.note(
                "vault \(source): the manifest of \(stem) cannot be read; 'varve verify --vault \(source)' says why")
        }
        for id in stillOpen {
            console.note(
                "\(id) was shredded in vault \(source), and vault \(vault) still opens its copy: 'varve key shred \(id) --vault \(vault)' ends that"
            )
        }
    }

    mutating func add(_ manifest: Manifest, bytes: Int) {
        self.bytes += bytes
        if manifest.kind.isRecoveryPoint {
            copied.append(SnapshotRecord(manifest.head, table: manifest.table.name, vault: vault))
        } else {
            segments += 1
            changes += manifest.items
        }
    }

    mutating func fail(_ manifest: Manifest, _ error: any Error, _ console: Console) {
        fail(error, CopyFailure(id: manifest.id, table: manifest.table.name, ErrorReport(error)), console)
    }

    /// Nothing could be copied at all.
    mutating func fail(_ error: any Error, _ console: Console) {
        fail(error, CopyFailure(id: nil, table: nil, ErrorReport(error)), console)
    }

    private mutating func fail(_ error: any Error, _ failure: CopyFailure, _ console: Console) {
        failed.append(failure)
        statuses.insert(ExitStatus(for: error))
        console.note("\(failure.name): not copied to vault \(vault)")
        for line in ErrorReport(error).lines { console.note(line) }
    }

    func lines(dryRun: Bool) -> [String] {
        let verb = dryRun ? "would be copied" : "copied"
        // Segments are many; they are counted.
        var parts = [
            "\(Units.counted(copied.count, "recovery point")) and \(Units.counted(segments, "segment")) \(verb), \(Units.size(bytes))"
        ]
        if outcomes > 0 { parts.append("\(Units.counted(outcomes, "outcome")) of sweeps copied") }
        parts.append("\(Units.count(present)) there already")
        if removed > 0 { parts.append("\(Units.count(removed)) removed there by retention") }
        if !shredded.isEmpty { parts.append("\(Units.count(shredded.count)) shredded and not copied") }
        if waiting > 0 { parts.append("\(Units.count(waiting)) left for the next run") }
        if !failed.isEmpty { parts.append("FAILED: " + failed.map(\.name).joined(separator: ", ")) }
        return copied.map { "\(dryRun ? "would copy" : "copied") \($0.kind) \($0.line)" }
            + ["vault \(vault): " + parts.joined(separator: "; ")]
    }
}

/// A recovery point or segment that was not copied; without an id where the whole vault could not be used.
struct CopyFailure: Encodable {
    let id: String?
    let table: String?
    let code: String
    let message: String

    init(id: String?, table: String?, _ report: ErrorReport) {
        self.id = id
        self.table = table
        code = report.code
        message = report.message
    }

    /// What was not copied, for people.
    var name: String {
        let words = [table, id].compactMap(\.self)
        return words.isEmpty ? "everything" : words.joined(separator: " ")
    }
}

struct CopySummary: Encodable {
    let type = "summary"
    let from: String
    let dryRun: Bool
    let copies: [CopyRecord]
}
