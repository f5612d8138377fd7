// SPDX-License-Identifier: Apache-2.0

/// What is sealed in a change record: keys, old image, new image, each as its length (4, big-endian; all ones if there is none) and its bytes.
struct ChangeBody {
    let keys: [UInt8]?
    let oldImage: [UInt8]?
    let newImage: [UInt8]?

    private static let absent = UInt32.max

    init(keys: [UInt8]?, oldImage: [UInt8]?, newImage: [UInt8]?) {
        self.keys = keys
        self.oldImage = oldImage
        self.newImage = newImage
    }

    /// `nil` when the bytes are not of this layout.
    init?(_ bytes: [UInt8]) {
        var at = 0
        func part() -> [UInt8]?? {
            guard bytes.count - at >= 4 else { return nil }
            let length = bytes[at..<at + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            at += 4
            if length == Self.absent { return .some(nil) }
            guard bytes.count - at >= Int(length) else { return nil }
            defer { at += Int(length) }
            return .some(Array(bytes[at..<at + Int(length)]))
        }
        guard let keys = part(), let old = part(), let new = part(), at == bytes.count else { return nil }
        self.init(keys: keys, oldImage: old, newImage: new)
    }

    var bytes: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(12 + (keys?.count ?? 0) + (oldImage?.count ?? 0) + (newImage?.count ?? 0))
        for part in [keys, oldImage, newImage] {
            let length = part.map { UInt32($0.count) } ?? Self.absent
            withUnsafeBytes(of: length.bigEndian) { out.append(contentsOf: $0) }
            if let part { out.append(contentsOf: part) }
        }
        return out
    }
}
