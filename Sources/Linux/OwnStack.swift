// Work that gives its memory back before its caller goes on waiting.
//
// A task keeps the variables of its asynchronous functions in pieces of memory that it never returns before it ends:
// as much as the deepest call ever took. A job that prepares photos for a second and then waits for an hour would hold
// for that hour what the second took, and thousands of jobs wait at once. So what is not waiting is run in a task of
// its own, whose memory goes when it has ended; the caller holds no more than the way to its own wait.
//
// Nothing is concurrent by that: the caller waits. It costs about two microseconds, and a task of a pool's stays on its
// thread.

/// Runs asynchronous work on a stack of its own.
package enum OwnStack {
    /// Runs `body` in a task of its own and waits for it. A cancellation of the calling task does not reach it.
    package static func run<Answer, Failure: Error>(
        _ body: @escaping () async throws(Failure) -> Answer
    ) async throws(Failure) -> Answer {
        let work = Work(body)
        await Task(executorPreference: BlockingPool.here) { await work.run() }.value
        return try work.end()
    }
}

/// The work and what came of it.
private final class Work<Answer, Failure: Error>: @unchecked Sendable {
    // Guard: the caller hands it to one task and touches it again when that has ended; so does the body with whatever
    // it has from the caller.
    private var body: (() async throws(Failure) -> Answer)?
    private var outcome: Result<Answer, Failure>?

    init(_ body: @escaping () async throws(Failure) -> Answer) { self.body = body }

    func run() async {
        guard let body else { preconditionFailure("work was begun twice") }
        do throws(Failure) { outcome = .success(try await body()) } catch { outcome = .failure(error) }
        self.body = nil
    }

    func end() throws(Failure) -> Answer {
        guard let outcome else { preconditionFailure("work ended without an outcome") }
        return try outcome.get()
    }
}
