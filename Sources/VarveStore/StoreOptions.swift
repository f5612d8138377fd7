// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// How an embedded store is opened. The defaults suit everybody; tests and configuration change them.
package struct StoreOptions: Sendable {
    /// How long a call waits for other processes before it fails with `.busy`.
    package var busyTimeoutMilliseconds = 10_000

    /// A snapshot gives way when the write-ahead log has grown past this while it was held: a disk that fills up stops every writer, a
    /// snapshot can be taken again.
    package var walBytesMax: Int64 = 4 << 30

    /// How long changes stay in the change log. Older ones are trimmed as writes go on.
    package var changeRetentionSeconds: Int64 = 86_400

    package var clock: any Clock = SystemClock()

    package init() {}
}

/// Bounds of the embedded store that nobody needs to configure.
enum StoreLimits {
    /// Pages of 8 KiB hold eight typical items with little waste, and a durable put still writes few bytes.
    static let pageBytes = 8192

    /// What the connection that writes keeps in memory.
    static let writerCacheKiB = 8192
    /// Point reads and ordered scans profit from the upper levels of the index; more would be the kernel's page cache twice.
    static let readerCacheKiB = 2048
    /// A heap is read once, front to back.
    static let snapshotReaderCacheKiB = 512
    /// Also what SQLite sorts in memory while it builds an index; the rest goes to temporary files.
    static let loaderCacheKiB = 24_576

    /// Connections for reading that stay open between calls.
    static let idleReadersMax = 4

    /// A write moves the log back into the database when it holds this much.
    static let walCheckpointBytes = 32 << 20
    /// What the log is cut back to once it is empty, and from where on a snapshot first tries to empty it.
    static let walKeptBytes: Int64 = 64 << 20

    /// Batches of items are handed on when they hold this much.
    static let batchBytes = 1 << 20

    /// DynamoDB takes at most 25 writes in a batch.
    static let batchWritesMax = 25
    /// DynamoDB takes at most 100 writes in a transaction.
    static let transactionWritesMax = 100
    /// DynamoDB takes at most 16 MB in a batch.
    static let batchWriteBytesMax = 16 << 20
    /// DynamoDB takes at most 4 MB in a transaction.
    static let transactionBytesMax = 4 << 20

    /// Rows of one segment of a snapshot: few enough that readers end together, enough that a segment is worth fetching.
    static let segmentRows = 4096...65_536

    /// A page of expired items ends when it holds this much.
    static let expiredBytesMax = 8 << 20

    /// Writes of a sweep in one transaction, so that other writers get their turn.
    static let sweepTransactionItems = 256

    /// Changes that one transaction trims, so that other writers get their turn.
    static let trimStep = 2048
    /// A handle looks after this many changes of its own whether the log should be trimmed.
    static let trimEvery = 1024

    /// Changes are read in pieces of about this size.
    static let changesBytesMax = 8 << 20

    /// Rows that a change of the TTL attribute looks at in one transaction.
    static let reindexRows: Int64 = 2048

    /// Subkeys of earlier runs kept derived; deriving one again takes microseconds.
    static let runKeysMax = 4096
}
