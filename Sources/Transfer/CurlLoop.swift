// The event loop of all transfers: one thread, one epoll, libcurl's multi handle driven by curl_multi_socket_action.
//
// It lives on its thread: made there, used there, gone with it. What reaches it from outside comes through `Doorstep`.
// libcurl calls back in the middle of its own calls; those functions only note what it wants, and what follows from it
// is done after the call. With nothing under way the thread sleeps without a time-out.

internal import CCurl
internal import Linux

/// The loop.
final class CurlLoop {
    private let settings: TransferSettings
    private let doorstep: Doorstep
    private let epoll: Epoll
    private let timer: TimerFD
    private let lifeguard = Lifeguard()
    /// Connections that the lifeguard had shut by the last call.
    private var shut = 0
    private let multi: UnsafeMutableRawPointer
    /// TLS sessions that are taken up again, so that a connection of its own costs a POST little.
    private let share: UnsafeMutableRawPointer
    private var lanes: Lanes
    private var deadlines = Deadlines()
    private var queued: [TransferID: Doorstep.Ticket] = [:]
    private var passages: [TransferID: (passage: Passage, ticket: Doorstep.Ticket)] = [:]
    private var watched: [CInt: Readiness] = [:]
    /// When libcurl wants to be called; nil for not at all.
    private var curlMoment: Int64?
    private var armed: Int64?
    private var figures = TransferReport()

    init(_ settings: TransferSettings, _ doorstep: Doorstep, _ epoll: Epoll, _ timer: TimerFD) {
        (self.settings, self.doorstep, self.epoll, self.timer) = (settings, doorstep, epoll, timer)
        guard let multi = curl_multi_init(), let share = curl_share_init() else {
            preconditionFailure("libcurl has no memory for its loop")
        }
        (self.multi, self.share) = (multi, share)
        lanes = Lanes(
            total: settings.maximumInFlight, perOrigin: settings.maximumPerOrigin,
            connecting: settings.maximumConnecting)
        precondition(vz_share_tls_sessions(share) == CURLSHE_OK, "libcurl does not share TLS sessions")
        configure()
    }

    private func configure() {
        let me = Unmanaged.passUnretained(self).toOpaque()
        vz_multi_set_pointer(multi, CURLMOPT_SOCKETDATA, me)
        vz_multi_set_pointer(multi, CURLMOPT_TIMERDATA, me)
        vz_multi_set_socket_function(multi) { _, socket, wish, me, _ in
            CurlLoop.at(me).watch(socket, wish)
            return 0
        }
        vz_multi_set_timer_function(multi) { _, milliseconds, me in
            CurlLoop.at(me).curlMoment =
                milliseconds < 0 ? nil : MonotonicClock.now() + Int64(milliseconds) * 1_000_000
            return 0
        }
        // The lanes let no more through than this; so libcurl's own queue stays empty, and idle connections are kept
        // for as many transfers as there can be. Behind a proxy all hosts are one to libcurl.
        let perHost = settings.proxy == nil ? 2 * settings.maximumPerOrigin : 0
        vz_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, perHost)
        vz_multi_set_long(multi, CURLMOPT_MAXCONNECTS, settings.maximumInFlight)
        vz_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
    }

    private static func at(_ pointer: UnsafeMutableRawPointer?) -> CurlLoop {
        Unmanaged<CurlLoop>.fromOpaque(pointer!).takeUnretainedValue()
    }

    // MARK: Turns

    /// Runs until the doorstep is closed; whatever is not finished by then is cancelled.
    func run() {
        watchOwn(doorstep.bell.raw)
        watchOwn(timer.raw)
        while true {
            let (messages, isClosed) = doorstep.take()
            for message in messages { obey(message) }
            if isClosed { return end() }
            settle()
            arm()
            publish()
            wait()
        }
    }

    private func watchOwn(_ number: CInt) {
        do throws(SystemFailure) { try epoll.add(number, .readable) } catch {
            preconditionFailure("the transfer loop cannot watch its own descriptors: \(error)")
        }
    }

    private func obey(_ message: Doorstep.Message) {
        switch message {
        case .start(let id, let ticket):
            queued[id] = ticket
            lanes.enter(id, origin: ticket.leg.destination.origin)
        case .cancel(let id): abandon(id, .cancelled)
        }
    }

    /// Does everything that can be done without waiting: starts whom the lanes let go, lets libcurl act on its timer,
    /// ends what has ended or is overdue, until nothing more follows.
    private func settle() {
        while true {
            runTimer()
            for id in deadlines.take(until: MonotonicClock.now()) { look(at: id) }
            let hasReaped = reap()
            // Each of these may have freed a place, and a start may do so again.
            if let id = lanes.next() { start(id) } else if !hasReaped { return }
        }
    }

    /// Sleeps until something happens, and passes on what happened to libcurl's sockets.
    private func wait() {
        let events: [EpollEvent]
        do throws(SystemFailure) { events = try epoll.events(waiting: true) } catch {
            preconditionFailure("the transfer loop cannot wait: \(error)")
        }
        figures.wakeUps += 1
        for event in events {
            if event.descriptor == doorstep.bell.raw {
                doorstep.bell.drain()
            } else if event.descriptor == timer.raw {
                timer.drain()
                armed = nil
            } else if watched[event.descriptor] != nil {
                act(event.descriptor, CurlLoop.mask(event.what))
            }
        }
    }

    private static func mask(_ what: Readiness) -> CInt {
        (what.contains(.readable) ? CURL_CSELECT_IN : 0) | (what.contains(.writable) ? CURL_CSELECT_OUT : 0)
            | (what.contains(.failed) ? CURL_CSELECT_ERR : 0)
    }

    private func runTimer() {
        guard let moment = curlMoment, moment <= MonotonicClock.now() else { return }
        curlMoment = nil
        act(CURL_SOCKET_TIMEOUT, 0)
    }

    private func act(_ socket: curl_socket_t, _ mask: CInt) {
        var running: CInt = 0
        let code = lifeguard.over { curl_multi_socket_action(multi, socket, mask, &running) }
        precondition(code == CURLM_OK, "libcurl's loop failed: \(code.rawValue)")
        let shut = lifeguard.shut
        if shut != self.shut {
            // What the call has ended had this reason, whatever limit of time has passed meanwhile.
            self.shut = shut
            _ = reap(after: .flooded)
        }
    }

    private func arm() {
        let moment = [curlMoment, deadlines.next()].compactMap { $0 }.min()
        guard moment != armed else { return }
        timer.set(moment)
        armed = moment
    }

    private func publish() {
        (figures.underWay, figures.waiting) = (lanes.underWay, lanes.waiting)
        doorstep.report = figures
    }

    // MARK: Transfers

    private func start(_ id: TransferID) {
        guard let ticket = queued.removeValue(forKey: id) else { preconditionFailure("nobody is waiting as \(id)") }
        let passage = Passage(
            id, ticket.leg, settings, sharing: share, under: lifeguard, at: MonotonicClock.now(),
            onConnected: { [unowned self] in lanes.connected(id) },
            onSocket: { [unowned self] in figures.connectionsOpened += 1 },
            onBegun: { [unowned self] moment in deadlines.set(id, moment) })
        if passages.isEmpty { lifeguard.set(isAtWork: true) }
        passages[id] = (passage, ticket)
        let code = curl_multi_add_handle(multi, passage.handle.raw)
        precondition(code == CURLM_OK, "libcurl's loop takes no handle: \(code.rawValue)")
        look(at: id)
    }

    /// Looks at a transfer's limits of time.
    private func look(at id: TransferID) {
        guard let passage = passages[id]?.passage else { return }
        switch passage.exchange.look(at: MonotonicClock.now()) {
        case .until(let moment): deadlines.set(id, moment)
        case .over(let reason): abandon(id, reason)
        }
    }

    /// Ends what libcurl has finished; `stop` is why, where it failed. Answers whether there was anything.
    private func reap(after stop: Stop? = nil) -> Bool {
        var found = false
        var left: CInt = 0
        while let message = curl_multi_info_read(multi, &left) {
            // Removing the handle frees the message.
            guard let raw = message.pointee.easy_handle else { continue }
            let code = vz_message_result(message)
            if let stop, code != CURLE_OK { Passage.of(raw).exchange.halt(stop) }
            finish(Passage.of(raw).id, code)
            found = true
        }
        return found
    }

    /// Ends a transfer wherever it is.
    private func abandon(_ id: TransferID, _ reason: Stop) {
        if let ticket = queued.removeValue(forKey: id) {
            lanes.leave(id)
            let host = ticket.leg.destination.host
            answer(ticket, LegOutcome.cancelledBeforeStart(host))
        } else if let passage = passages[id]?.passage {
            passage.exchange.halt(reason)
            finish(id, CURLE_ABORTED_BY_CALLBACK)
        }
    }

    private func finish(_ id: TransferID, _ code: CURLcode) {
        guard let (passage, ticket) = passages.removeValue(forKey: id) else {
            preconditionFailure("transfer \(id) has ended before")
        }
        curl_multi_remove_handle(multi, passage.handle.raw)
        if passages.isEmpty { lifeguard.set(isAtWork: false) }
        lanes.leave(id)
        deadlines.remove(id)
        answer(ticket, passage.outcome(code, at: MonotonicClock.now()))
    }

    private func answer(_ ticket: Doorstep.Ticket, _ outcome: LegOutcome) {
        figures.done += 1
        publish()
        ticket.waiter.resume(returning: outcome)
    }

    /// Cancels everybody, then closes the connections. libcurl calls back while it does, so this is no deinit.
    private func end() {
        for id in Array(queued.keys) + Array(passages.keys) { abandon(id, .cancelled) }
        curl_multi_cleanup(multi)
        lifeguard.close()
        curl_share_cleanup(share)
    }

    // MARK: libcurl's wishes

    /// libcurl wants a socket watched, otherwise than before, or no more.
    private func watch(_ socket: curl_socket_t, _ wish: CInt) {
        if wish == CURL_POLL_REMOVE {
            watched[socket] = nil
            epoll.remove(socket)
            return
        }
        var what: Readiness = []
        if wish != CURL_POLL_OUT { what.insert(.readable) }
        if wish != CURL_POLL_IN { what.insert(.writable) }
        do throws(SystemFailure) {
            if watched.updateValue(what, forKey: socket) == nil {
                try epoll.add(socket, what)
            } else {
                try epoll.modify(socket, what)
            }
        } catch {
            preconditionFailure("the transfer loop cannot watch a socket: \(error)")
        }
    }
}
