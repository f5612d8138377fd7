// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveSchedule

/// The machine's zone data; a test that needs it is skipped, and says so, where there is none.
enum ZoneData {
    static func zone(_ name: String) throws -> TimeZoneData {
        if !ZoneFolder.standard.isPresent {
            try Test.cancel("There is no zone data in '\(ZoneFolder.standard.path)': install the package tzdata.")
        }
        return try ZoneFolder.standard.zone(name)
    }
}
