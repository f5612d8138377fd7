// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import SystemPackage

/// The folder that `varve bench` works in: what it finds there it never touches, and what it made it takes away.
struct BenchFolder {
    let path: FilePath
    private let isOurs: Bool

    /// - Parameter given: A folder that is empty or is not there yet; nil makes one among the temporary files.
    init(_ given: FilePath?) throws {
        guard let given else {
            var template = Array(FileManager.default.temporaryDirectory.path.utf8CString.dropLast())
            if template.last == CChar(bitPattern: UInt8(ascii: "/")) { template.removeLast() }
            template += "/varve-bench-XXXXXX".utf8CString
            guard mkdtemp(&template) != nil else {
                throw UsageError(
                    "No scratch folder can be made among the temporary files: \(Files.reason(errno)). Name one with --dir.",
                    status: .failed)
            }
            path = FilePath(
                String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
            isOurs = true
            return
        }
        path = Files.absolute(given)
        if mkdir(path.string, 0o700) == 0 {
            isOurs = true
        } else {
            let reason = errno
            guard reason == EEXIST, Files.isFolder(path) else {
                throw UsageError("The folder \(path) cannot be made: \(Files.reason(reason)).", status: .failed)
            }
            isOurs = false
            guard let names = try? FileManager.default.contentsOfDirectory(atPath: path.string), names.isEmpty else {
                throw UsageError(
                    "The folder \(path) is not empty. bench takes a new or an empty one; remove what a killed run left there.",
                    status: .refused)
            }
        }
    }

    func remove() {
        if isOurs { rmdir(path.string) }
    }
}
