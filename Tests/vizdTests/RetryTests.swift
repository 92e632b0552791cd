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
}
