// SPDX-License-Identifier: Apache-2.0

#if FUZZER
    import Glibc

    /// What libFuzzer asks a program for: one input's run, and options. `main` is its own.
    ///
    /// The target is named by VARVE_FUZZ_TARGET, which the processes that libFuzzer starts for a merge have too.
    enum LibFuzzerDriver {
        static let target: any FuzzTarget.Type = {
            let name = getenv("VARVE_FUZZ_TARGET").map { String(cString: $0) } ?? ""
            guard let target = FuzzTargets.named(name) else {
                FileOutput.errors.write(
                    "VARVE_FUZZ_TARGET='\(name)' names no target: \(FuzzTargets.all.map { $0.name }.joined(separator: ", ")).\n"
                )
                exit(2)
            }
            return target
        }()

        // libFuzzer calls from one thread.
        nonisolated(unsafe) static let input = GuardedInput(room: target.inputBytesMax)

        /// The target's tokens as a dictionary file of libFuzzer's; it has no name, and goes with the process.
        nonisolated(unsafe) static let dictionary: OpenInput = {
            let lines = target.tokens.map { token in
                "\"" + token.utf8.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\"\n"
            }
            let file = OpenInput()
            Array(lines.joined().utf8).withUnsafeBytes { file.fill($0) }
            return file
        }()
    }

    @_cdecl("LLVMFuzzerTestOneInput")
    func runOneInput(_ start: UnsafeRawPointer?, _ count: Int) -> Int32 {
        // A corpus from elsewhere may hold longer ones.
        guard count <= LibFuzzerDriver.target.inputBytesMax else { return -1 }
        let input = LibFuzzerDriver.input.lend(UnsafeRawBufferPointer(start: start, count: count))
        LibFuzzerDriver.target.run(input)
        return 0
    }

    /// Adds the target's own options to those of the command line, where they come first and so can be overridden.
    @_cdecl("LLVMFuzzerInitialize")
    func addOptions(
        _ count: UnsafeMutablePointer<Int32>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
    ) -> Int32 {
        let options = [
            "-max_len=\(LibFuzzerDriver.target.inputBytesMax)", "-dict=\(LibFuzzerDriver.dictionary.path)",
        ]
        let given = (0..<Int(count.pointee)).map { arguments.pointee[$0] }
        let all = given.prefix(1) + options.map { strdup($0) } + given.dropFirst()
        // Read until the process ends.
        let table = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: all.count + 1)
        for (index, argument) in all.enumerated() { table[index] = argument }
        table[all.count] = nil
        arguments.pointee = table
        count.pointee = Int32(all.count)
        return 0
    }
#endif
