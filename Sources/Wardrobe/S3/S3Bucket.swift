// Where a bucket is: the address of each of its objects, for us and for others, and the way back from an address.
//
// Amazon's own buckets are addressed by host (`BUCKET.s3.REGION.amazonaws.com`), those of other services as the
// settings say: by host or by path. A bucket with a dot in its name is addressed by path, since no certificate covers
// two labels. What makes no address at all is refused when the value is made.

internal import Transfer

/// The name of an object: 1 to 1024 bytes of UTF-8, anything but NUL.
package struct S3Key: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init?(_ text: String) {
        guard (1...1024).contains(text.utf8.count), !text.utf8.contains(0) else { return nil }
        self.text = text
    }

    package var description: String { text }

    package static func == (left: S3Key, right: S3Key) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    package func hash(into hasher: inout Hasher) { for byte in text.utf8 { hasher.combine(byte) } }
}

/// A bucket and how it is reached.
package struct S3Bucket: Hashable, Sendable {
    package let name: String
    package let region: String
    /// `https://host[:port]`: who may see the credentials.
    let origin: String
    /// The `Host` of requests.
    let host: String
    /// What stands before a key in the path of a request: `/` or `/BUCKET/`, behind the endpoint's own path.
    private let prefix: String
    /// What stands before a key in the addresses that results name.
    private let publicBase: String
    /// Every beginning of an address that means this bucket.
    private let bases: [Destination]

    /// - Parameters:
    ///   - endpoint: `https://host[:port][/path]` of a service other than Amazon's.
    ///   - pathStyle: whether the bucket is named in the path.
    ///   - publicBaseURL: what results name in place of the bucket's own address.
    /// - Returns: nil where the name is none, or name, region and endpoint make no address together.
    package init?(name: String, region: String, endpoint: String?, pathStyle: Bool, publicBaseURL: String? = nil) {
        guard Self.isName(name), Self.isRegion(region) else { return nil }
        let site = Site(endpoint: endpoint, region: region)
        let isInPath = pathStyle || name.contains(".")
        guard let base = isInPath ? site.byPath(name) : site.byHost(name) else { return nil }
        (self.name, self.region) = (name, region)
        origin = base.origin
        host = String(base.origin.drop { $0 != ":" }.dropFirst(3))
        prefix = base.target.hasSuffix("/") ? base.target : base.target + "/"
        publicBase = publicBaseURL.map { $0.hasSuffix("/") ? $0 : $0 + "/" } ?? base.origin + prefix
        bases = [base] + site.otherNames(of: name) + (publicBaseURL.flatMap { Destination($0) }.map { [$0] } ?? [])
    }

    /// The path of a request for an object, escaped.
    func path(_ key: S3Key) -> String { prefix + S3Escaping.path(key.text) }

    /// The path of a request for the bucket itself.
    var listPath: String { prefix == "/" ? prefix : String(prefix.dropLast()) }

    /// The address that results and records name.
    func publicURL(_ key: S3Key) -> String { publicBase + S3Escaping.path(key.text) }

    /// `s3://BUCKET/KEY`; the key as it is, not escaped.
    func uri(_ key: S3Key) -> String { "s3://\(name)/\(key)" }

    /// The key that an `s3://` or `https://` address of this bucket names; nil for any other address.
    func key(at address: String) -> S3Key? {
        let scheme = "s3://"
        if address.lowercased().hasPrefix(scheme) {
            let place = address.dropFirst(scheme.count)
            guard place.utf8.starts(with: Array("\(name)/".utf8)) else { return nil }
            return S3Key(String(place.dropFirst(name.count + 1)))
        }
        guard let destination = Destination(address) else { return nil }
        let path = destination.target.prefix { $0 != "?" }
        for base in bases where base.origin == destination.origin {
            let start = base.target.hasSuffix("/") ? base.target : base.target + "/"
            guard path.hasPrefix(start) else { continue }
            return S3Escaping.unescaped(path.dropFirst(start.count)).flatMap { S3Key($0) }
        }
        return nil
    }

    private static func isName(_ name: String) -> Bool {
        let fits = name.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || "-._".utf8.contains(byte)
        }
        let edges = [name.first, name.last].allSatisfy { $0.map { $0.isLetter || $0.isNumber } ?? false }
        return fits && edges && (3...63).contains(name.utf8.count) && !name.contains("..")
    }

    private static func isRegion(_ region: String) -> Bool {
        !region.isEmpty
            && region.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
            }
    }
}

/// A service, before it is known which bucket.
private struct Site {
    let endpoint: String?
    let region: String

    private var domain: String { region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com" }
    private var address: String { endpoint ?? "https://s3.\(region).\(domain)" }

    func byPath(_ bucket: String) -> Destination? {
        guard let site = Destination(address) else { return nil }
        let path = site.target.hasSuffix("/") ? site.target : site.target + "/"
        return Destination(site.origin + path + bucket)
    }

    func byHost(_ bucket: String) -> Destination? {
        guard let split = address.firstRange(of: "://") else { return nil }
        return Destination(address[..<split.upperBound] + bucket + "." + address[split.upperBound...])
    }

    /// The other spellings under which Amazon serves a bucket, and for other services the one that is not used.
    func otherNames(of bucket: String) -> [Destination] {
        let own = [byPath(bucket), byHost(bucket)]
        let global =
            endpoint == nil
            ? ["https://\(bucket).s3.\(domain)", "https://s3.\(domain)/\(bucket)"].map { Destination($0) } : []
        return (own + global).compactMap(\.self)
    }
}
