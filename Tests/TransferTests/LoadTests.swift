// Many transfers at once: the bounds hold, everybody is served, and no thread is spent on anybody.

import Glibc
import Linux
import LoopbackServer
import TestSupport
import Testing

@testable import Transfer

@Suite("Load", .serialized)
struct LoadTests {
    /// Threads of this process.
    private static func threads() throws -> Int {
        let text = String(decoding: try Host.readFile("/proc/self/status", limit: 65_536), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix("Threads:") }
        return line.flatMap { Int($0.dropFirst(8).drop { $0 == "\t" }) } ?? 0
    }

    /// Makes many transfers at once; answers how many were answered with `text`.
    private func answered(
        _ count: Int, _ client: CurlTransfer, _ text: String, _ request: @escaping @Sendable (Int) -> TransferRequest
    ) async -> Int {
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<count {
                group.addTask {
                    do throws(TransferFailure) {
                        return try await client.transfer(request(number)).text == text
                    } catch {
                        Issue.record(error)
                        return false
                    }
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }

    @Test("of five hundred transfers never more are at the server than one origin may have")
    func perOrigin() async throws {
        let tally = Tally()
        let parlour = try Parlour {
            $0.maximumPerOrigin = 8
        } _: { _ in
            tally.enter()
            defer { tally.leave() }
            poll(nil, 0, 1)
            return .ok("x")
        }
        let count = await answered(500, parlour.client, "x") { parlour.request(.get, "/\($0)") }
        #expect(count == 500)
        #expect(tally.most <= 8)
        #expect(tally.most > 1)
        #expect(parlour.server.connectionsAccepted <= 8)
        #expect(parlour.client.report.done == 500)
    }

    @Test("the bound on the whole process holds over several origins")
    func total() async throws {
        let tally = Tally()
        let servers = try (0..<4).map { _ in
            try LoopbackServer { _ in
                tally.enter()
                defer { tally.leave() }
                poll(nil, 0, 1)
                return .ok("x")
            }
        }
        var settings = TransferSettings()
        settings.allowInsecure = Set(servers.map { "127.0.0.1:\($0.port)" })
        settings.maximumInFlight = 5
        settings.maximumPerOrigin = 3
        let client = try CurlTransfer(settings)
        let ports = servers.map(\.port)
        let count = await answered(200, client, "x") {
            TransferRequest(.get, "http://127.0.0.1:\(ports[$0 % 4])/", reach: .configured)
        }
        #expect(count == 200)
        #expect(tally.most <= 5)
    }

    @Test("two thousand transfers are under way at once on one thread")
    func twoThousand() async throws {
        let (there, isSeen) = (Happening(), Monitor(false))
        let parlour = try Parlour {
            $0.maximumInFlight = 2000
            $0.maximumPerOrigin = 2000
        } _: { _ in
            // None is answered before all are there and were seen together.
            there.happen()
            _ = isSeen.wait(until: MonotonicClock.now() + Patience.limit) { $0 ? true : nil }
            return .ok("x")
        }
        let before = try LoadTests.threads() - parlour.server.connectionsOpen
        let together = Task { await answered(2000, parlour.client, "x") { parlour.request(.get, "/\($0)") } }
        await there.times(2000)
        await parlour.client.awaitReport { $0.underWay == 2000 }
        let during = try LoadTests.threads() - parlour.server.connectionsOpen
        isSeen.change { $0 = true }
        #expect(await together.value == 2000)
        // The tests around have threads of their own, which come and go.
        #expect(during < before + 100, "\(before) threads, then \(during)")
    }

    @Test("ten thousand transfers wait for their turn, and all have it")
    func tenThousand() async throws {
        let parlour = try Parlour {
            $0.maximumPerOrigin = 16
        } _: { _ in
            .ok("x")
        }
        let count = await answered(10_000, parlour.client, "x") { parlour.request(.get, "/\($0)") }
        #expect(count == 10_000)
        #expect(Set(parlour.server.requests.map(\.target)).count == 10_000)
        #expect(parlour.server.connectionsAccepted <= 16)
    }

    @Test("waiting for a place costs nobody their time")
    func waitingIsFree() async throws {
        let asked = Happening()
        let parlour = try Parlour {
            $0.maximumPerOrigin = 1
        } _: { request in
            asked.happen()
            // Longer than the second transfer may take.
            if request.target == "/first" { poll(nil, 0, 1500) }
            return .ok("x")
        }
        let first = Task { try await parlour.client.transfer(parlour.request(.get, "/first")).text }
        await asked.times(1)
        var second = parlour.request(.get, "/second")
        (second.limits.connect, second.limits.total) = (1_000_000_000, 1_000_000_000)
        #expect(try await parlour.client.transfer(second).text == "x")
        #expect(try await first.value == "x")
        #expect(parlour.server.requests.map(\.target) == ["/first", "/second"])
    }
}
