// The JSON text of an order in which photos stand as data URIs (RFC 2397), megabytes of them.
//
// The text is written with empty places, and the photos are only noted: what is sent is woven of both.

internal import Contract
internal import Transfer

/// Writes an order with photos.
struct OrderText {
    private static let opening = Array("\"data:image/jpeg;base64,\"".utf8)

    /// The text without the photos.
    var json = JSONWriter()
    private var photos: [WovenBody.Picture] = []

    /// Writes a JPEG as a JSON string that holds a data URI: nothing in it needs an escape.
    mutating func photo(_ image: [UInt8]) {
        json.raw(Self.opening)
        photos.append(WovenBody.Picture(at: json.bytes.count - 1, image))
    }

    /// What is to be sent.
    var body: WovenBody { WovenBody(json.bytes, photos) }
}
