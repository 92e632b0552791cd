// Thumbnails for the gallery, made by the image workers: a broken or hostile picture ends its worker and leaves a card
// without one, nothing else.
//
// A picture is opened beneath the wardrobe's root and through no link, and it is shown only if it is still the file
// that the job made (its SHA-256): a later job of the same outfit has the same place. Films are not looked into: one
// has the picture that it was made of, which is stored beside it. Why there is none is always said.

internal import Digest
internal import Imaging
internal import Linux

struct GalleryThumbnails: Sendable {
    /// The longer side, in pixels.
    static let edge = 560
    static let quality = 78
    /// Bytes of all of them together.
    static let budget = 24 << 20
    /// So many are made at a time; that bounds the memory, whose largest part are the pictures.
    private static let atOnce = 4

    /// The wardrobe's root; nil where there is none on this machine.
    let root: Directory?
    let workers: ImageWorkers
    let pool: BlockingPool
    /// The most bytes of a picture.
    let limit: Int
    let budget: Int

    init(
        root: Directory?, workers: ImageWorkers, pool: BlockingPool = BlockingPool(threads: 2, name: "vizd-gallery"),
        limit: Int, budget: Int = budget
    ) {
        (self.root, self.workers, self.pool, self.limit, self.budget) = (root, workers, pool, limit, budget)
    }

    /// The entries with their thumbnails, the first ones first, until the budget is spent.
    func adorn(_ entries: [GalleryEntry]) async -> [GalleryEntry] {
        var entries = entries
        var spent = 0
        for start in stride(from: 0, to: entries.count, by: Self.atOnce) {
            let part = start..<min(start + Self.atOnce, entries.count)
            let made = spent >= budget ? [:] : await thumbnails(part, of: entries)
            for index in part {
                guard case .picture(var picture) = entries[index].face else { continue }
                picture.thumbnail = made[index] ?? .none("the page is full")
                if case .jpeg(let bytes, _, _) = picture.thumbnail {
                    if spent + bytes.count > budget {
                        picture.thumbnail = .none("the page is full")
                        spent = budget
                    } else {
                        spent += bytes.count
                    }
                }
                entries[index].face = .picture(picture)
            }
        }
        return entries
    }

    private func thumbnails(_ range: Range<Int>, of entries: [GalleryEntry]) async -> [Int: GalleryThumbnail] {
        await withTaskGroup(of: (Int, GalleryThumbnail).self) { group in
            for index in range {
                guard case .picture(let picture) = entries[index].face else { continue }
                group.addTask { (index, await thumbnail(of: picture)) }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    private func thumbnail(of picture: GalleryPicture) async -> GalleryThumbnail {
        guard let path = picture.path else { return .none("it is in the bucket") }
        guard let root else { return .none("the wardrobe is not on this machine") }
        guard path.hasPrefix(root.path + "/") else { return .none("it is outside of wardrobe.root") }
        let name = FileName(String(path.dropFirst(root.path.count + 1)))
        do {
            let found = try await pool.run { () throws(SystemFailure) in
                try picture.film == nil ? read(picture, name, in: root) : readStill(of: picture, name, in: root)
            }
            guard case .bytes(let bytes) = found else { return found.thumbnail }
            let file = try OpenFile.inMemory(bytes, label: "picture")
            let small = try await workers.prepare(
                file, PrepareOptions(maximumEdge: Self.edge, quality: Self.quality))
            return .jpeg(small.bytes, width: small.width, height: small.height)
        } catch let failure as SystemFailure {
            return .none(GalleryThumbnails.words(failure))
        } catch let failure as ImageFailure {
            return .none(failure.message)
        } catch {
            return .none("\(error)")
        }
    }

    /// What a thumbnail is made of, or why there is nothing.
    private enum Found: Sendable {
        case bytes([UInt8])
        case none(String)

        var thumbnail: GalleryThumbnail {
            if case .none(let why) = self { .none(why) } else { .none("it was not drawn") }
        }
    }

    private func read(_ picture: GalleryPicture, _ name: FileName, in root: Directory) throws(SystemFailure) -> Found {
        let file = try root.open(name, .read)
        guard try file.info().kind == .regular else { return .none("it is no file") }
        let bytes = try file.read(limit: limit)
        return SHA256.of(bytes).hex == picture.sha256 ? .bytes(bytes) : .none("another picture has its place by now")
    }

    /// The picture that a film was made of has the film's name but for its end. Its own digest is in no result: it is
    /// that picture if it was there before the film.
    private func readStill(of film: GalleryPicture, _ name: FileName, in root: Directory) throws(SystemFailure)
        -> Found
    {
        let end = Array(".mp4".utf8)
        guard name.bytes.suffix(end.count) == end[...] else { return .none("a film") }
        let made = try root.open(name, .read).info()
        guard made.kind == .regular else { return .none("it is no file") }
        guard made.size == film.size else { return .none("another film has its place by now") }
        do throws(SystemFailure) {
            let file = try root.open(FileName(bytes: name.bytes.dropLast(end.count) + Array(".jpg".utf8)), .read)
            let info = try file.info()
            guard info.kind == .regular else { return .none("its picture is no file") }
            guard info.modified <= made.modified else { return .none("its picture was made anew since") }
            return .bytes(try file.read(limit: limit))
        } catch  where error.errno == .notFound {
            return .none("its picture is not there any more")
        }
    }

    private static func words(_ failure: SystemFailure) -> String {
        switch failure.errno {
        case .notFound: "it is not there any more"
        case .accessDenied: "this user may not read it"
        case .tooLarge: "it is larger than limits.imageBytes"
        default: failure.errno.text
        }
    }
}
