// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// Where a vault's objects are kept: a directory now, an S3 bucket later. Safe to use from several threads.
///
/// What an implementation promises (`StorageConformanceTests` holds each to it):
/// - **Write-once.** An object appears whole and durable when `commit` or `put` returns, or not at all. Of several writers of one name exactly one
///   wins; the others get `.exists` and change nothing. Only ``replace(_:_:)``, which leases use, overwrites.
/// - **Failures are typed**: `.full` when no space is left, `.io` for the rest, `.notFound` and `.exists`; and they leave no object behind.
/// - **Listings are true**: they show every committed object and nothing else, in ascending order of path. They look at the folders of the root in this
///   order, too: whoever commits `catalog/` last is never seen with that alone.
package protocol VaultStorage: Sendable {
    /// Where this is, for messages.
    var location: String { get }

    /// How many threads should read small objects at the same time: one alone waits for most of its time.
    var readersMax: Int { get }

    /// Begins an object. Nothing is visible before its `commit()`.
    func writer(_ path: ObjectPath) throws -> any ObjectWriter

    /// Writes a small object in one step.
    func put(_ path: ObjectPath, _ bytes: [UInt8]) throws

    /// The whole of a small object; `.limitExceeded` if it is longer than `limit`.
    func get(_ path: ObjectPath, atMost limit: Int) throws -> [UInt8]

    /// Reads an object from its beginning.
    func reader(_ path: ObjectPath) throws -> any ObjectReader

    /// Size and time of one object; nil if there is none.
    func info(_ path: ObjectPath) throws -> ObjectInfo?

    /// Every object whose path begins with `prefix`; all of them for an empty one.
    func list(_ prefix: String) throws -> [ObjectInfo]

    /// The paths of every object whose path begins with `prefix`, where sizes and times would cost something and are not needed.
    func paths(_ prefix: String) throws -> [ObjectPath]

    /// The names of the folders in a folder (its path with a slash at its end; empty for the root): what stands between it and the next slash of the
    /// paths of objects. In ascending order; a folder that is left empty may be among them.
    func folders(_ folder: String) throws -> [String]

    /// Removes an object. One that is not there is no error: a delete may be tried again.
    func delete(_ path: ObjectPath) throws

    /// Writes an object, over an older one if there is one. For leases only.
    func replace(_ path: ObjectPath, _ bytes: [UInt8]) throws

    /// What writers that died have left, and no object names: temporary files, unfinished uploads. Only those that nobody writes any more and that were
    /// last touched before `instant`.
    func remains(before instant: Instant) throws -> [StorageRemains]

    /// Removes one of ``remains(before:)``.
    func remove(_ remains: StorageRemains) throws
}

/// One object as a listing shows it.
package struct ObjectInfo: Hashable, Sendable {
    package let path: ObjectPath
    package let bytes: Int
    package let modified: Instant

    package init(path: ObjectPath, bytes: Int, modified: Instant) {
        self.path = path
        self.bytes = bytes
        self.modified = modified
    }
}

/// What a dead writer left in a storage.
package struct StorageRemains: Hashable, Sendable {
    /// The name by which the storage knows it; not an object's path.
    package let name: String
    package let bytes: Int
    package let modified: Instant
}

/// Writes one object, used by one thread at a time. Dropped without ``commit()`` it leaves nothing.
package protocol ObjectWriter: AnyObject {
    func write(_ bytes: UnsafeRawBufferPointer) throws
    /// Makes the object durable, then visible.
    func commit() throws
    /// Gives up; does nothing after a commit.
    func abandon()
}

/// Reads one object from its beginning to its end, used by one thread at a time.
package protocol ObjectReader: AnyObject {
    /// The object's size when it was opened.
    var bytes: Int { get }
    /// Fills `buffer` as far as it can; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}
