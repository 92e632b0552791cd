// Prometheus' text format, version 0.0.4, as node_exporter's textfile collector reads it: families with HELP and TYPE,
// then their samples. A value; it escapes what must be escaped, and writes every number so that Go reads it back.
//
// https://github.com/prometheus/docs/blob/main/content/docs/instrumenting/exposition_formats.md

/// A label of a sample.
struct MetricLabel: Hashable, Sendable {
    let name: String
    let value: String

    init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
}

/// One number of a family.
struct Sample: Sendable {
    let labels: [MetricLabel]
    let value: Double

    init(_ value: Double, _ labels: MetricLabel...) { (self.value, self.labels) = (value, labels) }

    /// A whole number.
    init(_ value: Int, _ labels: MetricLabel...) { (self.value, self.labels) = (Double(value), labels) }

    /// Yes is 1.
    init(_ value: Bool, _ labels: MetricLabel...) { (self.value, self.labels) = (value ? 1 : 0, labels) }
}

/// The text, as far as it is written.
struct Exposition {
    private(set) var text = ""
    /// Labels that every sample has: several vizds on a machine write into files that are read as one.
    private let common: [MetricLabel]

    init(common: [MetricLabel]) { self.common = common }

    /// A family with its samples; one without samples is left out.
    mutating func write(_ family: MetricFamily, _ samples: [Sample]) {
        if samples.isEmpty { return }
        open(family)
        for sample in samples { line(family.rawValue, sample.labels, sample.value) }
    }

    /// A family of one sample without labels of its own; left out where nothing is known.
    mutating func write(_ family: MetricFamily, _ value: Double?) {
        if let value { write(family, [Sample(value)]) }
    }

    /// The same for a count.
    mutating func write(_ family: MetricFamily, _ value: Int) { write(family, Double(value)) }

    /// A family of histograms, in the order given.
    mutating func write(_ family: MetricFamily, _ histograms: [(labels: [MetricLabel], histogram: Histogram)]) {
        if histograms.isEmpty { return }
        open(family)
        for (labels, histogram) in histograms {
            for (bound, count) in histogram.cumulative {
                let bucket = labels + [MetricLabel("le", Self.number(bound))]
                line(family.rawValue + "_bucket", bucket, Double(count))
            }
            line(family.rawValue + "_sum", labels, histogram.sum)
            line(family.rawValue + "_count", labels, Double(histogram.count))
        }
    }

    private mutating func open(_ family: MetricFamily) {
        text += "# HELP \(family.rawValue) \(Self.escaped(family.help))\n"
        text += "# TYPE \(family.rawValue) \(family.kind.rawValue)\n"
    }

    private mutating func line(_ name: String, _ labels: [MetricLabel], _ value: Double) {
        let all = (common + labels).map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
        text += name + (all.isEmpty ? "" : "{\(all.joined(separator: ","))}") + " \(Self.number(value))\n"
    }

    /// Backslashes and line ends, and within quotes those too.
    static func escaped(_ text: String, quotes: Bool = false) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// As Go's ParseFloat reads it.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return "\(value)"
    }
}
