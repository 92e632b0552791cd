// Updates of a record on a real disk, with another program writing the same file at every moment of ours.

import Contract
import Linux
import Synchronization
import Testing

@testable import Wardrobe

/// How a program that knows no lock writes a file.
private enum ForeignWay: CaseIterable {
    case rename, inPlace
}

/// Another program: it sets `"note"` in the record to a number, over what it has read before or reads now.
private struct Foreign: Sendable {
    let folder: Directory
    let way: ForeignWay

    func read() throws -> String {
        for _ in 0..<1_000 {
            let bytes = try folder.open("saved_outfits.json", .read).read(limit: 1 << 20)
            do throws(RecordFault) {
                _ = try RecordText(bytes)
                return String(decoding: bytes, as: UTF8.self)
            } catch {
                // Somebody is filling it.
                continue
            }
        }
        throw SystemFailure(call: "read", errno: .again, subject: "a record that is never whole")
    }

    func write(_ note: Int, over text: String) throws {
        let record = try RecordText(Array(text.utf8))
        let edits = record.edits(setting: [RecordSetting("note", .text(Array("\(note)".utf8)))], in: record.root)
        let bytes = RecordEdit.apply(edits, to: record.bytes, in: 0..<record.bytes.count)
        switch way {
        case .inPlace: try TemporaryWardrobe.write(bytes, to: "saved_outfits.json", in: folder)
        case .rename: try folder.publish(bytes, as: "saved_outfits.json", temporary: "app.tmp", durable: false)
        }
    }

    static func note(in text: String) throws -> String? {
        let record = try RecordText(Array(text.utf8))
        return record.value("note", of: record.root).map { String(decoding: record.bytes[$0], as: UTF8.self) }
    }
}

/// Runs something once, at the first time that a step is reached.
private final class Once: Sendable {
    private let isDone = Mutex(false)
    private let step: RewriteStep
    private let work: @Sendable () throws -> Void

    init(at step: RewriteStep, _ work: @escaping @Sendable () throws -> Void) { (self.step, self.work) = (step, work) }

    func reached(_ step: RewriteStep) {
        guard step == self.step else { return }
        let isFirst = isDone.withLock { done in
            defer { done = true }
            return !done
        }
        guard isFirst else { return }
        do { try work() } catch { Issue.record(error) }
    }

    var happened: Bool { isDone.withLock { $0 } }
}

@Suite("updating a record that others write, too")
struct RecordRaceTests {
    @Test("an update is in the record, durable, with the file's permissions, and leaves nothing behind")
    func plain() async throws {
        let place = try TemporaryWardrobe()
        try place.write(TemporaryWardrobe.record(["a", "b"]), to: "saved_outfits.json")
        try place.folder.open("saved_outfits.json", .readWrite).setMode(0o604)
        let steps = Mutex<[RewriteStep]>([])
        let wardrobe = place.wardrobe { step in steps.withLock { $0.append(step) } }
        try await wardrobe.record(update("b", job: "j"), of: place.user)
        #expect(steps.withLock { $0 } == RewriteStep.allCases)
        #expect(try jobs(of: "b", in: place.read("saved_outfits.json")) == ["j"])
        #expect(try place.folder.info(of: "saved_outfits.json").mode == 0o604)
        #expect(try place.folder.info(of: ".saved_outfits.lock").mode == 0o660)
        #expect(try place.names() == [".saved_outfits.lock", ".vizd", "saved_outfits.json"])
    }

    @Test("a foreign write at any moment of ours, by rename or in place, stands, and ours with it")
    func everyMoment() async throws {
        try await withThrowingTaskGroup { group in
            for way in ForeignWay.allCases {
                for step in RewriteStep.allCases {
                    for isStale in [false, true] {
                        group.addTask { try await meet(way, at: step, isStale: isStale, exchanges: true) }
                        if [.looked, .compared].contains(step) { continue }
                        group.addTask { try await meet(way, at: step, isStale: isStale, exchanges: false) }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// One update, and one foreign write at one moment of it, over what the file held then or (stale) before.
    private func meet(_ way: ForeignWay, at step: RewriteStep, isStale: Bool, exchanges: Bool) async throws {
        let place = try TemporaryWardrobe()
        try place.write(TemporaryWardrobe.record(["a"]), to: "saved_outfits.json")
        let foreign = Foreign(folder: place.folder, way: way)
        let before = try foreign.read()
        let once = Once(at: step) { try foreign.write(7, over: isStale ? before : foreign.read()) }
        let wardrobe = place.wardrobe(exchanges: exchanges) { once.reached($0) }
        try await wardrobe.record(update("a", job: "j"), of: place.user)
        await wardrobe.settled()
        let text = try place.read("saved_outfits.json")
        let what: Comment = "\(way) at \(step), stale: \(isStale), exchanges: \(exchanges)"
        #expect(once.happened, what)
        #expect(try Foreign.note(in: text) == "7", what)
        #expect(try jobs(of: "a", in: text) == ["j"], what)
        #expect(try place.names().allSatisfy { !$0.hasPrefix(".vizd/") }, what)
    }

    @Test("a foreign write that was complete before the swap is seen without swapping anything")
    func seenBefore() async throws {
        for moment in [RewriteStep.read, .written] {
            let place = try TemporaryWardrobe()
            try place.write(TemporaryWardrobe.record(["a"]), to: "saved_outfits.json")
            let foreign = Foreign(folder: place.folder, way: .inPlace)
            let once = Once(at: moment) { try foreign.write(7, over: foreign.read()) }
            let steps = Mutex<[RewriteStep]>([])
            let wardrobe = place.wardrobe { step in
                steps.withLock { $0.append(step) }
                once.reached(step)
            }
            try await wardrobe.record(update("a", job: "j"), of: place.user)
            #expect(steps.withLock { $0 } == [.locked, .read, .written] + RewriteStep.allCases)
        }
    }

    @Test("a program that empties the file before our swap and fills it after is waited for")
    func slowInPlace() async throws {
        let place = try TemporaryWardrobe()
        let text = TemporaryWardrobe.record(["a"])
        try place.write(text, to: "saved_outfits.json")
        let file = try place.folder.open("saved_outfits.json", .readWrite)
        let empties = Once(at: .looked) { try file.setSize(0) }
        // The second attempt meets the empty file; by then the program goes on.
        let locks = Atomic(0)
        let wardrobe = place.wardrobe { step in
            empties.reached(step)
            guard step == .locked, locks.add(1, ordering: .relaxed).newValue == 3 else { return }
            do { try file.write(all: Array(text.replacing("then", with: "filled").utf8)) } catch { Issue.record(error) }
        }
        try await wardrobe.record(update("a", job: "j"), of: place.user)
        let after = try place.read("saved_outfits.json")
        #expect(try jobs(of: "a", in: after) == ["j"])
        #expect(locks.load(ordering: .relaxed) >= 3)
        #expect(try place.folder.info(of: "saved_outfits.json").inode != file.info().inode)
    }

    @Test("of two foreign writes, one before our swap and one before we swap back, the newer one stands")
    func twoWrites() async throws {
        let place = try TemporaryWardrobe()
        try place.write(TemporaryWardrobe.record(["a"]), to: "saved_outfits.json")
        let foreign = Foreign(folder: place.folder, way: .rename)
        let first = Once(at: .looked) { try foreign.write(1, over: foreign.read()) }
        let second = Once(at: .swapped) { try foreign.write(2, over: foreign.read()) }
        let wardrobe = place.wardrobe { step in
            first.reached(step)
            second.reached(step)
        }
        try await wardrobe.record(update("a", job: "j"), of: place.user)
        await wardrobe.settled()
        let text = try place.read("saved_outfits.json")
        #expect(try Foreign.note(in: text) == "2")
        #expect(try jobs(of: "a", in: text) == ["j"])
    }

    @Test("a crash at any moment leaves a whole record, and the next attempt clears away what is left")
    func crashes() async throws {
        for step in RewriteStep.allCases {
            for isDisturbed in [false, true] {
                let place = try TemporaryWardrobe()
                let image = try TemporaryWardrobe()
                try place.write(TemporaryWardrobe.record(["a"]), to: "saved_outfits.json")
                let foreign = Foreign(folder: place.folder, way: .rename)
                let disturbs = Once(at: .looked) { if isDisturbed { try foreign.write(7, over: foreign.read()) } }
                let crash = Once(at: step) { try Self.copy(place.folder, to: image.folder) }
                let wardrobe = place.wardrobe { step in
                    disturbs.reached(step)
                    crash.reached(step)
                }
                try await wardrobe.record(update("a", job: "j"), of: place.user)
                #expect(crash.happened)
                await wardrobe.settled()
                _ = try RecordText(Array(try image.read("saved_outfits.json").utf8))
                let wasForeign = isDisturbed && ![.locked, .read, .written].contains(step)
                try await image.wardrobe().record(update("a", job: "j"), of: image.user)
                let text = try image.read("saved_outfits.json")
                let what: Comment = "\(step), disturbed: \(isDisturbed)"
                #expect(try jobs(of: "a", in: text) == ["j"], what)
                #expect(try Foreign.note(in: text) == (wasForeign ? "7" : nil), what)
                #expect(try image.names().allSatisfy { !$0.hasPrefix(".vizd/") }, what)
            }
        }
    }

    /// What a disk would hold if the machine stopped now.
    private static func copy(_ from: Directory, to: Directory) throws {
        for name in try from.names() {
            if try from.info(of: name).kind == .directory {
                try copy(from.directory(name), to: to.directory(name, createMode: 0o755))
            } else {
                try TemporaryWardrobe.write(from.open(name, .read).read(limit: 1 << 20), to: name, in: to)
            }
        }
    }

    @Test("a half-written aside file of a crash is removed, a foreign text without a place is kept for a person")
    func leftovers() async throws {
        let place = try TemporaryWardrobe()
        try place.write(TemporaryWardrobe.record(["a"]), to: "saved_outfits.json")
        let scratch = try place.folder.directory(".vizd", createMode: 0o755)
        let half = String(repeating: "0", count: 32)
        try TemporaryWardrobe.write([0x7B], to: "saved_outfits.partial", in: scratch)
        try TemporaryWardrobe.write([0x7B, 0x7D], to: FileName("saved_outfits.aside-\(half)-\(half)"), in: scratch)
        try await place.wardrobe().record(update("a", job: "j"), of: place.user)
        let names = try scratch.names().map(\.description)
        #expect(names.count == 1)
        #expect(names.allSatisfy { $0.hasPrefix("saved_outfits.displaced-") })
    }

    @Test("fifty jobs of one user at once, and a program that takes the lock: nothing of either is lost")
    func fiftyWithLock() async throws {
        try await fifty { place in
            let foreign = Foreign(folder: place.folder, way: .inPlace)
            for note in 1...40 {
                let lock = try FileLock.wait(place.folder.open(".saved_outfits.lock", .readWrite, mode: 0o660))
                // Each write depends on the one before: a lost one would break the chain.
                let text = try foreign.read()
                let last = try Foreign.note(in: text)
                guard (last ?? "0") == "\(note - 1)" else {
                    Issue.record("note \(note - 1) is lost")
                    return
                }
                try foreign.write(note, over: text)
                try lock.release()
            }
        }
    }

    @Test("fifty jobs of one user at once, and a program that replaces the file without the lock: nothing is lost")
    func fiftyByRename() async throws {
        try await fifty { place in
            let foreign = Foreign(folder: place.folder, way: .rename)
            for note in 1...40 { try foreign.write(note, over: foreign.read()) }
        }
    }

    @Test(
        "fifty jobs of one user at once, and a program that fills the file in place without the lock: nothing is lost")
    func fiftyInPlace() async throws {
        try await fifty { place in
            let foreign = Foreign(folder: place.folder, way: .inPlace)
            for note in 1..<40 { try foreign.write(note, over: foreign.read()) }
            // The last one counts: written until it stands, as a program does that reads back what it wrote.
            while try Foreign.note(in: foreign.read()) != "40" { try foreign.write(40, over: foreign.read()) }
        }
    }

    private func fifty(against work: @escaping @Sendable (TemporaryWardrobe) throws -> Void) async throws {
        let place = try TemporaryWardrobe()
        let outfits = (0..<5).map { "o\($0)" }
        try place.write(TemporaryWardrobe.record(outfits), to: "saved_outfits.json")
        let wardrobe = place.wardrobe()
        let other = BlockingPool(threads: 1)
        try await withThrowingTaskGroup { group in
            group.addTask {
                try await other.run { () throws(any Error) -> Void in try work(place) }
            }
            for job in 0..<50 {
                group.addTask { try await wardrobe.record(update("o\(job % 5)", job: "j\(job)"), of: place.user) }
            }
            try await group.waitForAll()
        }
        await wardrobe.settled()
        let text = try place.read("saved_outfits.json")
        #expect(try Foreign.note(in: text) == "40")
        for (number, outfit) in outfits.enumerated() {
            let expected = stride(from: number, to: 50, by: 5).map { "j\($0)" }
            #expect(try Set(jobs(of: outfit, in: text)) == Set(expected))
            #expect(try jobs(of: outfit, in: text).count == 10)
        }
        #expect(text.contains("\"keep\": 1e3"))
    }

    @Test("a removal stands against a program that writes back what it had read, and yields to a picture that is newer")
    func removal() async throws {
        let place = try TemporaryWardrobe()
        try place.write(TemporaryWardrobe.record(["a"]), to: "saved_outfits.json")
        let wardrobe = place.wardrobe()
        let user = place.user
        let outfit = OutfitID("a")!
        try await wardrobe.record(update("a", job: "j"), of: user)
        let before = try place.read("saved_outfits.json")
        #expect(try await wardrobe.clearRecord(of: outfit, user))
        #expect(try !place.read("saved_outfits.json").contains("visual"))
        try place.write(before, to: "saved_outfits.json")
        await wardrobe.settled()
        #expect(try !place.read("saved_outfits.json").contains("visual"))
        // Another program's own entry is not what was removed.
        try await wardrobe.record(update("a", job: "k"), of: user)
        #expect(try await wardrobe.clearRecord(of: outfit, user))
        let theirs = before.replacing("\"j\"", with: "\"theirs\"")
        try place.write(theirs, to: "saved_outfits.json")
        await wardrobe.settled()
        #expect(try jobs(of: "a", in: place.read("saved_outfits.json")) == ["theirs"])
        #expect(try await wardrobe.clearRecord(of: OutfitID("b")!, user) == false)
        #expect(try await wardrobe.clearRecord(of: outfit, UserID("nobody")!) == false)
    }

    @Test("fifty profiles and fifty pictures of one user at once: each is whole, the last profile stands")
    func fiftyProfiles() async throws {
        let place = try TemporaryWardrobe()
        try place.write(TemporaryWardrobe.record(["a"]), to: "saved_outfits.json")
        try place.write(#"{"n":1e3,"note":0}"#, to: "user_profile.json")
        let wardrobe = place.wardrobe()
        let user = place.user
        let other = BlockingPool(threads: 1)
        try await withThrowingTaskGroup { group in
            group.addTask {
                try await other.run { () throws(any Error) -> Void in
                    for note in 1...20 {
                        let lock = try FileLock.wait(place.folder.open(".user_profile.lock", .readWrite, mode: 0o660))
                        let text = try place.read("user_profile.json")
                        guard text.contains("\"note\":\(note - 1)") else {
                            Issue.record("note \(note - 1) is lost")
                            return
                        }
                        let fresh = text.replacing("\"note\":\(note - 1)", with: "\"note\":\(note)")
                        try place.folder.publish(
                            Array(fresh.utf8), as: "user_profile.json", temporary: "app.tmp", durable: false)
                        try lock.release()
                    }
                }
            }
            for number in 0..<50 {
                group.addTask { try await wardrobe.setDescriptor("d\(number)", of: user) }
                group.addTask { try await wardrobe.record(update("a", job: "j\(number)"), of: user) }
            }
            try await group.waitForAll()
        }
        try await wardrobe.setDescriptor("the last", of: user)
        await wardrobe.settled()
        #expect(try place.read("user_profile.json") == #"{"n":1e3,"note":20,"model_descriptor":"the last"}"#)
        #expect(try jobs(of: "a", in: place.read("saved_outfits.json")).count == 50)
    }

    @Test("a profile that a program without the lock writes at any moment of ours keeps its words and gets ours")
    func profileMoments() async throws {
        for exists in [true, false] {
            for step in RewriteStep.allCases where exists || step != .compared {
                let place = try TemporaryWardrobe()
                if exists { try place.write(#"{"k":1}"#, to: "user_profile.json") }
                let once = Once(at: step) {
                    try place.folder.publish(
                        Array(#"{"k":2}"#.utf8), as: "user_profile.json", temporary: "app.tmp", durable: false)
                }
                let wardrobe = place.wardrobe { once.reached($0) }
                try await wardrobe.setDescriptor("tall", of: place.user)
                await wardrobe.settled()
                #expect(once.happened)
                let text = try place.read("user_profile.json")
                #expect(text == #"{"k":2,"model_descriptor":"tall"}"#, "\(step), exists: \(exists)")
            }
        }
    }

    @Test("updates that wait together are put in by few rewrites")
    func gathered() async throws {
        let place = try TemporaryWardrobe()
        try place.write(TemporaryWardrobe.record(["a"]), to: "saved_outfits.json")
        let rewrites = Atomic(0)
        let wardrobe = place.wardrobe { if $0 == .synced { rewrites.add(1, ordering: .relaxed) } }
        let lock = try FileLock.wait(place.folder.open(".saved_outfits.lock", .readWrite, mode: 0o660))
        try await withThrowingTaskGroup { group in
            for job in 0..<50 {
                group.addTask { try await wardrobe.record(update("a", job: "j\(job)"), of: place.user) }
            }
            try await Task.sleep(for: .milliseconds(20))
            try lock.release()
            try await group.waitForAll()
        }
        #expect(try jobs(of: "a", in: place.read("saved_outfits.json")).count == 50)
        #expect(rewrites.load(ordering: .relaxed) < 10)
    }

    @Test("users do not wait for each other")
    func users() async throws {
        let place = try TemporaryWardrobe()
        let other = try place.root.directory("other", createMode: 0o755)
        for folder in [place.folder, other] {
            try TemporaryWardrobe.write(
                Array(TemporaryWardrobe.record(["a"]).utf8), to: "saved_outfits.json", in: folder)
        }
        let wardrobe = place.wardrobe()
        let lock = try FileLock.wait(place.folder.open(".saved_outfits.lock", .readWrite, mode: 0o660))
        let held = Task { () async -> Bool in
            do { try await wardrobe.record(update("a", job: "j"), of: place.user) } catch { return false }
            return true
        }
        try await wardrobe.record(update("a", job: "k"), of: UserID("other")!)
        #expect(try jobs(of: "a", in: place.read("saved_outfits.json")) == [])
        try lock.release()
        #expect(await held.value)
    }
}
