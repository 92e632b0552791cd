// The terminal of `vizd top`: raw keys, a screen of its own, drawn line by line where something changed.
//
// Promise: the terminal is given back as it was found: at `q`, on an error, before the process ends by a signal (INT,
// TERM, HUP, QUIT), and before it stops (Ctrl-Z); when it goes on, the view comes back. Only SIGKILL cannot be
// answered: `reset` mends a terminal after it.

internal import Linux

struct TopScreen {
    /// An escape sequence comes in one piece, or nearly; what is alone for so long is the key.
    private static let escapeTime: Int64 = 50_000_000

    private static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[2J"
    private static let leave = "\u{1B}[0m\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

    private enum End: Error {
        case leave
        case signal(TerminalSignal)
        /// Nobody is at the other end any more.
        case gone
    }

    private let signals: TerminalSignals
    private let modes: TerminalModes
    private let style: TopStyle
    private let interval: Int64
    private var reader: TopReader
    private var snapshot: TopSnapshot
    private var state = TopState()
    private var keys = TopKeys()
    /// What is on the screen now.
    private var drawn: [String] = []
    private var next: Int64 = 0
    private var emptyReads = 0

    /// - Parameter interval: nanoseconds between two looks.
    init(_ reader: TopReader, interval: Int64, style: TopStyle) throws(SystemFailure) {
        // First of all: no thread may be there yet that would take a signal for itself.
        signals = try TerminalSignals()
        modes = try TerminalModes(of: 0)
        (self.reader, self.interval, self.style) = (reader, interval, style)
        snapshot = self.reader.read(wall: WallClock.now(), clock: MonotonicClock.now)
    }

    /// Shows until somebody leaves.
    mutating func run() throws {
        do {
            try begin()
            try loop()
        } catch let end as End {
            try finish()
            if case .signal(let signal) = end { try signal.strike() }
            return
        } catch {
            try finish()
            throw error
        }
    }

    private mutating func begin() throws {
        try modes.byKey()
        try write(Self.enter)
        drawn = []
    }

    /// Whatever the terminal was told is taken back; one that is gone needs nothing.
    private func finish() throws {
        Terminal.write(Self.leave, to: 1)
        do throws(SystemFailure) {
            try modes.restore()
        } catch  where error.errno == .inputOutput {}
    }

    private mutating func loop() throws {
        next = MonotonicClock.now() + interval
        try draw()
        while true {
            let now = MonotonicClock.now()
            if now >= next, !state.isPaused { try look(now) }
            let wait = state.isPaused ? nil : max(0, next - MonotonicClock.now())
            let limit = keys.isWaiting ? min(wait ?? .max, Self.escapeTime) : wait
            let ready = try Poll.readable([0, signals.raw], timeout: limit)
            if ready[1] { try heed(signals.drain()) }
            if ready[0] { try typed() } else if keys.isWaiting { try press(keys.settle()) }
        }
    }

    private mutating func look(_ now: Int64) throws {
        snapshot = reader.read(wall: WallClock.now(), clock: MonotonicClock.now)
        next = now + interval
        try draw()
    }

    private mutating func heed(_ arrived: [TerminalSignal]) throws {
        for signal in arrived {
            switch signal {
            case .interrupt, .terminate, .hangUp, .quit: throw End.signal(signal)
            case .stop:
                try finish()
                try TerminalSignal.stopHere()
                try comeBack()
            case .goOn: try comeBack()
            case .resize:
                drawn = []
                try write("\u{1B}[2J")
                try draw()
            }
        }
    }

    /// After a stop the shell may have done anything to the terminal.
    private mutating func comeBack() throws {
        try begin()
        try look(MonotonicClock.now())
    }

    private mutating func typed() throws {
        let bytes = try modes.typed()
        // Readable and empty again and again: the terminal hung up. Once may be a race with another reader.
        emptyReads = bytes.isEmpty ? emptyReads + 1 : 0
        if emptyReads > 3 { throw End.gone }
        try press(keys.take(bytes))
    }

    private mutating func press(_ pressed: [TopKey]) throws {
        var wanted = TopAction.nothing
        for key in pressed {
            let page = view.visible(state.focus)
            switch state.take(key, page: page) {
            case .leave: throw End.leave
            case .read: wanted = .read
            case .draw: wanted = wanted == .read ? .read : .draw
            case .nothing: break
            }
            state = view.settled
        }
        if wanted == .read { try look(MonotonicClock.now()) } else if wanted == .draw { try draw() }
    }

    private var view: TopView {
        let size = TerminalSize.of(1) ?? TerminalSize(rows: 24, columns: 80)
        return TopView(snapshot: snapshot, state: state, style: style, columns: size.columns, rows: size.rows)
    }

    /// Writes the lines that differ from what is there.
    private mutating func draw() throws {
        state = view.settled
        let lines = view.lines.map(style.escaped)
        var text = ""
        for (row, line) in lines.enumerated() where row >= drawn.count || drawn[row] != line {
            text += "\u{1B}[\(row + 1);1H\(line)\u{1B}[K"
        }
        if lines.count < drawn.count { text += "\u{1B}[\(lines.count + 1);1H\u{1B}[J" }
        drawn = lines
        try write(text)
    }

    private func write(_ text: String) throws {
        if !text.isEmpty, !Terminal.write(text, to: 1) { throw End.gone }
    }
}
