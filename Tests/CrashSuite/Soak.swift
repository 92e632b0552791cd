// The soak: vizd at work for a while under everything that can happen to it, drawn from a seed; then everything is let
// come to its end, and the books of both sides are compared.
//
// What is drawn: deliveries of every kind (paid, free, doomed, doubled, under taken and bad names, by rename, link and
// plain write), faults of the provider, SIGKILL and restart, SIGTERM and restart, SIGSTOP and SIGCONT, SIGHUP, requests
// moved back from done/ and failed/, two programs that write records beside vizd (one takes the lock, one knows of
// none), and, where a disk can be mounted, moments in which it is full.

internal import Contract
internal import Digest
internal import Foundation
internal import Linux
internal import RunwaySimulator
internal import TestSupport

/// What came of a soak.
package struct SoakReport: Sendable {
    package fileprivate(set) var jobs = 0
    package fileprivate(set) var orders = 0
    package fileprivate(set) var kills = 0
    package fileprivate(set) var restarts = 0
    package fileprivate(set) var faults = 0
    package fileprivate(set) var movedBack = 0
    package fileprivate(set) var foreignWrites = 0
    package fileprivate(set) var fullDisks = 0
    package fileprivate(set) var lost = 0
    package fileprivate(set) var unknown = 0
    package fileprivate(set) var breaches: [String] = []
    fileprivate var seconds: Int64 = 0
    fileprivate let seed: UInt64

    fileprivate init(seed: UInt64) { self.seed = seed }

    /// One line.
    package var summary: String {
        "soak of \(seconds) s, seed \(seed): \(jobs) jobs, \(orders) orders received by the provider, \(kills) kills, "
            + "\(restarts) restarts, \(faults) provider faults, \(movedBack) moved back, \(foreignWrites) foreign "
            + "writes, \(fullDisks) full disks, \(unknown) submissions unknown; \(lost) lost, "
            + "\(breaches.count) breaches"
    }
}

/// A soak.
package struct Soak: Sendable {
    private let minutes: Double
    private let seed: UInt64

    /// `minutes` is how long new things happen.
    package init(minutes: Double, seed: UInt64) { (self.minutes, self.seed) = (minutes, seed) }

    /// Plays it. Blocks.
    package func run() throws -> SoakReport {
        // Nothing is removed in time, and a disk that is full for good ends the soak.
        let megabytes: Int = 512 + 100 * Int(minutes)
        let disk: LoopDisk? = Host.userID == 0 ? try LoopDisk(.ext4, megabytes: megabytes) : nil
        defer { withExtendedLifetime(disk) {} }
        let place = try SoakPlace(groups: Int(minutes * 600) / SoakPlace.outfits + 1, disk: disk)
        let run = SoakRun(place, seed: seed, disk: disk)
        return try run.play(until: MonotonicClock.now() + Int64(minutes * 60e9))
    }
}

/// Users with enough outfits that no two jobs have the same one: three users, and the next three when they are used up.
final class SoakPlace {
    let place: RunwaySite
    /// How many threes there are.
    let groups: Int
    /// Of each user.
    static let outfits = 400
    /// Nobody else writes the first one's record; the second's is written under the lock, the third's without.
    static let kinds = ["alone", "locked", "careless"]

    init(groups: Int, disk: LoopDisk?) throws {
        self.groups = groups
        let site = if let disk { try Site(users: [], in: disk.path) } else { try Site(users: []) }
        for group in 0..<groups {
            for kind in Self.kinds { try Self.dress(site, "\(kind)-\(group)") }
        }
        place = try RunwaySite(at: site) { configuration in
            configuration.duration = 0.05...1.5
            configuration.limits = ModelLimits(concurrent: 8)
            configuration.credits = 100_000_000
        }
    }

    private static func dress(_ site: Site, _ user: String) throws {
        let folder = "\(site.wardrobe)/\(user)"
        try Host.makeDirectories("\(folder)/items")
        let items = #"{"items":[{"name":"Tee","image_path":"items/tee.png"}]}"#
        let saved = (0..<outfits).map { #"{"id":"o-\#($0)","n":1e3,"outfit_data":\#(items)}"# }
        try site.setRecord(Array(#"{"foreign":0,"saved":[\#(saved.joined(separator: ","))]}"#.utf8), of: user)
        let photo = try Directory(path: "\(folder)/items").open("tee.png", .create)
        try photo.write(all: NoisePicture.png(edge: 96, seed: 1))
    }
}

/// The other programs that write records, from one full disk to the next.
private final class ForeignPrograms {
    private let site: Site
    private var running: [String: ForeignProgram] = [:]
    /// What each record's field must say in the end.
    private(set) var expected: [String: Int] = [:]
    private(set) var writes = 0

    init(_ site: Site) { self.site = site }

    func begin(group: Int) {
        for (user, locks) in [("locked-\(group)", true), ("careless-\(group)", false)] {
            running[user] = ForeignProgram(folder: "\(site.wardrobe)/\(user)", locks: locks)
        }
    }

    /// Ends them; answers why one could not go on.
    func end() -> [String] {
        var failures: [String] = []
        for (user, program) in running {
            let (rounds, failure) = program.end()
            writes += rounds
            if rounds > 0 { expected[user] = rounds }
            if let failure { failures.append("the foreign program of \(user) could not go on: \(failure)") }
        }
        running = [:]
        return failures
    }
}

/// A soak under way.
private final class SoakRun {
    private let soak: SoakPlace
    private let disk: LoopDisk?
    private let foreign: ForeignPrograms
    private var lot: Lot
    private var report: SoakReport
    private var daemon: DaemonRun?
    /// Jobs by name, with the text of their requests, in the order of delivery.
    private var jobs: [(name: String, request: String, user: String)] = []
    /// Those whose provider is not Runway, in whose books they are not.
    private var free: Set<String> = []
    /// Files that land under names that vizd gives them.
    private var others: Set<String> = []
    private var next = 0
    /// The users of now.
    private var group = 0

    private var place: RunwaySite { soak.place }
    private var site: Site { soak.place.site }

    init(_ soak: SoakPlace, seed: UInt64, disk: LoopDisk?) {
        (self.soak, self.disk, lot, report) = (soak, disk, Lot(seed: seed), SoakReport(seed: seed))
        foreign = ForeignPrograms(soak.place.site)
    }

    func play(until end: Int64) throws -> SoakReport {
        let begun = MonotonicClock.now()
        try start()
        foreign.begin(group: group)
        while MonotonicClock.now() < end {
            try step()
            pause(milliseconds: 20 + lot.draw(below: 200))
        }
        try finish()
        report.seconds = (MonotonicClock.now() - begun) / 1_000_000_000
        return report
    }

    private func pause(milliseconds: Int) {
        _ = Monitor(()).wait(until: MonotonicClock.now() + Int64(milliseconds) * 1_000_000) { _ in nil as Void? }
    }

    // MARK: What happens

    private func step() throws {
        if daemon?.isRunning != true { try start() }
        switch lot.draw(below: 100) {
        case 0..<62: try deliverSome()
        case 62..<78: injectFault()
        case 78..<84: try moveBack()
        case 84..<88: try restart(killing: true)
        case 88..<90: try restart(killing: false)
        case 90..<93: try signal(1)
        case 93..<95: try signal(10)
        case 95..<97: try suspend()
        default: try fillDisk()
        }
    }

    private func start() throws {
        let settings = [
            "VIZD_POLL_INITIAL": "0.05", "RUNWAY_RATIO": "720:720", "VIZD_SPOOL_RESERVE": "4MiB",
            "VIZD_SPOOL_MIN_FREE": "8MiB", "VIZD_LIMITS_IN_FLIGHT": "32", "VIZD_SPOOL_RESCAN": "5",
            "VIZD_LIMITS_JOB_DEADLINE": "30",
        ]
        daemon = try site.start(place.settings(settings))
        report.restarts += 1
    }

    private func signal(_ number: Int32) throws {
        // One that comes before vizd listens would end it, which is a restart like any other.
        do { try daemon?.signal(number) } catch let failure as SystemFailure where failure.errno.rawValue == 3 {}
    }

    private func restart(killing: Bool) throws {
        try signal(killing ? 9 : 15)
        if killing { report.kills += 1 }
        let code = try daemon?.awaitExit() ?? 0
        if !killing && ![0, 143, 129, 138].contains(code) { complain("vizd ended with \(code) when told to stop") }
        try start()
    }

    private func suspend() throws {
        try signal(19)
        pause(milliseconds: 100 + lot.draw(below: 900))
        try signal(18)
    }

    private func fillDisk() throws {
        guard let disk else { return }
        report.breaches += foreign.end()
        try disk.fill(leaving: lot.draw(below: 3) << 18)
        report.fullDisks += 1
        pause(milliseconds: 300 + lot.draw(below: 1500))
        if lot.draw(below: 2) == 0 { try restart(killing: true) }
        pause(milliseconds: 300)
        try disk.clear()
        foreign.begin(group: group)
    }

    private func injectFault() {
        let creates: [Fault] = [
            .status(503), .status(429), .status(500), .status(400), .dropBeforeBody, .dropAfterBody, .createThenDrop,
            .createThenStatus(502), .cutAnswer, .garbageJSON, .withoutEstimate, .cancelled,
            .failure(code: "INTERNAL.BAD_OUTPUT.CODE01"), .failure(code: "SAFETY.INPUT.TEXT"),
        ]
        let polls: [Fault] = [.status(500), .status(429), .dropAfterBody, .garbageJSON, .missingFailureCode]
        let downloads: [Fault] = [
            .status(403), .status(404), .status(500), .short, .truncatedPicture, .notAPicture, .page, .empty,
        ]
        let (where_, faults): (FaultPlace, [Fault]) =
            [(.create, creates), (.poll, polls), (.download, downloads)][lot.draw(below: 3)]
        let count = 1 + lot.draw(below: 3)
        place.runway.inject(Injection(at: where_, count: count, fault: faults[lot.draw(below: faults.count)]))
        report.faults += count
    }

    /// Somebody tries again, or wants another picture.
    private func moveBack() throws {
        // A complete one seldom: it costs.
        let box = lot.draw(below: 4) == 0 ? "done" : "failed"
        let landed = Set(try site.names(box))
        let candidates = jobs.map(\.name).filter { landed.isSuperset(of: ["\($0).json", "\($0).result.json"]) }
        guard !candidates.isEmpty else { return }
        let job = candidates[lot.draw(below: candidates.count)]
        do {
            try site.move("\(job).json", from: box, to: "incoming")
            report.movedBack += 1
        } catch let failure as SystemFailure where failure.errno == .notFound || failure.errno == .exists {}
    }

    // MARK: Deliveries

    /// Some at once. On a slow machine they come no faster than they are worked on.
    private func deliverSome() throws {
        for _ in 0...lot.draw(below: 3) {
            guard try site.names("incoming").count < Self.waitingMax else { return }
            try deliver()
        }
    }

    private static let waitingMax = 200

    private func deliver() throws {
        do {
            try deliverOne()
        } catch let failure as SystemFailure where failure.errno == .noSpace || failure.errno == .exists {
            // As a producer that finds no room: it was never delivered, and nothing of it stays.
            for name in try site.box("tmp").names() { try site.box("tmp").unlinkIfPresent(name) }
        }
    }

    private func deliverOne() throws {
        if next / SoakPlace.outfits > group {
            guard group + 1 < soak.groups else { return }
            group += 1
            report.breaches += foreign.end()
            foreign.begin(group: group)
        }
        let user = "\(SoakPlace.kinds[lot.draw(below: SoakPlace.kinds.count)])-\(group)"
        switch lot.draw(below: 20) {
        case 0..<13: try send(paid(user), of: user)
        case 13..<15:
            free.insert("j\(next)")
            try send(free(user), of: user)
        case 15: try send(#"{"user_id":"\#(user)","outfit_id":"nowhere"}"#, of: user)
        case 16: try send(#"{"user_id":"#, of: user)
        case 17: try sendBadName()
        case 18: try sendAgain()
        default: try sendTaken()
        }
    }

    /// Its own outfit and its own mark in the prompt.
    private func paid(_ user: String) -> String {
        #"{"user_id":"\#(user)","outfit_id":"o-\#(next % SoakPlace.outfits)","prompt":"\#(RunwaySite.mark("j\(next)"))"}"#
    }

    private func free(_ user: String) -> String {
        #"{"user_id":"\#(user)","outfit_id":"o-\#(next % SoakPlace.outfits)","provider":"flatlay","priority":"high"}"#
    }

    private func send(_ request: String, of user: String) throws {
        let name = "j\(next)"
        let bytes = Array(request.utf8)
        next += 1
        let (incoming, tmp) = (try site.box("incoming"), try site.box("tmp"))
        switch lot.draw(below: 4) {
        case 0:
            try tmp.open(FileName("\(name)-linked"), .create).write(all: bytes)
            try tmp.link(FileName("\(name)-linked"), to: incoming, as: FileName("\(name).json"))
            try tmp.unlink(FileName("\(name)-linked"))
        case 1 where request.hasSuffix("}"):
            // Half of it now: whoever writes in place is waited for.
            let file = try incoming.open(FileName("\(name).json"), .create)
            jobs.append((name, request, user))
            try file.write(all: Array(bytes.prefix(bytes.count / 2)))
            return try file.write(all: Array(bytes.dropFirst(bytes.count / 2)))
        default: try site.deliver(request, as: "\(name).json")
        }
        jobs.append((name, request, user))
    }

    private func sendBadName() throws {
        let name = "bad\(next).result"
        next += 1
        try site.deliver("{}", as: name + ".json")
        others.insert("\(name)~" + SHA256.of(Array("{}".utf8)).hex.prefix(8))
    }

    /// The very request once more, while the first is waiting, at work or landed.
    private func sendAgain() throws {
        guard let job = jobs.last else { return }
        // One that has landed would run once more; only somebody who moves a file asks for that here.
        guard try site.file("done", "\(job.name).result.json") == nil else { return }
        guard try site.file("failed", "\(job.name).result.json") == nil else { return }
        guard try site.box("incoming").infoIfPresent(of: FileName("\(job.name).json")) == nil else { return }
        try site.deliver(job.request, as: "\(job.name).json")
    }

    /// Another request under a name that is known.
    private func sendTaken() throws {
        guard let job = jobs.last, try site.box("incoming").infoIfPresent(of: FileName("\(job.name).json")) == nil
        else { return }
        let other = #"{"user_id":"\#(job.user)","outfit_id":"taken-\#(next)"}"#
        next += 1
        try site.deliver(other, as: "\(job.name).json")
        others.insert("\(job.name)~" + SHA256.of(Array(other.utf8)).hex.prefix(8))
    }

    // MARK: The end

    private func finish() throws {
        place.runway.clearFaults()
        report.breaches += foreign.end()
        if daemon?.isRunning != true { try start() }
        guard let daemon else { return }
        try settle(daemon)
        let code = try daemon.stop()
        if code != 0 { complain("vizd ended with \(code) when it was told to stop. \(daemon.story())") }
        report.jobs = jobs.count
        report.orders = place.runway.books.createsReceived
        report.foreignWrites = foreign.writes
        try audit()
    }

    /// Everything lands; it may take as long as it takes, as long as something happens.
    private func settle(_ daemon: DaemonRun) throws {
        try daemon.awaitLine("vizd.ready")
        var left = Int.max
        while true {
            do {
                return try daemon.settled()
            } catch let overdue as Overdue {
                let now = try site.names("incoming").count + site.names("processing").count
                if now >= left || !daemon.isRunning { throw overdue }
                left = now
            }
        }
    }

    private func complain(_ sentence: String) { report.breaches.append(sentence) }

    /// A secret in a file with what stands around it: in an hour nobody can look there any more.
    private static func explained(_ complaint: String) throws -> String {
        let parts = complaint.split(separator: " stands in ")
        guard parts.count == 2 else { return complaint }
        let text = String(decoding: try Host.readFile(String(parts[1]), limit: 1 << 28), as: UTF8.self)
        guard let place = text.firstRange(of: parts[0]) else { return complaint }
        let from = text.index(place.lowerBound, offsetBy: -300, limitedBy: text.startIndex) ?? text.startIndex
        let end = text.index(place.upperBound, offsetBy: 100, limitedBy: text.endIndex) ?? text.endIndex
        return "\(complaint): \(printable(String(text[from..<end]), limit: .max))"
    }

    private func audit() throws {
        let names = jobs.map(\.name)
        let all = try place.complaints(names)
        report.breaches += try all.map(Self.explained).filter { complaint in
            // A job that failed when its picture was there keeps it for a retry.
            if complaint.hasPrefix("left in work/") { return false }
            if complaint.hasSuffix("(settled) is unknown"), free.contains(String(complaint.prefix { $0 != "," })) {
                return false
            }
            return !others.contains { complaint.hasPrefix($0) && complaint.hasSuffix("is there and nobody's") }
        }
        for name in others where try site.file("failed", "\(name).result.json") == nil {
            complain("\(name) has no result")
        }
        for job in jobs {
            guard let result = try place.result(job.name) else {
                report.lost += 1
                continue
            }
            try look(at: job.name, job.user, result)
        }
        for kind in SoakPlace.kinds {
            for group in 0..<soak.groups { try lookAtRecord(of: "\(kind)-\(group)") }
        }
    }

    private func look(at name: String, _ user: String, _ result: ResultDocument) throws {
        switch result.outcome {
        case .failed(let failure):
            if failure.code == .submissionUnknown { report.unknown += 1 }
            if failure.code == .internal { complain("\(name) failed by vizd's own fault: \(failure.message)") }
        case .removed, .profile, .batch: complain("\(name) was to make one picture")
        case .complete(let picture, _):
            guard case .local(let path) = picture.storage else { return complain("\(name) is stored nowhere") }
            let bytes = try Host.readFile(path, limit: 1 << 26)
            if SHA256.of(bytes).hex != picture.image.sha256 { complain("\(name): the stored picture is another") }
        }
    }

    /// The record parses, holds what the foreign program wrote last, and names the picture of every complete job once.
    private func lookAtRecord(of user: String) throws {
        let bytes = try site.record(of: user)
        let root: JSONNode
        do throws(JSONFault) { root = try JSONDocument(parsing: bytes).root } catch {
            return complain("the record of \(user) does not parse: \(error)")
        }
        let written = foreign.expected[user] ?? 0
        if root["foreign"]?.value != .number("\(written)") {
            complain("the foreign field of \(user) is \(String(describing: root["foreign"]?.value)), not \(written)")
        }
        var entries: [String: Int] = [:]
        for outfit in Self.elements(of: root["saved"]) {
            for entry in Self.elements(of: outfit["visualizations"]) {
                if case .string(let job) = entry["job_id"]?.value { entries[job, default: 0] += 1 }
            }
        }
        for job in jobs where job.user == user {
            let count = entries[job.name] ?? 0
            guard let result = try place.result(job.name), case .complete = result.outcome else { continue }
            // Who writes over it without the lock after vizd was killed in its watch takes it out again.
            let isRight = count == 1 || (user.hasPrefix("careless") && count == 0)
            if !isRight { complain("\(job.name): the record of \(user) has \(count) entries of it") }
        }
    }

    private static func elements(of node: JSONNode?) -> [JSONNode] {
        guard case .array(let nodes) = node?.value else { return [] }
        return nodes
    }
}
