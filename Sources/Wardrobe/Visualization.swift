// What an update of a record says: this outfit has been given this picture.

package import Contract

/// One stored picture as the outfit's record tells it.
package struct Visualization: Hashable, Sendable {
    /// Where the picture is, as `StoredPicture.url`.
    package let url: String
    /// The named view, nil for the outfit's own picture.
    package let view: String?
    /// The provider's name for people: `Flat lay`.
    package let provider: String
    package let model: String?
    /// The job that made it. With the view it names the entry: the same job's picture is recorded once.
    package let jobID: String
    package let createdAt: Timestamp

    package init(
        url: String, view: String? = nil, provider: String, model: String? = nil, jobID: String, createdAt: Timestamp
    ) {
        (self.url, self.view, self.provider, self.model) = (url, view, provider, model)
        (self.jobID, self.createdAt) = (jobID, createdAt)
    }

    /// Whether it is a film: by the ending of its address, which is all that an entry in a record tells.
    var isFilm: Bool { Visualization.isFilm(url) }

    static func isFilm(_ url: String) -> Bool { url.utf8.suffix(4).elementsEqual(".mp4".utf8) }

    /// The entry of `visualizations`, member by member.
    var members: [RecordSetting] {
        [
            RecordSetting("url", .string(url)), RecordSetting("view", .optional(view)),
            RecordSetting("provider", .string(provider)), RecordSetting("model", .optional(model)),
            RecordSetting("job_id", .string(jobID)), RecordSetting("created_at", .string(createdAt.rfc3339)),
        ]
    }
}

/// The pictures that one job made of one outfit, to be put into its record together. The first that is no film is the
/// one that `visualization_url` points to.
package struct RecordUpdate: Hashable, Sendable {
    package let outfit: OutfitID
    package let visualizations: [Visualization]

    package init(outfit: OutfitID, visualizations: [Visualization]) {
        (self.outfit, self.visualizations) = (outfit, visualizations)
    }
}
