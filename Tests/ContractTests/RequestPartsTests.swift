// A request for more than one picture, taken apart.

import Testing

@testable import Contract

@Suite("The parts of a request")
struct RequestPartsTests {
    private func request(_ more: String) throws -> JobRequest {
        try JobRequest.decode(Array(#"{"user_id":"peichin",\#(more)}"#.utf8))
    }

    @Test("a request for one picture has no parts, with one view too, and neither has another action")
    func none() throws {
        #expect(try request(#""outfit_id":"o""#).parts == nil)
        #expect(try request(#""outfit_id":"o","views":[{"name":"street"}]"#).parts == nil)
        #expect(try request(#""outfit_id":"o","action":"delete""#).parts == nil)
    }

    @Test("a batch is the whole request for each outfit in turn")
    func batch() throws {
        let whole = try request(#""outfit_ids":["a","b"],"prompt":"rain","metadata":{"n":1e3},"priority":"low""#)
        guard case .batch(let members)? = whole.parts else { throw Unexpected() }
        #expect(members.map(\.outfitID) == ["a", "b"] && members.allSatisfy(\.outfitIDs.isEmpty))
        #expect(members.allSatisfy { $0.prompt == "rain" && $0.priority == .low && $0.metadata == whole.metadata })
        #expect(members.allSatisfy { $0.parts == nil })
        for member in members { #expect(try JobRequest.decode(member.encode(pretty: false)) == member) }
    }

    @Test("views are the whole request with one view each; a batch's outfits have their own")
    func views() throws {
        let whole = try request(#""outfit_ids":["a"],"views":[{"name":"x"},{"name":"y","seed":2}]"#)
        guard case .batch(let members)? = whole.parts, case .views(let views)? = members[0].parts else {
            throw Unexpected()
        }
        #expect(views.map { $0.views.map(\.name) } == [["x"], ["y"]])
        #expect(views.allSatisfy { $0.outfitID == "a" && $0.parts == nil })
    }

    @Test("a film asks for its still picture first, without the film's choices; in several views, each of them does")
    func still() throws {
        let film = try request(#""outfit_id":"o","kind":"video","model":"m","ratio":"16:9","seed":3,"prompt":"p""#)
        guard case .still(let still)? = film.parts else { throw Unexpected() }
        #expect(still.kind == .image && still.model == nil && still.ratio == nil && still.seed == nil)
        #expect(still.prompt == "p" && still.outfitID == "o" && still.parts == nil)
        let two = try request(#""outfit_id":"o","kind":"video","views":[{"name":"x","seed":1},{"name":"y"}]"#)
        guard case .views(let views)? = two.parts, case .still(let first)? = views[0].parts else { throw Unexpected() }
        #expect(first.views == [JobRequest.View(name: "x")])
    }

    @Test("a view's ratio and seed stand in place of the request's, its directions after them")
    func asItsViewSays() throws {
        let view = try request(
            #""outfit_id":"o","prompt":"rain","seed":1,"views":[{"name":"x","prompt":"from the left","ratio":"1:1"}]"#)
        let told = view.asItsViewSays
        #expect(told.prompt == "rain from the left" && told.seed == 1 && told.ratio == Ratio("1:1"))
        #expect(told.views == view.views)
        let silent = try request(#""outfit_id":"o","views":[{"name":"x"}]"#)
        #expect(silent.asItsViewSays == silent)
    }
}
