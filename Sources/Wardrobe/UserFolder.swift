// A user's folder beneath the wardrobe's root, held open: what is read and written in it goes through here.
//
// Nothing leaves the folder: every name is opened beneath it. A record is a regular file of at most 32 MiB that is no
// symbolic link (a swap would put a file in the link's place). What vizd writes stands in `.vizd` until it is whole, so
// that what a crash leaves is all in one place that is nearly always empty. All calls block: only on threads of our
// own.

internal import Linux

/// The bytes of a record, and what file they were read from.
struct RecordSnapshot: Sendable {
    let bytes: [UInt8]
    let info: FileInfo
}

/// A user's folder.
final class UserFolder: Sendable {
    /// What stands under a record's name.
    enum Look: Sendable {
        case missing
        /// It was written to each time that it was read.
        case changing
        case record(RecordSnapshot)
    }

    /// Bytes of a record that are read at most.
    static let recordLimit = 32 << 20
    static let outfits: FileName = "saved_outfits.json"
    static let profile: FileName = "user_profile.json"
    static let items: FileName = "wardrobe_metadata.json"
    static let scratch: FileName = ".vizd"

    /// Permissions before the process's umask.
    static let folderMode: UInt32 = 0o775
    static let fileMode: UInt32 = 0o664

    let directory: Directory

    init(_ directory: Directory) { self.directory = directory }

    func label(_ name: FileName) -> String { "\(directory.path)/\(name)" }

    /// A record as it is now.
    func look(_ name: FileName) throws(WardrobeFailure) -> Look {
        do throws(SystemFailure) {
            for _ in 0..<8 {
                let file = try directory.open(name, .read)
                let before = try file.info()
                if before.kind != .regular { throw SystemFailure(call: "open", errno: .noDevice, subject: label(name)) }
                let bytes = try file.read(limit: Self.recordLimit)
                if try file.info() == before { return .record(RecordSnapshot(bytes: bytes, info: before)) }
            }
            return .changing
        } catch let error where error.errno == .notFound {
            return .missing
        } catch {
            throw .reading(error, label(name))
        }
    }

    /// The folder for what is not whole yet, made when it is missing.
    func scratch() throws(SystemFailure) -> Directory { try directory.folder([Self.scratch], make: true) }
}

extension Directory {
    /// A folder some levels down. Missing ones are made, durably, if `make` says so.
    func folder(_ names: [FileName], make: Bool) throws(SystemFailure) -> Directory {
        var folder = self
        for name in names {
            do throws(SystemFailure) {
                folder = try folder.directory(name)
            } catch let error where error.errno == .notFound && make {
                let made = try folder.directory(name, createMode: UserFolder.folderMode)
                try folder.sync()
                folder = made
            }
        }
        return folder
    }
}
