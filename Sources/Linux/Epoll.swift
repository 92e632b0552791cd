// What an event loop stands on: epoll(7) for thousands of sockets, a timer that can be waited for like one, and the
// making and the shutting of the sockets themselves.
//
// Promise: a loop that waits here with nothing to do sleeps until something happens; there is no time-out to wake it.
// A descriptor that cannot be watched for want of kernel memory is a `SystemFailure`; a wrong one is a bug and traps.

internal import CLinux
internal import Glibc

/// What a socket is watched for, and what happened to it.
package struct Readiness: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// There is something to read, or the other side has closed.
    package static let readable = Readiness(rawValue: 1)
    /// There is room to write.
    package static let writable = Readiness(rawValue: 2)
    /// An error or a hang-up; it comes unasked.
    package static let failed = Readiness(rawValue: 4)

    var events: UInt32 {
        UInt32((contains(.readable) ? VZ_EPOLL_IN : 0) | (contains(.writable) ? VZ_EPOLL_OUT : 0))
    }

    init(events: UInt32) {
        let bits = Int(events)
        var all: Readiness = []
        if bits & VZ_EPOLL_IN != 0 { all.insert(.readable) }
        if bits & VZ_EPOLL_OUT != 0 { all.insert(.writable) }
        if bits & (VZ_EPOLL_ERROR | VZ_EPOLL_HANGUP) != 0 { all.insert(.failed) }
        self = all
    }
}

/// One thing that happened: to which descriptor, and what.
package struct EpollEvent: Hashable, Sendable {
    package let descriptor: CInt
    package let what: Readiness

    package init(_ descriptor: CInt, _ what: Readiness) { (self.descriptor, self.what) = (descriptor, what) }
}

/// A set of descriptors that one thread waits for (epoll, level-triggered). It does not own them.
package final class Epoll: Sendable {
    private let descriptor: Descriptor
    /// The most events that one wait tells of; what is left comes with the next.
    package static let batch = 256

    /// Makes an empty set.
    package init() throws(SystemFailure) {
        descriptor = Descriptor(owning: try checked("epoll_create1") { vz_epoll() })
    }

    /// Watches one more descriptor.
    /// - Throws: ENOMEM, ENOSPC: the kernel keeps no more; EEXIST when it is watched already.
    package func add(_ number: CInt, _ what: Readiness) throws(SystemFailure) {
        try change(number, CInt(VZ_EPOLL_ADD), what)
    }

    /// Changes what a watched descriptor is watched for.
    /// - Throws: ENOENT when it is not watched.
    package func modify(_ number: CInt, _ what: Readiness) throws(SystemFailure) {
        try change(number, CInt(VZ_EPOLL_MODIFY), what)
    }

    /// Watches a descriptor no more. One that was closed meanwhile is out of the set already, which is no failure.
    package func remove(_ number: CInt) { _ = vz_epoll_change(descriptor.raw, CInt(VZ_EPOLL_REMOVE), number, 0) }

    private func change(_ number: CInt, _ operation: CInt, _ what: Readiness) throws(SystemFailure) {
        let set = descriptor.raw
        _ = try checked("epoll_ctl") { vz_epoll_change(set, operation, number, what.events) }
    }

    /// Waits until something happens, or only looks.
    /// - Returns: what happened, at most `batch` things; with `waiting` none only after a signal.
    package func events(waiting: Bool) throws(SystemFailure) -> [EpollEvent] {
        let set = descriptor.raw
        return try withUnsafeTemporaryAllocation(of: CInt.self, capacity: Epoll.batch) { numbers in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Epoll.batch) { happened in
                Result { () throws(SystemFailure) in
                    let wait: CInt = waiting ? 1 : 0
                    let room = CInt(Epoll.batch)
                    let count: CInt
                    do throws(SystemFailure) {
                        count = try checked("epoll_wait", retrying: false) {
                            vz_epoll_wait(set, numbers.baseAddress, happened.baseAddress, room, wait)
                        }
                    } catch let error where error.errno == .interrupted {
                        return []
                    }
                    return (0..<Int(count)).map { EpollEvent(numbers[$0], Readiness(events: happened[$0])) }
                }
            }
        }.get()
    }
}

/// A moment that can be waited for like a descriptor (timerfd, monotonic).
package final class TimerFD: Sendable {
    private let descriptor: Descriptor

    /// Makes one that is not set.
    package init() throws(SystemFailure) {
        descriptor = Descriptor(owning: try checked("timerfd_create") { vz_timerfd() })
    }

    /// The number to watch for reading.
    package var raw: CInt { descriptor.raw }

    /// Sets the moment, in nanoseconds of `MonotonicClock`; nil unsets it. A moment that has passed comes at once.
    package func set(_ moment: Int64?) {
        // 0 would unset it.
        let answer = vz_timerfd_set(raw, moment.map { max(1, $0) } ?? 0)
        precondition(answer == 0, "timerfd refused \(moment ?? 0): errno \(Glibc.errno)")
    }

    /// Takes the news that the moment has come.
    package func drain() {
        var count: UInt64 = 0
        let answer = Glibc.read(raw, &count, 8)
        precondition(answer == 8 || Glibc.errno == EAGAIN, "timerfd refused a read: errno \(Glibc.errno)")
    }
}

/// Making sockets, and what is known of those that another hand reads.
package enum Socket {
    /// An unconnected socket that no child process inherits; the numbers are those of socket(2).
    /// - Throws: EMFILE, ENFILE, EAFNOSUPPORT ...
    package static func open(
        family: CInt, kind: CInt, protocolNumber: CInt
    ) throws(SystemFailure) -> Descriptor {
        Descriptor(owning: try checked("socket") { vz_socket(family, kind, protocolNumber) })
    }

    /// What tells this socket from every other one of the machine, later ones with its number included; nil where the
    /// number is no socket.
    package static func cookie(_ number: CInt) -> UInt64? {
        let cookie = vz_socket_cookie(number)
        return cookie == 0 ? nil : cookie
    }

    /// Bytes that came over a connection and were read from it so far; nil where the number is no TCP connection.
    package static func consumed(_ number: CInt) -> Int64? {
        let bytes = vz_tcp_consumed(number)
        return bytes < 0 ? nil : bytes
    }

    /// Ends a connection in both directions without closing its descriptor: whoever reads it finds its end, and what
    /// the other side sends then is refused. A connection that is gone already stays so.
    package static func shut(_ number: CInt) { _ = shutdown(number, CInt(SHUT_RDWR)) }

    /// Closes a socket that another hand has given up.
    /// - Returns: 0, or -1 as close(2) does.
    package static func close(_ number: CInt) -> CInt { Glibc.close(number) }
}
