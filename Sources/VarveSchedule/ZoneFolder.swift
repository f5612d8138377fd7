// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
package import SystemPackage

/// The machine's zone data: a folder with a file for each zone of the IANA database, as the package tzdata installs it.
///
/// Read here, because neither Foundation's small variant nor a statically linked Foundation knows zones by name. `UTC` needs no file.
package struct ZoneFolder: Sendable {
    /// Longer than any name there is, and shorter than any limit of a file system.
    static let nameBytesMax = 255

    package let path: FilePath

    package init(_ path: FilePath) { self.path = path }

    /// What TZDIR names, else `/usr/share/zoneinfo`.
    package static var standard: ZoneFolder {
        let named = getenv("TZDIR").map { String(cString: $0) }
        return ZoneFolder(FilePath(named.flatMap { $0.isEmpty ? nil : $0 } ?? "/usr/share/zoneinfo"))
    }

    /// Reads a zone by its IANA name.
    package func zone(_ name: String) throws(ScheduleError) -> TimeZoneData {
        try Self.check(name)
        if name == TimeZoneData.utc.name { return .utc }
        guard isPresent else {
            throw ScheduleError(
                .noZoneData,
                "This machine has no data of time zones in '\(path)', so '\(name)' cannot be looked up. Install the package tzdata, set TZDIR to where the data is, or use the zone UTC."
            )
        }
        return try TimeZoneData(name: name, file: try bytes(of: name))
    }

    /// Whether there is any zone data.
    package var isPresent: Bool {
        ["Etc/UTC", "UTC", "Europe/London"].contains { access(path.string + "/" + $0, R_OK) == 0 }
    }

    /// The data's release, such as `2025b`; nil where the folder does not say.
    package var release: String? {
        for (file, marker) in [("tzdata.zi", "# version "), ("+VERSION", "")] {
            guard let text = try? Self.read(path.appending(file), bytesMax: 128),
                let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first, line.hasPrefix(marker)
            else { continue }
            return String(line.dropFirst(marker.count))
        }
        return nil
    }

    /// The names in the folder in which a zone of that name would lie, to find a misspelt one by.
    package func names(beside name: String) -> [String] {
        let parts = name.split(separator: "/").map(String.init)
        var found: [String] = []
        for region in parts.count > 1 ? [parts[0], ""] : [""] {
            let folder = region.isEmpty ? path : path.appending(region)
            let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []
            found += entries.filter { $0.first?.isUppercase == true }.map { region.isEmpty ? $0 : "\(region)/\($0)" }
        }
        return found
    }

    /// A name is a path below the folder, and must not lead anywhere else.
    private static func check(_ name: String) throws(ScheduleError) {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        let isName = parts.allSatisfy { part in
            !part.isEmpty && part.utf8.first != UInt8(ascii: ".")
                && part.utf8.allSatisfy { byte in
                    (0x41...0x5A).contains(byte & 0xDF) || (0x30...0x39).contains(byte) || "_-+.".utf8.contains(byte)
                }
        }
        guard isName, name.utf8.count <= nameBytesMax else {
            throw ScheduleError(
                .invalidZoneName,
                "'\(name.prefix(80))' is no name of a time zone. Write one such as Europe/Berlin or UTC.")
        }
    }

    private func bytes(of name: String) throws(ScheduleError) -> [UInt8] {
        do {
            return try Self.read(path.appending(name), bytesMax: TimeZoneData.fileBytesMax)
        } catch .noSuchFileOrDirectory, .isDirectory, .notDirectory {
            throw ScheduleError(.unknownZone, "There is no time zone '\(name)' in '\(path)'.")
        } catch {
            throw ScheduleError(
                .damagedZoneData, "The zone '\(name)' in '\(path)' cannot be read. Install the package tzdata anew.",
                cause: error)
        }
    }

    private static func read(_ path: FilePath, bytesMax: Int) throws(Errno) -> [UInt8] {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 8192)
        while bytes.count < bytesMax {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Errno(rawValue: errno) }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return bytes
    }
}
