// The witness: what was asked of the simulator and what it cost, as a value and as JSON.

internal import Contract

/// A task as the books have it.
package struct BookedTask: Sendable {
    package let id: String
    package let model: String
    package let prompt: String
    package let ratio: String
    /// Nanoseconds since 1970.
    package let createdAt: Int64
    /// The status that a poll would show, `DELETED` where its owner removed it.
    package let status: String
    /// Credits of the estimate, fractions included.
    package let estimated: Double
    /// Credits that were taken in the end; nil while it is under way.
    package let billed: Int?
    /// SHA-256 in hexadecimal of each reference, in its order: of the image's bytes, of the address where it was one.
    package let references: [String]
    /// The tags of the references; nil for one without.
    package let tags: [String?]
    package let polls: Int
    package let downloads: Int
}

/// Everything that happened since the start or the last reset.
package struct Books: Sendable {
    /// In the order of their creation.
    package let tasks: [BookedTask]
    /// Credits that are left: the start less what is billed and what is set aside for tasks under way.
    package let creditsLeft: Int
    /// Credits of finished tasks.
    package let creditsBilled: Int
    /// Credits set aside for tasks under way.
    package let creditsReserved: Int
    /// Creates that were received whole, whatever came of them.
    package let createsReceived: Int
    /// Of these, refused by a check (400, 401, 404, 413, 429).
    package let createsRefused: Int
    /// Of these, spoiled by a fault before anything was done.
    package let createsDisturbed: Int
    package let polls: Int
    /// The most polls of one task within one second of the clock.
    package let mostPollsPerTaskAndSecond: Int
    /// Nanoseconds between two polls of one task, the least; nil where none was polled twice.
    package let shortestPollGap: Int64?
    /// Downloads with a good signature, and those that a fault spoiled.
    package let downloads: Int
    /// `DELETE`s of tasks.
    package let cancels: Int
    /// Uploads that were stored.
    package let uploads: Int
}

extension Core {
    /// The books of this moment.
    func books() -> Books {
        let (book, moment) = now { live, moment in (live.book, moment) }
        let records = book.order.compactMap { book.tasks[$0] }
        let tasks = records.map { task in
            BookedTask(
                id: task.id, model: task.order.model, prompt: task.order.prompt, ratio: task.order.ratio,
                createdAt: task.createdAt, status: task.isDeleted ? "DELETED" : task.phase(at: moment).status,
                estimated: task.order.estimate, billed: task.billed, references: task.digests,
                tags: task.order.references.map(\.tag), polls: task.polls, downloads: task.downloads)
        }
        let counters = book.counters
        return Books(
            tasks: tasks, creditsLeft: book.credits, creditsBilled: records.reduce(0) { $0 + ($1.billed ?? 0) },
            creditsReserved: records.reduce(0) { $0 + ($1.billed == nil ? $1.reserved : 0) },
            createsReceived: counters.creates, createsRefused: counters.createsRefused,
            createsDisturbed: counters.createsDisturbed, polls: counters.polls,
            mostPollsPerTaskAndSecond: counters.mostPollsInSecond, shortestPollGap: counters.shortestPollGap,
            downloads: counters.downloads, cancels: counters.cancels, uploads: book.uploads.filled)
    }
}

extension Books {
    /// The books as `GET /simulator/books` answers them.
    var answer: Answer {
        Answer.json { writer in
            writer.member("creditsLeft", creditsLeft)
            writer.member("creditsBilled", creditsBilled)
            writer.member("creditsReserved", creditsReserved)
            writer.member("createsReceived", createsReceived)
            writer.member("createsRefused", createsRefused)
            writer.member("createsDisturbed", createsDisturbed)
            writer.member("tasksCreated", tasks.count)
            writer.member("polls", polls)
            writer.member("mostPollsPerTaskAndSecond", mostPollsPerTaskAndSecond)
            writer.member("shortestPollGapSeconds", shortestPollGap.map { Double($0) / 1e9 })
            writer.member("downloads", downloads)
            writer.member("cancels", cancels)
            writer.member("uploads", uploads)
            writer.key("tasks")
            writer.beginArray()
            for task in tasks { task.write(to: &writer) }
            writer.endArray()
        }
    }
}

extension BookedTask {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("id", id)
        writer.member("model", model)
        writer.member("status", status)
        writer.member("createdAt", Timestamp(nanoseconds: createdAt).rfc3339)
        writer.member("estimated", estimated)
        writer.member("billed", billed)
        writer.member("prompt", prompt)
        writer.member("ratio", ratio)
        writer.member("polls", polls)
        writer.member("downloads", downloads)
        writer.member("referenceCount", references.count)
        writer.key("references")
        writer.beginArray()
        for (digest, tag) in zip(references, tags) {
            writer.beginObject()
            writer.member("sha256", digest)
            writer.member("tag", tag)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}
