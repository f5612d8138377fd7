// SPDX-License-Identifier: Apache-2.0

package import VarveVault

/// Heals what a verification found from another vault's copies, and verifies again whatever it touched.
package struct HealVault: Sendable {
    /// What came of it.
    package struct Result: Sendable {
        /// Objects that were replaced by a good copy.
        package var healed: [String] = []
        /// Objects that no copy could heal, and why.
        package var notHealed: [(object: String, error: any Error)] = []
        /// The verification's report with what is still wrong.
        package var report: VerifyReport
    }

    private let vault: Vault
    private let other: Vault
    private let keys: any KeySealing
    private let wrappingKey: String
    private let commits: CommitRecord
    private let workers: Int

    /// - Parameters:
    ///   - other: the vault with the copies.
    ///   - wrappingKey: of `vault`, for key files that are written anew.
    ///   - commits: the home's record of what it committed to `vault`.
    package init(
        vault: Vault, from other: Vault, keys: any KeySealing, under wrappingKey: String, commits: CommitRecord,
        workers: Int
    ) {
        self.vault = vault
        self.other = other
        self.keys = keys
        self.wrappingKey = wrappingKey
        self.commits = commits
        self.workers = workers
    }

    /// - Parameters:
    ///   - report: what a verification at `depth` found.
    ///   - depth: how deep to look at what was touched.
    package func run(
        _ report: VerifyReport, depth: VerifyDepth, progress: Progress, stop: StopSignal
    ) throws -> Result {
        var result = Result(report: report)
        let healing = try VaultHealing(vault, from: other, keys: keys, under: wrappingKey, record: commits)
        for outcome in try healing.run(report.findings, stop: { try stop.check() }) {
            if let error = outcome.error {
                result.notHealed.append((outcome.object, error))
            } else {
                result.healed.append(outcome.object)
            }
        }
        if result.healed.isEmpty { return result }
        let touched = try Catalog.read(vault).entries.map(\.manifest).filter { manifest in
            result.healed.contains { manifest.owns($0) }
        }
        var left = report.findings.filter { finding in
            !result.healed.contains(finding.object) && !touched.contains { $0.owns(finding.object) }
        }
        if !touched.isEmpty {
            let again = try VerifyVault(vault: vault, keys: keys, commits: commits, workers: workers)
                .run(ids: touched.map(\.id), depth: depth, progress: progress, stop: stop)
            left += again.findings.filter { !left.contains($0) }
        }
        result.report.findings = left.sorted { ($0.object, $0.level) < ($1.object, $1.level) }
        return result
    }
}
