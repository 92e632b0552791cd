// The inspection of reference images, which Runway makes before a task exists: what is no supported image of an
// accepted shape is a 400, and nothing is charged.
//
// Data URIs and uploads are really looked into. Web addresses are never fetched, since a test must not leave the
// machine: a map says what stands at an address, and an address that it does not name serves a good JPEG.

internal import Digest

/// What a pretended web server serves at an address.
package struct FakeAsset: Sendable {
    package var status: Int
    package var contentType: String?
    /// Bytes; nil where the header is absent.
    package var contentLength: Int?
    package var width: Int
    package var height: Int
    /// Whether HEAD is answered as GET is.
    package var answersHead: Bool

    package init(
        status: Int = 200, contentType: String? = "image/jpeg", contentLength: Int? = 200_000, width: Int = 768,
        height: Int = 1024, answersHead: Bool = true
    ) {
        (self.status, self.contentType, self.contentLength) = (status, contentType, contentLength)
        (self.width, self.height, self.answersHead) = (width, height, answersHead)
    }
}

/// What is behind a `runway://` handle.
enum UploadedAsset: Sendable {
    /// Known by configuration, its content is taken to be good.
    case trusted
    case bytes([UInt8])
    case missing
}

/// The finding about the references of an order.
struct Inspection: Sendable {
    var issues: [Issue] = []
    /// SHA-256 in hexadecimal, one a reference: of the bytes of data URIs and uploads, of the address otherwise.
    var digests: [String] = []
}

/// Looks into references.
struct AssetInspector: Sendable {
    static let types = ["image/jpeg", "image/jpg", "image/png", "image/webp"]
    /// Bytes of an image at a web address.
    private static let maximumLength = 16 << 20

    let assets: [String: FakeAsset]
    let upload: @Sendable (String) -> UploadedAsset

    /// Inspects every reference of an order.
    func inspect(_ order: Order) -> Inspection {
        var inspection = Inspection()
        for reference in order.references {
            let (finding, digest) = inspect(reference.uri, aspects: order.aspects)
            if let finding { inspection.issues.append(Issue(.custom, reference.path, finding)) }
            inspection.digests.append(digest)
        }
        return inspection
    }

    /// What is wrong with an image, and its digest.
    private func inspect(_ uri: String, aspects: ClosedRange<Double>?) -> (finding: String?, digest: String) {
        if uri.utf8.starts(with: "data:".utf8) { return inspectData(uri, aspects) }
        let digest = SHA256.of(Array(uri.utf8)).hex
        if uri.utf8.starts(with: "https://".utf8) { return (inspectWeb(uri, aspects), digest) }
        switch upload(uri) {
        case .trusted: return (nil, digest)
        case .missing: return ("Failed to fetch asset. The upload is unknown, empty or expired.", digest)
        case .bytes(let bytes):
            return (inspectBytes(bytes, declared: nil, aspects), SHA256.of(bytes).hex)
        }
    }

    private func inspectWeb(_ uri: String, _ aspects: ClosedRange<Double>?) -> String? {
        let host = uri.dropFirst("https://".count).prefix { !"/?#:".contains($0) }
        if host.allSatisfy({ $0.isNumber || $0 == "." }) || host.hasPrefix("[") || !host.contains(".") {
            return "Invalid asset URL. The host must be a domain name."
        }
        let asset = assets[uri] ?? FakeAsset()
        guard asset.status == 200 else {
            return "Failed to fetch asset. Received HTTP response code \"\(asset.status)\"."
        }
        guard asset.answersHead else { return "Failed to fetch asset. Received HTTP response code \"405\"." }
        guard let length = asset.contentLength else { return "Failed to fetch asset. Content-Length is missing." }
        guard length <= Self.maximumLength else { return "Asset size exceeds 16.0MB." }
        guard let type = asset.contentType, Self.types.contains(type) else {
            return "Unsupported asset type \"\(asset.contentType ?? "")\"."
        }
        return Self.shape(asset.width, asset.height, aspects)
    }

    private func inspectData(_ uri: String, _ aspects: ClosedRange<Double>?) -> (String?, String) {
        let bytes = uri.utf8
        guard let comma = bytes.firstIndex(of: UInt8(ascii: ",")) else { return ("Invalid data URI.", "") }
        let head = uri[..<comma].dropFirst("data:".count)
        guard head.hasSuffix(";base64") else { return ("Invalid data URI. It must be base64-encoded.", "") }
        let type = String(head.dropLast(";base64".count))
        guard Self.types.contains(type) else { return ("Unsupported asset type \"\(type)\".", "") }
        guard let decoded = Base64.decode(uri[bytes.index(after: comma)...].utf8) else {
            return ("Invalid data URI. The base64 data cannot be decoded.", "")
        }
        return (inspectBytes(decoded, declared: type, aspects), SHA256.of(decoded).hex)
    }

    private func inspectBytes(_ bytes: [UInt8], declared: String?, _ aspects: ClosedRange<Double>?) -> String? {
        guard let header = ImageHeader(bytes) else { return "Invalid asset. The bytes are no supported image." }
        if let declared, declared.replacing("image/jpg", with: "image/jpeg") != header.type {
            return "Unsupported asset type. The bytes are \(header.type), not \(declared)."
        }
        return Self.shape(header.width, header.height, aspects)
    }

    /// The sentence about 0.5 was seen live.
    private static func shape(_ width: Int, _ height: Int, _ aspects: ClosedRange<Double>?) -> String? {
        guard let aspects else { return nil }
        let aspect = Double(width) / Double(height)
        let shown = Double(Int((aspect * 1000).rounded())) / 1000
        let start = "Invalid asset aspect ratio. width / height ratio must be"
        if aspect < aspects.lowerBound { return "\(start) at least \(aspects.lowerBound). Got \(shown)." }
        if aspect > aspects.upperBound { return "\(start) at most \(aspects.upperBound). Got \(shown)." }
        return nil
    }
}
