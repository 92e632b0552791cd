// Waiting for a job to end, without asking over and over: inotify says when one of its files came or went.
//
// Watch first, then look, so that what happens in between is seen. An event is only a hint to look again; where no
// events come (a box that may not be read, a file system that reports none) a look every few seconds serves.

internal import Linux
internal import Spool

struct JobWatch {
    private static let blindInterval: Int64 = 5_000_000_000

    private let spool: SpoolReader
    private let job: JobReference
    private let inotify: Inotify

    init(_ spool: SpoolReader, _ job: JobReference) throws(SystemFailure) {
        self.spool = spool
        self.job = job
        inotify = try Inotify()
        for box in [Box.incoming, .processing, .done, .failed] { try watch(box) }
    }

    private func watch(_ box: Box) throws(SystemFailure) {
        do throws(SystemFailure) {
            let folder = try spool.box(box)
            _ = try inotify.watch(folder, [.movedTo, .movedFrom, .created, .deleted])
        } catch  where [.accessDenied, .notFound].contains(error.errno) {}
    }

    /// Looks, tells `seen`, and goes on until `seen` answers something or the time is over.
    /// - Parameters:
    ///   - deadline: monotonic nanoseconds; nil waits for ever.
    ///   - seen: gets the place of the job whenever it may have changed, nil when no box has it.
    /// - Returns: the answer, or nil when the time is over.
    func wait<Answer>(
        until deadline: Int64?, now: () -> Int64, seen: (JobPlace?) throws -> Answer?
    ) throws -> Answer? {
        while true {
            if let answer = try seen(try spool.place(of: job)) { return answer }
            let blind = now() + Self.blindInterval
            repeat {
                let left = min(deadline ?? .max, blind) - now()
                guard left > 0 else { break }
                _ = try Poll.readable([inotify.raw], timeout: left)
            } while try !isNews(inotify.drain())
            if let deadline, now() >= deadline { return try seen(try spool.place(of: job)) }
        }
    }

    /// Whether one of the events is about this job, or some were lost.
    private func isNews(_ events: [InotifyEvent]) -> Bool {
        // What happens to the whole concerns its parts.
        let name = Array((job.root ?? job).name.utf8)
        return events.contains { $0.mask.contains(.overflow) || $0.name?.bytes.starts(with: name) == true }
    }
}
