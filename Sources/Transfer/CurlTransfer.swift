// `Transferring` on libcurl: what the rest of vizd holds in its hands.
//
// A call goes over its `Route`, one request at a time; each waits in the loop's lanes for a place and is made by the
// loop's thread. A cancelled task leaves at once, wherever its request is. `close`, or letting go of the last
// reference, ends the thread: whatever waits or is under way fails with `cancelled`, and so does whatever comes later.

package import Linux

/// HTTP over one event loop on a thread of its own.
package final class CurlTransfer: Transferring {
    private let doorstep: Doorstep
    private let rules: RouteRules

    /// Starts the loop's thread.
    /// - Throws: what stood in the way of its descriptors: EMFILE, ENFILE, ENOMEM.
    package init(_ settings: TransferSettings) throws(SystemFailure) {
        precondition(Curl.started, "libcurl cannot be started")
        rules = RouteRules(allowInsecure: settings.allowInsecure, isProxied: settings.proxy != nil)
        doorstep = try Doorstep()
        let (epoll, timer) = (try Epoll(), try TimerFD())
        OwnedThread.spawn(name: "vizd-transfer") { [doorstep] in
            CurlLoop(settings, doorstep, epoll, timer).run()
        }
    }

    deinit { doorstep.close() }

    /// Ends everything. Does not wait for the thread; every transfer fails soon with `cancelled`.
    package func close() { doorstep.close() }

    /// Figures of now.
    package var report: TransferReport { doorstep.report }

    /// Makes one transfer. See `Transferring`.
    package func transfer(_ request: TransferRequest) async throws(TransferFailure) -> TransferAnswer {
        precondition(
            request.body.count == 0 || (request.method != .get && request.method != .head),
            "\(request.method.rawValue) takes no body")
        var route = try Route(request, rules)
        while true {
            let outcome = await perform(route.leg)
            switch try route.answered(try outcome.result.get(), after: outcome.elapsed) {
            case .arrived(let answer): return answer
            case .onward: continue
            }
        }
    }

    private func perform(_ leg: Leg) async -> LegOutcome {
        let id = doorstep.newID()
        let gone = LegOutcome.cancelledBeforeStart(leg.destination.host)
        if Task.isCancelled { return gone }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                guard doorstep.post(.start(id, Doorstep.Ticket(leg: leg, waiter: waiter))) else {
                    return waiter.resume(returning: gone)
                }
                // The task may have been cancelled before the request was handed in: then `onCancel` came too early.
                if Task.isCancelled { _ = doorstep.post(.cancel(id)) }
            }
        } onCancel: {
            _ = doorstep.post(.cancel(id))
        }
    }
}
