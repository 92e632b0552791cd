// `vizd top` as values: what is shown of a spool at any size of terminal, what keys do, how often is looked.

import Contract
import Ledger
import Linux
import Spool
import Testing

@testable import vizd

enum TopSample {
    static let now = Sample.now.nanoseconds
    static let second: Int64 = 1_000_000_000

    static func flight(_ name: String, percent: Int = 40, left: Double = 20, age: Int64 = 30) -> TopFlight {
        TopFlight(
            name: name, user: "peichin", outfit: "o-17", provider: "Runway ML", stage: .generate, percent: percent,
            secondsLeft: left, message: "The picture is made.", updated: now, since: now - age * second)
    }

    static func waiting(_ name: String, age: Int64) -> TopWaiting {
        TopWaiting(name: name, user: "peichin", outfit: "o-17", since: now - age * second)
    }

    static func failure(_ name: String) -> TopFailure {
        TopFailure(
            name: name, user: "peichin", code: "outfit_not_found", message: "There is no outfit o-99. Save it first.",
            at: now - 90 * second)
    }

    static var snapshot: TopSnapshot {
        var snapshot = TopSnapshot(at: now, spool: "/var/spool/vizd", slots: 64)
        snapshot.daemon = TopDaemon("pid 4711, host atelier, since 2026-11-21T09:00:00.000Z")
        snapshot.stirred = now - 12 * second
        snapshot.inFlight = TopList(count: .jobs(2), rows: [flight("autumn"), flight("winter", percent: 90, age: 60)])
        snapshot.waiting = TopList(count: .jobs(1), rows: [waiting("spring", age: 200)])
        snapshot.failures = TopList(count: .jobs(1), rows: [failure("summer")])
        snapshot.done = .jobs(1204)
        snapshot.rate = TopRate(
            complete: [now - second, now - 130 * second, now - 130 * second], failed: [now - 90 * second], now: now)
        snapshot.money = .known(
            TopSpend(today: 240_000, month: 3_200_000, reserved: 80_000, uncertain: 0, budget: 200_000_000))
        return snapshot
    }

    /// A name that would turn the title of a terminal, clear it and write over what is there.
    static let hostile = "\u{1B}]0;owned\u{7}\u{1B}[2J\u{1B}[1;1H\r\n\u{202E}\u{9B}31m漂亮的👗\u{200D}"

    static var hostileSnapshot: TopSnapshot {
        var snapshot = snapshot
        snapshot.spool = "/srv/\(hostile)"
        snapshot.daemon = TopDaemon("pid 1, host \(hostile)")
        snapshot.obstacle = hostile
        snapshot.troubles = [hostile]
        snapshot.money = .unknown(hostile)
        var flight = flight(hostile)
        (flight.user, flight.provider, flight.message) = (hostile, hostile, hostile)
        snapshot.inFlight.rows = [flight]
        snapshot.waiting.rows = [TopWaiting(name: hostile, user: hostile, outfit: hostile, since: now)]
        snapshot.failures.rows = [
            TopFailure(name: hostile, user: hostile, code: hostile, message: hostile, at: now)
        ]
        return snapshot
    }
}

private func view(
    _ snapshot: TopSnapshot, _ columns: Int, _ rows: Int?, _ state: TopState = TopState(), ascii: Bool = false
) -> TopView {
    TopView(
        snapshot: snapshot, state: state, style: TopStyle(colours: true, ascii: ascii), columns: columns, rows: rows)
}

private func pressed(_ keys: TopKey...) -> TopState {
    var state = TopState()
    for key in keys { _ = state.take(key, page: 5) }
    return state
}

@Suite("top, the view")
struct TopViewTests {
    private func text(_ view: TopView) -> String {
        view.lines.map { String($0.text.reversed().drop { $0 == " " }.reversed()) }.joined(separator: "\n")
    }

    @Test("at 80 columns everything has its line, and the least important columns give way")
    func eighty() {
        #expect(
            text(view(TopSample.snapshot, 80, 24)) == """
                vizd top  /var/spool/vizd                                2026-11-24 02:18:03 UTC
                ● at work   pid 4711   host atelier   since 2026-11-21 09:00 UTC   up 2 d 17 h
                watch seen 12 s ago
                waiting 1 (oldest 3 min)   in flight 2 of 64   done 1204   failed 1
                ended      1 min 1   5 min 3 +1 failed   60 min 3 +1 failed
                           ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█▁▅
                spent      today $0.24   this month $3.20 of $200.00 ────────────
                           reserved $0.08

                IN FLIGHT  2  by age
                  winter  peichin  Runway ML  generate  ━━━━━━━━━─  90 %  20 s  The picture is …
                  autumn  peichin  Runway ML  generate  ━━━━──────  40 %  20 s  The picture is …

                WAITING  1
                  spring  peichin  o-17  3 min

                FAILED LATELY  1
                  summer  peichin  outfit_not_found  1 min  There is no outfit o-99. Save it fi…





                q quit   ? help   p pause   s sort   Tab section   ↑↓ scroll   Space now
                """)
    }

    @Test("at 40 columns there are the job, its bar and its percent; at 200 all that is known")
    func fortyAndTwoHundred() {
        let narrow = text(view(TopSample.snapshot, 40, 24))
        #expect(narrow.contains(" 90 %") && narrow.contains("━") && !narrow.contains("The picture"))
        #expect(narrow.contains("summer") && narrow.contains("outfit_not_found"))
        let wide = text(view(TopSample.snapshot, 200, 24))
        #expect(
            wide.contains("90 %  20 s  The picture is made.")
                && wide.contains("There is no outfit o-99. Save it first."))
        #expect(wide.contains("up 2 d 17 h   watch seen 12 s ago"))
    }

    @Test("whatever the size, no line is wider than the terminal and there are no more than it has rows")
    func everySize() {
        for snapshot in [TopSample.snapshot, TopSample.hostileSnapshot, TopSnapshot(at: 0, spool: "/s", slots: 1)] {
            for state in [TopState(), pressed(.letter("?")), pressed(.tab), pressed(.letter("p"))] {
                for columns in [1, 2, 3, 5, 8, 10, 13, 19, 20, 21, 33, 40, 60, 80, 81, 120, 200, 400] {
                    for rows in [1, 2, 3, 4, 5, 6, 9, 12, 13, 20, 24, 50, 100] {
                        let lines = view(snapshot, columns, rows, state).lines
                        #expect(lines.count <= rows, "\(columns)x\(rows)")
                        #expect(rows < 3 || lines.count == rows, "\(columns)x\(rows)")
                        let widest = lines.map(\.width).max() ?? 0
                        #expect(widest <= columns, "\(columns)x\(rows): \(lines.first { $0.width == widest }!.text)")
                    }
                }
            }
        }
    }

    @Test("no text of a stranger reaches the terminal as anything but what can be seen")
    func hostile() {
        for ascii in [false, true] {
            let view = view(TopSample.hostileSnapshot, 200, 40, ascii: ascii)
            for line in view.lines {
                let escaped = view.style.escaped(line)
                // Without the inks that are ours nothing of that kind is left.
                let bare = escaped.replacing(/\u{1B}\[[0-9;]*m/, with: "")
                let bad = bare.unicodeScalars.filter { [.control, .format].contains($0.properties.generalCategory) }
                #expect(bad.isEmpty, "\(bare)")
                #expect(!ascii || bare.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "\(bare)")
            }
            #expect(text(view).contains(#"\u{001B}]0;owned\u{0007}"#))
        }
    }

    @Test("without colours there are none, and what is not UTF-8 gets ASCII of the same width")
    func styles() {
        let line = TopLine("漂 a", .bad)
        #expect(TopStyle(colours: true, ascii: false).escaped(line) == "\u{1B}[31m漂 a\u{1B}[0m")
        #expect(TopStyle(colours: false, ascii: true).escaped(line) == "\u{1B}[1m?? a\u{1B}[0m")
        for ink in Ink.allCases {
            let bare = TopStyle(colours: false, ascii: false).escaped(TopLine("x", ink))
            #expect(bare.firstMatch(of: /\[[0-9;]*3[0-7]m/) == nil, "\(ink)")
        }
        #expect(TopStyle(environment: ["LANG": "C.UTF-8"]) == TopStyle(colours: true, ascii: false))
        #expect(TopStyle(environment: ["NO_COLOR": "1"]) == TopStyle(colours: false, ascii: true))
        #expect(
            TopStyle(environment: ["NO_COLOR": "", "LC_ALL": "C", "LANG": "de_DE.UTF-8"])
                == TopStyle(colours: true, ascii: true))
        #expect(view(TopSample.snapshot, 80, 24, ascii: true).plain.utf8.allSatisfy { $0 < 0x7F })
    }

    @Test("nobody at work, a watch that is silent, a full disk, folders that may not be seen: each is said")
    func trouble() {
        var snapshot = TopSnapshot(at: TopSample.now, spool: "/s", slots: 64)
        #expect(text(view(snapshot, 80, 24)).contains("○ not running   `vizd run` starts one"))
        snapshot.daemon = TopDaemon("vizd")
        snapshot.stirred = TopSample.now - 600 * TopSample.second
        snapshot.obstacle = "/s has 3 MiB free"
        snapshot.waiting.count = .hidden
        snapshot.inFlight.count = .atLeast(200_000)
        snapshot.rate.isHidden = true
        snapshot.money = .unknown("ask as root")
        let said = text(view(snapshot, 80, 30))
        for words in [
            "● at work   vizd   watch silent for 10 min: does it hang?", "/s has 3 MiB free", "waiting ?",
            "in flight over 200000 of 64", "may not look into done/ and failed/", "unknown: ask as root",
            "WAITING  this user may not look there",
        ] {
            #expect(said.contains(words), "\(words)\n\(said)")
        }
        snapshot.rate = TopRate(complete: [TopSample.now], failed: [], now: TopSample.now)
        snapshot.rate.isCut = true
        #expect(text(view(snapshot, 80, 30)).contains("1 min >=1"))
    }

    @Test("a month near its budget is told as a warning")
    func budget() {
        func ink(_ spent: Int64) -> Set<Ink> {
            var snapshot = TopSample.snapshot
            snapshot.money = .known(TopSpend(month: spent, budget: 10_000_000))
            let line = view(snapshot, 120, 40).lines.first { $0.text.contains("this month") }
            return Set(line?.pieces.filter { $0.text.contains("10.00") || $0.text.contains("━") }.map(\.ink) ?? [])
        }
        #expect(ink(8_900_000) == [.plain, .work] && ink(9_000_000) == [.warning] && ink(20_000_000) == [.warning])
    }

    @Test("a plain block has at most ten rows a section, no keys and no escape codes")
    func block() {
        var snapshot = TopSample.snapshot
        snapshot.waiting.rows = (0..<30).map { TopSample.waiting("w\($0)", age: 30) }
        snapshot.waiting.count = .jobs(30)
        let block = view(snapshot, 100, nil).plain
        #expect(block.contains("WAITING  1-10 of 30") && block.contains("w9 ") && !block.contains("w10"))
        #expect(!block.contains("\u{1B}") && !block.contains("q quit") && !block.contains(" \n"))
    }

    @Test("the sections share the rows, each as much as it has; in a low terminal only the chosen one is there")
    func sharing() {
        var snapshot = TopSample.snapshot
        snapshot.inFlight.rows = (0..<50).map { TopSample.flight("f\($0)") }
        snapshot.inFlight.count = .jobs(70)
        let tall = view(snapshot, 80, 40)
        #expect(tall.visible(.waiting) == 1 && tall.visible(.failures) == 1 && tall.visible(.inFlight) > 15)
        #expect(text(tall).contains("IN FLIGHT  1-\(tall.visible(.inFlight)) of 70"))
        let low = view(snapshot, 80, 8, pressed(.tab))
        #expect(text(low).contains("WAITING") && !text(low).contains("IN FLIGHT"))
    }
}

@Suite("top, what is typed")
struct TopStateTests {
    @Test("keys come in pieces: an arrow is one key, however its bytes arrive; the Escape key is told apart by time")
    func keys() {
        var keys = TopKeys()
        #expect(
            keys.take(Array("qs\u{1B}[A\u{1B}OB\u{1B}[5~\u{1B}[1;5B\u{1B}[Z\t".utf8))
                == [.letter("q"), .letter("s"), .up, .down, .pageUp, .down, .backTab, .tab])
        #expect(keys.take([0x1B]).isEmpty && keys.isWaiting)
        #expect(keys.take([0x5B]).isEmpty && keys.take([0x42]) == [.down] && !keys.isWaiting)
        #expect(keys.take([0x1B]).isEmpty && keys.settle() == [.escape] && !keys.isWaiting)
        #expect(keys.take(Array("\u{1B}x".utf8)) == [.escape, .letter("x")])
        // What is no key of ours, and what never ends.
        #expect(keys.take([0, 1, 0x7F, 0xC3, 0xBC]).isEmpty)
        #expect(keys.take(Array(("\u{1B}[" + String(repeating: "1;", count: 500)).utf8)).count > 0)
        #expect(keys.take(Array("\u{1B}[200~".utf8)).allSatisfy { $0 != .letter("q") })
    }

    @Test("arrows move the section in focus and stop at its ends")
    func scrolling() {
        var snapshot = TopSample.snapshot
        snapshot.inFlight.rows = (0..<50).map { TopSample.flight("f\($0)") }
        snapshot.inFlight.count = .jobs(50)
        var state = TopState()
        func press(_ key: TopKey) {
            let page = view(snapshot, 80, 40, state).visible(state.focus)
            _ = state.take(key, page: page)
            state = view(snapshot, 80, 40, state).settled
        }
        let visible = view(snapshot, 80, 40).visible(.inFlight)
        for (key, offset) in [
            (TopKey.up, 0), (.down, 1), (.letter("j"), 2), (.letter("k"), 1), (.pageDown, visible),
            (.end, 50 - visible),
            (.down, 50 - visible), (.pageUp, 51 - 2 * visible), (.home, 0), (.letter("G"), 50 - visible),
        ] {
            press(key)
            #expect(state.offset(of: .inFlight) == offset, "\(key)")
        }
        press(.tab)
        press(.down)
        #expect(state.focus == .waiting && state.offset(of: .waiting) == 0 && state.offset(of: .inFlight) > 0)
        press(.backTab)
        press(.backTab)
        #expect(state.focus == .failures)
    }

    @Test("q leaves, p has time stand still and go on with a look, Space looks, ? shows the keys until the next one")
    func actions() {
        var state = TopState()
        #expect(state.take(.letter("p"), page: 1) == .draw && state.isPaused)
        #expect(state.take(.letter("p"), page: 1) == .read && !state.isPaused)
        #expect(state.take(.letter(" "), page: 1) == .read)
        #expect(state.take(.letter("x"), page: 1) == .nothing && state.take(.escape, page: 1) == .nothing)
        #expect(state.take(.letter("?"), page: 1) == .draw && state.showsHelp)
        #expect(view(TopSample.snapshot, 80, 24, state).plain.contains("time stands still"))
        #expect(state.take(.letter("p"), page: 1) == .draw && !state.showsHelp && !state.isPaused)
        #expect(state.take(.letter("q"), page: 1) == .leave)
    }

    @Test("jobs in flight are sorted as chosen, round and round")
    func sorting() {
        var (slow, fast) = (
            TopSample.flight("b", percent: 10, left: 90, age: 5), TopSample.flight("a", percent: 80, left: 9)
        )
        (slow.user, fast.user) = ("anna", "zoe")
        let rows = [slow, fast]
        let names = { (sort: TopSort) in sort.sorted(rows, at: TopSample.now).map(\.name) }
        #expect(names(.age) == ["a", "b"] && names(.progress) == ["a", "b"] && names(.left) == ["a", "b"])
        #expect(names(.user) == ["b", "a"] && names(.name) == ["a", "b"])
        #expect(pressed(.letter("s")).sort == .progress && pressed(.letter("S")).sort == .name)
        #expect(pressed(.letter("s"), .letter("s"), .letter("s"), .letter("s"), .letter("s")).sort == .age)
    }
}

@Suite("top, what is known")
struct TopValuesTests {
    @Test("a text is as wide as a terminal draws it, and is cut between letters")
    func widths() {
        for (text, width) in [
            ("abc", 3), ("漂亮", 4), ("ｆ", 2), ("한글", 4), ("é", 1), ("e\u{301}", 1), ("👗", 2), ("🇩🇪", 2), ("ā̲", 1),
            ("", 0),
        ] {
            #expect(DisplayWidth.of(text) == width, "\(text)")
        }
        #expect(DisplayWidth.cut("漂亮的裙子", to: 6) == "漂亮…" && DisplayWidth.cut("漂亮的", to: 6) == "漂亮的")
        #expect(DisplayWidth.cut("abcdef", to: 1) == "…" && DisplayWidth.cut("abcdef", to: 0) == "")
        #expect(DisplayWidth.fit("漂", to: 4) == "漂  " && DisplayWidth.fit("漂", to: 4, right: true) == "  漂")
    }

    @Test("progress goes on between two status files as such jobs do, never to the end, and not while it waits")
    func progress() {
        var flight = TopSample.flight("a", percent: 40, left: 20)
        let at = { (seconds: Int64) in TopSample.now + seconds * TopSample.second }
        #expect(flight.percent(at: at(-5)) == 40 && flight.percent(at: at(0)) == 40)
        #expect(flight.percent(at: at(10)) == 69 && flight.percent(at: at(1000)) == 99)
        #expect(flight.left(at: at(5)) == 15 && flight.left(at: at(1000)) == 0)
        flight.waitsFor = .place
        #expect(flight.percent(at: at(10)) == 40 && flight.left(at: at(10)) == nil)
        flight.waitsFor = nil
        flight.updated = nil
        #expect(flight.percent(at: at(10)) == 40 && flight.left(at: at(10)) == nil)
    }

    @Test("the rate counts by the minute; what is older than an hour is not in it, what is yet to come is now")
    func rate() {
        let minute: Int64 = 60_000_000_000
        let rate = TopRate(
            complete: [1, -minute, minute - 1, minute, 4 * minute, 59 * minute, 60 * minute].map { TopSample.now - $0 },
            failed: [TopSample.now], now: TopSample.now)
        #expect(rate.complete(in: 1) == 3 && rate.complete(in: 5) == 5 && rate.complete(in: 60) == 6)
        #expect(rate.failed(in: 1) == 1)
    }

    @Test("what took long is left alone for twenty times as long, and what has not changed is not read at all")
    func pace() {
        var pace = TopPace()
        #expect(pace.isDue(at: 0))
        pace.wasRead(from: 100, to: 110)
        #expect(!pace.isDue(at: 309) && pace.isDue(at: 310))
        // Unchanged for longer than a file system's clock can hide.
        pace.wasRead(from: 100, to: 100, changed: 5, wall: 5 + 2 * TopPace.tick)
        #expect(!pace.isDue(at: 1 << 40, changed: 5) && pace.isDue(at: 1 << 40, changed: 6))
        pace.wasRead(from: 100, to: 100, changed: 5, wall: 6)
        #expect(pace.isDue(at: 200, changed: 5))
    }

    @Test("the spend of a day and a month is what budgets count: settled, reserved and uncertain")
    func spend() {
        let rows = [
            CostRow(key: "2026-11-23", attempts: 1, credits: 8, reserved: 0, settled: 80_000, uncertain: 0),
            CostRow(key: "2026-11-24", attempts: 2, credits: 16, reserved: 10_000, settled: 20_000, uncertain: 5_000),
        ]
        #expect(
            TopSpend(rows, today: "2026-11-24", budget: nil)
                == TopSpend(today: 35_000, month: 115_000, reserved: 10_000, uncertain: 5_000, budget: nil))
    }
}

@Suite("top, on a spool")
struct TopReaderTests {
    private let spool: ScratchSpool

    init() throws { spool = try ScratchSpool() }

    private func reader(_ limits: TopLimits = TopLimits()) throws -> TopReader {
        let rules = WaitingRules(inFlight: 64, perUser: 16, minFree: 0, requestBytes: 1 << 20)
        return TopReader(
            spool: try spool.reader(), rules: rules, state: spool.path + "/state", budget: 5_000_000, limits: limits)
    }

    @Test("queue, jobs in flight, ended and failed ones are read from the spool as it stands")
    func whole() throws {
        let request = Array(#"{"user_id":"peichin","outfit_id":"o-17"}"#.utf8)
        try spool.write(request, "w.json", in: .incoming)
        try spool.write(request, "a.json", in: .processing)
        try spool.write(Sample.status(), "a.status.json", in: .processing)
        try spool.write(request, "young.json", in: .processing)
        try spool.write(Sample.complete("c").encode(), "c.result.json", in: .done)
        let failure = ResultDocument.Failure(code: .moderation, message: "The provider refused it.", stage: .generate)
        try spool.write(Sample.failed("f", failure).encode(), "f.result.json", in: .failed)
        try spool.write(Array("{".utf8), "torn.result.json", in: .failed)
        var reader = try reader()
        let snapshot = reader.read(wall: WallClock.now(), clock: MonotonicClock.now)
        #expect(snapshot.waiting.rows.map(\.name) == ["w"] && snapshot.waiting.rows.first?.user == "peichin")
        #expect(snapshot.inFlight.count == .jobs(2) && snapshot.done == .jobs(1))
        let flight = try #require(snapshot.inFlight.rows.first { $0.name == "a" })
        #expect(flight.stage == .generate && flight.percent == 53 && flight.provider == "Flat lay")
        let young = try #require(snapshot.inFlight.rows.first { $0.name == "young" })
        #expect(young.stage == nil && young.user == "peichin" && young.percent == 0)
        #expect(Set(snapshot.failures.rows.map(\.code)) == ["moderation", nil])
        #expect(snapshot.rate.complete(in: 1) == 1 && snapshot.rate.failed(in: 1) == 2)
        #expect(snapshot.daemon == nil && snapshot.money == .known(TopSpend(budget: 5_000_000)))
        #expect(snapshot.troubles.isEmpty && snapshot.stirred != nil)
    }

    @Test("what changes is seen at the next look, what a stranger leaves there does no harm")
    func changes() throws {
        var reader = try reader()
        _ = reader.read(wall: WallClock.now(), clock: { 0 })
        let incoming = try Directory(path: spool.path + "/incoming")
        try incoming.makeFIFO("pipe.json")
        try incoming.symlink("link.json", to: "/etc/passwd")
        try incoming.makeDirectory("folder.json", mode: 0o700)
        try spool.write([UInt8](repeating: 0x20, count: 2 << 20), "large.json", in: .incoming)
        try spool.write(Array("nonsense".utf8), "bad.json", in: .incoming)
        let snapshot = reader.read(wall: WallClock.now(), clock: { 1 })
        #expect(Set(snapshot.waiting.rows.map(\.name)) == ["pipe", "link", "folder", "large", "bad"])
        #expect(snapshot.waiting.rows.allSatisfy { $0.user == nil })
    }

    @Test("a folder of too many files is read in part, and that is told")
    func bounded() throws {
        for number in 0..<30 {
            try spool.write([], "n\(number).result.json", in: .done)
            try spool.write([], "n\(number).json", in: .incoming)
        }
        var reader = try reader(TopLimits(names: 20, waiting: 5))
        let snapshot = reader.read(wall: WallClock.now(), clock: MonotonicClock.now)
        #expect(snapshot.done == .atLeast(20) && snapshot.waiting.count == .atLeast(20))
        #expect(snapshot.waiting.rows.count == 5 && snapshot.rate.isCut && snapshot.rate.complete(in: 1) == 20)
    }

    @Test("a folder that took long to read is left alone for a while, and its figures are told as old")
    func slow() throws {
        var reader = try reader()
        try spool.write([], "a.result.json", in: .done)
        let wall = WallClock.now()
        // Each reading takes a second by this clock.
        var clock: Int64 = 0
        func tick() -> Int64 {
            clock += TopSample.second
            return clock
        }
        #expect(reader.read(wall: wall, clock: tick).behind == 0)
        try spool.write([], "b.result.json", in: .done)
        let old = reader.read(wall: wall + 4 * TopSample.second, clock: tick)
        #expect(old.done == .jobs(1) && old.behind == 4 * TopSample.second)
        #expect(view(old, 120, 24).plain.contains("as of 4 s ago"))
        clock += 60 * TopSample.second
        let fresh = reader.read(wall: wall + 64 * TopSample.second, clock: tick)
        #expect(fresh.done == .jobs(2) && fresh.behind == 0)
    }

    @Test("folders that are not there or may not be read are told as hidden, and a daemon is told by its lock")
    func hidden() throws {
        let bare = try ScratchSpool(boxes: [.tmp])
        let file = try Directory(path: bare.path).open(".lock", .readWrite)
        let lock = try #require(try FileLock.attempt(file))
        try lock.file.write(all: Array("pid 17\nhost here\nsince 2026-11-24T02:00:00Z\n".utf8))
        let rules = WaitingRules(inFlight: 64, perUser: 16, minFree: .max, requestBytes: 1 << 20)
        var reader = TopReader(spool: try bare.reader(), rules: rules, state: "/nowhere", budget: nil)
        let snapshot = reader.read(wall: WallClock.now(), clock: MonotonicClock.now)
        #expect(snapshot.waiting.count == .hidden && snapshot.rate.isHidden && snapshot.stirred == nil)
        #expect(snapshot.daemon == TopDaemon("pid 17, host here, since 2026-11-24T02:00:00Z"))
        #expect(snapshot.daemon?.since == Timestamp(rfc3339: "2026-11-24T02:00:00Z"))
        #expect(snapshot.obstacle?.contains("spool.minFree") == true)
    }
}
