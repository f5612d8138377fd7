// SPDX-License-Identifier: Apache-2.0

/// Reads the text of a condition.
///
/// NOT binds tighter than AND, AND tighter than OR, as in DynamoDB. What DynamoDB refuses because it can never be true, or can be a slip
/// only, is refused here too: an order of values that have none, bounds in the wrong order, an operand compared with itself.
struct ConditionParser: Sendable {
    typealias Node = ItemCondition.Node
    typealias Operand = ItemCondition.Operand
    typealias ValueType = ItemCondition.ValueType

    private var lexer: ConditionLexer
    private var token = ConditionToken.end
    /// The byte at which the token begins.
    private var offset = 0
    private var operators = 0
    private var depth = 0
    private(set) var attributes: [Role] = []

    /// An operand and the byte at which it begins.
    private struct Place {
        let operand: Operand
        let offset: Int
    }

    init(_ text: [UInt8]) throws {
        guard text.count <= ConditionLimits.textBytesMax else {
            throw ModelError(
                .invalidCondition,
                "The condition has \(text.count) bytes; at most \(ConditionLimits.textBytesMax) are possible.")
        }
        lexer = ConditionLexer(text)
        try advance()
    }

    /// Reads the whole text.
    mutating func condition() throws -> Node {
        let node = try disjunction()
        guard token == .end else { throw expected("AND, OR or its end") }
        return node
    }

    // MARK: Logic

    private mutating func disjunction() throws -> Node {
        var nodes = [try conjunction()]
        while try take(.or) { nodes.append(try conjunction()) }
        return nodes.count == 1 ? nodes[0] : .any(nodes)
    }

    private mutating func conjunction() throws -> Node {
        var nodes = [try negation()]
        while try take(.and) { nodes.append(try negation()) }
        return nodes.count == 1 ? nodes[0] : .all(nodes)
    }

    private mutating func negation() throws -> Node {
        if token.keyword == .not {
            try nest()
            _ = try take(.not)
            defer { depth -= 1 }
            return .not(try negation())
        }
        if token == .symbol(.open) {
            try nest()
            try advance()
            defer { depth -= 1 }
            let node = try disjunction()
            guard token == .symbol(.close) else { throw expected("AND, OR or a closing parenthesis") }
            try advance()
            return node
        }
        return try test()
    }

    private mutating func nest() throws {
        depth += 1
        guard depth <= ConditionLimits.nestingDepthMax else {
            throw lexer.failure(
                at: offset, "parentheses and NOT nest deeper than \(ConditionLimits.nestingDepthMax) levels")
        }
    }

    // MARK: Tests of values

    private mutating func test() throws -> Node {
        if case .word(let name) = token, token.keyword == nil {
            let begin = offset
            try advance()
            guard token == .symbol(.open) else {
                return try comparison(Place(operand: .path(try path(from: name)), offset: begin))
            }
            if let node = try function(name, at: begin) { return node }
            return try comparison(Place(operand: try size(), offset: begin))
        }
        return try comparison(try operand())
    }

    private mutating func comparison(_ left: Place) throws -> Node {
        if try take(.between) {
            let low = try operand()
            guard token.keyword == .and else { throw expected("AND and the upper bound of BETWEEN") }
            try advance()
            let high = try operand()
            try requireDistinct(left, [low, high])
            for place in [left, low, high] { try requireOrder(place) }
            try requireBounds(low, high)
            return .between(left.operand, low.operand, high.operand)
        }
        if try take(.in) {
            let list = try self.list()
            try requireDistinct(left, list)
            return .among(left.operand, list.map(\.operand))
        }
        guard case .symbol(let symbol) = token, let comparator = ItemCondition.Comparator(symbol) else {
            throw expected("=, <>, <, <=, >, >=, BETWEEN or IN")
        }
        try count()
        try advance()
        let right = try operand()
        try requireDistinct(left, [right])
        if comparator.isOfOrder {
            try requireOrder(left)
            try requireOrder(right)
        }
        return .compare(left.operand, comparator, right.operand)
    }

    private mutating func list() throws -> [Place] {
        try expect(.open, "an opening parenthesis behind IN")
        var places: [Place] = []
        repeat {
            guard places.count < ConditionLimits.listedMax else {
                throw lexer.failure(at: offset, "an IN has more than \(ConditionLimits.listedMax) values")
            }
            places.append(try operand())
        } while try take(.comma)
        try expect(.close, "a comma or a closing parenthesis")
        return places
    }

    /// Reads a function that is a condition by itself, from its opening parenthesis on; nil where it is `size`.
    private mutating func function(_ name: String, at begin: Int) throws -> Node? {
        if name == "size" { return nil }
        let make: (inout ConditionParser) throws -> Node
        switch name {
        case "attribute_exists": make = { .exists(try $0.argumentPath()) }
        case "attribute_not_exists": make = { .not(.exists(try $0.argumentPath())) }
        case "attribute_type": make = { try $0.typeTest() }
        case "begins_with": make = { try $0.prefixTest() }
        case "contains": make = { try $0.membershipTest() }
        default:
            throw lexer.failure(
                at: begin,
                "there are the functions attribute_exists, attribute_not_exists, attribute_type, begins_with, contains and size, in small letters"
            )
        }
        try count(at: begin)
        try advance()
        let node = try make(&self)
        try expect(.close, "a closing parenthesis")
        return node
    }

    private mutating func typeTest() throws -> Node {
        let path = try argumentPath()
        try expect(.comma, "a comma")
        guard case .string(let name) = token,
            let type = ValueType.allCases.first(where: { $0.rawValue.utf8.elementsEqual(name) })
        else {
            throw expected(
                "a type in single quotes, one of \(ValueType.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        try advance()
        return .hasType(path, type)
    }

    private mutating func prefixTest() throws -> Node {
        let (whole, begin) = try arguments()
        for place in [whole, begin] {
            guard Self.type(of: place.operand).map({ $0 == .string || $0 == .binary }) ?? true else {
                throw lexer.failure(at: place.offset, "begins_with takes strings and binaries")
            }
        }
        return .beginsWith(whole.operand, begin.operand)
    }

    private mutating func membershipTest() throws -> Node {
        let (whole, part) = try arguments()
        guard Self.type(of: whole.operand).map({ $0 == .string || $0 == .binary }) ?? true else {
            throw lexer.failure(at: whole.offset, "contains looks into a string, a binary, a set or a list")
        }
        return .contains(whole.operand, part.operand)
    }

    private mutating func arguments() throws -> (Place, Place) {
        let first = try operand()
        try expect(.comma, "a comma")
        let second = try operand()
        try requireDistinct(first, [second])
        return (first, second)
    }

    // MARK: Operands

    private mutating func operand() throws -> Place {
        let begin = offset
        switch token {
        case .string(let bytes): return Place(operand: try literal(.string(bytes)), offset: begin)
        case .binary(let bytes): return Place(operand: try literal(.binary(bytes)), offset: begin)
        case .number(let text):
            do {
                return Place(operand: try literal(.number(text)), offset: begin)
            } catch let error as ModelError where error.code == .invalidNumber {
                throw lexer.failure(
                    at: begin,
                    "a number is decimal digits, with a point and an exponent if need be, of at most \(ItemLimits.numberDigitsMax) significant digits and from 1E-130 to below 1E+126"
                )
            }
        case .quoted(let name):
            try advance()
            return Place(operand: .path(try path(from: name)), offset: begin)
        case .word(let word):
            switch token.keyword {
            case .true: return Place(operand: try literal(.bool(true)), offset: begin)
            case .false: return Place(operand: try literal(.bool(false)), offset: begin)
            case .null: return Place(operand: try literal(.null), offset: begin)
            case .some: throw expected("a value or a name; one that is a keyword stands in \"double quotes\"")
            case nil: break
            }
            try advance()
            guard token == .symbol(.open) else { return Place(operand: .path(try path(from: word)), offset: begin) }
            guard word == "size" else { throw lexer.failure(at: begin, "size is the only function with a value") }
            return Place(operand: try size(), offset: begin)
        case .symbol, .end: throw expected("a value or a name")
        }
    }

    /// Takes a literal that is a token by itself.
    private mutating func literal(_ value: AttributeValue) throws -> Operand {
        var writer = TreeWriter()
        try writer.write(value)
        try advance()
        return .literal(writer.out.array())
    }

    /// Reads the argument of `size`, from its opening parenthesis on.
    private mutating func size() throws -> Operand {
        try count()
        try expect(.open, "an opening parenthesis")
        let path = try argumentPath()
        try expect(.close, "a closing parenthesis")
        return .size(path)
    }

    private mutating func argumentPath() throws -> DocumentPath {
        let name: String
        switch token {
        case .quoted(let text): name = text
        case .word(let text) where token.keyword == nil: name = text
        default: throw expected("the name of an attribute")
        }
        try advance()
        return try path(from: name)
    }

    /// Reads what follows the first name of a path.
    private mutating func path(from name: String) throws -> DocumentPath {
        let role = Role(named: name)
        let known = attributes.firstIndex(of: role)
        if known == nil { attributes.append(role) }
        var path = DocumentPath(attribute: known ?? attributes.count - 1)
        while true {
            let begin = offset
            if try take(.dot) {
                switch token {
                case .quoted(let name), .word(let name): path.steps.append(.name(Role(named: name)))
                default: throw expected("a name")
                }
                try advance()
            } else if try take(.openBracket) {
                guard case .number(let digits) = token, digits.count <= ConditionLimits.positionDigitsMax,
                    digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                    let position = Int(String(decoding: digits, as: UTF8.self))
                else { throw expected("a position in a list, counted from 0") }
                path.steps.append(.position(position))
                try advance()
                try expect(.closeBracket, "a closing bracket")
            } else {
                return path
            }
            guard path.steps.count < ConditionLimits.pathStepsMax else {
                throw lexer.failure(at: begin, "a path has more than \(ConditionLimits.pathStepsMax) parts")
            }
        }
    }

    // MARK: What is refused although it could be read

    /// The type that an operand always has.
    private static func type(of operand: Operand) -> ValueType? {
        switch operand {
        case .path: nil
        case .size: .number
        case .literal(let bytes): ConditionValue(bytes).type
        }
    }

    private func requireOrder(_ place: Place) throws {
        guard Self.type(of: place.operand)?.isOrdered ?? true else {
            throw lexer.failure(at: place.offset, "true, false and null have no order: only =, <> and IN compare them")
        }
    }

    private func requireBounds(_ low: Place, _ high: Place) throws {
        guard case .literal(let lowBytes) = low.operand, case .literal(let highBytes) = high.operand else { return }
        guard ConditionValue(lowBytes).precedes(ConditionValue(highBytes), orEquals: true) else {
            throw lexer.failure(
                at: high.offset, "the upper bound of BETWEEN is below the lower one or of another type")
        }
    }

    private func requireDistinct(_ first: Place, _ rest: [Place]) throws {
        if case .literal = first.operand { return }
        if let same = rest.first(where: { $0.operand == first.operand }) {
            throw lexer.failure(at: same.offset, "an operand is the same as the first one")
        }
    }

    // MARK: Tokens

    private mutating func advance() throws {
        (token, offset) = try lexer.next()
    }

    private mutating func take(_ keyword: ConditionToken.Keyword) throws -> Bool {
        guard token.keyword == keyword else { return false }
        try count()
        try advance()
        return true
    }

    private mutating func take(_ symbol: ConditionToken.Symbol) throws -> Bool {
        guard token == .symbol(symbol) else { return false }
        try advance()
        return true
    }

    private mutating func expect(_ symbol: ConditionToken.Symbol, _ what: String) throws {
        guard try take(symbol) else { throw expected(what) }
    }

    /// Counts one operator or function.
    private mutating func count(at begin: Int? = nil) throws {
        operators += 1
        guard operators <= ConditionLimits.operatorsMax else {
            throw lexer.failure(
                at: begin ?? offset,
                "there are more than \(ConditionLimits.operatorsMax) comparators, functions, AND, OR, NOT, BETWEEN and IN"
            )
        }
    }

    private func expected(_ what: String) -> ModelError {
        lexer.failure(at: offset, "\(what) was expected")
    }
}

extension ItemCondition.Comparator {
    fileprivate init?(_ symbol: ConditionToken.Symbol) {
        switch symbol {
        case .equal: self = .equal
        case .notEqual: self = .notEqual
        case .less: self = .less
        case .lessOrEqual: self = .lessOrEqual
        case .greater: self = .greater
        case .greaterOrEqual: self = .greaterOrEqual
        default: return nil
        }
    }
}
