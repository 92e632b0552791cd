// Where a transfer goes: an absolute http or https address, split strictly, and put together again for libcurl.
//
// Two parsers that read one address differently are how a key ends up with the wrong host. So only what has one reading
// is taken (no login, no escapes in the host, no spaces, no control characters, nothing beyond ASCII), and libcurl gets
// the pieces as they were understood here, not the text that came.

/// An address that a transfer may go to, in its one spelling.
package struct Destination: Hashable, Sendable {
    package let isSecure: Bool
    /// Lower case; an IPv6 address in brackets, an IPv4 address as a dotted quad.
    package let host: String
    package let port: Int
    /// Path and query, beginning with `/`; as they came.
    package let target: String

    /// The longest address that is taken, in bytes.
    package static let limit = 65_536

    /// Reads an absolute address; a fragment is dropped. Nil for whatever is not http or https or can be misread.
    package init?(_ text: String) {
        let plain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        guard plain, text.utf8.count <= Destination.limit, let split = text.firstRange(of: "://") else { return nil }
        let scheme = text[..<split.lowerBound].lowercased()
        guard scheme == "https" || scheme == "http" else { return nil }
        let rest = text[split.upperBound...]
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        guard let place = Place(rest[..<end], otherwise: scheme == "https" ? 443 : 80) else { return nil }
        let target = rest[end...].prefix { $0 != "#" }
        self.init(
            isSecure: scheme == "https", host: place.host, port: place.port,
            target: target.hasPrefix("/") ? String(target) : "/" + target)
    }

    private init(isSecure: Bool, host: String, port: Int, target: String) {
        (self.isSecure, self.host, self.port, self.target) = (isSecure, host, port, target)
    }

    /// `host:port`, the port always named.
    package var authority: String { "\(host):\(port)" }

    /// `https://host[:port]`, the port named where it is not the scheme's own.
    package var origin: String {
        let scheme = isSecure ? "https" : "http"
        return port == (isSecure ? 443 : 80) ? "\(scheme)://\(host)" : "\(scheme)://\(authority)"
    }

    /// The whole address.
    package var url: String { origin + target }

    /// The address that the host spells out; nil where it is a name.
    package var literal: IPAddress? {
        let bare = host.hasPrefix("[") ? host.dropFirst().dropLast() : host.hasSuffix(".") ? host.dropLast() : host[...]
        return IPAddress(String(bare))
    }

    /// Whether the host says by itself that it is no public one: a private address spelled out, or this machine's name.
    package var isPrivateByName: Bool {
        if let literal { return !literal.isPublic }
        let name = host.hasSuffix(".") ? host.dropLast() : host[...]
        return name == "localhost" || name.hasSuffix(".localhost")
    }

    /// Where a reference in an answer of this destination leads (RFC 3986, section 5.2); nil where it leads nowhere.
    package func resolving(_ reference: String) -> Destination? {
        guard reference.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let plain = reference.prefix { $0 != "#" }
        if Destination.hasScheme(plain) { return Destination(String(plain)) }
        if plain.hasPrefix("//") { return Destination((isSecure ? "https:" : "http:") + plain) }
        if plain.isEmpty { return self }
        let (path, query) = Destination.split(target[...])
        let (newPath, newQuery) = Destination.split(plain)
        if newPath.isEmpty { return at(path + (newQuery.isEmpty ? query : newQuery)) }
        let folder = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
        let merged = newPath.hasPrefix("/") ? String(newPath) : folder + newPath
        return at(Destination.withoutDots(merged) + newQuery)
    }

    private func at(_ target: String) -> Destination? {
        guard target.utf8.count <= Destination.limit else { return nil }
        return Destination(isSecure: isSecure, host: host, port: port, target: target)
    }

    private static func hasScheme(_ text: Substring) -> Bool {
        guard let colon = text.firstIndex(of: ":"), let first = text.first, first.isASCII, first.isLetter else {
            return false
        }
        return text[..<colon].allSatisfy { $0.isLetter || $0.isNumber || "+-.".contains($0) }
    }

    /// Path, and query with its question mark.
    private static func split(_ target: Substring) -> (path: String, query: String) {
        let mark = target.firstIndex(of: "?") ?? target.endIndex
        return (String(target[..<mark]), String(target[mark...]))
    }

    /// Takes `.` and `..` out of an absolute path, never above its root.
    private static func withoutDots(_ path: String) -> String {
        var kept: [Substring] = []
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        for (place, part) in parts.enumerated() {
            let isLast = place == parts.count - 1
            if part == ".." { _ = kept.popLast() }
            if part != "." && part != ".." { kept.append(part) } else if isLast { kept.append("") }
        }
        return "/" + kept.joined(separator: "/")
    }
}

/// Host and port as they stand in an address.
private struct Place {
    let host: String
    let port: Int

    init?(_ text: Substring, otherwise port: Int) {
        // The colons of an IPv6 address stand within its brackets.
        let close = text.lastIndex(of: "]") ?? text.startIndex
        let colon = text[close...].lastIndex(of: ":")
        let name = text[..<(colon ?? text.endIndex)].lowercased()
        guard let host = Place.host(name) else { return nil }
        self.host = host
        guard let colon else {
            self.port = port
            return
        }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = Int(digits),
            (1...65_535).contains(number)
        else { return nil }
        self.port = number
    }

    private static func host(_ name: String) -> String? {
        if name.hasPrefix("[") {
            guard name.hasSuffix("]"), name.contains(":") else { return nil }
            return IPAddress(String(name.dropFirst().dropLast())) == nil ? nil : name
        }
        let fits = name.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F
        }
        guard fits, (1...254).contains(name.utf8.count), name.first != ".", !name.contains("..") else { return nil }
        // The resolver would take the odd spellings of an address; they get their plain one here, for all to judge.
        return IPAddress(name.hasSuffix(".") ? String(name.dropLast()) : name)?.description ?? name
    }
}
