// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// The description that commits a snapshot, a sweep or a segment of the log. Immutable, and the same bytes at `path` and at `catalogPath`.
///
/// It names no item, and holds no digest of items in clear.
package struct Manifest: VersionedContent, Equatable {
    package static let kind = "manifest"
    package static let formatNewest = 3

    package enum Kind: String, Codable, Sendable, CaseIterable {
        case snapshot, sweep, log
        /// The folder, below the table's, where objects of this kind lie.
        package var folder: String {
            switch self {
            case .snapshot: "snapshots"
            case .sweep: "sweeps"
            case .log: "log"
            }
        }

        /// Whether a table can be restored from one of this kind alone.
        package var isRecoveryPoint: Bool { self != .log }

        /// The format of its manifests. Segments came with the second, what is made of other archives with the third; whoever knows the first only
        /// refuses these, and still reads all others.
        func format(isMade: Bool) -> Int { isMade ? 3 : self == .log ? 2 : 1 }
    }

    package let format: Int
    /// The vault in which this manifest lies.
    package let vault: String
    /// The vault in which its bundles were sealed.
    package let origin: String
    package let path: String
    package let catalogPath: String
    package let id: String
    package let kind: Kind
    package let table: TableIdentity
    /// The table's description as the source gave it.
    package let description: JSON
    package let consistency: Consistency
    package let started: Instant
    package let finished: Instant
    package let items: Int
    /// Bytes of all data files before compression.
    package let rawBytes: Int
    /// Bytes of all bundles.
    package let sealedBytes: Int
    package let exportID: String
    /// The codec of the data files: `zstd`.
    package let compression: String
    package let dataFiles: Int
    /// In ascending order of name; the last one holds the export's own manifests. A segment of quiet time has none.
    package let bundles: [BundleRecord]
    package let key: KeyReference
    /// Base64 of a message under the snapshot key that holds a ``SealedDigests``.
    package let sealedDigest: String
    /// The table's manifest before this one; of a segment, the segment before it.
    package let previous: Link?
    /// What a segment holds of the change stream; nil for all others.
    package let log: LogStretch?
    /// What it was made of, where that was not a live table or a change stream.
    package let sources: Sources?
    /// Of a copy: what it does not share with the manifest in the vault where its bundles were sealed; nil for all others.
    package let original: Original?
    package let tool: String

    enum CodingKeys: String, CodingKey {
        case format, vault, origin, path, catalogPath, id, kind, table, description, consistency, started, finished,
            items, rawBytes
        case sealedBytes, compression, dataFiles, bundles, key, sealedDigest, previous, log, sources, original, tool
        case exportID = "exportId"
    }

    package struct TableIdentity: Codable, Hashable, Sendable {
        package let name: String
        /// A dropped and recreated table is another table with another id.
        package let id: String

        package init(name: String, id: String) {
            self.name = name
            self.id = id
        }
    }

    /// How the content is consistent, and where its cut lies.
    package struct Consistency: Codable, Equatable, Sendable {
        /// `store-snapshot` and the others of Documentation/Architecture.md.
        package let method: String
        /// When reading began and ended.
        package let from: Instant
        package let to: Instant
        package let cut: Cut

        package init(method: String, from: Instant, to: Instant, cut: Cut) {
            self.method = method
            self.from = from
            self.to = to
            self.cut = cut
        }
    }

    package struct Cut: Codable, Equatable, Sendable {
        package let time: Instant
        /// The store's change sequence number at the cut; nil where the source has none.
        package let sequence: Int64?

        package init(time: Instant, sequence: Int64?) {
            self.time = time
            self.sequence = sequence
        }
    }

    package struct KeyReference: Codable, Equatable, Sendable {
        /// The snapshot key's id: its files are `keys/<id>/<n>.key`.
        package let id: String
        /// The wrapping key's id and class when this was written.
        package let wrappingKey: String
        package let wrappingClass: String
    }

    /// The archives of the same table out of which another one was made, without reading the table.
    package struct Sources: Codable, Equatable, Sendable {
        /// The snapshot with which a synthetic snapshot begins; left out for a segment.
        package let base: String?
        /// The first and the last of the segments, in the order of the log; left out where there are none.
        package let first: Segment?
        package let last: Segment?
        /// How many segments.
        package let segments: Int

        package init(base: String?, first: Segment?, last: Segment?, segments: Int) {
            self.base = base
            self.first = first
            self.last = last
            self.segments = segments
        }

        /// A segment, and where it stands in the order of the log.
        package struct Segment: Codable, Equatable, Sendable {
            package let id: String
            /// Of a segment that is made of others itself, that of the first of these.
            package let started: Instant

            package init(id: String, started: Instant) {
                self.id = id
                self.started = started
            }
        }
    }

    /// What a copy keeps of the manifest in the vault of origin, so that the very document can be made again from any copy.
    package struct Original: Codable, Equatable, Sendable {
        /// The SHA-256 that stands in it.
        package let sha256: String
        package let key: KeyReference
        package let previous: Link?
    }

    package struct Link: Codable, Equatable, Sendable {
        package let path: String
        /// The SHA-256 that stands in that manifest.
        package let sha256: String

        package init(path: String, sha256: String) {
            self.path = path
            self.sha256 = sha256
        }
    }
}

/// What a manifest says about one bundle.
package struct BundleRecord: Codable, Hashable, Sendable {
    package let name: String
    package let items: Int
    package let rawBytes: Int
    package let sealedBytes: Int
    package let sha256: String
    package let dataFiles: Int

    package init(name: String, items: Int, rawBytes: Int, sealedBytes: Int, sha256: String, dataFiles: Int) {
        self.name = name
        self.items = items
        self.rawBytes = rawBytes
        self.sealedBytes = sealedBytes
        self.sha256 = sha256
        self.dataFiles = dataFiles
    }
}

/// The order-independent digests of a snapshot's items. They are kept sealed: an open digest of one item would betray it.
package struct SealedDigests: Codable, Equatable, Sendable {
    /// Of the whole table, as ``TableDigest`` spells it.
    package let table: String
    /// Of each bundle, by its name.
    package let bundles: [String: String]
}

/// `outcome.json` of a sweep: what became of the items that its bundles hold. Written once, after the deletions.
package struct SweepOutcome: VersionedContent, Equatable {
    package static let kind = "outcome"
    package static let formatNewest = 1

    package let format: Int
    package let vault: String
    package let path: String
    /// The sweep's id and the SHA-256 in its manifest.
    package let sweep: String
    package let manifest: String
    /// Items that were deleted, each still the very version that was archived.
    package let deleted: Int
    /// Items that had changed since they were archived, and stayed.
    package let changed: Int
    /// Items that were gone already.
    package let gone: Int
    package let finished: Instant
    /// The sweep was broken off: what the counts leave over was not touched.
    package let interrupted: Bool
}
