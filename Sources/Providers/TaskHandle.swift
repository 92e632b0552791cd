// What a task is remembered by: the text that stands in the journal between its order and its end.
//
// A provider writes the text and reads it again, after any number of restarts; for everybody else it is opaque but for
// one rule: its first word is the task's id, which is what people are shown. What follows (an address to ask at, a
// price that is told only once) is the provider's own and is shown to nobody.

/// A task's text, taken apart.
package struct TaskHandle: Hashable, Sendable {
    /// What the provider calls the task: no white space in it.
    package let id: String
    /// What else the provider has to know of it, a word each.
    package let notes: [String]

    package init(id: String, notes: [String] = []) { (self.id, self.notes) = (id, notes) }

    /// Reads a text of the journal.
    package init(_ text: String) {
        let words = text.split(separator: " ").map(String.init)
        self.init(id: words.first ?? "", notes: Array(words.dropFirst()))
    }

    /// The text for the journal.
    package var text: String { ([id] + notes).joined(separator: " ") }
}
