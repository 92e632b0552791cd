// The kinds of value that a setting can take, each with the sentence that tells a person what is allowed.

internal import Contract

extension Kind where Value == String {
    /// A path, absolute or relative to the folder where vizd was started.
    static let path = Kind(allowed: "a path, written out in full (no ~), of at most 4095 bytes") { text in
        let plain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        return plain && !text.hasPrefix("~") && (1...4095).contains(text.utf8.count) ? text : nil
    }

    /// A text of one line with at most `limit` characters.
    static func text(limit: Int) -> Kind {
        Kind(allowed: "a text of one line and at most \(limit) characters") { text in
            let plain = text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            return plain && (1...limit).contains(text.count) ? text : nil
        }
    }

    /// One word of `words`.
    static func word(of words: [String]) -> Kind {
        Kind(allowed: "one of " + words.joined(separator: ", ")) { words.contains($0) ? $0 : nil }
    }

    /// `https://host…` or `http://host…`, without a trailing slash in what is kept. No query and no fragment: paths are
    /// appended to it. A user and password only where `credentials` says so.
    static func url(credentials: Bool = false) -> Kind {
        let login = credentials ? "" : ", without a user or password"
        let allowed = "an address such as https://host or https://host:8443/path\(login)"
        return Kind(allowed: allowed, isAddress: true) { text in
            guard let authority = WebAddress.authority(of: text) else { return nil }
            guard credentials || !authority.contains("@") else { return nil }
            return text.hasSuffix("/") ? String(text.dropLast()) : text
        }
    }
}

extension Kind where Value == [String] {
    /// Host names, as in `images.example.org`.
    static let hosts = list(of: "host names such as images.example.org", WebAddress.isHost)

    /// `host:port`, as in `127.0.0.1:8080`.
    static let hostsWithPorts = list(of: "host:port pairs such as 127.0.0.1:8080", WebAddress.isHostWithPort)

    /// Any of `words`.
    static func words(of words: [String]) -> Kind {
        list(of: "words out of " + words.joined(separator: ", ")) { words.contains($0) }
    }

    /// A program and its arguments; no shell reads them.
    static let command = list(of: "a program and its arguments, each a text without NUL") { item in
        !item.isEmpty && !item.unicodeScalars.contains("\0")
    }

    private static func list(of what: String, _ fits: @escaping @Sendable (String) -> Bool) -> Kind {
        Kind(allowed: "a list of \(what), as [a, b] (in the environment: a,b)", isList: true) { raw in
            guard case .list(let items) = raw, items.count <= 1000, items.allSatisfy(fits) else { return nil }
            return items
        }
    }
}

extension Kind where Value == Bool {
    static let flag = Kind(allowed: "true or false") { text in
        switch text {
        case "true", "yes", "on", "1": true
        case "false", "no", "off", "0": false
        default: nil
        }
    }
}

extension Kind where Value == Int {
    static func integer(_ range: ClosedRange<Int>, unit: String = "") -> Kind {
        Kind(allowed: "a whole number from \(range.lowerBound) to \(range.upperBound)", unit: unit) { text in
            FixedPoint.parse(text, decimals: 0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A number of bytes.
    static func size(_ range: ClosedRange<Int>) -> Kind {
        let allowed =
            "a size from \(ByteSize.text(range.lowerBound)) to \(ByteSize.text(range.upperBound)), "
            + "in bytes or as 64MiB (also KiB, GiB, kB, MB, GB)"
        return Kind(allowed: allowed, unit: "bytes, or with KiB, MiB, GiB") { text in
            ByteSize.parse(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// US dollars, kept as millionths of a dollar.
    static let dollars = Kind(allowed: "an amount such as 25 or 0.50", unit: "US dollars") { text in
        FixedPoint.parse(text, decimals: 6)
    }
}

extension Kind where Value == Duration {
    /// A span of time, in seconds unless a unit follows.
    static func duration(_ range: ClosedRange<Duration>) -> Kind {
        let allowed =
            "a time from \(TimeSpan.text(range.lowerBound)) to \(TimeSpan.text(range.upperBound)), "
            + "in seconds (2.5) or as 500ms, 20s, 5m, 1h"
        return Kind(allowed: allowed, unit: "seconds, or with ms, s, m, h") { text in
            TimeSpan.parse(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A span of time in days.
    static let days = Kind(allowed: "a number of days such as 30 or 0.5, at most 36500", unit: "days") { text in
        guard let thousandths = FixedPoint.parse(text, decimals: 3), (1...36_500_000).contains(thousandths) else {
            return nil
        }
        return .milliseconds(thousandths * 86_400)
    }
}

extension Kind where Value == Ratio {
    static let ratio = Kind(allowed: "width:height in pixels such as 1080:1440", unit: "pixels") { Ratio($0) }
}

extension Kind where Value == Secret {
    static let secret = Kind(allowed: "a key of one line without spaces, of at most 8192 bytes") { text in
        let plain = text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
        return plain && (1...8192).contains(text.utf8.count) ? Secret(text) : nil
    }
}

extension Kind where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static var choice: Kind {
        let words = Value.allCases.map(\.rawValue)
        return Kind(allowed: "one of " + words.joined(separator: ", ")) { Value(rawValue: $0) }
    }
}

/// Spans of time as people write them.
enum TimeSpan {
    /// Longest first where one ends in the other: "ms" must be looked for before "s" and "m".
    private static let units: [(suffix: String, nanoseconds: Int)] = [
        ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ]

    /// "20s", "5m", "1h", "500ms" or a number of seconds, with at most six decimals; nil for anything else.
    static func parse(_ text: String) -> Duration? {
        let unit = units.first { text.hasSuffix($0.suffix) } ?? ("", 1_000_000_000)
        let number = text.dropLast(unit.suffix.count)
        // Every unit is a whole number of millions of nanoseconds, so a millionth of it is exact.
        guard let millionths = FixedPoint.parse(number, decimals: 6) else { return nil }
        let (product, overflow) = millionths.multipliedReportingOverflow(by: unit.nanoseconds / 1_000_000)
        return overflow ? nil : .nanoseconds(product)
    }

    static func text(_ duration: Duration) -> String {
        let nanoseconds = duration.nanoseconds
        let whole = units.last { nanoseconds >= $0.nanoseconds && nanoseconds % Int64($0.nanoseconds) == 0 }
        guard let whole else { return FixedPoint.text(Int(nanoseconds), decimals: 9) + "s" }
        return "\(nanoseconds / Int64(whole.nanoseconds))\(whole.suffix)"
    }
}

extension Duration {
    /// The whole span in seconds.
    var seconds: Double { Double(nanoseconds) / 1e9 }

    /// The whole span in nanoseconds; every setting is far below the 292 years that fit.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}

/// Sizes as people write them.
enum ByteSize {
    private static let units: [(suffix: String, bytes: Int)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000),
    ]

    /// "1048576", "64MiB", "1.5GiB"; nil for anything else, parts of a byte included.
    static func parse(_ text: String) -> Int? {
        guard let unit = units.first(where: { text.hasSuffix($0.suffix) }) else {
            return FixedPoint.parse(text, decimals: 0)
        }
        let number = text.dropLast(unit.suffix.count).trimmed
        guard let thousandths = FixedPoint.parse(number, decimals: 3) else { return nil }
        let (product, overflow) = thousandths.multipliedReportingOverflow(by: unit.bytes)
        return overflow || product % 1000 != 0 ? nil : product / 1000
    }

    static func text(_ bytes: Int) -> String {
        let whole = units.prefix(3).last { bytes >= $0.bytes && bytes % $0.bytes == 0 }
        return whole.map { "\(bytes / $0.bytes)\($0.suffix)" } ?? "\(bytes)"
    }
}

/// The little that the settings need to know about web addresses. libcurl has the last word on each of them.
enum WebAddress {
    /// What stands between `https://` (or `http://`) and the path; nil when it is no such address, has a query or a
    /// fragment, or holds a space or a control character.
    static func authority(of text: String) -> Substring? {
        let plain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }
        guard plain, text.utf8.count <= 2048, !text.contains("?"), !text.contains("#") else { return nil }
        guard let scheme = ["https://", "http://"].first(where: text.hasPrefix) else { return nil }
        let authority = text.dropFirst(scheme.count).prefix { $0 != "/" }
        let place = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        return isHost(String(place)) || isHostWithPort(String(place)) ? authority : nil
    }

    /// A host name, an IPv4 address, or an IPv6 address in brackets.
    @Sendable static func isHost(_ text: String) -> Bool {
        if text.hasPrefix("["), text.hasSuffix("]") {
            let inside = text.dropFirst().dropLast()
            return inside.contains(":") && inside.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
        }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        return text.utf8.count <= 253 && labels.allSatisfy(isLabel)
    }

    @Sendable static func isHostWithPort(_ text: String) -> Bool {
        guard let colon = text.lastIndex(of: ":"), isHost(String(text[..<colon])) else { return false }
        guard let port = FixedPoint.parse(text[text.index(after: colon)...], decimals: 0) else { return false }
        return (1...65_535).contains(port)
    }

    /// `host:port` of an `http://` address, lower case; nil for one with TLS.
    static func plainHost(of text: String) -> String? {
        guard text.hasPrefix("http://"), let authority = authority(of: text) else { return nil }
        let place = authority.split(separator: "@").last.map { String($0).lowercased() } ?? ""
        return isHostWithPort(place) ? place : place + ":80"
    }

    /// The address with what stands before an `@` taken out: a proxy's password is nobody's to read. Works on broken
    /// addresses too, since those are what error messages show.
    static func withoutLogin(_ text: String) -> String {
        guard let at = text.lastIndex(of: "@") else { return text }
        let start = text.firstRange(of: "://").map(\.upperBound) ?? text.startIndex
        return start < at ? text[..<start] + "(secret)" + text[at...] : text
    }

    /// The password in `http://user:password@host`, or nil.
    @Sendable static func password(in text: String) -> String? {
        guard let login = authority(of: text)?.split(separator: "@").dropLast().first,
            let colon = login.firstIndex(of: ":")
        else { return nil }
        let password = login[login.index(after: colon)...]
        return password.isEmpty ? nil : String(password)
    }

    private static func isLabel(_ label: Substring) -> Bool {
        let fits = label.utf8.allSatisfy { byte in
            let letter = (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
            let digit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            return letter || digit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
        return fits && (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
    }
}
