// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SystemPackage
import VarveConfig

struct ConfigVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check or show the configuration.", subcommands: [Validate.self, Show.self])

    struct Validate: Verb {
        static let configuration = CommandConfiguration(
            abstract:
                "Check varve.yaml, and every job and schedule beside it; each mistake is named with its file and line (exit code 13).",
            discussion: HelpText.of(
                examples: [
                    ("config validate", "after each change of varve.yaml, a job or a schedule")
                ],
                exits: [.configurationInvalid])
        )
        @OptionGroup var common: CommonOptions

        func perform() throws -> ExitStatus {
            let console = common.console
            var problems: [Problem] = []
            var files: [String] = []
            do {
                let configuration = try VarveConfiguration.read(try Home.locate(common.config))
                files.append(configuration.file.string)
                for name in Job.names(for: configuration) {
                    files.append(configuration.folder.appending("Jobs/\(name).yaml").string)
                    do { _ = try Job.read(name, for: configuration) } catch { problems.append(Problem(error)) }
                }
                for name in Schedule.names(for: configuration) {
                    files.append(configuration.folder.appending("Schedules/\(name).yaml").string)
                    do { _ = try Schedule.read(name, for: configuration) } catch { problems.append(Problem(error)) }
                }
            } catch let error as ConfigError {
                problems.append(Problem(error))
            }
            for problem in problems { console.line("\(problem.message) [\(problem.code)]") }
            if problems.isEmpty { console.line("valid: " + files.joined(separator: ", ")) }
            try console.document(Validation(valid: problems.isEmpty, files: files, problems: problems))
            return problems.isEmpty ? .done : .configurationInvalid
        }
    }

    struct Show: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Print the configuration as it is in effect: defaults filled in, paths whole, secrets left out.",
            discussion: HelpText.of(
                examples: [
                    ("config show", "what is in effect"),
                    ("config show --json", "the same for a script"),
                ],
                exits: [.configurationInvalid]))
        @OptionGroup var common: CommonOptions

        func perform() throws -> ExitStatus {
            let configuration = try VarveConfiguration.read(try Home.locate(common.config))
            common.console.line(configuration.effectiveYAML)
            if common.json { Console.write(configuration.effectiveJSON + "\n", to: 1) }
            return .done
        }
    }

    private struct Problem: Encodable {
        let code: String
        let message: String

        init(_ error: ConfigError) {
            code = error.codeText
            message = error.sentence
        }
    }

    private struct Validation: Encodable {
        let valid: Bool
        let files: [String]
        let problems: [Problem]
    }
}
