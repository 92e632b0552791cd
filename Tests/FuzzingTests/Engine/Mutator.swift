// Makes new inputs out of old ones: bytes that flip, pieces that go, come twice, change places or come from elsewhere.
//
// Seeded: the same seed and the same pool make the same inputs on every machine, so that an execution is named by its
// number.

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
}

struct Mutator {
    /// The longest input that is made, in bytes.
    static let limit = 4096

    /// What it starts from; never empty.
    let pool: [[UInt8]]
    let words: [[UInt8]]
    let seed: UInt64

    init(_ target: FuzzTarget, corpus: [[UInt8]], seed: UInt64) {
        let all = target.seeds + corpus
        pool = all.isEmpty ? [[]] : all
        words = target.words.map { Array($0.utf8) }
        self.seed = seed
    }

    /// The input of an execution, from 0.
    func input(_ number: Int) -> [UInt8] {
        var dice = Dice(state: seed &+ UInt64(number) &* 0x0001_0000_0001_B3)
        var bytes = pool[dice.below(pool.count)]
        for _ in 0...dice.below(4) { change(&bytes, &dice) }
        return Array(bytes.prefix(Mutator.limit))
    }

    private func change(_ bytes: inout [UInt8], _ dice: inout Dice) {
        switch dice.below(10) {
        case 0: bytes.replaceSubrange(range(bytes, &dice), with: [])
        case 1: bytes.insert(contentsOf: Array(bytes[range(bytes, &dice)]), at: place(bytes, &dice))
        case 2: bytes.removeLast(bytes.count - place(bytes, &dice))
        case 3 where !bytes.isEmpty: bytes[dice.below(bytes.count)] ^= 1 << UInt8(dice.below(8))
        case 4 where !bytes.isEmpty: bytes[dice.below(bytes.count)] = UInt8(dice.below(256))
        case 5: number(&bytes, &dice)
        case 6: splice(&bytes, &dice)
        case 7, 8: word(&bytes, &dice)
        default: bytes.insert(UInt8(dice.below(256)), at: place(bytes, &dice))
        }
    }

    private func place(_ bytes: [UInt8], _ dice: inout Dice) -> Int { dice.below(bytes.count + 1) }

    private func range(_ bytes: [UInt8], _ dice: inout Dice) -> Range<Int> {
        let start = place(bytes, &dice)
        return start..<min(bytes.count, start + 1 + dice.below(dice.below(4) == 0 ? 256 : 12))
    }

    /// A piece of another input in place of one of this.
    private func splice(_ bytes: inout [UInt8], _ dice: inout Dice) {
        let other = pool[dice.below(pool.count)]
        bytes.replaceSubrange(range(bytes, &dice), with: Array(other[range(other, &dice)]))
    }

    private func word(_ bytes: inout [UInt8], _ dice: inout Dice) {
        guard !words.isEmpty else { return }
        let word = words[dice.below(words.count)]
        let place = place(bytes, &dice)
        let end = dice.below(2) == 0 ? place : min(bytes.count, place + word.count)
        bytes.replaceSubrange(place..<end, with: word)
    }

    /// One of the numbers at which arithmetic breaks, as bytes of either order or as digits.
    private func number(_ bytes: inout [UInt8], _ dice: inout Dice) {
        let edges: [UInt64] = [
            0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, UInt64.max >> 1,
            (UInt64.max >> 1) + 1, UInt64.max,
        ]
        let value = edges[dice.below(edges.count)]
        let place = place(bytes, &dice)
        guard dice.below(3) > 0 else {
            bytes.insert(contentsOf: Array(String(value).utf8), at: place)
            return
        }
        let width = [1, 2, 4, 8][dice.below(4)]
        var spelled = (0..<width).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
        if dice.below(2) == 0 { spelled.reverse() }
        bytes.replaceSubrange(place..<min(bytes.count, place + width), with: spelled)
    }
}
