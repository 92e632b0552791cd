// One accepted socket with the bytes that were read ahead. It blocks: its thread has nothing else to do. Every call
// ends when the server shuts the socket down, so that no thread outlives its server for long.

internal import Glibc

/// A connected socket. Whoever owns it closes it with `close` or `reset`, once.
struct Wire: ~Copyable {
    /// How a wait ended.
    enum Wait { case timeOver, hungUp }

    private let descriptor: CInt
    private var buffer: [UInt8] = []
    private var start = 0

    /// Takes over a connected socket.
    init(owning descriptor: CInt) {
        self.descriptor = descriptor
        var on: CInt = 1
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))
    }

    /// Bytes that were read and not yet taken.
    private var available: Int { buffer.count - start }

    /// Reads more. False at the end of the stream or when the connection broke.
    private mutating func fill() -> Bool {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        let piece = [UInt8](unsafeUninitializedCapacity: 16 << 10) { space, count in
            var got = recv(descriptor, space.baseAddress, space.count, 0)
            while got < 0 && errno == EINTR { got = recv(descriptor, space.baseAddress, space.count, 0) }
            count = max(0, got)
        }
        if buffer.isEmpty { buffer = piece } else { buffer += piece }
        return !piece.isEmpty
    }

    /// The bytes up to and without an empty line; nil when the stream ends before it or it is longer than `limit`.
    mutating func head(limit: Int) -> [UInt8]? {
        var seen = 0
        while true {
            if let end = emptyLine(from: max(0, seen - 3)) {
                defer { start += end + 4 }
                return Array(buffer[start..<(start + end)])
            }
            seen = available
            guard seen <= limit, fill() else { return nil }
        }
    }

    /// Where `\r\n\r\n` begins, counted from `start`.
    private func emptyLine(from offset: Int) -> Int? {
        var at = start + offset
        while at + 3 < buffer.count {
            if buffer[at] == 13, buffer[at + 1] == 10, buffer[at + 2] == 13, buffer[at + 3] == 10 { return at - start }
            at += 1
        }
        return nil
    }

    /// The bytes up to and without a line's end; nil when the stream ends before it.
    mutating func line(limit: Int) -> [UInt8]? {
        while true {
            if let end = buffer[start...].firstIndex(of: 10) {
                defer { start = end + 1 }
                let line = buffer[start..<end]
                return Array(line.last == 13 ? line.dropLast() : line)
            }
            guard available <= limit, fill() else { return nil }
        }
    }

    /// Appends `count` bytes of the stream to `body`; false when the stream ends before.
    mutating func take(_ count: Int, into body: inout [UInt8]) -> Bool {
        var missing = count
        while missing > 0 {
            if available == 0, !fill() { return false }
            let piece = min(missing, available)
            body += buffer[start..<(start + piece)]
            start += piece
            missing -= piece
        }
        return true
    }

    /// Sends everything; false when the peer is gone.
    func send(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { raw in
            var sent = 0
            while sent < raw.count {
                let rest = UnsafeRawBufferPointer(rebasing: raw[sent...])
                let count = Glibc.send(descriptor, rest.baseAddress, rest.count, CInt(MSG_NOSIGNAL))
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }
    }

    /// Waits so long, for ever where `milliseconds` is nil, unless the peer closes or the server stops.
    func wait(milliseconds: Int?) -> Wait {
        // POLLRDHUP, which Glibc hides without _GNU_SOURCE: the peer will send nothing more.
        var waiting = pollfd(fd: descriptor, events: 0x2000, revents: 0)
        let end = milliseconds.map { now() + $0 }
        while true {
            let left = end.map { max(0, $0 - now()) } ?? -1
            let count = poll(&waiting, 1, CInt(clamping: left))
            if count > 0 { return .hungUp }
            if count == 0, left >= 0 { return .timeOver }
        }
    }

    /// Milliseconds of a clock that does not jump.
    private func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    /// Says that nothing more will be sent and reads what the peer still sends, for a second at most: a socket closed
    /// with unread bytes would be reset, and the reset would overtake the answer.
    mutating func finish() {
        shutdown(descriptor, CInt(SHUT_WR))
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let end = now() + 1000
        start = buffer.count
        while now() < end, fill() { start = buffer.count }
    }

    /// Closes the socket.
    consuming func close() { Glibc.close(descriptor) }

    /// Aborts the connection: the peer sees RST, whatever was on its way.
    consuming func reset() {
        var option = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<Glibc.linger>.size))
        Glibc.close(descriptor)
    }
}
