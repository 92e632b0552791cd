// Names: which files in `incoming` are requests, what a job is called, and what it is called on disk.
//
// Promise: every name that leaves here is safe as a file name with any suffix that vizd adds (at most 255 bytes) and
// safe in a log line. Names are compared by their bytes. What breaks the rule gets an escaped form that follows it.

package import Linux

/// Why a name ending in `.json` cannot be a job id.
package enum NameFault: String, Hashable, Sendable {
    case notUTF8, tooLong, controlCharacter, reservedEnding

    /// A sentence for the person who chose the name.
    package var sentence: String {
        switch self {
        case .notUTF8: "The file's name is not UTF-8; rename it and drop it again."
        case .tooLong:
            "The file's name has more than \(JobName.limit) bytes before .json; shorten it and drop it again."
        case .controlCharacter: "The file's name has control characters; rename it and drop it again."
        case .reservedEnding:
            "A job's name cannot end in .result, .status, .cancel or a dot and four digits; rename the file and "
                + "drop it again."
        }
    }
}

/// The id of a job: what stands before `.json` in the name of its request, 1 to 200 bytes of UTF-8; or that of a part
/// of it, which has no request file (`NAME.0001`).
package struct JobName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The most bytes of UTF-8.
    package static let limit = 200
    /// The most bytes of a batch's name: those of its parts are longer.
    package static let batchLimit = 195
    private let exact: ExactText

    /// Takes a text that follows the rule; nil for any other.
    package init?(_ text: String) {
        guard !text.isEmpty, !text.utf8.starts(with: [0x2E]), !text.utf8.contains(0x2F), JobName.fault(in: text) == nil
        else { return nil }
        exact = ExactText(text)
    }

    /// The id as text.
    package var text: String { exact.text }
    package var description: String { text }

    /// By the bytes of UTF-8.
    package static func < (one: JobName, other: JobName) -> Bool { one.exact < other.exact }

    /// The name of its request, in whichever box: `NAME.json`.
    package var requestFile: FileName { FileName(text + ".json") }
    /// The name that its files carry when it lands under its own name.
    package var landing: LandingName { LandingName(text) }

    /// `NAME~XXXXXXXX`: the name under which it lands when its own is taken.
    /// - Parameter digest: SHA-256 of the request; the first four bytes show.
    package func landing(digest: [UInt8]) -> LandingName { LandingName(text, digest: digest) }

    /// `NAME.0001`: the name of a part of a compound job; `number` is 1 to 9999. No request can have it, and it may be
    /// longer than a request's name by five bytes for each level.
    package func part(_ number: Int) -> JobName {
        precondition((1...9999).contains(number), "a job has no part number \(number)")
        let digits = String(number)
        return JobName(trusted: text + "." + String(repeating: "0", count: 4 - digits.count) + digits)
    }

    /// The name of the job that it is a part of; nil for a name that a request can have.
    package var parent: JobName? {
        guard JobName.endsInNumber(text), text.utf8.count > 5 else { return nil }
        return JobName(trusted: String(decoding: text.utf8.dropLast(5), as: UTF8.self))
    }

    /// The number of a part within its parent; nil for a name that a request can have.
    package var number: Int? { parent == nil ? nil : Int(text.suffix(4)) }

    /// The name of a job or of a part, as the journal has it, or as somebody names it; nil for what can be neither.
    package init?(job text: String) {
        var name = text
        while JobName.endsInNumber(name), name.utf8.count > 5 {
            name = String(decoding: name.utf8.dropLast(5), as: UTF8.self)
        }
        guard JobName(name) != nil else { return nil }
        exact = ExactText(text)
    }

    private init(trusted text: String) { exact = ExactText(text) }

    static func fault(in text: String) -> NameFault? {
        if text.utf8.count > limit { return .tooLong }
        if text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) {
            return .controlCharacter
        }
        return hasReservedEnding(text) ? .reservedEnding : nil
    }

    private static func hasReservedEnding(_ text: String) -> Bool {
        let bytes = text.utf8.suffix(7)
        for ending in [".result", ".status", ".cancel"] where bytes.elementsEqual(ending.utf8) { return true }
        return endsInNumber(text)
    }

    private static func endsInNumber(_ text: String) -> Bool {
        var digits = text.utf8.suffix(5)
        guard digits.popFirst() == 0x2E, digits.count == 4 else { return false }
        return digits.allSatisfy { (0x30...0x39).contains($0) }
    }
}

/// A name ending in `.json` that breaks the rule, and the form under which it is handled.
package struct InvalidName: Hashable, Sendable {
    /// What is wrong with it.
    package let fault: NameFault
    /// Bytes outside `[A-Za-z0-9._-]` as `%XX`, cut to 100 bytes: the job id in logs and results.
    package let escaped: String

    init(file: FileName, fault: NameFault) {
        self.init(escaped: InvalidName.escape(file.bytes.dropLast(JobFiles.json.count)), fault: fault)
    }

    init(escaped: String, fault: NameFault) { (self.escaped, self.fault) = (escaped, fault) }

    /// `ESCAPED~XXXXXXXX`: the name under which it lands.
    package func landing(digest: [UInt8]) -> LandingName { LandingName(escaped, digest: digest) }

    /// The escaped form of any bytes.
    static func escape(_ bytes: some Sequence<UInt8>) -> String {
        var escaped: [UInt8] = []
        for byte in bytes {
            let part = isPlain(byte) ? [byte] : [0x25, Hex.upper[Int(byte >> 4)], Hex.upper[Int(byte & 15)]]
            if escaped.count + part.count > 100 { break }
            escaped += part
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2E, 0x5F, 0x2D: true
        default: false
        }
    }
}

enum Hex {
    static let upper = Array("0123456789ABCDEF".utf8)
    static let lower = Array("0123456789abcdef".utf8)

    static func text(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.flatMap { [lower[Int($0 >> 4)], lower[Int($0 & 15)]] }, as: UTF8.self)
    }
}

/// The name that a job's files carry in `done`, `failed` and, for its status, in `processing`: the job's own, or one
/// that was made so that nothing earlier is overwritten.
package struct LandingName: Hashable, Comparable, Sendable, CustomStringConvertible {
    private let exact: ExactText

    fileprivate init(_ text: String) { exact = ExactText(text) }

    /// The name whose result a file in a box is; nil for a file of another form.
    package init?(result file: FileName) {
        let ending = JobFiles.result
        guard file.bytes.first != 0x2E, file.bytes.count > ending.count,
            file.bytes.suffix(ending.count).elementsEqual(ending),
            let text = String(validating: file.bytes.dropLast(ending.count), as: UTF8.self)
        else { return nil }
        self.init(text)
    }

    /// `BASE~XXXXXXXX`; the base is shortened at a character where the whole would pass the limit of a job's name, so
    /// that a file that landed so can be dropped again.
    fileprivate init(_ base: String, digest: [UInt8]) {
        precondition(digest.count >= 4, "a digest of \(digest.count) bytes names nothing")
        var base = base
        while base.utf8.count + 9 > JobName.limit { base.unicodeScalars.removeLast() }
        exact = ExactText(base + "~" + Hex.text(digest.prefix(4)))
    }

    /// The name as text.
    package var text: String { exact.text }
    package var description: String { text }
    /// By the bytes of UTF-8.
    package static func < (one: LandingName, other: LandingName) -> Bool { one.exact < other.exact }

    /// `NAME.json`.
    package var requestFile: FileName { FileName(text + ".json") }
    /// `NAME.result.json`.
    package var resultFile: FileName { FileName(text + ".result.json") }
    /// `NAME.status.json`.
    package var statusFile: FileName { FileName(text + ".status.json") }

    /// The name beside this one for a file that may not replace what is there: the file's inode makes it its own.
    func beside(inode: UInt64) -> LandingName {
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: inode >> (24 - 8 * UInt64($0))) }
        return LandingName(text, digest: bytes)
    }
}

/// How vizd names files of its own. Everything hidden begins with a dot, which producers and vizd's own scan pass over.
enum JobFiles {
    static let json = Array(".json".utf8)
    static let result = Array(".result.json".utf8)
    static let status = Array(".status.json".utf8)
    static let cancel = Array(".cancel".utf8)
    /// A result or status on its way: `.NAME.result.json.vizd-XXXXXXXX`.
    static let hidden = ".vizd-"
    static let canary = ".vizd-canary-"
    static let probe = ".vizd-probe-"
    static let idFile: FileName = ".id"
    static let lockFile: FileName = ".lock"
    static let reserveFile: FileName = ".reserve"

    static func temporary(for file: FileName, tag: String) -> FileName {
        FileName(bytes: [0x2E] + file.bytes + Array("\(hidden)\(tag)".utf8))
    }

    /// Whether a name is one that `temporary` makes with this tag.
    static func isTemporary(_ file: FileName, tagged tag: String) -> Bool {
        let ending = (hidden + tag).utf8
        return file.bytes.first == 0x2E && file.bytes.suffix(ending.count).elementsEqual(ending)
    }

    /// Whether a hidden name is one that vizd makes while it writes, in any run.
    static func isOurTemporary(_ file: FileName) -> Bool {
        let bytes = file.bytes
        guard bytes.first == 0x2E else { return false }
        if bytes.starts(with: canary.utf8) || bytes.starts(with: probe.utf8) { return true }
        guard bytes.count > 14, let tail = String(validating: bytes.suffix(14), as: UTF8.self) else { return false }
        return tail.hasPrefix(hidden) && tail.utf8.suffix(8).allSatisfy { Hex.lower.contains($0) }
    }
}

/// Why a name in `incoming` is left alone.
package enum IgnoredName: String, Hashable, Sendable, CaseIterable {
    /// A dot-file: the producer's workspace, or vizd's canary.
    case hidden
    /// `*.tmp`, `*.part`, `*~`: somebody is writing.
    case unfinished
    /// Without `.json`.
    case foreign
}

/// What a name in `incoming` stands for.
package enum NameClass: Hashable, Sendable {
    /// A request, by the name of its job.
    case request(JobName)
    /// A request whose name breaks the rule; it is claimed in order to fail.
    case invalid(InvalidName)
    /// Not vizd's.
    case ignored(IgnoredName)

    /// Judges a name; what the file is does not matter here.
    package init(_ file: FileName) {
        let bytes = file.bytes
        if bytes.first == 0x2E {
            self = .ignored(.hidden)
        } else if [".tmp", ".part", "~"].contains(where: { bytes.suffix($0.utf8.count).elementsEqual($0.utf8) }) {
            self = .ignored(.unfinished)
        } else if !bytes.suffix(5).elementsEqual(JobFiles.json) {
            self = .ignored(.foreign)
        } else if let text = String(validating: bytes.dropLast(5), as: UTF8.self) {
            if let fault = JobName.fault(in: text) {
                self = .invalid(InvalidName(file: file, fault: fault))
            } else if let name = JobName(text) {
                self = .request(name)
            } else {
                self = .ignored(.hidden)
            }
        } else {
            self = .invalid(InvalidName(file: file, fault: .notUTF8))
        }
    }
}
