// One libcurl handle: made ready for one request, asked for what it knows at the end, freed once.
//
// Every option that bears on safety is set here, also where it is libcurl's default, so that no default of another
// version and no variable of the environment changes what vizd does. An option that libcurl does not know is a bug (the
// version is fixed by the package) and traps.

internal import CCurl
internal import Linux

/// libcurl for the whole process: started once, by whoever is first.
enum Curl {
    /// Whether it could be started; 0 is CURLE_OK.
    ///
    /// From then on the process ignores SIGPIPE, for good: OpenSSL writes to sockets whose other end may have gone, and
    /// what libcurl 7.88 does against it for a moment (`curl_multi_cleanup`) is undone by another thread's moment.
    static let started: Bool = {
        SignalFD.ignoreBrokenPipes()
        return vz_global_init() == CURLE_OK
    }()
}

/// An easy handle.
struct EasyHandle: ~Copyable {
    /// As libcurl names it.
    let raw: UnsafeMutableRawPointer

    /// Makes an empty one.
    init() {
        guard let raw = curl_easy_init() else { preconditionFailure("libcurl has no memory for a handle") }
        self.raw = raw
    }

    deinit { curl_easy_cleanup(raw) }

    func set(_ option: CURLoption, _ value: Int) { check(vz_set_long(raw, option, value), option) }
    func set(_ option: CURLoption, size: Int) { check(vz_set_size(raw, option, curl_off_t(size)), option) }
    func set(_ option: CURLoption, _ text: String) { check(vz_set_text(raw, option, text), option) }
    func set(_ option: CURLoption, _ pointer: UnsafeMutableRawPointer?) {
        check(vz_set_pointer(raw, option, pointer), option)
    }
    func set(_ option: CURLoption, _ list: borrowing TextList) { check(vz_set_list(raw, option, list.first), option) }
    func set(_ option: CURLoption, _ function: vz_bytes_function) {
        check(vz_set_bytes_function(raw, option, function), option)
    }

    private func check(_ code: CURLcode, _ option: CURLoption) {
        precondition(code == CURLE_OK, "libcurl refuses option \(option.rawValue): \(code.rawValue)")
    }

    /// A number that the handle knows; 0 where it does not.
    func number(_ info: CURLINFO) -> Int {
        var value = 0
        return vz_get_long(raw, info, &value) == CURLE_OK ? value : 0
    }

    /// Says where to, through what, and what must never happen.
    func configure(_ destination: Destination, _ limits: TransferLimits, _ settings: TransferSettings) {
        set(CURLOPT_URL, destination.url)
        set(CURLOPT_PROTOCOLS_STR, destination.isSecure ? "https" : "http")
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_PATH_AS_IS, 1)
        set(CURLOPT_NOSIGNAL, 1)
        // Without it libcurl waits on this thread for a name whose transfer was given up.
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
        set(CURLOPT_PROXY, settings.proxy ?? "")
        set(CURLOPT_NOPROXY, "")
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        set(CURLOPT_USERAGENT, settings.userAgent)
        set(CURLOPT_TCP_NODELAY, 1)
        set(CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(clamping: limits.connect / 1_000_000)))
        // Idle connections are looked at when the next transfer comes.
        set(CURLOPT_MAXAGE_CONN, settings.idleMax)
        configureSecurity(destination, settings)
    }

    private func configureSecurity(_ destination: Destination, _ settings: TransferSettings) {
        set(CURLOPT_HTTP_VERSION, destination.isSecure ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1)
        set(CURLOPT_HTTP09_ALLOWED, 0)
        set(CURLOPT_PIPEWAIT, 1)
        set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_PROXY_SSL_VERIFYPEER, 1)
        set(CURLOPT_PROXY_SSL_VERIFYHOST, 2)
        guard let file = settings.caFile else { return }
        set(CURLOPT_CAINFO, file)
        set(CURLOPT_PROXY_CAINFO, file)
    }

    private func set(_ option: CURLoption, _ value: some BinaryInteger) { set(option, Int(value)) }

    /// Says what to ask for. A POST goes out on a connection of its own: on one that has been idle the other side may
    /// just be hanging up, and nobody could tell whether it still took the order.
    func configure(_ method: TransferMethod, bodyLength: Int) {
        switch method {
        case .get: set(CURLOPT_HTTPGET, 1)
        case .head: set(CURLOPT_NOBODY, 1)
        case .put:
            set(CURLOPT_UPLOAD, 1)
            set(CURLOPT_INFILESIZE_LARGE, size: bodyLength)
        case .post, .delete:
            // A little less than what the allocator asks the kernel for, each time anew (`vz_thrifty_memory`).
            set(CURLOPT_UPLOAD_BUFFERSIZE, 60 << 10)
            if method == .delete { set(CURLOPT_CUSTOMREQUEST, method.rawValue) }
            guard method == .post || bodyLength > 0 else { return }
            set(CURLOPT_POST, 1)
            set(CURLOPT_POSTFIELDSIZE_LARGE, size: bodyLength)
            if bodyLength == 0 { set(CURLOPT_COPYPOSTFIELDS, "") }
            if method == .post { set(CURLOPT_FRESH_CONNECT, 1) }
        }
    }
}

/// libcurl's list of texts.
struct TextList: ~Copyable {
    private(set) var first: UnsafeMutablePointer<curl_slist>?

    /// Copies some texts.
    init(_ texts: [String]) {
        for text in texts {
            guard let longer = curl_slist_append(first, text) else {
                preconditionFailure("libcurl has no memory for a list")
            }
            first = longer
        }
    }

    deinit { curl_slist_free_all(first) }
}
