// `vizd gallery` as values: what becomes a card, that no text of a stranger becomes markup, that the page's policy
// admits what is ours and nothing else. What a browser makes of it is seen to by scripts/gallery-look.

import Contract
import Digest
import Foundation
import Linux
import Spool
import Testing

@testable import vizd

private let strange = [
    "<script>x</script>", "\"><img src=x onerror=y>", "' onload='z", "</style>", "</title>", "<!--", "-->", "]]>",
    "&lt;", "&#0;", "javascript:x", "\u{0}\u{7}\u{1B}[2J", "\u{202E}fdp", "漂亮👗", "\u{FFFE}", "a\u{200D}b",
    "]]<plaintext>",
]

private func entry(_ text: String, _ face: GalleryEntry.Face? = nil) -> GalleryEntry {
    let picture = GalleryPicture(
        path: text, url: text, provider: text, model: text, ratio: text, seed: 7, prompt: text, references: 3,
        reused: true, width: 1080, height: 1440, size: 9, sha256: text, film: nil, thumbnail: .none(text))
    return GalleryEntry(
        face: face ?? .picture(picture), job: text, user: text, outfit: text, view: text,
        cost: ResultDocument.Cost(credits: 8, usd: 0.08), shares: 2, took: 1.5, finished: Sample.now)
}

private func page(_ entries: [GalleryEntry], notes: [String] = [], filter: GalleryFilter = GalleryFilter()) -> String {
    let page = GalleryPage(
        collection: GalleryCollection(entries: entries, notes: notes), filter: filter, made: Sample.now,
        version: "0.1.0")
    return String(decoding: page.bytes, as: UTF8.self)
}

/// What a page is made of: every tag with the names of its attributes, in order, without styles and scripts.
private func skeleton(_ page: String) -> [String] {
    let markup = page.replacing(/<style>[\s\S]*?<\/style>|<script>[\s\S]*?<\/script>/, with: "")
    return markup.matches(of: /<([^<>]*)>/).map { match in
        String(match.1).replacing(/="[^"]*"/, with: "")
    }
}

@Suite("The gallery's page")
struct GalleryPageTests {
    @Test("a text of a stranger changes no tag and no attribute, wherever it comes from")
    func noMarkup() {
        let failure = { (text: String) in GalleryEntry.Face.failure(code: text, message: text, stage: text) }
        let whole = { (text: String) -> [String] in
            var filter = GalleryFilter()
            filter.user = text
            return skeleton(
                page([entry(text), entry(text, failure(text))], notes: [text], filter: filter))
        }
        // One that is a path has a link, as "a" has none.
        let plain = whole("a")
        #expect(plain.count > 100)
        for text in strange { #expect(whole(text) == plain, "\(text)") }
    }

    @Test("texts are escaped, control characters and what turns the direction of others are made visible")
    func escaping() {
        func escaped(_ text: String) -> String {
            var bytes: [UInt8] = []
            HTML.escape(text, to: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
        #expect(escaped("<a href=\"x\">'&</a>\n\t") == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&lt;/a&gt;\n\t")
        #expect(
            escaped("\u{0}\u{1B}\u{7F}\u{85}\u{202E}\u{2066}\u{FFFE}\r")
                == #"\u{0}\u{1B}\u{7F}\u{85}\u{202E}\u{2066}\u{FFFE}\u{D}"#)
        #expect(escaped("漂亮👗 می‌خواهم") == "漂亮👗 می‌خواهم")
        let link = HTML.element("a", [.href(WebLink(web: "https://h/?a=1&b='2'")!)], "x")
        #expect(String(decoding: link.bytes, as: UTF8.self) == #"<a href="https://h/?a=1&amp;b=%272%27">x</a>"#)
        let image = HTML.element("img", [.source(jpeg: [1, 2]), HTMLAttribute("alt", "\"")])
        #expect(
            String(decoding: image.bytes, as: UTF8.self) == #"<img src="data:image/jpeg;base64,AQI=" alt="&quot;">"#)
    }

    @Test("only what can be followed without running anything is a link")
    func links() {
        for (text, address) in [
            ("https://b.s3.eu.amazonaws.com/u/o%2B1.jpg", "https://b.s3.eu.amazonaws.com/u/o%2B1.jpg"),
            ("HTTPS://h/ä \"x", "https://h/%C3%A4%20%22x"), ("http://127.0.0.1:80/x", "http://127.0.0.1:80/x"),
        ] {
            #expect(WebLink(web: text)?.address == address)
        }
        for text in [
            "javascript:alert(1)", "data:text/html,x", " https://h", "https:///x", "https://", "file:///etc/passwd",
            "wardrobe_photos/u/x.jpg", "", "vbscript:x", "https:x", "blob:https://h",
        ] {
            #expect(WebLink(web: text) == nil, "\(text)")
        }
        #expect(WebLink(file: "/srv/a b/漂?#%.jpg")?.address == "file:///srv/a%20b/%E6%BC%82%3F%23%25.jpg")
        #expect(WebLink(file: "srv/x") == nil && WebLink(file: "") == nil)
    }

    @Test("the policy admits the page's script and style by their hashes, pictures within the page, and nothing else")
    func policy() throws {
        let text = page([entry("a")])
        let content = try #require(
            text.firstMatch(of: /http-equiv="Content-Security-Policy" content="([^"]*)"/).map { String($0.1) }
        ).replacing("&#39;", with: "'")
        func hash(_ tag: String) throws -> String {
            let parts = text.components(separatedBy: "<\(tag)>")
            #expect(parts.count == 2, "one \(tag), ours")
            let inside = try #require(parts.last?.components(separatedBy: "</\(tag)>").first)
            return SHA256.of(Array(inside.utf8)).base64
        }
        #expect(
            content == "default-src 'none'; img-src data:; style-src 'sha256-\(try hash("style"))'; "
                + "script-src 'sha256-\(try hash("script"))'; base-uri 'none'; form-action 'none'")
        // It stands before anything that it judges.
        let place = try #require(text.range(of: "Content-Security-Policy"))
        #expect(place.lowerBound < text.range(of: "<style>")!.lowerBound)
    }

    @Test("the script makes no markup out of text, and neither it nor the style has an address")
    func scriptIsTame() {
        let script = "\(GalleryScript.text)", style = "\(GalleryStyle.text)"
        for word in [
            "innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "fetch", "http",
        ] {
            #expect(!script.contains(word), "\(word)")
        }
        for word in ["url(", "@import", "http", "<"] { #expect(!style.contains(word), "\(word)") }
        #expect(!script.contains("</"))
    }

    @Test("a card tells prompt, provider, cost, time and where the picture is; one that failed its code and message")
    func card() {
        var one = entry("a")
        (one.user, one.outfit, one.view) = ("peichin", "Sunday market", nil)
        if case .picture(var picture) = one.face {
            (picture.path, picture.prompt, picture.provider) = ("/srv/o 1.jpg", "a shirt & a hat", "Runway ML")
            picture.thumbnail = .jpeg([0xFF, 0xD8], width: 420, height: 560)
            one.face = .picture(picture)
        }
        let text = page([one, entry("b", .failure(code: "moderation", message: "It was refused.", stage: "generate"))])
        for words in [
            "a shirt &amp; a hat", "Runway ML", "$0.08 (8 credits) for all 2 views", "2026-11-24 02:18 UTC",
            #"href="file:///srv/o%201.jpg""#, #"rel="noopener noreferrer""#, "data:image/jpeg;base64,/9g=",
            #"alt="The outfit Sunday market of peichin, made by Runway ML""#, #"width="420" height="560""#,
            "moderation",
            "It was refused.", "<b>1</b> picture</li>", "<b>1</b> failed</li>", "<b>$0.16</b> spent",
            #"<option value="=peichin">"#, #"<html lang="en""#,
        ] {
            #expect(text.contains(words), "\(words)")
        }
    }

    @Test("an empty gallery says how to fill it, or that nothing is what was asked for")
    func empty() {
        #expect(page([]).contains("vizd submit --user USER") && !page([]).contains("spent on them"))
        #expect(page([], filter: GalleryFilter(user: "u")).contains("Nothing in the spool is what was asked for"))
        let asked = page([], filter: GalleryFilter(user: "u", state: .failed, since: Sample.now.nanoseconds))
        #expect(asked.contains("The latest results of u that failed since 2026-11-24 02:18 UTC, as of"))
    }
}

@Suite("The gallery's cards")
struct GalleryEntryTests {
    @Test("a picture is a card, each view is one with the cost told once, a view that failed is one too")
    func views() {
        var result = Sample.complete("a", cost: .init(credits: 16, usd: 0.16))
        #expect(GalleryEntry.entries(result).map(\.shares) == [1])
        guard case .complete(let picture, _) = result.outcome else { return }
        result.outcome = .complete(
            picture: picture,
            views: [.init(name: "street", picture: picture), .init(name: "studio", picture: picture)])
        result.failedViews = [
            .init(name: "night", failure: .init(code: .moderation, message: "No.", stage: .generate))
        ]
        let cards = GalleryEntry.entries(result)
        #expect(cards.map(\.view) == ["street", "studio", "night"] && cards.map(\.shares) == [2, 2, 0])
        #expect(cards.map(\.isComplete) == [true, true, false])
        #expect(page(cards).contains("<b>$0.16</b> spent"))
    }

    @Test("a batch, a delete and a profile are no cards; a film is one that says so; problems are in the message")
    func others() {
        var result = Sample.complete("a")
        guard case .complete(var picture, _) = result.outcome else { return }
        picture.image.contentType = "video/mp4"
        picture.image.duration = 5
        result.outcome = .complete(picture: picture, views: [])
        guard case .picture(let film)? = GalleryEntry.entries(result).first?.face else { return }
        #expect(film.film == 5)
        var moving = film
        for thumbnail in [GalleryThumbnail.none("a film"), .jpeg([0xFF, 0xD8], width: 3, height: 4)] {
            moving.thumbnail = thumbnail
            var entry = GalleryEntry.entries(result)[0]
            entry.face = .picture(moving)
            let html = page([entry])
            #expect(html.contains("<bdi>film 5 s</bdi>") && html.contains("Open the film"))
            #expect(html.contains("r=\"27\""), "the tile does not look like a film's")
        }
        for outcome: ResultDocument.Outcome in [
            .batch(.init(members: [])), .removed(["x"]), .profile(modelDescriptor: nil),
        ] {
            result.outcome = outcome
            #expect(GalleryEntry.entries(result).isEmpty)
        }
        var failure = ResultDocument.Failure(code: .invalidRequest, message: "It has problems.", stage: nil)
        failure.details = [Problem(path: "ratio", message: "is none")]
        let cards = GalleryEntry.entries(Sample.failed("f", failure))
        #expect(
            cards.first?.face
                == .failure(code: "invalid_request", message: "It has problems.\nratio: is none", stage: nil))
        failure.batch = .init(members: [])
        #expect(GalleryEntry.entries(Sample.failed("f", failure)).isEmpty)
    }

    @Test("the time of --since is a span, a day or a moment")
    func since() {
        let hour: Int64 = 3_600_000_000_000
        #expect(SinceArgument(argument: "12h") == .ago(12 * hour) && SinceArgument(argument: "7d") == .ago(168 * hour))
        #expect(
            SinceArgument(argument: "2026-11-24") == .moment(Timestamp(rfc3339: "2026-11-24T00:00:00Z")!.nanoseconds))
        #expect(SinceArgument(argument: "2026-11-24T03:18:03.123+01:00") == .moment(Sample.now.nanoseconds))
        for text in ["yesterday", "2026-13-01", "d", "-1d", "", "1000000d", "12 h"] {
            #expect(SinceArgument(argument: text) == nil, "\(text)")
        }
        #expect(SinceArgument.ago(5).moment(before: 7) == 2 && SinceArgument.moment(5).moment(before: 7) == 5)
    }
}

@Suite("The gallery's collection")
struct GalleryCollectionTests {
    private let spool: ScratchSpool

    init() throws { spool = try ScratchSpool() }

    private func write(_ result: ResultDocument, in box: Box, at second: Int64) throws {
        let name = "\(result.jobID).result.json"
        try spool.write(result.encode(), name, in: box)
        try Directory(path: "\(spool.path)/\(box.rawValue)").open(FileName(name), .readWrite)
            .setModified(second * 1_000_000_000)
    }

    private func fill() throws {
        try write(Sample.complete("one"), in: .done, at: 100)
        var other = Sample.complete("two")
        other.userID = "amara"
        try write(other, in: .done, at: 300)
        let failure = ResultDocument.Failure(code: .moderation, message: "No.", stage: .generate)
        try write(Sample.failed("three", failure), in: .failed, at: 200)
        var errand = Sample.complete("four")
        errand.outcome = .removed([])
        try write(errand, in: .done, at: 400)
    }

    private func jobs(_ filter: GalleryFilter, readMost: Int = 5000) throws -> (jobs: [String], notes: [String]) {
        let collection = try GalleryCollection(of: spool.reader(), filter, readMost: readMost)
        return (collection.entries.map(\.job), collection.notes)
    }

    @Test("the latest are first; users, outcomes and times are chosen; what is left out is said")
    func chosen() throws {
        try fill()
        #expect(try jobs(GalleryFilter()).jobs == ["two", "three", "one"])
        #expect(try jobs(GalleryFilter()).notes.count == 1)
        #expect(try jobs(GalleryFilter(user: "peichin")).jobs == ["three", "one"])
        #expect(try jobs(GalleryFilter(state: .complete)).jobs == ["two", "one"])
        #expect(try jobs(GalleryFilter(state: .failed)).jobs == ["three"])
        #expect(try jobs(GalleryFilter(since: 200_000_000_000)).jobs == ["two", "three"])
        let limited = try jobs(GalleryFilter(limit: 2))
        #expect(limited.jobs == ["two", "three"] && limited.notes.contains { $0.contains("--limit") })
        let cut = try jobs(GalleryFilter(), readMost: 2)
        #expect(cut.jobs == ["two"] && cut.notes.contains { $0.contains("latest 2 results") })
    }

    @Test("what is no result does no harm; folders that are not there are said, and all of them are a failure")
    func strangers() throws {
        try fill()
        try spool.write(Array("{".utf8), "torn.result.json", in: .done)
        let done = try Directory(path: spool.path + "/done")
        try done.makeFIFO("pipe.result.json")
        try done.symlink("link.result.json", to: "/etc/passwd")
        let found = try jobs(GalleryFilter())
        #expect(found.jobs == ["two", "three", "one"] && found.notes.contains { $0.contains("cannot read") })
        let half = try ScratchSpool(boxes: [.done])
        let collection = try GalleryCollection(of: half.reader(), GalleryFilter())
        #expect(collection.notes.count == 1 && collection.notes[0].contains("failed/"))
        let none = try ScratchSpool(boxes: [.tmp])
        #expect(throws: SystemFailure.self) { _ = try GalleryCollection(of: none.reader(), GalleryFilter()) }
    }
}
