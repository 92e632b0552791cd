// Money as people read it.

import Testing

@testable import Contract

@Suite("Dollars")
struct DollarsTests {
    @Test("two decimals as prices have, and as many more as there are")
    func amounts() {
        let cases: [(Int64, String)] = [
            (0, "0.00"), (80_000, "0.08"), (1_000_000, "1.00"), (37_500, "0.0375"), (1, "0.000001"),
            (12_340_000, "12.34"), (1_500_000, "1.50"), (-80_000, "-0.08"), (999_999, "0.999999"),
            (123_456_789_010_000, "123456789.01"),
        ]
        for (micros, text) in cases { #expect(dollars(micros) == text) }
    }
}
