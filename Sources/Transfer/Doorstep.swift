// Between the tasks that want a transfer and the thread that makes them: what is handed in, and the figures that are
// handed out. Nothing waits under its locks.

internal import Linux
internal import Synchronization

/// Where requests are handed in.
final class Doorstep: Sendable {
    /// A request, and whoever waits for what comes of it.
    struct Ticket: Sendable {
        let leg: Leg
        let waiter: CheckedContinuation<LegOutcome, Never>
    }

    /// What the loop is asked to do.
    enum Message: Sendable {
        case start(TransferID, Ticket)
        case cancel(TransferID)
    }

    private struct Inbox: Sendable {
        var messages: [Message] = []
        var isClosed = false
    }

    /// Rings when there is something to take.
    let bell: EventFD
    private let inbox = Mutex(Inbox())
    private let figures = Mutex(TransferReport())
    private let lastID = Atomic<TransferID>(0)

    init() throws(SystemFailure) { bell = try EventFD() }

    /// A number that no transfer had before.
    func newID() -> TransferID { lastID.add(1, ordering: .relaxed).newValue }

    /// Hands something in. Answers false when the loop takes no more.
    func post(_ message: Message) -> Bool {
        let (isTaken, wasEmpty) = inbox.withLock { inbox in
            if inbox.isClosed { return (false, false) }
            inbox.messages.append(message)
            return (true, inbox.messages.count == 1)
        }
        if wasEmpty { bell.signal() }
        return isTaken
    }

    /// Ends the loop after what was handed in so far.
    func close() {
        inbox.withLock { $0.isClosed = true }
        bell.signal()
    }

    /// What was handed in since the last time, and whether more may come.
    func take() -> (messages: [Message], isClosed: Bool) {
        inbox.withLock { inbox in
            defer { inbox.messages = [] }
            return (inbox.messages, inbox.isClosed)
        }
    }

    /// The loop's figures.
    var report: TransferReport {
        get { figures.withLock { $0 } }
        set { figures.withLock { $0 = newValue } }
    }
}
