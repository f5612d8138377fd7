// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import SystemPackage
import VarveSeal

/// Keys and texts that the tests of this target share.
enum Samples {
    static let key = RawAESKey(namespace: "varve", name: "first", key: SymmetricKey(data: [UInt8](0..<32)))
    static let other = RawAESKey(namespace: "varve-escrow", name: "second", key: SymmetricKey(data: [UInt8](32..<64)))
    static let context: EncryptionContext = ["varve:origin": "lake", "varve:bundle": "000001.tar.esdk"]

    /// The text of the vectors: ASCII, repeated and cut.
    static func text(_ count: Int) -> [UInt8] {
        let line = Array("varve: layered, dated, sealed. ".utf8)
        return (0..<count).map { line[$0 % line.count] }
    }

    static func fixture(_ name: String) throws -> [UInt8] {
        guard let folder = Bundle.module.resourceURL else { throw CocoaError(.fileNoSuchFile) }
        return Array(try Data(contentsOf: folder.appendingPathComponent("Fixtures").appendingPathComponent(name)))
    }

    static func fixturePath(_ name: String) throws -> FilePath {
        guard let folder = Bundle.module.resourceURL else { throw CocoaError(.fileNoSuchFile) }
        return FilePath(folder.path).appending("Fixtures").appending(name)
    }
}

/// What came of opening a message frame by frame.
struct Opening {
    var released: [[UInt8]] = []
    var code: SealError.Code?
    var context: EncryptionContext?
    /// How many bytes of the message were asked for before it ended, at most in one go.
    var consumed = 0
    var largestRequest = 0

    var plaintext: [UInt8] { released.flatMap { $0 } }

    /// - Parameter step: How many bytes the source gives at most in one call.
    init(
        _ message: [UInt8], keys: [any DataKeyWrapper] = [Samples.key], expecting: EncryptionContext? = nil,
        step: Int = .max
    ) {
        var at = 0
        var largest = 0
        do {
            var opener = try MessageOpener(keys: keys, expecting: expecting) { buffer in
                largest = max(largest, buffer.count)
                let count = min(buffer.count, message.count - at, step)
                buffer.copyBytes(from: message[at..<at + count])
                at += count
                return count
            }
            context = opener.context
            while let frame = try opener.next() { released.append(frame) }
        } catch let error as SealError {
            code = error.code
        } catch {
            code = nil
        }
        consumed = at
        largestRequest = largest
    }
}
