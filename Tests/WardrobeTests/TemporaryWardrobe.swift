// A wardrobe on the real disk that is gone when the test is.

import Contract
import Linux

@testable import Wardrobe

/// A folder `wardrobe_photos` in a temporary folder of its own, with one user in it.
final class TemporaryWardrobe: Sendable {
    let base: String
    let parent: Directory
    let root: Directory
    let user: UserID
    let folder: Directory

    init(user name: String = "peichin", under place: String? = nil) throws {
        let place = place ?? Host.environment["TMPDIR"] ?? "/tmp"
        base = "\(place)/wardrobe-test-\(Random.hex(bytes: 8))"
        try Host.makeDirectories(base, mode: 0o755)
        parent = try Directory(path: base)
        root = try parent.directory("wardrobe_photos", createMode: 0o755)
        user = UserID(name)!
        folder = try root.directory(FileName(name), createMode: 0o755)
    }

    deinit {
        do {
            try Self.clear(parent)
            let (above, name) = (base.split(separator: "/").dropLast(), base.split(separator: "/").last!)
            try Directory(path: "/" + above.joined(separator: "/")).removeDirectory(FileName(String(name)))
        } catch {
            print("\(base) could not be removed: \(error)")
        }
    }

    private static func clear(_ folder: Directory) throws {
        for name in try folder.names() {
            if try folder.info(of: name).kind == .directory {
                let inner = try folder.directory(name)
                try inner.setMode(0o755)
                try clear(inner)
                try folder.removeDirectory(name)
            } else {
                try folder.unlink(name)
            }
        }
    }

    var path: String { "\(base)/wardrobe_photos" }

    /// A wardrobe on this folder whose waits are real but a fifth as long.
    func wardrobe(exchanges: Bool = true, reached: @escaping @Sendable (RewriteStep) -> Void = { _ in })
        -> LocalWardrobe
    {
        let pace = Pace(
            now: { Timestamp(nanoseconds: 1_800_000_000_000_000_000) }, pause: { await Pace.real.pause($0 / 5) },
            chance: { 0.5 })
        return LocalWardrobe(
            root: path, pool: BlockingPool(threads: 4), pace: pace, exchanges: exchanges, reached: reached)
    }

    /// Writes a file beneath the user's folder, in place.
    func write(_ text: String, to name: FileName) throws { try Self.write(Array(text.utf8), to: name, in: folder) }

    static func write(_ bytes: [UInt8], to name: FileName, in folder: Directory) throws {
        let file = try folder.open(name, .readWrite, mode: 0o644)
        try file.setSize(0)
        try file.write(all: bytes)
    }

    func read(_ name: FileName) throws -> String {
        String(decoding: try folder.open(name, .read).read(limit: 1 << 26), as: UTF8.self)
    }

    /// What the user's folder holds, scratch folder's content included.
    func names() throws -> [String] {
        let scratch = try folder.infoIfPresent(of: ".vizd") == nil ? [] : try folder.directory(".vizd").names()
        return try folder.names().map(\.description) + scratch.map { ".vizd/\($0)" }
    }

    /// A record of outfits without garments.
    static func record(_ outfits: [String]) -> String {
        let saved = outfits.map { "    {\n      \"id\": \"\($0)\",\n      \"keep\": 1e3\n    }" }.joined(
            separator: ",\n")
        return "{\n  \"saved\": [\n\(saved)\n  ],\n  \"last_updated\": \"then\"\n}\n"
    }
}

func update(_ outfit: String, job: String, view: String? = nil, at nanoseconds: Int64 = 0) -> RecordUpdate {
    RecordUpdate(
        outfit: OutfitID(outfit)!,
        visualizations: [
            Visualization(
                url: "u/\(job)", view: view, provider: "Flat lay", jobID: job,
                createdAt: Timestamp(nanoseconds: nanoseconds))
        ])
}

func change(_ outfit: String, job: String, view: String? = nil, at nanoseconds: Int64 = 0) -> RecordChange {
    .pictures(update(outfit, job: job, view: view, at: nanoseconds))
}

extension RecordEditor {
    /// Puts pictures into a record.
    static func apply(_ updates: [RecordUpdate], to bytes: [UInt8], now: Timestamp) throws(RecordFault) -> EditedRecord
    {
        try apply(updates.map { .pictures($0) }, to: bytes, now: now)
    }
}

/// The job ids in the history of an outfit, newest first.
func jobs(of outfit: String, in text: String) throws -> [String] {
    let record = try RecordText(Array(text.utf8))
    guard let (_, object) = SavedOutfits(record).find(OutfitID(outfit)!) else { return [] }
    let list = record.value("visualizations", of: object).map { record.elements(of: $0) } ?? []
    return list.compactMap { record.string("job_id", of: $0) }
}
