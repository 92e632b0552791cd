// The rules of RFC 8259 as texts: what every reader must take, what none may take, and what is left open.
//
// The kinds of cases are those that public conformance suites have; the texts are our own.

/// Texts with a verdict.
enum JSONRules {
    /// Every reader must take these.
    static let taken = [
        "[]", "{}", "[[]]", "[{}]", " [] ", "\t[\r\n]\n", "null", "true", "false", "0", "\"\"", "[null]", "[1,2]",
        "[ 1 , 2 ]", "-0", "[-0]", "0.0", "-0.1", "10", "123456789", "1e1", "1E1", "1e+1", "1e-1", "0e0", "0e+1",
        "1.5E-3",
        "[1e22]", "[0.1e1]", "[-1.0e-2]", "\"a\"", "\"/\"", "\"\\/\"", "\"\\\\\"", "\"\\\"\"", "\"\\b\\f\\n\\r\\t\"",
        "\"\\u0041\"", "\"\\u00e9\"", "\"\\u00E9\"", "\"\\u0000\"", "\"\\u001f\"", "\"\\u007f\"", "\"\u{7F}\"",
        "\"\u{80}\"",
        "\"\\ud834\\udd1e\"", "\"\\uD834\\uDD1E\"", "\"\\udbff\\udfff\"", "\"\\uffff\"", "\"\\ufffe\"", "\"\\ufdd0\"",
        "\"\u{FFFF}\"", "\"\u{2028}\u{2029}\"", "\"\u{1F600}\"", "\"\u{10FFFF}\"", "\"\u{FEFF}\"", "\"\\u2028\"",
        "\"a\\u005c\"", "\"\\\\u0041\"", "\"\\\\\\\"\"", "\"'\"", "\"/* */\"", "\"#\"", "\"//\"", "\"\u{A0}\"",
        "{\"\":0}", "{\"a\":[]}", "{\"a\":{}}", "{\"a\":null,\"b\":false}", "{ \"a\" : 1 }", "{\"\\u0061\":1}",
        "{\"a\\u0000\":1}",
        "{\"A\":1,\"a\":2}", "[true,false,null]", "[\"a\",1,{}]", "[[[[1]]]]", "{\"a\":{\"a\":{\"a\":1}}}", "[0,-1]",
        "[\"\\uD83D\\uDE39\\uD83D\\uDC8D\"]", "[\"\\u0022\"]", "[\"\\u005C\\u0022\"]", "\"\\u0012\"", "\n\n1\n\n",
    ]

    /// No reader may take these.
    static let refused = [
        "", " ", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,]", "[,1]", "[1,,2]", "[1 2]", "[\"a\" \"b\"]", "[1}",
        "{]", "[]]",
        "[][]", "[] x", "{}{}", "1 1", "[1]x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\" 1}", "{\"a\"::1}",
        "{\"a\":1 \"b\":2}",
        "{a:1}", "{1:1}", "{'a':1}", "{null:1}", "{\"a\":1,,\"b\":2}", "{\"a\",\"b\"}", "{[]:1}", "{\"a\":1", "{\"a\":",
        "\"", "\"a", "\"\\\"", "\"\\", "\"\\u\"", "\"\\u0\"", "\"\\u00G0\"", "\"\\u-123\"", "\"\\x41\"", "\"\\a\"",
        "\"\\'\"",
        "\"\\U0041\"", "\"\\\u{1F600}\"", "\"\\\u{0}\"", "\"\t\"", "\"\n\"", "\"\u{0}\"", "\"\u{1F}\"", "\"a\rb\"",
        "'a'", "a", "\u{201C}a\u{201D}",
        "01", "-01", "00", "0x1", "0b1", "1.", ".1", "-.1", "1.e1", "1e", "1e+", "1E-", "1eE2", "1e1.5", "1e1e1", "+1",
        "++1", "--1",
        "-", "- 1", "1 .5", "1_000", "1,000", "0.1.2", "1a", "1f", "0.3e", "-2.", "0e", "1.0e", "1/2", "\u{FF11}",
        "\u{661}",
        "nul", "nulll", "tru", "truee", "True", "TRUE", "fals", "falsy", "None", "undefined", "inf", "nan", "-nan",
        "// a\n1", "1 // a", "/* a */ 1", "[1 /* a */]", "# a\n1", "<a/>", "\u{0B}1", "\u{0C}[]", "\u{A0}1",
        "[\u{0B}1]",
        "[\u{2060}1]", "[1\u{0}]", "1\u{0}", "{\"a\":1}\u{0}", "[\\n]", "[\"a\",\n4\n,1,", "[1:2]", "{\"a\":\"b\"]",
        "*", "{\"a\":*}", "[*]",
        "{\"a\":/}", "[\"a\\", "[\"\\u00A\"]", "[\"\\uD834\\uDd\"]", "[\"\\uD800\\u\"]", "[\"\\uD800\\u1\"]",
        "[\"\\uD800\\u1x\"]",
    ]

    /// Bytes that are no UTF-8, which no reader may take.
    static let refusedBytes: [[UInt8]] = [
        [0x22, 0xE9, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
        [0x22, 0xF4, 0xBF, 0xBF, 0xBF, 0x22],
        [0x22, 0x81, 0x22], [0x22, 0xFF, 0x22], [0x22, 0xE2, 0x80, 0x22], [0x5B, 0xFF, 0x5D], [0xE5],
        [0x5B, 0xE5, 0x5D],
        [0x22, 0xFC, 0x83, 0xBF, 0xBF, 0xBF, 0xBF, 0x22], [0x22, 0xF8, 0x88, 0x80, 0x80, 0x80, 0x22],
        [0x7B, 0x22, 0xB9, 0x22, 0x3A, 0x31, 0x7D], [0x22, 0x5C, 0xE5, 0x22], [0x22, 0x5C, 0x75, 0xE5, 0x22],
        [0x31, 0xE5],
    ]

    /// What the RFC leaves to the reader: the text, whether vizd takes it, why.
    static let open: [(text: String, taken: Bool, why: String)] = [
        ("1e400", true, "a number stays text; who needs a figure looks at its range"),
        ("-1e400", true, "the same"), ("1e-400", true, "the same"), ("123123e100000", true, "the same"),
        ("100000000000000000000", true, "the same"), ("0.1000000000000000055511151231257827", true, "the same"),
        ("1e99999999999999999999", true, "the same"),
        (String(repeating: "9", count: 5000), true, "the same: limits are those of the file"),
        (#"{"a":1,"a":2}"#, false, "which of the two was meant cannot be known"),
        (#"{"a":1,"a":1}"#, false, "the same"), (#"{"a":1,"\u0061":2}"#, false, "one key in two spellings"),
        (#""\ud800""#, false, "half a character is no text"), (#""\udc00""#, false, "the same"),
        (#""\ud800\ud800""#, false, "the same"), (#""\ud800\u0041""#, false, "the same"),
        (#""\ud800a""#, false, "the same"),
        (#""\udd1e\ud834""#, false, "the same"), (#"{"\ud800":1}"#, false, "the same"),
        ("\u{FEFF}{}", false, "the RFC forbids to write a byte order mark, and one in the middle hides"),
        ("{\"\u{E9}\":1,\"e\u{301}\":2}", true, "two keys are the same only by their scalars"),
        (String(repeating: "[", count: 64) + String(repeating: "]", count: 64), true, "64 levels are allowed"),
        (String(repeating: "[", count: 65) + String(repeating: "]", count: 65), false, "and not one more"),
        (String(repeating: "[", count: 600) + String(repeating: "]", count: 600), false, "the same"),
        ("NaN", false, "no number of JSON, though other readers have it"), ("[NaN]", false, "the same"),
        ("Infinity", false, "the same"), ("-Infinity", false, "the same"),
    ]

    /// The same in other encodings: the RFC knows none but UTF-8.
    static let otherEncodings: [[UInt8]] = [
        [0x7B, 0, 0x7D, 0], [0, 0x7B, 0, 0x7D], [0xFF, 0xFE, 0x7B, 0, 0x7D, 0], [0xFE, 0xFF, 0, 0x7B, 0, 0x7D],
        [0x7B, 0, 0, 0, 0x7D, 0, 0, 0], [0, 0, 0, 0x7B, 0, 0, 0, 0x7D],
    ]
}
