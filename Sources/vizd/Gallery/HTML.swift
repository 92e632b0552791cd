// A page as a tree of values, written out with everything escaped.
//
// Names of elements and attributes are literals of this program, by type; whatever comes from a file can only be a text
// or an attribute's value, and both are escaped on the way out. An address is a type of its own, which cannot be made
// of a scheme that runs something. So there is no way to write a stranger's `<script>`, rather than a rule against it.

internal import Digest

indirect enum HTML {
    case text(String)
    case element(StaticString, [HTMLAttribute], [HTML])
    /// Markup, a style or a script of this program, as it stands.
    case own(StaticString)
    /// One after another.
    case group([HTML])

    /// An element without children of its own.
    static func element(_ name: StaticString, _ attributes: [HTMLAttribute] = []) -> HTML {
        .element(name, attributes, [])
    }

    static func element(_ name: StaticString, _ attributes: [HTMLAttribute] = [], _ text: String) -> HTML {
        .element(name, attributes, [.text(text)])
    }

    /// The page's bytes.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return bytes
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .text(let text): HTML.escape(text, to: &bytes)
        case .own(let markup): bytes += markup.utf8
        case .group(let parts): for part in parts { part.write(to: &bytes) }
        case .element(let name, let attributes, let children):
            bytes.append(UInt8(ascii: "<"))
            bytes += name.utf8
            for attribute in attributes { attribute.write(to: &bytes) }
            bytes.append(UInt8(ascii: ">"))
            if HTML.isVoid(name) {
                precondition(children.isEmpty, "\(name) holds nothing")
                return
            }
            for child in children { child.write(to: &bytes) }
            bytes += "</".utf8
            bytes += name.utf8
            bytes.append(UInt8(ascii: ">"))
        }
    }

    private static func isVoid(_ name: StaticString) -> Bool {
        ["meta", "img", "input", "br"].contains("\(name)")
    }

    /// A text as content or as an attribute's value in double quotes.
    static func escape(_ text: String, to bytes: inout [UInt8]) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": bytes += "&amp;".utf8
            case "<": bytes += "&lt;".utf8
            case ">": bytes += "&gt;".utf8
            case "\"": bytes += "&quot;".utf8
            case "'": bytes += "&#39;".utf8
            case "\n", "\t": bytes.append(UInt8(scalar.value))
            default:
                if isInvisible(scalar) {
                    bytes += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}".utf8
                } else {
                    bytes += String(scalar).utf8
                }
            }
        }
    }

    /// What a page must not hold (control characters, which are no HTML, and characters that there are none of), and
    /// what would turn the direction of the text around it. Joiners stay: whole scripts are written with them.
    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF, 0xFDD0...0xFDEF: true
        default: scalar.value & 0xFFFE == 0xFFFE
        }
    }
}

struct HTMLAttribute {
    private enum Value {
        case text(String)
        /// Letters that need no escape, such as Base64.
        case letters(prefix: StaticString, [UInt8])
        case none
    }

    private let name: StaticString
    private let value: Value

    private init(name: StaticString, value: Value) { (self.name, self.value) = (name, value) }

    /// An attribute with a value. Not for addresses and not for what is a script or a style.
    init(_ name: StaticString, _ value: String) {
        precondition(
            !["href", "src", "srcset", "style", "action", "srcdoc"].contains("\(name)") && !"\(name)".hasPrefix("on"),
            "\(name) takes no text")
        self.init(name: name, value: .text(value))
    }

    /// One that is there or not.
    static func flag(_ name: StaticString) -> HTMLAttribute { HTMLAttribute(name: name, value: .none) }

    static func href(_ link: WebLink) -> HTMLAttribute { HTMLAttribute(name: "href", value: .text(link.address)) }

    /// A JPEG within the page.
    static func source(jpeg bytes: [UInt8]) -> HTMLAttribute {
        HTMLAttribute(name: "src", value: .letters(prefix: "data:image/jpeg;base64,", Base64.encode(bytes)))
    }

    fileprivate func write(to bytes: inout [UInt8]) {
        bytes.append(0x20)
        bytes += name.utf8
        switch value {
        case .none: return
        case .text(let text):
            bytes += "=\"".utf8
            HTML.escape(text, to: &bytes)
        case .letters(let prefix, let letters):
            bytes += "=\"".utf8
            bytes += prefix.utf8
            bytes += letters
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

/// An address that may be followed: https, http or a file of this machine. Everything in it that is not plain is
/// percent-escaped.
struct WebLink: Equatable, Sendable {
    let address: String

    /// From an address of the web; nil for any other scheme, and for one without a host.
    init?(web text: String) {
        guard let scheme = ["https://", "http://"].first(where: { text.lowercased().hasPrefix($0) }) else { return nil }
        let rest = text.dropFirst(scheme.count)
        guard let first = rest.utf8.first, !"/?#".utf8.contains(first) else { return nil }
        address = scheme + WebLink.escaped(rest.utf8, keeping: "-._~:/?#[]@!$&()*+,;=%")
    }

    /// From the absolute path of a file; nil for another.
    init?(file path: String) {
        guard path.hasPrefix("/") else { return nil }
        address = "file://" + WebLink.escaped(path.utf8, keeping: "-._~/")
    }

    private static func escaped(_ bytes: some Sequence<UInt8>, keeping plain: String) -> String {
        let plain = Set(plain.utf8)
        let text = bytes.flatMap { byte -> [UInt8] in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: return [byte]
            case let byte where plain.contains(byte): return [byte]
            default:
                let hex = String(byte, radix: 16, uppercase: true)
                return Array(("%" + (hex.count == 1 ? "0" : "") + hex).utf8)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension StaticString {
    /// Its bytes.
    var utf8: UnsafeBufferPointer<UInt8> {
        precondition(hasPointerRepresentation, "a literal of several letters has its bytes")
        return UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}
