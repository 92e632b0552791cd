// Leaving early: the task that wanted a transfer, or the program.

import Glibc
import Linux
import LoopbackServer
import TestSupport
import Testing

@testable import Transfer

@Suite("Cancellation")
struct CancellationTests {
    /// A server that never answers, and tells when it was asked.
    private func silent(_ change: (inout TransferSettings) -> Void = { _ in }) throws -> (Parlour, Happening) {
        let asked = Happening()
        let parlour = try Parlour(change) { _ in
            asked.happen()
            return .steps([.stall])
        }
        return (parlour, asked)
    }

    @Test("a task that is cancelled already sends nothing")
    func before() async throws {
        let parlour = try Parlour { _ in .ok() }
        let request = parlour.request(.post, "/", body: "x")
        let task = Task { [client = parlour.client] in
            withUnsafeCurrentTask { $0?.cancel() }
            return await client.verdict(request)
        }
        #expect(await task.value == Verdict(.cancelled, .nothing))
        #expect(parlour.server.connectionsAccepted == 0)
    }

    @Test("a transfer under way ends at once, as one that was sent")
    func underWay() async throws {
        let (parlour, asked) = try silent()
        let request = parlour.request(.post, "/", body: "x")
        let task = Task { [client = parlour.client] in await client.verdict(request) }
        await asked.times(1)
        task.cancel()
        #expect(await task.value == Verdict(.cancelled, .whole))
        await parlour.client.awaitReport { $0.underWay == 0 }
    }

    @Test("a transfer that waits for a place ends at once, with nothing sent, and the others keep their order")
    func queued() async throws {
        let (parlour, asked) = try silent { $0.maximumPerOrigin = 1 }
        let client = parlour.client
        let first = Task { await client.verdict(parlour.request(.post, "/1", body: "x")) }
        await asked.times(1)
        let second = Task { await client.verdict(parlour.request(.post, "/2", body: "x")) }
        await client.awaitReport { $0.waiting == 1 }
        let third = Task { await client.verdict(parlour.request(.post, "/3", body: "x")) }
        await client.awaitReport { $0.waiting == 2 }
        second.cancel()
        #expect(await second.value == Verdict(.cancelled, .nothing))
        first.cancel()
        #expect(await first.value == Verdict(.cancelled, .whole))
        await asked.times(2)
        third.cancel()
        #expect(await third.value == Verdict(.cancelled, .whole))
        #expect(parlour.server.requests.map(\.target) == ["/1", "/3"])
    }

    @Test("a transfer that is cancelled while it connects has sent nothing")
    func connecting() async throws {
        var settings = TransferSettings()
        settings.allowInsecure = ["192.0.2.1:9"]
        let client = try CurlTransfer(settings)
        let task = Task { await client.verdict(TransferRequest(.get, "http://192.0.2.1:9/", reach: .configured)) }
        await client.awaitReport { $0.underWay == 1 || $0.done == 1 }
        task.cancel()
        let verdict = await task.value
        // Where there is no way out at all the kernel may be faster.
        #expect(verdict?.sent == .nothing)
        #expect(verdict?.code == .cancelled || verdict?.code == .unconnected)
    }

    @Test("cancelling at any moment gives one outcome and leaves nothing behind")
    func anyMoment() async throws {
        let parlour = try Parlour { _ in .ok("x") }
        let client = parlour.client
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<400 {
                group.addTask {
                    let task = Task { () -> TransferFailure? in
                        do throws(TransferFailure) {
                            _ = try await client.transfer(parlour.request())
                            return nil
                        } catch { return error }
                    }
                    for _ in 0..<(number % 40) { await Task.yield() }
                    task.cancel()
                    let failure = await task.value
                    #expect(failure == nil || failure?.code == .cancelled)
                }
            }
        }
        await client.awaitReport { $0.underWay == 0 && $0.waiting == 0 }
        #expect(try await client.transfer(parlour.request()).text == "x")
    }

    @Test("the end of the program cancels what is under way and what waits, and takes nothing more")
    func close() async throws {
        let (parlour, asked) = try silent { $0.maximumPerOrigin = 3 }
        let client = parlour.client
        let tasks = (0..<10).map { _ in Task { await client.verdict(parlour.request(.post, "/", body: "x")) } }
        await asked.times(3)
        await client.awaitReport { $0.waiting == 7 }
        client.close()
        var verdicts: [Verdict?] = []
        for task in tasks { verdicts.append(await task.value) }
        #expect(verdicts.count { $0 == Verdict(.cancelled, .whole) } == 3)
        #expect(verdicts.count { $0 == Verdict(.cancelled, .nothing) } == 7)
        #expect(await client.verdict(parlour.request()) == Verdict(.cancelled, .nothing))
        client.close()
    }

    @Test("the last reference takes thread and connections along")
    func lastReference() async throws {
        let ended = Happening()
        let server = try LoopbackServer { _ in .ok() }
        var settings = TransferSettings()
        settings.allowInsecure = ["127.0.0.1:\(server.port)"]
        var client: CurlTransfer? = try CurlTransfer(settings)
        _ = try await client?.transfer(TransferRequest(.get, "http://127.0.0.1:\(server.port)/", reach: .configured))
        #expect(server.connectionsOpen == 1)
        client = nil
        OwnedThread.spawn(name: "watch") {
            while server.connectionsOpen > 0 { poll(nil, 0, 1) }
            ended.happen()
        }
        await ended.times(1)
        #expect(server.connectionsOpen == 0)
    }
}
