// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import VarveKeys

struct KeyVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Wrapping keys: their whole life; and the keys of recovery points.",
        discussion: """
            A key is named by its id, by alias/NAME, or by its class where there is one of it: 'owned' and 'managed'. Rotating makes a new
            version for what is sealed from then on; older versions still open what they sealed. The managed key rotates by itself once a year.
            """,
        subcommands: [
            Create.self, List.self, Describe.self, Alias.self, Tag.self, Rotate.self, Enable.self, Disable.self,
            ScheduleDeletion.self, CancelDeletion.self, Rewrap.self, Shred.self, Export.self, Import.self,
        ])
}

/// Prints a key, after what was done to it.
func showKey(_ key: KeyDescription, _ verb: String?, _ console: Console) throws -> ExitStatus {
    if let verb { console.line("\(verb) \(key.class.rawValue) key \(key.id)") }
    console.line("id        \(key.id)")
    console.line("class     \(key.class.rawValue)")
    if !key.aliases.isEmpty { console.line("aliases   \(key.aliases.joined(separator: " "))") }
    console.line("state     \(key.state.rawValue)")
    if let deletes = key.deletes {
        console.line("\(key.state == .deleted ? "destroyed" : "destroys ") \(deletes.formatted(.iso8601))")
    }
    if let rotates = key.rotates { console.line("rotates   \(rotates.formatted(.iso8601))") }
    for (name, value) in key.tags.sorted(by: { $0.key < $1.key }) { console.line("tag       \(name)=\(value)") }
    for version in key.versions {
        console.line(
            "version   \(version.version) of \(version.created.formatted(.iso8601))\(version.version == key.currentVersion ? " (seals)" : " (opens)")"
        )
    }
    try console.document(key)
    return .done
}
