// Compound jobs as the pipeline sees them: what is refused before anything is begun, one view, and the whole from its
// parts' results.

import Contract
import Ledger
import Providers
import Testing

@testable import Pipeline
@testable import Wardrobe

@Suite("Compound jobs")
struct CompoundTests {
    private let atelier: Atelier

    init() throws { atelier = try Atelier() }

    private func hindrance(_ request: String) throws -> JobFailure? {
        atelier.pipeline().hindrance(of: try JobRequest.decode(Array(request.utf8)))
    }

    @Test("a job of one view stores it under its name, with the view's choices, and lists it")
    func oneView() async throws {
        atelier.scripted.answer(try atelier.scratch.read("wardrobe_photos/peichin/items/green-bow-tie.jpg"))
        let views = #""provider": "scripted", "seed": 1, "views": [{"name": "street", "seed": 7, "ratio": "512:512"}]"#
        let result = try await atelier.run(atelier.request(views, outfit: Atelier.one))
        guard case .complete(let picture, let made) = result.outcome else { throw Unexpected(what: "\(result)") }
        #expect(made.map(\.name) == ["street"] && made[0].picture == picture && picture.making.seed == 7)
        #expect(picture.imageURL == "wardrobe_photos/peichin/items/visualizations/views/\(Atelier.one)/street.jpg")
        #expect(atelier.scripted.orders.map(\.seed) == [7])
        #expect(try atelier.record().contains(#""view":"street""#) || atelier.record().contains(#""view": "street""#))
    }

    @Test("every choice of every part is checked before the first is begun, with its path in the whole request")
    func choices() throws {
        let views = #"[{"name": "a"}, {"name": "b", "ratio": "1:2"}, {"name": "c", "seed": 3}]"#
        let whole = #"{"user_id": "u", "outfit_ids": ["x", "y"], "views": \#(views)"#
        #expect(try hindrance(whole + "}")?.details.map(\.path) == ["views[1].ratio", "views[2].seed"])
        #expect(try hindrance(whole + #", "provider": "none"}"#)?.code == .unknownProvider)
        #expect(try hindrance(whole + #", "not_after": "2026-11-24T11:00:00Z"}"#)?.code == .expired)
        #expect(try hindrance(#"{"user_id": "u", "outfit_ids": ["x", "y"]}"#) == nil)
        let film = try hindrance(#"{"user_id": "u", "outfit_id": "x", "kind": "video"}"#)
        #expect(film?.code == .invalidRequest && film?.details.map(\.path) == ["kind"])
    }

    private func part(_ number: Int, _ request: JobRequest, _ outcome: ResultDocument.Outcome, cost: Double)
        -> EndedPart
    {
        EndedPart(
            name: "a.000\(number)", request: request,
            result: ResultDocument(
                jobID: "a.000\(number)", progress: 20, outcome: outcome,
                cost: .init(credits: cost * 100, usd: cost, uncertain: number == 2),
                timing: .init(queued: 1, stages: [.generate: 2], total: 3), userID: "u", outfitID: request.outfitID,
                attempts: number, requestSHA256: nil, metadata: nil, finishedAt: Atelier.now, version: "1"))
    }

    private func failed(_ code: ResultCode) -> ResultDocument.Outcome {
        .failed(.init(code: code, message: "It said \(code.rawValue).", stage: .generate))
    }

    @Test("costs, attempts and times of a whole are those of its parts together; one uncertain makes all uncertain")
    func sums() async throws {
        let ticket = try await atelier.admit(#"{"user_id": "u", "outfit_ids": ["x", "y"]}"#)
        guard case .success(let request) = ticket.decoded, let parts = request.parts?.all else {
            throw Unexpected(what: "no parts")
        }
        let ended = [
            part(1, parts[0], failed(.generationTimeout), cost: 0.1),
            part(2, parts[1], failed(.moderation), cost: 0.2),
        ]
        guard case .result(let whole) = await atelier.pipeline().conclude(ticket, ended),
            case .failed(let failure) = whole.outcome
        else { throw Unexpected(what: "it did not fail") }
        #expect(whole.cost == .init(credits: 30, usd: 0.3, uncertain: true) && whole.attempts == 3)
        #expect(whole.timing.stages == [.generate: 4] && whole.timing.queued == 0.25 && whole.progress == 20)
        #expect(failure.code == .generationTimeout && failure.retryable && failure.batch?.members.count == 2)
        let own = ended[0].result
        let joined = atelier.pipeline().joined(own, with: [ended[1]])
        #expect(joined.cost == whole.cost && joined.attempts == 3)
    }

    @Test("a whole whose record cannot be written fails with that code, and does it again without harm")
    func record() async throws {
        let more = #""provider": "scripted", "views": [{"name": "a"}, {"name": "b"}]"#
        let ticket = try await atelier.admit(atelier.request(more, outfit: Atelier.one))
        guard case .success(let request) = ticket.decoded, let parts = request.parts?.all else {
            throw Unexpected(what: "no parts")
        }
        let pictures = try await (0...1).asyncMap { index in
            atelier.scripted.answer(try atelier.scratch.read("wardrobe_photos/peichin/items/green-bow-tie.jpg"))
            let part = parts[index].encode()
            return try await atelier.run(String(decoding: part, as: UTF8.self), as: "part-\(index)")
        }
        let ended = zip(parts, pictures).enumerated().map { index, one in
            EndedPart(name: "a.000\(index + 1)", request: one.0, result: one.1)
        }
        let trouble = WardrobeFailure(.recordConflict, "the record keeps changing")
        guard
            case .result(let failed) = await atelier.pipeline(troubles: [.record: [trouble]]).conclude(ticket, ended)
        else { throw Unexpected(what: "it stopped") }
        #expect(failed.failure?.code == .recordConflict && failed.failure?.stage == .update)
        for _ in 0...1 {
            guard case .result(let whole) = await atelier.pipeline().conclude(ticket, ended) else {
                throw Unexpected(what: "it stopped")
            }
            #expect(whole.failure == nil)
        }
        let entries = try atelier.record().matches(of: /"job_id"/).count
        #expect(entries == 4, "two of the views' own jobs, two of the whole")
    }
}

extension ClosedRange<Int> {
    fileprivate func asyncMap<Value>(_ body: (Int) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for number in self { values.append(try await body(number)) }
        return values
    }
}
