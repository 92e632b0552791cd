// Who may go to which provider now, and who waits for what: a value.
//
// A provider takes so many tasks of an account at once; what is sent beyond that lies in its queue and counts against
// the day, or is refused. So orders wait here, in the order of their coming, for a place: as many as the account may
// have at once and, where the provider keeps a queue of its own, some more, so that it never runs dry. A provider that
// refused the key or has no credit left is held: nobody goes in until a person did something (a reload of the
// configuration), or ten minutes later one goes in to try. A provider that is down, which is known from several calls
// in a row that came to nothing, gets one order at a time to try it, at pauses that grow.

internal import Contract
internal import DequeModule
internal import Providers

/// Why an order waits at the desk.
struct DeskWait: Equatable {
    enum Kind: Hashable {
        /// The account may not have more at once, or others are before it.
        case place
        /// The account's pictures of the day are used up.
        case daily
        /// The provider is left alone for a while, or one order tries whether it takes any again.
        case held
        /// Calls for orders came to nothing, several in a row; one order at a time tries it.
        case down

        /// The word for programs.
        var reason: WaitReason {
            switch self {
            case .place: .place
            case .daily: .dailyLimit
            case .held: .providerHeld
            case .down: .providerDown
            }
        }
    }

    let kind: Kind
    /// A clause or sentence for a person.
    let reason: String
    /// Monotonic nanoseconds.
    var since: Int64
    /// When it is tried again, monotonic; nil where nobody knows.
    var until: Int64?

    /// Whether whoever was told the other wait need not be told this one: figures in the words change all the time.
    func isAsGoodAs(_ other: DeskWait) -> Bool { kind == other.kind && until == other.until }
}

/// The books of all providers' places.
struct DeskBook {
    /// A place at a provider's model.
    struct Place: Hashable {
        let provider: String
        let model: String
    }

    /// Why nobody goes in.
    private struct Closing: Equatable {
        let kind: DeskWait.Kind
        let since: Int64
        let reason: String
        /// Orders that tried it in vain since it is down.
        var probes = 0
        /// Whether a question about a task was refused, and no order: then the next answer to one shows that the key
        /// is good again.
        var byQuestion = false
    }

    private enum Health: Equatable {
        case open
        /// Nobody goes in before this moment.
        case closed(Closing, until: Int64)
        /// One may go in, to see whether the provider takes orders again.
        case onTrial(Closing)
        /// That one is in.
        case probing(Closing)

        /// Why nobody goes in now, if so.
        var obstacle: DeskWait? {
            switch self {
            case .open, .onTrial: nil
            case .closed(let why, let until):
                DeskWait(kind: why.kind, reason: why.reason, since: why.since, until: until)
            case .probing(let why): DeskWait(kind: why.kind, reason: why.reason, since: why.since)
            }
        }

        /// Why the provider is left alone, if it is.
        var closing: Closing? {
            switch self {
            case .open: nil
            case .closed(let why, _), .onTrial(let why), .probing(let why): why
            }
        }
    }

    private struct Line {
        var taken = 0
        var waiting = Deque<UInt64>()
        var allowance: Allowance?
        /// Orders that were accepted since `allowance` was read.
        var acceptedSince = 0

        /// Why nobody goes in now, if so.
        /// - Parameter all: the orders of all the provider's models that are under way.
        func obstacle(_ model: String, of all: () -> Int, at now: Int64) -> DeskWait? {
            if let daily = allowance?.daily, (allowance?.usedToday ?? 0) + acceptedSince >= daily {
                let words = "the account's \(daily) pictures a day with \(model) are used up"
                return DeskWait(kind: .daily, reason: words, since: now)
            }
            guard let allowance, let limit = allowance.concurrent else { return nil }
            let taken = allowance.isShared ? all() : taken
            guard taken >= max(limit, 1) + allowance.ahead else { return nil }
            let what = allowance.isShared ? "orders" : "orders with \(model)"
            let words = "\(taken) \(what) are under way, and the account may have \(limit) at work"
            return DeskWait(kind: .place, reason: words, since: now)
        }

        /// How many have tickets that are lower: they stand in the order of their tickets.
        func ahead(of ticket: UInt64) -> Int {
            var (low, high) = (0, waiting.count)
            while low < high {
                let middle = (low + high) / 2
                if waiting[middle] < ticket { low = middle + 1 } else { high = middle }
            }
            return low
        }

        mutating func read(_ allowance: Allowance) { (self.allowance, acceptedSince) = (allowance, 0) }
    }

    private struct Desk {
        var health = Health.open
        /// Calls for orders that came to nothing, with no success between.
        var failures = 0
        var lines: [String: Line] = [:]

        /// Orders of all models that are under way.
        var taken: Int { lines.values.reduce(0) { $0 + $1.taken } }

        /// Why nobody goes in at a line now, if so; the health of the provider does not count.
        func obstacle(_ model: String, at now: Int64) -> DeskWait? {
            lines[model]?.obstacle(model, of: { taken }, at: now)
        }

        /// Who goes in next: of those who are first in a line that moves, whoever came first.
        func next(at now: Int64) -> (model: String, ticket: UInt64)? {
            if health.obstacle != nil { return nil }
            var found: (model: String, ticket: UInt64)?
            for (model, line) in lines {
                guard let first = line.waiting.first, found.map({ first < $0.ticket }) ?? true else { continue }
                if obstacle(model, at: now) == nil { found = (model, first) }
            }
            return found
        }

        mutating func goIn(_ model: String) {
            lines[model, default: Line()].taken += 1
            if case .onTrial(let why) = health { health = .probing(why) }
        }

        mutating func open() { (health, failures) = (.open, 0) }
    }

    /// So many failures in a row, over all jobs, and a provider is down.
    static let failuresMax = 3
    /// Seconds until the first order tries a provider that is down, and at most between two.
    static let probePauses = 5.0...60.0

    private var desks: [String: Desk] = [:]

    /// Takes a place, or says why it has to be waited for; then `ticket` is in the line.
    /// Tickets grow.
    mutating func enter(_ place: Place, ticket: UInt64, at now: Int64) -> DeskWait? {
        var desk = desk(place.provider, at: now)
        defer { desks[place.provider] = desk }
        var line = desk.lines[place.model] ?? Line()
        let obstacle = desk.health.obstacle ?? desk.obstacle(place.model, at: now)
        if obstacle == nil && line.waiting.isEmpty {
            desk.goIn(place.model)
            return nil
        }
        line.waiting.append(ticket)
        desk.lines[place.model] = line
        return obstacle ?? DeskWait(kind: .place, reason: "others are before it", since: now)
    }

    /// Takes somebody out of the line.
    mutating func withdraw(_ place: Place, ticket: UInt64) {
        guard let line = desks[place.provider]?.lines[place.model] else { return }
        let index = line.ahead(of: ticket)
        guard index < line.waiting.count, line.waiting[index] == ticket else { return }
        desks[place.provider]?.lines[place.model]?.waiting.remove(at: index)
    }

    /// How many are before somebody in the line; nil for one who is not in it.
    func ahead(_ place: Place, ticket: UInt64) -> Int? {
        guard let line = desks[place.provider]?.lines[place.model] else { return nil }
        let index = line.ahead(of: ticket)
        return index < line.waiting.count && line.waiting[index] == ticket ? index : nil
    }

    /// What the lines of a provider wait for now, where anybody waits.
    func waits(at now: Int64) -> [(place: Place, wait: DeskWait, tickets: Deque<UInt64>)] {
        desks.flatMap { provider, desk in
            desk.lines.compactMap { model, line in
                if line.waiting.isEmpty { return nil }
                let wait = desk.health.obstacle ?? desk.obstacle(model, at: now)
                return wait.map { (Place(provider: provider, model: model), $0, line.waiting) }
            }
        }
    }

    /// Counts a place that a job has from before this start.
    mutating func occupy(_ place: Place) {
        desks[place.provider, default: Desk()].lines[place.model, default: Line()].taken += 1
    }

    /// Gives a place back. Answers who goes in now.
    /// - Parameter wasAccepted: whether the provider took its order, so that it is not the one who tries.
    mutating func leave(_ place: Place, wasAccepted: Bool = false, at now: Int64) -> [UInt64] {
        guard var desk = desks[place.provider], let line = desk.lines[place.model], line.taken > 0 else {
            preconditionFailure("a place at \(place) was given back that nobody had")
        }
        desk.lines[place.model]?.taken -= 1
        // Whoever was to try came back without an order: the next one may.
        if case .probing(let why) = desk.health, !wasAccepted { desk.health = .onTrial(why) }
        desks[place.provider] = desk
        return admit(place.provider, at: now)
    }

    // MARK: - Health

    /// Nobody goes in until then; since when that is so, is when it began. Answers who waits.
    /// - Parameter byQuestion: whether it was a question about a task that the provider refused.
    mutating func hold(
        _ provider: String, until: Int64, reason: String, byQuestion: Bool = false, at now: Int64
    ) -> [UInt64] {
        let before = desks[provider]?.health.closing
        let heldByOrder = before.map { $0.kind == .held && !$0.byQuestion } ?? false
        let why = Closing(
            kind: .held, since: before?.since ?? now, reason: reason, byQuestion: byQuestion && !heldByOrder)
        desks[provider, default: Desk()].health = .closed(why, until: until)
        return desks[provider]?.lines.values.flatMap { Array($0.waiting) } ?? []
    }

    /// Whether an answer to a question about a task would end a hold.
    func isHeldByQuestion(_ provider: String) -> Bool { desks[provider]?.health.closing?.byQuestion ?? false }

    /// The provider answered a question about a task. Where another question's refusal was all there was against it,
    /// it is open again. Answers who goes in now.
    mutating func answeredQuestion(_ provider: String, at now: Int64) -> [UInt64] {
        guard isHeldByQuestion(provider) else { return [] }
        desks[provider]?.open()
        return admit(provider, at: now)
    }

    /// A call for an order came to nothing, for certain, in a way that says that the provider is down.
    /// - Parameters:
    ///   - pause: seconds for which the provider wishes to be left alone; nil where it does not say.
    ///   - dice: 0 to 1.
    /// - Returns: why nobody goes in now; nil as long as everybody does.
    mutating func failed(_ provider: String, reason: String, pause: Double?, at now: Int64, dice: Double) -> DeskWait? {
        var desk = desk(provider, at: now)
        defer { desks[provider] = desk }
        desk.failures += 1
        switch desk.health {
        case .open where desk.failures < DeskBook.failuresMax: break
        case .open:
            let why = Closing(kind: .down, since: now, reason: reason)
            desk.health = .closed(why, until: now + DeskBook.nanoseconds(0, pause, dice))
        case .onTrial(let before), .probing(let before):
            let probes = before.kind == .down ? before.probes + 1 : 0
            let why = Closing(kind: .down, since: before.since, reason: reason, probes: probes)
            desk.health = .closed(why, until: now + DeskBook.nanoseconds(probes, pause, dice))
        // Sent before it was closed, or by somebody who had a place.
        case .closed: break
        }
        return desk.health.obstacle
    }

    /// The answer to an order was lost, which says nothing of a provider that is open. Whoever was to try one has found
    /// that it does not answer: the next one tries after a pause, since each of them may be charged for.
    /// - Returns: as `failed`.
    mutating func lost(_ provider: String, reason: String, at now: Int64, dice: Double) -> DeskWait? {
        guard case .probing? = desks[provider]?.health else { return nil }
        return failed(provider, reason: reason, pause: nil, at: now, dice: dice)
    }

    /// The provider answered, if only with a refusal: it is not down. Answers who goes in now.
    mutating func answered(_ provider: String, at now: Int64) -> [UInt64] {
        desks[provider]?.failures = 0
        guard desks[provider]?.health.closing?.kind == .down else { return [] }
        desks[provider]?.open()
        return admit(provider, at: now)
    }

    /// The provider took an order: that ends a trial, and nothing is down that takes orders. Answers who goes in now.
    mutating func accepted(_ place: Place, at now: Int64) -> [UInt64] {
        desks[place.provider]?.lines[place.model]?.acceptedSince += 1
        if case .probing? = desks[place.provider]?.health {
            desks[place.provider]?.open()
            return admit(place.provider, at: now)
        }
        return answered(place.provider, at: now)
    }

    /// Ends every hold, and takes nobody for down, since somebody did something. Answers who goes in now.
    mutating func release(at now: Int64) -> [UInt64] {
        let providers = Array(desks.keys)
        for provider in providers { desks[provider]?.open() }
        return providers.flatMap { admit($0, at: now) }
    }

    /// Why nobody goes in at a provider, if so; the line before it does not count.
    /// - Parameter hasPlace: whether it is asked by somebody who is in: the one who tries is not in his own way.
    func obstacle(_ provider: String, hasPlace: Bool = false, at now: Int64) -> DeskWait? {
        let health = desk(provider, at: now).health
        if case .probing = health, hasPlace { return nil }
        return health.obstacle
    }

    /// The providers that nobody goes in at, as they were left: a pause that is over counts until somebody looks.
    var shut: Set<String> { Set(desks.filter { $0.value.health.obstacle != nil }.keys) }

    /// What is known of the providers that are left alone: why, and since when.
    var closings: [String: DeskWait] {
        desks.compactMapValues { desk in
            desk.health.closing.map {
                DeskWait(kind: $0.kind, reason: $0.reason, since: $0.since, until: desk.health.obstacle?.until)
            }
        }
    }

    /// 5, 10, 20, 40, 60 seconds, with up to half of it more within that; longer only where the provider wishes it.
    private static func nanoseconds(_ probes: Int, _ wish: Double?, _ dice: Double) -> Int64 {
        let grown = probePauses.lowerBound * Double(1 << min(probes, 8)) * (1 + 0.5 * dice)
        return Int64(max(min(grown, probePauses.upperBound), wish ?? 0) * 1e9)
    }

    // MARK: - The account

    /// What the account may do, as it was just read. Answers who goes in now.
    mutating func read(_ account: Account, of provider: String, at now: Int64) -> [UInt64] {
        for (model, allowance) in account.models {
            desks[provider, default: Desk()].lines[model, default: Line()].read(allowance)
        }
        return admit(provider, at: now)
    }

    /// Lets in whoever may: for the moment at which a provider may be tried.
    mutating func admit(_ provider: String, at now: Int64) -> [UInt64] {
        var desk = desk(provider, at: now)
        defer { desks[provider] = desk }
        var admitted: [UInt64] = []
        while let (model, ticket) = desk.next(at: now) {
            desk.lines[model]?.waiting.removeFirst()
            desk.goIn(model)
            admitted.append(ticket)
        }
        return admitted
    }

    /// How many pictures of the day the account should have counted by now, where it was read and counts them.
    func counted(_ place: Place) -> Int? {
        guard let line = desks[place.provider]?.lines[place.model], let used = line.allowance?.usedToday else {
            return nil
        }
        return used + line.acceptedSince
    }

    /// Places that are taken at a provider.
    func taken(_ provider: String) -> Int { desks[provider]?.taken ?? 0 }

    /// How many wait for a place at a provider.
    func waiting(_ provider: String) -> Int { desks[provider]?.lines.values.reduce(0) { $0 + $1.waiting.count } ?? 0 }

    /// A provider's desk as it is now: a pause that is over has become a trial.
    private func desk(_ provider: String, at now: Int64) -> Desk {
        var desk = desks[provider] ?? Desk()
        if case .closed(let why, let until) = desk.health, until <= now { desk.health = .onTrial(why) }
        return desk
    }
}
