// `processing/NAME.status.json`: what a job is doing, replaced atomically at every step and at least every few seconds.
//
// A thread of its own writes them, without fsync: they tell of now, and a restart makes them anew. Steps that follow
// each other faster than the disk are written once, with the latest. After `retire` has returned, no status file of
// that job appears any more. A status that cannot be written is reported once and tried again at the next step.

internal import DequeModule
package import Linux
internal import Synchronization

/// Writes the status files of the jobs in progress.
package final class StatusFiles: Sendable {
    /// The content of a job's status file at a time (nanoseconds since 1970).
    package typealias Render = @Sendable (Int64) -> [UInt8]

    private struct Job {
        let serial: UInt64
        let render: Render
        var isDirty: Bool
        var due: Int64
    }

    private struct Turn {
        let name: LandingName
        let serial: UInt64
        let due: Int64
    }

    private struct State {
        var jobs: [LandingName: Job] = [:]
        /// Jobs with news, in the order in which it came.
        var dirty = Deque<Turn>()
        /// Jobs by the time of their next regular writing; the interval is the same for all, so this is in order.
        var regular = Deque<Turn>()
        /// The job whose file is being written now.
        var writing: LandingName?
        var serial: UInt64 = 0
        var isClosed = false
    }

    private enum Step {
        case write(LandingName, UInt64, Render)
        case end
    }

    private let spool: Spool
    private let interval: Int64
    private let trouble: @Sendable (SystemFailure) -> Void
    private let monitor = Monitor(State())
    private let isTroubled = Mutex(false)

    /// Starts the thread.
    /// - Parameters:
    ///   - interval: the longest time between two writings of a job's file, nanoseconds.
    ///   - trouble: told of the first failure after a success.
    package init(
        _ spool: Spool, interval: Int64 = 5_000_000_000, trouble: @escaping @Sendable (SystemFailure) -> Void
    ) {
        (self.spool, self.interval, self.trouble) = (spool, interval, trouble)
        OwnedThread.spawn(name: "vizd-status") { [self] in run() }
    }

    /// Begins a job: its file is written as soon as the disk allows, and from then on at each `touch` and interval.
    package func begin(_ name: LandingName, render: @escaping Render) {
        monitor.change { state in
            state.serial += 1
            state.jobs[name] = Job(serial: state.serial, render: render, isDirty: true, due: 0)
            state.dirty.append(Turn(name: name, serial: state.serial, due: 0))
        }
    }

    /// Tells that a job has news. Nothing happens for a job that has not begun or is retired.
    package func touch(_ name: LandingName) {
        monitor.change { state in
            guard let job = state.jobs[name], !job.isDirty else { return }
            state.jobs[name]!.isDirty = true
            state.dirty.append(Turn(name: name, serial: job.serial, due: 0))
        }
    }

    /// Ends a job and removes its file. Blocks while the file is being written: only on a thread that we own.
    package func retire(_ name: LandingName) throws(SystemFailure) {
        monitor.change { $0.jobs[name] = nil }
        _ = monitor.wait { $0.writing == name ? nil : true }
        try spool[.processing].unlinkIfPresent(name.statusFile)
    }

    /// Ends the thread after the file that it is at. The files of jobs in progress stay for the next start.
    package func close() { monitor.change { $0.isClosed = true } }

    /// How many jobs have a status file.
    package var count: Int { monitor.look { $0.jobs.count } }

    // MARK: The thread

    private func run() {
        while true {
            let deadline = monitor.look { $0.regular.first?.due }
            let step = monitor.wait(until: deadline) { state in next(&state, MonotonicClock.now()) }
            switch step {
            case .end: return
            case .write(let name, let serial, let render): write(name, serial, render)
            // The regular deadline passed; the next look finds it due. Or it moved, and is asked for again.
            case nil: continue
            }
        }
    }

    private func next(_ state: inout State, _ now: Int64) -> Step? {
        if state.isClosed { return .end }
        while let turn = state.dirty.popFirst() {
            if let job = state.jobs[turn.name], job.serial == turn.serial, job.isDirty {
                return start(&state, turn.name, job)
            }
        }
        while let turn = state.regular.first, turn.due <= now {
            state.regular.removeFirst()
            if let job = state.jobs[turn.name], job.serial == turn.serial, job.due == turn.due {
                return start(&state, turn.name, job)
            }
        }
        return nil
    }

    private func start(_ state: inout State, _ name: LandingName, _ job: Job) -> Step {
        state.jobs[name]!.isDirty = false
        state.writing = name
        return .write(name, job.serial, job.render)
    }

    private func write(_ name: LandingName, _ serial: UInt64, _ render: Render) {
        let file = name.statusFile
        do throws(SystemFailure) {
            try spool[.processing].publish(
                render(WallClock.now()), as: file, temporary: JobFiles.temporary(for: file, tag: "00000000"),
                durable: false)
            isTroubled.withLock { $0 = false }
        } catch {
            if isTroubled.withLock({ was in
                defer { was = true }
                return !was
            }) {
                trouble(error)
            }
        }
        let due = MonotonicClock.now() + interval
        monitor.change { state in
            state.writing = nil
            guard let job = state.jobs[name], job.serial == serial else { return }
            state.jobs[name]!.due = due
            state.regular.append(Turn(name: name, serial: serial, due: due))
        }
    }
}
