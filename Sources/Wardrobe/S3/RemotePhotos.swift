// Photos that are not on this machine's disk: in the bucket, or on the web.
//
// A record is somebody else's text, so what it points to is judged before anything is fetched: an object of the bucket
// only beneath the user's own prefix, a host only if `wardrobe.allowedHosts` names it, after a redirect as before, and
// never an address within private networks (`TransferReach.foreign`). What arrives goes into a file without a name and
// is bounded by `limits.imageBytes`. A photo that is not there, or may not be had, is a refusal, and the garment's next
// path is tried; a bucket that does not answer is `storage_failed`, since the same job can succeed later. Addresses are
// shown without their query, which may be a signature.

internal import Contract
package import Linux
package import Transfer

/// What became of one recorded path.
enum PhotoOutcome: Sendable {
    case opened(OpenedPhoto)
    /// It does not serve, and why: the rest of a sentence.
    case refused(String)
}

/// Fetches photos.
package struct RemotePhotos: Sendable {
    private static let redirects = 3
    private static let tries = 3

    private let store: S3Store?
    private let transfer: any Transferring
    private let allowedHosts: Set<String>
    private let limit: Int
    private let pace: Pace
    private let newFile: @Sendable () async throws(SystemFailure) -> OpenFile

    /// - Parameters:
    ///   - store: the bucket, where there is one.
    ///   - allowedHosts: host names from which photos may be fetched.
    ///   - limit: bytes of a photo.
    ///   - newFile: makes an empty file without a name.
    package init(
        store: S3Store?, transfer: any Transferring, allowedHosts: [String], limit: Int, pace: Pace,
        newFile: @escaping @Sendable () async throws(SystemFailure) -> OpenFile
    ) {
        (self.store, self.transfer, self.limit) = (store, transfer, limit)
        self.allowedHosts = Set(allowedHosts.map { $0.lowercased() })
        (self.pace, self.newFile) = (pace, newFile)
    }

    /// Whether a recorded path is an address.
    static func isAddress(_ path: String) -> Bool {
        let start = path.prefix(8).lowercased()
        return ["https://", "http://", "s3://"].contains { start.hasPrefix($0) }
    }

    /// An address as it may be shown.
    static func shown(_ path: String) -> String {
        printable(isAddress(path) ? String(path.prefix { $0 != "?" && $0 != "#" }) : path, limit: 300)
    }

    /// Opens what an address points to; nil for a path that is none.
    func open(_ path: String, of user: UserID) async throws(WardrobeFailure) -> PhotoOutcome? {
        guard Self.isAddress(path) else { return nil }
        if let key = store?.bucket.key(at: path) {
            // Addresses of older apps carry the local folder's name.
            let text = key.text.hasPrefix("wardrobe_photos/") ? String(key.text.dropFirst(16)) : key.text
            let own = Array("\(user)/".utf8)
            guard text.utf8.starts(with: own) else { return .refused("it is not beneath \(user)/ in the bucket") }
            return try await open([String(decoding: text.utf8.dropFirst(own.count), as: UTF8.self)], as: path, of: user)
        }
        if path.lowercased().hasPrefix("s3://") { return .refused("it is in another bucket than s3.bucketName") }
        return try await openWeb(path)
    }

    /// Opens the first of some names beneath the user's prefix that is there; otherwise says why the first is not.
    func open(_ names: [String], as path: String, of user: UserID) async throws(WardrobeFailure) -> PhotoOutcome {
        var first: String?
        for name in names {
            switch try await open(name, as: path, of: user) {
            case .opened(let photo): return .opened(photo)
            case .refused(let reason): first = first ?? reason
            }
        }
        return .refused(first ?? "it names nothing")
    }

    private func open(_ name: String, as path: String, of user: UserID) async throws(WardrobeFailure) -> PhotoOutcome {
        guard let store else { return .refused("there is no bucket in the settings") }
        // A key is a string of bytes to S3, and a path to some that stand before it.
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        if parts.contains(".") || parts.contains("..") { return .refused("it leads out of the user's folder") }
        guard let key = S3Key("\(user)/\(name)"), !name.isEmpty else { return .refused("it is no key of an object") }
        let file = try await made()
        do throws(S3Failure) {
            _ = try await store.get(key, into: file, limit: limit)
        } catch {
            switch error.reason {
            case .noObject: return .refused("no such object")
            case .denied: return .refused("the object store does not give it to vizd, or it is not there")
            case .tooLarge: return .refused("it is larger than limits.imageBytes")
            default: throw error.wardrobe
            }
        }
        return try opened(file, path)
    }

    // MARK: The web

    private func openWeb(_ path: String) async throws(WardrobeFailure) -> PhotoOutcome {
        guard var place = Destination(path) else { return .refused("it is no address that can be fetched") }
        for _ in 0...Self.redirects {
            guard allowedHosts.contains(place.host) else {
                return .refused("photos from \(place.host) are not fetched: name it in wardrobe.allowedHosts")
            }
            let file = try await made()
            switch try await fetch(place, into: file) {
            case .arrived: return try opened(file, path)
            case .refused(let reason): return .refused(reason)
            case .redirected(let next): place = next
            }
        }
        return .refused("it redirects more than \(Self.redirects) times")
    }

    private enum Fetched {
        case arrived
        case redirected(Destination)
        case refused(String)
    }

    /// Fetches once, and twice more where it may help.
    private func fetch(_ place: Destination, into file: OpenFile) async throws(WardrobeFailure) -> Fetched {
        var request = TransferRequest(.get, place.url, reach: .foreign)
        (request.sink, request.limits.bytes) = (.file(file), limit)
        request.limits.total += Int64(limit) * 10_000
        var reason = ""
        for attempt in 1...Self.tries {
            do throws(TransferFailure) {
                let answer = try await transfer.transfer(request)
                if answer.isSuccess { return .arrived }
                if let next = Self.redirect(answer, from: place) { return next }
                reason = "\(place.host) answered \(answer.status)"
                guard answer.status >= 500 || answer.status == 429 else { return .refused(reason) }
            } catch {
                if let system = error.system { throw .writing(system, "a photo on its way from \(place.host)") }
                reason = error.message
                guard Self.passes(error.code) else { return .refused(reason) }
            }
            try emptied(file, place)
            if attempt < Self.tries { await pace.pause(.milliseconds(500 << attempt) / 2 * (1 + pace.chance())) }
        }
        return .refused(reason)
    }

    private static func redirect(_ answer: TransferAnswer, from place: Destination) -> Fetched? {
        guard [301, 302, 303, 307, 308].contains(answer.status) else { return nil }
        guard let next = answer.header("location").flatMap({ place.resolving($0) }) else {
            return .refused("\(place.host) redirects to nowhere")
        }
        guard next.isSecure || !place.isSecure else {
            return .refused("\(place.host) redirects to an address without TLS")
        }
        return .redirected(next)
    }

    private static func passes(_ code: TransferFailure.Code) -> Bool {
        [.unresolved, .unconnected, .proxy, .broken, .cutShort, .malformed, .stalled, .timedOut].contains(code)
    }

    // MARK: Files

    private func made() async throws(WardrobeFailure) -> OpenFile {
        do throws(SystemFailure) { return try await newFile() } catch { throw .writing(error, "a fetched photo") }
    }

    private func emptied(_ file: OpenFile, _ place: Destination) throws(WardrobeFailure) {
        do throws(SystemFailure) { try file.setSize(0) } catch { throw .writing(error, "a photo from \(place.host)") }
    }

    private func opened(_ file: OpenFile, _ path: String) throws(WardrobeFailure) -> PhotoOutcome {
        do throws(SystemFailure) {
            let info = try file.info()
            guard info.size > 0 else { return .refused("it is empty") }
            return .opened(OpenedPhoto(file: file, path: Self.shown(path), info: info))
        } catch {
            throw .writing(error, "a fetched photo")
        }
    }
}

/// The first photo of a garment that `open` can open.
/// - Throws: `garmentUnreadable`, with every path that was tried and why it did not serve.
func firstPhoto(
    of garment: Garment, _ open: (String) async throws(WardrobeFailure) -> PhotoOutcome
) async throws(WardrobeFailure) -> OpenedPhoto {
    guard !garment.candidates.isEmpty else {
        throw WardrobeFailure(.garmentUnreadable, "\(garment.name) has no photo recorded: add one in the app")
    }
    var refusals: [String] = []
    for path in garment.candidates {
        switch try await open(path) {
        case .opened(let photo): return photo
        case .refused(let reason): refusals.append("\(RemotePhotos.shown(path)): \(reason)")
        }
    }
    throw WardrobeFailure(
        .garmentUnreadable,
        "the photo of \(printable(garment.name)) cannot be opened (\(refusals.joined(separator: "; "))):"
            + " put the file there, or correct its path in the wardrobe")
}
