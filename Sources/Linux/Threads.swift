// Threads that we own, for whatever blocks: fsync, flock, SQLite, child processes. The cooperative pool has as many
// threads as the machine has cores, and one blocked thread there is half of a small machine.

internal import CLinux
internal import Glibc
internal import Synchronization

/// A thread of ours, named as `ps -L` shows it.
package enum OwnedThread {
    /// Runs `body` on a thread of its own until it returns. Signals are blocked in it.
    package static func spawn(name: String, _ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Body(body))
        let failed = vz_thread(runBody, box.toOpaque(), name)
        // EAGAIN: the machine has no thread left for us; nothing that vizd promises could be kept.
        precondition(failed == 0, "thread \(name) could not be started: \(Errno(rawValue: failed).text)")
    }
}

private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func runBody(_ raw: UnsafeMutableRawPointer?) {
    Unmanaged<Body>.fromOpaque(raw!).takeRetainedValue().run()
}

/// A mutex with a condition, for threads that wait for work. The pthread objects live on the heap: they must not move.
package final class Monitor<State>: @unchecked Sendable {
    // Guard: `state` is touched only between lock and unlock of `mutex`.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    /// Guards a value.
    package init(_ state: sending State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Changes the value and wakes every waiter.
    package func change<Answer>(_ body: (inout State) -> Answer) -> Answer {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(condition)
            pthread_mutex_unlock(mutex)
        }
        return body(&state)
    }

    /// Changes the value and wakes one waiter: where any of them can do what there is to do.
    package func changeForOne<Answer>(_ body: (inout State) -> Answer) -> Answer {
        pthread_mutex_lock(mutex)
        let answer = body(&state)
        pthread_mutex_unlock(mutex)
        pthread_cond_signal(condition)
        return answer
    }

    /// Changes the value and wakes one waiter if `body` says so.
    package func changeAndCall(_ body: (inout State) -> Bool) {
        pthread_mutex_lock(mutex)
        let calls = body(&state)
        pthread_mutex_unlock(mutex)
        if calls { pthread_cond_signal(condition) }
    }

    /// Looks at the value, waking nobody.
    package func look<Answer>(_ body: (inout State) -> Answer) -> Answer {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&state)
    }

    /// Waits until `body` answers something, looking again after each change.
    /// - Parameter deadline: monotonic nanoseconds; nil waits for ever.
    /// - Returns: nil when the deadline passed.
    package func wait<Answer>(until deadline: Int64? = nil, _ body: (inout State) -> Answer?) -> Answer? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let answer = body(&state) { return answer }
            guard let deadline else {
                pthread_cond_wait(condition, mutex)
                continue
            }
            if MonotonicClock.now() >= deadline { return nil }
            var limit = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
            pthread_cond_timedwait(condition, mutex, &limit)
        }
    }
}
