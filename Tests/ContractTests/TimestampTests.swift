// Moments: what RFC 3339 allows is read, what the calendar lacks is refused, and what is written reads back.

import Contract
import Testing

@Suite("timestamps")
struct TimestampTests {
    @Test("a moment is read with any offset and any number of decimals")
    func reads() {
        let cases: [(String, Int64)] = [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:01z", 1_000_000_000),
            ("1970-01-01 00:00:00.5Z", 500_000_000),
            ("2026-11-24T02:04:19Z", 1_795_485_859_000_000_000),
            ("2026-11-24T03:04:19+01:00", 1_795_485_859_000_000_000),
            ("2026-11-23T20:34:19-05:30", 1_795_485_859_000_000_000), ("1969-12-31T23:59:59.999999999Z", -1),
            ("2000-02-29T12:00:00Z", 951_825_600_000_000_000), ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
            ("1970-01-01T00:00:00.0000000019Z", 1), ("9999-12-31T23:59:59Z", .max), ("0001-01-01T00:00:00Z", .min),
            ("1900-03-01T00:00:00Z", -2_203_891_200_000_000_000),
        ]
        for (text, nanoseconds) in cases { #expect(Timestamp(rfc3339: text)?.nanoseconds == nanoseconds, "\(text)") }
    }

    @Test("a text that is no moment is refused")
    func refuses() {
        let cases = [
            "", "now", "2026-11-24", "2026-11-24T02:04Z", "2026-11-24T02:04:19", "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
            "2026-11-00T00:00:00Z", "2026-11-24T24:00:00Z", "2026-11-24T02:60:00Z", "2026-11-24T02:04:61Z",
            "2026-11-24T02:04:19.Z", "2026-11-24T02:04:19+0100", "2026-11-24T02:04:19+01", "2026-11-24T02:04:19Z ",
            " 2026-11-24T02:04:19Z", "26-11-24T02:04:19Z", "2026-11-24T02:04:19+24:00", "2026-1-24T02:04:19Z",
            "2026-11-24T02:04:1٩Z", "+2026-11-24T02:04:19Z", "2026-11-24T02:04:19ZZ", "2026-11-24X02:04:19Z",
        ]
        for text in cases { #expect(Timestamp(rfc3339: text) == nil, "\(text)") }
    }

    @Test("a moment is written in UTC with milliseconds, and reads back")
    func writes() throws {
        #expect(Timestamp(nanoseconds: 0).rfc3339 == "1970-01-01T00:00:00.000Z")
        #expect(Timestamp(nanoseconds: -1).rfc3339 == "1969-12-31T23:59:59.999Z")
        #expect(Timestamp(nanoseconds: 1_795_485_859_123_999_999).rfc3339 == "2026-11-24T02:04:19.123Z")
        #expect(Timestamp(nanoseconds: .max).rfc3339 == "2262-04-11T23:47:16.854Z")
        #expect(Timestamp(nanoseconds: .min).rfc3339 == "1677-09-21T00:12:43.145Z")
        for day in stride(from: -60_000 as Int64, through: 60_000, by: 17) {
            let moment = Timestamp(nanoseconds: day * 86_400_000_000_000 + 45_296_789_000_000)
            #expect(Timestamp(rfc3339: moment.rfc3339) == moment)
        }
    }

    @Test("the earlier moment is the lesser")
    func orders() {
        #expect(Timestamp(nanoseconds: 1) < Timestamp(nanoseconds: 2))
        #expect(Priority.allCases.sorted() == [.high, .normal, .low])
        #expect(Stage.prepare < Stage.update)
    }
}
