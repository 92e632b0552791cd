// What a request for more than one picture consists of: the requests of its parts.
//
// A value and its only rule: a batch is one request for each of its outfits, several views are one request for each of
// them, a film is made from a still picture that is asked for first. A part is the whole with what makes it this part,
// so it may have parts of its own (an outfit of a batch in several views). A request for one picture has none.

/// How a request is taken apart.
package enum RequestParts: Equatable, Sendable {
    /// One request for each outfit, in the order of `outfit_ids`.
    case batch([JobRequest])
    /// One request for each view, in the order of `views`.
    case views([JobRequest])
    /// The still picture that a film is made from, before it is made by the request itself.
    case still(JobRequest)

    /// The parts in their order.
    package var all: [JobRequest] {
        switch self {
        case .batch(let parts), .views(let parts): parts
        case .still(let part): [part]
        }
    }
}

extension JobRequest {
    /// The parts that it consists of; nil where it is a job of its own.
    package var parts: RequestParts? {
        if action != .visualize { return nil }
        if !outfitIDs.isEmpty { return .batch(outfitIDs.map(member)) }
        if views.count > 1 { return .views(views.map(alone)) }
        return kind == .video ? .still(still) : nil
    }

    /// The request of a single picture with what its one view says for it: the view's ratio and seed in place of the
    /// request's, its directions after them. Itself where it has no view, or several.
    package var asItsViewSays: JobRequest {
        guard let view = views.first, views.count == 1 else { return self }
        var request = self
        request.ratio = view.ratio ?? ratio
        request.seed = view.seed ?? seed
        let directions = [prompt, view.prompt].compactMap(\.self)
        request.prompt = directions.isEmpty ? nil : directions.joined(separator: " ")
        return request
    }

    private func member(_ outfit: String) -> JobRequest {
        var request = self
        (request.outfitIDs, request.outfitID) = ([], outfit)
        return request
    }

    private func alone(_ view: View) -> JobRequest {
        var request = self
        request.views = [view]
        return request
    }

    /// Model, ratio and seed are the film's.
    private var still: JobRequest {
        var request = self
        (request.kind, request.model, request.ratio, request.seed) = (.image, nil, nil, nil)
        request.views = views.map { View(name: $0.name, prompt: $0.prompt) }
        return request
    }
}
