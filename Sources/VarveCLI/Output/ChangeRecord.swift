// SPDX-License-Identifier: Apache-2.0

/// What a verb with a short answer did, or would do, as its JSON document.
struct ChangeRecord: Encodable {
    let action: String
    let dryRun: Bool
    var table: String?
    var key: String?
    var attribute: String?
    var enabled: Bool?
    var items: Int?
    var exists: Bool?
}
