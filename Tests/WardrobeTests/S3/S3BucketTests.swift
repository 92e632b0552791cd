// Where objects are: addresses for requests and for results, and the way back from an address to a key.

import Testing

@testable import Wardrobe

@Suite("the addresses of a bucket")
struct S3BucketTests {
    private func bucket(
        _ name: String = "closet", region: String = "eu-west-3", endpoint: String? = nil, pathStyle: Bool = false,
        publicBase: String? = nil
    ) -> S3Bucket? {
        S3Bucket(name: name, region: region, endpoint: endpoint, pathStyle: pathStyle, publicBaseURL: publicBase)
    }

    private let key = S3Key("p/items/visualizations/o 1+2.jpg")!

    @Test("Amazon's buckets are addressed by host, by path where asked or where the name has a dot")
    func amazon() throws {
        let plain = try #require(bucket())
        #expect(plain.host == "closet.s3.eu-west-3.amazonaws.com" && plain.origin == "https://" + plain.host)
        #expect(plain.path(key) == "/p/items/visualizations/o%201%2B2.jpg")
        #expect(
            plain.publicURL(key)
                == "https://closet.s3.eu-west-3.amazonaws.com/p/items/visualizations/o%201%2B2.jpg")
        #expect(plain.uri(key) == "s3://closet/p/items/visualizations/o 1+2.jpg")
        for other in [bucket(pathStyle: true), bucket("my.closet")] {
            let other = try #require(other)
            #expect(other.host == "s3.eu-west-3.amazonaws.com")
            #expect(other.path(key) == "/\(other.name)/p/items/visualizations/o%201%2B2.jpg")
        }
        #expect(bucket(region: "cn-north-1")?.host == "closet.s3.cn-north-1.amazonaws.com.cn")
    }

    @Test("other services are addressed as the settings say, with their port and their own path")
    func others() throws {
        #expect(bucket(endpoint: "http://127.0.0.1:9000", pathStyle: true)?.host == "127.0.0.1:9000")
        #expect(bucket(endpoint: "http://127.0.0.1:9000", pathStyle: true)?.path(key).hasPrefix("/closet/p/") == true)
        #expect(bucket(endpoint: "https://r2.example.org")?.host == "closet.r2.example.org")
        #expect(bucket(endpoint: "https://r2.example.org:443/")?.host == "closet.r2.example.org")
        let deep = try #require(bucket(endpoint: "https://example.org/storage/s3/", pathStyle: true))
        #expect(deep.path(S3Key("k")!) == "/storage/s3/closet/k")
        #expect(deep.publicURL(S3Key("k")!) == "https://example.org/storage/s3/closet/k")
    }

    @Test("results name the public base where there is one")
    func publicBase() {
        for base in ["https://cdn.example.org/img", "https://cdn.example.org/img/"] {
            #expect(bucket(publicBase: base)?.publicURL(S3Key("a b")!) == "https://cdn.example.org/img/a%20b")
        }
    }

    @Test("every address of the bucket leads back to the key, and no other address does")
    func back() throws {
        let plain = try #require(bucket(publicBase: "https://cdn.example.org/img"))
        let own = [
            "s3://closet/p/a b.jpg", "S3://closet/p/a b.jpg", "https://closet.s3.eu-west-3.amazonaws.com/p/a%20b.jpg",
            "https://CLOSET.s3.eu-west-3.amazonaws.com/p/a%20b.jpg?X-Amz-Signature=1#x",
            "https://closet.s3.amazonaws.com/p/a%20b.jpg", "https://s3.eu-west-3.amazonaws.com/closet/p/a%20b.jpg",
            "https://s3.amazonaws.com/closet/p/a%20b.jpg", "https://cdn.example.org/img/p/a%20b.jpg",
        ]
        for address in own { #expect(plain.key(at: address)?.text == "p/a b.jpg", "\(address)") }
        let strange = [
            "s3://closets/p/a.jpg", "s3://closet", "s3://closet/", "https://closet.s3.eu-west-3.amazonaws.com/",
            "http://closet.s3.eu-west-3.amazonaws.com/p/a.jpg",
            "https://closet.s3.eu-west-3.amazonaws.com:8443/p/a.jpg",
            "https://s3.eu-west-3.amazonaws.com/closets/p/a.jpg", "https://cdn.example.org/images/p/a.jpg",
            "https://closet.s3.eu-west-3.amazonaws.com/p/%ff.jpg", "https://closet.s3.eu-west-3.amazonaws.com/p/%4",
            "https://closet.s3.eu-west-3.amazonaws.com@example.org/p/a.jpg", "p/a.jpg", "",
        ]
        for address in strange { #expect(plain.key(at: address) == nil, "\(address)") }
    }

    @Test("what is no bucket, no region, no endpoint and no key is refused")
    func refused() {
        for name in ["", "ab", "-abc", "abc-", "a..b", "a/b", "a b", "ü-bucket", String(repeating: "a", count: 64)] {
            #expect(bucket(name) == nil, "\(name)")
        }
        for region in ["", "eu west", "eu.west", "EU", "a/b"] { #expect(bucket(region: region) == nil, "\(region)") }
        for endpoint in ["", "ftp://host", "host:9000", "https://", "https://user@host"] {
            #expect(bucket(endpoint: endpoint, pathStyle: true) == nil, "\(endpoint)")
        }
        #expect(S3Key("") == nil && S3Key("a\0b") == nil && S3Key(String(repeating: "ü", count: 513)) == nil)
        #expect(S3Key("caf\u{E9}") != S3Key("cafe\u{301}"))
    }
}
