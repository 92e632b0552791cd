// `vizd retry` on real folders: what is moved, what is left, and what is said.

import Contract
import Linux
import Spool
import Testing

@testable import vizd

@Suite("Retry")
struct RetryTests {
    private let spool: ScratchSpool

    init() throws { spool = try ScratchSpool() }

    private func fail(_ job: String, _ code: ResultCode, retryable: Bool? = nil) throws {
        let failure = ResultDocument.Failure(code: code, message: "No.", stage: nil, retryable: retryable)
        try spool.write(Sample.failed(job, failure).encode(), "\(job).result.json", in: .failed)
        try spool.write(Array("{}".utf8), "\(job).json", in: .failed)
    }

    private func retry() throws -> RetryMove { RetryMove(try spool.reader()) }

    @Test("a failed job's request goes back to incoming, and its result stays for the daemon to withdraw")
    func one() throws {
        try fail("a", .generationTimeout)
        #expect(try retry().move(reference("a")) == .moved(reference("a")))
        #expect(try spool.names(in: .incoming) == ["a.json"] && spool.names(in: .failed) == ["a.result.json"])
    }

    @Test("all that may work later are moved, and nothing that would be bought again or can only fail again")
    func all() throws {
        try fail("timeout", .generationTimeout)
        try fail("unknown", .submissionUnknown)
        try fail("request", .invalidRequest)
        try fail("again", .generationFailed, retryable: true)
        try fail("never", .generationFailed, retryable: false)
        try spool.write(Array("{}".utf8), "odd.result.json", in: .failed)
        try spool.write(Array("{}".utf8), "odd.json", in: .failed)
        let moved = try retry().all(nil)
        #expect(moved == [.moved(try reference("again")), .moved(try reference("timeout"))])
        #expect(try spool.names(in: .incoming) == ["again.json", "timeout.json"])
        #expect(try retry().all(.submissionUnknown) == [.moved(try reference("unknown"))])
        #expect(try retry().all(nil).isEmpty)
    }

    @Test("a request of that name that waits already is not written over")
    func taken() throws {
        try fail("a", .generationTimeout)
        try spool.write(Array("[]".utf8), "a.json", in: .incoming)
        guard case .refused(let sentence) = try retry().move(reference("a")) else {
            Issue.record("it was moved")
            return
        }
        #expect(sentence.contains("waits in incoming/ already"))
        #expect(try spool.names(in: .failed) == ["a.json", "a.result.json"])
    }

    @Test("a job that has not failed is told where it is")
    func elsewhere() throws {
        try spool.write(Array("{}".utf8), "waits.json", in: .incoming)
        try spool.write(Array("{}".utf8), "works.json", in: .processing)
        try spool.write(Sample.complete("done").encode(), "done.result.json", in: .done)
        let gone = Sample.failed("gone", .init(code: .internal, message: "", stage: nil))
        try spool.write(gone.encode(), "gone.result.json", in: .failed)
        let cases = [
            ("waits", "it waits"), ("works", "in progress"), ("done", "complete"), ("gone", "only its result"),
            ("none", "There is no job"),
        ]
        for (job, words) in cases {
            do {
                _ = try retry().move(reference(job))
                Issue.record("\(job) was moved")
            } catch let failure as CommandFailure {
                #expect(failure.status == .noSuchJob && failure.sentence.contains(words), "\(failure.sentence)")
            }
        }
    }

    @Test("a part is no job of its own: whether anything of the whole is left to run again is said")
    func part() throws {
        func batch(_ job: String, _ parts: [Bool]) throws {
            var result = Sample.complete(job)
            let members = parts.enumerated().map { index, isComplete in
                ResultDocument.Batch.Member(
                    outfitID: "o-\(index)", jobID: "\(job).000\(index + 1)", isComplete: isComplete)
            }
            result.outcome = .batch(.init(members: members))
            try spool.write(result.encode(), "\(job).result.json", in: .done)
        }
        try batch("whole", [true, true])
        try batch("partly", [true, false])
        try batch("mostly-not", [true, false, false])
        try spool.write(Array("{}".utf8), "odd.result.json", in: .done)
        try fail("failed", .generationFailed)
        let cases = [
            ("whole.0001", "whole is complete in all its parts: nothing is left to run again."),
            ("partly.0001", "partly is complete, but for 1 part. Submit what failed"),
            ("mostly-not.0002", "mostly-not is complete, but for 2 parts. Submit what failed"),
            ("odd.0001", "odd is complete, if not in all its parts."),
            ("failed.0001", "`vizd retry failed` runs again"),
            ("none.0001", "There is no job none"),
        ]
        for (job, words) in cases {
            do {
                _ = try retry().move(reference(job))
                Issue.record("\(job) was moved")
            } catch let failure as CommandFailure {
                #expect(failure.status == .noSuchJob && failure.sentence.contains(words), "\(failure.sentence)")
            }
        }
    }
}
