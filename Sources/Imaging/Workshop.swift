// The driver of the order book: it keeps the book and the customers' continuations under one lock, runs one thread a
// bench, and performs what the book decides. Nobody is resumed and nothing is called under the lock.

import ImagingWire
import Linux
import Synchronization

/// What a worker has done for an order.
struct Served: Sendable {
    let source: ImageInfo?
    let picture: PictureShape?
    let bytes: [UInt8]
}

/// What an order works on. Files in memory are made at the bench, so that waiting orders hold no descriptors of ours.
enum OrderInput: Sendable {
    case photo(OpenFile)
    case pictures([[UInt8]])
}

final class Workshop: Sendable {
    private typealias Continuation = CheckedContinuation<Result<Served, ImageFailure>, Never>

    private struct Customer {
        let task: ImageTask
        let input: OrderInput
        /// nil: nobody waits any more.
        var continuation: Continuation?
    }

    private struct State {
        var book: OrderBook
        var customers: [OrderNumber: Customer] = [:]
        var lastNumber: OrderNumber = 0
        var reports: [BenchReport]
        var atWork: Int
        var deaths = 0
        var waitingForEmpty: [CheckedContinuation<Void, Never>] = []
    }

    static let contradiction = ImageFailure.died("answered something else than was asked")

    private let executable: String
    private let limits: ImageLimits
    private let bells: [Bell]
    private let state: Mutex<State>

    init(executable: String, benches: Int, limits: ImageLimits) throws(SystemFailure) {
        (self.executable, self.limits) = (executable, limits)
        var bells: [Bell] = []
        for _ in 0..<benches { bells.append(try Bell()) }
        self.bells = bells
        let book = OrderBook(
            benches: benches, ordersPerWorker: limits.ordersPerWorker, residentBytes: limits.residentBytes)
        let reports = Array(repeating: BenchReport(), count: benches)
        state = Mutex(State(book: book, reports: reports, atWork: benches))
        for index in 0..<benches {
            OwnedThread.spawn(name: "vizd-bench-\(index)") { [self] in run(index) }
        }
    }

    /// Waits for its turn, then for the worker.
    func order(_ task: ImageTask, _ input: OrderInput) async throws(ImageFailure) -> Served {
        let number = state.withLock { state in
            state.lastNumber &+= 1
            return state.lastNumber
        }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                place(number, Customer(task: task, input: input, continuation: continuation))
                // The cancellation may have come before there was anything to withdraw.
                if Task.isCancelled { withdraw(number) }
            }
        } onCancel: {
            withdraw(number)
        }
        return try outcome.get()
    }

    private func place(_ number: OrderNumber, _ customer: Customer) {
        let (accepted, wake) = state.withLock { state in
            let answer = state.book.place(number, isUrgent: customer.task.isVerification)
            if answer.accepted { state.customers[number] = customer }
            return answer
        }
        if !accepted { customer.continuation?.resume(returning: .failure(.stopping)) }
        if let wake { bells[wake].ring() }
    }

    private func withdraw(_ number: OrderNumber) {
        let continuation = state.withLock { state -> Continuation? in
            guard let continuation = state.customers[number]?.continuation else { return nil }
            if state.book.withdraw(number) {
                state.customers[number] = nil
            } else {
                state.customers[number]?.continuation = nil
            }
            return continuation
        }
        continuation?.resume(returning: .failure(.cancelled))
    }

    func close() {
        let left = state.withLock { state in
            state.book.close().compactMap { state.customers.removeValue(forKey: $0)?.continuation }
        }
        for continuation in left { continuation.resume(returning: .failure(.stopping)) }
        for bell in bells { bell.stop() }
    }

    /// Returns when the last bench has left.
    func empty() async {
        await withCheckedContinuation { continuation in
            let gone = state.withLock { state in
                if state.atWork > 0 { state.waitingForEmpty.append(continuation) }
                return state.atWork == 0
            }
            if gone { continuation.resume() }
        }
    }

    func report() -> [BenchReport] { state.withLock { $0.reports } }

    var waitingCount: Int { state.withLock { $0.book.waitingCount } }

    var deaths: Int { state.withLock { $0.deaths } }

    private func run(_ index: Int) {
        var worker: WorkerProcess?
        while true {
            switch state.withLock({ $0.book.step(index) }) {
            case .serve(let number): serve(number, index, &worker)
            case .rest: rest(index, &worker)
            case .leave:
                leave(index, &worker)
                return
            }
        }
    }

    private func leave(_ index: Int, _ worker: inout WorkerProcess?) {
        drop(&worker, index)
        // An order that was given to this bench when vizd began to stop.
        let (continuations, waiting) = state.withLock { state in
            state.atWork -= 1
            guard state.atWork == 0 else { return ([Continuation](), [CheckedContinuation<Void, Never>]()) }
            defer { (state.customers, state.waitingForEmpty) = ([:], []) }
            return (state.customers.values.compactMap(\.continuation), state.waitingForEmpty)
        }
        for continuation in continuations { continuation.resume(returning: .failure(.stopping)) }
        for continuation in waiting { continuation.resume() }
    }

    /// Waits for the bell, for the end of the worker, or until it has been idle for long enough.
    private func rest(_ index: Int, _ worker: inout WorkerProcess?) {
        let bell = bells[index]
        let watched = [bell.raw] + (worker.map { [$0.raw] } ?? [])
        do throws(SystemFailure) {
            let ready = try Poll.readable(watched, timeout: worker == nil ? nil : limits.idleTime)
            if ready[0] {
                _ = bell.answered()
                return
            }
        } catch {
            preconditionFailure("a bench cannot wait: \(error)")
        }
        // A signal without a reason looks like idleness; it costs a worker, nothing else.
        drop(&worker, index)
        state.withLock { $0.book.workerLeft(index) }
    }

    private func drop(_ worker: inout WorkerProcess?, _ index: Int) {
        _ = worker.take()?.end()
        state.withLock { $0.reports[index] = BenchReport() }
    }

    private func serve(_ number: OrderNumber, _ index: Int, _ worker: inout WorkerProcess?) {
        let customer = state.withLock { $0.customers[number] }
        guard let customer else { preconditionFailure("bench \(index) was given order \(number), which nobody placed") }
        let (ending, outcome) = attempt(number, customer, index, &worker)
        let (verdict, continuation) = state.withLock { state in
            let verdict = state.book.finish(index, ending)
            if ending == .lost || ending == .unread { state.deaths += 1 }
            state.reports[index] = BenchReport(processID: state.reports[index].processID)
            return (verdict, verdict.delivers ? state.customers.removeValue(forKey: number)?.continuation : nil)
        }
        continuation?.resume(returning: outcome)
        if !verdict.keepsWorker { drop(&worker, index) }
    }

    private typealias Attempt = (OrderBook.Ending, Result<Served, ImageFailure>)

    private func attempt(
        _ number: OrderNumber, _ customer: Customer, _ index: Int, _ worker: inout WorkerProcess?
    ) -> Attempt {
        let files: [OpenFile]
        do throws(SystemFailure) {
            files = try filesFor(customer)
        } catch {
            return (worker == nil ? .lost : .answered(residentPeak: 0), .failure(.memory(error)))
        }
        let order = ImageOrder(
            number: number, mostBytes: limits.bytes, mostPixels: limits.pixels, task: customer.task)
        let deadline: Int64
        do throws(WorkerTrouble) {
            if worker == nil {
                worker = try WorkerProcess.start(executable: executable, limits: limits, bell: bells[index])
                let processID = worker?.processID
                state.withLock { $0.reports[index].processID = processID }
            }
            deadline = MonotonicClock.now() + limits.orderDeadline
            try worker!.hand(order, files, deadline: deadline, bell: bells[index]) {
                state.withLock { $0.reports[index].isHanded = true }
            }
        } catch {
            return unread(error)
        }
        state.withLock { $0.reports[index].isDecoding = true }
        return decoded(order, files, index, deadline, &worker)
    }

    private func filesFor(_ customer: Customer) throws(SystemFailure) -> [OpenFile] {
        var files: [OpenFile] = []
        switch customer.input {
        case .photo(let photo): files.append(photo)
        case .pictures(let pictures):
            let file = try OpenFile.inMemory("vizd-sheet")
            for picture in pictures { try file.write(all: picture) }
            files.append(file)
        }
        if customer.task != .inspect { files.append(try OpenFile.inMemory("vizd-picture")) }
        return files
    }

    private func unread(_ trouble: WorkerTrouble) -> Attempt {
        switch trouble {
        case .gone(let reason): (.unread, .failure(.noWorker(reason)))
        case .late: (.lost, .failure(.timedOut(limits.orderDeadline)))
        case .stopping: (.lost, .failure(.stopping))
        }
    }

    private func decoded(
        _ order: ImageOrder, _ files: [OpenFile], _ index: Int, _ deadline: Int64, _ worker: inout WorkerProcess?
    ) -> Attempt {
        do throws(WorkerTrouble) {
            switch try worker!.receive(deadline: deadline, bell: bells[index]) {
            case .done(order.number, let source, let picture, let peak):
                return (.answered(residentPeak: peak), collect(source, picture, files))
            case .failed(order.number, let code, let detail, let peak):
                let failure = ImageFailure(code, detail: detail, limits: limits)
                return (.answered(residentPeak: peak), .failure(failure))
            default: return (.lost, .failure(Workshop.contradiction))
            }
        } catch {
            switch error {
            case .gone:
                guard let process = worker.take() else { return (.lost, .failure(.died("was gone"))) }
                return (.lost, .failure(.died(process.end())))
            case .late: return (.lost, .failure(.timedOut(limits.orderDeadline)))
            case .stopping: return (.lost, .failure(.stopping))
            }
        }
    }

    /// The encoded picture, copied out of the file that the worker could still write to.
    private func collect(_ source: ImageInfo?, _ picture: PictureShape?, _ files: [OpenFile])
        -> Result<Served, ImageFailure>
    {
        guard let picture else { return .success(Served(source: source, picture: nil, bytes: [])) }
        guard files.count == 2, picture.bytes <= limits.outputBytes else { return .failure(Workshop.contradiction) }
        do throws(SystemFailure) {
            let bytes = try files[1].read(limit: picture.bytes)
            guard bytes.count == picture.bytes else { return .failure(Workshop.contradiction) }
            return .success(Served(source: source, picture: picture, bytes: bytes))
        } catch {
            return .failure(.memory(error))
        }
    }
}

extension ImageTask {
    /// Whether it is about a finished picture: that one may have been paid for.
    fileprivate var isVerification: Bool {
        if case .verify = self { return true }
        return false
    }
}
