// What stands in an input for a picture: an address or a data URI, looked at as far as a service looks.

internal import Digest
internal import RunwaySimulator

/// A picture of an order.
package enum InputPicture: Sendable {
    /// Never fetched, since a test must not leave the machine.
    case address(sha256: String)
    case image(sha256: String, width: Int, height: Int)
    /// A data URI whose bytes are no picture.
    case broken(sha256: String)
    /// Neither.
    case none

    /// Reads the text of an input.
    /// - Parameter allowsBareBase64: whether base64 without a data URI's head is taken too.
    package init(_ text: String, allowsBareBase64: Bool) {
        if text.utf8.starts(with: "https://".utf8) {
            self = .address(sha256: SHA256.of(Array(text.utf8)).hex)
            return
        }
        var encoded = text[...]
        if text.utf8.starts(with: "data:".utf8) {
            guard text.utf8.starts(with: "data:image/".utf8), let comma = text.utf8.firstIndex(of: UInt8(ascii: ",")),
                text[..<comma].hasSuffix(";base64")
            else {
                self = .none
                return
            }
            encoded = text[text.utf8.index(after: comma)...]
        } else if !allowsBareBase64 {
            self = .none
            return
        }
        guard let bytes = Base64.decode(encoded.utf8) else {
            self = .none
            return
        }
        let sha256 = SHA256.of(bytes).hex
        guard let header = ImageHeader(bytes) else {
            self = .broken(sha256: sha256)
            return
        }
        self = .image(sha256: sha256, width: header.width, height: header.height)
    }

    /// What the books know it by; nil where there is no picture.
    package var sha256: String? {
        switch self {
        case .address(let sha256), .image(let sha256, _, _), .broken(let sha256): sha256
        case .none: nil
        }
    }
}
