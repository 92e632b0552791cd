// A place whose pictures come from a hosted service, a simulated one: spool, wardrobe, simulator, and the settings that
// lead vizd to it. The simulator's books are the witness for everything that a job is said to have cost.

package import Contract
internal import Foundation
internal import Ledger
internal import Linux
package import ServiceSimulator

/// What a place needs to know of a service.
package struct ServiceHouse: Sendable {
    /// As the configuration spells it.
    package let id: String
    /// As results spell it.
    package let displayName: String
    package let dialect: any Dialect
    /// Millionths of a US dollar that vizd counts for a credit.
    package let creditMicros: Double
    package let key: String

    package init(id: String, displayName: String, dialect: any Dialect, creditMicros: Double, key: String) {
        (self.id, self.displayName, self.dialect) = (id, displayName, dialect)
        (self.creditMicros, self.key) = (creditMicros, key)
    }
}

/// A spool with a simulated service beside it.
package final class ServiceSite: Sendable {
    package let site: Site
    package let house: ServiceHouse
    package let service: ServiceSimulator
    private let clock: HeldClock

    /// Starts a simulator, whose tasks take a fifth of a second, beside a spool.
    /// - Parameter held: whether the simulator's time stands still until `letTimePass`.
    package init(_ house: ServiceHouse, held: Bool = false) throws {
        site = try Site()
        self.house = house
        let clock = HeldClock(isHeld: held)
        self.clock = clock
        var configuration = ServiceConfiguration()
        (configuration.keys, configuration.duration) = ([house.key], 0.2)
        service = try ServiceSimulator(house.dialect, configuration, clock: { clock.now() })
    }

    deinit { service.stop() }

    /// Starts `vizd run` and waits until it is ready and has read the account.
    package func ready(_ more: [String: String] = [:]) throws -> DaemonRun {
        let name = house.id.uppercased()
        let own = [
            "VIZD_PROVIDER": house.id, "\(name)_API_KEY": house.key, "\(name)_BASE_URL": service.baseURL,
            "VIZD_HTTP_ALLOW_INSECURE": "127.0.0.1:\(service.port)", "VIZD_POLL_INTERVAL": "0.1",
            "VIZD_POLL_INITIAL": "0.05",
        ]
        let daemon = try DaemonRun(site, ["run"], site.environment(own.merging(more) { $1 }))
        try daemon.awaitLine("vizd.ready")
        try daemon.awaitLine("provider.account")
        return daemon
    }

    /// Lets the simulator's time go on.
    package func letTimePass() { clock.letGo() }

    /// What is wrong after vizd has stopped and these jobs have ended: each attempt has its task and each task its
    /// attempt, the ledger has what the service billed, the result says the same, and no secret was written down.
    package func complaints(_ names: [String]) throws -> [String] {
        guard let journal = try JournalReader.open(path: "\(site.state)/vizd.sqlite") else { return ["no journal"] }
        let books = service.books
        var found: [String] = try leaks()
        var known: Set<String> = []
        var lost = 0
        for name in names {
            guard let result = try result(name) else {
                found.append("\(name) has not ended")
                continue
            }
            var micros: Int64 = 0
            for attempt in try journal.attempts(name) {
                let id = attempt.taskID.map { String($0.prefix { $0 != " " }) }
                if let id, !known.insert(id).inserted { found.append("\(name): \(id) stands for two attempts") }
                if attempt.state == .uncertain, id == nil { lost += 1 }
                if attempt.state != .refused { micros += (attempt.final ?? attempt.estimate).usdMicros }
                guard let final = attempt.final, attempt.state == .settled else { continue }
                let billed = books.tasks.first { $0.id == id }?.billed
                if final.credits != billed { found.append("\(name): booked \(final), billed \(billed as Any)") }
            }
            if Int64((result.cost.usd * 1e6).rounded()) != micros {
                found.append("\(name): the result says \(result.cost), the books \(micros) µ$")
            }
        }
        let strays = books.tasks.filter { !known.contains($0.id) }.count
        if strays > lost { found.append("\(strays) tasks have no attempt, and \(lost) answers were lost") }
        for id in known where !books.tasks.contains(where: { $0.id == id }) {
            found.append("the service knows nothing of \(id)")
        }
        return found
    }

    /// The result of a job, wherever it landed; nil if nowhere.
    package func result(_ name: String) throws -> ResultDocument? {
        for box in ["done", "failed"] {
            if let bytes = try site.file(box, "\(name).result.json") { return try ResultDocument.decode(bytes) }
        }
        return nil
    }

    /// The text under which a job's last task stands in the journal; nil before it does.
    package func handle(of name: String) throws -> String? {
        try JournalReader.open(path: "\(site.state)/vizd.sqlite")?.attempts(name).last?.taskID
    }

    /// Files of vizd's that contain a secret.
    private func leaks() throws -> [String] {
        var found: [String] = []
        for folder in [site.spool, site.state, site.logs, site.wardrobe] {
            for file in FileManager.default.enumerator(atPath: folder)?.allObjects as? [String] ?? [] {
                let path = "\(folder)/\(file)"
                let kind = try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
                guard kind == .typeRegular else { continue }
                let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
                found += [house.key, "?se=", "data:image/", ";base64,"].filter { bytes.range(of: Data($0.utf8)) != nil }
                    .map { "\($0) stands in \(path)" }
            }
        }
        return found
    }
}
