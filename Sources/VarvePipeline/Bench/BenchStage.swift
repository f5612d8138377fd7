// SPDX-License-Identifier: Apache-2.0

/// A step on the way of an item into a vault or back that can be measured alone.
package enum BenchStage: String, CaseIterable, Sendable {
    case storeRead
    case itemOpening
    case exportLines
    case tableDigest
    case compression
    case tar
    case sealing
    case fileWrite
    case md5
    case sha256
    case fileRead
    case opening
    case untar
    case decompression
    case lineScan
    case itemSealing
    case storeInsert
    case indexBuild

    /// What people read.
    package var title: String {
        switch self {
        case .storeRead: "store read (SQLite, sealed rows)"
        case .itemOpening: "item decryption"
        case .exportLines: "export lines"
        case .tableDigest: "table digest"
        case .compression: "compression (zstd)"
        case .tar: "tar"
        case .sealing: "seal"
        case .fileWrite: "file write and fsync"
        case .md5: "MD5 of data files"
        case .sha256: "SHA-256 of bundles"
        case .fileRead: "file read"
        case .opening: "open"
        case .untar: "untar"
        case .decompression: "decompression (zstd)"
        case .lineScan: "line scan and item digests"
        case .itemSealing: "item check and encryption"
        case .storeInsert: "store insert (SQLite)"
        case .indexBuild: "index build (SQLite)"
        }
    }

    /// The commands whose way leads through this stage.
    package var commands: [BenchCommand] { BenchCommand.allCases.filter { $0.stages.contains(self) } }
}

/// A whole command that is measured.
package enum BenchCommand: String, CaseIterable, Sendable {
    case backup
    case verify
    case restore

    /// Every stage that it runs on each of its bytes.
    package var stages: [BenchStage] {
        switch self {
        case .backup:
            [
                .storeRead, .itemOpening, .exportLines, .tableDigest, .compression, .tar, .sealing, .fileWrite, .md5,
                .sha256,
            ]
        case .verify: [.md5, .sha256, .fileRead, .opening, .untar, .decompression, .lineScan]
        case .restore: Self.verify.stages + [.itemSealing, .storeInsert, .indexBuild]
        }
    }
}
