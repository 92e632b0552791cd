// `vizd gallery` with real image workers and as a program.

import Contract
import Digest
import Foundation
import Imaging
import Linux
import Spool
import TestSupport
import Testing

@testable import vizd

@Suite("The gallery's thumbnails")
struct GalleryThumbnailTests {
    /// A folder as wardrobe, with a picture in it.
    private final class Closet: Sendable {
        let path = "/tmp/vizd-closet-\(Random.hex(bytes: 8))"
        let workers: ImageWorkers

        init() throws {
            try Host.makeDirectories(path + "/peichin/items/visualizations")
            workers = try ImageWorkers(executable: BuiltProducts.path(of: "vizd-image"), workers: 2)
        }

        deinit {
            do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record("\(error)") }
        }

        var folder: Directory { get throws { try Directory(path: path + "/peichin/items/visualizations") } }

        func put(_ bytes: [UInt8], _ name: String) throws -> GalleryEntry {
            try folder.publish(bytes, as: FileName(name), temporary: ".t", durable: false)
            return entry(name, sha256: SHA256.of(bytes).hex)
        }

        /// Says that the file was written so many seconds after the year 2001 began.
        func age(_ name: String, _ seconds: Int64) throws {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceReferenceDate: Double(seconds))],
                ofItemAtPath: path + "/peichin/items/visualizations/\(name)")
        }

        func entry(_ name: String, sha256: String = String(repeating: "0", count: 64)) -> GalleryEntry {
            var result = Sample.complete(name, path: "\(path)/peichin/items/visualizations/\(name)")
            guard case .complete(var picture, _) = result.outcome else { preconditionFailure("it is complete") }
            picture.image.sha256 = sha256
            result.outcome = .complete(picture: picture, views: [])
            return GalleryEntry.entries(result)[0]
        }

        func thumbnails(_ entries: [GalleryEntry], limit: Int = 50 << 20, budget: Int = 24 << 20) async throws
            -> [GalleryThumbnail]
        {
            let maker = GalleryThumbnails(
                root: try Directory(path: path), workers: workers, limit: limit, budget: budget)
            return await maker.adorn(entries).compactMap { entry in
                if case .picture(let picture) = entry.face { picture.thumbnail } else { nil }
            }
        }
    }

    private func example(_ name: String) throws -> [UInt8] {
        try Host.readFile("\(Repository.root)/Examples/wardrobe_photos/peichin/items/\(name)", limit: 1 << 24)
    }

    private func reason(_ thumbnail: GalleryThumbnail?) -> String {
        if case .none(let why)? = thumbnail { why } else { "" }
    }

    @Test("a picture that is still the job's has a small JPEG; what cannot have one says why")
    func real() async throws {
        let closet = try Closet()
        let good = try closet.put(try example("teal-silk-shirt.jpg"), "good.jpg")
        let again = try closet.put(try example("hiking-boots.webp"), "again.jpg")
        let broken = try closet.put([0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 1, 2, 3], "broken.jpg")
        let replaced = try closet.put([1], "replaced.jpg")
        _ = try closet.put([2], "replaced.jpg")
        try closet.folder.symlink("link.jpg", to: "/etc/passwd")
        try closet.folder.makeFIFO("pipe.jpg")
        var (bucket, outside) = (good, good)
        if case .picture(var picture) = good.face {
            picture.path = nil
            bucket.face = .picture(picture)
            picture.path = "/etc/passwd"
            outside.face = .picture(picture)
        }
        let found = try await closet.thumbnails([
            good, again, broken, replaced, closet.entry("gone.jpg"), closet.entry("link.jpg"),
            closet.entry("pipe.jpg"), bucket, outside,
        ])
        for thumbnail in found.prefix(2) {
            guard case .jpeg(let bytes, let width, let height) = thumbnail else {
                Issue.record("\(thumbnail)")
                continue
            }
            #expect(bytes.starts(with: [0xFF, 0xD8]) && max(width, height) <= GalleryThumbnails.edge)
            #expect(bytes.count < 200_000)
        }
        let reasons = found.dropFirst(2).map(reason)
        for (reason, words) in zip(
            reasons, ["", "another picture", "not there", "", "no file", "bucket", "outside"])
        {
            #expect(!reason.isEmpty && (words.isEmpty || reason.contains(words)), "\(reason)")
        }
        await closet.workers.shutdown()
    }

    @Test("a film has the picture that it was made of: the one beside it, as long as that is older than the film")
    func films() async throws {
        let closet = try Closet()
        let still = try example("teal-silk-shirt.jpg")
        let order: [(name: String, film: Int64, still: Int64?)] = [
            ("whole", 2, 1), ("newer", 1, 2), ("alone", 1, nil), ("other", 2, 1), ("pipe", 2, nil), ("odd", 2, 1),
        ]
        var films: [GalleryEntry] = []
        for (name, film, picture) in order {
            let file = name == "odd" ? "odd.mov" : "\(name).mp4"
            var entry = try closet.put(Array("a film".utf8), file)
            try closet.age(file, film)
            if let picture {
                _ = try closet.put(still, "\(name).jpg")
                try closet.age("\(name).jpg", picture)
            }
            guard case .picture(var made) = entry.face else { continue }
            (made.film, made.size) = (5, name == "other" ? 7 : 6)
            entry.face = .picture(made)
            films.append(entry)
        }
        try closet.folder.makeFIFO("pipe.jpg")
        let found = try await closet.thumbnails(films)
        guard case .jpeg(let bytes, _, _)? = found.first else {
            Issue.record("\(found)")
            return
        }
        #expect(bytes.starts(with: [0xFF, 0xD8]))
        #expect(
            found.dropFirst().map(reason) == [
                "its picture was made anew since", "its picture is not there any more",
                "another film has its place by now", "its picture is no file", "a film",
            ])
        await closet.workers.shutdown()
    }

    @Test("a path with .. or a link in it leads out of the wardrobe for nobody")
    func beneath() async throws {
        let closet = try Closet()
        let secret = try closet.put(try example("mittens.jpg"), "secret.jpg")
        let inner = try Closet()
        try inner.folder.symlink("folder", to: FileName(closet.path))
        guard case .picture(let picture) = secret.face else { return }
        let ways = ["../../../../\(closet.path.dropFirst(5))", "folder"].map { way -> GalleryEntry in
            inner.entry("\(way)/peichin/items/visualizations/secret.jpg", sha256: picture.sha256)
        }
        let found = try await inner.thumbnails(ways)
        #expect(found.count == 2 && found.allSatisfy { !reason($0).isEmpty }, "\(found.map(reason))")
        await closet.workers.shutdown()
        await inner.workers.shutdown()
    }

    @Test("the page has a most: when it is full the rest has none; a picture over the limit is not read")
    func bounded() async throws {
        let closet = try Closet()
        let bytes = try example("teal-silk-shirt.jpg")
        let entries = try (0..<6).map { try closet.put(bytes, "p\($0).jpg") }
        guard case .jpeg(let one, _, _) = try await closet.thumbnails([entries[0]])[0] else { return }
        let found = try await closet.thumbnails(entries, budget: one.count * 2 + 10)
        #expect(found.map { reason($0) } == ["", ""] + [String](repeating: "the page is full", count: 4))
        #expect(reason(try await closet.thumbnails([entries[0]], limit: 100)[0]).contains("limits.imageBytes"))
        await closet.workers.shutdown()
    }
}

@Suite("The program's gallery")
struct GalleryProgramTests {
    private let spool: ScratchSpool

    init() throws { spool = try ScratchSpool() }

    private func run(_ arguments: String...) throws -> ProgramRun {
        try ProgramRun(
            ["gallery"] + arguments,
            environment: ["VIZD_SPOOL_DIR": spool.path, "VIZD_WARDROBE_ROOT": spool.path + "/wardrobe"])
    }

    @Test("it writes one page that others may not read, with thumbnails, and replaces it whole")
    func writes() throws {
        try Host.makeDirectories(spool.path + "/wardrobe")
        let example = "\(Repository.root)/Examples/wardrobe_photos/peichin/items/mittens.jpg"
        let bytes = try Host.readFile(example, limit: 1 << 24)
        try Directory(path: spool.path + "/wardrobe").publish(bytes, as: "m.jpg", temporary: ".t", durable: false)
        var result = Sample.complete("a", path: spool.path + "/wardrobe/m.jpg")
        guard case .complete(var picture, _) = result.outcome else { return }
        picture.image.sha256 = SHA256.of(bytes).hex
        result.outcome = .complete(picture: picture, views: [])
        try spool.write(result.encode(), "a.result.json", in: .done)
        let out = spool.path + "/page.html"
        let first = try run("--out", out)
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.output.hasPrefix("\(out): 1 picture, 1 with a thumbnail, 0 failed; "))
        let folder = try Directory(path: spool.path)
        #expect(try folder.info(of: "page.html").mode & 0o137 == 0)
        let page = String(decoding: try Host.readFile(out, limit: 1 << 24), as: UTF8.self)
        #expect(page.hasPrefix("<!doctype html>\n<html") && page.hasSuffix("</html>\n"))
        #expect(page.contains("data:image/jpeg;base64,/9j/") && page.contains("Flat lay"))

        // A link of that name is replaced, not written through.
        try folder.unlink("page.html")
        try folder.publish([0x78], as: "mine", temporary: ".t", durable: false)
        try folder.symlink("page.html", to: "mine")
        #expect(try run("--out", out, "--user", "nobody").output.contains("0 pictures"))
        #expect(
            try folder.info(of: "page.html").kind == .regular && Host.readFile(spool.path + "/mine", limit: 9) == [0x78]
        )
        #expect(try folder.names().allSatisfy { !$0.description.hasPrefix(".vizd-gallery") })
    }

    @Test("wrong options are 64, a page or a spool that cannot be is 73")
    func exits() throws {
        for arguments in [["--limit", "0"], ["--since", "soon"], ["--state", "lost"], ["--out", "x/"]] {
            let run = try ProgramRun(["gallery"] + arguments, environment: ["VIZD_SPOOL_DIR": spool.path])
            #expect(run.status == 64, "\(arguments)")
        }
        let nowhere = try run("--out", "/nowhere/x.html")
        #expect(nowhere.status == 73 && nowhere.errors.contains("--out"))
        let folder = try run("--out", spool.path + "/done")
        #expect(folder.status == 73 && folder.errors.contains("a folder has this name"))
        #expect(try ProgramRun(["gallery"], environment: ["VIZD_SPOOL_DIR": "/nowhere"]).status == 73)
    }
}
