// Removals from a record and changes of a profile, byte for byte, and how both are made again.

import Contract
import Testing

@testable import Wardrobe

@Suite("taking pictures out of a record")
struct RemovalEditorTests {
    private let now = Timestamp(nanoseconds: 3)
    private let outfit = OutfitID("o")!

    private func edit(_ text: String, _ changes: RecordChange...) throws -> (text: String?, edited: EditedRecord) {
        let edited = try RecordEditor.apply(changes, to: Array(text.utf8), now: now)
        return (edited.bytes.map { String(decoding: $0, as: UTF8.self) }, edited)
    }

    private var removal: RecordChange { .removal(outfit, over: nil) }

    @Test("the three members go with their commas, wherever they stand, and every other byte stays")
    func positions() throws {
        let members = [
            #""visualization_url" : "u""#, #""visualization_updated_at":null"#, #""visualizations": [ {"n":1e3} ]"#,
        ]
        let cases = [
            (#"{ \#(members[0]) , \#(members[1]),\#(members[2]) , "id":"o" }"#, #"{ "id":"o" }"#),
            (#"{"id":"o" , \#(members[0]),  "k":-0, \#(members[2])}"#, #"{"id":"o",  "k":-0}"#),
            ("{\n\t\"id\":\"o\",\n\t\(members[0]),\n\t\(members[1]),\n\t\(members[2])\n}", "{\n\t\"id\":\"o\"\n}"),
            (#"{\#(members[1]),"id":"o",\#(members[2]),"é":"\ud800" }"#, #"{"id":"o","é":"\ud800" }"#),
            (#"{"id":"o",\#(members[0]),\#(members[0])}"#, #"{"id":"o"}"#),
            (#"{"visualiz\u0061tions":7,"id":"o"}"#, #"{"id":"o"}"#),
        ]
        let other = #"{"id":"p","visualizations":[1]}"#
        for (before, after) in cases {
            let whole = { (outfit: String, time: String) in
                #"{"saved":[\#(other), \#(outfit)] ,"last_updated":\#(time),"z":1.10}"#
            }
            let (text, edited) = try edit(whole(before, "\"then\""), removal)
            #expect(text == whole(after, "\"\(now.rfc3339)\""))
            #expect(edited.outcomes == [.recorded])
            #expect(try edit(whole(after, "\"then\""), removal).text == nil, "a second removal changes nothing")
        }
    }

    @Test("an outfit that is not there is told, and a record that is none is in the way")
    func refused() throws {
        #expect(try edit(#"{"saved":[{"id":"p"}]}"#, removal).edited.outcomes == [.outfitNotFound])
        #expect(try edit(#"{}"#, removal).edited.outcomes == [.outfitNotFound])
        #expect(try edit("[]", removal).edited.outcomes == [.inTheWay("the file is not a JSON object")])
    }

    @Test("changes of one outfit count in their order, and a removal makes room for what was in the way")
    func order() throws {
        let before = #"{"saved":[{"id":"o","visualizations":[{"job_id":"old"}]}]}"#
        let after = try #require(try edit(before, change("o", job: "a"), removal, change("o", job: "b")).text)
        #expect(try jobs(of: "o", in: after) == ["b"])
        let gone = try edit(before, change("o", job: "a"), change("o", job: "b"), removal)
        #expect(gone.text?.contains("visual") == false && gone.edited.outcomes == [.recorded, .recorded, .recorded])
        let blocked = try edit(
            #"{"saved":[{"id":"o","visualizations":7}]}"#, change("o", job: "a"), removal, change("o", job: "b"))
        #expect(
            blocked.edited.outcomes == [
                .inTheWay("saved[0].visualizations is not an array"), .recorded, .recorded,
            ])
        #expect(try jobs(of: "o", in: try #require(blocked.text)) == ["b"])
    }

    @Test("a removal is made again over the text that it removed, and over no other")
    func again() throws {
        let before = #"{"saved":[{"id":"o","visualization_url":"u"}]}"#
        let change = try #require(try edit(before, removal).edited.again[0])
        #expect(try edit(before, change).text?.contains("visual") == false)
        #expect(try edit(#"{"saved":[{"id":"o","visualization_url":"another"}]}"#, change).text == nil)
        #expect(try edit(#"{"saved":[{"id":"o","visualization_url":"u","visualizations":[]}]}"#, change).text == nil)
        #expect(try edit(#"{"saved":[{"id":"o"}]}"#, removal).edited.again[0]?.isIdle == true)
    }

    @Test("what is looked after: a removal takes the place of what it removed, a later picture stands beside it")
    func recent() throws {
        var recent = RecentChanges<Int>()
        let texts = MemberTexts(missing: RecordEditor.members)
        let again = RecordChange.removal(outfit, over: [texts])
        recent.wrote([change("o", job: "a"), change("p", job: "b")], changed: true, leaving: 1)
        recent.wrote([again], changed: true, leaving: 2)
        #expect(recent.changes == [change("p", job: "b"), again])
        recent.wrote([change("o", job: "c")], changed: true, leaving: 3)
        #expect(recent.changes == [change("p", job: "b"), again, change("o", job: "c")])
        recent.wrote([.removal(outfit, over: [])], changed: false, leaving: 3)
        #expect(recent.changes == [change("p", job: "b"), again])
        for _ in 0..<6 { recent.looked() }
        #expect(recent.isEmpty)
        recent.wrote([.descriptor("a", over: [texts])], changed: true, leaving: 4)
        let other = try MemberTexts(["k"], of: 0..<7, in: RecordText(Array(#"{"k":1}"#.utf8)))
        recent.wrote([.descriptor(nil, over: [other])], changed: true, leaving: 5)
        #expect(recent.changes == [.descriptor(nil, over: [texts, other])])
    }
}

@Suite("changing a profile")
struct ProfileEditorTests {
    private func edit(_ text: String?, _ changes: RecordChange...) throws -> String? {
        let edited = try ProfileEditor.apply(changes, to: text.map { Array($0.utf8) })
        #expect(edited.outcomes == changes.map { _ in .recorded })
        return edited.bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    private func set(_ text: String?) -> RecordChange { .descriptor(text, over: nil) }

    @Test("the description is set where it stands, comes last where it is missing, and goes with its comma")
    func positions() throws {
        let before = "{\n  \"style_words\": [\"a\" , 1e3],\n  \"model_descriptor\": \"old\",\n  \"k\": \"\\ud800\"\n}\n"
        #expect(try edit(before, set("new \"one\"")) == before.replacing("\"old\"", with: "\"new \\\"one\\\"\""))
        #expect(try edit(before, set("old")) == nil)
        let without = "{\n  \"style_words\": [\"a\" , 1e3],\n  \"k\": \"\\ud800\"\n}\n"
        #expect(try edit(before, set(nil)) == without)
        #expect(try edit(without, set(nil)) == nil)
        #expect(
            try edit(without, set("x"))
                == "{\n  \"style_words\": [\"a\" , 1e3],\n  \"k\": \"\\ud800\",\n  \"model_descriptor\": \"x\"\n}\n")
        #expect(try edit(#" { "model_descriptor" : "x" } "#, set(nil)) == " {} ")
        #expect(try edit(#"{"model_descriptor":7,"k":1,"model_descriptor":"x"}"#, set(nil)) == #"{"k":1}"#)
    }

    @Test("a profile that is not there is made, unless there is nothing to say")
    func fresh() throws {
        #expect(try edit(nil, set("tall")) == "{\n  \"model_descriptor\": \"tall\"\n}\n")
        #expect(try edit(nil, set("tall"), set(nil)) == nil)
        #expect(try edit(nil, set(nil)) == nil)
    }

    @Test("of several changes the last counts, and one that is made again only over what it was made over")
    func order() throws {
        let before = #"{"model_descriptor":"old"}"#
        #expect(try edit(before, set("a"), set("b")) == #"{"model_descriptor":"b"}"#)
        let edited = try ProfileEditor.apply([set("a")], to: Array(before.utf8))
        let again = try #require(edited.again[0])
        #expect(try edit(before, again) == #"{"model_descriptor":"a"}"#)
        #expect(try edit(#"{"model_descriptor":"theirs"}"#, again) == nil)
        #expect(try edit(nil, again) == nil)
    }

    @Test("a profile that is no object is told and left alone")
    func inTheWay() throws {
        let edited = try ProfileEditor.apply([set("a")], to: Array("[1]".utf8))
        #expect(edited.bytes == nil && edited.outcomes == [.inTheWay("the file is not a JSON object")])
        #expect(throws: RecordFault.self) { try ProfileEditor.apply([set("a")], to: Array("{".utf8)) }
    }
}

@Suite("pages of a bucket's listing")
struct S3ListingTests {
    private func page(_ inside: String) -> S3Page? {
        S3Page("<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"x\">\(inside)</ListBucketResult>")
    }

    @Test("keys are read with their references resolved, and the next page where there is one")
    func pages() {
        let key = { (text: String) in "<Contents><Key>\(text)</Key><Size>1</Size></Contents>" }
        let last = page(
            "<IsTruncated>false</IsTruncated>" + key("a &amp;&#x41;&#66;&lt;&quot;&apos;&gt; &x; &") + key("é"))
        #expect(last?.keys.map(\.text) == ["a &AB<\"'> &x; &", "é"] && last?.next == nil)
        let first = page(
            key("a") + "<NextContinuationToken>t&amp;1</NextContinuationToken><IsTruncated>true</IsTruncated>")
        #expect(first?.keys.map(\.text) == ["a"] && first?.next == "t&1")
        #expect(page("")?.keys == [])
    }

    @Test("what is no listing, or says that there is more and not where, is none")
    func broken() {
        #expect(S3Page("") == nil && S3Page("<ListBucketResult>") == nil && S3Page("<html></html>") == nil)
        #expect(page("<IsTruncated>true</IsTruncated>") == nil)
        #expect(page("<Contents><Key></Key></Contents>") == nil)
    }
}
