// One card of the gallery: a picture with how it was made, or a job that failed with the reason. Values, read off
// results.

internal import Contract

struct GalleryEntry: Equatable, Sendable {
    enum Face: Equatable, Sendable {
        case picture(GalleryPicture)
        case failure(code: String, message: String, stage: String?)
    }

    var face: Face
    var job: String
    var user: String?
    var outfit: String?
    /// The view, where the request asked for several.
    var view: String?
    /// Of the whole job.
    var cost: ResultDocument.Cost
    /// How many pictures that cost is for.
    var shares: Int
    /// Seconds from the claim to the end.
    var took: Double?
    var finished: Timestamp

    var isComplete: Bool {
        if case .picture = face { return true }
        return false
    }
}

struct GalleryPicture: Equatable, Sendable {
    /// Where it is for programs on this machine; nil for one in a bucket.
    var path: String?
    /// As results have it: a relative path, or an address.
    var url: String
    var provider: String
    var model: String?
    var ratio: String?
    var seed: UInt32?
    var prompt: String?
    var references: Int
    var reused: Bool
    var width: Int
    var height: Int
    /// Bytes of the file.
    var size: Int
    /// Of the file, in hexadecimal.
    var sha256: String
    /// Seconds of a film; nil for a picture.
    var film: Double?
    var thumbnail = GalleryThumbnail.none("no thumbnail was asked for")

    var link: WebLink? { path.flatMap { WebLink(file: $0) } ?? WebLink(web: url) }
}

enum GalleryThumbnail: Equatable, Sendable {
    /// A small JPEG.
    case jpeg([UInt8], width: Int, height: Int)
    /// Why there is none, as a clause.
    case none(String)
}

extension GalleryEntry {
    /// The cards of a result: one a picture, and one for each view that failed. None for a batch, whose members have
    /// results of their own, and for a job that makes no picture.
    static func entries(_ result: ResultDocument) -> [GalleryEntry] {
        let card = { (face: Face, view: String?, shares: Int) in
            GalleryEntry(
                face: face, job: result.jobID, user: result.userID, outfit: result.outfitID, view: view,
                cost: result.cost, shares: shares, took: result.timing.total, finished: result.finishedAt)
        }
        switch result.outcome {
        case .complete(let picture, let views):
            let pictures: [(String?, ResultDocument.Picture)] =
                views.isEmpty ? [(nil, picture)] : views.map { ($0.name, $0.picture) }
            return pictures.map { card(.picture(GalleryPicture($0.1)), $0.0, pictures.count) }
                + result.failedViews.map { card(Face($0.failure), $0.name, 0) }
        case .failed(let failure) where failure.batch == nil: return [card(Face(failure), nil, 1)]
        case .failed, .batch, .removed, .profile: return []
        }
    }
}

extension GalleryEntry.Face {
    init(_ failure: ResultDocument.Failure) {
        let details = failure.details.map { "\n\($0.path.isEmpty ? "" : "\($0.path): ")\($0.message)" }
        self = .failure(
            code: failure.code.rawValue, message: failure.message + details.joined(), stage: failure.stage?.rawValue)
    }
}

extension GalleryPicture {
    init(_ picture: ResultDocument.Picture) {
        let (making, image) = (picture.making, picture.image)
        var path: String?
        if case .local(let local) = picture.storage { path = local }
        self.init(
            path: path, url: picture.imageURL, provider: picture.provider, model: making.model, ratio: making.ratio,
            seed: making.seed, prompt: making.prompt, references: making.references, reused: making.reused,
            width: image.width, height: image.height, size: image.bytes, sha256: image.sha256,
            film: image.contentType.hasPrefix("video/") ? image.duration ?? 0 : nil)
    }
}

/// What is to be shown.
struct GalleryFilter: Equatable, Sendable {
    enum State: String, CaseIterable, Sendable {
        case complete, failed
    }

    var user: String?
    var state: State?
    /// Nanoseconds since 1970; nil from the beginning.
    var since: Int64?
    /// The most cards.
    var limit = 200

    func admits(_ entry: GalleryEntry) -> Bool {
        if let user, entry.user != user { return false }
        if let state, entry.isComplete != (state == .complete) { return false }
        return true
    }
}
