// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import VarveTestKit
import VarveVault

/// A run that was recorded, and that can be looked at as a power loss left it. The vault lies in `live/vault` of its folder, the home's record of
/// commits in `live/commits.log`.
protocol PowerLossRecording: AnyObject {
    associatedtype Report

    /// Records a run.
    init(_ random: inout SeededGenerator) throws

    var folder: TemporaryFolder { get }
    /// A copy of `live` as it was before the run.
    var before: FilePath { get }
    var disk: LostPowerDisk { get }
    /// What the run had reported, and how many events had happened by then.
    var reports: [(after: Int, report: Report)] { get set }

    /// What is wrong with what a power loss left behind these reports.
    func problems(_ vault: Vault, _ record: CommitRecord, _ reports: [Report]) throws -> [String]
}

extension PowerLossRecording {
    /// Loses the power after `count` of `events`, and says what is wrong then.
    fileprivate func problems(
        after count: Int, of events: [FileEvent], _ random: inout SeededGenerator
    ) throws -> [String] {
        let place = folder.appending("after-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(atPath: place.string) }
        let moved = events.prefix(count).map { $0.moved(from: folder.appending("live"), to: before) }
        try LostPowerDisk.replay(moved, from: before, to: place, &random)
        let vault: Vault
        do {
            vault = try Vault.open(try DirectoryStorage(place.appending("vault")))
        } catch {
            return ["the vault does not open: \(error)"]
        }
        return try problems(
            vault, CommitRecord(place.appending("commits.log")), reports.filter { $0.after <= count }.map(\.report))
    }
}

enum PowerLossTrial<Recording: PowerLossRecording> {
    private static var lossesOfRun: Int { 20 }

    /// Loses the power at random points of so many runs.
    static func run(runs: Int, _ random: inout SeededGenerator) throws -> (losses: Int, problems: [String]) {
        var problems: [String] = []
        var losses = 0
        for run in 0..<runs {
            let recording = try Recording(&random)
            let events = recording.disk.events
            for _ in 0..<lossesOfRun {
                let count = Int.random(in: 0...events.count, using: &random)
                losses += 1
                problems += try recording.problems(after: count, of: events, &random).map {
                    "run \(run), power lost after \(count) of \(events.count) events: \($0)"
                }
            }
        }
        return (losses, problems)
    }

    /// How often something is wrong after a run on a disk that lies. Were it never, the trial would prove nothing.
    static func found(_ lie: LostPowerDisk.Lie, runs: Int, _ random: inout SeededGenerator) throws -> Int {
        var found = 0
        for _ in 0..<runs {
            let recording = try Recording(&random)
            let (all, events) = (recording.disk.events, lie.told(recording.disk.events))
            // The same moments in the shorter list of events.
            recording.reports = recording.reports.map { (lie.told(Array(all.prefix($0.after))).count, $0.report) }
            for _ in 0..<lossesOfRun {
                found += try recording.problems(after: events.count, of: events, &random).isEmpty ? 0 : 1
            }
        }
        return found
    }
}

extension FileEvent {
    /// The same event below another folder.
    fileprivate func moved(from old: FilePath, to new: FilePath) -> FileEvent {
        func move(_ path: FilePath) -> FilePath { FilePath(new.string + path.string.dropFirst(old.string.count)) }
        switch self {
        case .create(let path): return .create(move(path))
        case .write(let path, let offset, let bytes): return .write(move(path), offset: offset, bytes: bytes)
        case .sync(let path): return .sync(move(path))
        case .link(let from, let to): return .link(move(from), to: move(to))
        case .rename(let from, let to): return .rename(move(from), to: move(to))
        case .unlink(let path): return .unlink(move(path))
        case .makeFolder(let path): return .makeFolder(move(path))
        case .removeFolder(let path): return .removeFolder(move(path))
        case .syncFolder(let path): return .syncFolder(move(path))
        }
    }
}
