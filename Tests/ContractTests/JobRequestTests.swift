// Decoding requests: every rule of the contract, all problems at once, and the way back to a file.

import Contract
import Testing

/// The fault that a request is refused with, or nil if it is taken.
func requestFault(in text: String) -> RequestFault? { requestFault(in: Array(text.utf8)) }

func requestFault(in bytes: [UInt8]) -> RequestFault? {
    do throws(RequestFault) {
        _ = try JobRequest.decode(bytes)
        return nil
    } catch {
        return error
    }
}

@Suite("requests")
struct JobRequestTests {
    @Test("a request that breaks rules is refused with the path of each")
    func refuses() {
        for example in RequestCase.refused {
            let fault = requestFault(in: example.text)
            #expect(fault?.code == .invalidRequest, "\(example.text.prefix(200))")
            #expect(fault?.details.map(\.path) == example.paths, "\(example.text.prefix(200))")
        }
    }

    @Test("a request at the edge of what is allowed is taken, and says the same after a round trip")
    func takes() throws {
        for example in RequestCase.taken {
            #expect(requestFault(in: example.text) == nil, "\(example.text.prefix(200))")
            let request = try JobRequest.decode(Array(example.text.utf8))
            for pretty in [true, false] {
                let again = try JobRequest.decode(request.encode(pretty: pretty))
                #expect(again == request.withMillisecondMoment, "\(example.text.prefix(200))")
            }
        }
    }

    @Test("every field arrives as it was written")
    func readsEveryField() throws {
        let text = """
            {"metadata": {"cart":  [1e3, "\\u00e9"]}, "person_image": "me.jpg", "not_after": "2026-11-24T02:04:19Z",
            "priority":"high","regenerate":true,"kind":"video","prompt":"in the rain","model_descriptor":"tall",
            "views":[{"name":"street","prompt":"on a street","ratio":"3:4","seed":1},{"name":"plain"}],
            "seed":7,"ratio":"1080:1440","model":"gen4_image","provider":"runway","outfit_id":"o-17",
            "outfit":{"styling_notes":"tuck it in","items":[{"name":"Shirt","image":"items/a.jpg","category":"tops"}]},
            "user_id":"peichin","action":"visualize"}
            """
        var expected = JobRequest(userID: "peichin")
        expected.outfitID = "o-17"
        expected.outfit = .init(
            items: [.init(name: "Shirt", image: "items/a.jpg", category: "tops")], stylingNotes: "tuck it in")
        expected.provider = "runway"
        expected.model = "gen4_image"
        expected.ratio = Ratio("1080:1440")
        expected.seed = 7
        expected.modelDescriptor = "tall"
        expected.prompt = "in the rain"
        expected.views = [
            .init(name: "street", prompt: "on a street", ratio: Ratio("3:4"), seed: 1), .init(name: "plain"),
        ]
        expected.kind = .video
        expected.regenerate = true
        expected.priority = .high
        expected.notAfter = Timestamp(nanoseconds: 1_795_485_859_000_000_000)
        expected.personImage = "me.jpg"
        expected.metadata = Array(#"{"cart":  [1e3, "\u00e9"]}"#.utf8)
        #expect(try JobRequest.decode(Array(text.utf8)) == expected)
        #expect(try JobRequest.decode(expected.encode()) == expected)
    }

    @Test("what a request does not say has its default")
    func hasDefaults() throws {
        let request = try JobRequest.decode(Array(#"{"user_id":"u","outfit_id":"o"}"#.utf8))
        #expect(request.action == .visualize)
        #expect(request.kind == .image)
        #expect(request.priority == .normal)
        #expect(!request.regenerate)
        #expect(request.views.isEmpty && request.outfitIDs.isEmpty && request.metadata == nil)
        #expect(
            String(decoding: request.encode(pretty: false), as: UTF8.self)
                == "{\"user_id\":\"u\",\"outfit_id\":\"o\"}\n")
    }

    @Test("all problems of a request come at once, in words that help")
    func reportsAllAtOnce() {
        let text =
            #"{"user_id":"peichin","outfit_id":"o-17","promt":"x","seed":-1,"views":[{"name":"A"}],"ratio":"big"}"#
        let fault = requestFault(in: text)
        #expect(
            fault?.details == [
                Problem(path: "ratio", message: #"is "big"; write width and height as in "1080:1440""#),
                Problem(path: "seed", message: "is -1; write a whole number from 0 to 4294967295"),
                Problem(path: "views[0].name", message: #"is "A"; only a to z, 0 to 9 and - are allowed"#),
                Problem(path: "promt", message: "is not a known key; did you mean prompt?"),
            ])
        #expect(fault?.message.hasPrefix("The request has 4 problems, the first: ratio is \"big\"") == true)
        #expect(fault?.userID == "peichin")
        #expect(fault?.outfitID == "o-17")
    }

    @Test("a user or outfit that breaks the rules is not handed on")
    func hidesInvalidIDs() {
        let fault = requestFault(in: #"{"user_id":"../../etc","outfit_id":"o"}"#)
        #expect(fault?.userID == nil)
        #expect(fault?.outfitID == "o")
        #expect(requestFault(in: "[]")?.userID == nil)
    }

    @Test("a file that is no JSON is invalid_json, with the place")
    func refusesOtherTexts() {
        let texts = [
            "", "{", "{\"user_id\":\"u\",}", "{\"user_id\":\"u\",\"user_id\":\"v\"}", "{} {}", "\u{FEFF}{}", "hello",
        ]
        for text in texts { #expect(requestFault(in: text)?.code == .invalidJSON, "\(text)") }
        let fault = requestFault(in: "{\"user_id\":\"u\",\n \"outfit_id\":\"\\ud800\"}")
        #expect(fault?.code == .invalidJSON)
        #expect(fault?.details == [])
        #expect(fault?.message.hasPrefix("The request is not valid JSON: line 2, column 15:") == true)
    }

    @Test("a request cut off at any byte is refused, and is not yet there for the quick look")
    func refusesTruncations() throws {
        let bytes = Array(
            #"{"user_id":"peichin","outfit":{"items":[{"name":"é😀","image":"i\"}"}]},"priority":"high"}"#.utf8)
        #expect(requestFault(in: bytes) == nil)
        #expect(RequestPeek.peek(bytes) == .object(userID: "peichin", priority: .high))
        for count in 0..<bytes.count {
            #expect(requestFault(in: Array(bytes.prefix(count)))?.code == .invalidJSON, "cut after \(count) bytes")
            #expect(RequestPeek.peek(Array(bytes.prefix(count))) == .notYet, "cut after \(count) bytes")
        }
    }

    @Test("a request of a million bytes of faults makes a short report")
    func boundsTheReport() throws {
        let text = "{" + (0..<60_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
        let fault = try #require(requestFault(in: text))
        #expect(fault.details.count == RequestLimit.problems + 1)
        #expect(fault.details.last == Problem(path: "", message: "and 59952 more"))
        let long = requestFault(in: "{\"\(String(repeating: "k", count: 500_000))\":1}")
        #expect(long?.details.allSatisfy { $0.path.utf8.count + $0.message.utf8.count < 600 } == true)
    }

    @Test("the nearest known word is named, and none where none is near")
    func namesTheNearest() {
        let words = RequestKey.allCases.map(\.rawValue)
        let cases = [
            ("promt", "prompt"), ("userId", "user_id"), ("USER_ID", "user_id"), ("outfits_id", "outfit_id"),
            ("outfit-ids", "outfit_ids"), ("modelDescriptor", "model_descriptor"), ("veiws", "views"), ("", nil),
            ("colour", nil), ("x", nil), ("priorty", "priority"), ("meta", nil),
        ]
        for (mistyped, word) in cases { #expect(nearestWord(to: mistyped, among: words) == word, "\(mistyped)") }
    }
}

extension JobRequest {
    /// The request with its moment cut to what a file holds.
    fileprivate var withMillisecondMoment: JobRequest {
        var copy = self
        copy.notAfter = notAfter.flatMap { Timestamp(rfc3339: $0.rfc3339) }
        return copy
    }
}

@Suite("the quick look at a waiting file")
struct RequestPeekTests {
    @Test("it sees the user and the priority wherever they stand")
    func sees() {
        let cases: [(String, RequestPeek)] = [
            (#"{"user_id":"u","outfit_id":"o"}"#, .object(userID: "u", priority: .normal)),
            (
                " \n{ \"a\" : [ {\"user_id\":\"x\", \"priority\":\"low\"}, \"]}\\\"\" ] , \"user_id\" : \"u\" }\n",
                .object(userID: "u", priority: .normal)
            ),
            (#"{"priority":"low","us\u0065r_id":"\u00e9"}"#, .object(userID: "é", priority: .low)),
            (#"{"priority":"urgent","user_id":7}"#, .object(userID: nil, priority: .normal)),
            (#"{"user_id":"../x"}"#, .object(userID: nil, priority: .normal)),
            ("{\"user_id\":\"\(String(repeating: "u", count: 5_000))\"}", .object(userID: nil, priority: .normal)),
            ("{}", .object(userID: nil, priority: .normal)), ("{ }", .object(userID: nil, priority: .normal)),
            (#"{"seed":-1.5e3,"user_id":"u","x":null,"priority":"high"}"#, .object(userID: "u", priority: .high)),
            (#"{"a":{"b":{}},"user_id":"u"}"#, .object(userID: "u", priority: .normal)),
        ]
        for (text, expected) in cases { #expect(RequestPeek.peek(Array(text.utf8)) == expected, "\(text.prefix(100))") }
    }

    @Test("what is no single JSON object is not yet one")
    func waits() {
        let texts = [
            "", " ", "[]", "null", "1", "\"{}\"", "{", "{\"a\"", "{\"a\":", "{\"a\":}", "{\"a\":1", "{\"a\":1,}", "{,}",
            "{} {}",
            "{}x", "{\"a\":[}", "{\"a\":]}", "\u{FEFF}{}", "{\"a\":\"}", "{\"a\":\"\\\"}", "{a:1}", "{\"a\" 1}",
            "{\"a\":,}", "{\"a\\",
        ]
        for text in texts { #expect(RequestPeek.peek(Array(text.utf8)) == .notYet, "\(text)") }
        for bytes: [UInt8] in [[0xFF, 0xFE, 0x7B, 0], [0], [0x7B, 0x22, 0xC0, 0x22, 0x7D]] {
            #expect(RequestPeek.peek(bytes) == .notYet)
        }
    }

    @Test("it agrees with the decoder on every request that decodes")
    func agrees() throws {
        for example in RequestCase.taken {
            let request = try JobRequest.decode(Array(example.text.utf8))
            #expect(
                RequestPeek.peek(Array(example.text.utf8))
                    == .object(userID: request.userID, priority: request.priority), "\(example.text.prefix(100))")
        }
    }

    @Test("it agrees with the decoder on damaged requests, and nothing that is damaged stops either")
    func survivesDamage() throws {
        var generator = Lottery(state: 7)
        let signs = Array("{}[]\",:\\u0ed-+.1 \n\u{1}é".utf8) + [0xFF, 0xC0, 0xED, 0xA0]
        var taken = 0
        for path in try ProjectFiles.list("Examples/requests") {
            let whole = try ProjectFiles.read(path)
            for _ in 0..<400 {
                var bytes = whole
                for _ in 0...Int.random(in: 0...1, using: &generator) {
                    let place = bytes.indices.randomElement(using: &generator) ?? 0
                    switch Int.random(in: 0...2, using: &generator) {
                    case 0: bytes[place] = signs.randomElement(using: &generator) ?? 0
                    case 1: bytes.insert(signs.randomElement(using: &generator) ?? 0, at: place)
                    default: bytes.remove(at: place)
                    }
                }
                guard requestFault(in: bytes) == nil else { continue }
                taken += 1
                let request = try JobRequest.decode(bytes)
                #expect(RequestPeek.peek(bytes) == .object(userID: request.userID, priority: request.priority))
            }
        }
        #expect(taken > 100)
    }

    @Test("a file of a million brackets or quotes is looked at in one pass")
    func survivesHostileFiles() {
        for opening in ["[", "{\"a\":", "\"", "{\"\\", "\\"] {
            #expect(RequestPeek.peek(Array(String(repeating: opening, count: 200_000).utf8)) == .notYet)
        }
        let deep = String(repeating: "[", count: 200_000) + String(repeating: "]", count: 200_000)
        #expect(RequestPeek.peek(Array("{\"a\":\(deep)}".utf8)) == .object(userID: nil, priority: .normal))
    }
}

/// Random numbers that are the same in every run (Knuth's MMIX generator, its upper half).
private struct Lottery: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        var word: UInt64 = 0
        for _ in 0..<2 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            word = word << 32 | state >> 32
        }
        return word
    }
}
