// Garment photos made ready, kept by the digest of the photo: the same shirt in a hundred outfits is decoded once.
//
// A photo's digest is remembered by its inode, size and times, so that an unchanged file is not read again; one that
// changed within the last two seconds is (two changes can fall into one tick of the file system's clock). So is the
// digest of a picture that is kept, which is therefore hashed once and not for every job. Pictures lie
// in `state.dir/work/prepared/` under names that tell what is in them, and the oldest go when the folder outgrows its
// limit. Losing one costs the time to make it again, so nothing here is synced and a full disk only means no keeping.

internal import Digest
package import Imaging
package import Linux
internal import Synchronization

/// A photo made ready, and where its garment is.
struct PreparedPhoto: Hashable, Sendable {
    let bytes: [UInt8]
    let shape: PreparedShape
    /// Of `bytes`.
    let content: SHA256Digest
}

/// The photos that are ready.
package final class PreparedPhotos: Sendable {
    private typealias Making = Task<Result<PreparedPhoto, ImageFailure>, Never>

    private struct State {
        var digests: [FileState: SHA256Digest] = [:]
        var shelf: PreparedShelf
        var inHand = PhotosInHand(bytesMax: PreparedPhotos.inHandMax)
        var making: [SHA256Digest: Making] = [:]
    }

    private let state: Mutex<State>
    private let workers: ImageWorkers
    private let folder: Directory
    private let pool: BlockingPool
    private let options: PrepareOptions
    private let photoBytesMax: Int
    /// Digests remembered at most; beyond that all are forgotten and learnt again.
    private static let digestsMax = 100_000
    /// Bytes of pictures that jobs at work share, at most.
    private static let inHandMax = 8 << 20

    /// Takes over what earlier runs left in `folder`. `bytesMax` bounds the folder, `photoBytesMax` one photo.
    package init(
        folder: Directory, workers: ImageWorkers, pool: BlockingPool, options: PrepareOptions, bytesMax: Int,
        photoBytesMax: Int
    ) throws(SystemFailure) {
        (self.folder, self.workers, self.pool) = (folder, workers, pool)
        (self.options, self.photoBytesMax) = (options, photoBytesMax)
        var shelf = PreparedShelf(bytesMax: bytesMax)
        for name in try folder.names() {
            guard let shape = PreparedShape(fileName: name), shape.options == PreparedShape.Options(options) else {
                try folder.unlink(name)
                continue
            }
            for old in shelf.put(shape, bytes: try folder.info(of: name).size) { try folder.unlink(old.fileName) }
        }
        state = Mutex(State(shelf: shelf))
    }

    /// The photo made ready, from the folder or by a worker.
    func prepare(_ photo: OpenFile) async throws(ImageFailure) -> PreparedPhoto {
        try await prepare(photo, digest: try await digest(of: photo))
    }

    /// The same for a photo whose digest is known (`digest(of:)`).
    func prepare(_ photo: OpenFile, digest: SHA256Digest) async throws(ImageFailure) -> PreparedPhoto {
        if let kept = await kept(digest) { return kept }
        return try await making(digest, photo).value.get()
    }

    /// No job has photos in memory any more.
    func letGo() { state.withLock { $0.inHand.letGo() } }

    // MARK: - Digests

    /// SHA-256 of a photo as it lies in the wardrobe: read, or remembered where its file has not changed.
    func digest(of photo: OpenFile) async throws(ImageFailure) -> SHA256Digest {
        let limit = photoBytesMax
        let fresh: (FileState, SHA256Digest?)
        do throws(SystemFailure) {
            fresh = try await pool.run { [self] () throws(SystemFailure) in
                let file = FileState(try photo.info())
                if let known = state.withLock({ $0.digests[file] }) { return (file, known) }
                // Beyond the limit the worker refuses it anyway, with the better sentence.
                if file.size > limit { return (file, nil) }
                return (file, try PreparedPhotos.digest(photo))
            }
        } catch {
            throw ImageFailure(.unreadable, "it cannot be read (\(error)). Check the file and the disk.")
        }
        guard let digest = fresh.1 else {
            throw ImageFailure(
                .tooLarge,
                "it has \(fresh.0.size) bytes, vizd takes up to \(limit) (limits.imageBytes). Use a smaller copy.")
        }
        remember(digest, of: fresh.0)
        return digest
    }

    private static func digest(_ photo: OpenFile) throws(SystemFailure) -> SHA256Digest {
        var hash = SHA256()
        var at = 0
        while true {
            let part = try photo.pread(count: 1 << 18, at: at)
            if part.isEmpty { return hash.finalize() }
            hash.update(part)
            at += part.count
        }
    }

    private func remember(_ digest: SHA256Digest, of file: FileState) {
        guard file.isSettled(at: WallClock.now()) else { return }
        state.withLock { state in
            if state.digests.count >= PreparedPhotos.digestsMax { state.digests.removeAll(keepingCapacity: true) }
            state.digests[file] = digest
        }
    }

    // MARK: - The folder

    private func kept(_ digest: SHA256Digest) async -> PreparedPhoto? {
        let (known, inHand) = state.withLock { ($0.shelf.take(digest), $0.inHand[digest]) }
        guard let shape = known else { return nil }
        if let inHand, inHand.shape == shape { return inHand }
        do throws(SystemFailure) {
            let found = try await pool.run { [self] () throws(SystemFailure) in try read(shape) }
            if let found {
                state.withLock { $0.inHand.put(found) }
                return found
            }
        } catch {
            // Somebody tidied up, or the disk is ill; as after a power cut that tore the file, it is made again.
        }
        state.withLock { _ = $0.shelf.forget(digest) }
        return nil
    }

    /// A picture of the folder; nil for one that is not whole.
    private func read(_ shape: PreparedShape) throws(SystemFailure) -> PreparedPhoto? {
        let file = try folder.open(shape.fileName, .read)
        let before = FileState(try file.info())
        let bytes = try file.read(limit: 1 << 26)
        if let sight = state.withLock({ $0.shelf.sight(of: shape.digest) }), sight.file == before {
            return PreparedPhoto(bytes: bytes, shape: shape, content: sight.content)
        }
        let content = SHA256.of(bytes)
        guard PreparedShape.check(of: content) == shape.check else { return nil }
        if before.isSettled(at: WallClock.now()) {
            state.withLock { $0.shelf.saw(PreparedShelf.Sight(file: before, content: content), of: shape.digest) }
        }
        return PreparedPhoto(bytes: bytes, shape: shape, content: content)
    }

    /// One task makes it, whoever asks meanwhile waits for the same.
    private func making(_ digest: SHA256Digest, _ photo: OpenFile) -> Making {
        state.withLock { state in
            if let making = state.making[digest] { return making }
            let making = Making { [self] in
                let made = await make(digest, photo)
                self.state.withLock { _ = $0.making.removeValue(forKey: digest) }
                return made
            }
            state.making[digest] = making
            return making
        }
    }

    private func make(_ digest: SHA256Digest, _ photo: OpenFile) async -> Result<PreparedPhoto, ImageFailure> {
        let image: PreparedImage
        do throws(ImageFailure) {
            image = try await workers.prepare(photo, options)
        } catch {
            return .failure(error)
        }
        let content = SHA256.of(image.bytes)
        let shape = PreparedShape(
            digest: digest, options: .init(options), width: image.width, height: image.height, content: image.content,
            backdrop: image.backdrop, check: PreparedShape.check(of: content))
        await keep(image.bytes, shape)
        return .success(PreparedPhoto(bytes: image.bytes, shape: shape, content: content))
    }

    private func keep(_ bytes: [UInt8], _ shape: PreparedShape) async {
        let folder = folder
        do throws(SystemFailure) {
            try await pool.run { () throws(SystemFailure) in
                try folder.publish(
                    bytes, as: shape.fileName, temporary: FileName(".\(shape.digest.hex)"), mode: 0o600, durable: false)
            }
        } catch {
            // A convenience that could not be kept is no failure of the job: it has its picture in memory.
            return
        }
        let old = state.withLock { $0.shelf.put(shape, bytes: bytes.count) }
        for gone in old {
            await pool.run { do throws(SystemFailure) { try folder.unlinkIfPresent(gone.fileName) } catch {} }
        }
    }
}
