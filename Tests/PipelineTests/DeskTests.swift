// Places at the providers: who goes in, who waits and why, and what holds a provider.

import Linux
import Providers
import Synchronization
import Testing

@testable import Pipeline

private let place = DeskBook.Place(provider: "runway", model: "gen4_image")
private let other = DeskBook.Place(provider: "runway", model: "gen4_image_turbo")
private let minute: Int64 = 60_000_000_000

private func account(_ concurrent: Int?, daily: Int? = nil, used: Int = 0) -> Account {
    Account(
        balance: 100,
        models: ["gen4_image": Allowance(concurrent: concurrent, daily: daily, usedToday: used)])
}

/// A book that has read an account of so many at once.
private func book(_ concurrent: Int?, daily: Int? = nil, used: Int = 0) -> DeskBook {
    var book = DeskBook()
    _ = book.read(account(concurrent, daily: daily, used: used), of: "runway", at: 0)
    return book
}

@Suite("Places at the providers")
struct DeskBookTests {
    @Test("without a limit everybody goes in")
    func unlimited() {
        for var book in [DeskBook(), book(nil)] {
            for ticket in 0..<1000 { #expect(book.enter(place, ticket: UInt64(ticket), at: 0) == nil) }
            #expect(book.taken("runway") == 1000)
        }
    }

    @Test("the account's limit and two more go in, the rest wait in the order of their coming")
    func limited() {
        var book = book(2)
        for ticket: UInt64 in 0..<4 { #expect(book.enter(place, ticket: ticket, at: 0) == nil) }
        let reason = book.enter(place, ticket: 4, at: 0)
        #expect(reason?.kind == .place)
        #expect(reason?.reason == "4 orders with gen4_image are under way, and the account may have 2 at work")
        #expect(book.enter(place, ticket: 5, at: 0) != nil)
        #expect(book.leave(place, at: 0) == [4])
        #expect(book.leave(place, at: 0) == [5])
        #expect(book.leave(place, at: 0).isEmpty)
        #expect(book.enter(place, ticket: 6, at: 0) == nil)
    }

    @Test("where the provider keeps no queue, as many go in as the account may have at once, and no day is counted")
    func withoutQueue() {
        var book = DeskBook()
        let allowance = Allowance(concurrent: 2, daily: nil, usedToday: nil, ahead: 0)
        _ = book.read(Account(balance: 1, models: ["gen4_image": allowance]), of: "runway", at: 0)
        for ticket: UInt64 in 0..<2 { #expect(book.enter(place, ticket: ticket, at: 0) == nil) }
        #expect(book.enter(place, ticket: 2, at: 0) != nil)
        #expect(book.accepted(place, at: 0).isEmpty && book.counted(place) == nil)
        #expect(book.leave(place, at: 0) == [2])
    }

    @Test("a limit of the whole account is that of its models together, and whoever came first goes in first")
    func shared() {
        var book = DeskBook()
        let allowance = Allowance(atOnce: 2)
        let both = Account(balance: 1, models: ["gen4_image": allowance, "gen4_image_turbo": allowance])
        _ = book.read(both, of: "runway", at: 0)
        #expect(book.enter(place, ticket: 0, at: 0) == nil && book.enter(other, ticket: 1, at: 0) == nil)
        let reason = book.enter(other, ticket: 2, at: 0)
        #expect(reason?.reason == "2 orders are under way, and the account may have 2 at work")
        for (ticket, its) in [(UInt64(3), place), (4, other), (5, place)] {
            #expect(book.enter(its, ticket: ticket, at: 0)?.kind == .place)
        }
        #expect(book.leave(place, at: 0) == [2] && book.leave(other, at: 0) == [3])
        #expect(book.taken("runway") == 2 && book.waits(at: 0).count == 2)
        // Raised, as by a reload: as many go in as there is room for now.
        let more = Account(balance: 1, models: both.models.mapValues { _ in Allowance(atOnce: 4) })
        #expect(book.read(more, of: "runway", at: 0) == [4, 5] && book.taken("runway") == 4)
    }

    @Test("nobody goes in before those who wait, even where there would be a place")
    func noOvertaking() {
        var book = book(1)
        for ticket: UInt64 in 0..<4 { _ = book.enter(place, ticket: ticket, at: 0) }
        #expect(book.waiting("runway") == 1)
        #expect(book.read(account(9), of: "runway", at: 0) == [3])
        #expect(book.enter(place, ticket: 4, at: 0) == nil)
    }

    @Test("models of a provider have lines of their own")
    func models() {
        var book = book(0)
        for ticket: UInt64 in 0..<3 { _ = book.enter(place, ticket: ticket, at: 0) }
        #expect(book.enter(place, ticket: 3, at: 0) != nil)
        #expect(book.enter(other, ticket: 4, at: 0) == nil)
    }

    @Test("a task of before the start has its place")
    func occupied() {
        var book = book(1)
        for _ in 0..<3 { book.occupy(place) }
        #expect(book.enter(place, ticket: 0, at: 0) != nil)
        #expect(book.leave(place, at: 0) == [0])
    }

    @Test("the pictures of a day run out, and a new reading of the account brings them back")
    func daily() {
        var book = book(nil, daily: 10, used: 8)
        for ticket: UInt64 in 0..<2 {
            #expect(book.enter(place, ticket: ticket, at: 0) == nil)
            #expect(book.accepted(place, at: 0).isEmpty)
        }
        #expect(book.counted(place) == 10)
        let wait = book.enter(place, ticket: 2, at: 0)
        #expect(wait?.kind == .daily)
        #expect(wait?.reason == "the account's 10 pictures a day with gen4_image are used up")
        #expect(book.leave(place, at: 0).isEmpty, "a free place is no new day")
        #expect(book.read(account(nil, daily: 10, used: 3), of: "runway", at: 0) == [2])
        #expect(book.counted(place) == 3)
    }

    @Test("what an account has counted is only known where it was read")
    func unread() {
        var book = DeskBook()
        _ = book.enter(place, ticket: 0, at: 0)
        _ = book.accepted(place, at: 0)
        #expect(book.counted(place) == nil)
    }

    @Test("a held provider lets nobody in, then one to try, and everybody once that one was accepted")
    func held() {
        var book = DeskBook()
        #expect(book.enter(place, ticket: 0, at: 0) == nil)
        #expect(book.enter(place, ticket: 1, at: 0) == nil)
        #expect(book.hold("runway", until: 10 * minute, reason: "the key is refused", at: 0).isEmpty)
        for ticket: UInt64 in 2..<5 {
            #expect(book.enter(place, ticket: ticket, at: minute)?.reason == "the key is refused")
        }
        #expect(book.leave(place, at: minute).isEmpty && book.leave(place, at: minute).isEmpty)
        #expect(book.admit("runway", at: 9 * minute).isEmpty)
        #expect(book.admit("runway", at: 10 * minute) == [2])
        #expect(book.enter(other, ticket: 5, at: 10 * minute)?.reason == "the key is refused", "only one tries")
        #expect(book.accepted(place, at: 10 * minute) == [3, 4, 5])
    }

    @Test("a trial that ends in nothing lets the next one try, and a refusal holds again")
    func trial() {
        var book = DeskBook()
        _ = book.hold("runway", until: minute, reason: "no credit", at: 0)
        for ticket: UInt64 in 0..<3 { #expect(book.enter(place, ticket: ticket, at: 0) != nil) }
        #expect(book.admit("runway", at: minute) == [0])
        #expect(book.leave(place, at: minute) == [1])
        #expect(Set(book.hold("runway", until: 2 * minute, reason: "no credit", at: minute)) == [2])
        #expect(book.leave(place, at: minute).isEmpty)
        #expect(book.admit("runway", at: 2 * minute) == [2])
    }

    @Test("a reload ends every hold at once")
    func released() {
        var book = DeskBook()
        _ = book.hold("runway", until: 10 * minute, reason: "the key is refused", at: 0)
        #expect(book.enter(place, ticket: 0, at: 0) != nil && book.enter(other, ticket: 1, at: 0) != nil)
        #expect(Set(book.release(at: 0)) == [0, 1])
    }

    @Test("a hold that a refused question began ends with the next answer to one, a hold of an order does not")
    func questions() {
        var book = DeskBook()
        _ = book.hold("runway", until: 10 * minute, reason: "the key is refused", byQuestion: true, at: 0)
        #expect(book.enter(place, ticket: 0, at: 1)?.kind == .held)
        #expect(book.answered("runway", at: 2).isEmpty, "an order's refusal says nothing of the key")
        #expect(book.answeredQuestion("other", at: 2).isEmpty)
        #expect(book.answeredQuestion("runway", at: 2) == [0])
        #expect(book.obstacle("runway", at: 3) == nil)
        _ = book.hold("runway", until: 10 * minute, reason: "no credit", at: 4)
        _ = book.hold("runway", until: 10 * minute, reason: "the key is refused", byQuestion: true, at: 5)
        #expect(book.enter(place, ticket: 1, at: 6) != nil)
        #expect(book.answeredQuestion("runway", at: 7).isEmpty && !book.isHeldByQuestion("runway"))
        #expect(book.obstacle("runway", at: 8)?.kind == .held, "an account without credit answers questions")
    }

    @Test("a place that nobody has cannot be given back")
    func balance() async {
        await #expect(processExitsWith: .failure) {
            var book = DeskBook()
            _ = book.leave(place, at: 0)
        }
    }
}

@Suite("The desk")
struct ProviderDeskTests {
    private let time = ManualTime()

    @Test("a job that waits is told why, told anew when a provider is held, and goes in when its turn comes")
    func waiting() async {
        let desk = ProviderDesk(monotonicClock: { [time] in time.monotonic }, sleep: { _ in })
        desk.read(account(0), of: "runway")
        #expect(desk.tryEnter(place) && desk.tryEnter(place) && !desk.tryEnter(place) == false)
        let reasons = Mutex<[String]>([])
        let (told, tell) = AsyncStream.makeStream(of: String.self)
        let waiter = Task { await desk.enter(place) { wait, _ in _ = tell.yield(wait.reason) } }
        var news = told.makeAsyncIterator()
        if let first = await news.next() { reasons.withLock { $0.append(first) } }
        desk.hold("runway", reason: "the key is refused")
        if let second = await news.next() { reasons.withLock { $0.append(second) } }
        #expect(reasons.withLock { $0.map { $0.contains("under way") } } == [true, false])
        #expect(desk.figures("runway") == (taken: 3, waiting: 1))
        desk.release()
        desk.leave(place)
        #expect(await waiter.value == .entered(patience: .max))
        #expect(desk.figures("runway") == (taken: 3, waiting: 0))
    }
}

@Suite("Alarms")
struct AlarmsTests {
    @Test("each sleeper wakes at its moment or later, the earliest first, whatever the order of their coming")
    func order() async {
        let alarms = Alarms()
        let begun = MonotonicClock.now()
        let woken = await withTaskGroup(of: (Int, Bool).self) { group in
            for delay in [30, 10, 20, 0, 40] {
                group.addTask {
                    let moment = begun + Int64(delay) * 1_000_000
                    await alarms.sleep(until: moment)
                    return (delay, MonotonicClock.now() >= moment)
                }
            }
            var all: [(Int, Bool)] = []
            for await one in group { all.append(one) }
            return all
        }
        #expect(woken.count == 5 && woken.allSatisfy { $0.1 })
        #expect(alarms.count == 0)
    }

    @Test("ten thousand sleepers share one thread and all wake")
    func crowd() async {
        let alarms = Alarms()
        let begun = MonotonicClock.now()
        let count = await withTaskGroup(of: Void.self) { group in
            for index in 0..<10_000 {
                group.addTask { await alarms.sleep(until: begun + Int64(index % 100) * 1_000_000) }
            }
            var count = 0
            for await _ in group { count += 1 }
            return count
        }
        #expect(count == 10_000 && alarms.count == 0)
    }
}
