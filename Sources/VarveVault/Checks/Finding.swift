// SPDX-License-Identifier: Apache-2.0

/// One object that is not as it should be.
package struct Finding: Codable, Hashable, Sendable, CustomStringConvertible {
    /// The object's path in the vault.
    package let object: String
    /// 0 listing, 1 documents, 2 objects' size and SHA-256, 3 content.
    package let level: Int
    package let code: VaultError.Code
    /// One sentence.
    package let reason: String

    package init(object: String, level: Int, code: VaultError.Code, reason: String) {
        self.object = object
        self.level = level
        self.code = code
        self.reason = reason
    }

    /// What `error`, met while looking at `object`, amounts to.
    package init(object: String, level: Int, _ error: any Error) {
        self.object = object
        self.level = level
        let known = error as? VaultError
        code = known?.code ?? .unreadable
        var reason = known?.message ?? "\(error)"
        if let cause = known?.cause { reason += " \(cause)" }
        self.reason = reason
    }

    /// What it means for a verification that the vault could not be opened: its identity is damaged or missing. nil for any other error, which
    /// says nothing about the vault.
    package init?(opening error: any Error) {
        guard let error = error as? VaultError else { return nil }
        switch error.code {
        case .missing: self.init(object: VaultDescription.path, level: 0, error)
        case .damaged: self.init(object: VaultDescription.path, level: 1, error)
        default: return nil
        }
    }

    /// The finding as an error.
    var error: VaultError { VaultError(code, "'\(object)' cannot be used: \(reason)") }

    package var description: String { "\(object): \(reason) (level \(level), \(code.rawValue))" }
}
