// How a transfer ended, in the words of `TransferFailure`: from libcurl's number, what the exchange had come to, and
// what the kernel and the certificate had to say.
//
// Messages name the host and what happened. libcurl's own texts are not passed on: some hold the whole address.

internal import CCurl
internal import Linux

/// What libcurl's result means, as far as it makes a difference here.
enum Trouble: Hashable, Sendable {
    case none
    case name
    case proxyName
    case unconnected
    case proxy
    case tls
    case certificate
    case timeLimit
    case short
    case malformed
    case lineTooLong
    /// Whatever else can go wrong with a connection.
    case broken

    /// Reads a result.
    init(_ code: CURLcode) {
        switch code {
        case CURLE_OK: self = .none
        case CURLE_COULDNT_RESOLVE_HOST: self = .name
        case CURLE_COULDNT_RESOLVE_PROXY: self = .proxyName
        case CURLE_COULDNT_CONNECT: self = .unconnected
        case CURLE_PROXY: self = .proxy
        case CURLE_PEER_FAILED_VERIFICATION: self = .certificate
        case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CIPHER, CURLE_SSL_ENGINE_NOTFOUND,
            CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_ENGINE_INITFAILED, CURLE_USE_SSL_FAILED, CURLE_SSL_ISSUER_ERROR,
            CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_CRL_BADFILE, CURLE_SSL_CLIENTCERT,
            CURLE_SSL_CERTPROBLEM:
            self = .tls
        case CURLE_OPERATION_TIMEDOUT: self = .timeLimit
        case CURLE_PARTIAL_FILE: self = .short
        // Version 0.9 of HTTP, which is any bytes at all, is an unsupported protocol to libcurl.
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING: self = .malformed
        // A line of more than 100 KiB is what libcurl calls out of memory.
        case CURLE_OUT_OF_MEMORY: self = .lineTooLong
        default: self = .broken
        }
    }
}

/// What is known at the end besides the exchange.
struct Ending: Sendable {
    let trouble: Trouble
    let destination: Destination
    let limits: TransferLimits
    let isProxied: Bool
    /// The kernel's reason for a connection that failed; nil where it gave none.
    var reason: Errno?
    /// OpenSSL's verdict on the certificate (X509_V_ERR_…); 0 where it has none.
    var certificate = 0

    private var host: String { destination.host }

    /// The answer, or why there is none.
    func outcome(of exchange: Exchange, body: [UInt8]) -> Result<TransferAnswer, TransferFailure> {
        if let stop = exchange.stop, stop != .truncated { return .failure(failure(of: exchange, stop)) }
        guard exchange.stop == .truncated || trouble == .none, exchange.isAnswering, let head = exchange.head else {
            return .failure(failure(of: exchange))
        }
        if head.status == 407, isProxied {
            return .failure(TransferFailure(.proxy, sent: exchange.sent, "the proxy wants a login", status: 407))
        }
        return .success(
            TransferAnswer(status: head.status, headers: head.headers, body: body, bytes: exchange.received))
    }

    /// Broken off by us.
    private func failure(of exchange: Exchange, _ stop: Stop) -> TransferFailure {
        let (code, text): (TransferFailure.Code, String) =
            switch stop {
            case .refusedAddress: (.refusedAddress, "\(host) leads into a private network")
            case .resent: (.broken, "the connection to \(host) broke before an answer came")
            case .headersTooLarge: (.headersTooLarge, headersText)
            case .tooLarge: (.tooLarge, "the answer of \(host) is larger than \(limits.bytes) bytes")
            case .truncated, .malformed: (.malformed, "what \(host) answers is no HTTP")
            case .sink(let system): (.sink, "the answer of \(host) could not be written: \(system)")
            case .source(let system):
                (.broken, "the body for \(host) could not be read: \(system?.description ?? "its file is too short")")
            case .unconnected: (.unconnected, "no connection to \(host) within \(Ending.seconds(limits.connect))")
            case .timedOut: (.timedOut, "\(host) did not answer in full within \(Ending.seconds(limits.total))")
            case .stalled: (.stalled, "nothing came from \(host) for \(Ending.seconds(limits.stall))")
            case .flooded: (.broken, "\(host) sent more than \(Lifeguard.limit >> 20) MiB that are no answer")
            case .cancelled: (.cancelled, "the transfer with \(host) was cancelled")
            }
        let system: SystemFailure? =
            switch stop {
            case .sink(let system): system
            case .source(let system): system
            default: nil
            }
        return TransferFailure(code, sent: exchange.sent, text, system: system, status: exchange.head?.status)
    }

    /// Ended by libcurl.
    private func failure(of exchange: Exchange) -> TransferFailure {
        let (code, text) = exchange.hasBegun ? begunText(exchange) : unbegunText
        return TransferFailure(code, sent: exchange.sent, text, status: exchange.head?.status)
    }

    private var headersText: String { "the headers of \(host) are larger than \(limits.headerBytes) bytes" }

    private func begunText(_ exchange: Exchange) -> (TransferFailure.Code, String) {
        switch trouble {
        case .malformed: return (.malformed, "what \(host) answers is no HTTP")
        case .lineTooLong where !exchange.isAnswering: return (.headersTooLarge, headersText)
        case .timeLimit: return (.timedOut, "\(host) did not answer in time")
        default: break
        }
        if exchange.isAnswering {
            return (.cutShort, "\(host) broke off its answer after \(exchange.received) bytes")
        }
        return (.broken, "the connection to \(host) broke before an answer came")
    }

    private var unbegunText: (TransferFailure.Code, String) {
        let why = reason.map { ": \($0.text)" } ?? ""
        switch trouble {
        case .name: return (.unresolved, "the name \(host) does not resolve")
        case .proxyName: return (.proxy, "the proxy's name does not resolve")
        case .certificate: return (.tls, "the certificate of \(host) \(certificateText)")
        case .tls: return (.tls, "no TLS connection to \(host) could be made")
        case .timeLimit: return (.unconnected, "no connection to \(host) within \(Ending.seconds(limits.connect))")
        case .unconnected where !isProxied: return (.unconnected, "no connection to \(host)\(why)")
        case .unconnected: return (.proxy, "no connection to the proxy\(why)")
        case .proxy: return (.proxy, "the proxy did not connect to \(host)")
        default:
            if isProxied { return (.proxy, "the proxy did not connect to \(host)") }
            return (.broken, "the connection to \(host) broke before the request was sent\(why)")
        }
    }

    /// The numbers are those of OpenSSL's x509_vfy.h. A wrong host is found by libcurl itself, which leaves the
    /// verdict at "unspecified".
    private var certificateText: String {
        switch certificate {
        case 0, 1, 62, 64: "is for another host"
        case 9: "is not valid yet"
        case 10: "has expired"
        case 18: "is signed by nobody but itself"
        case 2, 19, 20, 21: "comes from an authority that is not trusted"
        case 23: "was revoked"
        default: "is not accepted (OpenSSL's reason \(certificate))"
        }
    }

    private static func seconds(_ nanoseconds: Int64) -> String {
        let tenths = max(1, nanoseconds / 100_000_000)
        return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
    }
}
