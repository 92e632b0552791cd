// When a service wants to be asked again: the header `Retry-After` (RFC 9110, 10.2.3).
//
// None of them documents it in full; where it appears it is obeyed. A date is held against the answer's own `Date`, so
// that a clock of ours that runs wrong changes nothing; without one a date says nothing and is passed over.

internal import Contract
internal import Transfer

/// Reads `Retry-After`.
enum RetryAfter {
    /// The longest that is obeyed: whoever asks for more is asked again after an hour.
    static let longest = 3600.0

    /// Seconds to wait; nil where the answer does not say so, or nothing that can be read, or no time at all.
    static func seconds(_ answer: TransferAnswer) -> Double? {
        guard let text = answer.header("Retry-After") else { return nil }
        let wish = delay(text) ?? distance(to: text, from: answer.header("Date"))
        return wish.flatMap { $0 > 0 ? min($0, longest) : nil }
    }

    private static func delay(_ text: String) -> Double? {
        let digits = text.utf8.drop { $0 == 0x20 }.prefix { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
        guard !digits.isEmpty, text.utf8.count(where: { $0 > 0x20 }) == digits.count else { return nil }
        return Double(String(Substring(digits)))
    }

    private static func distance(to text: String, from now: String?) -> Double? {
        guard let then = moment(text), let now = now.flatMap(moment) else { return nil }
        // Both are somebody else's: the difference of the years 9999 and 1 does not fit into 64 bits.
        return (Double(then.nanoseconds) - Double(now.nanoseconds)) / 1e9
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// An IMF-fixdate (RFC 9110, 5.6.7), the only form that may be sent today: `Sun, 06 Nov 1994 08:49:37 GMT`. The
    /// day of the week is not looked at.
    static func moment(_ text: String) -> Timestamp? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[0].utf8.count == 4, parts[0].hasSuffix(","), parts[5] == "GMT",
            let month = months.firstIndex(where: { parts[2] == $0 }), parts[1].utf8.count == 2
        else { return nil }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return Timestamp(rfc3339: "\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")
    }
}
