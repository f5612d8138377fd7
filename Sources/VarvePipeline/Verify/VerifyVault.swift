// SPDX-License-Identifier: Apache-2.0

import Synchronization
import VarveModel
package import VarveVault

/// How deep a verification looks. Each level contains the ones before it.
package enum VerifyDepth: Int, Sendable, Comparable {
    /// Every object that anything names is there.
    case listing
    /// Every small object proves itself and is in its place.
    case manifests
    /// Every bundle has its size and SHA-256.
    case objects
    /// Every bundle opens, and holds exactly the items that were taken.
    case content

    package static func < (left: VerifyDepth, right: VerifyDepth) -> Bool { left.rawValue < right.rawValue }
}

/// What a verification looked at and what it found.
package struct VerifyReport: Sendable {
    package var recoveryPoints = 0
    /// Segments of logs.
    package var segments = 0
    /// Objects that were read or whose presence was checked.
    package var objects = 0
    package var bytesRead = 0
    /// Items whose digest was compared; 0 below ``VerifyDepth/content``.
    package var items = 0
    package var findings: [Finding] = []
    /// Objects that nothing knows, whatever their age.
    package var leftovers: [ObjectInfo] = []
    /// The ids of the recovery points of which everything was opened and is what was taken.
    package var verified: [String] = []

    init() {}

    /// The report on a vault that could not even be opened.
    package init(_ finding: Finding) { findings = [finding] }

    package mutating func add(_ other: VerifyReport) {
        objects += other.objects
        bytesRead += other.bytesRead
        items += other.items
        findings += other.findings.filter { !findings.contains($0) }
    }
}

/// Proves that what a vault lists is there, whole and openable; says everything that is not.
///
/// Levels are composed of the vault's own checks. A damaged object is a finding and never stops the rest; an error is thrown only where
/// nothing can be looked at.
package struct VerifyVault: Sendable {
    private let vault: Vault
    private let keys: (any KeyOpening)?
    private let commits: CommitRecord?
    private let workers: Int

    /// - Parameters:
    ///   - keys: Opens key files; without it manifests are proven by their SHA-256 alone, and content cannot be looked at.
    ///   - commits: The home's own record of commits, which knows what should be there even if all its traces are gone.
    package init(vault: Vault, keys: (any KeyOpening)?, commits: CommitRecord?, workers: Int) {
        self.vault = vault
        self.keys = keys
        self.commits = commits
        self.workers = workers
    }

    /// Verifies the whole vault, or the recovery points that `ids` begin.
    ///
    /// - Parameter part: Bundles whose running number leaves `part.index` (from 0) when divided by `part.count` are read; documents always are.
    package func run(
        ids: [String], depth: VerifyDepth, part: (index: Int, count: Int)? = nil, progress: Progress, stop: StopSignal
    ) throws -> VerifyReport {
        // Before anything is read; a vault on read-only media takes no lease, and nobody prunes it either.
        let lease = try? Lease(vault.storage, what: "verification", reads: [""])
        defer { lease?.release() }
        let (catalog, missing) = try Catalog.settled(vault, depth: .bothCopies) {
            vault.checkListing($0, record: commits)
        }
        let chosen = try choose(ids, catalog)
        var report = VerifyReport()
        report.recoveryPoints = chosen.count { $0.manifest.kind.isRecoveryPoint }
        report.segments = chosen.count - report.recoveryPoints
        report.objects = catalog.objects.count
        report.findings = missing
        if depth >= .manifests {
            try stop.check()
            report.findings += vault.checkDocuments(catalog, keys: keys)
        }
        if !ids.isEmpty {
            report.findings = report.findings.filter { finding in
                chosen.contains { $0.manifest.owns(finding.object) }
            }
        }
        if depth >= .objects {
            try readBundles(chosen, shredded: Set(catalog.shredded.keys), depth, part, lease, &report, progress, stop)
        }
        if depth == .content, part == nil, keys != nil {
            let found = report.findings.map(\.object)
            report.verified = chosen.map(\.manifest).filter { manifest in
                manifest.kind.isRecoveryPoint && catalog.shredded[manifest.id] == nil
                    && !found.contains { manifest.owns($0) }
            }.map(\.id)
        }
        report.leftovers = try vault.leftovers(grace: .zero, record: commits).objects
        report.findings.sort { ($0.object, $0.level) < ($1.object, $1.level) }
        return report
    }

    private func choose(_ ids: [String], _ catalog: Catalog) throws -> [Catalog.Entry] {
        if ids.isEmpty { return catalog.entries }
        let points = RecoveryPoints(catalog)
        return try ids.map { try points.find(table: nil, id: $0, segments: true) }
    }

    // MARK: Bundles

    /// One bundle to look at. Bundles of broken recovery points have no reader: their documents' findings say why.
    private struct Task: Sendable {
        let entry: Catalog.Entry
        let bundle: BundleRecord
        let content: Content?

        struct Content: Sendable {
            let reader: SnapshotReader
            let index: ExportIndex
            let digest: TableDigest?
        }
    }

    private func readBundles(
        _ entries: [Catalog.Entry], shredded: Set<String>, _ depth: VerifyDepth, _ part: (index: Int, count: Int)?,
        _ lease: Lease?, _ report: inout VerifyReport, _ progress: Progress, _ stop: StopSignal
    ) throws {
        var tasks: [Task] = []
        var number = 0
        for entry in entries {
            try stop.check()
            let bundles = entry.manifest.bundles.filter { _ in
                defer { number += 1 }
                return part == nil || number % (part?.count ?? 1) == part?.index
            }
            // Bundles that the listing already misses are not looked for again.
            let present = bundles.filter { bundle in
                !report.findings.contains { $0.level == 0 && $0.object == entry.manifest.folder + bundle.name }
            }
            if present.isEmpty { continue }
            // What was shredded has no content any more; its bundles are still the files that its manifest names.
            let isShredded = shredded.contains(entry.manifest.id)
            let contents = depth >= .content && !isShredded ? contents(of: entry, &report) : nil
            for bundle in present {
                tasks.append(
                    Task(
                        entry: entry, bundle: bundle,
                        content: contents.map {
                            .init(reader: $0.reader, index: $0.index, digest: $0.digests[bundle.name])
                        }))
            }
        }
        let work = tasks
        progress.expect(
            items: work.reduce(0) { $0 + $1.bundle.items }, storedBytes: work.reduce(0) { $0 + $1.bundle.sealedBytes })
        let next = Atomic<Int>(0)
        let found = Mutex(VerifyReport())
        try Workers.run(max(1, min(workers, work.count)), stop: stop) { _, stop in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < work.count else { break }
                try stop.check()
                try? lease?.refresh()
                let result = look(at: work[index], progress, stop)
                found.withLock { $0.add(result) }
            }
        }
        try stop.check()
        report.add(found.withLock { $0 })
    }

    /// What is needed to read the content of a recovery point; nil, with a finding unless there is one already, where it cannot be had.
    private func contents(
        of entry: Catalog.Entry, _ report: inout VerifyReport
    ) -> (reader: SnapshotReader, index: ExportIndex, digests: [String: TableDigest])? {
        guard let keys else { return nil }
        do {
            let reader = try SnapshotReader(vault, entry, keys: keys)
            return (reader, try reader.index(), try reader.digests().bundles)
        } catch {
            let manifest = entry.manifest
            if !report.findings.contains(where: { manifest.owns($0.object) }) {
                let index = manifest.indexBundle.map { manifest.folder + $0.name } ?? manifest.path
                report.findings.append(Finding(object: index, level: VerifyDepth.content.rawValue, error))
            }
            return nil
        }
    }

    private func look(at task: Task, _ progress: Progress, _ stop: StopSignal) -> VerifyReport {
        var report = VerifyReport()
        report.bytesRead = task.bundle.sealedBytes
        defer { progress.add(storedBytes: task.bundle.sealedBytes) }
        guard let content = task.content else {
            report.findings = vault.checkBundle(task.entry.manifest, task.bundle)
            return report
        }
        let isLog = content.reader.manifest.kind == .log
        // Reading the content hashes the sealed bytes on the way; only where something is wrong are they read again by themselves, to say
        // whether the stored object or what was put into it is to blame.
        let check = vault.checkContent(content.reader, task.bundle, index: content.index, digest: content.digest) {
            lines in
            try stop.check()
            var content = Vault.LineContent(items: 0, digest: TableDigest())
            if isLog {
                try ChangeLine.forEach(of: lines) { _, line in
                    content.digest.add(item: UnsafeRawBufferPointer(rebasing: line.dropLast()))
                    content.items += 1
                }
            } else {
                try ExportLines.forEach(of: lines) { item in
                    content.digest.add(item: item)
                    content.items += 1
                }
            }
            progress.add(items: content.items, rawBytes: lines.count)
            return content
        }
        if stop.isRaised { return report }
        report.items = check.items
        if !check.findings.isEmpty {
            let object = vault.checkBundle(task.entry.manifest, task.bundle)
            report.findings = object.isEmpty ? check.findings : object
        }
        return report
    }
}
