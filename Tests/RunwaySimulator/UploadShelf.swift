// Ephemeral uploads: a slot is asked for, filled once, and good for a day.

/// The slots that were given out.
struct UploadShelf: Sendable {
    /// A slot.
    struct Slot: Sendable {
        let id: String
        /// What the form must repeat unchanged.
        let fields: [(name: String, value: String)]
        let createdAt: Int64
        var content: [UInt8]?
        var handle: String { "runway://\(id)" }
    }

    /// What came of a form that was sent to a slot.
    enum Filling: Equatable, Sendable { case stored, noSuchSlot, alreadyUsed, wrongFields, wrongSize }

    /// Bytes of an upload.
    static let sizes = 512...(200 << 20)

    private var slots: [String: Slot] = [:]
    private var moments: [Int64] = []
    private(set) var filled = 0

    /// Gives out a slot; nil when too many were asked for within a minute.
    mutating func open(_ id: String, filename: String, policy: String, limit: Int?, at now: Int64) -> Slot? {
        if let limit {
            moments.removeAll { $0 <= now - 60_000_000_000 }
            guard moments.count < limit else { return nil }
            moments.append(now)
        }
        let fields = [
            ("key", "uploads/\(id)/\(filename)"), ("policy", policy), ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ]
        let slot = Slot(id: id, fields: fields.map { (name: $0.0, value: $0.1) }, createdAt: now)
        slots[id] = slot
        return slot
    }

    /// Fills a slot with the file of a form whose other fields came before it.
    mutating func fill(_ id: String, fields: [(name: String, value: [UInt8])], file: [UInt8]) -> Filling {
        guard let slot = slots[id] else { return .noSuchSlot }
        guard slot.content == nil else { return .alreadyUsed }
        let isComplete = slot.fields.allSatisfy { wanted in
            fields.contains { $0.name == wanted.name && $0.value.elementsEqual(wanted.value.utf8) }
        }
        guard isComplete else { return .wrongFields }
        guard Self.sizes.contains(file.count) else { return .wrongSize }
        slots[id]?.content = file
        filled += 1
        return .stored
    }

    /// What a handle stands for.
    func content(of handle: String, lifetime: Int64, at now: Int64) -> [UInt8]? {
        guard let slot = slots[String(handle.dropFirst("runway://".count))], now - slot.createdAt < lifetime else {
            return nil
        }
        return slot.content
    }
}
