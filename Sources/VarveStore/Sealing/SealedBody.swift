// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials

/// The layout of everything sealed in the database: format (1) ‖ run (4) ‖ counter (8) ‖ ciphertext ‖ tag (16), integers big-endian.
///
/// Run and counter together are the nonce of AES-256-GCM. The run also says which key it is: ``TableKeys`` derives it from the table key and
/// the salt of the run.
enum SealedBody {
    static let format: UInt8 = 1
    static let nonceBytes = 12
    static let tagBytes = 16
    /// What sealing adds.
    static let overhead = 1 + nonceBytes + tagBytes

    /// The run that sealed a body; `nil` when it cannot be one.
    static func run(of body: UnsafeRawBufferPointer) -> UInt32? {
        guard body.count >= overhead, body[0] == format else { return nil }
        return UInt32(bigEndian: body.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
    }

    /// Appends a sealed body to `out`.
    static func seal(
        _ plaintext: UnsafeRawBufferPointer, run: UInt32, counter: UInt64, key: SymmetricKey, binding: Binding,
        into out: inout [UInt8]
    ) throws {
        let nonce = try withUnsafeTemporaryAllocation(byteCount: nonceBytes, alignment: 8) { bytes in
            bytes.storeBytes(of: run.bigEndian, as: UInt32.self)
            bytes.storeBytes(of: counter.bigEndian, toByteOffset: 4, as: UInt64.self)
            return try AES.GCM.Nonce(data: UnsafeRawBufferPointer(bytes))
        }
        let box = try AES.GCM.seal(plaintext, using: key, nonce: nonce, authenticating: binding.bytes)
        guard let combined = box.combined else { preconditionFailure("a nonce of 12 bytes has a combined form") }
        out.append(format)
        combined.withUnsafeBytes { out.append(contentsOf: $0) }
    }

    /// The plaintext. Throws what Crypto throws when the body was not sealed with this key for this place.
    static func open(_ body: UnsafeRawBufferPointer, key: SymmetricKey, binding: Binding) throws -> Data {
        guard body.count >= overhead, body[0] == format, let address = body.baseAddress else {
            throw CryptoKitError.incorrectParameterSize
        }
        // Only borrowed: the box does not live longer than this call.
        let combined = Data(
            bytesNoCopy: UnsafeMutableRawPointer(mutating: address + 1), count: body.count - 1, deallocator: .none)
        return try AES.GCM.open(AES.GCM.SealedBox(combined: combined), using: key, authenticating: binding.bytes)
    }
}

/// What a sealed body is tied to, as associated data: a body moved to another place does not open.
///
/// For an item: "I" ‖ row (8) ‖ version (8). For a change: "C" ‖ sequence (8) ‖ micros (8) ‖ event (1) ‖ actor (1) ‖ run (UTF-8). The table
/// needs no mention: each table has its own key.
struct Binding {
    private(set) var bytes: [UInt8]

    static func item(row: Int64, version: Int64) -> Binding {
        var binding = Binding(bytes: [UInt8](repeating: 0, count: 17))
        binding.bytes[0] = UInt8(ascii: "I")
        binding.place(row: row, version: version)
        return binding
    }

    /// Turns the binding of one item into that of another, without new memory.
    mutating func place(row: Int64, version: Int64) {
        bytes.withUnsafeMutableBytes {
            $0.storeBytes(of: row.bigEndian, toByteOffset: 1, as: Int64.self)
            $0.storeBytes(of: version.bigEndian, toByteOffset: 9, as: Int64.self)
        }
    }

    static func change(sequence: Int64, micros: Int64, event: ChangeEvent, actor: ChangeActor, run: String?) -> Binding
    {
        var bytes: [UInt8] = [UInt8(ascii: "C")]
        withUnsafeBytes(of: sequence.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: micros.bigEndian) { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(event.rawValue))
        bytes.append(UInt8(actor.rawValue))
        if let run { bytes.append(contentsOf: run.utf8) }
        return Binding(bytes: bytes)
    }
}
