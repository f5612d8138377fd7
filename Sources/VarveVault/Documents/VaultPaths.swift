// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// The names of all objects in a vault.
package enum VaultPaths {
    package static let tables = "tables/"
    package static let catalog = "catalog/"
    package static let keys = "keys/"
    package static let tombstones = "tombstones/"
    package static let holds = "holds/"
    package static let locks = "locks/"
    package static let leases = "leases/"
    package static let manifestName = "manifest.json"
    package static let outcomeName = "outcome.json"
    /// A table's name may have 255 bytes, which is all that a file name may have; the id that follows tells tables apart.
    static let tableNameBytesMax = 200

    /// `tables/<table>~<table id>/`
    package static func tableFolder(_ table: Manifest.TableIdentity) -> String {
        let name =
            table.name.utf8.count <= tableNameBytesMax ? table.name : String(table.name.prefix(tableNameBytesMax))
        return "\(tables)\(name)~\(table.id)/"
    }

    /// `<started>~<id>`, by which a snapshot's folder and its catalog entry go.
    package static func stem(started: Instant, id: String) -> String { "\(started.compact)~\(id)" }

    /// The folder of one snapshot, sweep or segment, with a slash at its end. Segments are many, and lie in a folder for each day.
    package static func folder(
        _ kind: Manifest.Kind, _ table: Manifest.TableIdentity, started: Instant, id: String
    ) -> String {
        let stem = stem(started: started, id: id)
        return "\(tableFolder(table))\(kind.folder)/\(kind == .log ? "\(stem.prefix(8))/" : "")\(stem)/"
    }

    /// The folder of a table's segments, with a slash at its end.
    package static func folder(ofLog table: Manifest.TableIdentity) -> String {
        "\(tableFolder(table))\(Manifest.Kind.log.folder)/"
    }

    /// What an object in the folder of a snapshot, sweep or segment belongs to, and its name there; nil for all other objects.
    static func part(_ path: ObjectPath) -> (kind: Manifest.Kind, stem: String, name: String)? {
        guard path.text.hasPrefix(tables) else { return nil }
        let parts = path.parts
        guard parts.count >= 5, let kind = Manifest.Kind.allCases.first(where: { $0.folder == parts[2] })
        else { return nil }
        if kind == .log {
            guard parts.count == 6, parts[4].prefix(8) == parts[3] else { return nil }
            return (kind, parts[4], parts[5])
        }
        return parts.count == 5 ? (kind, parts[3], parts[4]) : nil
    }

    /// `catalog/<year>/<month>/<started>~<id>.json`
    package static func catalogEntry(started: Instant, id: String) -> String {
        catalogEntry(stem: stem(started: started, id: id))
    }

    static func catalogEntry(stem: String) -> String {
        "\(catalog)\(stem.prefix(4))/\(stem.dropFirst(4).prefix(2))/\(stem).json"
    }

    /// `keys/<key id>/`
    package static func keyFolder(_ id: String) -> String { "\(keys)\(id)/" }

    package static func keyFile(_ id: String, number: Int) -> String {
        keyFolder(id) + padded(number, to: 4) + ".key"
    }

    /// `tombstones/<time>~<id of the recovery point>.json`
    package static func tombstone(at time: Instant, id: String) -> String {
        "\(tombstones)\(stem(started: time, id: id)).json"
    }

    private static let removalEnd = ".removal.json"
    static let releasedEnd = ".released.json"

    /// `tombstones/<time>~<id of the record>.removal.json`
    package static func removal(at time: Instant, id: String) -> String {
        "\(tombstones)\(stem(started: time, id: id))\(removalEnd)"
    }

    static func isRemoval(_ path: ObjectPath) -> Bool {
        path.text.hasPrefix(tombstones) && path.text.hasSuffix(removalEnd)
    }

    /// `holds/<time>~<id>.json`
    package static func hold(at time: Instant, id: String) -> String {
        "\(holds)\(stem(started: time, id: id)).json"
    }

    /// `holds/<time>~<id of the hold>.released.json`
    package static func release(at time: Instant, hold: String) -> String {
        "\(holds)\(stem(started: time, id: hold))\(releasedEnd)"
    }

    /// `locks/<time>~<id>.json`
    package static func lock(at time: Instant, id: String) -> String {
        "\(locks)\(stem(started: time, id: id)).json"
    }

    package static func bundle(number: Int) -> String { padded(number, to: 6) + ".tar.esdk" }

    /// `000001.tar.esdk` and the like; bundles have no other names.
    package static func isBundleName(_ name: String) -> Bool {
        let digits = name.utf8.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        return digits.count == 6 && name.hasSuffix(".tar.esdk") && name.utf8.count == digits.count + 9
    }

    static func padded(_ number: Int, to width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
