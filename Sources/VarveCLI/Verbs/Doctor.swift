// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Glibc
import SystemPackage
import VarveConfig
import VarveKeys
import VarveModel
import VarvePipeline
import VarveStore
import VarveVault

struct DoctorVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract:
            "Check that everything is in place: configuration, keys, stores, vaults, capture, recovery kit, schedules.",
        discussion: HelpText.of(
            "Prints one line for each check: ok, warn or FAIL. Ends with exit code 1 if any failed; warnings do not fail.",
            examples: [
                ("doctor", "before the first backup, and when something is odd"),
                ("doctor --json", "for monitoring"),
            ],
            exits: [.configurationInvalid])
    )

    @OptionGroup var common: CommonOptions

    func perform() throws -> ExitStatus {
        let home = try common.home()
        var examination = Examination(console: common.console)
        examination.check("configuration") { .ok("\(home.configuration.file) is valid") }
        examination.check("key store") {
            let keys = try home.keys().list()
            return .ok("opens, \(Units.counted(keys.count, "key"))")
        }
        for store in home.configuration.stores { check(store, home, &examination) }
        for vault in home.configuration.vaults { check(vault, home, &examination) }
        checkCapture(home, &examination)
        checkSchedules(home, &examination)
        try common.console.document(examination.report)
        return examination.failed ? .failed : .done
    }

    private func check(_ definition: StoreDefinition, _ home: Home, _ examination: inout Examination) {
        let name = definition.name
        examination.check("store \(name)") {
            let (_, store) = try home.store(name)
            let tables = try store.tables()
            for table in tables {
                // Reading one item proves that the table's key opens and that its rows are what was written.
                _ = try store.scan(table.name, limit: 1)
            }
            return .ok("opens, \(Units.counted(tables.count, "table"))")
        }
        examination.check("store \(name): room on disk") { try Self.room(definition.folder) }
    }

    private func check(_ definition: VaultDefinition, _ home: Home, _ examination: inout Examination) {
        let name = definition.name
        examination.check("vault \(name)") {
            let target = try home.vault(name)
            let (catalog, findings) = try Catalog.settled(target.vault)
            guard findings.isEmpty else {
                return .failed(
                    "\(Units.counted(findings.count, "damaged object")) in the catalog: run 'varve verify --vault \(name)'"
                )
            }
            let points = catalog.recoveryPoints.count
            let segments = catalog.entries.count - points
            return .ok(
                "opens, \(Units.counted(points, "recovery point"))"
                    + (segments > 0 ? ", \(Units.counted(segments, "segment")) of change logs" : ""))
        }
        examination.check("vault \(name): writing") {
            // A lease is the one object that may come and go.
            try Lease(home.vault(name).vault.storage, what: "doctor", protects: []).release()
            return .ok("an object was written and removed")
        }
        examination.check("vault \(name): room on disk") { try Self.room(definition.directory) }
        examination.check("vault \(name): clock") {
            let newest = try Catalog.read(home.vault(name).vault).entries.map(\.manifest.finished).max()
            if let newest, newest > Instant.now() {
                return .warning(
                    "the newest recovery point lies in the future (\(newest.rfc3339)): is this machine's clock right?")
            }
            return .ok("no recovery point lies in the future")
        }
        examination.check("vault \(name): leftovers") {
            let target = try home.vault(name)
            let leftovers = try target.vault.leftovers(grace: .seconds(86_400), record: target.commits)
            let count = leftovers.objects.count + leftovers.remains.count
            return leftovers.isEmpty
                ? .ok("none older than a day")
                : .warning(
                    "\(Units.counted(count, "object")) left by broken runs: 'varve prune --leftovers --dry-run' lists them"
                )
        }
        examination.check("vault \(name): recovery kit") {
            let target = try home.vault(name)
            guard let tested = home.kitTested(vault: target.vault.id) else {
                return .warning(
                    "never proven: run 'varve recovery-kit test --kit FILE', so that you know vault and kit alone are enough"
                )
            }
            return .ok("vault and kit alone were proven enough at \(tested)")
        }
    }

    /// Warns below 5 % or 1 GiB of free space, whichever is less.
    private static func room(_ path: FilePath) throws -> Examination.Result {
        var status = statvfs()
        guard statvfs(path.string, &status) == 0 else {
            return .failed("\(path) cannot be looked at: \(Files.reason(errno))")
        }
        let free = Int(status.f_bavail) * Int(status.f_frsize)
        let all = Int(status.f_blocks) * Int(status.f_frsize)
        let text = "\(Units.size(free)) free of \(Units.size(all))"
        return free < min(1 << 30, all / 20) ? .warning(text) : .ok(text)
    }
}

/// The checks of a doctor's visit, printed as they are made.
struct Examination {
    enum Result {
        case ok(String)
        case warning(String)
        case failed(String)
    }

    struct Check: Encodable {
        let check: String
        let result: String
        let detail: String
    }

    struct Report: Encodable {
        let healthy: Bool
        let checks: [Check]
    }

    let console: Console
    private var checks: [Check] = []

    init(console: Console) { self.console = console }

    var failed: Bool { checks.contains { $0.result == "failed" } }
    var report: Report { Report(healthy: !checks.contains { $0.result != "ok" }, checks: checks) }

    mutating func check(_ name: String, _ body: () throws -> Result) {
        let result: Result
        do {
            result = try body()
        } catch {
            result = .failed(ErrorReport(error).chain.map(\.message).joined(separator: " Because: "))
        }
        let (word, mark, detail) =
            switch result {
            case .ok(let text): ("ok", "ok  ", text)
            case .warning(let text): ("warning", "warn", text)
            case .failed(let text): ("failed", "FAIL", text)
            }
        console.line("\(mark)  \(name): \(detail)")
        checks.append(Check(check: name, result: word, detail: detail))
    }
}
