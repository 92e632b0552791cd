// Requests that are refused, with the paths of their problems: read by the tests of the decoder and of the schema.

/// A text and what is wrong with it.
struct RequestCase {
    let text: String
    /// The paths of all problems, in order; empty for a request that is taken.
    let paths: [String]
    /// Whether the rule that it breaks is one that JSON Schema cannot say.
    var beyondSchema = false

    init(_ text: String, _ paths: [String], beyondSchema: Bool = false) {
        self.text = text
        self.paths = paths
        self.beyondSchema = beyondSchema
    }

    /// A request for the picture of an outfit, with more members.
    static func with(_ members: String, _ paths: [String], beyondSchema: Bool = false) -> RequestCase {
        RequestCase(#"{"user_id":"u","outfit_id":"o",\#(members)}"#, paths, beyondSchema: beyondSchema)
    }

    private static func quoted(_ count: Int) -> String { "\"" + String(repeating: "é", count: count) + "\"" }

    private static func list(_ count: Int, _ element: (Int) -> String) -> String {
        "[" + (0..<count).map(element).joined(separator: ",") + "]"
    }

    private static let notObjects = ["[]", "null", "1", "\"user_id\"", "true", "[{\"user_id\":\"u\"}]"]
        .map { RequestCase($0, [""]) }

    private static let ids: [RequestCase] = [
        RequestCase("{}", ["user_id", "outfit_id"]),
        RequestCase(#"{"user_id":"u"}"#, ["outfit_id"]),
        RequestCase(#"{"outfit_id":"o"}"#, ["user_id"]),
        RequestCase(#"{"user_id":null,"outfit_id":7}"#, ["user_id", "outfit_id"]),
        RequestCase(#"{"user_id":["u"],"outfit_id":{"a":1}}"#, ["user_id", "outfit_id"]),
        RequestCase(#"{"user_id":"","outfit_id":""}"#, ["user_id", "outfit_id"]),
        RequestCase(#"{"user_id":".","outfit_id":".."}"#, ["user_id", "outfit_id"]),
        RequestCase(#"{"user_id":"../x","outfit_id":"a/b"}"#, ["user_id", "outfit_id"]),
        RequestCase(#"{"user_id":".u","outfit_id":"/"}"#, ["user_id", "outfit_id"]),
        RequestCase(#"{"user_id":"a\u0000b","outfit_id":"a\nb"}"#, ["user_id", "outfit_id"]),
        RequestCase(#"{"user_id":"a\u007f","outfit_id":"\u0085"}"#, ["user_id", "outfit_id"]),
        RequestCase(#"{"user_id":"u\u002f","outfit_id":"\u002eo"}"#, ["user_id", "outfit_id"]),
        RequestCase("{\"user_id\":\"\(String(repeating: "a", count: 129))\",\"outfit_id\":\"o\"}", ["user_id"]),
        RequestCase(#"{"user_id":"a\u009f","outfit_id":"a\u001f"}"#, ["user_id", "outfit_id"]),
        RequestCase(
            "{\"user_id\":\"a\(String(repeating: "é", count: 100))\",\"outfit_id\":\"o\"}", ["user_id"],
            beyondSchema: true),
        RequestCase("{\"user_id\":\(quoted(101)),\"outfit_id\":\"o\"}", ["user_id"], beyondSchema: true),
        RequestCase("{\"user_id\":\"u\",\"outfit_id\":\(quoted(101))}", ["outfit_id"], beyondSchema: true),
    ]

    private static let outfits: [RequestCase] = [
        with(#""outfit_ids":["a"]"#, ["outfit_id"]),
        RequestCase(#"{"user_id":"u","outfit_ids":[]}"#, ["outfit_ids"]),
        RequestCase(#"{"user_id":"u","outfit_ids":"a"}"#, ["outfit_ids"]),
        RequestCase(#"{"user_id":"u","outfit_ids":["a","b","a"]}"#, ["outfit_ids[2]"]),
        RequestCase(
            #"{"user_id":"u","outfit_ids":["a",1,"../b",""]}"#, ["outfit_ids[1]", "outfit_ids[2]", "outfit_ids[3]"]),
        RequestCase("{\"user_id\":\"u\",\"outfit_ids\":\(list(501) { "\"o\($0)\"" })}", ["outfit_ids"]),
        RequestCase(
            #"{"user_id":"u","outfit_ids":["a"],"outfit":{"items":[{"name":"n","image":"i"}]}}"#, ["outfit"]),
        with(#""outfit":[]"#, ["outfit"]), with(#""outfit":{}"#, ["outfit.items"]),
        with(#""outfit":{"items":[]}"#, ["outfit.items"]), with(#""outfit":{"items":{}}"#, ["outfit.items"]),
        with(#""outfit":{"items":["shirt"]}"#, ["outfit.items[0]"]),
        with(#""outfit":{"items":[{}]}"#, ["outfit.items[0].name", "outfit.items[0].image"]),
        with(#""outfit":{"items":[{"name":"","image":""}]}"#, ["outfit.items[0].name", "outfit.items[0].image"]),
        with(
            #""outfit":{"items":[{"name":"a\nb","image":"i\t"}]}"#, ["outfit.items[0].name", "outfit.items[0].image"]),
        with(
            #""outfit":{"items":[{"name":"a","image":"i"},{"name":"b","image":"i","category":"","colour":"x"}]}"#,
            ["outfit.items[1].category", "outfit.items[1].colour"]),
        with("\"outfit\":{\"items\":\(list(41) { _ in #"{"name":"n","image":"i"}"# })}", ["outfit.items"]),
        with("\"outfit\":{\"items\":[{\"name\":\(quoted(201)),\"image\":\"i\"}]}", ["outfit.items[0].name"]),
        with("\"outfit\":{\"items\":[{\"name\":\"n\",\"image\":\(quoted(2049))}]}", ["outfit.items[0].image"]),
        with(
            #""outfit":{"items":[{"name":"a","image":"i"}],"styling_notes":"","notes":1}"#,
            ["outfit.styling_notes", "outfit.notes"]),
        with(
            "\"outfit\":{\"items\":[{\"name\":\"n\",\"image\":\"i\"}],\"styling_notes\":\(quoted(2001))}",
            [
                "outfit.styling_notes"
            ]),
    ]

    private static let choices: [RequestCase] = [
        with(#""provider":"""#, ["provider"]), with(#""provider":7"#, ["provider"]), with(#""model":null"#, ["model"]),
        with("\"provider\":\(quoted(65))", ["provider"]), with("\"model\":\(quoted(129))", ["model"]),
        with(#""ratio":"1080x1440""#, ["ratio"]), with(#""ratio":"1080:1440:1""#, ["ratio"]),
        with(#""ratio":":""#, ["ratio"]),
        with(#""ratio":"0:1""#, ["ratio"]), with(#""ratio":"01:1""#, ["ratio"]), with(#""ratio":"1.5:1""#, ["ratio"]),
        with(#""ratio":"100000:1""#, ["ratio"]), with(#""ratio":" 1:1""#, ["ratio"]),
        with(#""ratio":"１:1""#, ["ratio"]),
        with(#""ratio":0.75"#, ["ratio"]), with(#""ratio":"-1:1""#, ["ratio"]), with(#""ratio":"1:1\n""#, ["ratio"]),
        with(#""seed":-1"#, ["seed"]), with(#""seed":4294967296"#, ["seed"]), with(#""seed":1.5"#, ["seed"]),
        with(#""seed":"7""#, ["seed"]), with(#""seed":1e400"#, ["seed"]), with(#""seed":true"#, ["seed"]),
        with(#""seed":1e-1"#, ["seed"]), with(#""seed":123456789012345678901234567890"#, ["seed"]),
        with(#""prompt":"""#, ["prompt"]), with(#""prompt":["a"]"#, ["prompt"]),
        with(#""prompt":"a\u0000""#, ["prompt"]),
        with(#""prompt":"a\u001bb""#, ["prompt"]), with("\"prompt\":\(quoted(501))", ["prompt"]),
        with(#""model_descriptor":"""#, ["model_descriptor"]),
        with("\"model_descriptor\":\(quoted(1001))", ["model_descriptor"]),
        with(#""person_image":"""#, ["person_image"]), with(#""person_image":{}"#, ["person_image"]),
        with(#""kind":"photo""#, ["kind"]), with(#""kind":"Image""#, ["kind"]), with(#""kind":null"#, ["kind"]),
        with(#""priority":"urgent""#, ["priority"]), with(#""priority":1"#, ["priority"]),
        with(#""regenerate":"yes""#, ["regenerate"]), with(#""regenerate":1"#, ["regenerate"]),
        with(#""regenerate":null"#, ["regenerate"]),
        with(#""not_after":"tomorrow""#, ["not_after"]), with(#""not_after":1795485859"#, ["not_after"]),
        with(#""not_after":"2026-11-24""#, ["not_after"]),
        with(#""not_after":"2026-02-30T00:00:00Z""#, ["not_after"], beyondSchema: true),
        with(#""metadata":[]"#, ["metadata"]), with(#""metadata":"x""#, ["metadata"]),
        with(#""metadata":null"#, ["metadata"]),
        with("\"metadata\":{\"a\":\"\(String(repeating: "x", count: 16_384 - 7))\"}", ["metadata"], beyondSchema: true),
    ]

    private static let views: [RequestCase] = [
        with(#""views":[]"#, ["views"]), with(#""views":{}"#, ["views"]), with(#""views":["street"]"#, ["views[0]"]),
        with(#""views":[{}]"#, ["views[0].name"]), with(#""views":[{"name":""}]"#, ["views[0].name"]),
        with(#""views":[{"name":"Street"}]"#, ["views[0].name"]), with(#""views":[{"name":"a b"}]"#, ["views[0].name"]),
        with(#""views":[{"name":"../a"}]"#, ["views[0].name"]), with(#""views":[{"name":"a.b"}]"#, ["views[0].name"]),
        with(#""views":[{"name":"ä"}]"#, ["views[0].name"]), with(#""views":[{"name":7}]"#, ["views[0].name"]),
        with(#""views":[{"name":"\#(String(repeating: "a", count: 33))"}]"#, ["views[0].name"]),
        with(#""views":[{"name":"a"},{"name":"b"},{"name":"a"}]"#, ["views[2].name"], beyondSchema: true),
        with(
            #""views":[{"name":"a","prompt":"","ratio":"x","seed":-1,"kind":"image"}]"#,
            [
                "views[0].prompt", "views[0].ratio", "views[0].seed", "views[0].kind",
            ]),
        with("\"views\":\(list(9) { "{\"name\":\"v\($0)\"}" })", ["views"]),
    ]

    private static let actions: [RequestCase] = [
        with(#""action":"paint""#, ["action"]), with(#""action":null"#, ["action"]),
        with(#""action":["delete"]"#, ["action"]),
        with(#""action":"DELETE""#, ["action"]),
        RequestCase(#"{"action":"delete","user_id":"u"}"#, ["outfit_id"]),
        RequestCase(#"{"action":"delete","user_id":"u","outfit_ids":["o"]}"#, ["outfit_ids", "outfit_id"]),
        with(#""action":"delete","prompt":"x","model_descriptor":"y""#, ["model_descriptor", "prompt"]),
        with(#""action":"delete","kind":"image","regenerate":false"#, ["kind", "regenerate"]),
        RequestCase(#"{"action":"set_profile","user_id":"u"}"#, ["model_descriptor"]),
        RequestCase(#"{"action":"set_profile","user_id":"u","model_descriptor":null}"#, ["model_descriptor"]),
        RequestCase(#"{"action":"set_profile","user_id":"u","model_descriptor":"d","outfit_id":"o"}"#, ["outfit_id"]),
        RequestCase(
            "{\"action\":\"set_profile\",\"user_id\":\"u\",\"model_descriptor\":\(quoted(1001))}",
            ["model_descriptor"]),
        RequestCase(#"{"action":"set_profile","model_descriptor":"d"}"#, ["user_id"]),
    ]

    private static let keys: [RequestCase] = [
        with(#""promt":"x""#, ["promt"]), with(#""User_id":"x""#, ["User_id"]), with(#""":1"#, [""]),
        with(#""zzz":1,"userId":2"#, ["zzz", "userId"]), with(#""prompt ":"x""#, ["prompt "]),
        with(#""__proto__":{}"#, ["__proto__"]), with(#""seed\u0000":1"#, ["seed\\u{0000}"]),
        with(#""metadata":{"anything":[1,{"user_id":2}]},"meta":{}"#, ["meta"]),
    ]

    /// Every case that is refused as `invalid_request`.
    static let refused = notObjects + ids + outfits + choices + views + actions + keys

    /// Requests at the edge of what is allowed.
    static let taken: [RequestCase] = [
        RequestCase(#"{"user_id":"u","outfit_id":"o"}"#, []),
        RequestCase(#"{"user_id":"Pei Chin é😀","outfit_id":"a..b"}"#, []),
        RequestCase("{\"user_id\":\(quoted(100)),\"outfit_id\":\"\(String(repeating: "a", count: 128))\"}", []),
        RequestCase("{\"user_id\":\"u\",\"outfit_ids\":\(list(500) { "\"o\($0)\"" })}", []),
        RequestCase("{\"user_id\":\"u\",\"outfit_ids\":[\"\u{E9}\",\"e\u{301}\"]}", []),
        RequestCase(#"{"user_id":"u","outfit":{"items":[{"name":"n","image":"i"}]}}"#, []),
        with("\"outfit\":{\"items\":\(list(40) { _ in #"{"name":"n","image":"i","category":"c"}"# })}", []),
        with(
            "\"outfit\":{\"items\":[{\"name\":\(quoted(200)),\"image\":\(quoted(2048))}],"
                + "\"styling_notes\":\(quoted(2000))}",
            []),
        with(#""seed":0"#, []), with(#""seed":4294967295"#, []), with(#""seed":7.0"#, []), with(#""seed":1e3"#, []),
        with(#""seed":-0"#, []), with(#""ratio":"1:99999""#, []), with("\"prompt\":\(quoted(500))", []),
        with(#""prompt":"two\nlines\tand a tab\r\n""#, []), with("\"model_descriptor\":\(quoted(1000))", []),
        with(#""views":[{"name":"-"},{"name":"0-street","prompt":"p","ratio":"3:4","seed":1}]"#, []),
        with("\"views\":\(list(8) { "{\"name\":\"v\($0)\"}" })", []),
        with("\"metadata\":{\"a\":\"\(String(repeating: "x", count: 16_384 - 8))\"}", []),
        with(#""not_after":"2026-11-24t18:00:00.123456789012+05:30""#, []),
        with(#""not_after":"9999-12-31T23:59:59Z""#, []),
        with(#""kind":"video","regenerate":true,"priority":"low","action":"visualize","person_image":"me.jpg""#, []),
        with(#""provider":"runway","model":"gen4_image_turbo""#, []),
        with(#""action":"delete","priority":"high","metadata":{}"#, []),
        RequestCase(#"{"action":"set_profile","user_id":"u","model_descriptor":""}"#, []),
        RequestCase(
            "{\"action\":\"set_profile\",\"user_id\":\"u\",\"model_descriptor\":\(quoted(1000)),\"metadata\":{}}", []),
    ]
}
