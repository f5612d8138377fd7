// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Asks a person, and only a person: where standard input is no terminal nothing is asked and the answer is no.
enum Confirmation {
    static func ask(_ question: String) -> Bool {
        guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return false }
        Console.write(question + " [y/N] ", to: STDERR_FILENO)
        guard let answer = readLine(strippingNewline: true) else { return false }
        return answer == "y" || answer == "yes"
    }
}
