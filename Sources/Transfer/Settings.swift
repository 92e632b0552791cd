// What the transfers of a process have in common, and the figures that they leave.

/// What is the same for all transfers.
package struct TransferSettings: Sendable {
    /// `host:port` pairs, lower case, that may be spoken to without TLS and may lie in private networks
    /// (`http.allowInsecure`).
    package var allowInsecure: Set<String> = []
    /// `http://[login@]host:port` or `https://…`: everything goes through it (`http.proxy`). Nil: nothing does,
    /// whatever the environment says.
    package var proxy: String?
    /// A PEM file of the authorities that are trusted; nil for the system's.
    package var caFile: String?
    /// The `User-Agent` of every request.
    package var userAgent = "vizd"
    /// Transfers under way at once in the whole process.
    package var maximumInFlight = 256
    /// Transfers under way at once with one origin.
    package var maximumPerOrigin = 32
    /// Transfers at once that have no connection yet, one an origin: libcurl takes a thread for each name that it
    /// resolves, so this bounds its threads.
    package var maximumConnecting = 32
    /// Seconds for which an idle connection is used again. Servers and firewalls forget it some time after that.
    package var idleMax = 60
    /// Answers of the resolver known beforehand, `host:port:address` each as libcurl spells them; for tests.
    package var resolve: [String] = []

    package init() {}
}

/// Figures of the transfers of a process.
package struct TransferReport: Hashable, Sendable {
    /// Sockets that were opened so far.
    package var connectionsOpened = 0
    /// Transfers under way.
    package var underWay = 0
    /// Transfers that wait for a free place.
    package var waiting = 0
    /// Transfers that ended, well or not, so far.
    package var done = 0
    /// Times that the loop's thread woke up so far.
    package var wakeUps = 0

    package init() {}
}
