// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
package import VarveModel

/// What a lease says: who is at work in the vault, on what, and until when to believe it.
package struct LeaseDescription: VersionedContent, Equatable {
    package static let kind = "lease"
    package static let formatNewest = 1

    package let format: Int
    package let id: String
    package let host: String
    package let pid: Int32
    /// What tells this process from all others, where the system says it; with it a lease ends when its process does.
    package let process: ProcessMark?
    /// For people: `backup of Music`.
    package let what: String
    /// Prefixes of the objects that must stay as long as the lease holds.
    package let protects: [String]
    /// Prefixes of what is only read: retention must leave it, and nobody else needs to mind. Left out where there are none.
    package let reads: [String]?
    /// What only one at a time may do in the vault, where the lease is for such work.
    package let claim: String?
    package let expires: Instant

    /// Whether it is to be believed at `now`.
    func holds(at now: Instant) -> Bool { expires > now && process?.isGone(pid) != true }

    /// Whether whoever wrote it reads or writes below a folder.
    package func uses(_ folder: String) -> Bool {
        protects.contains { folder.hasPrefix($0) } || reads?.contains { folder.hasPrefix($0) } == true
    }
}

/// A live sign in `leases/`, so that nobody takes what is being written for a leftover.
///
/// It holds for ``term`` and is written anew by ``refresh()`` when a third of that has passed. Dropped, it removes itself; after a crash it expires,
/// or ends at once for whoever can see that its process is gone.
package final class Lease: Sendable {
    /// Long enough for the longest pause between two bundles, short enough that a crash does not keep its leftovers for a day.
    package static let term = Duration.seconds(30 * 60)

    private let storage: any VaultStorage
    private let clock: any Clock
    private let path: ObjectPath
    private let state: Mutex<State>

    private struct State {
        var description: LeaseDescription
        var isReleased = false
    }

    package init(
        _ storage: any VaultStorage, what: String, protects: [String] = [], reads: [String]? = nil,
        claim: String? = nil, clock: any Clock = SystemClock()
    ) throws {
        let id = RandomID.make()
        self.storage = storage
        self.clock = clock
        path = try ObjectPath("\(VaultPaths.leases)\(id).json")
        let description = LeaseDescription(
            format: LeaseDescription.formatNewest, id: id, host: Self.host(), pid: getpid(),
            process: ProcessMark.current, what: what, protects: protects, reads: reads, claim: claim,
            expires: Self.expiry(clock.now()))
        state = Mutex(State(description: description))
        try storage.replace(path, try ProvenDocument.encode(description).bytes)
    }

    deinit { release() }

    /// A lease for work that only one at a time may do in the vault; whoever comes second is refused with `.locked`.
    ///
    /// The lease is written before the others are read: of two that begin in one instant, both may be refused, and never both let in.
    package static func claiming(
        _ claim: String, _ storage: any VaultStorage, what: String, protects: [String] = [],
        clock: any Clock = SystemClock()
    ) throws -> Lease {
        let lease = try Lease(storage, what: what, protects: protects, claim: claim, clock: clock)
        let others = try live(in: storage, at: clock.now()).leases.filter {
            $0.claim == claim && $0.id != lease.state.withLock { $0.description.id }
        }
        if let other = others.first {
            lease.release()
            throw VaultError(
                .locked,
                "There is a \(other.what) already: process \(other.pid) on \(other.host) has been at it, and its lease holds until \(other.expires) "
                    + "unless it ends before. One at a time may do this in a vault.")
        }
        return lease
    }

    /// Writes the lease anew if a third of its term has passed. Cheap otherwise; call it often.
    package func refresh() throws {
        let now = clock.now()
        try state.withLock { state in
            guard !state.isReleased else {
                throw VaultError(.misuse, "Lease '\(path)' was refreshed after its release.")
            }
            let left = state.description.expires.microseconds - now.microseconds
            guard left < Self.termMicroseconds / 3 * 2 else { return }
            let old = state.description
            state.description = LeaseDescription(
                format: old.format, id: old.id, host: old.host, pid: old.pid, process: old.process,
                what: old.what, protects: old.protects, reads: old.reads, claim: old.claim,
                expires: Self.expiry(now))
            try storage.replace(path, try ProvenDocument.encode(state.description).bytes)
        }
    }

    /// Removes the lease. One that cannot be removed expires.
    package func release() {
        state.withLock { state in
            guard !state.isReleased else { return }
            state.isReleased = true
            try? storage.delete(path)
        }
    }

    /// The leases that hold at `now`. One that cannot be read counts as holding for everything: who wrote it may be at work.
    package static func live(
        in storage: any VaultStorage, at now: Instant
    ) throws -> (leases: [LeaseDescription], unreadable: [ObjectPath]) {
        let survey = try survey(storage, at: now)
        return (survey.leases, survey.unreadable)
    }

    /// The leases that hold no more: what dead processes left.
    static func ended(in storage: any VaultStorage, at now: Instant) throws -> [ObjectInfo] {
        try survey(storage, at: now).ended
    }

    private static func survey(
        _ storage: any VaultStorage, at now: Instant
    ) throws -> (leases: [LeaseDescription], unreadable: [ObjectPath], ended: [ObjectInfo]) {
        var leases: [LeaseDescription] = []
        var unreadable: [ObjectPath] = []
        var ended: [ObjectInfo] = []
        for object in try storage.list(VaultPaths.leases) {
            do {
                let bytes = try storage.get(object.path, atMost: VaultReadme.bytesMax)
                let lease = try ProvenDocument.decode(LeaseDescription.self, bytes, name: object.path.text).content
                if lease.holds(at: now) { leases.append(lease) } else { ended.append(object) }
            } catch let error as VaultError where error.code == .notFound {
                // Released in the meantime.
            } catch {
                // A broken one is believed for one term after it was written.
                if object.modified.microseconds + termMicroseconds > now.microseconds {
                    unreadable.append(object.path)
                } else {
                    ended.append(object)
                }
            }
        }
        return (leases, unreadable, ended)
    }

    private static var termMicroseconds: Int64 { term.components.seconds * 1_000_000 }

    private static func expiry(_ now: Instant) -> Instant { Instant(microseconds: now.microseconds + termMicroseconds) }

    private static func host() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
