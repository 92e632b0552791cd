// Draws that can be repeated.

/// SplitMix64 (Steele, Lea, Flood 2014) from a seed, or the system's generator.
package struct Randomness: RandomNumberGenerator, Sendable {
    private var state: UInt64?

    package init(seed: UInt64?) { state = seed }

    package mutating func next() -> UInt64 {
        guard let current = state else {
            var system = SystemRandomNumberGenerator()
            return system.next()
        }
        let sum = current &+ 0x9E37_79B9_7F4A_7C15
        state = sum
        var mixed = sum
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// A version 4 UUID in lower case.
    package mutating func uuid() -> String {
        let digits = Array("0123456789abcdef".utf8)
        let high = next() & ~0xF000 | 0x4000
        let low = next() & ~(3 << 62) | 1 << 63
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for place in 0..<32 {
            if place == 8 || place == 12 || place == 16 || place == 20 { text.append(UInt8(ascii: "-")) }
            let half = place < 16 ? high : low
            text.append(digits[Int(half >> UInt64(60 - 4 * (place % 16)) & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
