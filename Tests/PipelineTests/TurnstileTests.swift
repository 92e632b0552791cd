// What is held in memory is bounded: jobs with photos in hand, sheets that were drawn.

import Contract
import Providers
import Synchronization
import Testing

@testable import Pipeline

/// How many are inside, and were at most.
private final class Crowd: Sendable {
    private let inside = Mutex((now: 0, most: 0))

    func comes() {
        inside.withLock { inside in
            inside.now += 1
            inside.most = max(inside.most, inside.now)
        }
    }

    func goes() { inside.withLock { $0.now -= 1 } }

    var now: Int { inside.withLock { $0.now } }
    var most: Int { inside.withLock { $0.most } }
}

@Suite("Turnstile")
struct TurnstileTests {
    @Test("so many are in at once and no more, and everybody gets in")
    func bounded() async {
        let (turnstile, crowd) = (Turnstile(places: 3), Crowd())
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    _ = await turnstile.enter(unless: JobCancel())
                    crowd.comes()
                    await Task.yield()
                    crowd.goes()
                    turnstile.leave()
                }
            }
        }
        #expect(crowd.most == 3 && crowd.now == 0)
        #expect(turnstile.waitingCount == 0)
    }

    @Test("the last one to leave is told so")
    func last() async {
        let turnstile = Turnstile(places: 2)
        #expect(turnstile.tryEnter() && turnstile.tryEnter() && !turnstile.tryEnter())
        #expect(!turnstile.leave())
        #expect(turnstile.leave())
        #expect(turnstile.tryEnter() && turnstile.leave())
    }
}

@Suite("Drawn sheets")
final class SheetShelfTests: Sendable {
    private let drawn = Mutex<[String]>([])

    private func sheet(_ digests: [String], on shelf: SheetShelf) async throws -> Reference {
        try await shelf.sheet(of: digests) { () async throws(ProviderFailure) in
            self.drawn.withLock { $0.append(digests.joined()) }
            return Reference(
                name: digests.joined(), category: nil, width: 1, height: 1,
                content: PixelBox(left: 0, top: 0, width: 1, height: 1), backdrop: nil, image: [1], digest: "d")
        }
    }

    @Test("a sheet is drawn once for the same pictures in the same order, and again for others")
    func drawnOnce() async throws {
        let shelf = SheetShelf(kept: 8)
        for _ in 0..<3 { #expect(try await sheet(["a", "b"], on: shelf).name == "ab") }
        #expect(try await sheet(["b", "a"], on: shelf).name == "ba")
        #expect(drawn.withLock { $0 } == ["ab", "ba"])
    }

    @Test("the oldest give way")
    func bounded() async throws {
        let shelf = SheetShelf(kept: 2)
        for one in ["a", "b", "c", "a"] { _ = try await sheet([one], on: shelf) }
        #expect(shelf.count == 2)
        #expect(drawn.withLock { $0 } == ["a", "b", "c", "a"])
    }

    @Test("a failure is told and not kept")
    func failure() async throws {
        let shelf = SheetShelf(kept: 2)
        let failure = ProviderFailure(code: .generationFailed, message: "No paint.", retryable: true)
        await #expect(throws: failure) {
            _ = try await shelf.sheet(of: ["a"]) { () async throws(ProviderFailure) in throw failure }
        }
        #expect(try await sheet(["a"], on: shelf).name == "a")
    }
}
