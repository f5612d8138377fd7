// SPDX-License-Identifier: Apache-2.0

// Feeds the readers of everything that comes from outside with bytes that nobody wrote. Two drivers run the same targets:
//
//   VarveFuzz TARGET --corpus DIR… --seconds S [--seed N] [--inputs N]    replays the corpus, then mutates it; needs nothing else
//   VarveFuzz TARGET FILE…                                                runs these inputs alone, to look at a crash
//
// and, built with `--sanitize fuzzer -Xswiftc -DFUZZER`, libFuzzer, which brings a `main` of its own and follows coverage
// (.ci/fuzz). A target is a file in Targets/, listed in FuzzTargets.swift.

#if !FUZZER
    import Glibc

    @main
    enum FuzzProgram {
        static func main() {
            exit(MutationDriver.main(Array(CommandLine.arguments.dropFirst())))
        }
    }
#endif
