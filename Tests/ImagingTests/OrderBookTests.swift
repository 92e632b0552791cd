// The order book as a value: who is served where, and what becomes of orders and workers; no process is started.

import Testing

@testable import Imaging

@Suite("The order book")
struct OrderBookTests {
    private func book(_ benches: Int = 2, share: Int = 100) -> OrderBook {
        OrderBook(benches: benches, ordersPerWorker: share, residentBytes: 1000)
    }

    @Test("orders are served in the order in which they came")
    func firstComeFirstServed() {
        var book = book(1)
        for order in 1...4 { _ = book.place(OrderNumber(order)) }
        var served: [OrderBook.Step] = []
        for _ in 1...4 {
            served.append(book.step(0))
            _ = book.finish(0, .answered(residentPeak: 0))
        }
        #expect(served == [.serve(1), .serve(2), .serve(3), .serve(4)])
        #expect(book.step(0) == .rest)
    }

    @Test("urgent orders go before the others, in the order of their coming, also when some are withdrawn")
    func urgentFirst() {
        var book = book(1)
        _ = book.place(1)
        for order in 2...3 { _ = book.place(OrderNumber(order)) }
        for order in 4...6 { _ = book.place(OrderNumber(order), isUrgent: true) }
        let isOut = book.withdraw(5)
        #expect(isOut)
        _ = book.place(7)
        _ = book.place(8, isUrgent: true)
        var served: [OrderBook.Step] = []
        for _ in 1...7 {
            served.append(book.step(0))
            _ = book.finish(0, .answered(residentPeak: 0))
        }
        #expect(served == [.serve(1), .serve(4), .serve(6), .serve(8), .serve(2), .serve(3), .serve(7)])
        #expect(book.step(0) == .rest)
    }

    @Test("a bench that has a worker is woken before one that would have to start it")
    func liveWorkerFirst() {
        var book = book(2)
        let answer1 = book.place(1)
        #expect(answer1.wake == 0)
        let answer2 = book.place(2)
        #expect(answer2.wake == 1)
        _ = book.finish(1, .answered(residentPeak: 0))
        _ = book.finish(0, .lost)
        let answer3 = book.place(3)
        #expect(answer3.wake == 1)
        let answer4 = book.place(4)
        #expect(answer4.wake == 0)
        let answer5 = book.place(5)
        #expect(answer5.wake == nil && book.waitingCount == 1)
    }

    @Test("an unread order is given out once more, before all others, and fails the second time")
    func retriedOnce() {
        var book = book(1)
        _ = book.place(1)
        _ = book.place(2)
        let answer6 = book.finish(0, .unread)
        #expect(answer6 == OrderBook.Verdict(delivers: false, keepsWorker: false))
        #expect(book.step(0) == .serve(1))
        let answer7 = book.finish(0, .unread)
        #expect(answer7 == OrderBook.Verdict(delivers: true, keepsWorker: false))
        #expect(book.step(0) == .serve(2))
    }

    @Test("an order that was lost is never given out again")
    func lostIsLost() {
        var book = book(1)
        _ = book.place(1)
        let answer8 = book.finish(0, .lost)
        #expect(answer8 == OrderBook.Verdict(delivers: true, keepsWorker: false))
        #expect(book.step(0) == .rest)
    }

    @Test("a worker leaves after its share of orders, also while others wait")
    func share() {
        var book = book(1, share: 2)
        for order in 1...4 { _ = book.place(OrderNumber(order)) }
        let kept = (1...4).map { _ in book.finish(0, .answered(residentPeak: 0)).keepsWorker }
        #expect(kept == [true, false, true, false])
    }

    @Test("a worker that has grown too large leaves")
    func grown() {
        var book = book(1)
        _ = book.place(1)
        let answer9 = book.finish(0, .answered(residentPeak: 1000))
        #expect(answer9.keepsWorker)
        _ = book.place(2)
        let answer10 = book.finish(0, .answered(residentPeak: 1001))
        #expect(!answer10.keepsWorker)
    }

    @Test("a withdrawn order leaves the queue; one on a bench stays there")
    func withdrawn() {
        var book = book(1)
        for order in 1...3 { _ = book.place(OrderNumber(order)) }
        let answer11 = book.withdraw(2)
        #expect(answer11)
        let answer12 = book.withdraw(1)
        #expect(!answer12)
        _ = book.finish(0, .answered(residentPeak: 0))
        #expect(book.step(0) == .serve(3))
    }

    @Test("an idle worker that leaves takes nothing with it, even when an order came at that moment")
    func idleWorkerLeft() {
        var book = book(1, share: 2)
        _ = book.place(1)
        _ = book.finish(0, .answered(residentPeak: 0))
        _ = book.place(2)
        book.workerLeft(0)
        #expect(book.step(0) == .serve(2))
        let answer13 = book.finish(0, .answered(residentPeak: 0))
        #expect(answer13.keepsWorker, "it was a fresh worker's first order")
    }

    @Test("closing gives back what waits, takes nothing more and sends everybody home")
    func closing() {
        var book = book(1)
        for order in 1...3 { _ = book.place(OrderNumber(order)) }
        let answer14 = book.close()
        #expect(answer14 == [2, 3])
        let answer15 = book.place(4)
        #expect(!answer15.accepted)
        #expect(book.step(0) == .leave)
        let answer16 = book.finish(0, .unread)
        #expect(answer16 == OrderBook.Verdict(delivers: true, keepsWorker: false))
    }
}
