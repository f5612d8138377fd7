// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct CompletionVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print a script that completes commands and options in a shell.",
        discussion: HelpText.of(
            "A new shell reads it where each shell looks for such scripts; 'make install' puts all three there.",
            examples: [
                ("completion bash > ~/.local/share/bash-completion/completions/varve", "bash"),
                ("completion zsh > ~/.zfunc/_varve", "zsh, with ~/.zfunc in fpath"),
                ("completion fish > ~/.config/fish/completions/varve.fish", "fish"),
            ]))

    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish
    }

    @OptionGroup var common: CommonOptions
    @Argument(help: "bash, zsh or fish.") var shell: Shell

    func perform() throws -> ExitStatus {
        let script =
            switch shell {
            case .bash: Varve.completionScript(for: .bash)
            case .zsh: Varve.completionScript(for: .zsh)
            case .fish: Varve.completionScript(for: .fish)
            }
        if common.json {
            try common.console.document(["shell": shell.rawValue, "script": script])
        } else {
            common.console.line(script)
        }
        return .done
    }
}
