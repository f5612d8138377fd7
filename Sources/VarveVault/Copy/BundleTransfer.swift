// SPDX-License-Identifier: Apache-2.0

import VarveModel

/// Takes a bundle from one vault to another, byte for byte.
enum BundleTransfer {
    private static let bufferBytes = 1 << 20

    /// Reads a bundle whole into a writer of the other vault, and hands the writer out only if the bytes are those that `bundle` states.
    ///
    /// Nothing is visible in the target before the writer commits.
    ///
    /// - Parameter read: Hears of each stretch of bytes; what it throws ends the transfer.
    static func prepare(
        _ bundle: BundleRecord, at path: ObjectPath, from source: Vault, to target: Vault, _ read: (Int) throws -> Void
    ) throws -> any ObjectWriter {
        let place = source.storage.location
        let reader: any ObjectReader
        do {
            reader = try source.storage.reader(path)
        } catch let error as VaultError where error.code == .notFound {
            throw VaultError(.missing, "Bundle '\(path)' is missing in '\(place)', where a copy of it should be.")
        }
        guard reader.bytes == bundle.sealedBytes else {
            throw VaultError(
                .damaged,
                "Bundle '\(path)' in '\(place)' has \(reader.bytes) bytes but its manifest says \(bundle.sealedBytes). It was not copied."
            )
        }
        let writer = try target.storage.writer(path)
        do {
            var hash = ObjectHash()
            var buffer = [UInt8](repeating: 0, count: bufferBytes)
            while true {
                let count = try buffer.withUnsafeMutableBytes { bytes in
                    let count = try reader.read(into: bytes)
                    let part = UnsafeRawBufferPointer(rebasing: bytes[..<count])
                    hash.update(part)
                    try writer.write(part)
                    return count
                }
                if count == 0 { break }
                try read(count)
            }
            guard Hex.text(hash.finalize()) == bundle.sha256 else {
                throw VaultError(
                    .damaged,
                    "Bundle '\(path)' in '\(place)' does not have the SHA-256 that its manifest records. It was not copied."
                )
            }
            return writer
        } catch {
            writer.abandon()
            throw error
        }
    }
}
