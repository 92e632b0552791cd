// A value that must never be printed: an API key, a storage key.
//
// Whatever prints it by accident (interpolation, a debugger's dump, a mirror) gets "(secret)". The one way to the
// text is `reveal()`, so that a search for that word finds every place where a secret leaves the settings.

struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let text: String

    init(_ text: String) {
        self.text = text
    }

    /// The secret itself, for the header of a request or the list of words that the log withholds.
    func reveal() -> String { text }

    var description: String { "(secret)" }
    var debugDescription: String { "(secret)" }
    var customMirror: Mirror { Mirror(self, children: [:]) }
}
