// Names in the spool, moments, and what the kernel says of folders.

import Contract

@testable import Linux
@testable import Spool

extension FuzzTarget {
    /// A name in `incoming`: what is taken follows the rule, what is not gets a name that follows it.
    static let names = FuzzTarget(
        "names", executions: 40_000,
        seeds: [
            "a.json", "a b.json", "é.json", ".hidden.json", "a.0001.json", "a.result.json", "x~", "a~01020304.json",
        ],
        words: [
            ".json", ".result", ".status", ".cancel", ".0001", ".tmp", "~", "%", "/", "..", "\u{7F}", "\u{85}", "\u{0}",
        ]
    ) { bytes in
        let file = FileName(bytes: bytes)
        try hold(!file.description.utf8.contains { $0 < 0x20 || $0 == 0x7F }, "a name that breaks the line")
        switch NameClass(file) {
        case .request(let name):
            try hold(name.requestFile == file, "\(name) is another file's")
            try hold((1...JobName.limit).contains(name.text.utf8.count), "\(name.text.utf8.count) bytes")
            try hold(JobName(name.text) == name && JobName(job: name.text) == name, "it reads back as another")
            try hold(
                name.parent == nil && name.part(7).parent == name && name.part(7).number == 7, "its parts are not its")
            try landsWell(name.landing(digest: [1, 2, 0xAB, 0xFF]))
        case .invalid(let name):
            try hold(name.escaped.utf8.count <= 100, "an escaped name of \(name.escaped.utf8.count) bytes")
            try hold(name.escaped.utf8.allSatisfy { plain.contains($0) }, "not escaped: \(name.escaped)")
            try landsWell(name.landing(digest: [1, 2, 0xAB, 0xFF]))
        case .ignored: break
        }
        try hold(JobFiles.isOurTemporary(JobFiles.temporary(for: file, tag: "0123abcd")), "its temporary is not known")
        if let landed = LandingName(result: file) { try hold(landed.resultFile == file, "\(landed) is another's") }
        _ = CancelWish(file)
    }

    private static let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-%".utf8)

    private static func landsWell(_ landing: LandingName) throws {
        try hold(landing.text.utf8.count <= JobName.limit, "it lands as \(landing.text.utf8.count) bytes")
        try hold(landing.text.hasSuffix("~0102abff"), "it lands as \(landing)")
        try hold(LandingName(result: landing.resultFile) == landing, "it lands as another")
    }

    /// What the kernel hands over for a watched folder, and what it never would.
    static let inotify = FuzzTarget(
        "inotify", executions: 40_000,
        bytes: [
            [1, 0, 0, 0, 0x80, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0] + Array("a.json\0\0".utf8),
            [0xFF, 0xFF, 0xFF, 0xFF, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [UInt8](repeating: 0, count: 48),
        ], words: ["\0\0\0\0", "\u{10}\0\0\0", "a.json\0\0"]
    ) { bytes in
        var events: [InotifyEvent] = []
        bytes.withUnsafeBytes { Inotify.decode($0, into: &events) }
        try hold(events.count <= bytes.count / 16, "\(events.count) events in \(bytes.count) bytes")
        for event in events { try hold(!(event.name?.bytes.contains(0) ?? false), "a name with a NUL") }
    }

    /// Moments as requests, records and stores write them.
    static let timestamps = FuzzTarget(
        "timestamps", executions: 40_000,
        seeds: [
            "2026-11-24T02:04:19.5+01:00", "9999-12-31T23:59:60Z", "0000-01-01T00:00:00-23:59", "1970-01-01T00:00:00Z",
        ],
        words: ["Z", "+", "-", ":", ".", "T", "60", "99", "02-29", "0000", "9999", "999999999999999999999"]
    ) { bytes in
        guard let moment = Timestamp(rfc3339: String(decoding: bytes, as: UTF8.self)) else { return }
        guard let again = Timestamp(rfc3339: moment.rfc3339) else { throw Breach("\(moment.rfc3339) is no moment") }
        let lost = moment.nanoseconds.subtractingReportingOverflow(again.nanoseconds)
        try hold(!lost.overflow && (0..<1_000_000).contains(lost.partialValue), "\(moment.rfc3339) is another moment")
    }
}
