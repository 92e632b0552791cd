// Runs a target: replays what is kept, then so many inputs of a seed. What breaks a promise is made as small as it
// gets.

/// What broke a promise.
struct Finding {
    let input: [UInt8]
    let breach: String

    /// Ready to be kept: bytes in hexadecimal, and the words.
    var report: String {
        let hex = input.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "\(breach); input of \(input.count) bytes: \(hex) = \(String(decoding: input, as: UTF8.self))"
    }
}

struct Campaign {
    /// The most trials that making an input smaller may take.
    private static let patience = 20_000

    let target: FuzzTarget
    /// Sees every input before it is tried, so that one that ends the process is known.
    var before: ([UInt8]) -> Void = { _ in }

    /// Tries inputs that are there; the first that breaks a promise.
    func replay(_ inputs: [[UInt8]]) -> Finding? {
        for input in inputs {
            if let breach = breach(of: input) { return Finding(input: input, breach: breach) }
        }
        return nil
    }

    /// Tries made inputs; the first that breaks a promise, made small.
    func run(_ mutator: Mutator, executions: Range<Int>) -> Finding? {
        for number in executions {
            let input = mutator.input(number)
            guard breach(of: input) != nil else { continue }
            let small = minimised(input)
            return Finding(input: small, breach: breach(of: small) ?? "it does not break it every time")
        }
        return nil
    }

    private func breach(of input: [UInt8]) -> String? {
        before(input)
        do {
            try target.check(input)
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// Takes pieces out, halves first and single bytes last, as long as a promise is still broken.
    private func minimised(_ input: [UInt8]) -> [UInt8] {
        var small = input
        var trials = 0
        var size = max(1, small.count / 2)
        while true {
            var at = 0
            while at < small.count, trials < Campaign.patience {
                var shorter = small
                shorter.removeSubrange(at..<min(small.count, at + size))
                trials += 1
                if breach(of: shorter) != nil { small = shorter } else { at += size }
            }
            if size == 1 || trials >= Campaign.patience { return small }
            size /= 2
        }
    }
}
