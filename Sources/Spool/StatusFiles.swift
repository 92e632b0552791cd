// `processing/NAME.status.json`: what a job is doing, replaced atomically at every step and at least every few seconds.
//
// A thread of its own writes them, without fsync: they tell of now, and a restart makes them anew. A file rests for a
// moment (a tenth of a second; longer where many jobs are at work, up to two seconds) after the job began and after
// each writing: steps that follow each other faster are written once, with the latest, and a job that is over by then
// has no file. Every writing is a new inode and the end of an old one, which is among the dearest things that one can
// ask of a file system. After `retire` has returned, no status file of that job appears any more. A status that cannot
// be written is reported once and tried again at the next step.

internal import DequeModule
internal import HeapModule
package import Linux
internal import Synchronization

/// Writes the status files of the jobs in progress.
package final class StatusFiles: Sendable {
    /// The content of a job's status file at a time (nanoseconds since 1970).
    package typealias Render = @Sendable (Int64) -> [UInt8]

    private struct Job {
        let serial: UInt64
        let render: Render
        /// Whether there is news that is not written.
        var isDirty: Bool
        /// News is not written before.
        var rested: Int64
        /// When it is written without news.
        var due: Int64
    }

    private struct Turn: Comparable {
        let name: LandingName
        let serial: UInt64
        let due: Int64

        static func < (one: Turn, other: Turn) -> Bool { (one.due, one.serial) < (other.due, other.serial) }
        static func == (one: Turn, other: Turn) -> Bool { (one.due, one.serial) == (other.due, other.serial) }
    }

    private struct State {
        var jobs: [LandingName: Job] = [:]
        /// Jobs with news, by the time at which it may be written.
        var dirty = Heap<Turn>()
        /// Jobs by the time of their next regular writing; the interval is the same for all, so this is in order.
        var regular = Deque<Turn>()
        /// The job whose file is being written now.
        var writing: LandingName?
        var serial: UInt64 = 0
        /// For which moment the thread sleeps; nil while it is at work.
        var sleepsUntil: Int64?
        var isClosed = false

        /// When there is something to do next.
        var next: Int64 { min(dirty.min?.due ?? .max, regular.first?.due ?? .max) }
    }

    private enum Step {
        case write(LandingName, UInt64, Render)
        /// Something is due earlier than what was waited for.
        case sleepAnew
        case end
    }

    private let spool: Spool
    private let interval: Int64
    private let rest: Int64
    /// What each job at work adds to the rest of all, so that news makes some hundred files a second and no more.
    private static let restPerJob: Int64 = 8_000_000
    private static let longestRest: Int64 = 2_000_000_000
    private let trouble: @Sendable (SystemFailure) -> Void
    private let monitor = Monitor(State())
    private let isTroubled = Mutex(false)

    /// Starts the thread.
    /// - Parameters:
    ///   - interval: the longest time between two writings of a job's file, nanoseconds.
    ///   - rest: the shortest while few jobs are at work, also from a job's beginning to the first.
    ///   - trouble: told of the first failure after a success.
    package init(
        _ spool: Spool, interval: Int64 = 5_000_000_000, rest: Int64 = 100_000_000,
        trouble: @escaping @Sendable (SystemFailure) -> Void
    ) {
        (self.spool, self.interval, self.rest, self.trouble) = (spool, interval, rest, trouble)
        OwnedThread.spawn(name: "vizd-status") { [self] in run() }
    }

    /// Begins a job: its file is written after a rest, and from then on at each `touch`, rests between, and interval.
    package func begin(_ name: LandingName, render: @escaping Render) {
        let now = MonotonicClock.now()
        let wakes = monitor.look { state in
            state.serial += 1
            let rested = now + rest(among: state.jobs.count)
            state.jobs[name] = Job(serial: state.serial, render: render, isDirty: true, rested: rested, due: 0)
            return StatusFiles.note(&state, Turn(name: name, serial: state.serial, due: rested))
        }
        if wakes { monitor.change { _ in } }
    }

    /// Tells that a job has news. Nothing happens for a job that has not begun or is retired.
    package func touch(_ name: LandingName) {
        let wakes = monitor.look { state in
            guard let job = state.jobs[name], !job.isDirty else { return false }
            state.jobs[name]!.isDirty = true
            return StatusFiles.note(&state, Turn(name: name, serial: job.serial, due: job.rested))
        }
        if wakes { monitor.change { _ in } }
    }

    /// How long a file is left alone while so many jobs are at work.
    private func rest(among jobs: Int) -> Int64 {
        max(rest, min(Int64(jobs) * StatusFiles.restPerJob, StatusFiles.longestRest))
    }

    /// Answers whether the thread has to be woken for it.
    private static func note(_ state: inout State, _ turn: Turn) -> Bool {
        state.dirty.insert(turn)
        return state.sleepsUntil.map { turn.due < $0 } ?? false
    }

    /// Ends a job and removes its file. Blocks while the file is being written: only on a thread that we own.
    package func retire(_ name: LandingName) throws(SystemFailure) {
        // Nobody is woken: what is due for it is passed over.
        monitor.look { $0.jobs[name] = nil }
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
            let moment = monitor.look { state in
                state.sleepsUntil = state.next
                return state.next
            }
            let step = monitor.wait(until: moment == .max ? nil : moment) { state in
                next(&state, sleptFor: moment, MonotonicClock.now())
            }
            switch step {
            case .end: return
            case .write(let name, let serial, let render): write(name, serial, render)
            // The moment passed, and the next look finds what is due.
            case .sleepAnew, nil: continue
            }
        }
    }

    private func next(_ state: inout State, sleptFor moment: Int64, _ now: Int64) -> Step? {
        if state.isClosed { return .end }
        while let turn = state.dirty.min, turn.due <= now {
            state.dirty.removeMin()
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
        return state.next < moment ? .sleepAnew : nil
    }

    private func start(_ state: inout State, _ name: LandingName, _ job: Job) -> Step {
        state.jobs[name]!.isDirty = false
        (state.writing, state.sleepsUntil) = (name, nil)
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
        let now = MonotonicClock.now()
        let due = now + interval
        monitor.change { state in
            state.writing = nil
            guard let job = state.jobs[name], job.serial == serial else { return }
            (state.jobs[name]!.due, state.jobs[name]!.rested) = (due, now + rest(among: state.jobs.count))
            state.regular.append(Turn(name: name, serial: serial, due: due))
        }
    }
}
