// SPDX-License-Identifier: Apache-2.0

import VarveConfig
import VarveKeys
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveSeal
import VarveStore
import VarveVault

/// What every error of the house can say about itself: a stable code, a full sentence, and what lies beneath.
protocol Reportable: Error {
    var codeText: String { get }
    var message: String { get }
    var cause: (any Error)? { get }
    /// The message, with the place where it belongs where there is one.
    var sentence: String { get }
}

extension Reportable {
    var sentence: String { message }
}

extension ModelError: Reportable { var codeText: String { "model." + code.rawValue } }
extension SealError: Reportable { var codeText: String { "seal." + code.rawValue } }
extension KeyError: Reportable { var codeText: String { "keys." + code.rawValue } }
extension StoreError: Reportable { var codeText: String { "store." + code.rawValue } }
extension VaultError: Reportable { var codeText: String { "vault." + code.rawValue } }
extension ConfigError: Reportable {
    var codeText: String { "config." + code.rawValue }
    var sentence: String { description }
}
extension ScheduleError: Reportable { var codeText: String { "schedule." + code.rawValue } }
extension PipelineError: Reportable { var codeText: String { "pipeline." + code.rawValue } }

/// A request that cannot be carried out as it was put at the command line.
struct UsageError: Reportable {
    let message: String
    let status: ExitStatus
    var codeText: String { "usage" }
    var cause: (any Error)? { nil }

    init(_ message: String, status: ExitStatus = .usage) {
        self.message = message
        self.status = status
    }
}

/// An error as text and as JSON: one line for each link of its chain, outermost first.
struct ErrorReport: Encodable {
    struct Link: Encodable, Equatable {
        let code: String
        let message: String
    }

    let chain: [Link]

    init(_ error: any Error) {
        var links: [Link] = []
        var next: (any Error)? = error
        while let current = next, links.count < 16 {  // a chain is as deep as the house has rooms; more would be a loop
            if let reportable = current as? any Reportable {
                let link = Link(code: reportable.codeText, message: reportable.sentence)
                if links.last != link { links.append(link) }
                next = reportable.cause
            } else {
                // The libraries' own words: a system error's help; a cryptographic library's number tells nobody anything.
                if links.isEmpty || !String(reflecting: type(of: current)).contains("Crypto") {
                    links.append(Link(code: "other", message: String(describing: current)))
                }
                next = nil
            }
        }
        chain = links
    }

    var code: String { chain.first?.code ?? "other" }
    var message: String { chain.first?.message ?? "" }

    var lines: [String] {
        chain.enumerated().map { index, link in
            index == 0 ? "varve: \(link.message) [\(link.code)]" : "  because: \(link.message) [\(link.code)]"
        }
    }
}
