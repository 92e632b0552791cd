// The table of admissions, cell by cell, and then as a whole.

import Contract
import Testing

@testable import Ledger

@Suite("Admission")
struct AdmissionTests {
    static let mine = [UInt8](repeating: 1, count: 32)
    static let other = [UInt8](repeating: 2, count: 32)
    static let working: [Phase] = [.claimed, .ordered, .fetched, .stored, .recorded]

    static func row(_ phase: Phase, _ box: OutcomeBox? = nil) -> JobRow {
        var row = JobRow.sample("a", digest: mine)
        row.phase = phase
        row.outcome = box.map { Outcome(box: $0, code: $0 == .failed ? .internal : nil, result: nil) }
        return row
    }

    private func judge(
        _ digest: [UInt8], _ row: JobRow?, _ old: Admission.OldRequest, running: Bool = false
    ) -> Admission.Judgement {
        Admission.judge(digest: digest, row: row, oldRequest: old, running: running)
    }

    @Test("a name that the journal does not know is new, wherever a file of that name lies")
    func unknown() {
        for old in Admission.OldRequest.allCases {
            #expect(judge(Self.mine, nil, old) == .fresh(replacing: nil))
            #expect(judge(Self.mine, nil, old, running: true) == .later)
        }
    }

    @Test("the file of an open job goes on, unless a task works on it: then it is a duplicate")
    func open() {
        for phase in Self.working {
            for old in Admission.OldRequest.allCases {
                let row = Self.row(phase)
                #expect(judge(Self.mine, row, old) == .resume(row))
                #expect(judge(Self.mine, row, old, running: true) == .duplicate)
            }
        }
    }

    @Test("the file of a job whose result is kept is landed, not run; while it lands here, the file waits")
    func landing() {
        for box in OutcomeBox.allCases {
            for old in Admission.OldRequest.allCases {
                let row = Self.row(.landing, box)
                #expect(judge(Self.mine, row, old) == .relanding(row))
                // Its files are seen before the journal knows: this may be a retry already.
                #expect(judge(Self.mine, row, old, running: true) == .later)
                #expect(judge(Self.other, row, old, running: true) == .later)
            }
        }
    }

    @Test("other bytes do not take the name of a job that works or lands, whatever lies in the boxes")
    func othersWhileOpen() {
        let rows = Self.working.map { Self.row($0) } + OutcomeBox.allCases.map { Self.row(.landing, $0) }
        for row in rows {
            for old in Admission.OldRequest.allCases {
                #expect(judge(Self.other, row, old) == .nameTaken)
                #expect(judge(Self.other, row, old, running: true) == (row.phase == .landing ? .later : .nameTaken))
            }
        }
    }

    @Test("the bytes of a done job are a duplicate while its file is in done/, and a new run once it is gone")
    func done() {
        let row = Self.row(.landed, .done)
        for running in [false, true] {
            #expect(judge(Self.mine, row, .done, running: running) == .duplicate)
            #expect(judge(Self.mine, row, .nowhere, running: running) == .rerun(row))
            #expect(judge(Self.mine, row, .failed, running: running) == .rerun(row))
        }
    }

    @Test("the bytes of a failed job are a retry, put back or dropped again")
    func failed() {
        let row = Self.row(.landed, .failed)
        for old in Admission.OldRequest.allCases {
            #expect(judge(Self.mine, row, old) == .retry(row))
        }
    }

    @Test("other bytes take the name of a landed job only when its file was taken away")
    func othersAfterLanding() {
        for box in OutcomeBox.allCases {
            let row = Self.row(.landed, box)
            #expect(judge(Self.other, row, .done) == .nameTaken)
            #expect(judge(Self.other, row, .failed) == .nameTaken)
            #expect(judge(Self.other, row, .nowhere) == .fresh(replacing: row))
        }
    }

    @Test("no combination orders a job anew that is open, and none runs a job that a task works on")
    func safety() {
        let rows: [JobRow?] =
            [nil] + Self.working.map { Self.row($0) }
            + OutcomeBox.allCases.flatMap { [Self.row(.landing, $0), Self.row(.landed, $0)] }
        for row in rows {
            for digest in [Self.mine, Self.other] {
                for old in Admission.OldRequest.allCases {
                    for running in [false, true] {
                        let judgement = judge(digest, row, old, running: running)
                        let open = row.map { $0.phase.isOpen } ?? running
                        guard open else { continue }
                        switch judgement {
                        case .fresh, .rerun, .retry: Issue.record("\(judgement) for \(String(describing: row))")
                        case .resume, .relanding: #expect(!running)
                        case .duplicate, .nameTaken, .later: break
                        }
                    }
                }
            }
        }
    }
}
