// Who may go to which provider now, and who waits for what: a value.
//
// A provider takes so many tasks of an account at once; what is sent beyond that lies in its queue and counts against
// the day, or is refused. So orders wait here, in the order of their coming, for a place: as many as the account may
// have at once and, where the provider keeps a queue of its own, some more, so that it never runs dry. A provider that
// refused the key or has no credit left is held: nobody goes in until a person did something (a reload of the
// configuration), or ten minutes later one goes in to try.

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

        /// The word for programs.
        var reason: WaitReason {
            switch self {
            case .place: .place
            case .daily: .dailyLimit
            case .held: .providerHeld
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

    private enum Health: Equatable {
        case open
        /// Nobody goes in before this moment.
        case held(since: Int64, until: Int64, reason: String)
        /// One may go in, to see whether the provider takes orders again.
        case onTrial(since: Int64, reason: String)
        /// That one is in.
        case probing(since: Int64, reason: String)

        /// Why nobody goes in now, if so.
        var obstacle: DeskWait? {
            switch self {
            case .open, .onTrial: nil
            case .held(let since, let until, let reason):
                DeskWait(kind: .held, reason: reason, since: since, until: until)
            case .probing(let since, let reason): DeskWait(kind: .held, reason: reason, since: since)
            }
        }

        /// Since when nobody goes in, if so.
        var since: Int64? {
            switch self {
            case .open: nil
            case .held(let since, _, _), .onTrial(let since, _), .probing(let since, _): since
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
        func obstacle(_ model: String, at now: Int64) -> DeskWait? {
            if let daily = allowance?.daily, (allowance?.usedToday ?? 0) + acceptedSince >= daily {
                let words = "the account's \(daily) pictures a day with \(model) are used up"
                return DeskWait(kind: .daily, reason: words, since: now)
            }
            guard let allowance, let limit = allowance.concurrent, taken >= max(limit, 1) + allowance.ahead else {
                return nil
            }
            let words = "\(taken) orders with \(model) are under way, and the account may have \(limit) at work"
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
        var lines: [String: Line] = [:]

        mutating func goIn(_ model: String) {
            lines[model, default: Line()].taken += 1
            if case .onTrial(let since, let reason) = health { health = .probing(since: since, reason: reason) }
        }
    }

    private var desks: [String: Desk] = [:]

    /// Takes a place, or says why it has to be waited for; then `ticket` is in the line.
    /// Tickets grow.
    mutating func enter(_ place: Place, ticket: UInt64, at now: Int64) -> DeskWait? {
        var desk = desk(place.provider, at: now)
        defer { desks[place.provider] = desk }
        var line = desk.lines[place.model] ?? Line()
        let obstacle = desk.health.obstacle ?? line.obstacle(place.model, at: now)
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
                let wait = desk.health.obstacle ?? line.obstacle(model, at: now)
                return wait.map { (Place(provider: provider, model: model), $0, line.waiting) }
            }
        }
    }

    /// Counts a place that a job has from before this start.
    mutating func occupy(_ place: Place) {
        desks[place.provider, default: Desk()].lines[place.model, default: Line()].taken += 1
    }

    /// Gives a place back. Answers who goes in now.
    mutating func leave(_ place: Place, at now: Int64) -> [UInt64] {
        guard var desk = desks[place.provider], let line = desk.lines[place.model], line.taken > 0 else {
            preconditionFailure("a place at \(place) was given back that nobody had")
        }
        desk.lines[place.model]?.taken -= 1
        // Whoever was to try came back without an order: the next one may.
        if case .probing(let since, let reason) = desk.health { desk.health = .onTrial(since: since, reason: reason) }
        desks[place.provider] = desk
        return admit(place.provider, at: now)
    }

    /// Nobody goes in until then; since when that is so, is when it began. Answers who waits.
    mutating func hold(_ provider: String, until: Int64, reason: String, at now: Int64) -> [UInt64] {
        let since = desks[provider]?.health.since ?? now
        desks[provider, default: Desk()].health = .held(since: since, until: until, reason: reason)
        return desks[provider]?.lines.values.flatMap { Array($0.waiting) } ?? []
    }

    /// Ends every hold, since somebody did something. Answers who goes in now.
    mutating func release(at now: Int64) -> [UInt64] {
        let providers = Array(desks.keys)
        for provider in providers { desks[provider]?.health = .open }
        return providers.flatMap { admit($0, at: now) }
    }

    /// The provider took an order. Answers who goes in now, where that ends a trial.
    mutating func accepted(_ place: Place, at now: Int64) -> [UInt64] {
        desks[place.provider]?.lines[place.model]?.acceptedSince += 1
        guard case .probing? = desks[place.provider]?.health else { return [] }
        desks[place.provider]?.health = .open
        return admit(place.provider, at: now)
    }

    /// What the account may do, as it was just read. Answers who goes in now.
    mutating func read(_ account: Account, of provider: String, at now: Int64) -> [UInt64] {
        for (model, allowance) in account.models {
            desks[provider, default: Desk()].lines[model, default: Line()].read(allowance)
        }
        return admit(provider, at: now)
    }

    /// Lets in whoever may: for the moment at which a hold is over.
    mutating func admit(_ provider: String, at now: Int64) -> [UInt64] {
        var desk = desk(provider, at: now)
        defer { desks[provider] = desk }
        var admitted: [UInt64] = []
        for model in desk.lines.keys.sorted() {
            while desk.health.obstacle == nil, let line = desk.lines[model], let first = line.waiting.first,
                line.obstacle(model, at: now) == nil
            {
                desk.lines[model]?.waiting.removeFirst()
                desk.goIn(model)
                admitted.append(first)
            }
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
    func taken(_ provider: String) -> Int { desks[provider]?.lines.values.reduce(0) { $0 + $1.taken } ?? 0 }

    /// How many wait for a place at a provider.
    func waiting(_ provider: String) -> Int { desks[provider]?.lines.values.reduce(0) { $0 + $1.waiting.count } ?? 0 }

    /// What is known of the providers that are left alone: why, and since when.
    var closings: [String: DeskWait] {
        desks.compactMapValues { desk in
            switch desk.health {
            case .open: nil
            case .held(let since, let until, let reason):
                DeskWait(kind: .held, reason: reason, since: since, until: until)
            case .onTrial(let since, let reason), .probing(let since, let reason):
                DeskWait(kind: .held, reason: reason, since: since)
            }
        }
    }

    /// A provider's desk as it is now: a hold that is over has become a trial.
    private func desk(_ provider: String, at now: Int64) -> Desk {
        var desk = desks[provider] ?? Desk()
        if case .held(let since, let until, let reason) = desk.health, until <= now {
            desk.health = .onTrial(since: since, reason: reason)
        }
        return desk
    }
}
