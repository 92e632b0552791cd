// A moment, as the files of the contract write it: RFC 3339.
//
// Read with any offset and any number of decimals, written in UTC with milliseconds. The calendar is the proleptic
// Gregorian one (days are counted as in H. Hinnant's "chrono-compatible low-level date algorithms"). A date that does
// not exist is refused; one beyond what nanoseconds in 64 bits can hold (years 1677 to 2262) becomes the first or last
// moment that they can, since `9999-12-31` is how people write "never".

/// A moment in nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Nanoseconds since 1970.
    package let nanoseconds: Int64

    /// The moment so many nanoseconds after (or before) 1970 began.
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Reads `2026-11-24T02:04:19.5+01:00`; nil if it is not RFC 3339 or no date of the calendar. A leap second
    /// (`:60`) is the first moment of the next minute.
    package init?(rfc3339 text: String) {
        var reader = Reader(rest: text.utf8[...])
        guard let seconds = reader.date().flatMap({ day in reader.time().map { day * 86_400 + $0 } }),
            let fraction = reader.fraction(), let offset = reader.offset(), reader.rest.isEmpty
        else { return nil }
        let (product, tooFar) = (seconds - offset).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflow) = product.addingReportingOverflow(fraction)
        nanoseconds = tooFar || overflow ? (seconds < 0 ? .min : .max) : sum
    }

    /// The moment in UTC with milliseconds, cut off rather than rounded: `2026-11-24T01:04:19.500Z`.
    package var rfc3339: String {
        let (seconds, rest) = nanoseconds.flooredDivision(by: 1_000_000_000)
        let (days, second) = seconds.flooredDivision(by: 86_400)
        let (year, month, day) = Self.civil(days: days)
        let date = "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))"
        let time = "\(digits(second / 3600, 2)):\(digits(second / 60 % 60, 2)):\(digits(second % 60, 2))"
        return "\(date)T\(time).\(digits(rest / 1_000_000, 3))Z"
    }

    /// The earlier is the lesser.
    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.nanoseconds < right.nanoseconds }

    private func digits(_ value: Int64, _ count: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
    }

    /// Days since 1970 of a date.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = shifted.flooredDivision(by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The date that is so many days after 1970-01-01.
    private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (days + 719_468).flooredDivision(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    /// Takes an RFC 3339 text apart from the left.
    private struct Reader {
        var rest: Substring.UTF8View

        mutating func date() -> Int64? {
            guard let year = number(4), take("-"), let month = number(2), take("-"), let day = number(2),
                (1...12).contains(month), (1...Timestamp.length(of: month, in: year)).contains(day),
                take("T") || take("t") || take(" ")
            else { return nil }
            return Timestamp.days(year: year, month: month, day: day)
        }

        mutating func time() -> Int64? {
            guard let hour = number(2), take(":"), let minute = number(2), take(":"), let second = number(2),
                hour < 24, minute < 60, second <= 60
            else { return nil }
            return hour * 3600 + minute * 60 + second
        }

        /// Nanoseconds; digits past the ninth are dropped.
        mutating func fraction() -> Int64? {
            guard take(".") else { return 0 }
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(digits.count)
            let nine = digits.prefix(9)
            let value = nine.reduce(0 as Int64) { $0 * 10 + Int64($1 - 0x30) }
            return (nine.count..<9).reduce(value) { value, _ in value * 10 }
        }

        /// Seconds east of UTC.
        mutating func offset() -> Int64? {
            if take("Z") || take("z") { return 0 }
            let sign: Int64 = rest.first == UInt8(ascii: "-") ? -1 : 1
            guard take("+") || take("-"), let hour = number(2), take(":"), let minute = number(2),
                hour < 24, minute < 60
            else { return nil }
            return sign * (hour * 3600 + minute * 60)
        }

        private mutating func number(_ count: Int) -> Int64? {
            let digits = rest.prefix(count)
            guard digits.count == count, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            rest = rest.dropFirst(count)
            return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }

        private mutating func take(_ sign: Unicode.Scalar) -> Bool {
            guard rest.first == UInt8(ascii: sign) else { return false }
            rest = rest.dropFirst()
            return true
        }
    }

    private static func length(of month: Int64, in year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

extension Int64 {
    /// Quotient and remainder with the remainder never negative.
    fileprivate func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
