// Photos that are too large to go along with an order: uploaded once, remembered by their digest.
//
// A handle serves any number of orders for a day; it is remembered for 23 hours, counted from before the upload began.
// However many orders want one photo at the same moment, it goes up once: the first uploads, the others wait for its
// answer. What goes wrong goes wrong for all of them, except that the first was cancelled: then the next one uploads.
// A slot gets one transfer; after a failure the next call asks for a new slot.

internal import Contract
internal import Synchronization
internal import Transfer

/// Which photos are uploaded and which are on their way: decides, does nothing.
struct UploadShelf {
    /// Stands for one that asked.
    typealias Ticket = UInt64

    /// What one that asked has to do.
    enum Step: Equatable {
        case have(handle: String)
        /// Upload it, then say `ended`.
        case upload
        /// Somebody else uploads it: wait for the answer under this ticket.
        case wait(Ticket)
    }

    /// How an upload ended, for all that wait for it.
    enum Outcome: Equatable {
        case handle(String)
        case failed(ProviderFailure)
        /// Nobody uploads it any more: ask again.
        case open
    }

    private enum Entry {
        case done(handle: String, until: Int64)
        case underway(waiting: [Ticket])
    }

    /// How long a handle is used: an hour less than it lives.
    static let lifetime: Int64 = 23 * 3_600_000_000_000

    private let capacity: Int
    private var entries: [String: Entry] = [:]
    private var done = 0
    private var tickets: Ticket = 0

    /// - Parameter capacity: the most handles that are remembered.
    init(capacity: Int) {
        precondition(capacity > 0, "a shelf without room")
        self.capacity = capacity
    }

    /// Handles that are remembered, the expired ones included.
    var count: Int { done }

    /// Somebody wants the photo with this digest.
    mutating func ask(_ digest: String, now: Int64) -> Step {
        switch entries[digest] {
        case .done(let handle, let until) where now < until: return .have(handle: handle)
        case .underway(var waiting):
            tickets += 1
            waiting.append(tickets)
            entries[digest] = .underway(waiting: waiting)
            return .wait(tickets)
        case .done, nil:
            forget(digest)
            entries[digest] = .underway(waiting: [])
            return .upload
        }
    }

    /// The upload of the one that was told to has ended.
    /// - Parameter began: when it did.
    /// - Returns: who waits for the outcome.
    mutating func ended(_ digest: String, _ outcome: Outcome, began: Int64, now: Int64) -> [Ticket] {
        guard case .underway(let waiting)? = entries.removeValue(forKey: digest) else {
            preconditionFailure("an upload of \(digest) ended that never began")
        }
        if case .handle(let handle) = outcome {
            if done >= capacity { makeRoom(now: now) }
            entries[digest] = .done(handle: handle, until: began + UploadShelf.lifetime)
            done += 1
        }
        return waiting
    }

    /// One that waited gives up. Answers whether it still waited.
    mutating func leave(_ ticket: Ticket, _ digest: String) -> Bool {
        guard case .underway(var waiting)? = entries[digest], let at = waiting.firstIndex(of: ticket) else {
            return false
        }
        waiting.remove(at: at)
        entries[digest] = .underway(waiting: waiting)
        return true
    }

    /// Runway refused an order with this handle: it is asked for anew the next time.
    mutating func forget(_ digest: String) {
        guard case .done? = entries[digest] else { return }
        entries[digest] = nil
        done -= 1
    }

    /// Drops what has expired, and where that is nothing, the handle that will expire first.
    private mutating func makeRoom(now: Int64) {
        var first: (digest: String, until: Int64)?
        for (digest, entry) in entries {
            guard case .done(_, let until) = entry else { continue }
            if until <= now {
                forget(digest)
            } else if until < first?.until ?? .max {
                first = (digest, until)
            }
        }
        if done >= capacity, let first { forget(first.digest) }
    }
}

/// Uploads photos.
final class RunwayUploads: Sendable {
    private struct State {
        var shelf: UploadShelf
        var waiting: [UploadShelf.Ticket: CheckedContinuation<UploadShelf.Outcome, Never>] = [:]
        /// Tickets whose outcome, or end, came before their continuation.
        var early: [UploadShelf.Ticket: UploadShelf.Outcome] = [:]
    }

    private let calls: RunwayCalls
    private let clock: @Sendable () -> Int64
    private let state: Mutex<State>

    /// - Parameter clock: monotonic nanoseconds.
    init(_ calls: RunwayCalls, clock: @escaping @Sendable () -> Int64, capacity: Int = 4096) {
        (self.calls, self.clock) = (calls, clock)
        state = Mutex(State(shelf: UploadShelf(capacity: capacity)))
    }

    /// The handle of a photo, which is uploaded where it is not there yet.
    func handle(_ digest: String, _ image: [UInt8]) async throws(ProviderFailure) -> String {
        while true {
            let now = clock()
            let outcome: UploadShelf.Outcome
            switch state.withLock({ $0.shelf.ask(digest, now: now) }) {
            case .have(let handle): return handle
            case .upload: outcome = await upload(digest, image, began: now)
            case .wait(let ticket): outcome = await wait(ticket, digest)
            }
            switch outcome {
            case .handle(let handle): return handle
            case .failed(let failure): throw failure
            case .open: if Task.isCancelled { throw RunwayUploads.cancelled }
            }
        }
    }

    /// How many wait for another's upload.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Handles that did not serve.
    func forget(_ digests: [String]) {
        state.withLock { state in digests.forEach { state.shelf.forget($0) } }
    }

    private static let cancelled = ProviderFailure(
        code: .providerUnavailable,
        message: "The upload of a photo to Runway was broken off, since vizd ends the job. "
            + "Nothing was ordered.", retryable: true, retry: .later(seconds: nil))

    // MARK: - Waiting for another's upload

    private func wait(_ ticket: UploadShelf.Ticket, _ digest: String) async -> UploadShelf.Outcome {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let early = state.withLock { state in
                    let early = state.early.removeValue(forKey: ticket)
                    if early == nil { state.waiting[ticket] = continuation }
                    return early
                }
                if let early { continuation.resume(returning: early) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> CheckedContinuation<UploadShelf.Outcome, Never>? in
                guard state.shelf.leave(ticket, digest) else { return nil }
                if let waiter = state.waiting.removeValue(forKey: ticket) { return waiter }
                state.early[ticket] = .open
                return nil
            }
            waiter?.resume(returning: .open)
        }
    }

    /// Makes the upload and tells those that wait.
    private func upload(_ digest: String, _ image: [UInt8], began: Int64) async -> UploadShelf.Outcome {
        let result: Result<String, ProviderFailure>
        do throws(ProviderFailure) { result = .success(try await send(digest, image)) } catch {
            result = .failure(error)
        }
        let outcome: UploadShelf.Outcome =
            switch result {
            case .success(let handle): .handle(handle)
            case .failure(let failure): Task.isCancelled ? .open : .failed(failure)
            }
        let now = clock()
        let waiters = state.withLock { state in
            state.shelf.ended(digest, outcome, began: began, now: now).compactMap { ticket in
                let waiter = state.waiting.removeValue(forKey: ticket)
                if waiter == nil { state.early[ticket] = outcome }
                return waiter
            }
        }
        for waiter in waiters { waiter.resume(returning: outcome) }
        return outcome
    }

    // MARK: - One upload

    /// A new slot, and the photo into it.
    private func send(_ digest: String, _ image: [UInt8]) async throws(ProviderFailure) -> String {
        let name = "\(digest.prefix(32)).jpg"
        let slot = try await slot(name)
        let form = MultipartForm(fields: slot.fields, fileName: name, file: image, boundary: "vizd-\(digest)")
        let answer: TransferAnswer
        do throws(TransferFailure) {
            answer = try await calls.foreign(slot.address, contentType: form.contentType, form.bytes)
        } catch {
            throw RunwayFailures.unsent("the upload of a photo", error, quote: calls.quote)
        }
        guard answer.isSuccess else {
            throw ProviderFailure(
                code: .providerUnavailable,
                message: "Runway's storage did not take a photo (status \(answer.status)). Nothing was ordered; send "
                    + "the request again later.",
                retryable: true, retry: .later(seconds: RetryAfter.seconds(answer)), httpStatus: answer.status)
        }
        return slot.handle
    }

    private func slot(_ name: String) async throws(ProviderFailure) -> RunwaySlot {
        var json = JSONWriter()
        json.beginObject()
        json.member("filename", name)
        json.member("type", "ephemeral")
        json.endObject()
        let answer: TransferAnswer
        do throws(TransferFailure) { answer = try await calls.post("/v1/uploads", WovenBody(json.bytes)) } catch {
            throw RunwayFailures.unsent("the upload of a photo", error, quote: calls.quote)
        }
        guard answer.isSuccess else { throw RunwayUploads.refusal(answer, quote: calls.quote) }
        guard let slot = RunwaySlot(answer.body) else {
            throw ProviderFailure(
                code: .providerUnavailable,
                message: "Runway's answer to a request for an upload cannot be read. Nothing was ordered; send the "
                    + "request again later.",
                retryable: true, retry: .later(seconds: nil), httpStatus: answer.status)
        }
        return slot
    }

    /// Runway takes uploads only from accounts that have bought credits once, and says so with a 400 or its like.
    private static func refusal(_ answer: TransferAnswer, quote: (String) -> String) -> ProviderFailure {
        let failure = RunwayFailures.refusal("the upload of a photo", answer, quote: quote)
        guard failure.code == .providerRejected else { return failure }
        return ProviderFailure(
            code: failure.code,
            message: failure.message + " Uploads need an account that has bought credits at least once; smaller photos "
                + "go along without one.",
            retryable: false, httpStatus: failure.httpStatus)
    }
}

/// A form with one file at its end (RFC 7578), as presigned storage wants it.
struct MultipartForm {
    let contentType: String
    let bytes: [UInt8]

    /// - Parameter boundary: a text that is in none of the parts. One made of the file's own SHA-256 is not in it.
    init(fields: [RunwaySlot.Field], fileName: String, file: [UInt8], boundary: String) {
        contentType = "multipart/form-data; boundary=\(boundary)"
        var head = ""
        for field in fields {
            head +=
                "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(MultipartForm.quoted(field.name))\"\r\n\r\n"
            head += field.value + "\r\n"
        }
        head += "--\(boundary)\r\nContent-Disposition: form-data; name=\"file\"; "
        head += "filename=\"\(MultipartForm.quoted(fileName))\"\r\nContent-Type: image/jpeg\r\n\r\n"
        let tail = "\r\n--\(boundary)--\r\n"
        var bytes: [UInt8] = []
        bytes.reserveCapacity(head.utf8.count + file.count + tail.utf8.count)
        bytes += head.utf8
        bytes += file
        bytes += tail.utf8
        self.bytes = bytes
    }

    /// A name within quotes: what would end it is percent-escaped, as browsers do.
    private static func quoted(_ name: String) -> String {
        name.unicodeScalars.reduce(into: "") { quoted, scalar in
            switch scalar {
            case "\"": quoted += "%22"
            case "\r": quoted += "%0D"
            case "\n": quoted += "%0A"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
    }
}
