// An order as OpenAI wants it: the form of `POST /v1/images/edits` (multipart/form-data, RFC 7578).
//
// The prompt is a part of its own and anybody's text; a boundary that stood in it would let it bring fields of its own,
// such as ten pictures in place of one. So the boundary is one that the prompt does not contain.

internal import Contract

/// Writes orders.
enum OpenAIForm {
    /// The body and its content type.
    struct Encoded: Sendable {
        let contentType: String
        let bytes: [UInt8]
    }

    /// The form. Photos go in the order in which the prompt counts them. Fields that a model may not have
    /// (`input_fidelity`, `moderation`, `seed`) are left out.
    static func encode(_ order: Order, quality: OpenAIQuality) -> Encoded {
        precondition(order.kind == .image, "an order of a \(order.kind.rawValue) came to \(order.model.name)")
        guard let prompt = order.prompt else { preconditionFailure("an order without a prompt came to OpenAI") }
        let boundary = boundary(order.references.first?.digest ?? "", for: prompt)
        let fields = [
            ("model", order.model.name), ("prompt", prompt), ("n", "1"),
            ("size", "\(order.size.width)x\(order.size.height)"), ("quality", quality.rawValue),
            ("output_format", "jpeg"), ("output_compression", "95"), ("background", "opaque"),
        ]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(order.references.reduce(4096 + prompt.utf8.count) { $0 + $1.image.count + 256 })
        for (name, value) in fields {
            bytes += "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n".utf8
            bytes += value.utf8
            bytes += "\r\n".utf8
        }
        for (index, reference) in order.references.enumerated() {
            let head =
                "--\(boundary)\r\nContent-Disposition: form-data; name=\"image[]\"; "
                + "filename=\"image-\(index + 1).jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"
            bytes += head.utf8
            bytes += reference.image
            bytes += "\r\n".utf8
        }
        bytes += "--\(boundary)--\r\n".utf8
        return Encoded(contentType: "multipart/form-data; boundary=\(boundary)", bytes: bytes)
    }

    /// Made of the first photo's own digest, which no photo contains, and counted on until the prompt does not either.
    static func boundary(_ digest: String, for prompt: String) -> String {
        let stem = "vizd-\(digest.prefix(40))"
        var number = 0
        while prompt.contains("\(stem)-\(number)") { number += 1 }
        return "\(stem)-\(number)"
    }
}
