// What an event loop stands on: readiness of descriptors, a timer, sockets that are nobody else's.

import Glibc
import Linux
import Testing

@Suite("Epoll")
struct EpollTests {
    @Test("a descriptor is reported while it is ready, and no more once it is drained or left out")
    func readiness() throws {
        let epoll = try Epoll()
        let bell = try EventFD()
        try epoll.add(bell.raw, .readable)
        #expect(try epoll.events(waiting: false) == [])
        bell.signal()
        #expect(try epoll.events(waiting: true) == [EpollEvent(bell.raw, .readable)])
        #expect(try epoll.events(waiting: true) == [EpollEvent(bell.raw, .readable)])
        bell.drain()
        #expect(try epoll.events(waiting: false) == [])
        bell.signal()
        epoll.remove(bell.raw)
        #expect(try epoll.events(waiting: false) == [])
        epoll.remove(bell.raw)
    }

    @Test("what is watched for can be changed, and twice the same is refused")
    func changes() throws {
        let epoll = try Epoll()
        let bell = try EventFD()
        try epoll.add(bell.raw, .writable)
        #expect(try epoll.events(waiting: true) == [EpollEvent(bell.raw, .writable)])
        try epoll.modify(bell.raw, .readable)
        #expect(try epoll.events(waiting: false) == [])
        bell.signal()
        try epoll.modify(bell.raw, [.readable, .writable])
        #expect(try epoll.events(waiting: true) == [EpollEvent(bell.raw, [.readable, .writable])])
        let again = #expect(throws: SystemFailure.self) { try epoll.add(bell.raw, .readable) }
        #expect(again?.errno == .exists)
        epoll.remove(bell.raw)
        let gone = #expect(throws: SystemFailure.self) { try epoll.modify(bell.raw, .readable) }
        #expect(gone?.errno == .notFound)
    }

    @Test("a socket whose other side is gone is reported unasked")
    func hangUp() throws {
        let epoll = try Epoll()
        var ends: [CInt] = [-1, -1]
        #expect(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let end = Descriptor(owning: ends[0])
        try epoll.add(end.raw, [])
        #expect(try epoll.events(waiting: false) == [])
        close(ends[1])
        #expect(try epoll.events(waiting: true).first?.what.contains(.failed) == true)
    }

    @Test("more than a batch of ready descriptors comes in several")
    func batches() throws {
        let epoll = try Epoll()
        let bells = try (0..<(Epoll.batch + 10)).map { _ in try EventFD() }
        for bell in bells {
            bell.signal()
            try epoll.add(bell.raw, .readable)
        }
        var seen: Set<CInt> = []
        while seen.count < bells.count {
            let events = try epoll.events(waiting: true)
            #expect(events.count <= Epoll.batch)
            for event in events {
                seen.insert(event.descriptor)
                epoll.remove(event.descriptor)
            }
        }
        #expect(seen == Set(bells.map(\.raw)))
    }

    @Test("a timer comes at its moment, at once for one that has passed, and not when it is unset")
    func timer() throws {
        let timer = try TimerFD()
        let epoll = try Epoll()
        try epoll.add(timer.raw, .readable)
        let moment = MonotonicClock.now() + 20_000_000
        timer.set(moment)
        #expect(try epoll.events(waiting: true) == [EpollEvent(timer.raw, .readable)])
        #expect(MonotonicClock.now() >= moment)
        timer.drain()
        #expect(try epoll.events(waiting: false) == [])
        timer.drain()
        timer.set(0)
        #expect(try epoll.events(waiting: true) == [EpollEvent(timer.raw, .readable)])
        timer.set(MonotonicClock.now() + 60_000_000_000)
        #expect(try epoll.events(waiting: false) == [])
        timer.set(1)
        timer.set(nil)
        #expect(try epoll.events(waiting: false) == [])
    }

    @Test("a socket is made as asked for, and no child inherits it")
    func sockets() throws {
        let socket = try Socket.open(family: AF_INET, kind: CInt(SOCK_STREAM.rawValue), protocolNumber: 0)
        #expect(fcntl(socket.raw, F_GETFD) == FD_CLOEXEC)
        let failure = #expect(throws: SystemFailure.self) {
            _ = try Socket.open(family: 9999, kind: CInt(SOCK_STREAM.rawValue), protocolNumber: 0)
        }
        #expect(failure?.call == "socket")
    }

    @Test("writing by position goes where it is told, and reading by position fills what there is")
    func positions() throws {
        let file = try OpenFile.inMemory([1, 2, 3])
        try [UInt8]([9, 8]).withUnsafeBytes { try file.pwrite(all: $0, at: 2) }
        #expect(try file.read(limit: 10) == [1, 2, 9, 8])
        var buffer = [UInt8](repeating: 0, count: 8)
        #expect(try buffer.withUnsafeMutableBytes { try file.pread(into: $0, at: 1) } == 3)
        #expect(buffer == [2, 9, 8, 0, 0, 0, 0, 0])
        #expect(try buffer.withUnsafeMutableBytes { try file.pread(into: $0, at: 4) } == 0)
    }
}
