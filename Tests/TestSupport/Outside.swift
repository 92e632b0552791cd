// A thread for tests that wait for other processes. The threads of the cooperative pool are as many as the machine has
// cores, and a test that holds one of them keeps all the tests of the modules waiting.

internal import Linux

/// Tests that are isolated to this actor run on a thread of their own, one after the other.
@globalActor
package actor Outside {
    package static let shared = Outside()

    private static let executor = ThreadExecutor()

    package nonisolated var unownedExecutor: UnownedSerialExecutor { Self.executor.asUnownedSerialExecutor() }
}

private final class ThreadExecutor: SerialExecutor {
    private let pool = BlockingPool(threads: 1, name: "vizd-outside")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pool.submit { [self] in job.runSynchronously(on: asUnownedSerialExecutor()) }
    }
}
