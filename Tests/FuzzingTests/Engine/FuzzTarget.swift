// What is fuzzed: a reader of somebody else's bytes, and what must hold whatever they are.
//
// The check is the whole of it. It reads the bytes as the program does and looks that every answer is one that the
// rest of the program can live with; a trap ends the process, and a `Breach` says which promise did not hold.

/// One reader under test.
struct FuzzTarget: Sendable {
    /// The name of its folder in `Corpora` and on the command line.
    let name: String
    /// What mutation starts from, beside the corpus.
    let seeds: [[UInt8]]
    /// Pieces of its language, which chance alone would not spell.
    let words: [String]
    /// Executions of the short form, which is part of `scripts/test`.
    let executions: Int
    /// Throws a `Breach` where a promise does not hold for these bytes.
    let check: @Sendable ([UInt8]) throws -> Void

    init(
        _ name: String, executions: Int, seeds: [String] = [], bytes: [[UInt8]] = [], words: [String] = [],
        check: @escaping @Sendable ([UInt8]) throws -> Void
    ) {
        (self.name, self.executions, self.words, self.check) = (name, executions, words, check)
        self.seeds = bytes + seeds.map { Array($0.utf8) }
    }
}

/// A promise that does not hold.
struct Breach: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Says which promise is broken, if it is.
func hold(_ condition: Bool, _ promise: @autoclosure () -> String) throws {
    guard condition else { throw Breach(promise()) }
}
