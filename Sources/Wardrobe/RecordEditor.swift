// Puts pictures into a user's `saved_outfits.json`, as a value: bytes in, bytes out.
//
// On the outfit: `visualization_url`, `visualization_updated_at`, `visualizations` (newest first); on the file:
// `last_updated`. A film is an entry of `visualizations` and no more: where `visualization_url` points, the app shows a
// still picture, so the newest one that is no film decides. Everything else is copied byte for byte. Several changes
// are made at once, in their order. The same job's picture of the same view replaces its entry, so that doing it again
// changes nothing: after a crash, or when a writer that knew nothing of it wrote over it. A removal takes the three
// members out with their commas and leaves what is around them. An outfit that is not there is not made; what cannot be
// changed without damage (an `outfit` that is no object, a `visualizations` that is no array) is told and left alone.

internal import Contract

/// What became of one change.
enum RecordOutcome: Hashable, Sendable {
    /// The record says it, whether it was put in now or was there before.
    case recorded
    case outfitNotFound
    /// The place in the record (`saved[3].visualizations`) that is not what it should be, and what is wrong.
    case inTheWay(String)
}

/// An edited record.
struct EditedRecord: Sendable {
    /// The new content, nil if nothing is to be changed.
    let bytes: [UInt8]?
    /// One for each change, in their order.
    let outcomes: [RecordOutcome]
    /// How each is to be made again if a program that knew nothing of it wrote over it; nil where it is not.
    let again: [RecordChange?]
}

enum RecordEditor {
    /// How many entries `visualizations` keeps; older ones fall off.
    static let history = 100

    /// What vizd says of an outfit's pictures.
    static let members = ["visualization_url", "visualization_updated_at", "visualizations"]

    /// Makes changes in a record. `now` becomes the file's `last_updated` if anything changes.
    static func apply(_ changes: [RecordChange], to bytes: [UInt8], now: Timestamp) throws(RecordFault) -> EditedRecord
    {
        let record = try RecordText(bytes)
        let outfits = SavedOutfits(record)
        var outcomes: [RecordOutcome] = Array(repeating: .outfitNotFound, count: changes.count)
        var again: [RecordChange?] = Array(repeating: nil, count: changes.count)
        var edits: [RecordEdit] = []
        for (outfit, numbers) in grouped(changes) {
            let draft = outfits.draft(outfit, numbers.map { changes[$0] })
            edits += draft.edits
            for (place, number) in numbers.enumerated() {
                (outcomes[number], again[number]) = (draft.outcomes[place], draft.again[place])
            }
        }
        guard !edits.isEmpty else { return EditedRecord(bytes: nil, outcomes: outcomes, again: again) }
        edits += record.edits(
            setting: [RecordSetting("last_updated", .string(now.rfc3339))], in: record.root)
        let changed = RecordEdit.apply(edits, to: bytes, in: 0..<bytes.count)
        return EditedRecord(bytes: changed, outcomes: outcomes, again: again)
    }

    /// The changes of each outfit by their numbers, in the order in which outfits first come.
    private static func grouped(_ changes: [RecordChange]) -> [(outfit: OutfitID, numbers: [Int])] {
        var groups: [(outfit: OutfitID, numbers: [Int])] = []
        var places: [OutfitID: Int] = [:]
        for (number, change) in changes.enumerated() {
            guard let outfit = change.outfit else { preconditionFailure("a change of the profile came to the outfits") }
            if let place = places[outfit] {
                groups[place].numbers.append(number)
            } else {
                places[outfit] = groups.count
                groups.append((outfit, [number]))
            }
        }
        return groups
    }
}

/// The list of outfits within a record.
struct SavedOutfits {
    let record: RecordText
    private let elements: [Range<Int>]
    /// What is wrong with the list as such, if anything is.
    let fault: String?

    init(_ record: RecordText) {
        self.record = record
        let saved = record.value("saved", of: record.root)
        elements = saved.map { record.elements(of: $0) } ?? []
        if record.kind(of: record.root) != .object {
            fault = "the file is not a JSON object"
        } else if let saved, record.kind(of: saved) != .array, record.kind(of: saved) != .null {
            fault = "saved is not an array"
        } else {
            fault = nil
        }
    }

    /// The first outfit of that id, with its number in the list. Elements that are no objects are passed over.
    func find(_ outfit: OutfitID) -> (number: Int, object: Range<Int>)? {
        for (number, element) in elements.enumerated() {
            if let id = record.value("id", of: element), record.spells(id, outfit.text) { return (number, element) }
        }
        return nil
    }

    /// What changes of one outfit come to, in their order.
    fileprivate func draft(_ outfit: OutfitID, _ changes: [RecordChange]) -> OutfitDraft.Finished {
        if let fault { return OutfitDraft.Finished(all: .inTheWay(fault), changes) }
        guard let (number, object) = find(outfit) else { return OutfitDraft.Finished(all: .outfitNotFound, changes) }
        var draft = OutfitDraft(record, object, number)
        for change in changes { draft.take(change) }
        return draft.finished
    }
}

/// An outfit while changes are made in it.
private struct OutfitDraft {
    /// What came of the changes: one outcome and one change to be looked after for each.
    struct Finished {
        var edits: [RecordEdit] = []
        var outcomes: [RecordOutcome] = []
        var again: [RecordChange?] = []

        init() {}

        /// Nothing could be changed.
        init(all outcome: RecordOutcome, _ changes: [RecordChange]) {
            outcomes = changes.map { _ in outcome }
            again = changes.map { _ in nil }
        }
    }

    private let record: RecordText
    private let object: Range<Int>
    /// Its number in the list, for messages.
    private let number: Int
    /// What the file says of its pictures.
    private let said: MemberTexts
    /// Nil where what stands in its place is no array.
    private var history: VisualizationHistory?
    private var isCleared = false
    private var result = Finished()

    init(_ record: RecordText, _ object: Range<Int>, _ number: Int) {
        (self.record, self.object, self.number) = (record, object, number)
        said = MemberTexts(RecordEditor.members, of: object, in: record)
        let old = record.value("visualizations", of: object)
        let isUsable = old.map { [.array, .null].contains(record.kind(of: $0)) } ?? true
        history = isUsable ? VisualizationHistory(record, old) : nil
    }

    mutating func take(_ change: RecordChange) {
        switch change {
        case .pictures(let update):
            guard history != nil else {
                return note(.inTheWay("saved[\(number)].visualizations is not an array"), nil)
            }
            history?.add(update.visualizations)
            note(.recorded, change)
        case .removal(_, let over?):
            if !isCleared, over.contains(said) { clear() }
            note(.recorded, nil)
        case .removal(let outfit, nil):
            clear()
            note(.recorded, .removal(outfit, over: said.isEmpty ? [] : [said]))
        case .descriptor: preconditionFailure("a change of the profile came to the outfits")
        }
    }

    private mutating func clear() {
        isCleared = true
        history = VisualizationHistory(record, nil)
    }

    private mutating func note(_ outcome: RecordOutcome, _ again: RecordChange?) {
        result.outcomes.append(outcome)
        result.again.append(again)
    }

    var finished: Finished {
        var finished = result
        guard let history else { return finished }
        finished.edits =
            isCleared && history.isEmpty
            ? record.edits(removing: RecordEditor.members, from: object)
            : record.edits(setting: settings(of: history), in: object)
        return finished
    }

    private func settings(of history: VisualizationHistory) -> [RecordSetting] {
        var settings: [RecordSetting] = []
        // Where the newest still is not one of these, a later job has already said where the outfit's picture is.
        if let newest = history.newestStillAdded {
            settings.append(RecordSetting("visualization_url", .string(newest.url)))
            settings.append(RecordSetting("visualization_updated_at", .string(newest.createdAt.rfc3339)))
        }
        if let text = history.text(in: RecordLayout(of: object, in: record)) {
            settings.append(RecordSetting("visualizations", .text(text)))
        }
        return settings
    }
}

/// The array `visualizations` of one outfit: entries as they stand in the file, and new ones.
private struct VisualizationHistory {
    private struct Entry {
        /// The entry in the file, nil for a new one.
        let source: Range<Int>?
        /// What it is to say, nil for one that is left as it is.
        var added: Visualization?
    }

    private let record: RecordText
    private let old: Range<Int>?
    private var entries: [Entry]

    init(_ record: RecordText, _ old: Range<Int>?) {
        self.record = record
        self.old = old
        entries = old.map { record.elements(of: $0) }?.map { Entry(source: $0, added: nil) } ?? []
    }

    var isEmpty: Bool { entries.isEmpty }

    /// The newest entry that is no film, if it is one that was added.
    var newestStillAdded: Visualization? { entries.first { !isFilm($0) }?.added }

    private func isFilm(_ entry: Entry) -> Bool {
        if let added = entry.added { return added.isFilm }
        return entry.source.flatMap { record.string("url", of: $0) }.map(Visualization.isFilm) ?? false
    }

    /// Puts the pictures of one job in front, the first of them foremost, or over the entries that the job has there.
    mutating func add(_ visualizations: [Visualization]) {
        for visualization in visualizations.reversed() {
            if let place = entries.firstIndex(where: { isEntry($0, of: visualization) }) {
                entries[place].added = visualization
            } else {
                entries.insert(Entry(source: nil, added: visualization), at: 0)
            }
        }
        entries = Array(entries.prefix(RecordEditor.history))
    }

    private func isEntry(_ entry: Entry, of visualization: Visualization) -> Bool {
        if let added = entry.added { return added.jobID == visualization.jobID && added.view == visualization.view }
        guard let source = entry.source, let job = record.value("job_id", of: source),
            record.spells(job, visualization.jobID)
        else { return false }
        guard let view = record.value("view", of: source), record.kind(of: view) != .null else {
            return visualization.view == nil
        }
        return visualization.view.map { record.spells(view, $0) } ?? false
    }

    /// The array as JSON text; nil if it is to stay as it is.
    func text(in outfit: RecordLayout) -> [UInt8]? {
        let layout = layout(in: outfit)
        let texts = entries.map { text(of: $0, in: layout.inner) }
        let stays = old.map { record.elements(of: $0).map { Array(record.bytes[$0]) } == texts } ?? texts.isEmpty
        return stays ? nil : layout.bracketed("[", texts, "]")
    }

    private func text(of entry: Entry, in layout: RecordLayout) -> [UInt8] {
        guard let source = entry.source else { return layout.object(entry.added?.members ?? []) }
        let edits = entry.added.map { record.edits(setting: $0.members, in: source) } ?? []
        return RecordEdit.apply(edits, to: record.bytes, in: source)
    }

    /// A list that stands in one line stays in one line, also in a file that breaks lines elsewhere.
    private func layout(in outfit: RecordLayout) -> RecordLayout {
        guard let first = entries.lazy.compactMap(\.source).first else { return outfit }
        let breaks = !RecordLayout.newline(of: record.space(before: first.lowerBound)).isEmpty
        return breaks ? outfit : outfit.inOneLine
    }
}
