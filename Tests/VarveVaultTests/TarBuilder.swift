// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import VarveModel
import VarveSeal
import VarveVault

/// Makes tar archives that no sound program makes, and seals them as bundles.
struct TarBuilder {
    var bytes: [UInt8] = []

    /// One ustar header, then `content`, padded.
    mutating func add(
        _ name: String, _ content: [UInt8] = [], type: Character = "0", link: String = "", claims size: UInt64? = nil
    ) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        put(String(name.prefix(100)), at: 0)
        put("0000644\0", at: 100)
        put("0000000\0", at: 108)
        put("0000000\0", at: 116)
        let size = size ?? UInt64(content.count)
        if size < 1 << 33 {
            put(String(repeating: "0", count: 11 - String(size, radix: 8).count) + String(size, radix: 8), at: 124)
        } else {
            // GNU's binary form for sizes that octal digits cannot say.
            header[124] = 0x80
            for index in 0..<8 { header[128 + index] = UInt8(truncatingIfNeeded: size >> UInt64(56 - 8 * index)) }
        }
        put("00000000000\0", at: 136)
        put("        ", at: 148)
        put(String(type), at: 156)
        put(String(link.prefix(100)), at: 157)
        put("ustar\u{0}00", at: 257)
        let sum = header.reduce(0) { $0 + Int($1) }
        let octal = String(sum, radix: 8)
        put(String(repeating: "0", count: 6 - octal.count) + octal + "\0 ", at: 148)
        bytes += header + content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    mutating func end() { bytes += [UInt8](repeating: 0, count: 1024) }

    static let exportID = "01763892000000-0123abcd"
    static let key = RawAESKey(
        namespace: "varve", name: "key", key: SymmetricKey(data: [UInt8](repeating: 5, count: 32)))

    static func context(_ name: String = "000001.tar.esdk") throws -> EncryptionContext {
        try BundleContext.bundle(origin: "vault", table: "table", snapshot: "snapshot", name: name)
    }

    /// Seals the archive, stores it and gives a reader of it.
    func reader(_ storage: any VaultStorage, name: String = "000001.tar.esdk") throws -> BundleReader {
        let sealed = try Message.seal(bytes, context: try Self.context(name), recipients: [Self.key], frameBytes: 4096)
        return try Self.reader(storage, sealed: sealed, name: name)
    }

    static func reader(
        _ storage: any VaultStorage, sealed: [UInt8], name: String = "000001.tar.esdk"
    ) throws -> BundleReader {
        let path = try ObjectPath("b/\(RandomID.make())/\(name)")
        try storage.put(path, sealed)
        let sha256 = SHA256.hash(data: sealed).map { String(format: "%02x", $0) }.joined()
        let record = BundleRecord(
            name: name, items: 0, rawBytes: 0, sealedBytes: sealed.count, sha256: sha256, dataFiles: 0)
        return BundleReader(
            storage: storage, path: path, record: record, exportID: exportID, context: try context(name), key: key)
    }
}
