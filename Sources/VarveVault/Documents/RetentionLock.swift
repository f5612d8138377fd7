// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// A lock: what it is laid on stays until its time has come, and nothing ends it before.
package struct RetentionLock: VersionedContent, Equatable {
    package static let kind = "lock"
    package static let formatNewest = 1

    package let format: Int
    package let vault: String
    package let path: String
    package let id: String
    package let on: Protected
    package let until: Instant
    package let placed: Instant
    package let tool: String

    package init(
        vault: String, path: String, id: String, on: Protected, until: Instant, placed: Instant, tool: String
    ) {
        format = Self.formatNewest
        self.vault = vault
        self.path = path
        self.id = id
        self.on = on
        self.until = until
        self.placed = placed
        self.tool = tool
    }
}
