// SPDX-License-Identifier: Apache-2.0

/// The rooms of the house and who may import whom: the table of Documentation/Architecture.md as data.
///
/// The package manager checks only that a dependency is declared, not that it is wanted; these rows are what is wanted. A new target gets its row here
/// and in Architecture.md.
struct Room {
    let name: String
    /// Targets of this package that it may import.
    let ours: [String]
    /// Libraries of others that it may import, and nobody else.
    let theirs: [String]

    /// What every room may import: the language's own, and System.
    static let free: Set<String> = [
        "Foundation", "FoundationEssentials", "SystemPackage", "Glibc", "Synchronization", "Logging", "Dispatch",
    ]

    static let all = [
        Room("CArchive", theirs: ["libarchive"]),
        Room("VarveModel"),
        Room("VarveSeal", theirs: ["Crypto"]),
        Room("VarveKeys", ["VarveModel", "VarveSeal"], theirs: ["Crypto", "CryptoExtras"]),
        Room("VarveStore", ["VarveModel", "VarveSeal", "VarveKeys"], theirs: ["GRDB", "GRDBSQLite", "Crypto"]),
        Room("VarveVault", ["VarveModel", "VarveSeal", "VarveKeys", "CArchive"], theirs: ["Crypto"]),
        Room("VarveSchedule", ["VarveModel"]),
        Room(
            "VarvePipeline", ["VarveModel", "VarveSeal", "VarveKeys", "VarveStore", "VarveVault", "VarveSchedule"],
            theirs: []),
        Room("VarveConfig", ["VarveModel", "VarveSchedule"], theirs: ["Yams"]),
        Room(
            "VarveCLI",
            [
                "VarveModel", "VarveSeal", "VarveKeys", "VarveStore", "VarveVault", "VarvePipeline", "VarveConfig",
                "VarveSchedule",
            ], theirs: ["ArgumentParser"]),
        Room("varve", ["VarveCLI"]),
    ]

    private init(_ name: String, _ ours: [String] = [], theirs: [String] = []) {
        self.name = name
        self.ours = ours
        self.theirs = theirs
    }

    func mayImport(_ module: String) -> Bool {
        Self.free.contains(module) || ours.contains(module) || theirs.contains(module)
    }
}
