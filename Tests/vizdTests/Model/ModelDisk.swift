// The model's disk: where the one request lies and what lies beside it, now and after a power cut.
//
// A folder's entries are as they are seen, and as they are durable since the folder was last synced. A kill keeps what
// is seen. A power cut keeps, of every entry that differs, either; only a rename is never undone on both sides, so the
// request is somewhere (what file systems really leave is in docs/ARCHITECTURE.md, steps 2 and 3). That is more than
// any one of them does, and a promise that holds here holds on each.

/// What lies in the folders. Results are their bytes.
struct ModelEntries: Hashable {
    var incoming = false
    var processing = false
    var done = false
    var failed = false
    var doneResult: [UInt8]?
    var failedResult: [UInt8]?

    /// The folders that hold the request.
    var requests: Int { [incoming, processing, done, failed].count { $0 } }
}

/// The disk.
struct ModelDisk: Hashable {
    /// A folder that is synced on its own.
    enum Folder: CaseIterable {
        case incoming, processing, done, failed
    }

    /// What a running program sees.
    var now = ModelEntries()
    /// What a power cut cannot take back.
    private(set) var durable = ModelEntries()

    /// A disk on which everything is durable.
    init(_ entries: ModelEntries) { (now, durable) = (entries, entries) }

    /// fsync of a folder.
    mutating func sync(_ folder: Folder) { durable.copy(folder, from: now) }

    /// fsync of the box of an outcome.
    mutating func sync(_ box: Folder, and other: Folder) {
        sync(box)
        sync(other)
    }

    /// What a kill leaves: everything that was done. The page cache outlives the process, and what it holds is as good
    /// as durable only for another kill; a later power cut may still take it.
    var afterKill: ModelDisk { self }

    /// Everything that a power cut may leave.
    var afterPowerCut: Set<ModelDisk> {
        var images: Set<ModelEntries> = [durable]
        for entry in ModelEntries.all {
            images.formUnion(
                images.map { image in
                    var image = image
                    entry.copy(now, &image)
                    return image
                })
        }
        let isThere = now.requests > 0 && durable.requests > 0
        return Set(images.filter { $0.requests > 0 || !isThere }.map(ModelDisk.init))
    }
}

extension ModelEntries {
    /// One entry, as something that can be taken over from another image.
    struct Entry: Sendable {
        let folder: ModelDisk.Folder
        let copy: @Sendable (ModelEntries, inout ModelEntries) -> Void
    }

    /// Every entry.
    static let all: [Entry] = [
        entry(.incoming, \.incoming), entry(.processing, \.processing), entry(.done, \.done), entry(.failed, \.failed),
        entry(.done, \.doneResult), entry(.failed, \.failedResult),
    ]

    private static func entry<Value>(
        _ folder: ModelDisk.Folder, _ path: any WritableKeyPath<ModelEntries, Value> & Sendable
    ) -> Entry {
        Entry(folder: folder) { $1[keyPath: path] = $0[keyPath: path] }
    }

    mutating func copy(_ folder: ModelDisk.Folder, from other: ModelEntries) {
        for entry in ModelEntries.all where entry.folder == folder { entry.copy(other, &self) }
    }
}
