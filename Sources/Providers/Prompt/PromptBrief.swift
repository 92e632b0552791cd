// What a prompt is written from, and what is written.

/// Everything that may be said to a provider about one picture.
package struct PromptBrief: Hashable, Sendable {
    /// A garment that is on one of the pictures.
    package struct Piece: Hashable, Sendable {
        /// As the outfit calls it.
        package let name: String
        /// The app's word, such as `tops`; nil where it gives none.
        package let category: String?

        package init(name: String, category: String?) { (self.name, self.category) = (name, category) }
    }

    /// Who wears it; nil where nobody said.
    package var descriptor: String?
    /// What is on each reference picture, in the order of the pictures: one garment, or all that share a sheet.
    package var pictures: [[Piece]]
    /// Whether one more picture follows those of the garments: a photo of the person who wears them.
    package var showsPerson = false
    /// The request's own `prompt`.
    package var directions: String?
    package var stylingNotes: String?
    package var styleWords: [String]
    /// `daily_emotion.feeling_now` and `daily_emotion.want_to_feel` of the user's profile.
    package var feelingNow: String?
    package var wantToFeel: String?

    package init(
        descriptor: String?, pictures: [[Piece]], directions: String? = nil, stylingNotes: String? = nil,
        styleWords: [String] = [], feelingNow: String? = nil, wantToFeel: String? = nil
    ) {
        (self.descriptor, self.pictures, self.directions) = (descriptor, pictures, directions)
        (self.stylingNotes, self.styleWords) = (stylingNotes, styleWords)
        (self.feelingNow, self.wantToFeel) = (feelingNow, wantToFeel)
    }
}

/// A prompt as it is sent.
package struct WrittenPrompt: Hashable, Sendable {
    package let text: String
    /// The tag of each reference picture, in their order, the person's at the end; nil where the model has no tags.
    package let tags: [String?]
}
