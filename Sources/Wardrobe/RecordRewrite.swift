// One attempt to rewrite a record of a user's (`RecordKind`), against writers that know our lock and writers that do
// not.
//
// With the lock (`flock` on `.saved_outfits.lock` or `.user_profile.lock`) it is plain: read, change, write aside,
// fsync, swap, fsync the folder. A foreign writer without the lock either replaces the file (writes aside, renames) or
// empties and fills it in place. What it may do, by the moment at which it does it:
//
//   before our read          we read its write; a half-filled file does not parse, or changes while it is read, and is
//                            read again.
//   read .. swap             the look right before the swap sees it: nothing is swapped, we start again.
//   look .. swap             the swap (RENAME_EXCHANGE) brings its file out instead of the one that was read. It is
//                            compared byte for byte, found to be another, and swapped back: its write stands, and one
//                            that goes on filling that file fills the record. We start again.
//   swap .. swap back        its newer file comes out by the swap back; that one is swapped in again, and so on until
//                            what comes out is what went in: the newest foreign write stands.
//   after our swap           it writes over ours. If it had read the file before, our entry is gone with it; no writer
//                            can prevent that alone. `RecordLines` looks again a little later and puts it back.
//
// So a foreign write that was complete before our swap is never lost. Not covered, and not to be covered without a
// lock: a program that reads during the microseconds between swap and swap back sees our text without the other's
// change, and one that keeps the file open for longer than our whole attempt and then writes into it writes into a
// removed file.
//
// A crash at any point leaves either the old record or the new one. The aside file is named after the digests of what
// was read and of what was written, so that the next attempt can tell which of them it holds: either of these is
// removed; a third text is a foreign write that the swap brought out, and goes back into its place.
// Where the file system cannot exchange, the record is compared once more right before a plain rename. A record that is
// not there yet takes its name only where nobody else has taken it meanwhile.

internal import Contract
internal import Digest
internal import Linux

/// The moments of an attempt, for tests that put a foreign writer into each of them.
enum RewriteStep: Sendable, CaseIterable {
    case locked, read, written, looked, swapped, compared, synced
}

/// A file with a content, told without reading it. The time of last change of its entry is left out: a swap changes
/// that.
struct FileMark: Hashable, Sendable {
    let identity: FileIdentity
    let size: Int
    let modified: Int64

    init(_ info: FileInfo) { (identity, size, modified) = (info.identity, info.size, info.modified) }
}

struct RecordRewrite: Sendable {
    /// What came of one attempt.
    enum Outcome: Sendable {
        /// What became of the changes, the file that the record is now, and whether it had to be changed.
        case done(WrittenRecord<FileMark>)
        /// Somebody else holds the lock.
        case locked
        /// Somebody changed the record meanwhile.
        case disturbed
        /// It is no record at the moment: half written, or for good.
        case unreadable(RecordFault)
        case missing
    }

    let folder: UserFolder
    let kind: RecordKind
    let changes: [RecordChange]
    let now: Timestamp
    /// False in tests of what happens on file systems without RENAME_EXCHANGE.
    let exchanges: Bool
    let reached: @Sendable (RewriteStep) -> Void

    private var partial: FileName { FileName("\(kind.stem).partial") }
    private var asidePrefix: String { "\(kind.stem).aside-" }
    private var label: String { folder.label(kind.file) }

    /// Tries once. Blocks while the disk works, never for the lock.
    func attempt() throws(WardrobeFailure) -> Outcome {
        let answer: Answer
        do throws(SystemFailure) {
            guard let lock = try takeLock() else { return .locked }
            reached(.locked)
            let scratch = try folder.scratch()
            try recover(scratch)
            answer = try rewrite(scratch)
            try lock.release()
        } catch {
            throw .writing(error, label)
        }
        return try answer.get()
    }

    // MARK: The lock

    private func takeLock() throws(SystemFailure) -> FileLock? {
        let file = try openLock()
        guard let lock = try FileLock.attempt(file) else { return nil }
        // Somebody may have removed the name while it was opened; then others lock another file.
        let named = try folder.directory.infoIfPresent(of: kind.lock)
        return try file.info().identity == named?.identity ? lock : nil
    }

    private func openLock() throws(SystemFailure) -> OpenFile {
        let directory = folder.directory
        do throws(SystemFailure) {
            let isNew = try directory.infoIfPresent(of: kind.lock) == nil
            let file = try directory.open(kind.lock, .readWrite, mode: 0o660)
            // The umask may have taken the group's bits; the app's user has to be able to lock, too.
            if isNew, try file.info().uid == Host.userID { try file.setMode(0o660) }
            return file
        } catch let error where error.errno == .accessDenied {
            // Made by the app for itself: to lock it, reading is enough.
            return try directory.open(kind.lock, .read)
        }
    }

    // MARK: The change

    private typealias Answer = Result<Outcome, WardrobeFailure>

    private func rewrite(_ scratch: Directory) throws(SystemFailure) -> Answer {
        let look: UserFolder.Look
        do throws(WardrobeFailure) { look = try folder.look(kind.file) } catch { return .failure(error) }
        let old: RecordSnapshot?
        switch look {
        case .missing: old = nil
        case .changing: return .success(.disturbed)
        case .record(let snapshot): old = snapshot
        }
        reached(.read)
        let edited: EditedRecord?
        do throws(RecordFault) {
            edited = try kind.edit(changes, old?.bytes, now: now)
        } catch {
            return .success(.unreadable(error))
        }
        guard let edited else { return .success(.missing) }
        guard let bytes = edited.bytes else { return .success(try unchanged(old, edited)) }
        guard bytes.count <= UserFolder.recordLimit else { return .failure(.outgrown(label, kind)) }
        let mark: FileMark?
        if let old { mark = try replace(old, by: bytes, scratch) } else { mark = try begin(bytes, scratch) }
        guard let mark else { return .success(.disturbed) }
        return .success(.done(WrittenRecord(edited: edited, mark: mark, isChanged: true)))
    }

    /// The record says everything already. It may be that nobody has made it durable.
    private func unchanged(_ old: RecordSnapshot?, _ edited: EditedRecord) throws(SystemFailure) -> Outcome {
        if let old, edited.outcomes.contains(.recorded) {
            try folder.directory.open(kind.file, .read).sync()
            try folder.directory.sync()
            return .done(WrittenRecord(edited: edited, mark: FileMark(old.info), isChanged: false))
        }
        return .done(WrittenRecord(edited: edited, mark: old.map { FileMark($0.info) }, isChanged: false))
    }

    /// Puts the first text of a record into its place; nil if there is one by now.
    private func begin(_ bytes: [UInt8], _ scratch: Directory) throws(SystemFailure) -> FileMark? {
        let (aside, mark) = try writeAside(bytes, like: nil, scratch)
        reached(.written)
        do throws(SystemFailure) {
            reached(.looked)
            try take(aside, scratch)
        } catch {
            // The first failure is the one to tell; what cannot be removed now is removed next time.
            do throws(SystemFailure) { try scratch.unlinkIfPresent(aside) } catch {}
            if error.errno == .exists { return nil }
            throw error
        }
        reached(.swapped)
        try folder.directory.sync()
        reached(.synced)
        return mark
    }

    /// Gives the aside file the record's name, which nobody must have.
    private func take(_ aside: FileName, _ scratch: Directory) throws(SystemFailure) {
        do throws(SystemFailure) {
            try scratch.rename(aside, to: folder.directory, as: kind.file, .noReplace)
        } catch let error where Self.cannot.contains(error.errno) {
            try scratch.link(aside, to: folder.directory, as: kind.file)
            try scratch.unlink(aside)
        }
    }

    /// How a file system says that it does not know an option of a rename.
    private static let cannot: [Errno] = [.invalid, .notImplemented, .notSupported]

    private func current() throws(SystemFailure) -> FileInfo? {
        try folder.directory.infoIfPresent(of: kind.file)
    }

    /// Puts the new text into the record's place, as the file that is answered; nil if the record was not the one that
    /// was read.
    private func replace(_ old: RecordSnapshot, by bytes: [UInt8], _ scratch: Directory) throws(SystemFailure)
        -> FileMark?
    {
        let (aside, mark) = try writeAside(bytes, like: old, scratch)
        reached(.written)
        var isSwapped = false
        do throws(SystemFailure) {
            guard try isUntouched(old) else {
                try scratch.unlink(aside)
                return nil
            }
            reached(.looked)
            isSwapped = try swap(aside, scratch)
        } catch {
            // Nothing was swapped: the aside file is ours. One that cannot be removed now is removed next time.
            do throws(SystemFailure) { try scratch.unlinkIfPresent(aside) } catch {}
            throw error
        }
        guard isSwapped else { return try replaceByRename(old, aside, scratch) ? mark : nil }
        reached(.swapped)
        let isOurs = try settle(old: old.bytes, new: bytes, aside, scratch)
        reached(.compared)
        try folder.directory.sync()
        reached(.synced)
        // The record is written. What cannot be removed now is removed next time, and is no reason to say otherwise.
        do throws(SystemFailure) { try scratch.unlinkIfPresent(aside) } catch {}
        return isOurs ? mark : nil
    }

    /// Writes the new text durably, with the old file's owner and permissions as far as we may give them.
    private func writeAside(_ bytes: [UInt8], like old: RecordSnapshot?, _ scratch: Directory) throws(SystemFailure)
        -> (FileName, FileMark)
    {
        let aside = FileName(asidePrefix + Self.digest(old?.bytes ?? []) + "-" + Self.digest(bytes))
        do throws(SystemFailure) {
            let file = try scratch.openFresh(partial, mode: old == nil ? UserFolder.fileMode : 0o600)
            try file.write(all: bytes)
            if let old {
                try keepOwner(of: old.info, on: file)
                try file.setMode(old.info.mode & 0o777)
            }
            try file.sync()
            try scratch.rename(partial, as: aside, .replace)
            return (aside, FileMark(try file.info()))
        } catch {
            // The first failure is the one to tell; what cannot be removed now is removed next time.
            do throws(SystemFailure) { try scratch.unlinkIfPresent(partial) } catch {}
            throw error
        }
    }

    /// Only root may give files away; a group that vizd's user is in can be kept without it.
    private func keepOwner(of old: FileInfo, on file: OpenFile) throws(SystemFailure) {
        let mine = try file.info()
        guard mine.uid != old.uid || mine.gid != old.gid else { return }
        do throws(SystemFailure) {
            try file.setOwner(uid: old.uid, gid: old.gid)
        } catch let error where error.errno == .notPermitted {
            do throws(SystemFailure) {
                try file.setOwner(uid: mine.uid, gid: old.gid)
            } catch let error where error.errno == .notPermitted {}
        }
    }

    private func isUntouched(_ old: RecordSnapshot) throws(SystemFailure) -> Bool { try current() == old.info }

    // MARK: The swap

    /// False where the file system cannot exchange two names.
    private func swap(_ aside: FileName, _ scratch: Directory) throws(SystemFailure) -> Bool {
        guard exchanges else { return false }
        do throws(SystemFailure) {
            try scratch.rename(aside, to: folder.directory, as: kind.file, .exchange)
            return true
        } catch let error where Self.cannot.contains(error.errno) {
            return false
        }
    }

    /// After the first swap: looks at what came out, and swaps on until what comes out is what was put in the turn
    /// before. True if that was so at once: ours is the record now.
    private func settle(old: [UInt8], new: [UInt8], _ aside: FileName, _ scratch: Directory) throws(SystemFailure)
        -> Bool
    {
        var (placed, expected) = (new, old)
        var isOurs = true
        for _ in 0..<64 {
            let out = try content(of: aside, in: scratch)
            if out == expected { return isOurs }
            isOurs = false
            guard try swap(aside, scratch) else { break }
            (placed, expected) = (out, placed)
        }
        // Somebody replaces the record faster than we can look: what is aside now stays, for a person to find.
        try keep(aside, in: scratch)
        return false
    }

    private func content(of name: FileName, in scratch: Directory) throws(SystemFailure) -> [UInt8] {
        try scratch.open(name, .read).read(limit: 2 * UserFolder.recordLimit)
    }

    /// Without exchange: one more comparison of the content, and a rename in the same breath.
    private func replaceByRename(_ old: RecordSnapshot, _ aside: FileName, _ scratch: Directory) throws(SystemFailure)
        -> Bool
    {
        let now = try folder.directory.open(kind.file, .read).read(limit: 2 * UserFolder.recordLimit)
        guard now == old.bytes else {
            try scratch.unlink(aside)
            return false
        }
        try scratch.rename(aside, to: folder.directory, as: kind.file, .replace)
        reached(.swapped)
        try folder.directory.sync()
        reached(.synced)
        return true
    }

    // MARK: After a crash

    /// Clears away what an attempt left that did not come to its end. Under the lock nobody else's is here.
    private func recover(_ scratch: Directory) throws(SystemFailure) {
        for name in try scratch.names() {
            if name == partial {
                try scratch.unlink(name)
            } else if let (read, written) = digests(in: name) {
                try recover(name, read: read, written: written, scratch)
            }
        }
    }

    private func recover(_ aside: FileName, read: String, written: String, _ scratch: Directory) throws(SystemFailure) {
        guard try scratch.info(of: aside).kind == .regular else { return }
        let left = Self.digest(try content(of: aside, in: scratch))
        guard left != read && left != written else { return try scratch.unlink(aside) }
        // A foreign write, swapped out and not yet swapped back.
        let record =
            try current()?.kind == .regular
            ? try folder.directory.open(kind.file, .read).read(limit: 2 * UserFolder.recordLimit) : nil
        guard let record, Self.digest(record) == written, try swap(aside, scratch) else {
            return try keep(aside, in: scratch)
        }
        try folder.directory.sync()
        try scratch.unlink(aside)
    }

    /// Puts a foreign text that has no place any more under a name that nothing removes.
    private func keep(_ aside: FileName, in scratch: Directory) throws(SystemFailure) {
        try scratch.rename(aside, as: FileName("\(kind.stem).displaced-" + Random.hex(bytes: 8)), .noReplace)
    }

    /// 32 hexadecimal digits: half a SHA-256, which is plenty to tell texts apart, and short enough for a name.
    private static func digest(_ bytes: [UInt8]) -> String { String(SHA256.of(bytes).hex.prefix(32)) }

    private func digests(in name: FileName) -> (read: String, written: String)? {
        guard let text = name.string, text.hasPrefix(asidePrefix) else { return nil }
        let parts = text.dropFirst(asidePrefix.count).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 32 }) else { return nil }
        return (String(parts[0]), String(parts[1]))
    }
}
