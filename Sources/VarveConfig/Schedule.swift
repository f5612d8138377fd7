// SPDX-License-Identifier: Apache-2.0

package import SystemPackage
package import VarveSchedule

/// `Schedules/NAME.yaml`, read and checked against the configuration: which job runs when.
///
/// The other keys of the file, `overlap` and `catchUp`, have one value each in this release, which says what is done.
package struct Schedule: Sendable, Equatable {
    /// More schedules than this were made by a program that should have made several homes.
    package static let countMax = 1000

    package let name: String
    package let file: FilePath
    /// A job that the home has.
    package let job: String
    package let times: ScheduleTimes
}
