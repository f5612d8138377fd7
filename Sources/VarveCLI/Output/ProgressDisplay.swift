// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import VarveModel
import VarvePipeline

/// Shows a run's counters while it works: a bar that redraws itself on a terminal, a line every 30 seconds elsewhere, and with `--json`
/// a `progress` object a second.
final class ProgressDisplay: Sendable {
    private let title: String
    private let progress: Progress
    private let console: Console
    private let ended = StopSignal()
    private let began = ContinuousClock.now

    /// How often a terminal's bar is redrawn; quicker only flickers.
    private static let redraw: Duration = .milliseconds(200)
    private static let lineEvery: Duration = .seconds(30)
    private static let eventEvery: Duration = .seconds(1)

    /// Runs `body` while its progress is shown.
    static func during<Result>(
        _ title: String, _ progress: Progress, _ console: Console, _ body: () throws -> Result
    ) throws -> Result {
        let display = ProgressDisplay(title: title, progress: progress, console: console)
        let thread = try Workers.thread { display.show() }
        defer {
            display.ended.raise()
            thread.join()
        }
        return try body()
    }

    private init(title: String, progress: Progress, console: Console) {
        self.title = title
        self.progress = progress
        self.console = console
    }

    private func show() {
        let bar = Console.watched && !console.json
        let every = console.json ? Self.eventEvery : bar ? Self.redraw : Self.lineEvery
        var next = every
        while !ended.isRaised {
            usleep(20_000)
            let elapsed = ContinuousClock.now - began
            guard elapsed >= next else { continue }
            next = elapsed + every
            let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
            if console.json {
                try? console.event(Event(title, progress.reading, seconds: seconds))
            } else if bar {
                Console.write("\r\u{1B}[K" + text(seconds, width: 20), to: STDERR_FILENO)
            } else {
                console.note(text(seconds, width: 0))
            }
        }
        if bar { Console.write("\r\u{1B}[K", to: STDERR_FILENO) }
    }

    /// `Backup local/Orders  [#####.....]  48 %  120 000 items/s  101.2 MiB/s in  22.0 MiB/s out  ratio 4.6  12.0 MiB stored  9.1 s left`
    private func text(_ seconds: Double, width: Int) -> String {
        let now = progress.reading
        var parts = [title]
        if let share = now.share {
            let filled = Int(share * Double(width))
            if width > 0 {
                parts.append(
                    "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled) + "]")
            }
            parts.append("\(Int(share * 100)) %")
        }
        let rate = { (count: Int) in seconds > 0 ? Int(Double(count) / seconds) : 0 }
        parts.append("\(Units.count(rate(now.items))) items/s")
        parts.append("\(Units.size(rate(now.rawBytes)))/s raw")
        if now.storedBytes > 0 {
            parts.append("\(Units.size(rate(now.storedBytes)))/s stored")
            parts.append("ratio \(Units.tenths(Double(now.rawBytes) / Double(now.storedBytes)))")
            parts.append("\(Units.size(now.storedBytes)) in all")
        }
        if let share = now.share, share > 0.01 {
            parts.append("\(Units.span(seconds: seconds / share - seconds)) left")
        }
        return parts.joined(separator: "  ")
    }

    private struct Event: Encodable {
        let type = "progress"
        let work: String
        let seconds: Double
        let items: Int
        let itemsExpected: Int?
        let rawBytes: Int
        let storedBytes: Int
        let percent: Int?

        init(_ work: String, _ reading: Progress.Reading, seconds: Double) {
            self.work = work
            self.seconds = (seconds * 1000).rounded() / 1000
            items = reading.items
            itemsExpected = reading.itemsExpected > 0 ? reading.itemsExpected : nil
            rawBytes = reading.rawBytes
            storedBytes = reading.storedBytes
            percent = reading.share.map { Int($0 * 100) }
        }
    }
}
