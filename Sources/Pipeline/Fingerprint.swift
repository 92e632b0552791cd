// What a picture will look like, as a digest: two orders of one fingerprint ask the same of the same provider with the
// same photos, so the picture of the one answers the other.
//
// SHA-256 over the fields below in their order, each with its length in front, so that no two lists of fields have the
// same bytes. A change of what is in it, or of what vizd does with the same order, takes a new `version`: then every
// older picture is made anew once, and none is taken for what it is not.

internal import Contract
internal import Digest
internal import Providers

/// What decides how a picture looks.
struct PictureLook {
    var kind: PictureKind
    var provider: String
    var model: String
    var size: PixelSize
    var seed: UInt32?
    /// As it would be sent; nil where the model takes none.
    var prompt: String?
    /// The garments in the outfit's order.
    var garments: [Piece]
    /// SHA-256 of the photo of the person who wears them.
    var person: SHA256Digest?
    /// Whether vizd itself lays garments out on a picture: then their names and categories decide where.
    var isLaidOut: Bool

    /// A garment: the photo as it lies in the wardrobe, before anything was made of it.
    struct Piece {
        let photo: SHA256Digest
        var name: String
        let category: String?
    }

    private static let version = "1"

    /// 32 bytes.
    var fingerprint: SHA256Digest {
        var fields: [String?] = [
            "vizd picture", PictureLook.version, kind.rawValue, provider, model, size.description,
            seed.map { "\($0)" }, prompt, person?.hex, isLaidOut ? "laid out" : "as they are", "\(garments.count)",
        ]
        for garment in garments {
            fields.append(garment.photo.hex)
            if isLaidOut { fields += [garment.name, garment.category] }
        }
        var hash = SHA256()
        for field in fields { hash.update(PictureLook.bytes(field)) }
        return hash.finalize()
    }

    /// The length in decimal, a colon, the text; a dash for none.
    private static func bytes(_ field: String?) -> [UInt8] {
        guard let field else { return Array("-".utf8) }
        return Array("\(field.utf8.count):".utf8) + Array(field.utf8)
    }
}
