// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// Which items of a past state are wanted: those that have one of some keys and meet a condition. What is not given asks for nothing.
package struct ItemFilter: Sendable {
    package var keys: Set<ItemKey>?
    /// Put to each item as it was at the time, and not to what it was before that.
    package var condition: ItemCondition?

    package init(keys: Set<ItemKey>? = nil, condition: ItemCondition? = nil) {
        self.keys = keys
        self.condition = condition
    }

    package static let all = ItemFilter()
}
