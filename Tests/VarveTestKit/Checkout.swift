// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// Where the code under test lies: the clone, and the products that were built with the running tests.
package enum Checkout {
    /// The top of the clone: the folder that holds `Package.swift`.
    package static let root: FilePath = {
        var folder = FilePath(#filePath)
        for _ in 0..<3 { folder.removeLastComponent() }
        return folder
    }()

    /// The folder of this build's products (`.build/<triple>/<configuration>`), found from the test bundle that is running.
    ///
    /// `swift test` runs a helper of the toolchain's with the bundle among its arguments, or the bundle itself; either way an argument names it.
    package static let products: FilePath = {
        for argument in CommandLine.arguments {
            let path = FilePath(argument)
            if path.extension == "xctest", path.isAbsolute {
                return path.removingLastComponent()
            }
        }
        #if DEBUG
            return root.appending(".build/debug")
        #else
            return root.appending(".build/release")
        #endif
    }()

    /// The `varve` binary that was built with the running tests.
    package static let varve = products.appending("varve")
}
