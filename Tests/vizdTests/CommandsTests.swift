// The commands as values and on real folders: what is shown, what is named how, what is found where.

import ArgumentParser
import Contract
import Linux
import Spool
import Synchronization
import Testing

@testable import vizd

/// A job that was not where it should be.
private enum Unexpected: Error {
    case place(String)
}

@Suite("Commands, what is shown")
struct CommandsRenderingTests {
    private let working = JobProgress.working(
        percent: 53, stage: "generate", secondsLeft: 12.2, message: "The picture is made.")

    @Test("a bar fits its terminal, in fine strokes or in ASCII")
    func bars() {
        let fine = ProgressLine.bar(working, columns: 100, ascii: false)
        #expect(
            fine.hasPrefix("generate  ━━━━") && fine.contains("─ ")
                && fine.contains(" 53 %  about 12 s left  The picture"))
        let plain = ProgressLine.bar(working, columns: 100, ascii: true)
        #expect(plain.allSatisfy(\.isASCII) && plain.contains("[####") && plain.contains("---]"))
        for columns in [20, 40, 80, 200] {
            for percent in [0, 1, 99, 100] {
                let progress = JobProgress.working(percent: percent, stage: "download", secondsLeft: 7200, message: "x")
                #expect(ProgressLine.bar(progress, columns: columns, ascii: false).count < columns)
                #expect(ProgressLine.bar(progress, columns: columns, ascii: true).count < columns)
            }
        }
    }

    @Test("a full bar is full and an empty one empty")
    func extremes() {
        let full = ProgressLine.bar(
            .working(percent: 100, stage: "update", secondsLeft: 0, message: ""), columns: 80, ascii: true)
        #expect(full.contains("##]") && !full.contains("-"))
        #expect(!ProgressLine.bar(.waiting, columns: 80, ascii: true).contains("#"))
    }

    @Test("a message with an escape sequence does not reach the terminal as one")
    func hostileMessage() {
        let hostile = JobProgress(status: Sample.status(message: "\u{1B}]0;x\u{7}\n\u{9B}2J"))
        for line in [ProgressLine.words(hostile), ProgressLine.bar(hostile, columns: 200, ascii: false)] {
            #expect(line.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
        }
    }

    @Test("a status file that cannot be read is a claimed job, not an error")
    func foreignStatus() {
        #expect(JobProgress(status: nil) == .claimed)
        #expect(JobProgress(status: Array("{}".utf8)) == .claimed)
        #expect(JobProgress(status: Sample.status()) == working)
    }

    @Test("a bar is drawn only on a terminal that can draw, and nothing is drawn twice")
    func screens() {
        let environment = ["TERM": "xterm", "LANG": "en_US.UTF-8"]
        #expect(ProgressStyle(columns: 80, environment: environment) == .bar(columns: 80, ascii: false))
        #expect(
            ProgressStyle(columns: 80, environment: ["TERM": "xterm", "LC_ALL": "C", "LANG": "en_US.UTF-8"])
                == .bar(columns: 80, ascii: true))
        #expect(ProgressStyle(columns: nil, environment: environment) == .lines)
        #expect(ProgressStyle(columns: 80, environment: ["TERM": "dumb", "LANG": "C.utf8"]) == .lines)
        #expect(ProgressStyle(columns: 80, environment: [:]) == .lines)
        let drawn = Mutex<[String]>([])
        var screen = ProgressScreen(style: .lines) { line in drawn.withLock { $0.append(line) } }
        for progress in [JobProgress.waiting, .waiting, working, working, .claimed] { screen.show(progress) }
        screen.clear()
        #expect(
            drawn.withLock { $0 } == [
                "queued 0 %  waits for its turn\n", "generate 53 %  about 12 s left  The picture is made.\n",
                "claimed 0 %\n",
            ])
    }

    @Test("ages are short and never negative")
    func ages() {
        let expected: [(Int64, String)] = [
            (-5, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (7500, "2 h 5 min"),
            (86_400, "1 d"), (349_200, "4 d 1 h"),
        ]
        for (seconds, text) in expected { #expect(Age.text(seconds * 1_000_000_000) == text) }
        #expect(
            ProgressLine.estimate(0.2) == "" && ProgressLine.estimate(.nan) == ""
                && ProgressLine.estimate(95) == "about 1 min left")
    }

    @Test("prices have two decimals at least and say what is uncertain")
    func prices() {
        #expect(ResultSummary.price(.init(credits: nil, usd: 0)) == "free of charge")
        #expect(ResultSummary.price(.init(credits: 8, usd: 0.08)) == "$0.08 (8 credits)")
        #expect(
            ResultSummary.price(.init(credits: 8.5, usd: 0.1, uncertain: true))
                == "$0.10 (8.5 credits, not yet certain)")
        #expect(ResultSummary.price(.init(credits: nil, usd: 2)) == "$2.00")
        #expect(ResultSummary.price(.init(credits: nil, usd: 0.0025)) == "$0.0025")
    }

    @Test("a complete job ends with its picture on one side and its price on the other")
    func complete() {
        let summary = ResultSummary(Sample.complete(cost: .init(credits: 8, usd: 0.08)))
        #expect(summary.status == .success)
        #expect(summary.pictures == ["/srv/o-17.jpg"])
        #expect(summary.remarks == ["Flat lay, $0.08 (8 credits), 0.7 s"])
        var film = Sample.complete(cost: .init(credits: 25, usd: 0.25))
        if case .complete(var made, let views) = film.outcome {
            made.image.duration = 5.042
            film.outcome = .complete(picture: made, views: views)
        }
        #expect(ResultSummary(film).remarks == ["Flat lay, a film of 5 s, $0.25 (25 credits), 0.7 s"])
    }

    @Test("a failed job says its code, its sentence and every detail")
    func failed() {
        var failure = ResultDocument.Failure(
            code: .garmentUnreadable, message: "Two photos are lost.\u{1B}[2J", stage: .prepare)
        failure.details = [Problem(path: "hat.png", message: "is gone"), Problem(path: "", message: "and more")]
        let summary = ResultSummary(Sample.failed("a\nb", failure))
        #expect(summary.status == .jobFailed && summary.pictures == [])
        let expected = [
            #"The job a\u{000A}b failed (garment_unreadable): Two photos are lost.\u{001B}[2J"#, "  hat.png: is gone",
            "  and more", "Cost: free of charge.",
        ]
        #expect(summary.remarks == expected)
    }

    @Test("a result that this version cannot read still tells by its box how the job ended")
    func foreignResult() throws {
        let job = try reference("a")
        let bytes = Array(#"{"results":[]}"#.utf8)
        let done = ResultSummary(bytes, in: .done, job: job, file: "/s/done/a.result.json")
        #expect(done.status == .success && done.remarks[0].contains("/s/done/a.result.json"))
        #expect(ResultSummary(bytes, in: .failed, job: job, file: "f").status == .jobFailed)
    }

    @Test("tables are aligned, harmless and without trailing spaces")
    func tables() {
        var table = TextTable("JOB", "USER")
        table.add("a-long-name", "")
        table.add("x\u{1B}[31m", "übung")
        #expect(table.text == "JOB            USER\na-long-name    -\nx\\u{001B}[31m  übung\n")
        // What takes two columns of a terminal counts as two, and an accent that stands above its letter as none.
        var wide = TextTable("JOB", "USER", "STATE")
        wide.add("a", "衣裳", "done")
        wide.add("b", "u\u{0308}bung", "done")
        #expect(wide.text == "JOB  USER   STATE\na    衣裳   done\nb    u\u{0308}bung  done\n")
    }

    @Test("the overview names what cannot be read and who is at work")
    func overview() throws {
        let counts: [(box: Box, count: SpoolOverview.Count)] = [
            (.incoming, .jobs(3)), (.failed, .unreadable("Permission denied")),
        ]
        let overview = SpoolOverview(path: "/s", daemon: "pid 7", counts: counts, oldestWait: 61_000_000_000)
        let expected = """
            spool       /s
            vizd        at work (pid 7)
            incoming    3, the oldest for 1 min
            failed      cannot be read: Permission denied

            """
        #expect(overview.text == expected)
        let json = try JSONDocument(parsing: Array(overview.json.utf8.dropLast()))
        #expect(json.root["running"]?.value == .bool(true) && json.root["failed"]?.value == .null)
    }

    @Test("the kernel's table of locks tells whether an exclusive lock is held, not who waits for it")
    func locks() {
        let table = """
            1: FLOCK  ADVISORY  WRITE 4711 08:01:131072 0 EOF
            1: -> FLOCK  ADVISORY  WRITE 4712 08:01:131074 0 EOF
            2: POSIX  ADVISORY  WRITE 12 00:1a:131073 0 EOF
            3: FLOCK  ADVISORY  READ 12 00:1a:131075 0 EOF
            """
        #expect(LockTable.holds(table, inode: 131_072))
        for other in [131_073, 131_074, 131_075, 72] { #expect(!LockTable.holds(table, inode: UInt64(other))) }
    }
}

@Suite("Commands, names and requests")
struct CommandsNamesTests {
    @Test("a job is named with or without its file's ending, never by a path")
    func references() {
        let good = [
            ("a", "a"), ("a.json", "a"), ("a.result.json", "a"), ("a.status.json", "a"), ("a.0001", "a.0001"),
            ("a~1f", "a~1f"), ("é x", "é x"),
        ]
        for (text, name) in good { #expect(JobReference(text)?.name == name) }
        for text in ["", ".json", ".hidden", "../a", "a/b", "a\u{1B}b", "a\0", String(repeating: "x", count: 300)] {
            #expect(JobReference(text) == nil, "\(text)")
        }
    }

    @Test("made names sort by time and are names that a job may have")
    func madeNames() throws {
        let first = RequestDelivery.name(at: Sample.now, tag: "ffffff")
        let later = RequestDelivery.name(at: Timestamp(nanoseconds: Sample.now.nanoseconds + 1_000_000), tag: "000000")
        #expect(first == "20261124-021803-123-ffffff" && first < later)
        #expect(JobName(first) != nil)
    }

    @Test("options become the request that they say")
    func options() throws {
        let words = [
            "--user", "peichin", "--outfit", "o 17", "--prompt", "rain", "--seed", "7", "--priority", "high", "--kind",
            "video", "--ratio",
            "1080:1440", "--not-after", "2026-11-24T18:00:00Z", "--metadata", #"{"n":1e3}"#, "--regenerate",
        ]
        let request = try JobRequest.decode(try RequestOptions.parse(words).encoded())
        #expect(request.kind == .video)
        #expect(request.userID == "peichin" && request.outfitID == "o 17" && request.prompt == "rain")
        #expect(
            request.seed == 7 && request.priority == .high && request.ratio == Ratio("1080:1440") && request.regenerate)
        #expect(request.metadata == Array(#"{"n":1e3}"#.utf8))
        #expect(request.notAfter == Timestamp(rfc3339: "2026-11-24T18:00:00Z"))
    }

    @Test("deleting and describing are options, too, and one request is one thing")
    func errandOptions() throws {
        let delete = try RequestOptions.parse(["--user", "u", "--outfit", "o", "--delete"]).encoded()
        #expect(try JobRequest.decode(delete).action == .delete && JobRequest.decode(delete).outfitID == "o")
        let words = ["--user", "u", "--set-profile", "--model-descriptor"]
        for text in ["tall", ""] {
            let request = try JobRequest.decode(try RequestOptions.parse(words + [text]).encoded())
            #expect(request.action == .setProfile && request.modelDescriptor == text && request.outfitID == nil)
        }
        for bad in [["--user", "u", "--delete"], ["--user", "u", "--set-profile"], words + ["x", "--delete"]] {
            #expect(throws: (any Error).self, "\(bad)") { _ = try RequestOptions.parse(bad).encoded() }
        }
        #expect(throws: (any Error).self) { _ = try Submit.parse(["a.json", "--delete"]) }
    }

    @Test("what was removed is listed, and what a profile says is said")
    func errands() {
        var result = Sample.complete()
        result.outcome = .removed(["u/o-17.jpg", "u/o-17.mp4"])
        #expect(ResultSummary(result).pictures == ["u/o-17.jpg", "u/o-17.mp4"])
        #expect(ResultSummary(result).remarks == ["2 pictures were removed, and the outfit's record speaks of none"])
        result.outcome = .removed([])
        #expect(ResultSummary(result).pictures == [] && ResultSummary(result).remarks[0].hasPrefix("no pictures were"))
        result.outcome = .profile(modelDescriptor: "tall\u{1B}")
        #expect(ResultSummary(result).remarks == [#"the profile says: tall\u{001B}"#])
        result.outcome = .profile(modelDescriptor: nil)
        #expect(ResultSummary(result).status == .success && ResultSummary(result).pictures == [])
    }

    @Test("options that say nothing sensible are refused by name")
    func badOptions() throws {
        let complete = ["--user", "u", "--outfit", "o"]
        let bad: [[String]] = [
            ["--user", "u"], ["--outfit", "o"], complete + ["--ratio", "3/4"], complete + ["--not-after", "tomorrow"],
            complete + ["--metadata", "{"], complete + ["--metadata", "[1]"],
        ]
        for words in bad {
            #expect(throws: (any Error).self, "\(words)") { _ = try RequestOptions.parse(words).encoded() }
        }
        #expect(throws: (any Error).self) { _ = try Submit.parse(["a.json", "--user", "u"]) }
        #expect(throws: (any Error).self) { _ = try Submit.parse(complete + ["--timeout", "5"]) }
        for name in ["a/b", ".a", "a.result", "a.0001", ""] {
            #expect(throws: (any Error).self, "\(name)") { _ = try Submit.parse(complete + ["--name", name]) }
        }
    }
}

@Suite("Commands, on a spool")
struct CommandsSpoolTests {
    private let spool: ScratchSpool
    private let request = Array(#"{"user_id":"peichin","outfit_id":"o-17"}"#.utf8)

    init() throws { spool = try ScratchSpool() }

    private func deliver(_ name: String, to spool: ScratchSpool? = nil) throws {
        let job = try #require(JobName(name))
        try RequestDelivery(to: (spool ?? self.spool).reader(), tag: "abc123").put(request, as: job)
    }

    @Test("a request arrives whole, readable for the group, with nothing left aside")
    func delivery() throws {
        try deliver("a")
        #expect(try spool.names(in: .incoming) == ["a.json"])
        #expect(try spool.names(in: .tmp) == [])
        let info = try #require(try spool.reader().info(of: "a.json", in: .incoming))
        #expect(info.size == request.count && info.mode & 0o777 == 0o640)
    }

    @Test("without a tmp folder the request is written hidden in incoming")
    func withoutTmp() throws {
        let bare = try ScratchSpool(boxes: [.incoming])
        try deliver("a", to: bare)
        #expect(try bare.names(in: .incoming) == ["a.json"])
    }

    @Test("a name that any box knows is not used again, and what is there stays as it is")
    func takenNames() throws {
        for (box, file) in [
            (Box.incoming, "a.json"), (.processing, "b.json"), (.done, "c.result.json"), (.failed, "d.json"),
        ] {
            try spool.write(Array("before".utf8), file, in: box)
            let name = String(file.prefix(1))
            let failure = #expect(throws: CommandFailure.self) { try deliver(name) }
            #expect(failure?.status == .cannotCreate && failure?.sentence.contains("--name") == true)
            #expect(try spool.reader().read(FileName(file), in: box) == Array("before".utf8))
        }
        #expect(try spool.names(in: .incoming) == ["a.json"] && spool.names(in: .tmp) == [])
    }

    @Test("a spool that is not there, or not whole, is one sentence and 73")
    func noSpool() throws {
        #expect(throws: CommandFailure.self) { _ = try SpoolReader(path: "/nowhere/at/all") }
        let empty = try ScratchSpool(boxes: [.done])
        let failure = #expect(throws: CommandFailure.self) { try deliver("a", to: empty) }
        #expect(failure?.status == .cannotCreate && failure?.sentence.contains("vizd run") == true)
    }

    @Test("a job is found wherever it is, and an old result of a job that waits again does not count")
    func places() throws {
        let reader = try spool.reader()
        let job = try reference("a")
        #expect(try reader.place(of: job) == nil)
        try spool.write(
            Sample.failed("a", .init(code: .noGarmentImages, message: "m", stage: .prepare)).encode(), "a.result.json",
            in: .failed)
        guard case .ended(.failed, _, _) = try reader.place(of: job) else { throw Unexpected.place("not failed") }
        try spool.write(request, "a.json", in: .incoming)
        guard case .waiting = try reader.place(of: job) else { throw Unexpected.place("not waiting") }
        try reader.root.rename("incoming/a.json", as: "processing/a.json", .noReplace)
        guard case .processing(_, nil) = try reader.place(of: job) else { throw Unexpected.place("not processing") }
        try spool.write(Sample.status(), "a.status.json", in: .processing)
        guard case .processing(_, .some) = try reader.place(of: job) else { throw Unexpected.place("no status") }
    }

    @Test("a job that ends while it is watched is seen at once, however it moves")
    func watching() throws {
        let reader = try spool.reader()
        try deliver("a")
        let watch = try JobWatch(reader, reference("a"))
        var seen: [String] = []
        // Each look moves the job on, so the next one can only come from the watch: there is no deadline to end it.
        let box = try watch.wait(until: nil, now: MonotonicClock.now) { place -> Box? in
            switch place {
            case .waiting:
                seen.append("waiting")
                try reader.root.rename("incoming/a.json", as: "processing/a.json", .noReplace)
            case .processing(_, nil):
                seen.append("claimed")
                try spool.write(Sample.status(), "a.status.json", in: .processing)
            case .processing:
                seen.append("working")
                try spool.write(Sample.complete().encode(), "a.result.json", in: .done)
                try reader.root.rename("processing/a.json", as: "done/a.json", .noReplace)
            case .ended(let box, _, _): return box
            case .hidden, nil: Issue.record("the job was lost")
            }
            return nil
        }
        #expect(box == .done)
        #expect(seen == ["waiting", "claimed", "working"])
    }

    @Test("a wait for a job that has ended is answered without waiting, and one past its deadline is given up")
    func deadlines() throws {
        try spool.write(Sample.complete().encode(), "a.result.json", in: .done)
        let ended = try JobWatch(spool.reader(), reference("a"))
        let answer = try ended.wait(until: nil, now: { 0 }) { place in place.map { _ in true } }
        #expect(answer == true)
        try deliver("b")
        let late = try JobWatch(spool.reader(), reference("b"))
        var looks = 0
        let none = try late.wait(until: 5, now: { 10 }) { _ -> Bool? in
            looks += 1
            return nil
        }
        #expect(none == nil && looks == 2)
    }

    @Test("the spool's lock tells whether a daemon is there")
    func daemon() throws {
        let reader = try spool.reader()
        #expect(try reader.daemon() == nil)
        let file = try reader.root.open(".lock", .readWrite)
        try file.write(all: Array("pid 7\nsince now\n".utf8))
        #expect(try reader.daemon() == nil)
        let lock = try #require(try FileLock.attempt(file))
        #expect(try reader.daemon() == "pid 7, since now")
        try lock.release()
        #expect(try reader.daemon() == nil)
    }

    @Test("the list shows each kind in its order, harmlessly, and only as many as asked")
    func listing() throws {
        for name in ["w1", "w2", "w3"] { try spool.write(request, "\(name).json", in: .incoming) }
        try spool.write(request, ".hidden.json", in: .incoming)
        try spool.write(request, "notes.txt", in: .incoming)
        try Directory(path: "\(spool.path)/incoming").symlink("evil\u{1B}[2J.json", to: "/etc/passwd")
        try spool.write(request, "p.json", in: .processing)
        try spool.write(Sample.status(), "p.status.json", in: .processing)
        try spool.write(Sample.complete("d").encode(), "d.result.json", in: .done)
        try spool.write(
            Sample.failed("f", .init(code: .outfitNotFound, message: "m", stage: .prepare)).encode(), "f.result.json",
            in: .failed)
        try spool.write(Array("nonsense".utf8), "n.result.json", in: .failed)
        let all = try JobListing(of: spool.reader(), limit: 20)
        #expect(all.totals.waiting == 4 && all.totals.processing == 1 && all.totals.ended == 3)
        #expect(Set(all.waiting.map(\.name)) == ["w1", "w2", "w3", "evil\\x1B[2J"])
        #expect(all.waiting.filter { $0.userID == "peichin" }.count == 3)
        let text = all.text(now: WallClock.now())
        #expect(!text.contains("\u{1B}") && text.contains("generate 53 %") && text.contains("outfit_not_found"))
        for job in all.jobs { _ = try JSONDocument(parsing: Array(job.json(now: 0).utf8.dropLast())) }
        let few = try JobListing(of: spool.reader(), limit: 1)
        #expect(few.jobs.count == 3 && few.totals.waiting == 4)
        #expect(few.text(now: 0).contains("waiting: 4, 1 shown"))
    }

    @Test("of failures alone the list has the latest first, with their codes, and says so where there are none")
    func failures() throws {
        try spool.write(request, "w.json", in: .incoming)
        try spool.write(Sample.complete("d").encode(), "d.result.json", in: .done)
        func listing(_ limit: Int = 20) throws -> JobListing {
            try JobListing(of: spool.reader(), limit: limit, boxes: [.failed])
        }
        #expect(try listing().text(now: 0).hasPrefix("No job has failed"))
        for code in [ResultCode.outfitNotFound, .moderation, .generationTimeout] {
            let failure = ResultDocument.Failure(code: code, message: "m", stage: .prepare)
            try spool.write(Sample.failed(code.rawValue, failure).encode(), "\(code.rawValue).result.json", in: .failed)
        }
        let all = try listing()
        #expect(all.jobs.map(\.name) == ["generation_timeout", "moderation", "outfit_not_found"])
        #expect(all.text(now: 0).hasPrefix("failed: 3\n") && all.unreadable.isEmpty)
        let codes = try all.jobs.map { try JSONDocument(parsing: Array($0.json(now: 0).utf8.dropLast())).root["code"] }
        #expect(codes.map { $0?.value } == all.jobs.map { .string($0.name) })
        #expect(try listing(1).text(now: 0).hasPrefix("failed: 3, 1 shown"))
    }

    @Test("of many entries the oldest are kept in order")
    func keeping() {
        var oldest = BoxCount(keeping: 3, oldestFirst: true)
        var newest = BoxCount(keeping: 3, oldestFirst: false)
        for time in [5, 1, 9, 3, 7, 2, 8] as [Int64] {
            oldest.add(BoxEntry(file: "f", time: time))
            newest.add(BoxEntry(file: "f", time: time))
        }
        #expect(oldest.kept.map(\.time) == [1, 2, 3] && newest.kept.map(\.time) == [9, 8, 7] && oldest.count == 7)
    }

    @Test("what a spool lacks is found by name, the spool itself included")
    func missingFolders() throws {
        #expect(try SpoolCheck.missingFolder(of: spool.path) == nil)
        #expect(try SpoolCheck.missingFolder(of: spool.path + "-gone") == spool.path + "-gone")
        let bare = try ScratchSpool(boxes: [.incoming, .processing])
        #expect(try SpoolCheck.missingFolder(of: bare.path) == bare.path + "/done")
    }

    @Test("a box that cannot be read does not hide what the others hold")
    func unreadableBoxes() throws {
        let half = try ScratchSpool(boxes: [.incoming, .done])
        try half.write(Sample.complete("d").encode(), "d.result.json", in: .done)
        let listing = try JobListing(of: half.reader(), limit: 5)
        #expect(listing.jobs.map(\.name) == ["d"])
        #expect(listing.unreadable.map { $0.prefix { $0 != "/" } } == ["processing", "failed"])
        let overview = try SpoolOverview(of: half.reader(), now: 0)
        #expect(overview.counts[2].count == .jobs(1) && overview.counts[3].count != .jobs(0))
    }
}
