// `state.dir/work/`: pictures that came from a provider and are not stored for good yet, one file a job.
//
// What is here was paid for, so it is durable before the journal speaks of it, its digest is checked before it is used,
// and it goes only when the job has landed. The folder belongs to the daemon alone.

internal import Contract
package import Digest
package import Ledger
package import Linux

/// The pictures under way.
package struct WorkFolder: Sendable {
    private let folder: Directory
    private let pool: BlockingPool

    package init(_ folder: Directory, pool: BlockingPool) { (self.folder, self.pool) = (folder, pool) }

    /// The file of a job; job names are valid file names and short enough for the ending.
    private static func name(of job: String) -> String { "\(job).picture" }

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

    /// The kept picture; nil when it is gone or is not the one that was noted.
    package func picture(_ note: PictureNote) async throws(SystemFailure) -> [UInt8]? {
        let folder = folder
        return try await pool.run { () throws(SystemFailure) -> [UInt8]? in
            do throws(SystemFailure) {
                let bytes = try folder.open(FileName(note.file), .read).read(limit: note.bytes)
                return SHA256.of(bytes).bytes == note.sha256 ? bytes : nil
            } catch where error.errno == .notFound || error.errno == .tooLarge {
                return nil
            }
        }
    }

    /// Lets go of a landed job's picture.
    package func drop(_ job: String) async throws(SystemFailure) {
        let (folder, name) = (folder, FileName(WorkFolder.name(of: job)))
        try await pool.run { () throws(SystemFailure) in _ = try folder.unlinkIfPresent(name) }
    }

    /// Removes what no open job speaks of: pictures of landed jobs and half-written files. Answers how many.
    package func sweep(keeping jobs: Set<[UInt8]>) throws(SystemFailure) -> Int {
        let ending = Array(".picture".utf8)
        var removed = 0
        for name in try folder.names() where name.bytes.starts(with: Array(".".utf8)) || name.bytes.hasSuffix(ending) {
            let job = Array(name.bytes.dropLast(ending.count))
            if jobs.contains(job) && name.bytes.first != 0x2E { continue }
            try folder.unlink(name)
            removed += 1
        }
        return removed
    }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ ending: [UInt8]) -> Bool { count >= ending.count && suffix(ending.count).elementsEqual(ending) }
}
