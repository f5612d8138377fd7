// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import VarveConfig
import VarveModel
import VarveSchedule

/// What people write: `varve.yaml`, jobs, schedules, and the small texts that options share with them.
enum YAMLTarget: FuzzTarget {
    static let name = "yaml"
    static let inputBytesMax = 32 * 1024
    static let tokens = [
        "version: 1\n", "keys:\n", "  store: ", "  rootKey: ", "passphrase: { environment: A }", "stores:\n",
        "embedded: ",
        "vaults:\n", "directory: ", "key: alias/main", "defaults:\n", "steps:\n", "  - backup:\n",
        "tables: [ local/* ]",
        "verify: {}", "level: content", "subset: 1/30", "drill: { tables: 1 }", "sweep:\n", "grace: 1h", "job: nightly",
        "cron: \"30 2 * * *\"", "zone: UTC", "overlap: skip", "catchUp: once", "&a ", "*a", "!!str ", "|\n", ">\n",
        "---\n",
        "...\n", "%YAML 1.1\n", "? ", "[", "{", "]", "}", "- ", "'", "\"", "\\x00", "\u{FEFF}", "\u{85}", "\t", "# ",
        "<<: ",
        "null", "~", "0x10", "1e3", ".inf", "no",
    ]

    /// The top of the clone, whose `Jobs` folder the reading of schedules looks into.
    private static let root: FilePath = {
        var folder = FilePath(#filePath)
        for _ in 0..<4 { folder.removeLastComponent() }
        return folder
    }()
    private static let file = root.appending("varve.yaml")
    private static let job = root.appending("Jobs/fuzz.yaml")
    private static let schedule = root.appending("Schedules/fuzz.yaml")
    nonisolated(unsafe) private static let open = OpenInput()

    private static let configuration = must("reading the sample") {
        try VarveConfiguration.parse(
            """
            version: 1
            keys: { store: keys.json, rootKey: root.key }
            stores: { local: { embedded: store } }
            vaults: { main: { directory: vault, key: owned }, far: { directory: far, key: managed } }
            """, file: file)
    }

    static func run(_ bytes: UnsafeRawBufferPointer) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            open.fill(bytes)
            if let error = refused({ () throws(ConfigError) in try VarveConfiguration.read(open.path) }),
                error.line == nil
            {
                violated("a file that is no text has no line")
            }
            return
        }
        let lines =
            text.utf8.count { $0 == 0x0A || $0 == 0x0D }
            + text.unicodeScalars.count { [0x85, 0x2028, 0x2029].contains($0.value) } + 1
        lookAtConfiguration(text, lines)
        lookAtJob(text, lines)
        lookAtSchedule(text, lines)
        if bytes.count <= 256 { lookAtWords(text) }
    }

    private static func refused<Result>(_ body: () throws(ConfigError) -> Result) -> ConfigError? {
        do {
            _ = try body()
            return nil
        } catch {
            return error
        }
    }

    /// Whoever wrote the file must find the place.
    private static func lookAt(_ error: ConfigError, _ file: FilePath, _ lines: Int) {
        guard error.file == file, let line = error.line, let column = error.column else {
            violated("an error has no place: \(error)")
        }
        guard (1...lines + 1).contains(line), column >= 1 else {
            violated("an error is at \(line):\(column) of \(lines) lines: \(error)")
        }
        if error.message.isEmpty { violated("an error says nothing") }
    }

    private static func lookAtConfiguration(_ text: String, _ lines: Int) {
        let found: VarveConfiguration
        do {
            found = try VarveConfiguration.parse(text, file: file)
        } catch {
            return lookAt(error, file, lines)
        }
        guard found.stores.allSatisfy({ $0.folder.isAbsolute }), found.vaults.allSatisfy({ $0.directory.isAbsolute }),
            found.keys.file.isAbsolute, found.state.isAbsolute
        else { violated("a path is not absolute") }
        _ = must("reading what is in force as JSON") { try JSON(text: Array(found.effectiveJSON.utf8)) }
        let again = must("reading what is in force") { try VarveConfiguration.parse(found.effectiveYAML, file: file) }
        // A command's arguments are not shown.
        if case .passphrase(.command) = found.keys.protection { return }
        if again != found { violated("a configuration changes when it is written: \(found.effectiveYAML)") }
    }

    private static func lookAtJob(_ text: String, _ lines: Int) {
        do {
            let found = try Job.parse(text, file: job, for: configuration)
            guard (1...Job.stepsMax).contains(found.steps.count) else {
                violated("a job has \(found.steps.count) steps")
            }
            for step in found.steps { lookAt(step, lines) }
        } catch {
            lookAt(error, job, lines)
        }
    }

    private static func lookAt(_ step: Job.Step, _ lines: Int) {
        guard (1...lines).contains(step.line) else { violated("a step is at line \(step.line) of \(lines)") }
        let selection: TableSelection
        switch step.action {
        case .backup(let tables, _, _), .capture(let tables, _): selection = tables
        case .sweep(let tables, _): selection = tables.tables
        case .drill(.selected(let tables), _, _): selection = tables
        case .copy(let tables?, _, _): selection = tables
        case .copy(nil, _, _), .drill(.count, _, _), .verify, .compact, .prune, .report: return
        }
        let tables = ["local/Music", "local/tmp_1", "local/a-b.c", "local/\(String(repeating: "a", count: 255))"]
        for table in tables { _ = selection.includes(store: "local", table: String(table.dropFirst(6))) }
        let again = must("reading a selection again") {
            try TableSelection(patterns: selection.patterns.map(\.description))
        }
        if again != selection { violated("a selection changes when it is written") }
    }

    private static func lookAtSchedule(_ text: String, _ lines: Int) {
        do {
            let found = try Schedule.parse(text, file: schedule, for: configuration)
            _ = found.times.next(after: Instant(microseconds: 1_790_000_000_000_000))
        } catch {
            lookAt(error, schedule, lines)
        }
    }

    /// Options take these too; what is accepted is written so that it reads back.
    private static func lookAtWords(_ text: String) {
        if let duration = try? Duration(text: text), (try? Duration(text: duration.text)) != duration {
            violated("a length of time changes when it is written")
        }
        if let age = Duration(age: text), Duration(age: age.ageText) != age {
            violated("an age changes when it is written")
        }
        if let count = try? ByteCount(text: text), (try? ByteCount(text: count.description)) != count {
            violated("a size changes when it is written")
        }
        if let compression = try? Compression(text: text),
            (try? Compression(text: compression.description)) != compression
        {
            violated("a compression changes when it is written")
        }
        if let level = try? VerifyLevel(text: text), (try? VerifyLevel(text: level.description)) != level {
            violated("a level changes when it is written")
        }
        if let subset = try? VerifySubset(text: text), (try? VerifySubset(text: subset.description)) != subset {
            violated("a subset changes when it is written")
        }
        if let pattern = try? TableSelection.Pattern(text: text) {
            _ = pattern.matches(store: "local", table: text)
            if (try? TableSelection.Pattern(text: pattern.description)) != pattern {
                violated("a pattern changes when it is written")
            }
        }
        if let instant = Instant(rfc3339: text), Instant(rfc3339: instant.rfc3339) != instant {
            violated("a time changes when it is written: \(instant)")
        }
    }
}
