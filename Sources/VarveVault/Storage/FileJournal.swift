// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// One thing that was done to a file system and that a power loss could undo, in the order in which it was done.
package enum FileEvent: Sendable {
    case create(FilePath)
    case write(FilePath, offset: Int, bytes: [UInt8])
    /// The file's bytes so far are on the disk; its name need not be.
    case sync(FilePath)
    case link(FilePath, to: FilePath)
    case rename(FilePath, to: FilePath)
    case unlink(FilePath)
    case makeFolder(FilePath)
    case removeFolder(FilePath)
    /// The folder's entries so far are on the disk.
    case syncFolder(FilePath)
}

/// Hears of everything that a vault's directory or a record of commits does to the disk, after it was done: tests replay it with parts left out.
package typealias FileJournal = @Sendable (FileEvent) -> Void
