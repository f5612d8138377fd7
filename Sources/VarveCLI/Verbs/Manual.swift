// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct ManualVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Print the manual page, with every verb and option.",
        discussion: HelpText.of(
            "It is made from the same descriptions as --help. 'make install' puts it where 'man varve' finds it.",
            examples: [
                ("manual | man -l -", "read it"), ("manual > /usr/local/share/man/man1/varve.1", "install it"),
            ]))

    @OptionGroup var common: CommonOptions

    func perform() throws -> ExitStatus {
        let page = ManualPage(try .varve()).text
        if common.json {
            try common.console.document(["page": page])
        } else {
            Console.write(page, to: 1)
        }
        return .done
    }
}
