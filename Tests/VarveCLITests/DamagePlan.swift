// SPDX-License-Identifier: Apache-2.0

import Crypto
import VarveTestKit

/// The kinds of object that a vault has. Each is damaged in every way that there is.
enum DamagedClass: String, CaseIterable, Sendable {
    case vault = "vault.json"
    case readme = "README.txt"
    case key = "key file"
    case bundle = "bundle"
    case index = "index bundle"
    case manifest
    case catalog = "catalog copy"
    case outcome = "outcome.json"
}

/// One way to damage a vault.
struct Damage: Sendable, CustomStringConvertible {
    /// What to write where; nil removes the object.
    let changes: [String: [UInt8]?]
    let classes: Set<DamagedClass>
    let kind: String
    let detail: String

    var description: String { "\(kind) of \(detail)" }
}

/// Draws damages, so that every class, every field of every class and every kind comes round before any comes again.
struct DamagePlan {
    private let objects: [String: [UInt8]]
    private let byClass: [DamagedClass: [String]]
    private let flips: [(class: DamagedClass, field: String, places: [(path: String, range: Range<Int>)])]
    private let others: [@Sendable (DamagePlan, inout SeededGenerator) -> Damage?]
    /// How many fields there are to flip bits in.
    var fieldCount: Int { flips.count }

    /// - Parameter objects: The pristine vault, without what nothing knows.
    init(_ objects: [String: [UInt8]]) {
        self.objects = objects
        var byClass: [DamagedClass: [String]] = [:]
        for path in objects.keys.sorted() {
            if let kind = Self.classOf(path, in: objects) { byClass[kind, default: []].append(path) }
        }
        self.byClass = byClass
        var strata: [String: (DamagedClass, String, [(String, Range<Int>)])] = [:]
        for (kind, paths) in byClass {
            for path in paths {
                for field in DamageFields.of(path, objects[path] ?? []) {
                    strata["\(kind.rawValue)/\(field.name)", default: (kind, field.name, [])].2.append(
                        (path, field.range))
                }
            }
        }
        flips = strata.sorted { $0.key < $1.key }.map { ($0.value.0, $0.value.1, $0.value.2) }
        others = Self.kinds
    }

    static func classOf(_ path: String, in objects: [String: [UInt8]]) -> DamagedClass? {
        if path == "vault.json" { return .vault }
        if path == "README.txt" { return .readme }
        if path.hasPrefix("keys/") { return .key }
        if path.hasPrefix("catalog/") { return .catalog }
        if path.hasSuffix("/manifest.json") { return .manifest }
        if path.hasSuffix("/outcome.json") { return .outcome }
        guard path.hasSuffix(".tar.esdk") else { return nil }
        let folder = path.prefix(path.utf8.count - "000001.tar.esdk".utf8.count)
        // Bundles are numbered; the last one of a folder is the index.
        let last = objects.keys.filter { $0.hasPrefix(folder) && $0.hasSuffix(".tar.esdk") }.max()
        return path == last ? .index : .bundle
    }

    /// Damage number `number`; the same number and generator give the same.
    func draw(_ number: Int, _ random: inout SeededGenerator) -> Damage {
        var number = number
        while true {
            // Half are flips: first every field once, then at random by field.
            let damage =
                number % 2 == 0
                ? flip(number / 2, &random) : others[number / 2 % others.count](self, &random)
            if let damage, damage.changes.contains(where: { objects[$0.key] != $0.value }) { return damage }
            number += 2
        }
    }

    // MARK: Flips

    private func flip(_ number: Int, _ random: inout SeededGenerator) -> Damage? {
        let stratum = flips[number < flips.count ? number : Int.random(in: 0..<flips.count, using: &random)]
        guard let place = stratum.places.randomElement(using: &random), var bytes = objects[place.path] else {
            return nil
        }
        let position = Int.random(in: place.range, using: &random)
        let bit = Int.random(in: 0..<8, using: &random)
        bytes[position] ^= 1 << bit
        return Damage(
            changes: [place.path: bytes], classes: [stratum.class], kind: "flip",
            detail: "bit \(bit) of byte \(position) of \(place.path) (\(stratum.field))")
    }

    // MARK: Everything else

    private typealias Kind = @Sendable (DamagePlan, inout SeededGenerator) -> Damage?

    private static let kinds: [Kind] =
        DamagedClass.allCases.flatMap { kind -> [Kind] in
            [
                { $0.change(kind, "cut", &$1) { Array($0.prefix(Int.random(in: 0..<$0.count, using: &$1))) } },
                { plan, random in plan.cutAtField(kind, &random) },
                { $0.change(kind, "extension", &$1) { $0 + $1.bytes(Int.random(in: 1...64, using: &$1)) } },
                {
                    $0.change(kind, "extension by zeros or its own end", &$1) { bytes, random in
                        Bool.random(using: &random)
                            ? bytes + [UInt8](repeating: 0, count: Int.random(in: 1...512, using: &random))
                            : bytes + bytes.suffix(Int.random(in: 1...80, using: &random))
                    }
                },
                { plan, random in plan.remove(kind, &random) },
                { plan, random in plan.swap(kind, kind, &random) },
                { plan, random in
                    DamagedClass.allCases.randomElement(using: &random).flatMap { plan.swap(kind, $0, &random) }
                },
                { plan, random in plan.replay(kind, &random) },
            ]
        }
        + Array(
            repeating: [
                { plan, random in plan.removeBothCopies(&random) },
                { plan, random in plan.replayManifest(bothCopies: false, &random) },
                { plan, random in plan.replayManifest(bothCopies: true, &random) },
                { plan, random in plan.edit(bothCopies: false, &random) },
                { plan, random in plan.edit(bothCopies: true, &random) },
                { plan, random in plan.editOutcome(&random) },
                { plan, random in plan.frames("two frames swapped", &random) { $0.swapAt($1, $2) } },
                { plan, random in
                    plan.frames("a frame twice", &random) { frames, one, _ in
                        frames.insert(frames[one], at: one)
                    }
                },
                { plan, random in plan.frames("a frame left out", &random) { frames, one, _ in frames.remove(at: one) }
                },
                { plan, random in plan.foreignFrame(&random) },
            ] as [Kind], count: 2
        ).flatMap { $0 }

    private func any(_ kind: DamagedClass, _ random: inout SeededGenerator) -> (path: String, bytes: [UInt8])? {
        byClass[kind]?.randomElement(using: &random).map { ($0, objects[$0] ?? []) }
    }

    private func change(
        _ kind: DamagedClass, _ name: String, _ random: inout SeededGenerator,
        _ body: ([UInt8], inout SeededGenerator) -> [UInt8]
    ) -> Damage? {
        guard let (path, bytes) = any(kind, &random) else { return nil }
        let changed = body(bytes, &random)
        return Damage(
            changes: [path: changed], classes: [kind], kind: name, detail: "\(path), \(bytes.count) to \(changed.count)"
        )
    }

    private func cutAtField(_ kind: DamagedClass, _ random: inout SeededGenerator) -> Damage? {
        guard let (path, bytes) = any(kind, &random),
            let field = DamageFields.of(path, bytes).randomElement(using: &random)
        else { return nil }
        return Damage(
            changes: [path: Array(bytes.prefix(field.range.lowerBound))], classes: [kind], kind: "cut at a field",
            detail: "\(path) before \(field.name)")
    }

    private func remove(_ kind: DamagedClass, _ random: inout SeededGenerator) -> Damage? {
        guard let (path, _) = any(kind, &random) else { return nil }
        return Damage(changes: [path: nil], classes: [kind], kind: "removal", detail: path)
    }

    private func swap(_ one: DamagedClass, _ other: DamagedClass, _ random: inout SeededGenerator) -> Damage? {
        guard let first = any(one, &random), let second = any(other, &random), first.bytes != second.bytes else {
            return nil
        }
        return Damage(
            changes: [first.path: second.bytes, second.path: first.bytes], classes: [one, other],
            kind: one == other ? "swap" : "swap across classes", detail: "\(first.path) and \(second.path)")
    }

    /// An object stands twice: in its own place and in that of another of its class.
    private func replay(_ kind: DamagedClass, _ random: inout SeededGenerator) -> Damage? {
        guard let first = any(kind, &random), let second = any(kind, &random), first.bytes != second.bytes else {
            return nil
        }
        return Damage(
            changes: [first.path: second.bytes], classes: [kind], kind: "replay",
            detail: "\(second.path) in the place of \(first.path)")
    }

    // MARK: Manifests

    /// Both places of one manifest, and those of an older one of its table where there is one.
    private func manifests(
        _ random: inout SeededGenerator
    ) -> (paths: [String], bytes: [UInt8], older: [UInt8]?)? {
        guard let (path, bytes) = any(.manifest, &random) else { return nil }
        let copies = objects.filter { $0.key != path && $0.value == bytes }.keys
        let table = path.split(separator: "/")[1]
        let older = byClass[.manifest, default: []].filter { $0.split(separator: "/")[1] == table && $0 < path }
        return ([path] + copies, bytes, older.randomElement(using: &random).flatMap { objects[$0] })
    }

    private func removeBothCopies(_ random: inout SeededGenerator) -> Damage? {
        guard let (paths, _, _) = manifests(&random) else { return nil }
        return Damage(
            changes: Dictionary(uniqueKeysWithValues: paths.map { ($0, nil) }), classes: [.manifest, .catalog],
            kind: "removal of both copies", detail: paths[0])
    }

    private func replayManifest(bothCopies: Bool, _ random: inout SeededGenerator) -> Damage? {
        guard let (paths, _, older) = manifests(&random), let older else { return nil }
        return Damage(
            changes: Dictionary(uniqueKeysWithValues: paths.prefix(bothCopies ? 2 : 1).map { ($0, older) }),
            classes: bothCopies ? [.manifest, .catalog] : [.manifest],
            kind: bothCopies ? "older manifest, both copies" : "older manifest", detail: paths[0])
    }

    /// Somebody without the key changes a number and makes the SHA-256 right again.
    private func edit(bothCopies: Bool, _ random: inout SeededGenerator) -> Damage? {
        guard let (paths, bytes, _) = manifests(&random), let forged = Self.forge(bytes, &random) else { return nil }
        return Damage(
            changes: Dictionary(uniqueKeysWithValues: paths.prefix(bothCopies ? 2 : 1).map { ($0, forged) }),
            classes: bothCopies ? [.manifest, .catalog] : [.manifest],
            kind: bothCopies ? "forged, both copies" : "forged", detail: paths[0])
    }

    private func editOutcome(_ random: inout SeededGenerator) -> Damage? {
        guard let (path, bytes) = any(.outcome, &random), let forged = Self.forge(bytes, &random) else { return nil }
        return Damage(changes: [path: forged], classes: [.outcome], kind: "forged", detail: path)
    }

    private static func forge(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8]? {
        let fields = DamageFields.document(bytes)
        guard let sha = fields.first(where: { $0.name == "sha256" }),
            let shaName = fields.first(where: { $0.name == "sha256 name" }),
            let kind = fields.first,
            let time = fields.first(where: { $0.name == "member finished" })
        else { return nil }
        var forged = bytes
        let digits = time.range.filter { UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[$0] }
        // The microseconds: whatever they are, the document still reads well.
        guard let place = digits.suffix(6).randomElement(using: &random) else { return nil }
        forged[place] = UInt8(ascii: "0") + (bytes[place] - UInt8(ascii: "0") + 1) % 10
        let digest = SHA256.hash(data: forged[kind.range.upperBound..<shaName.range.lowerBound])
        let text = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        forged.replaceSubrange(sha.range, with: Array(text.utf8))
        return forged
    }

    // MARK: Frames

    private func frames(
        _ kind: String, _ random: inout SeededGenerator, _ body: (inout [[UInt8]], Int, Int) -> Void
    ) -> Damage? {
        guard let (path, bytes) = any(.bundle, &random) else { return nil }
        let places = DamageFields.frames(bytes)
        guard let first = places.first, let last = places.last, places.count >= 2 else { return nil }
        var frames = places.map { Array(bytes[$0]) }
        let one = Int.random(in: 0..<frames.count - 1, using: &random)
        body(&frames, one, Int.random(in: one + 1..<frames.count, using: &random))
        let changed = bytes[..<first.lowerBound] + frames.flatMap { $0 } + bytes[last.upperBound...]
        return Damage(changes: [path: Array(changed)], classes: [.bundle], kind: kind, detail: path)
    }

    private func foreignFrame(_ random: inout SeededGenerator) -> Damage? {
        guard let (path, bytes) = any(.bundle, &random), let (other, foreign) = any(.bundle, &random), path != other,
            let place = DamageFields.frames(bytes).first, let from = DamageFields.frames(foreign).first
        else { return nil }
        var changed = bytes
        changed.replaceSubrange(place, with: foreign[from])
        return Damage(
            changes: [path: changed], classes: [.bundle], kind: "a frame of another bundle",
            detail: "\(path) from \(other)")
    }
}
