// Secrets in sentences: gone, and the sentence still a sentence.

import Contract
import Testing

@Suite("redaction")
struct RedactionTests {
    private static let cases: [(String, String)] = [
        ("nothing to hide: 3 garments, ratio 3:4", "nothing to hide: 3 garments, ratio 3:4"),
        (
            "GET https://x.cloudfront.net/gen4/8f/a_1.png?_jwt=eyJhbGciOi.eyJzdWI.sig failed",
            "GET https://x.cloudfront.net/gen4/8f/a_1.png?[removed] failed"
        ),
        (
            "PUT \"https://b.s3.eu-west-1.amazonaws.com/k.jpg?X-Amz-Signature=ab12&X-Amz-Credential=AK\": 403",
            "PUT \"https://b.s3.eu-west-1.amazonaws.com/k.jpg?[removed]\": 403"
        ),
        ("proxy http://user:pa55@proxy.local:3128/x is down", "proxy http://[removed]@proxy.local:3128/x is down"),
        ("see HTTPS://Example.com/a#access_token=1", "see HTTPS://Example.com/a#[removed]"),
        ("path out.png?_jwt=abc.def&x=1", "path out.png?_jwt=[removed]&x=1"),
        ("sent data:image/png;base64,iVBORw0KGgo/+A== as uri", "sent data:[removed] as uri"),
        ("{\"uri\":\"DATA:image/jpeg;base64,/9j/4AAQ\"}", "{\"uri\":\"DATA:[removed]\"}"),
        ("data: none, data:text", "data: none, data:text"),
        ("Authorization: Bearer abc", "Authorization: Bearer [removed]"),
        ("bearer authentication failed", "bearer authentication failed"),
        ("Authorization: Basic QUxBRERJTjpPUEVOU0VTQU1F!", "Authorization: Basic [removed]"),
        ("basic configuration of the spool", "basic configuration of the spool"),
        ("key_0123456789abcdef was refused", "[removed] was refused"),
        (
            "Incorrect API key provided: sk-proj-Ab12**********wxyz.",
            "Incorrect API key provided: [removed]**********wxyz."
        ),
        (
            "the key_ prefix, a monkey_business_case, risk-averse-people",
            "the key_ prefix, a monkey_business_case, risk-averse-people"
        ),
        ("x-key: 6f1c2d3e-0000-4000-8000-000000000000 refused", "x-key: [removed] refused"),
        ("{\"api_key\":\"abc\",\"n\":1}", "{\"api_key\":\"[removed]\",\"n\":1}"),
        ("aws_secret_access_key=abc/def+g", "aws_secret_access_key=[removed]"),
        ("content policy: nudity; signature: missing", "content policy: nudity; signature: missing"),
        ("AKIAIOSFODNN7EXAMPLE is not allowed", "[removed] is not allowed"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc ends", "jwt [removed] ends"),
        ("", ""), ("é😀 key_é", "é😀 key_é"),
        ("https://", "https://"), ("token=", "token="), ("Bearer ", "Bearer "),
    ]

    @Test("keys, signatures and pictures are removed, and all else stays")
    func removes() {
        for (text, expected) in Self.cases { #expect(redacted(text) == expected) }
    }

    @Test("doing it twice changes nothing more")
    func isIdempotent() {
        for (text, _) in Self.cases { #expect(redacted(redacted(text)) == redacted(text)) }
    }

    @Test("a long text is gone through once")
    func isLinear() {
        let megabyte = String(repeating: "key_", count: 250_000)
        #expect(redacted(megabyte).utf8.count < 100)
        let picture = "data:image/png;base64," + String(repeating: "A", count: 1_000_000)
        #expect(redacted(picture) == "data:[removed]")
        let many = String(repeating: "data: https:// bearer ", count: 20_000)
        #expect(redacted(many).utf8.count > 100_000)
        let prefixes = String(repeating: "data:token=", count: 10_000)
        #expect(redacted(prefixes).utf8.count < 100)
        let nested = String(repeating: "data:", count: 10_000)
        #expect(redacted(nested) == nested)
    }
}
