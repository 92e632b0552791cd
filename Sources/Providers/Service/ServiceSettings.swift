// What the configuration says of a hosted service of which no more than this needs to be known.

/// The settings `SERVICE.*` that a provider itself needs.
package struct ServiceSettings: Sendable {
    /// `SERVICE.apiKey`; nil where there is none.
    package var apiKey: String?
    /// `SERVICE.baseUrl`.
    package var baseURL: String
    /// `SERVICE.model`: the model of a request that names none.
    package var model: String
    /// `SERVICE.concurrent`: tasks at once.
    package var concurrent: Int
    /// `http.stall`, nanoseconds: for the calls that can be made again.
    package var stall: Int64 = 20_000_000_000

    package init(baseURL: String, model: String, concurrent: Int) {
        (self.baseURL, self.model, self.concurrent) = (baseURL, model, concurrent)
    }
}
