// Addresses, and what an object store answers.

import Contract

@testable import Transfer
@testable import Wardrobe

extension FuzzTarget {
    /// Addresses: one reading, and one that stays the same; where a redirect leads.
    static let destinations = FuzzTarget(
        "destinations", executions: 40_000,
        seeds: [
            "https://a.test/b?c=d#e", "http://127.0.0.1:8080/", "https://[::1]:443/x", "https://0x7f.1/",
            "HTTP://A.test",
            "https://a.test./../b/./c?x", "https://[::ffff:10.0.0.1]/", "//b.test/x", "../x?y", "?q",
        ],
        words: [
            "https://", "http://", "//", "..", "/", "?", "#", "@", ":", "[", "]", "::", "0x", "%2e", "localhost",
            "65536",
        ]
    ) { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        if let address = IPAddress(text) {
            try hold(IPAddress(address.description) == address, "\(address) reads back as another")
        }
        if let base = Destination("https://base.test/a/b?c"), let next = base.resolving(text) { try isPlain(next) }
        guard let place = Destination(text) else { return }
        try isPlain(place)
        try hold(place.resolving(place.url) == place, "\(place.url) leads elsewhere")
    }

    private static func isPlain(_ place: Destination) throws {
        try hold(Destination(place.url) == place, "\(place.url) reads back as another")
        try hold((1...65_535).contains(place.port), "port \(place.port)")
        try hold(place.target.hasPrefix("/"), "the target \(place.target)")
        try hold(!place.host.isEmpty && !place.host.contains { "/@?# %\\".contains($0) }, "the host \(place.host)")
        if let literal = place.literal { try hold(place.isPrivateByName == !literal.isPublic, "who is \(place.host)?") }
    }

    /// What a store answers: listings and refusals; the first line is the `Date` header.
    static let storeAnswers = FuzzTarget(
        "store-answers", executions: 20_000,
        seeds: [
            "x\n<ListBucketResult><Key>a/b&amp;c.jpg</Key><IsTruncated>true</IsTruncated>"
                + "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>",
            "Thu, 26 Nov 2026 23:07:49 GMT\n<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>",
            "\n<Error><Code>Unheard</Code><Message>words</Message><Region>eu-west-1</Region></Error>",
        ],
        words: [
            "<Key>", "</Key>", "&#x41;", "&#xD800;", "&#99999999999;", "&amp;", "<Code>", "</Code>", "<Region>",
            "</Region>",
            "<ListBucketResult", "</ListBucketResult>", "RequestTimeTooSkewed", "<Message>", "</Message>",
            "AccessDenied",
            "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "<IsTruncated>true</IsTruncated>",
        ]
    ) { bytes in
        let line = Array(bytes.prefix { $0 != 0x0A })
        let body = Array(bytes.dropFirst(line.count + 1))
        if let page = S3Page(String(decoding: body, as: UTF8.self)) {
            for key in page.keys { try hold(S3Key(key.text) == key, "a key that is none: \(key)") }
        }
        let date = TransferHeader("Date", String(decoding: line, as: UTF8.self))
        for status in [301, 400, 403, 404, 412, 501, 503] {
            let answer = TransferAnswer(status: status, headers: [date], body: body)
            let failure = S3Failure(answer, "s3://b/k", now: Timestamp(nanoseconds: 1_795_478_400_000_000_000))
            try isFitToPrint(failure.message)
        }
        let text = String(decoding: body.prefix(200), as: UTF8.self)
        try hold(S3Escaping.unescaped(S3Escaping.part(text)) == text, "escaped, it is another text")
        if let bucket = S3Bucket(name: "b-1", region: "r", endpoint: nil, pathStyle: false), let key = S3Key(text) {
            try hold(
                bucket.key(at: bucket.publicURL(key)).map { $0 == key } ?? true,
                "another key at \(bucket.publicURL(key))")
        }
    }
}
