// Which names are requests, what they are called when they are not, and under which names they land.

import Linux
import Testing

@testable import Spool

@Suite("Names")
struct NameTests {
    @Test("a name is valid up to 200 bytes of UTF-8 and not beyond")
    func length() {
        #expect(JobName(String(repeating: "a", count: 200)) != nil)
        #expect(JobName(String(repeating: "a", count: 201)) == nil)
        #expect(JobName(String(repeating: "ü", count: 100)) != nil)
        #expect(JobName(String(repeating: "ü", count: 100) + "a") == nil)
        #expect(JobName("") == nil)
    }

    @Test("every rule of names is kept, one by one")
    func rules() {
        let wrong = [
            ".a", "a/b", "a\u{0}b", "a\nb", "\u{1B}[31m", "\u{7F}", "\u{85}", "\u{9F}", "a.result", "a.status",
            "a.cancel",
            "a.0001", ".result", "0.9999",
        ]
        for text in wrong { #expect(JobName(text) == nil, "\(FileName(text))") }
        for text in [
            "a", "-rf", " a ", "a.b", "a.123", "a.12345", "resultat", "a.results", "日本", "%0A", "a~b", "\u{A0}",
        ] {
            #expect(JobName(text)?.text == text)
        }
    }

    @Test("two names that only look the same are two jobs")
    func exact() throws {
        let (composed, decomposed) = (try job("caf\u{E9}"), try job("cafe\u{301}"))
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        #expect(composed.requestFile != decomposed.requestFile)
    }

    @Test("the names of a job's files")
    func files() throws {
        let name = try job("o-17")
        #expect(name.requestFile == "o-17.json")
        #expect(name.landing.resultFile == "o-17.result.json")
        #expect(name.landing.statusFile == "o-17.status.json")
        #expect(name.part(7).landing.resultFile == "o-17.0007.result.json")
        #expect(name.landing(digest: [0xDE, 0xAD, 0x0E, 0xEF, 0x11]).text == "o-17~dead0eef")
    }

    @Test("a part has its parent's name and a number, which no request can have; the longest fits with every ending")
    func parts() throws {
        let name = try job("o-17")
        #expect(name.part(7).text == "o-17.0007" && name.part(7).part(12).text == "o-17.0007.0012")
        #expect(name.part(7).parent == name && name.part(7).number == 7)
        #expect(name.parent == nil && name.number == nil)
        #expect(JobName("o-17.0007") == nil && JobName(job: "o-17.0007") == name.part(7))
        #expect(JobName(job: "a/b.0001") == nil && JobName(job: ".0001") == nil && JobName(job: "o-17") == name)
        let longest = try job(String(repeating: "a", count: 195)).part(500).part(8).part(1)
        let temporary = JobFiles.temporary(for: longest.landing.resultFile, tag: "00000000")
        #expect(temporary.bytes.count <= 255)
    }

    @Test("a landing name is a name that can be dropped again, however long the job's own is")
    func landingFits() throws {
        for text in [String(repeating: "a", count: 200), String(repeating: "ü", count: 100), "a.result~b"] {
            let landing = try job(text).landing(digest: [1, 2, 3, 4])
            #expect(landing.text.utf8.count <= 200)
            #expect(JobName(landing.text) != nil)
            #expect(landing.text.hasSuffix("~01020304"))
        }
    }

    @Test("producers' files are left alone")
    func ignored() {
        let cases: [(FileName, IgnoredName)] = [
            (".a.json", .hidden), (".json", .hidden), ("a.json.tmp", .unfinished), ("a.part", .unfinished),
            ("a.json~", .unfinished), ("a.txt", .foreign), ("a.JSON", .foreign), ("json", .foreign),
            ("a.cancel", .foreign),
        ]
        for (file, kind) in cases { #expect(NameClass(file) == .ignored(kind), "\(file)") }
    }

    @Test("a broken name has a fault and an escaped form")
    func invalid() {
        func invalid(_ bytes: [UInt8]) -> InvalidName? {
            guard case .invalid(let name) = NameClass(FileName(bytes: bytes)) else { return nil }
            return name
        }
        #expect(invalid(Array("a\nb.json".utf8))?.escaped == "a%0Ab")
        #expect(invalid(Array("a\nb.json".utf8))?.fault == .controlCharacter)
        #expect(invalid([0x61, 0xFF] + Array(".json".utf8))?.escaped == "a%FF")
        #expect(invalid([0x61, 0xFF] + Array(".json".utf8))?.fault == .notUTF8)
        #expect(invalid(Array("a.0001.json".utf8))?.fault == .reservedEnding)
        let long = invalid(Array(repeating: 0x61, count: 250) + Array(".json".utf8))
        #expect(long?.fault == .tooLong)
        #expect(long?.escaped.utf8.count == 100)
        // Cut between escapes, never inside one.
        let wide = invalid(Array(repeating: 0xFF, count: 250) + Array(".json".utf8))
        #expect(wide?.escaped == String(repeating: "%FF", count: 33))
        #expect(wide?.landing(digest: [0, 0, 0, 1]).text.hasSuffix("%FF~00000001") == true)
    }

    @Test("a claimed file is recognised by its name in processing, with its role")
    func roles() throws {
        let name = try job("a.b c")
        #expect(Claimed(found: "a.b c.json")?.role == .job(name))
        #expect(Claimed(found: ".again.1f.a.b c.json")?.role == .again(name))
        let invalid = Claimed(found: ".invalid.1f.notUTF8.a%FF.x.json")
        #expect(invalid?.role.id == "a%FF.x")
        #expect(invalid?.source == ".invalid.1f.notUTF8.a%FF.x.json")
        for file: FileName in [
            "a.status.json", ".a.status.json.vizd-00000000", ".again.zz.a.json", ".again.1f..json", "x",
        ] {
            #expect(Claimed(found: file) == nil, "\(file)")
        }
    }
}
