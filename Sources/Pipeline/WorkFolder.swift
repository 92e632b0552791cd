// `state.dir/work/`: pictures that came from a provider and are not stored for good yet, one file a job.
//
// What is here was paid for, so it is durable before the journal speaks of it, its digest is checked before it is used,
// and it goes only when the job has landed. The folder belongs to the daemon alone.

internal import Contract
internal import Digest
package import Ledger
package import Linux

/// The pictures under way.
package struct WorkFolder: Sendable {
    private let folder: Directory
    private let pool: BlockingPool
    /// What is being fetched lies there while it is small.
    private let memory = MemoryRoom(bytes: 32 << 20)
    /// Bytes of one file that is being fetched, in memory.
    private static let smallMax = 4 << 20

    package init(_ folder: Directory, pool: BlockingPool) { (self.folder, self.pool) = (folder, pool) }

    /// The file of a job; job names are valid file names and short enough for the ending.
    private static func name(of job: String) -> String { "\(job)\(ending)" }

    /// Keeps a verified picture durably.
    package func keep(_ picture: [UInt8], of job: String, width: Int, height: Int, contentType: String)
        async throws(SystemFailure) -> PictureNote
    {
        let name = WorkFolder.name(of: job)
        let folder = folder
        try await pool.run { () throws(SystemFailure) in
            try folder.publish(picture, as: FileName(name), temporary: FileName(".\(name)"), mode: 0o600)
        }
        return PictureNote(
            file: name, sha256: SHA256.of(picture).bytes, bytes: picture.count, width: width, height: height,
            contentType: contentType)
    }

    /// A new file without a name: nothing of it is left when vizd ends.
    package func unnamed() async throws(SystemFailure) -> OpenFile {
        let folder = folder
        return try await pool.run { () throws(SystemFailure) in try WorkFolder.nameless(in: folder) }
    }

    /// The same for what is being fetched, which is in memory while it is small.
    package func growing() async throws(SystemFailure) -> GrowingFile {
        let (folder, memory) = (folder, memory)
        return try await pool.run { () throws(SystemFailure) in
            try GrowingFile(in: memory, most: WorkFolder.smallMax) { () throws(SystemFailure) in
                try WorkFolder.nameless(in: folder)
            }
        }
    }

    private static func nameless(in folder: Directory) throws(SystemFailure) -> OpenFile {
        do throws(SystemFailure) {
            return try folder.openNameless(mode: 0o600)
        } catch let error where error.errno == .notSupported || error.errno == .isDirectory {
            // A file system without O_TMPFILE: a name for a moment.
            let name = FileName(".\(Random.hex(bytes: 8))\(ending)")
            let file = try folder.open(name, .create, mode: 0o600)
            try folder.unlink(name)
            return file
        }
    }

    /// The bytes of a file that was fetched, from its beginning.
    package func read(_ file: OpenFile, limit: Int) async throws(SystemFailure) -> [UInt8] {
        try await pool.run { () throws(SystemFailure) in try file.read(limit: limit) }
    }

    /// The kept picture; nil when it is gone or is not the one that was noted.
    package func picture(_ note: PictureNote) async throws(SystemFailure) -> [UInt8]? {
        let folder = folder
        return try await pool.run { () throws(SystemFailure) -> [UInt8]? in
            do throws(SystemFailure) {
                let bytes = try folder.open(FileName(note.file), .read).read(limit: note.bytes)
                return SHA256.of(bytes).bytes == note.sha256 ? bytes : nil
            } catch let error where error.errno == .notFound || error.errno == .tooLarge {
                return nil
            }
        }
    }

    /// Lets go of a landed job's picture.
    package func drop(_ job: String) async throws(SystemFailure) {
        let (folder, name) = (folder, FileName(WorkFolder.name(of: job)))
        try await pool.run { () throws(SystemFailure) in _ = try folder.unlinkIfPresent(name) }
    }

    /// Lets go of pictures by the names of their files (`PictureNote.file`).
    package func remove(_ files: [String]) async throws(SystemFailure) {
        if files.isEmpty { return }
        let folder = folder
        try await pool.run { () throws(SystemFailure) in
            for file in files { try folder.unlinkIfPresent(FileName(file)) }
        }
    }

    /// The jobs whose pictures are here. Half-written files of an earlier run are removed on the way.
    package func jobs() async throws(SystemFailure) -> [String] {
        let folder = folder
        return try await pool.run { () throws(SystemFailure) -> [String] in
            var jobs: [String] = []
            for name in try folder.names() {
                // By bytes: what Swift calls a character may reach across the dot of the ending.
                let ending = WorkFolder.ending.utf8
                guard name.bytes.count > ending.count, name.bytes.suffix(ending.count).elementsEqual(ending) else {
                    continue
                }
                if name.bytes.first == UInt8(ascii: ".") {
                    try folder.unlinkIfPresent(name)
                } else if let job = String(validating: name.bytes.dropLast(ending.count), as: UTF8.self) {
                    jobs.append(job)
                }
            }
            return jobs
        }
    }

    private static let ending = ".picture"
}
