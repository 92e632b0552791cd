// What the configuration says of Runway.

/// The settings `runway.*` that the provider itself needs.
package struct RunwaySettings: Sendable {
    /// `runway.apiKey`; nil where there is none.
    package var apiKey: String?
    /// `runway.baseUrl`, without a slash at its end.
    package var baseURL = "https://api.dev.runwayml.com"
    /// `runway.model`: the model of a request that names none. One of `Runway.modelNames`.
    package var model = "gen4_image"
    /// `runway.ratio`: the size of a request that names none, where the model makes it.
    package var ratio = PixelSize(width: 1080, height: 1440)
    /// `runway.videoModel`: the model of a film whose request names none. One of `Runway.videoModelNames`.
    package var videoModel = "gen4_turbo"
    /// `runway.videoDuration`: how long films are to be, in seconds.
    package var videoSeconds = 5
    /// `http.stall`, nanoseconds: for the calls that can be made again.
    package var stall: Int64 = 20_000_000_000

    package init() {}
}
