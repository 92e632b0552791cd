// Decimal numbers as people write them ("2.5", "0.08"), read exactly into a whole number of small units.
//
// Money and time are never doubles on their way into the settings: 0.1 has no exact double, and a budget that is
// compared with a sum of prices must not depend on rounding. `FixedPoint` keeps as many decimals as the caller asks
// for and refuses what it cannot hold (more decimals, an exponent, a sign, an overflow) by answering nil.

enum FixedPoint {
    /// `text` times 10^`decimals` as a whole number: `parse("2.5", decimals: 3)` is 2500. Nil for anything that is not
    /// plain digits with at most one point, has more decimals than asked for, or does not fit an `Int`.
    static func parse(_ text: some StringProtocol, decimals: Int) -> Int? {
        var digits = 0
        var total = 0
        var decimalsSeen: Int?
        for byte in text.utf8 {
            if byte == UInt8(ascii: "."), decimalsSeen == nil {
                decimalsSeen = 0
                continue
            }
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            guard let longer = appending(Int(byte - UInt8(ascii: "0")), to: total) else { return nil }
            total = longer
            digits += 1
            decimalsSeen = decimalsSeen.map { $0 + 1 }
        }
        let missing = decimals - (decimalsSeen ?? 0)
        guard digits > 0, missing >= 0, decimalsSeen != 0 else { return nil }
        return times(total, tensOf: missing)
    }

    /// The reverse of `parse`, without trailing zeros: `text(2500, decimals: 3)` is "2.5".
    static func text(_ value: Int, decimals: Int) -> String {
        let unit = times(1, tensOf: decimals) ?? 1
        var fraction = String(value % unit)
        fraction = String(repeating: "0", count: decimals - fraction.utf8.count) + fraction
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return fraction.isEmpty ? "\(value / unit)" : "\(value / unit).\(fraction)"
    }

    private static func appending(_ digit: Int, to total: Int) -> Int? {
        guard let shifted = times(total, tensOf: 1) else { return nil }
        let (sum, overflow) = shifted.addingReportingOverflow(digit)
        return overflow ? nil : sum
    }

    private static func times(_ value: Int, tensOf count: Int) -> Int? {
        var result = value
        for _ in 0..<count {
            let (product, overflow) = result.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            result = product
        }
        return result
    }
}
