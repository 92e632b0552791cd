// A terminal in the hands of a full-screen program: its modes, its size, and the signals that such a program must
// answer to leave the terminal as it was.
//
// Promise: `TerminalModes` knows the modes that it found, and `restore` puts exactly those back, as often as it is
// called. A terminal that has gone away is a `SystemFailure` (EIO).

internal import CLinux
internal import Glibc

/// The modes of a terminal as they were found.
package final class TerminalModes: Sendable {
    private let number: CInt
    private let found: termios

    /// Remembers the modes of the terminal behind a descriptor, which stays the caller's.
    /// - Throws: ENOTTY where it is none.
    package init(of descriptor: CInt) throws(SystemFailure) {
        var modes = termios()
        _ = try checked("tcgetattr") { tcgetattr(descriptor, &modes) }
        (number, found) = (descriptor, modes)
    }

    /// Hands on every key as it is pressed, unseen. Ctrl-C and Ctrl-Z still make signals, so that whatever else stands
    /// in the same pipeline hears them too.
    package func byKey() throws(SystemFailure) {
        var modes = found
        modes.c_lflag &= ~tcflag_t(ICANON | ECHO)
        modes.c_iflag &= ~tcflag_t(IXON | ICRNL)
        withUnsafeMutableBytes(of: &modes.c_cc) { keys in
            keys[Int(VMIN)] = 0
            keys[Int(VTIME)] = 0
        }
        try set(modes)
    }

    /// Puts back what was found, after everything that was written has gone out.
    package func restore() throws(SystemFailure) { try set(found) }

    private func set(_ modes: termios) throws(SystemFailure) {
        var modes = modes
        _ = try checked("tcsetattr") { tcsetattr(number, TCSADRAIN, &modes) }
    }

    /// The bytes that have been typed, at most 1,024, without waiting; none where there are none.
    package func typed() throws(SystemFailure) -> [UInt8] {
        var failure: SystemFailure?
        let bytes = [UInt8](unsafeUninitializedCapacity: 1024) { buffer, filled in
            do throws(SystemFailure) {
                filled = try checked("read") { Glibc.read(number, buffer.baseAddress, 1024) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// How much a terminal can show.
package struct TerminalSize: Hashable, Sendable {
    package let rows: Int
    package let columns: Int

    package init(rows: Int, columns: Int) { (self.rows, self.columns) = (rows, columns) }

    /// The size of the terminal behind a descriptor; nil where it is none.
    package static func of(_ descriptor: CInt) -> TerminalSize? {
        let (rows, columns) = (vz_terminal_rows(descriptor), vz_terminal_columns(descriptor))
        return rows == 0 || columns == 0 ? nil : TerminalSize(rows: Int(rows), columns: Int(columns))
    }
}

/// The signals that a full-screen program must answer.
package enum TerminalSignal: Hashable, Sendable, CaseIterable {
    /// Leave: SIGINT, SIGTERM, SIGHUP, SIGQUIT.
    case interrupt, terminate, hangUp, quit
    /// Stop, as Ctrl-Z asks for (SIGTSTP), and go on (SIGCONT).
    case stop, goOn
    /// The window has another size (SIGWINCH).
    case resize

    var number: CInt {
        switch self {
        case .interrupt: SIGINT
        case .terminate: SIGTERM
        case .hangUp: SIGHUP
        case .quit: SIGQUIT
        case .stop: SIGTSTP
        case .goOn: SIGCONT
        case .resize: SIGWINCH
        }
    }

    /// Ends the process by this signal as it would have ended without us, so that whoever started it sees why. Returns
    /// where the signal is ignored.
    package func strike() throws(SystemFailure) {
        let taken = number
        _ = try checked("sigprocmask") { vz_signal_default(taken) }
        try Host.kill(Host.processID, signal: taken)
    }

    /// Stops this process until somebody has it go on. SIGTSTP itself is blocked (it is ours to answer), so it is the
    /// signal that nobody blocks.
    package static func stopHere() throws(SystemFailure) { try Host.kill(Host.processID, signal: SIGSTOP) }
}

/// Those signals as something to poll. As `SignalFD`: made before any other thread starts.
package final class TerminalSignals: Sendable {
    private let descriptor: Descriptor

    /// Takes them over for the whole process.
    package init() throws(SystemFailure) {
        let numbers = TerminalSignal.allCases.map(\.number)
        descriptor = Descriptor(owning: try checked("signalfd") { vz_signalfd(numbers, CInt(numbers.count)) })
    }

    /// The number to poll for reading.
    package var raw: CInt { descriptor.raw }

    /// The signals that came, without waiting.
    package func drain() throws(SystemFailure) -> [TerminalSignal] {
        try SignalFD.taken(raw).compactMap { taken in TerminalSignal.allCases.first { $0.number == taken } }
    }
}
