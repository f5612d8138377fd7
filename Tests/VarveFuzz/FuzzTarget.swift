// SPDX-License-Identifier: Apache-2.0

import Glibc

/// One reader, or a few that read the same kind of bytes, and what must hold of whatever they accept.
///
/// Typed errors are the right answer to most inputs. A trap, an error of another type, a broken invariant (``violated(_:)``), more than five
/// seconds for one input and more than ``FuzzTargets/memoryBytesMax`` of memory are not.
protocol FuzzTarget: SendableMetatype {
    static var name: String { get }
    /// Longer inputs find nothing that these do not, and take longer.
    static var inputBytesMax: Int { get }
    /// What the format is made of: words that chance would not find.
    static var tokens: [String] { get }

    /// Reads one input. It ends where readable memory ends, so that a reader that goes one byte too far stops the program.
    static func run(_ bytes: UnsafeRawBufferPointer)
}

/// An invariant does not hold: says which and stops, as a trap would, so that both drivers keep the input.
func violated(_ what: @autoclosure () -> String) -> Never {
    FileOutput.errors.write("violated: \(what())\n")
    abort()
}

/// Runs what may refuse its input; nil where it did. Only errors of that type are refusals.
func accepted<Result, Failure: Error>(
    _ refusal: Failure.Type, _ what: String, _ body: () throws -> Result
) -> Result? {
    do {
        return try body()
    } catch is Failure {
        return nil
    } catch {
        violated("\(what) failed with \(type(of: error)), which is no \(refusal): \(error)")
    }
}

/// Runs what must succeed, because what it is given was accepted before.
func must<Result>(_ what: String, _ body: () throws -> Result) -> Result {
    do {
        return try body()
    } catch {
        violated("\(what) failed: \(error)")
    }
}

/// Writes to a descriptor at once, without a buffer that a crash would lose.
struct FileOutput {
    let descriptor: Int32

    static let standard = FileOutput(descriptor: STDOUT_FILENO)
    static let errors = FileOutput(descriptor: STDERR_FILENO)

    func write(_ text: String) {
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            written += count
        }
    }
}
