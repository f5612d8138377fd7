// SPDX-License-Identifier: Apache-2.0

import Glibc
import VarveConfig
import VarveModel
import VarvePipeline
import VarveStore
import VarveVault

/// `varve capture`: follows every table that matches, in turns on one thread, until the run is stopped.
///
/// Tables that are made later are followed as well; a table that was dropped is followed to the end of its log. A capture that fails is reported,
/// and begun anew after a while, from what the vault holds.
final class CaptureFollow {
    private let step: CaptureStep
    private let home: Home
    private let console: Console
    private let target: OpenVault
    private var followed: [String: Followed] = [:]
    /// Tables whose log the vault holds to its end.
    private var ended: Set<String> = []

    private struct Followed {
        let source: ChosenSource
        var capture: TableCapture?
        var record: CaptureRecord
        var failure: (error: any Error, told: String)?
        var retry = ContinuousClock.now
    }

    /// How soon a change is read after a time of quiet.
    private static let pollEvery: Duration = .milliseconds(250)
    private static let scanEvery: Duration = .seconds(5)
    private static let retryEvery: Duration = .seconds(5)
    private static let reportEvery: Duration = .seconds(30)

    init(_ step: CaptureStep, in home: Home, _ console: Console) throws {
        self.step = step
        self.home = home
        self.console = console
        target = try home.vault(step.vaults.first)
    }

    /// - Returns: Done when every capture was at work to the end and met no hole.
    func run() throws -> ExitStatus {
        let settings = try home.archive(target)
        var scanned = ContinuousClock.now
        scan(try home.changeSources(step.tables, target))
        for id in followed.keys { open(id, settings) }
        if let failure = failureOfAll { throw failure }
        for id in order where followed[id]?.capture != nil {
            console.line("\(followed[id]?.source.text ?? ""): capturing, a segment every \(step.limits.age.text)")
        }
        var reported = ContinuousClock.now
        while !Interrupts.stop.isRaised {
            let now = ContinuousClock.now
            if now - scanned >= Self.scanEvery {
                scanned = now
                rescan()
            }
            var isBusy = false
            for id in order {
                if Interrupts.stop.isRaised { break }
                if followed[id]?.capture == nil, let retry = followed[id]?.retry, now >= retry { open(id, settings) }
                isBusy = advance(id) || isBusy
            }
            if ContinuousClock.now - reported >= Self.reportEvery {
                reported = .now
                report()
            }
            if !isBusy { _ = Interrupts.stop.pause(until: .now + Self.pollEvery) }
        }
        for id in order { finish(id) }
        return try summary()
    }

    private var order: [String] {
        followed.keys.sorted { (followed[$0]?.source.text ?? "", $0) < (followed[$1]?.source.text ?? "", $1) }
    }

    /// What to end with where no capture could begin.
    private var failureOfAll: (any Error)? {
        guard followed.values.allSatisfy({ $0.capture == nil }) else { return nil }
        return order.lazy.compactMap { self.followed[$0]?.failure?.error }.first
    }

    private func scan(_ sources: [ChosenSource]) {
        for source in sources where followed[source.id] == nil && !ended.contains(source.id) {
            followed[source.id] = Followed(source: source, record: CaptureRecord(table: source.text))
        }
    }

    private func rescan() {
        // A selection that means no table any more is no reason to stop: its tables may come again.
        let known = ended.union(followed.keys)
        guard let sources = try? home.changeSources(step.tables, target, known: known) else { return }
        scan(sources)
    }

    private func open(_ id: String, _ settings: ArchiveSettings) {
        guard let source = followed[id]?.source else { return }
        do {
            followed[id]?.capture = try TableCapture(settings, source: source.source, limits: step.limits) {
                [weak self] manifest in
                self?.heard(manifest, id)
            }
        } catch {
            failed(id, error)
        }
    }

    private func heard(_ manifest: Manifest, _ id: String) {
        let news = CaptureNews(manifest, table: followed[id]?.source.text ?? "", target: target)
        followed[id]?.record.add(manifest, news)
        followed[id]?.failure = nil
        news.tell(console, quiet: true)
    }

    /// Returns whether there may be more at once.
    private func advance(_ id: String) -> Bool {
        guard let capture = followed[id]?.capture else { return false }
        do {
            switch try capture.step() {
            case .busy: return true
            case .idle: return false
            case .ended:
                console.line(
                    "\(followed[id]?.source.text ?? ""): the table was dropped; its log is captured to its end")
                ended.insert(id)
                followed[id]?.record.note(through: capture.through)
                followed[id]?.capture = nil
                // It is never opened again; its record stays for the summary.
                followed[id]?.retry = .now + .seconds(1 << 40)
                return false
            }
        } catch {
            capture.abandon()
            followed[id]?.capture = nil
            failed(id, error)
            return false
        }
    }

    private func failed(_ id: String, _ error: any Error) {
        let report = ErrorReport(error)
        followed[id]?.retry = .now + Self.retryEvery
        // The same failure is not told every few seconds.
        if followed[id]?.failure?.told != report.message {
            let table = followed[id]?.source.text ?? ""
            try? console.event(CaptureFailure(table: table, code: report.code, message: report.message))
            console.note("\(table): capture failed; it is begun anew")
            for line in report.lines { console.note(line) }
        }
        followed[id]?.failure = (error, report.message)
    }

    private func finish(_ id: String) {
        guard let capture = followed[id]?.capture else { return }
        do {
            try capture.closeSettled()
            followed[id]?.record.note(through: capture.through)
        } catch {
            capture.abandon()
            failed(id, error)
        }
        followed[id]?.capture = nil
    }

    private func report() {
        let now = Instant.now()
        let lags = order.compactMap { id -> CaptureProgress.Table? in
            guard let entry = followed[id], let capture = entry.capture else { return nil }
            let lag = capture.through.map { Double(now.microseconds - $0.microseconds) / 1e6 }
            return CaptureProgress.Table(table: entry.source.text, changes: entry.record.changes, lagSeconds: lag)
        }
        try? console.event(CaptureProgress(tables: lags))
        if !console.json {
            let worst = lags.compactMap(\.lagSeconds).max() ?? 0
            console.note(
                "capture: \(Units.counted(lags.count, "table")), \(Units.counted(lags.reduce(0) { $0 + $1.changes }, "change")), "
                    + "the vault is at most \(Units.span(seconds: worst)) behind")
        }
    }

    private func summary() throws -> ExitStatus {
        let failures = order.compactMap { id -> TableFailure? in
            guard let entry = followed[id], let failure = entry.failure else { return nil }
            let report = ErrorReport(failure.error)
            return TableFailure(table: entry.source.text, code: report.code, message: report.message)
        }
        let status: ExitStatus =
            failures.isEmpty
            ? .done
            : failures.count < followed.count ? .partlyDone : failureOfAll.map { ExitStatus(for: $0) } ?? .failed
        console.line("stopped")
        return try CaptureSummary(target.name, order.compactMap { followed[$0]?.record }, failures).tell(
            status, console)
    }
}
