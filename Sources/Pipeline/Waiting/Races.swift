// Waits that end early when the job is to end: no thread, no task and no timer of their own, one continuation that
// whoever comes first resumes.

internal import Synchronization

/// A continuation that is resumed once, by whoever comes first.
final class Once: Sendable {
    private let continuation: Mutex<CheckedContinuation<Void, Never>?>

    init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = Mutex(continuation) }

    func resume() {
        let first = continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
        first?.resume()
    }
}

extension Pipeline {
    /// Waits until a moment of the monotonic clock.
    /// - Returns: false where the job is to end, which then came first.
    func sleep(_ moment: Int64, unless cancel: JobCancel) async -> Bool {
        if cancel.isMade { return false }
        await withCheckedContinuation { continuation in
            let once = Once(continuation)
            time.ring(moment) { once.resume() }
            cancel.onMade { once.resume() }
        }
        cancel.forget()
        return !cancel.isMade
    }
}
