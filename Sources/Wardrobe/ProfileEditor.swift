// Sets the description of the person in a user's `user_profile.json`, as a value: bytes in, bytes out.
//
// `model_descriptor` is replaced where it stands, comes last where it is missing, and is taken out with its comma.
// Everything else is copied byte for byte. Of several changes the last one counts. Without a file there is a new one,
// unless there is nothing to say in it. A file that is no object is told and left alone.

internal import Contract

enum ProfileEditor {
    static let key = "model_descriptor"

    /// Makes changes in a profile; nil is a profile that is not there.
    static func apply(_ changes: [RecordChange], to bytes: [UInt8]?) throws(RecordFault) -> EditedRecord {
        guard let bytes else {
            let said = MemberTexts(missing: [key])
            let fresh = wanted(changes, over: said).flatMap { $0 }.map { text($0) }
            return edited(fresh, changes, over: said)
        }
        let record = try RecordText(bytes)
        guard record.kind(of: record.root) == .object else {
            let outcomes = changes.map { _ in RecordOutcome.inTheWay("the file is not a JSON object") }
            return EditedRecord(bytes: nil, outcomes: outcomes, again: changes.map { _ in nil })
        }
        let said = MemberTexts([key], of: record.root, in: record)
        guard let wanted = wanted(changes, over: said) else { return edited(nil, changes, over: said) }
        let edits =
            wanted.map { record.edits(setting: [RecordSetting(key, .string($0))], in: record.root) }
            ?? record.edits(removing: [key], from: record.root)
        let changed = edits.isEmpty ? nil : RecordEdit.apply(edits, to: bytes, in: 0..<bytes.count)
        return edited(changed, changes, over: said)
    }

    /// What it is to say, nil inside for nothing; nil if it is to stay as it is.
    private static func wanted(_ changes: [RecordChange], over said: MemberTexts) -> String?? {
        var wanted: String??
        for change in changes {
            guard case .descriptor(let text, let over) = change else {
                preconditionFailure("a change of the outfits came to the profile")
            }
            if over?.contains(said) ?? true { wanted = .some(text) }
        }
        return wanted
    }

    private static func edited(_ bytes: [UInt8]?, _ changes: [RecordChange], over said: MemberTexts) -> EditedRecord {
        let again = changes.map { change -> RecordChange? in
            guard case .descriptor(let text, nil) = change else { return nil }
            return .descriptor(text, over: [said])
        }
        return EditedRecord(bytes: bytes, outcomes: changes.map { _ in .recorded }, again: again)
    }

    /// A new file.
    private static func text(_ descriptor: String) -> [UInt8] {
        var writer = JSONWriter(pretty: true)
        writer.beginObject()
        writer.member(key, descriptor)
        writer.endObject()
        writer.endLine()
        return writer.bytes
    }
}
