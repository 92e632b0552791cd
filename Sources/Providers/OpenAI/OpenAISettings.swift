// What the configuration says of OpenAI.

/// How much work a picture is: what its price hangs on most.
package enum OpenAIQuality: String, Hashable, Sendable, CaseIterable {
    case low, medium, high
}

/// The settings `openai.*` and what bounds the calls.
package struct OpenAISettings: Sendable {
    /// `openai.apiKey`; nil where there is none.
    package var apiKey: String?
    /// `openai.baseUrl`, with or without `/v1` at its end.
    package var baseURL = "https://api.openai.com"
    /// `openai.model`: the model of a request that names none. One of `OpenAI.modelNames`.
    package var model = "gpt-image-2"
    /// `openai.quality`.
    package var quality = OpenAIQuality.medium
    /// `openai.organization` and `openai.project`, for keys that reach more than one of them.
    package var organization: String?
    package var project: String?
    /// `openai.concurrent`: calls at once.
    package var concurrent = 8
    /// `limits.downloadBytes`: the largest picture that is taken.
    package var pictureBytes = 64 << 20

    package init() {}
}
