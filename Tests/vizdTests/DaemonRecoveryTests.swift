// The table of a start, cell by cell: where the request of a name lies, and what the journal says of it.

import Ledger
import Linux
import Spool
import Testing

@testable import vizd

/// Why a name is treated as it is; each reason has one step.
private enum Reason: Character, CaseIterable {
    /// Whatever lies in processing/ is ours; the journal judges it when it is read.
    case ours = "O"
    /// The journal knows nothing of it, and nothing was claimed.
    case unknown = "u"
    /// It has landed; what lies in incoming/ or in a box is judged when it is claimed, or lies where it should.
    case over = "o"
    /// Open or landing, and the very request is back in incoming/: claimed in its turn it goes on from the journal.
    case waits = "w"
    /// Open, and its file is nowhere: only the journal has it.
    case lost = "L"
    /// Open, and only an earlier run's file lies in a box: the one that is under way is put back beside it.
    case stale = "S"
    /// The result is in the journal, and may be in its box: the landing is made again, to its end.
    case landing = "F"

    var step: RecoveryStep {
        switch self {
        case .ours: .live
        case .unknown, .over, .waits: .leave
        case .lost, .stale: .putBack
        case .landing: .land
        }
    }
}

@Suite("What a start makes of what was left")
struct DaemonRecoveryTests {
    /// Rows: the phase. Columns: processing (8), incoming (4), done (2) and failed (1), added up.
    private static let table: [(phase: Phase?, cells: String)] = [
        (nil, "uuuuuuuuOOOOOOOO"),
        (.claimed, "LSSSwwwwOOOOOOOO"),
        (.ordered, "LSSSwwwwOOOOOOOO"),
        (.fetched, "LSSSwwwwOOOOOOOO"),
        (.stored, "LSSSwwwwOOOOOOOO"),
        (.recorded, "LSSSwwwwOOOOOOOO"),
        (.landing, "FFFFwwwwOOOOOOOO"),
        (.landed, "ooooooooOOOOOOOO"),
    ]

    private static func places(_ number: Int) -> RequestPlaces {
        RequestPlaces(
            processing: number & 8 != 0, incoming: number & 4 != 0, done: number & 2 != 0, failed: number & 1 != 0)
    }

    @Test("every cell of the table is as it is written down, each for its reason")
    func cells() throws {
        #expect(Set(DaemonRecoveryTests.table.map(\.phase)) == Set([nil] + Phase.allCases), "no phase without a row")
        for (phase, cells) in DaemonRecoveryTests.table {
            #expect(cells.count == 16)
            for (number, cell) in cells.enumerated() {
                let (places, reason) = (DaemonRecoveryTests.places(number), try #require(Reason(rawValue: cell)))
                #expect(Recovery.step(phase: phase, places) == reason.step, "\(String(describing: phase)) \(places)")
            }
        }
    }

    @Test("nothing open is left alone unless it waits in incoming, and nothing that has landed is brought back")
    func invariants() {
        for phase in [nil] + Phase.allCases {
            for number in 0..<16 {
                let places = DaemonRecoveryTests.places(number)
                let step = Recovery.step(phase: phase, places)
                if phase?.isOpen == true && step == .leave { #expect(places.incoming) }
                if phase?.isOpen != true { #expect(step == .leave || step == .live) }
                if step == .putBack { #expect(!places.processing && !places.incoming, "it would be there twice") }
                if step == .land { #expect(phase == .landing, "there is no result yet") }
                #expect((step == .live) == places.processing)
            }
        }
    }

    @Test("what lies in the spool is seen in its place")
    func presence() throws {
        let scratch = try ScratchSpool()
        let spool = try Spool(path: scratch.path)
        let name = try #require(JobName("a"))
        for number in 0..<16 {
            let places = DaemonRecoveryTests.places(number)
            let boxes: [(Bool, Box)] = [
                (places.processing, .processing), (places.incoming, .incoming), (places.done, .done),
                (places.failed, .failed),
            ]
            for (isThere, box) in boxes {
                try spool[box].unlinkIfPresent("a.json")
                if isThere { try scratch.write([1], "a.json", in: box) }
            }
            #expect(try spool.presence(of: name).places == places)
        }
    }

    @Test("second requests of a name begin after every job, so that they never hold the slot it needs")
    func order() throws {
        let found = ["b.json", ".again.1f.a.json", "a.json", ".again.2f.b.json", ".invalid.3.tooLong.c.json"].map {
            Claimed(found: FileName($0))
        }
        let all = try found.map { Daemon.Leftover(claimed: try #require($0), user: nil) }
        // The loop takes them from the end.
        let taken = Daemon.Leftover.jobsFirst(all).reversed().map(\.claimed.source.description)
        #expect(Set(taken.suffix(2)) == [".again.1f.a.json", ".again.2f.b.json"])
        #expect(taken.count == 5)
    }
}
