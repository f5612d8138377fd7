// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// A test could not be set up: not a finding about the code under test.
package struct TestKitError: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }

    /// For a system call that left its reason in a code, as `posix_spawn` returns it.
    init(_ what: String, code: Int32) {
        self.init("\(what): \(Errno(rawValue: code)).")
    }
}
