// A file that nobody needs after a crash: in memory while it is small, on the disk once it has grown.
//
// To make a new file is among the dearest things that one can ask of a file system, and most of what is fetched is
// small and gone again within milliseconds. Memory is bounded twice: for each file, and for all that share a
// `MemoryRoom`. Where there is no room the file is on the disk, from its first byte or from then on; nobody waits.

internal import Synchronization

/// Bytes of memory that some files may take together.
package final class MemoryRoom: Sendable {
    private let left: Mutex<Int>

    /// Room for so many bytes.
    package init(bytes: Int) { left = Mutex(bytes) }

    /// Bytes that are free.
    package var free: Int { left.withLock { $0 } }

    /// Takes bytes, or none and answers false.
    fileprivate func take(_ bytes: Int) -> Bool {
        left.withLock { left in
            guard bytes <= left else { return false }
            left -= bytes
            return true
        }
    }

    fileprivate func giveBack(_ bytes: Int) { left.withLock { $0 += bytes } }
}

/// A file that is written from its beginning on by one writer at a time.
package final class GrowingFile: Sendable {
    private struct State {
        var file: OpenFile
        /// Bytes of memory that it has taken; nil once it is on the disk.
        var taken: Int?
    }

    private let state: Mutex<State>
    private let room: MemoryRoom
    private let most: Int
    private let makeOnDisk: @Sendable () throws(SystemFailure) -> OpenFile

    /// An empty file.
    /// - Parameters:
    ///   - room: where its memory comes from, and goes back to when this object goes.
    ///   - most: bytes that it has in memory at most.
    ///   - makeOnDisk: makes an empty file on the disk.
    package init(
        in room: MemoryRoom, most: Int, makeOnDisk: @escaping @Sendable () throws(SystemFailure) -> OpenFile
    ) throws(SystemFailure) {
        (self.room, self.most, self.makeOnDisk) = (room, most, makeOnDisk)
        let start =
            room.free > 0 ? State(file: try OpenFile.inMemory("growing"), taken: 0) : State(file: try makeOnDisk())
        state = Mutex(start)
    }

    deinit { room.giveBack(state.withLock { $0.taken ?? 0 }) }

    /// What was written so far, wherever it is; another file after one more write may be.
    package var file: OpenFile { state.withLock { $0.file } }

    /// Whether it is in memory.
    package var isInMemory: Bool { state.withLock { $0.taken != nil } }

    /// Writes all bytes at a position, which is where the last ones ended or before.
    package func pwrite(all bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemFailure) {
        let (file, taken) = state.withLock { ($0.file, $0.taken) }
        guard let taken else { return try file.pwrite(all: bytes, at: offset) }
        let end = max(taken, offset + bytes.count)
        if end <= most, room.take(end - taken) {
            state.withLock { $0.taken = end }
            // A machine without memory for it may have a disk with room.
            do throws(SystemFailure) { return try file.pwrite(all: bytes, at: offset) } catch {}
        }
        try moved(file).pwrite(all: bytes, at: offset)
    }

    /// Moves what is in memory to the disk, in pieces.
    private func moved(_ old: OpenFile) throws(SystemFailure) -> OpenFile {
        let fresh = try makeOnDisk()
        var at = 0
        while true {
            let part = try old.pread(count: 1 << 18, at: at)
            if part.isEmpty { break }
            var failure: SystemFailure?
            part.withUnsafeBytes { bytes in
                do throws(SystemFailure) { try fresh.pwrite(all: bytes, at: at) } catch { failure = error }
            }
            if let failure { throw failure }
            at += part.count
        }
        let taken = state.withLock { state in
            defer { state = State(file: fresh, taken: nil) }
            return state.taken ?? 0
        }
        room.giveBack(taken)
        return fresh
    }
}
