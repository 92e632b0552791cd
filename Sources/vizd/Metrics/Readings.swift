// What is read at the moment at which the metrics are written: the gauges, from the values that the parts of the
// program have anyway, and the counts that the journal keeps itself. A value; `MetricsFile` collects it.

import Contract
import Ledger

/// What only the loop knows.
struct LoopReadings: Sendable, Equatable {
    /// Requests in `incoming/`, as far as the index has them.
    var incoming = 0
    /// Parts of compound jobs that wait for a slot.
    var parts = 0
    /// Files of an earlier run that wait for a slot.
    var resumed = 0
    /// When the request that came first arrived, nanoseconds since 1970.
    var oldestArrival: Int64?
    var users = 0
    var turnedAway = 0
    var slotsTaken = 0
    var slotsLimit = 0
    var isPaused = false
    var isWatching = true
    var ignoredFiles = 0
}

/// The jobs under way, as the status board has them.
struct BoardReadings: Sendable, Equatable {
    /// How many, and the age of the oldest in seconds.
    struct Group: Sendable, Equatable {
        var count = 0
        var oldest = 0.0

        mutating func add(_ age: Double) { (count, oldest) = (count + 1, max(oldest, age)) }
    }

    var stages: [Stage: Group] = [:]
    var waits: [WaitReason: Group] = [:]
    var parked = 0
}

/// How a provider stands.
struct ProviderReading: Sendable, Equatable {
    enum State: String, CaseIterable, Sendable {
        case open, held, down, unconfigured
    }

    let name: String
    let state: State
    let places: Int
    let line: Int
}

/// The room on a file system that vizd writes to.
struct DiskReading: Sendable, Equatable {
    let folder: String
    let bytesFree: Int
    let inodesFree: Int?
    let isReadOnly: Bool
}

/// What is true now.
struct Readings: Sendable {
    let spool: String
    let version: String
    let isUp: Bool
    /// Seconds since 1970.
    let startedAt: Double
    let now: Double
    let residentBytes: Int
    let loop: LoopReadings
    let board: BoardReadings
    let providers: [ProviderReading]
    /// Nil until the ledger could be read.
    let money: MonthMoney?
    let budget: (monthly: Int64?, perUser: Int64?)
    let disks: [DiskReading]
    let diskFloor: Int
    let workersAlive: Int
    let workersBusy: Int
    let workerDeaths: Int
    let workerOrders: Int
    let journal: JournalFigures
    let journalWaiting: Int
}

extension Readings {
    func writeProgram(to text: inout Exposition) {
        text.write(.buildInfo, [Sample(1, MetricLabel("version", version))])
        text.write(.isUp, [Sample(isUp)])
        text.write(.startTime, startedAt)
        text.write(.writeTime, now)
        text.write(.residentBytes, residentBytes)
    }

    func writeQueue(to text: inout Exposition) {
        text.write(
            .queueJobs,
            [("incoming", loop.incoming), ("parts", loop.parts), ("resumed", loop.resumed)].map {
                Sample($1, MetricLabel("state", $0))
            })
        text.write(.queueOldest, loop.oldestArrival.map { max(0, now - Double($0) / 1e9) } ?? 0)
        text.write(.queueUsers, loop.users)
        text.write(.queueTurnedAway, loop.turnedAway)
        text.write(.isPaused, [Sample(loop.isPaused)])
        text.write(.slotsTaken, loop.slotsTaken)
        text.write(.slotsLimit, loop.slotsLimit)
    }

    func writeJobs(to text: inout Exposition) {
        let stages = Stage.allCases.map { (MetricLabel("stage", $0.rawValue), board.stages[$0]) }
        text.write(.inFlightJobs, stages.map { Sample($1?.count ?? 0, $0) })
        text.write(.inFlightOldest, stages.map { Sample($1?.oldest ?? 0, $0) })
        let waits = WaitReason.ofJobs.map { (MetricLabel("reason", $0.rawValue), board.waits[$0]) }
        text.write(.waitingJobs, waits.map { Sample($1?.count ?? 0, $0) })
        text.write(.waitingOldest, waits.map { Sample($1?.oldest ?? 0, $0) })
        text.write(.parkedJobs, board.parked)
    }

    func writeProviders(to text: inout Exposition) {
        text.write(
            .providerState,
            providers.flatMap { provider in
                ProviderReading.State.allCases.map {
                    Sample(
                        provider.state == $0, MetricLabel("provider", provider.name), MetricLabel("state", $0.rawValue))
                }
            })
        text.write(.providerPlaces, providers.map { Sample($0.places, MetricLabel("provider", $0.name)) })
        text.write(.providerLine, providers.map { Sample($0.line, MetricLabel("provider", $0.name)) })
    }

    func writeMoney(to text: inout Exposition) {
        let perProvider = { (counts: [String: Int]) in
            providers.map { Sample(counts[$0.name] ?? 0, MetricLabel("provider", $0.name)) }
        }
        text.write(.orders, perProvider(journal.orders))
        text.write(.reorders, perProvider(journal.reorders))
        text.write(
            .spent,
            providers.map { Sample(Self.dollars(journal.spent[$0.name] ?? 0), MetricLabel("provider", $0.name)) })
        guard let money else { return }
        text.write(.cost, costs(money))
        let budgets = [
            ("monthly", budget.monthly, money.all), ("per_user_monthly", budget.perUser, money.largestUser),
        ].compactMap { name, limit, spent in limit.map { (label: MetricLabel("budget", name), limit: $0, spent: spent) }
        }
        text.write(.budgetLimit, budgets.map { Sample(Self.dollars($0.limit), $0.label) })
        text.write(.budgetLeft, budgets.map { Sample(Self.dollars($0.limit - $0.spent), $0.label) })
    }

    /// Those of this build and any that an earlier one has booked.
    private func costs(_ money: MonthMoney) -> [Sample] {
        let names = Set(providers.map(\.name)).union(money.providers.keys).sorted()
        return names.flatMap { name in
            let sums = money.providers[name] ?? MonthMoney.Sums()
            return [("settled", sums.settled), ("reserved", sums.reserved), ("uncertain", sums.uncertain)].map {
                Sample(Self.dollars($1), MetricLabel("provider", name), MetricLabel("state", $0))
            }
        }
    }

    func writeMachine(to text: inout Exposition) {
        text.write(.isWatching, [Sample(loop.isWatching)])
        text.write(.ignoredFiles, loop.ignoredFiles)
        text.write(.diskFree, disks.map { Sample($0.bytesFree, MetricLabel("folder", $0.folder)) })
        text.write(
            .diskFreeInodes,
            disks.compactMap { disk in disk.inodesFree.map { Sample($0, MetricLabel("folder", disk.folder)) } })
        text.write(.diskReadOnly, disks.map { Sample($0.isReadOnly, MetricLabel("folder", $0.folder)) })
        text.write(.diskFloor, diskFloor)
        text.write(
            .workers,
            [("busy", workersBusy), ("idle", workersAlive - workersBusy)].map { Sample($1, MetricLabel("state", $0)) })
        text.write(.workerDeaths, workerDeaths)
        text.write(.workerOrders, workerOrders)
    }

    func writeJournal(to text: inout Exposition) {
        text.write(.commits, journal.commits)
        text.write(.operations, journal.operations)
        text.write(.commitFailures, journal.failures)
        text.write(.journalWaiting, journalWaiting)
    }

    private static func dollars(_ micros: Int64) -> Double { Double(micros) / 1e6 }
}
