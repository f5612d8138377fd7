// SPDX-License-Identifier: Apache-2.0

/// The known name that a misspelt one most likely means: the least number of letters put in, left out, changed or swapped with a neighbour
/// (Damerau and Levenshtein's distance, capitals set aside). nil where more than half of the letters would have to change.
package func nearest(to name: String, among known: [String]) -> String? {
    // A name longer than any key is no misspelt key, and comparing it costs its length.
    guard name.count <= 256 else { return nil }
    let measured = known.sorted().map { (name: $0, distance: distance(name.lowercased(), $0.lowercased())) }
    guard let best = measured.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= max(1, max(name.count, best.name.count) / 2) ? best.name : nil
}

private func distance(_ left: String, _ right: String) -> Int {
    let (a, b) = (Array(left), Array(right))
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in 0..<a.count {
        var row = [i + 1]
        for j in 0..<b.count {
            var best = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                best = min(best, beforeLast[j - 1] + 1)
            }
            row.append(best)
        }
        (beforeLast, last) = (last, row)
    }
    return last[b.count]
}
