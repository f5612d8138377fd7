// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// Where live tables are: the seam between pipelines and stores.
///
/// An implementation promises: every call is thread-safe; items go in and out as canonical bytes; a call that throws has changed nothing,
/// unless it says otherwise. `TableStoreConformance` in the tests holds every implementation to it.
package protocol TableStore: Sendable {
    /// All tables, by name.
    func tables() throws -> [TableDescription]
    func describe(_ name: String) throws -> TableDescription

    /// Makes an empty table. The store chooses its id and time of creation, and says so in what it returns.
    func createTable(_ description: TableDescription) throws -> TableDescription
    func dropTable(_ name: String) throws
    /// Says which attribute holds the time to live, and whether expired items may be swept.
    func updateTimeToLive(of table: String, to setting: TimeToLive) throws -> TableDescription

    /// Opens one state of a table for `readers` readers. Writers are not held up by it.
    func snapshot(of table: String, readers: Int) throws -> any TableSnapshot

    /// Begins to fill a table that nobody sees before ``BulkLoad/publish()``.
    func bulkLoad(_ description: TableDescription, into target: LoadTarget, origin: LoadOrigin) throws -> any BulkLoad

    /// Items that have expired by the rules of DynamoDB, the longest expired first, from behind `cursor`. At most `limit`, and fewer where
    /// they are large; none only where there are none.
    func expired(
        in table: String, at now: Instant, grace seconds: Int64, after cursor: ExpiryCursor?, limit: Int
    ) throws -> [ExpiredItem]
    /// How much has expired and is still there, at a cost in proportion to that.
    func expiryBacklog(in table: String, at now: Instant, grace seconds: Int64) throws -> ExpiryBacklog
    /// Deletes each item if it still is the very version that was found. The outcomes come in the order of `items`.
    func deleteExpired(from table: String, _ items: [ItemVersion], sweep: String) throws -> [SweepOutcome]
    /// How many deletions of a sweep the change log still holds.
    func deletions(bySweep sweep: String) throws -> Int
    /// How many items expire so far ahead that the value is likely in milliseconds. They never expire.
    func suspiciousExpiries(in table: String, at now: Instant) throws -> Int
}

/// The instant and the position in the change log at which a snapshot is consistent.
package struct Cut: Hashable, Sendable {
    package let time: Instant
    /// Every change up to and including this one is in the snapshot, and no later one.
    package let sequence: Int64

    package init(time: Instant, sequence: Int64) {
        self.time = time
        self.sequence = sequence
    }
}

/// One state of a table, for reading.
///
/// The table is cut into ``segments``; whoever reads takes one after the other from a common queue and reads each once.
package protocol TableSnapshot: Sendable {
    var description: TableDescription { get }
    var cut: Cut { get }
    /// For progress; exact in the embedded store.
    var approximateItems: Int { get }
    var segments: Int { get }

    /// Hands out a segment's items in batches of about 1 MiB, which `body` may read but should not keep.
    ///
    /// Different readers (0 ..< the number asked for) may read at the same time, one reader only one segment at a time.
    func read(segment: Int, reader: Int, _ body: (ItemBatch) throws -> Void) throws

    /// Lets go of the state. Reading fails afterwards; closing again does nothing.
    func close()
}

/// Where a bulk load goes.
package enum LoadTarget: Hashable, Sendable {
    /// A table of the description's name, which must not exist when the load is published.
    case newTable
    /// An existing table, which must be empty when the load begins and when it is published.
    case existingEmpty(String)
}

/// Who loads, for the change log.
package struct LoadOrigin: Hashable, Sendable {
    /// ``ChangeActor/restore`` or ``ChangeActor/import``.
    package let actor: ChangeActor
    /// What the load came from or belongs to: the id of a snapshot or a run.
    package let run: String?

    package init(_ actor: ChangeActor, run: String? = nil) {
        self.actor = actor
        self.run = run
    }
}

/// A table in the making.
///
/// Add from as many threads as you like; then ``finishLoading()``; then read back, if you like; then ``publish()`` or ``discard()``. A load
/// that is forgotten or whose process is killed leaves nothing behind.
package protocol BulkLoad: Sendable {
    /// Checks, seals and stores items. They must be canonical and have the table's keys.
    ///
    /// - Parameter keeps: Which of them are stored, by key and canonical bytes; nil: all.
    func add(_ batch: ItemBatch, where keeps: ((ItemKey, UnsafeRawBufferPointer) throws -> Bool)?) throws
    /// Builds the indexes and finds two items of one key. Returns how many items were loaded.
    func finishLoading() throws -> Int
    /// What was loaded, as a snapshot of the table would give it. It must be closed before ``publish()``.
    func loaded(readers: Int) throws -> any TableSnapshot
    /// Makes the table visible, durably, and writes one `loaded` record to the change log.
    func publish() throws -> TableDescription
    /// Removes everything. After ``publish()``, or again, it does nothing.
    func discard() throws
}

extension BulkLoad {
    package func add(_ batch: ItemBatch) throws { try add(batch, where: nil) }

    /// Hands out everything that was loaded, on this thread.
    package func readBack(_ body: (ItemBatch) throws -> Void) throws {
        let snapshot = try loaded(readers: 1)
        defer { snapshot.close() }
        for segment in 0..<snapshot.segments { try snapshot.read(segment: segment, reader: 0, body) }
    }
}

/// Names one version of one item. No other version of any item of the table ever has the same name.
package struct ItemVersion: Hashable, Sendable {
    package let row: Int64
    package let version: Int64

    package init(row: Int64, version: Int64) {
        self.row = row
        self.version = version
    }
}

/// An item whose time to live is over.
package struct ExpiredItem: Sendable {
    package let version: ItemVersion
    /// Seconds since 1970.
    package let expiredAt: Int64
    package let bytes: [UInt8]

    package var cursor: ExpiryCursor { ExpiryCursor(expiredAt: expiredAt, row: version.row) }
}

/// What has expired and not been swept yet.
package struct ExpiryBacklog: Hashable, Sendable {
    package let items: Int
    /// How long ago the longest expired of them could have been swept first; 0 where there is none.
    package let lagSeconds: Int64

    package init(items: Int = 0, lagSeconds: Int64 = 0) {
        self.items = items
        self.lagSeconds = lagSeconds
    }
}

/// How far a pass over expired items has come.
package struct ExpiryCursor: Hashable, Sendable {
    package let expiredAt: Int64
    package let row: Int64
}

package enum SweepOutcome: String, Sendable {
    case deleted
    /// The item was written again after it had been found, and stays.
    case changed
    /// The item is no longer there.
    case gone
}
