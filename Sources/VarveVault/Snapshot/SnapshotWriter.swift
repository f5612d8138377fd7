// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import Synchronization
package import VarveKeys
package import VarveModel
import VarveSeal

/// Writes one snapshot, the archive of one sweep, or a segment of the log.
///
/// Makes the snapshot key and its key file (read back before first use), hands out bundles to several threads, and with ``commit(consistency:)`` writes
/// the last bundle and the manifest: before that the snapshot does not exist, after it nothing takes it back. ``abandon()`` removes what was
/// written. A lease in the vault tells others that the objects are no leftovers.
package final class SnapshotWriter: Sendable {
    /// What is written, and under which key.
    package struct Plan: Sendable {
        package var kind: Manifest.Kind
        package var table: Manifest.TableIdentity
        /// The table's description as the source gave it.
        package var description: JSON
        /// A reference to a wrapping key: `alias/main`, `owned`, a key id.
        package var wrappingKey: String
        /// The name and version of the program, for the manifest.
        package var tool: String
        /// Of a segment: what ``Manifest/started`` is not before, so that segments come in the order of their chain whatever the clock does.
        package var notBefore: Instant?
        /// What it is made of, where that is not a live table or a change stream.
        package var sources: Manifest.Sources?

        package init(
            kind: Manifest.Kind, table: Manifest.TableIdentity, description: JSON, wrappingKey: String, tool: String,
            notBefore: Instant? = nil, sources: Manifest.Sources? = nil
        ) {
            self.kind = kind
            self.table = table
            self.description = description
            self.wrappingKey = wrappingKey
            self.tool = tool
            self.notBefore = notBefore
            self.sources = sources
        }
    }

    private enum Phase { case open, committing, committed, abandoned }

    private struct State {
        var phase = Phase.open
        var nextBundle = 1
        var openBundles = 0
        var failedBundle: String?
        var bundles: [String] = []
        var results: [BundleResult] = []
    }

    package let vault: Vault
    package let plan: Plan
    package let id = RandomID.make()
    package let started: Instant
    package let key: SnapshotKey
    package let exportID: String
    private let clock: any Clock
    private let wrapping: (id: String, class: KeyClass)
    private let keyFile: ObjectPath
    private let record: CommitRecord?
    private let lease: Lease
    private let state = Mutex(State())

    /// - Parameter record: The home's record of commits, which learns of this one.
    package init(
        _ vault: Vault, _ plan: Plan, keys: any KeySealing, record: CommitRecord?, clock: any Clock = SystemClock()
    ) throws {
        self.vault = vault
        self.plan = plan
        self.record = record
        self.clock = clock
        let now = clock.now()
        started = plan.notBefore.map { max(now, $0) } ?? now
        exportID = ExportLayout.makeExportID(at: started)
        key = SnapshotKey.make()
        wrapping = try keys.resolve(plan.wrappingKey)
        let folder = VaultPaths.folder(plan.kind, plan.table, started: started, id: id)
        lease = try Lease(
            vault.storage, what: "\(plan.kind.rawValue) of \(plan.table.name)",
            protects: [folder, VaultPaths.keyFolder(key.id)],
            clock: clock)
        keyFile = try vault.keyFiles.write(key, origin: vault.id, under: plan.wrappingKey, keys: keys)
    }

    /// The snapshot's folder, with a slash at its end.
    package var folder: String { VaultPaths.folder(plan.kind, plan.table, started: started, id: id) }

    /// Begins another bundle. Callable from several threads; each bundle is for one.
    package func bundle() throws -> BundleWriter {
        try lease.refresh()
        let name = try state.withLock { state in
            guard state.phase == .open else {
                throw VaultError(.misuse, "Snapshot '\(folder)' takes no more bundles: it has ended.")
            }
            return Self.begin(&state)
        }
        return try open(name)
    }

    private static func begin(_ state: inout State) -> String {
        let name = VaultPaths.bundle(number: state.nextBundle)
        state.nextBundle += 1
        state.openBundles += 1
        state.bundles.append(name)
        return name
    }

    private func open(_ name: String) throws -> BundleWriter {
        do {
            return try BundleWriter(
                name: name, exportID: exportID, modified: started,
                context: try BundleContext.bundle(origin: vault.id, table: plan.table.id, snapshot: id, name: name),
                key: key.wrapper, object: try vault.storage.writer(try ObjectPath(folder + name))
            ) { [self] end in
                state.withLock { state in
                    state.openBundles -= 1
                    switch end {
                    case .finished(let result): state.results.append(result)
                    case .unused: break
                    case .failed: state.failedBundle = name
                    }
                }
            }
        } catch {
            state.withLock { state in
                state.openBundles -= 1
                state.failedBundle = name
            }
            throw error
        }
    }

    /// Keeps the lease alive through a long pause between bundles.
    package func keepAlive() throws { try lease.refresh() }

    /// Writes the last bundle, then the manifest, then its second copy, then a line in the home's record.
    ///
    /// An error before the manifest leaves a snapshot that does not exist: ``abandon()`` then removes the rest. An error after it says in its message
    /// that the snapshot is committed.
    package func commit(consistency: Manifest.Consistency) throws -> SnapshotReader {
        precondition(plan.kind.isRecoveryPoint, "a segment is committed with its stretch")
        return try commit(consistency, log: nil, previous: try vault.newestManifest(of: plan.table))
    }

    /// Commits a segment of the log. One without bundles says that nothing came.
    package func commit(log: LogStretch, previous: Manifest.Link?) throws -> SnapshotReader {
        precondition(plan.kind == .log, "only a segment has a stretch")
        return try commit(
            .init(
                method: "change-log", from: log.from, to: log.through, cut: .init(time: log.through, sequence: nil)),
            log: log, previous: previous)
    }

    private func commit(
        _ consistency: Manifest.Consistency, log: LogStretch?, previous: @autoclosure () throws -> Manifest.Link?
    ) throws -> SnapshotReader {
        try state.withLock { state in
            guard state.phase == .open, state.openBundles == 0 else {
                throw VaultError(
                    .misuse, "Snapshot '\(folder)' was committed twice, or with bundles still being written.")
            }
            if let failed = state.failedBundle {
                throw VaultError(
                    .misuse,
                    "Snapshot '\(folder)' cannot be committed: bundle '\(failed)' was given up, and items with it.")
            }
            state.phase = .committing
        }
        if log == nil || state.withLock({ !$0.results.isEmpty }) { try writeIndexBundle(consistency, log) }
        let manifest = try makeManifest(consistency, log, previous())
        let document = try ProvenDocument.encode(manifest, key: key.manifestAuthenticationKey())
        let bytes = document.bytes
        guard bytes.count <= ProvenDocument.bytesMax else {
            throw VaultError(
                .limitExceeded, "The manifest of snapshot '\(folder)' is larger than \(ProvenDocument.bytesMax) bytes.")
        }
        try lease.refresh()
        try vault.storage.put(try ObjectPath(manifest.path), bytes)
        state.withLock { $0.phase = .committed }
        defer { lease.release() }
        try finishCommit(manifest, document, bytes)
        return SnapshotReader(vault: vault, manifest: manifest, document: document, key: key)
    }

    /// What follows the manifest. A line in the record says that both copies were written: without the second copy there is none, so that the next
    /// run of the table finishes this commit instead of calling the copy lost.
    private func finishCommit(_ manifest: Manifest, _ document: ProvenDocument, _ bytes: [UInt8]) throws {
        do {
            try vault.storage.put(try ObjectPath(manifest.catalogPath), bytes)
            try record?.append(CommitEntry(manifest, document))
        } catch {
            throw VaultError(
                (error as? VaultError)?.code ?? .io,
                "Snapshot '\(id)' is committed as '\(manifest.path)' and can be restored, but its second copy or the home's record of it could not be "
                    + "written. The next backup, sweep or capture of the table writes a second copy that is missing.",
                cause: error)
        }
    }

    /// Removes everything that was written, the manifest first. Does nothing after a commit.
    package func abandon() throws {
        let bundles: [String]? = state.withLock { state in
            guard state.phase != .committed, state.phase != .abandoned else { return nil }
            state.phase = .abandoned
            return state.bundles
        }
        guard let bundles else { return }
        defer { lease.release() }
        // A manifest whose writing failed half-way may be there all the same; as long as it is, its bundles must be too.
        try vault.storage.delete(try ObjectPath(folder + VaultPaths.manifestName))
        for name in bundles { try vault.storage.delete(try ObjectPath(folder + name)) }
        try vault.storage.delete(keyFile)
    }

    // MARK: - The parts of a commit

    /// The bundle with the export's own manifests.
    private func writeIndexBundle(_ consistency: Manifest.Consistency, _ log: LogStretch?) throws {
        let (name, results) = state.withLock { (Self.begin(&$0), $0.results) }
        let ordered = results.sorted { $0.record.name < $1.record.name }
        let arn =
            plan.description["TableArn"]?.string ?? "arn:varve:dynamodb:local:000000000000:table/\(plan.table.name)"
        var summary = ExportSummary()
        summary.version = "2020-06-30"
        summary.exportArn = "\(arn)/export/\(exportID)"
        summary.startTime = ExportManifests.time(started)
        summary.endTime = ExportManifests.time(clock.now())
        summary.tableArn = arn
        summary.tableId = plan.table.id
        summary.exportTime = ExportManifests.time(consistency.cut.time)
        summary.s3Bucket = ""
        summary.s3SseAlgorithm = ""
        summary.manifestFilesS3Key = ExportLayout.folder(exportID) + ExportLayout.files
        summary.billedSizeBytes = ordered.reduce(0) { $0 + $1.record.rawBytes }
        summary.itemCount = ordered.reduce(0) { $0 + $1.record.items }
        summary.outputFormat = "DYNAMODB_JSON"
        summary.exportType = "FULL_EXPORT"
        if let log {
            summary.version = "2023-08-01"
            summary.exportTime = nil
            summary.exportType = "INCREMENTAL_EXPORT"
            summary.exportFromTime = ExportManifests.time(log.from)
            summary.exportToTime = ExportManifests.time(log.through)
            summary.outputView = "NEW_AND_OLD_IMAGES"
        }
        let manifests = try ExportManifests(summary: summary, files: ordered.flatMap(\.files))
        let writer = try open(name)
        for entry in manifests.entries { try writer.addEntry(ExportLayout.folder(exportID) + entry.name, entry.bytes) }
        try writer.finish()
    }

    private func makeManifest(
        _ consistency: Manifest.Consistency, _ log: LogStretch?, _ previous: Manifest.Link?
    ) throws -> Manifest {
        let results = state.withLock { $0.results }.sorted { $0.record.name < $1.record.name }
        let records = results.map(\.record)
        var total = TableDigest()
        for result in results { total.add(result.digest) }
        let digests = SealedDigests(
            table: total.hex, bundles: Dictionary(uniqueKeysWithValues: results.map { ($0.record.name, $0.digest.hex) })
        )
        let sealed = try Message.seal(
            try DocumentCoding.encode(digests),
            context: try BundleContext.digest(origin: vault.id, table: plan.table.id, snapshot: id),
            recipients: [key.wrapper])
        return Manifest(
            format: plan.kind.format(isMade: plan.sources != nil), vault: vault.id, origin: vault.id,
            path: folder + VaultPaths.manifestName,
            catalogPath: VaultPaths.catalogEntry(started: started, id: id), id: id, kind: plan.kind, table: plan.table,
            description: plan.description, consistency: consistency, started: started, finished: clock.now(),
            items: records.reduce(0) { $0 + $1.items }, rawBytes: records.reduce(0) { $0 + $1.rawBytes },
            sealedBytes: records.reduce(0) { $0 + $1.sealedBytes }, exportID: exportID, compression: "zstd",
            dataFiles: records.reduce(0) { $0 + $1.dataFiles }, bundles: records,
            key: .init(id: key.id, wrappingKey: wrapping.id, wrappingClass: wrapping.class.rawValue),
            sealedDigest: Data(sealed).base64EncodedString(), previous: previous, log: log,
            sources: plan.sources, original: nil, tool: plan.tool)
    }
}
