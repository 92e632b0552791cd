// Who may go to which provider now, and who waits for what: a value.
//
// A provider takes so many tasks of an account at once; what is sent beyond that lies in its queue and counts against
// the day. So orders wait here, in the order of their coming, for a place: as many as the account may have at once and
// two more, so that the provider never runs dry. A provider that refused the key or has no credit left is held: nobody
// goes in until a person did something (a reload of the configuration), or ten minutes later one goes in to try.

internal import DequeModule
internal import Providers

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
        case held(until: Int64, reason: String)
        /// One may go in, to see whether the provider takes orders again.
        case onTrial(reason: String)
        /// That one is in.
        case probing(reason: String)

        /// Why nobody goes in now, if so.
        var obstacle: String? {
            switch self {
            case .open, .onTrial: nil
            case .held(_, let reason), .probing(let reason): reason
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
        func obstacle(_ model: String) -> String? {
            if let daily = allowance?.daily, (allowance?.usedToday ?? 0) + acceptedSince >= daily {
                return "the account's \(daily) pictures a day with \(model) are used up"
            }
            guard let allowance, let limit = allowance.concurrent, taken >= max(limit, 1) + allowance.ahead else {
                return nil
            }
            return "\(taken) orders with \(model) are under way, and the account may have \(limit) at work"
        }

        mutating func read(_ allowance: Allowance) { (self.allowance, acceptedSince) = (allowance, 0) }
    }

    private struct Desk {
        var health = Health.open
        var lines: [String: Line] = [:]

        mutating func goIn(_ model: String) {
            lines[model, default: Line()].taken += 1
            if case .onTrial(let reason) = health { health = .probing(reason: reason) }
        }
    }

    private var desks: [String: Desk] = [:]

    /// Takes a place, or says why it has to be waited for; then `ticket` is in the line.
    mutating func enter(_ place: Place, ticket: UInt64, at now: Int64) -> String? {
        var desk = desk(place.provider, at: now)
        defer { desks[place.provider] = desk }
        var line = desk.lines[place.model] ?? Line()
        let obstacle = desk.health.obstacle ?? line.obstacle(place.model)
        if obstacle == nil && line.waiting.isEmpty {
            desk.goIn(place.model)
            return nil
        }
        line.waiting.append(ticket)
        desk.lines[place.model] = line
        return obstacle ?? "\(line.waiting.count - 1) orders are before it"
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
        if case .probing(let reason) = desk.health { desk.health = .onTrial(reason: reason) }
        desks[place.provider] = desk
        return admit(place.provider, at: now)
    }

    /// Nobody goes in until then. Answers who waits.
    mutating func hold(_ provider: String, until: Int64, reason: String) -> [UInt64] {
        desks[provider, default: Desk()].health = .held(until: until, reason: reason)
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
                line.obstacle(model) == nil
            {
                desk.lines[model]?.waiting.removeFirst()
                desk.goIn(model)
                admitted.append(first)
            }
        }
        return admitted
    }

    /// How many pictures of the day the account should have counted by now, where it was read.
    func counted(_ place: Place) -> Int? {
        guard let line = desks[place.provider]?.lines[place.model], let allowance = line.allowance else { return nil }
        return allowance.usedToday + line.acceptedSince
    }

    /// Places that are taken at a provider.
    func taken(_ provider: String) -> Int { desks[provider]?.lines.values.reduce(0) { $0 + $1.taken } ?? 0 }

    /// How many wait for a place at a provider.
    func waiting(_ provider: String) -> Int { desks[provider]?.lines.values.reduce(0) { $0 + $1.waiting.count } ?? 0 }

    /// A provider's desk as it is now: a hold that is over has become a trial.
    private func desk(_ provider: String, at now: Int64) -> Desk {
        var desk = desks[provider] ?? Desk()
        if case .held(let until, let reason) = desk.health, until <= now { desk.health = .onTrial(reason: reason) }
        return desk
    }
}
