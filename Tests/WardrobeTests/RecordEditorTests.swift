// Records before and after an update, byte for byte, in the styles in which programs write them.

import Contract
import Testing

@testable import Wardrobe

@Suite("editing a record")
struct RecordEditorTests {
    private let now = Timestamp(rfc3339: "2026-11-24T02:00:00.000Z")!
    private let then = Timestamp(rfc3339: "2026-11-24T01:59:59.000Z")!

    private func picture(_ job: String, view: String? = nil, model: String? = nil) -> Visualization {
        Visualization(url: "w/\(job).jpg", view: view, provider: "Flat lay", model: model, jobID: job, createdAt: then)
    }

    private func edit(_ text: String, _ outfit: String = "o", _ pictures: Visualization...) throws -> String {
        let update = RecordUpdate(outfit: OutfitID(outfit)!, visualizations: pictures)
        let edited = try RecordEditor.apply([update], to: Array(text.utf8), now: now)
        #expect(edited.outcomes == [.recorded])
        return String(decoding: try #require(edited.bytes), as: UTF8.self)
    }

    /// The entry of job `j` in one line.
    private let entry =
        #"{"url": "w/j.jpg", "view": null, "provider": "Flat lay", "model": null, "job_id": "j", "#
        + #""created_at": "2026-11-24T01:59:59.000Z"}"#
    private var tight: String { entry.replacing(": ", with: ":").replacing(", ", with: ",") }

    @Test("in a file without white space nothing gets any")
    func compact() throws {
        let before = #"{"saved":[{"id":"o","n":1e3}],"last_updated":"x"}"#
        #expect(
            try edit(before, "o", picture("j"))
                == #"{"saved":[{"id":"o","n":1e3,"visualization_url":"w/j.jpg","#
                + #""visualization_updated_at":"2026-11-24T01:59:59.000Z","visualizations":["# + tight
                + #"]}],"last_updated":"2026-11-24T02:00:00.000Z"}"#)
    }

    @Test("in a file in one line with spaces, as Python writes it, new members have the spaces, too")
    func oneLine() throws {
        let before = #"{"saved": [{"id": "o"}]}"# + "\n"
        #expect(
            try edit(before, "o", picture("j"))
                == #"{"saved": [{"id": "o", "visualization_url": "w/j.jpg", "#
                + #""visualization_updated_at": "2026-11-24T01:59:59.000Z", "visualizations": ["# + entry
                + #"]}], "last_updated": "2026-11-24T02:00:00.000Z"}"# + "\n")
    }

    @Test("a film is an entry, and the outfit's picture stays the newest still")
    func films() throws {
        func film(_ job: String) -> Visualization {
            Visualization(url: "w/o.mp4", provider: "Runway ML", model: "m", jobID: job, createdAt: now)
        }
        let first = try edit(#"{"saved":[{"id":"o"}]}"#, "o", picture("j"))
        let second = try edit(first, "o", film("f"))
        #expect(
            second.contains(#""visualization_url":"w/j.jpg","visualization_updated_at":"2026-11-24T01:59:59.000Z""#))
        #expect(second.contains(#""visualizations":[{"url":"w/o.mp4""#) && second.contains(tight))
        // The still's job is done again, after a crash: the film before it is no later still.
        let again = try RecordEditor.apply(
            [RecordUpdate(outfit: OutfitID("o")!, visualizations: [picture("j")])], to: Array(second.utf8), now: now)
        #expect(again.bytes == nil && again.outcomes == [.recorded])
        let third = try edit(second, "o", picture("k"))
        #expect(third.contains(#""visualization_url":"w/k.jpg""#))
        let alone = try edit(#"{"saved":[{"id":"o"}]}"#, "o", film("f"))
        #expect(!alone.contains("visualization_url") && !alone.contains("visualization_updated_at"))
        #expect(alone.contains(#""job_id":"f""#))
    }

    private func pretty(_ unit: String, _ line: String) -> (before: String, after: String) {
        func lines(_ rows: [(Int, String)]) -> String {
            rows.map { String(repeating: unit, count: $0.0) + $0.1 }.joined(separator: line)
        }
        let head: [(Int, String)] = [(0, "{"), (1, "\"saved\": ["), (2, "{"), (3, "\"id\": \"o\",")]
        let before = lines(head + [(3, "\"n\": -0"), (2, "}"), (1, "]"), (0, "}")])
        let after = lines(
            head + [
                (3, "\"n\": -0,"), (3, "\"visualization_url\": \"w/j.jpg\","),
                (3, "\"visualization_updated_at\": \"2026-11-24T01:59:59.000Z\","), (3, "\"visualizations\": ["),
                (4, "{"), (5, "\"url\": \"w/j.jpg\","), (5, "\"view\": \"street\","),
                (5, "\"provider\": \"Flat lay\","), (5, "\"model\": \"m\","), (5, "\"job_id\": \"j\","),
                (5, "\"created_at\": \"2026-11-24T01:59:59.000Z\""), (4, "}"), (3, "]"), (2, "}"), (1, "],"),
                (1, "\"last_updated\": \"2026-11-24T02:00:00.000Z\""), (0, "}"),
            ])
        return (before, after)
    }

    @Test("new lines are indented as the file's own, with its line ends")
    func indentation() throws {
        for unit in ["  ", "    ", "\t", " ", "   "] {
            for line in ["\n", "\r\n"] {
                let (before, after) = pretty(unit, line)
                #expect(try edit(before, "o", picture("j", view: "street", model: "m")) == after)
                #expect(try edit(before + line, "o", picture("j", view: "street", model: "m")) == after + line)
            }
        }
    }

    @Test("members that are there are replaced where they stand, the rest of the file keeps its bytes")
    func inPlace() throws {
        let before = #"""
            { "x" : 1e3 ,"last_updated":null,
              "saved":[ null, 7, {"id":5}, {"\u0069d":"\u006f" , "visualization_url" : "old",
               "k":"\ud800\/" , "k": -0, "visualizations":null,"z":[1.10 , NaN ]},
               {"id":"o2"} ] , "y":"é\u00e9" }
            """#
        let after = #"""
            { "x" : 1e3 ,"last_updated":"2026-11-24T02:00:00.000Z",
              "saved":[ null, 7, {"id":5}, {"\u0069d":"\u006f" , "visualization_url" : "w/j.jpg",
               "k":"\ud800\/" , "k": -0, "visualizations":[TIGHT],"z":[1.10 , NaN ],"visualization_updated_at":WHEN},
               {"id":"o2"} ] , "y":"é\u00e9" }
            """#
        let expected = after.replacing("TIGHT", with: tight).replacing("WHEN", with: "\"\(then.rfc3339)\"")
        #expect(try edit(before, "o", picture("j")) == expected)
    }

    @Test("the newest entry comes first, and entries keep their text and what others wrote into them")
    func newestFirst() throws {
        let old = #"{"job_id":"i" , "liked":true,"url":"\u0077/i.jpg"}"#
        let before = #"{"saved":[{"id":"o","visualizations":["# + old + #", "mine", null]}]}"#
        let after = try edit(before, "o", picture("j"))
        #expect(after.contains(#""visualizations":["# + tight + "," + old + #","mine",null]"#))
    }

    @Test("the same job's picture takes the place of its entry, and what others wrote into that stays")
    func sameJob() throws {
        let before =
            #"{"saved":[{"id":"o","visualization_url":"w/new.jpg","visualizations":["#
            + #"{"job_id":"new"},{"liked":true,"job_id":"j","view":null,"url":"old"},"#
            + #"{"job_id":"j","view":"street"}]}]}"#
        let after = try edit(before, "o", picture("j"))
        #expect(
            after.contains(
                #"{"job_id":"new"},{"liked":true,"job_id":"j","view":null,"url":"w/j.jpg","provider":"Flat lay","#
                    + #""model":null,"created_at":"2026-11-24T01:59:59.000Z"},{"job_id":"j","view":"street"}]"#))
        // A later job has said where the outfit's picture is; repeating an earlier one does not take that back.
        #expect(after.contains(#""visualization_url":"w/new.jpg""#))
    }

    @Test("recording again changes nothing, however the first time was laid out")
    func again() throws {
        for before in [#"{"saved":[{"id":"o"}]}"#, pretty("  ", "\n").before] {
            let update = RecordUpdate(
                outfit: OutfitID("o")!, visualizations: [picture("j"), picture("j", view: "street")])
            let once = try #require(try RecordEditor.apply([update], to: Array(before.utf8), now: now).bytes)
            let twice = try RecordEditor.apply([update], to: once, now: Timestamp(nanoseconds: 0))
            #expect(twice.bytes == nil)
            #expect(twice.outcomes == [.recorded])
        }
    }

    @Test("several views of a job stand in their order, the first of them as the outfit's picture")
    func views() throws {
        let after = try edit(#"{"saved":[{"id":"o"}]}"#, "o", picture("j", view: "a"), picture("j", view: "b"))
        let record = try RecordText(Array(after.utf8))
        let object = try #require(SavedOutfits(record).find(OutfitID("o")!)?.object)
        let list = try #require(record.value("visualizations", of: object))
        #expect(record.elements(of: list).map { record.string("view", of: $0) } == ["a", "b"])
        #expect(record.string("visualization_url", of: object) == "w/j.jpg")
    }

    @Test("updates of several outfits are put in together, and each is told what became of it")
    func together() throws {
        let before = #"{"saved":[{"id":"a"},{"id":"b","visualizations":{}},{"id":"c"},{"id":"a"}]}"#
        let updates = ["c", "a", "gone", "b", "a"].enumerated().map { number, outfit in
            RecordUpdate(outfit: OutfitID(outfit)!, visualizations: [picture("j\(number)")])
        }
        let edited = try RecordEditor.apply(updates, to: Array(before.utf8), now: now)
        #expect(
            edited.outcomes == [
                .recorded, .recorded, .outfitNotFound, .inTheWay("saved[1].visualizations is not an array"), .recorded,
            ])
        let after = String(decoding: try #require(edited.bytes), as: UTF8.self)
        #expect(try jobs(of: "a", in: after) == ["j4", "j1"])
        #expect(try jobs(of: "c", in: after) == ["j0"])
        #expect(after.contains(#"{"id":"b","visualizations":{}}"#))
        #expect(after.contains(#",{"id":"a"}],"#))
    }

    @Test("an outfit that is not there is not made, and the file stays as it is")
    func missing() throws {
        for text in [#"{"saved":[]}"#, #"{"saved":null}"#, "{}", #"{"saved":[{"id":"O"},{"id":["o"]}]}"#] {
            let edited = try RecordEditor.apply([update("o", job: "j")], to: Array(text.utf8), now: now)
            #expect(edited.bytes == nil)
            #expect(edited.outcomes == [.outfitNotFound])
        }
    }

    @Test("a file of another shape is left alone and told")
    func shapes() throws {
        for (text, what) in [
            (#"{"saved":{"id":"o"}}"#, "saved is not an array"), ("[]", "the file is not a JSON object"),
            (#""saved""#, "the file is not a JSON object"),
        ] {
            let edited = try RecordEditor.apply([update("o", job: "j")], to: Array(text.utf8), now: now)
            #expect(edited.bytes == nil)
            #expect(edited.outcomes == [.inTheWay(what)])
        }
    }

    @Test("the history keeps its newest hundred entries")
    func cap() throws {
        var text = Array(#"{"saved":[{"id":"o"}]}"#.utf8)
        let updates = (0..<130).map { update("o", job: "j\($0)") }
        text = try #require(try RecordEditor.apply(Array(updates[..<70]), to: text, now: now).bytes)
        text = try #require(try RecordEditor.apply(Array(updates[70...]), to: text, now: now).bytes)
        #expect(
            try jobs(of: "o", in: String(decoding: text, as: UTF8.self)) == (30..<130).reversed().map { "j\($0)" })
    }

    @Test("the record of the example wardrobe gains its members and loses nothing")
    func example() throws {
        let file = try Records.bytes("saved_outfits.json")
        let id = "8f14e45f-ceea-467f-a0e6-1d1c6d3a0006"
        let update = RecordUpdate(outfit: OutfitID(id)!, visualizations: [picture("j")])
        let after = String(
            decoding: try #require(try RecordEditor.apply([update], to: file, now: now).bytes), as: UTF8.self)
        let before = String(decoding: file, as: UTF8.self)
        let added = """
            ,
                  "visualization_url": "w/j.jpg",
                  "visualization_updated_at": "2026-11-24T01:59:59.000Z",
                  "visualizations": [
                    {
                      "url": "w/j.jpg",
                      "view": null,
                      "provider": "Flat lay",
                      "model": null,
                      "job_id": "j",
                      "created_at": "2026-11-24T01:59:59.000Z"
                    }
                  ]
            """
        let expected = before.replacing("\"keep\": \"me\"\n      }", with: "\"keep\": \"me\"\n      }" + added)
            .replacing(
                "\"last_updated\": \"2026-01-12T10:00:00Z\"", with: "\"last_updated\": \"2026-11-24T02:00:00.000Z\"")
        #expect(after == expected)
        #expect(after != before)
    }
}
