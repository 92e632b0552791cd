// A transfer under way: the handle, the bookkeeping, the bytes, and the functions by which libcurl reports.
//
// Everything here runs on the loop's thread, inside a call of libcurl's that the loop makes; so nothing here calls
// libcurl back.

internal import CCurl
internal import Linux

/// What came of one request, and how long it took in nanoseconds.
struct LegOutcome: Sendable {
    let result: Result<TransferAnswer, TransferFailure>
    let elapsed: Int64

    /// The end of a request for which nothing was done yet.
    static func cancelledBeforeStart(_ host: String) -> LegOutcome {
        let failure = TransferFailure(.cancelled, sent: .nothing, "the transfer with \(host) was cancelled")
        return LegOutcome(result: .failure(failure), elapsed: 0)
    }
}

/// One request under way.
final class Passage {
    let id: TransferID
    let leg: Leg
    let handle = EasyHandle()
    var exchange: Exchange
    private(set) var memory: [UInt8] = []
    private let headers: TextList
    private let resolve: TextList
    private let isProxied: Bool
    private let lifeguard: Lifeguard
    /// Told when the host's address is known or a connection stands, and when a socket was opened.
    private let onConnected: () -> Void
    private let onSocket: () -> Void
    /// Told when the request has begun: the limits of time are other ones from then on, and the next is at that moment.
    private let onBegun: (Int64) -> Void
    /// Addresses of the host that were refused, and whether any was not.
    private var hasRefused = false
    private var hasOpened = false
    private var socketFailure: SystemFailure?
    private var uploaded: curl_off_t = 0

    /// Makes a handle ready. The passage must live until the handle has left libcurl's hands, the lifeguard until its
    /// last connection is closed.
    init(
        _ id: TransferID, _ leg: Leg, _ settings: TransferSettings, sharing share: UnsafeMutableRawPointer,
        under lifeguard: Lifeguard, at now: Int64,
        onConnected: @escaping () -> Void, onSocket: @escaping () -> Void, onBegun: @escaping (Int64) -> Void
    ) {
        (self.id, self.leg, self.onConnected, self.onSocket) = (id, leg, onConnected, onSocket)
        self.onBegun = onBegun
        self.lifeguard = lifeguard
        isProxied = settings.proxy != nil
        headers = TextList(leg.headers)
        resolve = TextList(settings.resolve)
        exchange = Exchange(
            method: leg.method, limits: leg.limits, bodyLength: leg.body.count, writesFile: leg.sink.isFile, at: now)
        handle.configure(leg.destination, leg.limits, settings)
        // A peer can keep libcurl reading frames without content, within one call, for as long as it sends them, and
        // nobody else is served meanwhile. Strangers get no chance to: their pictures come over HTTP/1.1.
        if leg.isForeign { handle.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) }
        handle.configure(leg.method, bodyLength: leg.body.count)
        handle.set(CURLOPT_HTTPHEADER, headers)
        if !settings.resolve.isEmpty { handle.set(CURLOPT_RESOLVE, resolve) }
        handle.set(CURLOPT_SHARE, share)
        installFunctions()
    }

    private func installFunctions() {
        let me = Unmanaged.passUnretained(self).toOpaque()
        for option in [
            CURLOPT_PRIVATE, CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_READDATA, CURLOPT_PREREQDATA,
            CURLOPT_OPENSOCKETDATA, CURLOPT_XFERINFODATA,
        ] { handle.set(option, me) }
        handle.set(CURLOPT_WRITEFUNCTION) { Passage.at($3).write($0, $1 * $2) }
        handle.set(CURLOPT_HEADERFUNCTION) { Passage.at($3).line($0, $1 * $2) }
        handle.set(CURLOPT_READFUNCTION) { Passage.at($3).read($0, $1 * $2) }
        vz_set_before_request_function(handle.raw) { me, address, _, _, _ in Passage.at(me).begin(address) }
        vz_set_open_socket_function(handle.raw) { me, _, address in Passage.at(me).openSocket(address) }
        // The connection outlives this passage, and is closed by whoever comes last.
        handle.set(CURLOPT_CLOSESOCKETDATA, Unmanaged.passUnretained(lifeguard).toOpaque())
        vz_set_close_socket_function(handle.raw) { lifeguard, socket in
            Unmanaged<Lifeguard>.fromOpaque(lifeguard!).takeUnretainedValue().remove(socket)
            return Socket.close(socket)
        }
        vz_set_progress_function(handle.raw) { me, _, _, _, uploaded in Passage.at(me).progress(uploaded) }
        handle.set(CURLOPT_NOPROGRESS, 0)
    }

    private static func at(_ pointer: UnsafeMutableRawPointer?) -> Passage {
        Unmanaged<Passage>.fromOpaque(pointer!).takeUnretainedValue()
    }

    /// The passage of a handle that libcurl has finished with.
    static func of(_ raw: UnsafeMutableRawPointer) -> Passage {
        var pointer: UnsafeMutableRawPointer?
        let code = vz_get_pointer(raw, CURLINFO_PRIVATE, &pointer)
        precondition(code == CURLE_OK && pointer != nil, "libcurl lost whose handle this is")
        return at(pointer)
    }

    /// What came of it. The handle must have left libcurl's hands.
    func outcome(_ code: CURLcode, at now: Int64) -> LegOutcome {
        // libcurl calls a socket that was refused a connection that failed.
        if code == CURLE_COULDNT_CONNECT && hasRefused && !hasOpened { exchange.halt(.refusedAddress) }
        var ending = Ending(
            trouble: Trouble(code), destination: leg.destination, limits: leg.limits, isProxied: isProxied)
        let number = handle.number(CURLINFO_OS_ERRNO)
        ending.reason = socketFailure?.errno ?? (number == 0 ? nil : Errno(rawValue: CInt(truncatingIfNeeded: number)))
        ending.certificate = handle.number(CURLINFO_SSL_VERIFYRESULT)
        return LegOutcome(result: ending.outcome(of: exchange, body: memory), elapsed: exchange.elapsed(at: now))
    }

    // MARK: libcurl's reports

    /// A socket is wanted: the moment at which it is certain which address will be connected to.
    private func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>?) -> curl_socket_t {
        onConnected()
        guard let address, exchange.stop == nil else { return CURL_SOCKET_BAD }
        if leg.judgesAddress && !Passage.isPublic(address) {
            hasRefused = true
            return CURL_SOCKET_BAD
        }
        hasOpened = true
        do throws(SystemFailure) {
            let wanted = address.pointee
            let socket = try Socket.open(
                family: wanted.family, kind: wanted.socktype, protocolNumber: wanted.protocol)
            onSocket()
            lifeguard.add(socket.raw)
            return socket.release()
        } catch {
            socketFailure = error
            return CURL_SOCKET_BAD
        }
    }

    private static func isPublic(_ address: UnsafePointer<curl_sockaddr>) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = Int(vz_address_bytes(address, &bytes))
        return IPAddress(bytes: bytes.prefix(count))?.isPublic ?? false
    }

    /// The connection stands, a new one or one that was used before; the request goes out next. A connection that
    /// another transfer opened, which may have been free to go anywhere, is judged here.
    private func begin(_ address: UnsafeMutablePointer<CChar>?) -> CInt {
        onConnected()
        if leg.judgesAddress {
            let text = address.map { String(cString: $0) } ?? ""
            if IPAddress(text)?.isPublic != true { exchange.halt(.refusedAddress) }
        }
        let now = MonotonicClock.now()
        guard exchange.begins(at: now) else { return CURL_PREREQFUNC_ABORT }
        if case .until(let moment) = exchange.look(at: now) { onBegun(moment) } else { onBegun(now) }
        return CURL_PREREQFUNC_OK
    }

    private func read(_ buffer: UnsafeMutablePointer<CChar>?, _ room: Int) -> Int {
        guard let buffer, exchange.stop == nil else { return Int(CURL_READFUNC_ABORT) }
        let range = exchange.fetch(room, at: MonotonicClock.now())
        if range.isEmpty { return 0 }
        let target = UnsafeMutableRawBufferPointer(start: buffer, count: range.count)
        switch leg.body {
        case .none: return 0
        case .bytes(let bytes):
            bytes.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[range])) }
            return range.count
        case .woven(let body):
            body.copy(range, to: target)
            return range.count
        case .file(let file, count: _): return read(file, target, at: range.lowerBound)
        }
    }

    private func read(_ file: OpenFile, _ target: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        do throws(SystemFailure) {
            let got = try file.pread(into: target, at: offset)
            exchange.fetched(upTo: offset + got)
            if got > 0 { return got }
            exchange.halt(.source(nil))
        } catch {
            exchange.fetched(upTo: offset)
            exchange.halt(.source(error))
        }
        return Int(CURL_READFUNC_ABORT)
    }

    private func line(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        let line = Array(UnsafeRawBufferPointer(start: bytes, count: count))
        return exchange.line(line, at: MonotonicClock.now()) ? count : Passage.refusal(of: count)
    }

    private func write(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        let part = UnsafeRawBufferPointer(start: bytes, count: count)
        switch exchange.body(count, at: MonotonicClock.now()) {
        case .remember(let kept):
            memory.append(contentsOf: part.prefix(kept))
            return kept == count ? count : Passage.refusal(of: count)
        case .write(at: let offset):
            do throws(SystemFailure) {
                switch leg.sink {
                case .memory: preconditionFailure("bytes for a file, and no file")
                case .file(let file): try file.pwrite(all: part, at: offset)
                case .growing(let file): try file.pwrite(all: part, at: offset)
                }
                return count
            } catch {
                exchange.halt(.sink(error))
                return Passage.refusal(of: count)
            }
        case .stop: return Passage.refusal(of: count)
        }
    }

    /// Any other number than that of the bytes makes libcurl stop.
    private static func refusal(of count: Int) -> Int { count == 0 ? 1 : 0 }

    /// libcurl comes here whenever something moved, and about once a second.
    private func progress(_ uploaded: curl_off_t) -> CInt {
        if uploaded != self.uploaded {
            self.uploaded = uploaded
            exchange.moved(at: MonotonicClock.now())
        }
        return 0
    }
}

extension TransferBody {
    /// Bytes that are sent.
    var count: Int {
        switch self {
        case .none: 0
        case .bytes(let bytes): bytes.count
        case .woven(let body): body.count
        case .file(_, let count): count
        }
    }
}
