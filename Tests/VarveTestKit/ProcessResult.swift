// SPDX-License-Identifier: Apache-2.0

/// How a process ended, and what it wrote.
package struct ProcessResult: Sendable, CustomStringConvertible {
    package enum Ending: Hashable, Sendable {
        case exit(Int32)
        case signal(Int32)
        /// It outlived its time and was killed, with everything in its process group.
        case timedOut
    }

    package let ending: Ending
    package let output: [UInt8]
    package let errors: [UInt8]
    package let took: Duration
    /// The peak of its resident memory, in bytes, as last seen before it ended (looked at every few milliseconds; the kernel keeps the peak, so only
    /// a rise in the very last moment can be missed). 0 for a process too short to be looked at.
    package let memoryPeak: Int

    /// The exit code; 128 + N where signal N ended it, as a shell counts; nil where its time ran out.
    package var exitCode: Int32? {
        switch ending {
        case .exit(let code): code
        case .signal(let number): 128 + number
        case .timedOut: nil
        }
    }

    package var outputText: String { String(decoding: output, as: UTF8.self) }
    package var errorText: String { String(decoding: errors, as: UTF8.self) }

    /// For the comment of a failed expectation: `#expect(result.exitCode == 0, "\(result)")`.
    package var description: String {
        "\(ending) after \(took)\n--- standard output\n\(Self.tail(outputText))\n--- standard error\n\(Self.tail(errorText))"
    }

    private static func tail(_ text: String) -> Substring {
        text.suffix(4096)
    }
}
