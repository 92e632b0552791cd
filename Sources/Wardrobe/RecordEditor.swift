// Puts pictures into a user's `saved_outfits.json`, as a value: bytes in, bytes out.
//
// On the outfit: `visualization_url`, `visualization_updated_at`, `visualizations` (newest first); on the file:
// `last_updated`. A film is an entry of `visualizations` and no more: where `visualization_url` points, the app shows a
// still picture, so the newest one that is no film decides. Everything else is copied byte for byte. Several updates
// are put in at once. The same job's picture of the same view replaces its entry, so that doing it again changes
// nothing: after a crash, or when a writer that knew nothing of it wrote over it. An outfit that is not there is not
// made; what cannot be changed without damage (an `outfit` that is no object, a `visualizations` that is no array) is
// told and left alone.

internal import Contract

/// What became of one update.
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
    /// One for each update, in their order.
    let outcomes: [RecordOutcome]
}

enum RecordEditor {
    /// How many entries `visualizations` keeps; older ones fall off.
    static let history = 100

    /// Puts updates into a record. `now` becomes the file's `last_updated` if anything changes.
    static func apply(_ updates: [RecordUpdate], to bytes: [UInt8], now: Timestamp) throws(RecordFault) -> EditedRecord
    {
        let record = try RecordText(bytes)
        let outfits = SavedOutfits(record)
        var outcomes: [RecordOutcome] = Array(repeating: .outfitNotFound, count: updates.count)
        var edits: [RecordEdit] = []
        for (outfit, numbers) in grouped(updates) {
            let visualizations = numbers.map { updates[$0].visualizations }
            let (change, outcome) = outfits.change(outfit, visualizations)
            edits += change
            for number in numbers { outcomes[number] = outcome }
        }
        guard !edits.isEmpty else { return EditedRecord(bytes: nil, outcomes: outcomes) }
        edits += record.edits(
            setting: [RecordSetting("last_updated", .string(now.rfc3339))], in: record.root)
        let changed = RecordEdit.apply(edits, to: bytes, in: 0..<bytes.count)
        return EditedRecord(bytes: changed, outcomes: outcomes)
    }

    /// The updates of each outfit by their numbers, in the order in which outfits first come.
    private static func grouped(_ updates: [RecordUpdate]) -> [(outfit: OutfitID, numbers: [Int])] {
        var groups: [(outfit: OutfitID, numbers: [Int])] = []
        var places: [OutfitID: Int] = [:]
        for (number, update) in updates.enumerated() {
            if let place = places[update.outfit] {
                groups[place].numbers.append(number)
            } else {
                places[update.outfit] = groups.count
                groups.append((update.outfit, [number]))
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

    /// The edits that put the pictures of several jobs, oldest first, into an outfit.
    fileprivate func change(_ outfit: OutfitID, _ jobs: [[Visualization]]) -> ([RecordEdit], RecordOutcome) {
        if let fault { return ([], .inTheWay(fault)) }
        guard let (number, object) = find(outfit) else { return ([], .outfitNotFound) }
        let old = record.value("visualizations", of: object)
        if let old, record.kind(of: old) != .array, record.kind(of: old) != .null {
            return ([], .inTheWay("saved[\(number)].visualizations is not an array"))
        }
        var history = VisualizationHistory(record, old)
        for visualizations in jobs { history.add(visualizations) }
        return (record.edits(setting: settings(of: history, in: object), in: object), .recorded)
    }

    private func settings(of history: VisualizationHistory, in object: Range<Int>) -> [RecordSetting] {
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
        let stays = old.map { record.elements(of: $0).map { Array(record.bytes[$0]) } == texts } ?? false
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
