// The sanitizers are awake, and know what Swift's locks are: a fault made on purpose ends a process of its own, and
// what is no fault does not. Without a sanitizer in the build there is nothing to ask. `scripts/check` runs these
// first.

import Glibc
import Linux
import Sanitizers
import Synchronization
import Testing

/// Runs `body` on threads of its own and waits for all of them.
private func together(_ bodies: [@Sendable () -> Void]) {
    let ended = Monitor(0)
    for body in bodies {
        OwnedThread.spawn(name: "together") {
            body()
            ended.change { $0 += 1 }
        }
    }
    ended.wait { $0 == bodies.count ? () : nil }
}

/// Made when it is first asked for.
private let madeOnce: [Int] = (0..<100).map { $0 * $0 }

/// A number that nothing guards, and what may stand between those who use it.
private final class Unguarded: @unchecked Sendable {
    let number = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    let lock = Mutex(())
    let told = Atomic(false)

    init() { number.initialize(to: 0) }
    deinit { number.deallocate() }
}

@Suite("Sanitizers")
struct SanitizerTests {
    @Test("two threads at one number, with nothing between them, are told", .enabled(if: vz_thread_sanitizer()))
    func races() async {
        await #expect(processExitsWith: .failure) {
            let shared = Unguarded()
            together([{ shared.number.pointee += 1 }, { shared.number.pointee += 1 }])
        }
    }

    @Test("threads that wait for each other's lock are in order", .enabled(if: vz_thread_sanitizer()))
    func locks() async {
        await #expect(processExitsWith: .success) {
            let shared = Unguarded()
            let body: @Sendable () -> Void = {
                for _ in 0..<2_000 {
                    shared.lock.withLock { _ in
                        shared.number.pointee += 1
                        // The others come to wait.
                        sched_yield()
                    }
                }
            }
            together([body, body, body, body])
            precondition(shared.number.pointee == 8_000)
        }
    }

    @Test("what one thread has made once is ready for the next", .enabled(if: vz_thread_sanitizer()))
    func once() async {
        await #expect(processExitsWith: .success) {
            // Nothing but the making itself orders the two.
            let shared = Unguarded()
            together([
                {
                    precondition(madeOnce[7] == 49)
                    shared.told.store(true, ordering: .relaxed)
                },
                {
                    while !shared.told.load(ordering: .relaxed) { sched_yield() }
                    precondition(madeOnce[9] == 81)
                },
            ])
        }
    }

    @Test("a task goes on after whoever resumed it, at whatever moment that was", .enabled(if: vz_thread_sanitizer()))
    func continuations() async {
        await #expect(processExitsWith: .success) {
            let (shared, pool) = (Unguarded(), BlockingPool(threads: 1))
            for _ in 0..<5_000 {
                await pool.run { shared.number.pointee += 1 }
                shared.number.pointee += 1
            }
            precondition(shared.number.pointee == 10_000)
        }
    }

    @Test("a byte beyond the end of memory is told", .enabled(if: vz_address_sanitizer()))
    func bounds() async {
        await #expect(processExitsWith: .failure) {
            let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 8)
            bytes.initialize(repeating: 1, count: 8)
            withExtendedLifetime(bytes[8]) {}
        }
    }

    @Test("what C leaves undefined is told", .enabled(if: vz_undefined_sanitizer()))
    func undefined() async {
        await #expect(processExitsWith: .failure) { withExtendedLifetime(vz_successor(.max)) {} }
    }

    @Test("memory that nobody can reach any more is told", .enabled(if: SanitizerTests.findsLeaks))
    func leaks() async {
        await #expect(processExitsWith: .failure) { vz_forget() }
    }

    private static let findsLeaks =
        vz_address_sanitizer() && Host.environment["ASAN_OPTIONS"]?.contains("detect_leaks=1") == true
}
