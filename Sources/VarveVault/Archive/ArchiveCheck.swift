// SPDX-License-Identifier: Apache-2.0

import CArchive

/// What a call of libarchive came to, if it did not fail.
enum ArchiveResult {
    case done
    /// `ARCHIVE_EOF`: no further entry or block.
    case end
}

/// The one place that knows libarchive's return codes.
///
/// `RETRY` asks for the same call again; `WARN` means that it did something other than it was asked to, which for what Varve writes and reads is as
/// wrong as `FAILED` (this entry is lost) and `FATAL` (the archive is).
enum Archive {
    /// More often than this the same call does not get better.
    static let retriesMax = 8
    /// `AE_IFREG`, which as a macro with a cast does not come over from C.
    static let regularFile: UInt32 = 0o100000

    @discardableResult
    static func check(
        _ handle: OpaquePointer, _ what: @autoclosure () -> String, _ call: () -> Int32
    ) throws -> ArchiveResult {
        for _ in 0...retriesMax {
            let code = call()
            switch code {
            case ARCHIVE_OK: return .done
            case ARCHIVE_EOF: return .end
            case ARCHIVE_RETRY: continue
            case ARCHIVE_WARN: throw error(handle, "\(what()): libarchive had to deviate")
            case ARCHIVE_FAILED: throw error(handle, "\(what()): this part is not readable or writable")
            default: throw error(handle, "\(what()): the rest is not readable or writable")
            }
        }
        throw error(handle, "\(what()): it still fails after \(retriesMax) tries")
    }

    static func error(_ handle: OpaquePointer, _ what: String) -> VaultError {
        let reason = archive_error_string(handle).map { String(cString: $0) } ?? "no reason given"
        return VaultError(.damaged, "\(what) (\(printable(reason))).")
    }

    /// libarchive quotes names from the archive in its messages; a hostile one must not reach the terminal.
    static func printable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(120).filter { $0.value >= 0x20 && $0.value < 0x7F }))
    }
}
