// What the pipeline writes into the journal for itself: read back as it was, and refused when another wrote it.

import Contract
import Digest
import Providers
import Testing
import Wardrobe

@testable import Pipeline

@Suite("Notes in the journal")
struct NotesTests {
    private static let texts = ["", "flatlay", "quote \" and \\ back", "line\nline", "emoji 👗", "e\u{301}", "\u{0}"]

    @Test("a plan comes back as it was written, whatever is in it")
    func plans() {
        for text in NotesTests.texts {
            for prompt in [nil, text] {
                for seed in [nil, 0, UInt32.max] {
                    for flag in [true, false] {
                        let plan = Plan(
                            provider: text, model: "m\(text)", size: PixelSize(width: 1, height: 99_999), seed: seed,
                            prompt: prompt, references: 40, usedDescriptor: flag, usedProfileDescriptor: !flag,
                            fingerprint: flag ? SHA256.of(Array(text.utf8)) : nil)
                        #expect(Plan(encoded: plan.encoded()) == plan)
                    }
                }
            }
        }
    }

    @Test("the place of a stored picture comes back as it was written")
    func places() {
        for url in NotesTests.texts {
            let note = StoredNote(url: url, path: "/srv/\(url)")
            #expect(StoredNote(encoded: note.encoded()) == note)
            let object = StoredNote(url: url, place: .object("s3://closet/\(url)"))
            #expect(StoredNote(encoded: object.encoded()) == object && object != note)
            var reused = note
            (reused.maker, reused.storedAt) = (url, Timestamp(nanoseconds: 1_795_521_600_123_456_789))
            #expect(StoredNote(encoded: reused.encoded()) == reused && reused != note)
        }
        let both = #"{"version":1,"url":"u","path":"/p","uri":"s3://b/k"}"#
        #expect(StoredNote(encoded: Array(both.utf8)) == nil)
    }

    @Test("a plan and a place know of a film, and plans from before there were films are of pictures")
    func films() throws {
        let plan = Plan(
            provider: "runway", model: "gen4_turbo", size: PixelSize(width: 832, height: 1104), seed: 7, prompt: "p",
            references: 1, usedDescriptor: false, usedProfileDescriptor: false, kind: .video, seconds: 5)
        let back = try #require(Plan(encoded: plan.encoded()))
        #expect(back == plan && back.kind == .video && back.seconds == 5)
        let text = String(decoding: NotesTests.plan.encoded(), as: UTF8.self)
        let old = text.replacing(#","kind":"image","seconds":null"#, with: "")
        #expect(old != text && Plan(encoded: Array(old.utf8)) == NotesTests.plan)
        let strange = text.replacing(#""kind":"image""#, with: #""kind":"opera""#)
        #expect(Plan(encoded: Array(strange.utf8)) == nil)
        let note = StoredNote(url: "u.mp4", place: .file("/u.mp4"), seconds: 5.042)
        #expect(StoredNote(encoded: note.encoded()) == note)
    }

    @Test("a note of another version is refused, not guessed at")
    func versions() {
        let plan = String(decoding: NotesTests.plan.encoded(), as: UTF8.self)
        let place = String(decoding: StoredNote(url: "u", path: "/p").encoded(), as: UTF8.self)
        #expect(plan.contains(#""version":1"#) && place.contains(#""version":1"#))
        for other in ["0", "2", "1.0", "\"1\"", "null"] {
            let swap = { (text: String) in Array(text.replacing(#""version":1"#, with: #""version":"# + other).utf8) }
            #expect(Plan(encoded: swap(plan)) == nil, "version \(other)")
            #expect(StoredNote(encoded: swap(place)) == nil, "version \(other)")
        }
    }

    @Test("a note without one of its parts, cut anywhere or of foreign bytes is refused")
    func foreign() {
        let bytes = NotesTests.plan.encoded()
        for length in 0..<bytes.count { #expect(Plan(encoded: Array(bytes.prefix(length))) == nil, "\(length) bytes") }
        let text = String(decoding: bytes, as: UTF8.self)
        let parts = [
            "provider", "model", "width", "height", "references", "used_descriptor", "used_profile_descriptor",
        ]
        for part in parts {
            let without = text.replacing("\"\(part)\":", with: "\"x_\(part)\":")
            #expect(without != text && Plan(encoded: Array(without.utf8)) == nil, "without \(part)")
        }
        for foreign in ["", "[]", "null", "1", "{}", "\u{FEFF}" + text, text + text] {
            #expect(Plan(encoded: Array(foreign.utf8)) == nil)
            #expect(StoredNote(encoded: Array(foreign.utf8)) == nil)
        }
        #expect(Plan(encoded: [0xFF, 0x00, 0xC3]) == nil)
        #expect(StoredNote(encoded: bytes) == nil && Plan(encoded: StoredNote(url: "u", path: "p").encoded()) == nil)
    }

    private static let plan = Plan(
        provider: "flatlay", model: "flatlay", size: PixelSize(width: 1080, height: 1440), seed: nil, prompt: nil,
        references: 3, usedDescriptor: false, usedProfileDescriptor: false)
}
