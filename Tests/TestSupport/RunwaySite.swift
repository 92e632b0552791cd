// A place whose pictures come from Runway, the simulated one: spool, wardrobe, simulator, and the settings that lead
// vizd to it. The simulator's books are the witness for everything that a job is said to have cost.
//
// Each job of such a place carries a mark in its prompt, so that a task in the books has an owner. The simulator's time
// can stand still: then tasks stay where they are until the test has set its traps and lets time go on.

internal import Foundation
internal import Linux
package import RunwaySimulator

/// A spool with a simulated Runway beside it.
package final class RunwaySite: Sendable {
    package let site: Site
    package let runway: RunwaySimulator
    /// The key that the simulator lets in.
    package let key: String
    private let clock: HeldClock
    /// Bytes that must not stand in anything that vizd writes.
    let secrets: [String]

    /// Starts a simulator beside a spool.
    /// - Parameters:
    ///   - site: the spool; nil makes one.
    ///   - key: the key that is let in; nil makes one up.
    ///   - held: whether the simulator's time stands still until `letTimePass`.
    ///   - configure: changes to a simulator whose tasks take a fifth of a second.
    package init(
        at site: Site? = nil, key: String? = nil, held: Bool = false,
        _ configure: (inout RunwayConfiguration) -> Void = { _ in }
    ) throws {
        self.site = try site ?? Site()
        let key = key ?? Self.freshKey()
        self.key = key
        // A key has a form by which it is taken out of messages; its digits alone must not be there either.
        secrets = [String(key.dropFirst(4)), "_jwt", "data:image/", ";base64,"]
        let clock = HeldClock(isHeld: held)
        self.clock = clock
        var configuration = RunwayConfiguration()
        configuration.keys = [key]
        configuration.duration = 0.2...0.2
        configure(&configuration)
        runway = try RunwaySimulator(configuration, clock: { clock.now() })
    }

    deinit { runway.stop() }

    // MARK: The program

    /// A key as Runway gives them out.
    package static func freshKey() -> String { "key_" + Random.hex(bytes: 24) }

    /// The settings that lead vizd to a simulator on a port, asking as often as it may.
    package static func settings(port: UInt16, key: String) -> [String: String] {
        [
            "VIZD_PROVIDER": "runway", "RUNWAY_API_KEY": key,
            "RUNWAY_BASE_URL": "http://127.0.0.1:\(port)",
            "VIZD_HTTP_ALLOW_INSECURE": "127.0.0.1:\(port)", "VIZD_POLL_INTERVAL": "0.1",
            "VIZD_POLL_INITIAL": "0.05",
            "RUNWAY_RATIO": "720:960", "VIZD_LIMITS_PER_USER": "1000", "VIZD_LIMITS_IN_FLIGHT": "1000",
        ]
    }

    /// The same for this one; `more` wins.
    package func settings(_ more: [String: String] = [:]) -> [String: String] {
        Self.settings(port: runway.port, key: key).merging(more) { $1 }
    }

    /// Starts `vizd run` and waits until it is ready and has read what the account may do.
    package func ready(_ more: [String: String] = [:], _ arguments: String...) throws -> DaemonRun {
        let daemon = try DaemonRun(site, ["run"] + arguments, site.environment(settings(more)))
        try daemon.awaitLine("vizd.ready")
        try daemon.awaitLine("provider.account")
        return daemon
    }

    /// Starts `vizd run` and waits until it is ready, whether or not Runway can be asked.
    package func started(_ more: [String: String] = [:], _ arguments: String...) throws -> DaemonRun {
        let daemon = try DaemonRun(site, ["run"] + arguments, site.environment(settings(more)))
        try daemon.awaitLine("vizd.ready")
        return daemon
    }

    // MARK: Jobs and their tasks

    /// What stands in the prompts of a job's orders and of no other's.
    package static func mark(_ name: String) -> String { "Mark \(name) here" }

    /// Delivers a request of the example's one-garment outfit; `more` are members of its JSON.
    package func order(_ name: String, outfit: String, more: String = "") throws {
        let request = #"{"user_id":"peichin","outfit_id":"\#(outfit)","prompt":"\#(Self.mark(name))""#
        try site.deliver(request + (more.isEmpty ? "}" : "," + more + "}"), as: "\(name).json")
    }

    /// Lets something go wrong with the creates of one job.
    package func spoilCreate(_ name: String, _ fault: Fault, count: Int = 1) {
        runway.inject(Injection(at: .create, count: count, matching: Self.mark(name), fault: fault))
    }

    /// The tasks of a job, in the order of their creation.
    package func tasks(of name: String) -> [BookedTask] {
        runway.books.tasks.filter { $0.prompt.contains(Self.mark(name)) }
    }

    /// Waits until a job has so many tasks.
    @discardableResult
    package func awaitTask(_ name: String, count: Int = 1, _ daemon: DaemonRun) throws -> BookedTask {
        try daemon.await("task \(count) of \(name)") {
            let tasks = tasks(of: name)
            return tasks.count >= count ? tasks[count - 1] : nil
        }
    }

    /// Lets the simulator's time go on.
    package func letTimePass() { clock.letGo() }

    /// Puts the simulator's clock on by so many hours, and lets it run.
    package func letPass(hours: Int64) { clock.letGo(after: hours * 3_600_000_000_000) }
}

/// The simulator's clock: it stands still until it is let go, and from then on runs with the machine's.
final class HeldClock: Sendable {
    private struct State {
        var held: Int64?
        var ahead: Int64 = 0
    }

    private let state: Monitor<State>

    init(isHeld: Bool) { state = Monitor(State(held: isHeld ? SteadyClock.now() : nil)) }

    /// Nanoseconds since 1970, never going back.
    func now() -> Int64 { state.look { $0.held ?? SteadyClock.now() + $0.ahead } }

    func letGo(after jump: Int64 = 0) {
        state.change { state in
            state.held = nil
            state.ahead += jump
        }
    }
}
