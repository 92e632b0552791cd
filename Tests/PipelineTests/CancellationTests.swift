// Cancelling as values: who may, how a wish reaches its job whenever it comes, where in its life a job may still end,
// and what a task that is given up costs.

import Contract
import Ledger
import Providers
import Testing

@testable import Pipeline

private let plan = Plan(
    provider: "runway", model: "gen4_image", size: PixelSize(width: 1080, height: 1440), seed: 7, prompt: nil,
    references: 3, usedDescriptor: false, usedProfileDescriptor: false)
private let owner: UInt32 = 1000
private let stranger: UInt32 = 1001

@Suite("Wishes and the jobs that they are about")
struct CancellationsTests {
    private let board = Cancellations(ownUser: 990)

    @Test("the owner of the request, root and vizd's own user may cancel, nobody else")
    func rights() {
        for (wisher, answer) in [
            (owner, Cancellations.Answer.heard), (0, .heard), (990, .heard), (stranger, .refused),
        ] {
            let cancel = board.enter("a")
            #expect(board.admitted("a", owner: owner, wisher: nil))
            #expect(board.wish("a", by: wisher) == answer)
            #expect(cancel.isMade == (answer == .heard))
            #expect(board.leave("a") == (answer == .heard))
        }
    }

    @Test("a wish that comes before the owner is known is heard once the owner is")
    func early() {
        let cancel = board.enter("a")
        #expect(board.wish("a", by: stranger) == .heard && board.wish("a", by: owner) == .heard)
        #expect(!cancel.isMade)
        #expect(board.admitted("a", owner: owner, wisher: nil))
        #expect(cancel.isMade)
        let other = board.enter("b")
        #expect(board.wish("b", by: stranger) == .heard)
        #expect(board.admitted("b", owner: owner, wisher: nil) && !other.isMade)
    }

    @Test("a wish that lies on the disk is heard when the job begins, one of a stranger is refused")
    func onDisk() {
        let cancel = board.enter("a")
        #expect(board.admitted("a", owner: owner, wisher: owner) && cancel.isMade)
        let other = board.enter("b")
        #expect(!board.admitted("b", owner: owner, wisher: stranger) && !other.isMade)
    }

    @Test("a job that has ended hears nothing any more, and the next one of its name begins afresh")
    func over() {
        _ = board.enter("a")
        #expect(board.admitted("a", owner: owner, wisher: owner) && board.leave("a"))
        #expect(board.wish("a", by: owner) == .unknown && !board.leave("a"))
        #expect(!board.enter("a").isMade)
    }

    @Test("the end of a batch is the end of its open parts and of those that begin later; a part's is its own")
    func parts() {
        let whole = board.enter("batch")
        #expect(board.admitted("batch", owner: owner, wisher: nil))
        let parts = (1...3).map { board.enter("batch.000\($0)", partOf: "batch") }
        for number in 1...3 { #expect(board.admitted("batch.000\(number)", owner: owner, wisher: nil)) }
        #expect(board.wish("batch.0002", by: owner) == .heard)
        #expect(parts.map(\.isMade) == [false, true, false] && !whole.isMade)
        #expect(board.wish("batch", by: owner) == .heard)
        #expect(parts.allSatisfy(\.isMade) && whole.isMade)
        #expect(board.enter("batch.0004", partOf: "batch").isMade)
        #expect(!board.enter("other.0001", partOf: "other").isMade)
    }

    @Test("names that look alike are different jobs")
    func exact() {
        let (composed, decomposed) = (board.enter("\u{E9}"), board.enter("e\u{301}"))
        #expect(board.admitted("\u{E9}", owner: owner, wisher: nil))
        #expect(board.wish("\u{E9}", by: owner) == .heard)
        #expect(composed.isMade && !decomposed.isMade)
    }

    @Test("whoever waits is woken once, whether the wish comes before or after the wait begins")
    func woken() {
        let cancel = JobCancel()
        let rings = Noted(0)
        cancel.onMade { rings.change { $0 += 1 } }
        cancel.forget()
        cancel.onMade { rings.change { $0 += 10 } }
        cancel.make()
        cancel.make()
        #expect(rings.value == 10)
        cancel.onMade { rings.change { $0 += 100 } }
        #expect(rings.value == 110)
    }
}

@Suite("Where a job may be cancelled")
struct CancelledMachineTests {
    private let cancelled = JobFailure.cancelled(attempts: 0)
    private let task = "4a7b"

    /// A machine to which these events have happened.
    private func machine(_ events: JobEvent...) -> JobMachine {
        var (machine, _) = JobMachine.begin(at: .prepare, Persistence())
        for event in events { _ = machine.take(event) }
        return machine
    }

    @Test("before the order and between two tries it ends at once")
    func before() {
        let busy = JobEvent.refused(cancelled, .later(seconds: nil), dice: 0)
        for var one in [machine(), machine(.prepared(plan)), machine(.prepared(plan), busy)] {
            #expect(one.isCancellable)
            #expect(one.take(.cancelled(cancelled)) == .fail(cancelled))
            #expect(one.stage == nil)
        }
    }

    @Test("while the paid call is out the answer is awaited; before it has begun the order is dropped")
    func submitting() {
        var one = machine(.prepared(plan), .ordered(plan))
        #expect(!one.isCancellable)
        #expect(one.take(.cancelled(cancelled)) == .fail(cancelled))
        var other = machine(.prepared(plan), .ordered(plan))
        _ = other.take(.accepted(taskID: task))
        #expect(other.isCancellable)
    }

    @Test("a task at work is given up, unless it is found finished")
    func following() {
        var one = machine(.prepared(plan), .ordered(plan), .accepted(taskID: task))
        #expect(one.take(.cancelled(cancelled)) == .cancel(plan, taskID: task))
        #expect(one.stage == .generate && !one.isCancellable)
        var found = one
        #expect(found.take(.done) == .fetch(plan))
        #expect(found.stage == .download)
        #expect(one.take(.cancelled(.cancelledGone("R", task))) == .fail(.cancelledGone("R", task)))
    }

    @Test("once there is a picture it is too late")
    func after() {
        let one = machine(.prepared(plan), .ordered(plan), .accepted(taskID: task), .done)
        var made = machine(.prepared(plan), .ordered(plan), .made)
        #expect(!one.isCancellable && !made.isCancellable)
        let note = PictureNote(file: "a", sha256: [], bytes: 1, width: 1, height: 1, contentType: "image/jpeg")
        _ = made.take(.kept(note))
        #expect(!made.isCancellable)
    }
}

@Suite("A task that is given up")
struct GivingUpTests {
    private let estimate = Money(credits: 8, usdMicros: 80_000)
    private let price = Price(credits: 3, microdollars: 30_000)

    @Test("what is at work is told to end, what is finished is kept, what ended by itself has its price")
    func steps() {
        let failure = TaskFailure(code: .generationFailed, providerCode: nil, message: "No.", retryable: true)
        let table: [(TaskState, GivingUp.Step)] = [
            (.waiting(.queued), .tell), (.waiting(.throttled), .tell), (.running(progress: 0.5), .tell),
            (.done(outputs: ["https://a"], price: price), .keep), (.done(outputs: [], price: price), .ended(price)),
            (.failed(failure, price: nil), .ended(nil)), (.gone(code: "TASK_GONE", message: "It is gone."), .gone),
        ]
        for (state, step) in table {
            var one = GivingUp()
            #expect(one.heard(state) == step)
        }
    }

    @Test("running is charged in full; what had not begun, or was not seen again, is uncertain")
    func money() {
        for (state, settlement) in [
            (TaskState.running(progress: nil), Settlement.final(estimate, made: false)),
            (.waiting(.queued), .uncertain), (.gone(code: "TASK_GONE", message: ""), .uncertain),
        ] {
            var one = GivingUp()
            _ = one.heard(state)
            #expect(one.settlement(estimate) == .uncertain, "nothing is certain before the provider was told")
            one.told()
            #expect(one.settlement(estimate) == settlement)
        }
    }
}
