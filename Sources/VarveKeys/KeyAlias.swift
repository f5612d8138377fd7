// SPDX-License-Identifier: Apache-2.0

/// A key's second name. The rules are those of AWS KMS, with `varve` where AWS says `aws`:
/// `alias/`, then 1 to 250 of `A-Z a-z 0-9 / _ -`; what begins with `alias/varve/` is Varve's own.
enum KeyAlias {
    static let prefix = "alias/"
    static let managed = "alias/varve/managed"
    /// As AWS KMS has it: 256 characters, the prefix among them.
    static let charactersMax = 256

    static func isWellFormed(_ alias: String) -> Bool {
        let name = alias.utf8.dropFirst(prefix.utf8.count)
        return alias.hasPrefix(prefix) && !name.isEmpty && alias.utf8.count <= charactersMax
            && name.allSatisfy {
                switch $0 {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "/"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// Checks an alias that a user wants to give.
    static func check(_ alias: String) throws {
        guard isWellFormed(alias) else {
            throw KeyError(
                .invalidAlias,
                "'\(alias)' is no alias. An alias is 'alias/' and then 1 to \(charactersMax - prefix.utf8.count) "
                    + "letters, digits, '/', '_' or '-', "
                    + "such as 'alias/main'.")
        }
        guard !alias.hasPrefix("alias/varve/"), alias != "alias/varve" else {
            throw KeyError(
                .invalidAlias, "Aliases that begin with 'alias/varve/' are Varve's own. Choose another name.")
        }
    }
}
