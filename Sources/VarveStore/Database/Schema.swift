// SPDX-License-Identifier: Apache-2.0

/// What the database holds. Documentation/Formats.md describes it column by column.
enum Schema {
    /// The version of everything in the database, kept as its `user_version`. A newer one is not opened.
    static let format: Int64 = 1
    /// Marks the file as a store of Varve ("VARV"), as `application_id`.
    static let application: Int64 = 0x5641_5256

    /// - `store`: one row. `check_key` is a key sealed as table keys are; a key store that does not open it belongs to another store.
    /// - `state`: counters that writes change, close together on one page. Row 0: the last sequence number and the time of the last
    ///   transaction. Row -1: how often tables were changed, and the sequence number up to which changes were trimmed. Row -2: the
    ///   last heap number. Row n > 0: items and bytes of table n.
    /// - `tables`: `heap` numbers the table's `items_<heap>`; `ttl` is the attribute for which its `ttl` column is complete.
    ///   `state` is 0 while it is loaded, 1 live, 2 dropped (kept while changes need its key).
    /// - `changes`: `event` and `actor` as in `ChangeEvent` and `ChangeActor`.
    /// - `runs`: the salts from which each run that wrote derived its keys.
    /// - `loads`: bulk loads that were not published; each holds a lock on `loads/<id>.lock` while it lives.
    static let tables = """
        CREATE TABLE store (
            id TEXT NOT NULL, created INTEGER NOT NULL, check_key BLOB NOT NULL);
        CREATE TABLE state (
            n INTEGER PRIMARY KEY, value INTEGER NOT NULL, extra INTEGER NOT NULL);
        INSERT INTO state VALUES (0, 0, 0), (-1, 0, 0), (-2, 0, 0);
        CREATE TABLE tables (
            n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, description BLOB NOT NULL,
            table_key BLOB NOT NULL, heap INTEGER NOT NULL, ttl TEXT, state INTEGER NOT NULL, created INTEGER NOT NULL, dropped INTEGER);
        CREATE UNIQUE INDEX tables_live ON tables (name) WHERE state = 1;
        CREATE TABLE changes (
            seq INTEGER PRIMARY KEY, n INTEGER NOT NULL, micros INTEGER NOT NULL, event INTEGER NOT NULL, actor INTEGER NOT NULL,
            run TEXT, items INTEGER, body BLOB);
        CREATE INDEX changes_table ON changes (n);
        CREATE INDEX changes_run ON changes (run) WHERE run IS NOT NULL;
        CREATE TABLE runs (
            id INTEGER PRIMARY KEY AUTOINCREMENT, salt BLOB NOT NULL, created INTEGER NOT NULL);
        CREATE TABLE loads (
            id TEXT PRIMARY KEY, n INTEGER NOT NULL, heap INTEGER NOT NULL);
        """

    /// Rows in the order in which they came: reading all of them, and loading many, is sequential.
    static func createHeap(_ heap: Int64) -> String {
        """
        CREATE TABLE items_\(heap) (
            row INTEGER PRIMARY KEY, version INTEGER NOT NULL, sort BLOB NOT NULL, hash BLOB NOT NULL, ttl INTEGER, body BLOB NOT NULL)
        """
    }

    static func createKeyIndex(_ heap: Int64) -> String {
        "CREATE UNIQUE INDEX items_\(heap)_key ON items_\(heap) (hash, sort)"
    }

    static func createTTLIndex(_ heap: Int64) -> String {
        "CREATE INDEX items_\(heap)_ttl ON items_\(heap) (ttl) WHERE ttl IS NOT NULL"
    }

    static func dropHeap(_ heap: Int64) -> String { "DROP TABLE IF EXISTS items_\(heap)" }
}
