// Addresses of services as texts: whether one can be fetched at all, and whose it is. A key is bound to an origin, so
// there is one function that says what that is.

extension String {
    /// `scheme://host[:port]` in lower case, of an absolute address: what a key is bound to. Of a text that is none the
    /// text itself, which is nobody's origin.
    var webOrigin: String {
        guard let scheme = firstRange(of: "://") else { return lowercased() }
        let host = self[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return (self[..<scheme.upperBound] + host).lowercased()
    }

    /// Whether it can be fetched at all; the transfers judge where it leads.
    var isWebAddress: Bool {
        let start = prefix(8).lowercased()
        return (start.hasPrefix("https://") || start.hasPrefix("http://")) && utf8.count <= 16_384
            && utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}
