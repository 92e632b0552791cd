// The bookkeeping of one request and its answer while libcurl works on it: how much may have been sent, how much came,
// which limit was reached first. libcurl's callbacks report here and do what they are told.
//
// A value without clock, descriptors or libcurl. `sent` decides about money, and rests on two facts of libcurl's: it
// asks (`begins`) right before the first byte of a request goes out, on whatever connection; and it can send no byte of
// the body that it has not fetched (`fetched`). Sizes that libcurl counts as sent are of no use: after a failure they
// leave out what had reached the socket already.

internal import Linux

/// Why a transfer was broken off by us.
enum Stop: Hashable, Sendable {
    /// Every address of the host is a private one.
    case refusedAddress
    /// libcurl wanted to send a request again whose first sending may have had an effect.
    case resent
    case headersTooLarge
    case tooLarge
    /// Enough of the body of an answer that is no success.
    case truncated
    case malformed
    /// The answer could not be written to its file.
    case sink(SystemFailure)
    /// The body could not be read from its file; nil when the file is shorter than it should be.
    case source(SystemFailure?)
    case unconnected
    case timedOut
    case stalled
    /// The server sent without end what is no answer, and its connection was shut.
    case flooded
    case cancelled
}

/// The status and the headers of an answer.
struct AnswerHead: Sendable {
    var status: Int
    var headers: [TransferHeader] = []

    /// Whether it comes before the answer proper.
    var isInterim: Bool { (100..<200).contains(status) }
    var isSuccess: Bool { (200..<300).contains(status) }

    /// The length that the answer declares.
    var contentLength: Int? {
        headers.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) }
    }
}

/// One request and its answer.
struct Exchange {
    /// Where the exchange is. Once the request has begun there is no way back.
    private enum State {
        case connecting
        /// The request is on its way; nothing has come back.
        case sending
        /// The head of the answer is coming.
        case heading(AnswerHead)
        /// The head is whole; that many bytes of the body came.
        case receiving(AnswerHead, Int)
    }

    /// What to do with bytes of a body.
    enum Intake: Hashable {
        case remember(Int)
        /// Write them to the file at this position.
        case write(at: Int)
        case stop
    }

    /// What a look at the clock tells.
    enum Patience: Hashable {
        case until(Int64)
        case over(Stop)
    }

    /// The most that is kept of the body of an answer that is no success; more is cut off, which is no failure.
    static let errorBodyLimit = 65_536

    private let method: TransferMethod
    private let limits: TransferLimits
    private let bodyLength: Int
    private let writesFile: Bool
    private let started: Int64
    private var state = State.connecting
    private var lastByte: Int64
    private var headerBytes = 0
    private var fetchedBytes = 0
    /// Why it was broken off; the first reason counts.
    private(set) var stop: Stop?

    /// - Parameters:
    ///   - bodyLength: bytes of the request's body.
    ///   - writesFile: whether the body of a success goes to a file.
    ///   - now: monotonic nanoseconds, here and in all that follows.
    init(method: TransferMethod, limits: TransferLimits, bodyLength: Int, writesFile: Bool, at now: Int64) {
        (self.method, self.limits, self.bodyLength, self.writesFile) = (method, limits, bodyLength, writesFile)
        (started, lastByte) = (now, now)
    }

    /// How much of the request may have been received.
    var sent: TransferSent {
        if case .connecting = state { return .nothing }
        return fetchedBytes < bodyLength ? .part : .whole
    }

    /// Whether any byte of the request may have gone out.
    var hasBegun: Bool { if case .connecting = state { false } else { true } }

    /// The head of the answer, as far as it came.
    var head: AnswerHead? {
        switch state {
        case .connecting, .sending: nil
        case .heading(let head), .receiving(let head, _): head
        }
    }

    /// Bytes of the answer's body that came.
    var received: Int { if case .receiving(_, let count) = state { count } else { 0 } }

    /// Whether the head of the answer proper came whole.
    var isAnswering: Bool { if case .receiving = state { true } else { false } }

    /// Breaks the exchange off.
    mutating func halt(_ reason: Stop) { stop = stop ?? reason }

    /// The first byte of the request is about to go out. libcurl comes here again when it tries the request on another
    /// connection because the first one died: only what asks and changes nothing may be sent a second time.
    /// - Returns: whether it may.
    mutating func begins(at now: Int64) -> Bool {
        if stop != nil { return false }
        lastByte = now
        guard hasBegun else {
            state = .sending
            return true
        }
        guard case .sending = state, bodyLength == 0, method == .get || method == .head else {
            halt(.resent)
            return false
        }
        return true
    }

    /// libcurl takes up to `room` bytes of the body.
    /// - Returns: where they begin and how many there are; none at the end.
    mutating func fetch(_ room: Int, at now: Int64) -> Range<Int> {
        let start = fetchedBytes
        fetchedBytes = min(bodyLength, start + room)
        lastByte = now
        return start..<fetchedBytes
    }

    /// Fewer bytes could be fetched than were promised by `fetch`.
    mutating func fetched(upTo end: Int) { fetchedBytes = end }

    /// Bytes went out or came in.
    mutating func moved(at now: Int64) { lastByte = now }

    /// One line of a head, or of the trailer after a body, with its line end.
    /// - Returns: whether to go on.
    mutating func line(_ bytes: [UInt8], at now: Int64) -> Bool {
        if stop != nil { return false }
        lastByte = now
        headerBytes += bytes.count
        if headerBytes > limits.headerBytes {
            halt(.headersTooLarge)
            return false
        }
        if isAnswering { return true }
        let text = HeaderText.withoutLineEnd(bytes)
        if text.hasPrefix("HTTP/") { return begin(text) }
        guard case .heading(var head) = state else { return true }
        if text.isEmpty { return finish(head) }
        HeaderText.add(text, to: &head.headers)
        state = .heading(head)
        return true
    }

    private mutating func begin(_ statusLine: String) -> Bool {
        let words = statusLine.split(separator: " ", maxSplits: 2)
        guard words.count > 1, let status = Int(words[1]), (100..<1000).contains(status) else {
            halt(.malformed)
            return false
        }
        state = .heading(AnswerHead(status: status))
        return true
    }

    private mutating func finish(_ head: AnswerHead) -> Bool {
        if head.isInterim {
            state = .sending
            return true
        }
        state = .receiving(head, 0)
        if head.isSuccess, method != .head, let length = head.contentLength, length > limits.bytes {
            halt(.tooLarge)
            return false
        }
        return true
    }

    /// Bytes of the body came.
    mutating func body(_ count: Int, at now: Int64) -> Intake {
        guard stop == nil, case .receiving(let head, let before) = state else { return .stop }
        lastByte = now
        if head.isSuccess {
            guard before + count <= limits.bytes else {
                halt(.tooLarge)
                return .stop
            }
            state = .receiving(head, before + count)
            return writesFile ? .write(at: before) : .remember(count)
        }
        let kept = min(count, min(limits.bytes, Exchange.errorBodyLimit) - before)
        state = .receiving(head, before + kept)
        if kept < count { halt(.truncated) }
        return .remember(kept)
    }

    /// Looks at the limits of time.
    func look(at now: Int64) -> Patience {
        let end = Exchange.moment(started, limits.total)
        if now >= end { return .over(.timedOut) }
        let other = hasBegun ? Exchange.moment(lastByte, limits.stall) : Exchange.moment(started, limits.connect)
        if now >= other { return .over(hasBegun ? .stalled : .unconnected) }
        return .until(min(end, other))
    }

    private static func moment(_ start: Int64, _ length: Int64) -> Int64 {
        let (sum, isOver) = start.addingReportingOverflow(length)
        return isOver ? .max : sum
    }

    /// Nanoseconds since the start.
    func elapsed(at now: Int64) -> Int64 { now - started }
}

/// Reading header lines.
private enum HeaderText {
    /// A line as text, without CR LF or LF at its end.
    static func withoutLineEnd(_ bytes: [UInt8]) -> String {
        let end = bytes.lastIndex { $0 != 0x0D && $0 != 0x0A }
        return String(decoding: bytes.prefix(end.map { $0 + 1 } ?? 0), as: UTF8.self)
    }

    /// Takes one line; one that begins with a blank goes on with the value before (RFC 9112, 5.2).
    static func add(_ text: String, to headers: inout [TransferHeader]) {
        if let first = text.first, first == " " || first == "\t", let last = headers.popLast() {
            headers.append(TransferHeader(last.name, "\(last.value) \(trimmed(text[...]))"))
            return
        }
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex else { return }
        let value = trimmed(text[text.index(after: colon)...])
        headers.append(TransferHeader(trimmed(text[..<colon]), value))
    }

    private static func trimmed(_ text: Substring) -> String {
        let front = text.drop { $0 == " " || $0 == "\t" }
        let end = front.lastIndex { $0 != " " && $0 != "\t" }
        return end.map { String(front[...$0]) } ?? ""
    }
}
