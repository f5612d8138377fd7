// SPDX-License-Identifier: Apache-2.0

import VarveModel

extension Manifest {
    /// Bundle names have six digits.
    static let bundlesMax = 999_999

    /// The folder of the manifest's bundles, with a slash at its end.
    package var folder: String { VaultPaths.folder(kind, table, started: started, id: id) }

    /// The place of one of its bundles.
    package func path(of bundle: BundleRecord) throws -> ObjectPath { try ObjectPath(folder + bundle.name) }

    /// Whether an object is one of its own: in its folder, its second copy, or a file of its key.
    package func owns(_ object: String) -> Bool {
        object.hasPrefix(folder) || object == catalogPath || object.hasPrefix(VaultPaths.keyFolder(key.id))
    }

    /// The last bundle, which holds the export's own manifests.
    package var indexBundle: BundleRecord? { bundles.last }

    /// Checks that the manifest belongs where it lies and agrees with itself.
    ///
    /// - Parameter place: Where it was read; one of its two paths.
    func check(vault: String, at place: ObjectPath) throws {
        func demand(_ holds: Bool, _ reason: @autoclosure () -> String) throws {
            guard holds else { throw VaultError(.damaged, "Manifest '\(place)' \(reason()).") }
        }
        try demand(self.vault == vault, "belongs to another vault, '\(Archive.printable(self.vault))'")
        try demand(
            path == folder + VaultPaths.manifestName
                && catalogPath == VaultPaths.catalogEntry(started: started, id: id),
            "names paths that do not follow from its ids")
        try demand(
            place.text == path || place.text == catalogPath,
            "lies in another place than it names: it was moved or copied here")
        _ = try ObjectPath(path)
        _ = try ObjectPath(catalogPath)
        _ = try ObjectPath(VaultPaths.keyFile(key.id, number: 1))
        if let previous { _ = try ObjectPath(previous.path) }
        try demand(ExportLayout.isExportID(exportID), "names no export id")
        try demand(compression == "zstd", "names a compression that Varve does not write")
        try demand(
            format == kind.format(isMade: sources != nil) && (log != nil) == (kind == .log),
            "is of format \(format) and kind '\(kind.rawValue)', which do not go together")
        try demand((kind == .log ? 0 : 1)...Self.bundlesMax ~= bundles.count, "lists no bundles, or too many")
        if let log {
            if let flaw = log.flaw(items: items) { try demand(false, flaw) }
            try demand(log.through == consistency.cut.time, "has a watermark that is not its cut")
        }
        if let sources {
            let isOrdered = sources.first.map { first in sources.last.map { first.started <= $0.started } ?? false }
            try demand(
                kind != .sweep && (sources.base == nil) == (kind == .log) && sources.segments >= (kind == .log ? 2 : 0)
                    && isOrdered ?? (sources.segments == 0),
                "names sources that it cannot have been made of")
        }
        for (left, right) in zip(bundles, bundles.dropFirst()) {
            try demand(
                left.name < right.name, "lists its bundles out of order or twice")
        }
        try demand(
            bundles.allSatisfy { VaultPaths.isBundleName($0.name) && Hex.isText($0.sha256, of: 32) },
            "lists a bundle without a name or a SHA-256 of ours")
        try demand(
            Self.sum(bundles, \.items) == items && Self.sum(bundles, \.rawBytes) == rawBytes
                && Self.sum(bundles, \.sealedBytes) == sealedBytes && Self.sum(bundles, \.dataFiles) == dataFiles,
            "has totals that are not the sums over its bundles")
    }

    /// nil if a number is negative or the sum does not fit.
    private static func sum(_ bundles: [BundleRecord], _ member: KeyPath<BundleRecord, Int>) -> Int? {
        var sum = 0
        for bundle in bundles {
            let value = bundle[keyPath: member]
            let (next, overflow) = sum.addingReportingOverflow(value)
            guard value >= 0, !overflow else { return nil }
            sum = next
        }
        return sum
    }
}
