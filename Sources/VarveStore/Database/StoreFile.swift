// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import Glibc
import SystemPackage
import VarveKeys
import VarveModel
import VarveSeal

/// Makes the database of a store, and checks one before it is used.
enum StoreFile {
    /// Makes the database under another name first, so that a store is there whole or not at all.
    static func create(in folder: FilePath, keys: KeyStore, now: Instant) throws {
        let file = folder.appending(EmbeddedStore.fileName)
        try makeFolder(folder)
        guard !exists(file) else { throw alreadyThere(folder) }
        let draft = folder.appending(".new-\(RandomID.make())")
        defer {
            for suffix in ["", "-wal", "-shm", "-journal"] { unlink(draft.string + suffix) }
        }
        try makeEmpty(draft)
        do {
            let connection = try Connection(draft, role: .writer, options: StoreOptions())
            try connection.access { try fill($0, keys: keys, now: now) }
        }
        try sync(draft)
        // Unlike a rename, a link never replaces what another process has made meanwhile.
        guard link(draft.string, file.string) == 0 else {
            if errno == EEXIST { throw alreadyThere(folder) }
            throw StoreError(.io, "The store's database '\(file)' could not be created.", cause: Errno(rawValue: errno))
        }
        try sync(folder)
    }

    private static func fill(_ access: Connection.Access, keys: KeyStore, now: Instant) throws {
        try access.execute(
            """
            PRAGMA page_size = \(StoreLimits.pageBytes); PRAGMA auto_vacuum = NONE; PRAGMA journal_mode = WAL;
            PRAGMA application_id = \(Schema.application);
            """)
        let id = RandomID.make()
        let sealed = try keys.sealKey(SymmetricKey(size: .bits256), under: "owned", context: checkContext(id))
        try access.beginWrite()
        try access.execute(Schema.tables)
        let insert = try access.statement("INSERT INTO store (id, created, check_key) VALUES (?, ?, ?)")
        insert.bind(id, at: 1)
        insert.bind(now.microseconds, at: 2)
        insert.bind(sealed, at: 3)
        try insert.run()
        try access.execute("PRAGMA user_version = \(Schema.format)")
        try access.commit()
    }

    /// Throws unless there is a database in the folder.
    static func check(in folder: FilePath) throws {
        guard exists(folder.appending(EmbeddedStore.fileName)) else {
            throw StoreError(.noStore, "There is no store at '\(folder)'. 'varve init' makes one.")
        }
    }

    /// Checks that the database is a store that this version and these keys open, and returns its id.
    static func identify(on access: Connection.Access, folder: FilePath, keys: KeyStore) throws -> String {
        let application: Int64?
        let format: Int64
        do {
            application = try access.statement("PRAGMA application_id").number()
            format = try access.statement("PRAGMA user_version").number() ?? 0
        } catch let error as StoreError where error.code == .damaged {
            throw StoreError(
                .damaged, "The database at '\(folder)' is damaged, or is none: nothing can be read from it.",
                cause: error)
        }
        guard application == Schema.application, format > 0 else {
            throw StoreError(.noStore, "The database at '\(folder)' is not a store of Varve.")
        }
        guard format <= Schema.format else {
            throw StoreError(
                .newerFormat,
                "The store at '\(folder)' has format \(format); this version of Varve knows formats up to \(Schema.format). Use the newer "
                    + "version that wrote it.")
        }
        let select = try access.statement("SELECT id, check_key FROM store")
        defer { select.reset() }
        guard try select.step(), let id = select.text(0) else {
            throw StoreError(.damaged, "The store at '\(folder)' has lost its identity: the database is damaged.")
        }
        do {
            _ = try keys.openKey(Array(select.blob(1)), expecting: checkContext(id))
        } catch {
            throw StoreError(
                .keyMismatch,
                "The store at '\(folder)' was not made with this key store. Name the key store that belongs to it.",
                cause: error)
        }
        return id
    }

    static func checkContext(_ id: String) -> EncryptionContext {
        ["varve:store": id, "varve:part": "check"]
    }

    private static func alreadyThere(_ folder: FilePath) -> StoreError {
        StoreError(.exists, "There is a store at '\(folder)' already. Open it, or choose another folder.")
    }

    // MARK: Files

    /// Bytes of a file, 0 if there is none. It asks for the name: opening and closing the database would drop SQLite's locks.
    static func size(_ path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    static func exists(_ path: FilePath) -> Bool { access(path.string, F_OK) == 0 }

    /// Makes a folder that only its owner can enter, and those above it.
    static func makeFolder(_ path: FilePath) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path.string, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw StoreError(.io, "The folder '\(path)' could not be created.", cause: error)
        }
    }

    private static func makeEmpty(_ path: FilePath) throws {
        do {
            // SQLite gives the files beside it the same permissions.
            try FileDescriptor.open(
                path, .writeOnly, options: [.create, .exclusiveCreate], permissions: [.ownerReadWrite]
            ).close()
        } catch {
            throw StoreError(.io, "The file '\(path)' could not be created.", cause: error)
        }
    }

    private static func sync(_ path: FilePath) throws {
        do {
            let file = try FileDescriptor.open(path, .readOnly)
            defer { try? file.close() }
            guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
        } catch {
            throw StoreError(.io, "'\(path)' could not be written to the disk.", cause: error)
        }
    }
}
