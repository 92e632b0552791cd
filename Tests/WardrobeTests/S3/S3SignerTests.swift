// The signer against botocore: the same requests, signed by both, every one of them the same to the last digit. And the
// addresses under which keys are asked for against those of boto3.

import Contract
import Digest
import Foundation
import TestSupport
import Testing
import Transfer

@testable import Wardrobe

/// Keys that have gone wrong somewhere.
let awkwardKeys = [
    "plain.jpg", "a/b/c.jpg", "with space.jpg", "two  spaces.jpg", " leading", "trailing ", "plus+plus",
    "equals=equals",
    "100%", "%41 is no A", "%2F", "a//b", "/leading", "a&b?c#d", "colon:semi;comma,", "at@home$!",
    "(round)[square]{curly}",
    "quote'and\"quote", "back\\slash", "pipe|caret^tick`", "<tag>", "*star*", "~tilde~", "under_score-dash.dot",
    "Kleid/größe.jpg", "cafe\u{301}.jpg", "caf\u{E9}.jpg", "衣装/赤い帽子.png", "👗/🧦.webp", "tab\tinside", "line\nbreak",
    "dots...and..more", "user name/items/visualizations/o 17.jpg", String(repeating: "k", count: 1024),
]

@Suite("signing for an object store")
struct S3SignerTests {
    private struct Case: Encodable {
        let moment, access, secret, region, method, url, payload: String
        let token: String?
        let headers: [[String]]
    }

    /// A request in both spellings: ours, and the referee's.
    private func pair(
        _ method: TransferMethod, host: String = "closet.s3.eu-central-1.amazonaws.com", key: String,
        query: [(String, String)] = [], headers: [(String, String)] = [], body: String = "", number: Int
    ) -> (S3Signable, Case, S3Signer, Timestamp) {
        let payload = SHA256.of(Array(body.utf8)).hex
        var signable = S3Signable(
            method: method, host: host, path: "/" + S3Escaping.path(key),
            headers: headers.map { TransferHeader($0.0, $0.1) }, payload: payload)
        signable.query = query.map { ($0.0, $0.1) }
        let region = ["eu-central-1", "us-east-1", "auto"][number % 3]
        let token = number % 2 == 0 ? nil : "session/+token=\(number)"
        let signer = S3Signer(
            credentials: S3Credentials(
                accessKeyID: "AKID\(number)", secretAccessKey: "s/e+cret=\(number)", sessionToken: token),
            region: region)
        // A second that changes, in days and years that do.
        let time = Timestamp(nanoseconds: 1_772_236_799_000_000_000 + Int64(number) * 86_399_000_000_000)
        let query = signable.sortedQuery
        let url = "https://\(host)\(signable.path)" + (query.isEmpty ? "" : "?" + query)
        let asked = Case(
            moment: S3Signer.moment(time), access: "AKID\(number)", secret: "s/e+cret=\(number)", region: region,
            method: method.rawValue, url: url, payload: payload, token: token, headers: headers.map { [$0.0, $0.1] })
        return (signable, asked, signer, time)
    }

    private var cases: [(S3Signable, Case, S3Signer, Timestamp)] {
        var all: [(S3Signable, Case, S3Signer, Timestamp)] = []
        for key in awkwardKeys {
            all.append(pair(.get, key: key, number: all.count))
            all.append(
                pair(
                    .put, host: "127.0.0.1:9000", key: "closet/" + key,
                    headers: [("Content-Type", "image/jpeg"), ("If-Match", "\"abc\"")], body: key, number: all.count))
        }
        let queries: [[(String, String)]] = [
            [("list-type", "2")], [("prefix", "user name/"), ("list-type", "2")], [("b", "2"), ("a", "1"), ("B", "3")],
            [("delete", "")], [("a", "2"), ("a", "1")], [("x", "a+b=c&d"), ("y", "%41")], [("ä", "ö")],
            [("a-", "1"), ("a", "2")],
        ]
        for query in queries { all.append(pair(.get, key: "", query: query, number: all.count)) }
        let headers: [[(String, String)]] = [
            [("If-None-Match", "*")], [("X-Amz-Meta-Owner", "  the   app  ")], [("Cache-Control", "no-cache")],
            [("x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")], [("Range", "bytes=0-9")],
            [("x-amz-meta-b", "2"), ("x-amz-meta-a", "1"), ("Content-Type", "application/json; charset=utf-8")],
            [("x-amz-meta-empty", "")],
            [("X-AMZ-Storage-Class", "STANDARD"), ("content-disposition", "inline; a=\"b\"")],
        ]
        for lines in headers { all.append(pair(.put, key: "k", headers: lines, body: "b", number: all.count)) }
        for method in [TransferMethod.head, .delete, .post] {
            all.append(pair(method, key: "k/l m", number: all.count))
        }
        return all
    }

    @Test("every signature is botocore's: awkward keys, queries, headers, tokens, regions, days")
    func table() async throws {
        let cases = cases
        try #require(cases.count >= 80)
        let asked = try JSONEncoder().encode(cases.map(\.1))
        let verdict = try await S3Referee.ask(["signatures"], input: Array(asked))
        try #require(verdict.isGood, "\(verdict.errors)")
        let expected = try JSONDecoder().decode([String].self, from: Data(verdict.output))
        try #require(expected.count == cases.count)
        for ((signable, asked, signer, time), authorization) in zip(cases, expected) {
            #expect(signer.sign(signable, at: time).authorization == authorization, "\(asked.method) \(asked.url)")
        }
    }

    @Test("keys are asked for under boto3's addresses")
    func addresses() async throws {
        let verdict = try await S3Referee.ask(
            ["addresses"], input: Array(try JSONEncoder().encode(awkwardKeys)))
        try #require(verdict.isGood, "\(verdict.errors)")
        let expected = try JSONDecoder().decode([String].self, from: Data(verdict.output))
        let bucket = try #require(
            S3Bucket(name: "closet", region: "us-east-1", endpoint: "http://127.0.0.1:9", pathStyle: true))
        for (key, path) in zip(awkwardKeys, expected) {
            #expect(bucket.path(try #require(S3Key(key))) == path)
            #expect(S3Escaping.unescaped(S3Escaping.path(key)).map { Array($0.utf8) } == Array(key.utf8))
        }
    }

    @Test("keys show in nothing that prints them")
    func secrecy() {
        let credentials = S3Credentials(accessKeyID: "AKIDSHOWN", secretAccessKey: "hidden", sessionToken: "token")
        var dumped = ""
        dump((credentials, S3Signer(credentials: credentials, region: "r")), to: &dumped)
        let shown = dumped + "\(credentials)" + String(reflecting: credentials)
        #expect(!["AKIDSHOWN", "hidden", "token"].contains { shown.contains($0) })
    }
}
