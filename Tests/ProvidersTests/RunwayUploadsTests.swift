// Uploads: which photos go that way, what is sent where, and that one photo goes up once.

import Contract
import Synchronization
import Testing
import Transfer

@testable import Providers

private let slot =
    #"{"uploadUrl":"https://bucket.storage.test/","fields":{"key":"a/b","policy":"p==","x\"y":"v"},"#
    + #""runwayUri":"runway://handle-1"}"#

/// Opens once, for all that wait.
private final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func pass() async {
        await withCheckedContinuation { continuation in
            let passes = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if passes { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

/// Slots with a handle of their own each, and a storage that takes everything.
private func storage(through gate: Gate? = nil) -> Wire {
    let slots = Mutex(0)
    return Wire { request in
        guard request.url.hasSuffix("/v1/uploads") else { return .answer(204) }
        await gate?.pass()
        let number = slots.withLock { slots in
            slots += 1
            return slots
        }
        return .answer(200, slot.replacing("handle-1", with: "handle-\(number)"))
    }
}

@Suite("Runway: uploads", .timeLimit(.minutes(1)))
struct RunwayUploadsTests {
    private func uploads(_ wire: Wire, _ clock: HandClock = HandClock(), capacity: Int = 4096) -> RunwayUploads {
        let calls = RunwayCalls(transfer: wire, baseURL: "https://api.example.test", key: Sample.key)
        return RunwayUploads(calls, clock: { clock.now }, capacity: capacity)
    }

    // MARK: - Which

    @Test("large photos are uploaded, and of several that are too much together the largest first")
    func which() {
        let (limit, budget) = (Runway.inlineLimit, Runway.inlineBudget)
        #expect(Runway.uploaded([]) == [] && Runway.uploaded([1, 2, 3]) == [])
        #expect(Runway.uploaded([limit, limit]) == [] && limit * 2 == budget)
        #expect(Runway.uploaded([limit + 1]) == [0])
        #expect(Runway.uploaded([limit, 1, limit]) == [0])
        #expect(Runway.uploaded([1_000_000, 1_200_000, 1_100_000]) == [1])
        #expect(Runway.uploaded([5_000_000, 10, 4_000_000]) == [0, 2])
        #expect(Runway.uploaded(Array(repeating: 700_000, count: 16)) == Array(0..<12))
    }

    @Test("staging leaves small photos as they are and gives large ones a handle, which the order then carries")
    func staging() async throws {
        let wire = storage()
        let runway = Sample.runway(wire)
        let order = Sample.order(references: [
            Sample.reference("small", bytes: 10), Sample.reference("large", bytes: 2_000_000),
        ])
        let staged = try await runway.stage(order)
        #expect(staged.references.map(\.handle) == [nil, "runway://handle-1"])
        #expect(staged.references.map(\.image) == order.references.map(\.image))
        #expect(try await runway.stage(staged) == staged, "a handle serves again")
        #expect(wire.requests.count == 2)
        _ = await runway.submit(staged)
        let body = try #require(wire.requests.last?.sentBytes)
        #expect(
            body.count < 1000
                && String(decoding: body, as: UTF8.self).contains(#"{"uri":"runway://handle-1","tag":"large"}"#))
        #expect(try await runway.stage(Sample.order()) == Sample.order())
    }

    // MARK: - What is sent

    @Test("a slot is asked for with the key; the form goes to the storage without it, fields first and in order")
    func form() async throws {
        let wire = storage()
        let image = Array("JPEG bytes\r\n--not a boundary".utf8)
        let handle = try await uploads(wire).handle("abcdef", image)
        #expect(handle == "runway://handle-1" && wire.requests.count == 2)
        let asked = wire.requests[0]
        #expect(asked.url == "https://api.example.test/v1/uploads" && asked.credential != nil)
        #expect(
            String(decoding: asked.sentBytes ?? [], as: UTF8.self) == #"{"filename":"abcdef.jpg","type":"ephemeral"}"#)
        let sent = wire.requests[1]
        #expect(sent.method == .post && sent.url == "https://bucket.storage.test/")
        #expect(sent.credential == nil && sent.header("X-Runway-Version") == nil && sent.header("Authorization") == nil)
        #expect(sent.headers.map(\.name) == ["Content-Type"])
        #expect(sent.header("Content-Type") == "multipart/form-data; boundary=vizd-abcdef")
        guard case .foreign = sent.reach else {
            Issue.record("an address of an answer's counts as configured")
            return
        }
        let form =
            "--vizd-abcdef\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na/b\r\n"
            + "--vizd-abcdef\r\nContent-Disposition: form-data; name=\"policy\"\r\n\r\np==\r\n"
            + "--vizd-abcdef\r\nContent-Disposition: form-data; name=\"x%22y\"\r\n\r\nv\r\n"
            + "--vizd-abcdef\r\nContent-Disposition: form-data; name=\"file\"; filename=\"abcdef.jpg\"\r\n"
            + "Content-Type: image/jpeg\r\n\r\nJPEG bytes\r\n--not a boundary\r\n--vizd-abcdef--\r\n"
        #expect(String(decoding: sent.sentBytes ?? [], as: UTF8.self) == form)
    }

    // MARK: - What comes back

    @Test(
        "an account that may not upload, a full storage and an answer without a slot are failures that say what to do")
    func failures() async throws {
        let cases: [(Int, ResultCode, RetryAdvice, String)] = [
            (400, .providerRejected, .never, "bought credits"), (404, .providerRejected, .never, "bought credits"),
            (401, .providerAuth, .never, "runway.apiKey"), (429, .providerUnavailable, .later(seconds: nil), "429"),
            (503, .providerUnavailable, .later(seconds: nil), "503"), (302, .providerRejected, .never, "not followed"),
        ]
        for (status, code, retry, words) in cases {
            let wire = Wire(always: .answer(status, #"{"error":"No uploads."}"#))
            let failure = try #require(await failure { try await uploads(wire).handle("d", [1]) }, "\(status)")
            #expect(failure.code == code && failure.retry == retry && failure.message.contains(words), "\(status)")
            #expect(failure.httpStatus == status && wire.requests.count == 1, "\(status)")
        }
        let broken = [
            "", "{}", slot.replacing("runway://", with: "https://"), slot.replacing("\"v\"", with: "7"),
            slot.replacing("uploadUrl", with: "url"), slot.replacing("\"fields\":{", with: "\"fieldz\":{"),
        ]
        for body in broken {
            let wire = Wire(always: .answer(200, body))
            let failure = try #require(await failure { try await uploads(wire).handle("d", [1]) }, "\(body)")
            #expect(failure.code == .providerUnavailable && failure.retry == .later(seconds: nil), "\(body)")
        }
    }

    @Test("a slot whose transfer failed is never used again: the next call asks for a new one")
    func freshSlot() async throws {
        let takes = Mutex([Wire.Outcome.answer(403), .broken(.stalled, .whole), .answer(200)])
        let plain = storage()
        let wire = Wire { request in
            if request.url.hasSuffix("/v1/uploads") {
                do throws(TransferFailure) { return .success(try await plain.transfer(request)) } catch {
                    return .failure(error)
                }
            }
            return takes.withLock { $0.removeFirst() }
        }
        let uploads = uploads(wire)
        let refused = try #require(await failure { try await uploads.handle("d", [1]) })
        #expect(refused.httpStatus == 403 && refused.retry == .later(seconds: nil) && !refused.holdsProvider)
        #expect(await failure { try await uploads.handle("d", [1]) }?.code == .providerUnavailable)
        #expect(try await uploads.handle("d", [1]) == "runway://handle-3")
        #expect(wire.requests.count == 6)
    }

    // MARK: - Remembering

    @Test("a handle serves for twenty-three hours from before its upload, and then the photo goes up again")
    func expiry() async throws {
        let (wire, clock) = (storage(), HandClock())
        let uploads = uploads(wire, clock)
        #expect(try await uploads.handle("d", [1]) == "runway://handle-1")
        clock.move(hours: 22.99)
        #expect(try await uploads.handle("d", [1]) == "runway://handle-1")
        clock.move(hours: 0.01)
        #expect(try await uploads.handle("d", [1]) == "runway://handle-2")
    }

    @Test("an order with handles that is refused with 400 makes its photos go up again, one without them does not")
    func refusedHandles() async throws {
        let error = Mutex("Unknown asset.")
        let plain = storage()
        let wire = Wire { request in
            if request.url.hasSuffix("/v1/text_to_image") {
                return .answer(400, #"{"error":"\#(error.withLock { $0 })"}"#)
            }
            do throws(TransferFailure) { return .success(try await plain.transfer(request)) } catch {
                return .failure(error)
            }
        }
        let runway = Sample.runway(wire)
        let order = Sample.order(references: [Sample.reference("large", bytes: 2_000_000)])
        let staged = try await runway.stage(order)
        #expect(staged.references[0].handle == "runway://handle-1")
        _ = await runway.submit(order)
        #expect(try await runway.stage(order).references[0].handle == "runway://handle-1")
        _ = await runway.submit(staged)
        #expect(try await runway.stage(order).references[0].handle == "runway://handle-2")
        error.withLock { $0 = "not enough credits" }
        _ = await runway.submit(staged)
        #expect(
            try await runway.stage(order).references[0].handle == "runway://handle-2", "credits are no handle's fault")
    }

    @Test("forty orders that want one photo at once cause one upload, and all get its handle")
    func oneUpload() async throws {
        let gate = Gate()
        let wire = storage(through: gate)
        let uploads = uploads(wire)
        let handles = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<40 { group.addTask { try await uploads.handle("d", [1]) } }
            while uploads.waitingCount < 39 { await Task.yield() }
            gate.open()
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(handles == ["runway://handle-1"] && wire.requests.count == 2 && uploads.waitingCount == 0)
    }

    @Test("an upload that fails, fails for all that waited, and is tried again by the next")
    func sharedFailure() async throws {
        let gate = Gate()
        let wire = Wire { _ in
            await gate.pass()
            return .answer(500)
        }
        let uploads = uploads(wire)
        let failures = await withTaskGroup(of: ProviderFailure?.self) { group in
            for _ in 0..<10 { group.addTask { await failure { try await uploads.handle("d", [1]) } } }
            while uploads.waitingCount < 9 { await Task.yield() }
            gate.open()
            return await group.reduce(into: [ProviderFailure?]()) { $0.append($1) }
        }
        #expect(failures.count == 10 && failures.allSatisfy { $0?.httpStatus == 500 } && wire.requests.count == 1)
        #expect(await failure { try await uploads.handle("d", [1]) }?.httpStatus == 500 && wire.requests.count == 2)
    }

    @Test("one that waits can be cancelled without harm to the upload; where the uploader is, another takes over")
    func cancellation() async throws {
        let gate = Gate()
        let plain = storage()
        let wire = Wire { request in
            await gate.pass()
            if Task.isCancelled { return .broken(.cancelled, .nothing) }
            do throws(TransferFailure) { return .success(try await plain.transfer(request)) } catch {
                return .failure(error)
            }
        }
        let uploads = uploads(wire)
        let first = Task { await failure { try await uploads.handle("d", [1]) } }
        while wire.requests.isEmpty { await Task.yield() }
        let second = Task { await failure { try await uploads.handle("d", [1]) } }
        while uploads.waitingCount < 1 { await Task.yield() }
        let third = Task { try await uploads.handle("d", [1]) }
        while uploads.waitingCount < 2 { await Task.yield() }
        second.cancel()
        #expect(await second.value?.retry == .later(seconds: nil), "it does not wait for the upload")
        #expect(uploads.waitingCount == 1)
        first.cancel()
        gate.open()
        #expect(await first.value != nil)
        #expect(try await third.value == "runway://handle-1")
    }

    @Test("the shelf holds so many handles and no more: expired ones go first, then the oldest")
    func bounded() {
        var shelf = UploadShelf(capacity: 3)
        func put(_ digest: String, at now: Int64) {
            #expect(shelf.ask(digest, now: now) == .upload)
            #expect(shelf.ended(digest, .handle("runway://\(digest)"), began: now, now: now) == [])
        }
        for (time, digest) in ["a", "b", "c", "d"].enumerated() { put(digest, at: Int64(time)) }
        #expect(shelf.count == 3)
        #expect(shelf.ask("b", now: 5) == .have(handle: "runway://b"))
        let late = UploadShelf.lifetime + 2
        put("e", at: late)
        #expect(shelf.count == 2, "b and c had expired")
        #expect(shelf.ask("d", now: late) == .have(handle: "runway://d"))
        for number in 0..<1000 { put("x\(number)", at: late + Int64(number)) }
        #expect(shelf.count == 3)
        shelf.forget("x999")
        shelf.forget("nothing")
        #expect(shelf.count == 2)
    }
}
