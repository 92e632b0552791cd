// The table of docs/ARCHITECTURE.md, in every combination that a job can come to: each step of its life may be the last
// before a kill or a power cut, each answer of the provider may be the bad one, and somebody may move its files about.
// The program's own values (`Recovery`, `Admission`, `Resume`, `Poison`, `JobMachine`, `Persistence`) decide on all of
// it, and from every state that is reached the three promises must hold: it ends, nothing is paid twice, and what lies
// in the box is true.

import Contract
import Ledger
import Linux
import Testing

/// Looks through everything that can be reached.
private struct ModelSearch {
    let vendor: ModelVendor
    let resubmits: Bool
    private(set) var worlds: Set<ModelWorld> = []
    private(set) var deaths = 0
    private(set) var ends = 0
    /// Where deaths found jobs: phase, and the state of its last attempt.
    private(set) var cells: Set<String> = []
    private(set) var codes: Set<String> = []
    private var waiting: [ModelWorld] = []

    init(_ vendor: ModelVendor, resubmits: Bool) { (self.vendor, self.resubmits) = (vendor, resubmits) }

    /// Follows every way from a new request.
    mutating func run(mishaps: Int, interventions: Int, deaths: Int) throws {
        reach(ModelWorld(mishaps: mishaps, interventions: interventions, deaths: deaths))
        while let world = waiting.popLast() {
            for start in [world] + world.afterIntervention { try live(start) }
        }
    }

    private mutating func reach(_ world: ModelWorld) {
        guard worlds.insert(world).inserted else { return }
        waiting.append(world)
    }

    /// One start of the program, all the ways that its life may take, and a death at every point of them.
    private mutating func live(_ world: ModelWorld) throws {
        var lives = [ModelLife(vendor, resubmits: resubmits, world)]
        while let life = lives.popLast() {
            deaths += 1
            cells.insert(cell(life.world))
            for left in life.world.afterDeath { reach(left) }
            do throws(Breach) {
                if case .rest = life.point { try rest(life, &lives) } else { lives += try ways(life) }
            } catch {
                throw Breach(description: "\(error), \(story(life.world))")
            }
        }
    }

    /// The ways on from a moment, also with a wish that comes in just then.
    private func ways(_ life: ModelLife) throws(Breach) -> [ModelLife] {
        guard let world = life.world.afterWish else { return try life.next() }
        var wished = life
        wished.world = world
        return try life.next() + wished.next()
    }

    private mutating func rest(_ life: ModelLife, _ lives: inout [ModelLife]) throws(Breach) {
        ends += 1
        codes.insert(life.world.books.row?.outcome?.code?.rawValue ?? "complete")
        try life.world.expectPromises(vendor)
        for after in life.world.afterIntervention {
            var next = life
            (next.world, next.point) = (after, .loop)
            lives.append(next)
        }
    }

    private func cell(_ world: ModelWorld) -> String {
        let attempt = world.books.last
        let provider = world.orders.last.map { "\($0.fate)" } ?? "nothing"
        let entries = world.disk.now
        let places = [
            entries.processing ? "processing" : nil, entries.incoming ? "incoming" : nil,
            entries.done ? "done" : nil, entries.failed ? "failed" : nil,
        ]
        return """
            \(world.books.row?.phase.rawValue ?? "nothing") \(attempt?.state.rawValue ?? "none") \
            \(attempt?.taskID == nil ? "" : "task ")\(provider) \(places.compactMap(\.self).joined(separator: "+"))
            """
    }

    /// What was looked through, for the log of a deep run.
    func tell(_ bounds: String) {
        guard Host.environment["VIZD_MODEL"] != nil else { return }
        let count = "\(worlds.count) states at rest, \(deaths) places to die, \(ends) ends, \(cells.count) cells"
        print("\(vendor.rawValue)\(resubmits ? ", resubmitting" : ""), \(bounds): \(count)")
    }

    private func story(_ world: ModelWorld) -> String {
        "\(vendor.rawValue)\(resubmits ? ", resubmitting" : ""): " + world.story.lines.joined(separator: "; ")
    }
}

extension ModelWorld {
    /// What must be true when a program has nothing left to do.
    fileprivate func expectPromises(_ vendor: ModelVendor) throws(Breach) {
        guard let row = books.row, row.phase == .landed, let outcome = row.outcome else {
            throw Breach(description: "it does not end: \(books.row?.phase.rawValue ?? "nobody knows of it")")
        }
        try expectPlace(outcome)
        try expectBooks(vendor)
        if outcome.code == .cancelled { try expectGivenUp() }
        guard outcome.box == .done else { return }
        if !isStored || !isRecorded { throw Breach(description: "it is complete without its picture or its record") }
    }

    /// What was given up was to be given up, and the books are closed on it.
    private func expectGivenUp() throws(Breach) {
        if !wasWished { throw Breach(description: "it is cancelled, and nobody wished that") }
        if let state = books.last?.state, state == .task || state == .intent {
            throw Breach(description: "it is cancelled, and its attempt is \(state.rawValue)")
        }
    }

    private func expectPlace(_ outcome: Outcome) throws(Breach) {
        let entries = disk.now
        let result = outcome.box == .done ? entries.doneResult : entries.failedResult
        let other = outcome.box == .done ? entries.failedResult : entries.doneResult
        let isThere = outcome.box == .done ? entries.done : entries.failed
        let text = result.map { String(decoding: $0, as: UTF8.self) }
        if entries.incoming || entries.processing { throw Breach(description: "its request still waits") }
        if entries.requests > 1 || other != nil { throw Breach(description: "it lies in both boxes") }
        if entries.requests == 1 && !isThere { throw Breach(description: "its request lies in the other box") }
        guard let text, text.hasSuffix(" \(outcome.code?.rawValue ?? "complete")"),
            text.hasPrefix("\(books.row?.run ?? 0) ")
        else { throw Breach(description: "its result is \(text ?? "not there"), its outcome \(outcome)") }
        let (kept, box) = (disk.durable, outcome.box)
        let isKept = box == .done ? kept.done || !isThere : kept.failed || !isThere
        if !isKept || (box == .done ? kept.doneResult : kept.failedResult) != result {
            throw Breach(description: "a power cut could take its end back")
        }
    }

    /// The ledger has an attempt for everything that the provider began, and says of it what is true.
    private func expectBooks(_ vendor: ModelVendor) throws(Breach) {
        for order in orders where vendor != .free {
            let attempt = books.attempts.first { $0.run == order.run && $0.attempt == order.attempt }
            guard let attempt else { throw Breach(description: "\(order.id) stands in no book") }
            switch attempt.state {
            case .refused, .intent: throw Breach(description: "\(order.id) is \(attempt.state.rawValue) in the ledger")
            case .settled:
                let isFree = order.fate == .failedFree
                if (attempt.final?.usdMicros == 0) != isFree {
                    throw Breach(description: "\(order.id) is \(order.fate) and settled at \(attempt.final!)")
                }
            case .task, .uncertain: break
            }
        }
    }
}

/// How far the search goes: what may go wrong outside of vizd, how often somebody moves a file, how often vizd dies.
struct ModelBounds: CustomTestStringConvertible {
    let mishaps: Int
    let interventions: Int
    let deaths: Int

    /// What fits into every run of the tests; `VIZD_MODEL=deep` (`scripts/crash --model`) looks for minutes.
    static let chosen: [ModelBounds] =
        Host.environment["VIZD_MODEL"] == "deep"
        ? [ModelBounds(mishaps: 2, interventions: 1, deaths: 3), ModelBounds(mishaps: 1, interventions: 2, deaths: 3)]
        : [
            ModelBounds(mishaps: 2, interventions: 2, deaths: 0), ModelBounds(mishaps: 2, interventions: 0, deaths: 1),
            ModelBounds(mishaps: 1, interventions: 1, deaths: 1),
            ModelBounds(mishaps: 0, interventions: 1, deaths: 3), ModelBounds(mishaps: 0, interventions: 0, deaths: 5),
        ]

    var testDescription: String { "\(mishaps) mishaps, \(interventions) interventions, \(deaths) deaths" }
}

@Suite("The model of every crash")
struct ModelTests {
    @Test(
        "from every state that a crash can leave, a job ends once, in the right box, and is paid for once",
        arguments: ModelVendor.allCases, ModelBounds.chosen)
    func everything(_ vendor: ModelVendor, _ bounds: ModelBounds) throws {
        for resubmits in vendor == .free ? [false] : [false, true] {
            var search = ModelSearch(vendor, resubmits: resubmits)
            try search.run(mishaps: bounds.mishaps, interventions: bounds.interventions, deaths: bounds.deaths)
            #expect(search.ends > 0 && search.codes.contains("complete"))
            if bounds.deaths > 0, vendor != .free { #expect(search.codes.contains("submission_unknown")) }
            if bounds.interventions > 0 { #expect(search.codes.contains("cancelled")) }
            if bounds.deaths > Poison.uncleanStartsMax { #expect(search.codes.contains("poison")) }
            search.tell(bounds.testDescription)
        }
    }
}
