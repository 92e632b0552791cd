// A reader of Prometheus' text format as strict as it may be read: what it lets through, every collector understands.
// It knows what Go's parser demands, and what promtool's lint asks of names.

import Testing

/// What a text says.
struct MetricsText {
    struct Sample: Hashable {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    /// The type of each family, by name.
    private(set) var kinds: [String: String] = [:]
    private(set) var samples: [Sample] = []

    /// What is wrong with a line.
    struct Fault: Error, CustomStringConvertible {
        let line: String
        let reason: String
        var description: String { "\(reason): \(line)" }
    }

    /// The value of the one sample with these labels, whatever others it has.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        let found = samples.filter { sample in
            sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
        }
        return found.count == 1 ? found[0].value : nil
    }

    /// The sum of all samples with these labels.
    func sum(_ name: String, _ labels: [String: String] = [:]) -> Double {
        samples.filter { sample in
            sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
        }.reduce(0) { $0 + $1.value }
    }

    init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw Fault(line: String(text.suffix(80)), reason: "no line end at the end") }
        var helped: Set<String> = []
        var family = ""
        var seen: Set<[String: String]> = []
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if line.hasPrefix("# HELP ") {
                guard words.count == 4, helped.insert(words[2]).inserted else {
                    throw Fault(line: line, reason: "HELP")
                }
                family = words[2]
            } else if line.hasPrefix("# TYPE ") {
                guard words.count == 4, words[2] == family, kinds[family] == nil else {
                    throw Fault(line: line, reason: "TYPE without its HELP, or twice")
                }
                kinds[family] = words[3]
            } else {
                let sample = try Self.sample(line)
                guard Self.family(of: sample.name, kinds[family]) == family else {
                    throw Fault(line: line, reason: "not within its family, \(family)")
                }
                var identity = sample.labels
                identity["__name__"] = sample.name
                guard seen.insert(identity).inserted else { throw Fault(line: line, reason: "twice") }
                samples.append(sample)
            }
        }
        try checkNames()
        try checkHistograms()
    }

    private static func family(of name: String, _ kind: String?) -> String {
        guard kind == "histogram" else { return name }
        for suffix in ["_bucket", "_sum", "_count"] where name.hasSuffix(suffix) {
            return String(name.dropLast(suffix.count))
        }
        return name
    }

    private static func sample(_ line: String) throws -> Sample {
        guard let match = line.wholeMatch(of: /([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)/) else {
            throw Fault(line: line, reason: "no sample")
        }
        guard let value = number(String(match.3)) else { throw Fault(line: line, reason: "no number") }
        return Sample(
            name: String(match.1), labels: try labels(match.2.map(String.init) ?? "", in: line), value: value)
    }

    private static func number(_ text: String) -> Double? {
        switch text {
        case "+Inf": .infinity
        case "-Inf": -.infinity
        case "NaN": .nan
        default: text.wholeMatch(of: /-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?/).flatMap { Double(String($0.0)) }
        }
    }

    /// `a="b",c="d"`, where a value may hold anything that is escaped.
    private static func labels(_ text: String, in line: String) throws -> [String: String] {
        var (labels, rest): ([String: String], Substring) = ([:], text[...])
        while !rest.isEmpty {
            guard let match = rest.prefixMatch(of: /([a-z_][a-z0-9_]*)="((?:[^"\\]|\\[\\n"])*)"/) else {
                throw Fault(line: line, reason: "labels")
            }
            guard labels.updateValue(unescaped(match.2), forKey: String(match.1)) == nil else {
                throw Fault(line: line, reason: "a label twice")
            }
            rest = rest[match.range.upperBound...]
            if rest.isEmpty { break }
            guard rest.removeFirst() == ",", !rest.isEmpty else { throw Fault(line: line, reason: "labels") }
        }
        return labels
    }

    private static func unescaped(_ text: Substring) -> String {
        var (plain, isEscaped) = ("", false)
        for character in text {
            if isEscaped {
                plain.append(character == "n" ? "\n" : character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else {
                plain.append(character)
            }
        }
        return plain
    }

    private func checkNames() throws {
        for (name, kind) in kinds {
            guard (kind == "counter") == name.hasSuffix("_total"), ["counter", "gauge", "histogram"].contains(kind)
            else { throw Fault(line: name, reason: "a counter ends in _total, and nothing else does") }
        }
    }

    /// Buckets grow up to one of all, which is the count.
    private func checkHistograms() throws {
        for (name, kind) in kinds where kind == "histogram" {
            let counts = samples.filter { $0.name == name + "_count" }
            guard !counts.isEmpty else { throw Fault(line: name, reason: "a histogram without a count") }
            for count in counts {
                let buckets = samples.filter { sample in
                    var labels = sample.labels
                    return sample.name == name + "_bucket" && labels.removeValue(forKey: "le") != nil
                        && labels == count.labels
                }
                let bounds = buckets.map { Self.number($0.labels["le"] ?? "") ?? .nan }
                guard bounds.last == .infinity, zip(bounds, bounds.dropFirst()).allSatisfy(<),
                    zip(buckets, buckets.dropFirst()).allSatisfy({ $0.value <= $1.value }),
                    buckets.last?.value == count.value, value(name + "_sum", count.labels) != nil
                else { throw Fault(line: "\(count)", reason: "buckets") }
            }
        }
    }
}
