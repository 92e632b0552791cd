// Reading a file that anybody may have made: never through a link, never waiting, never more than the limit.

package import Linux

/// What reading one file gave.
package enum Reading: Hashable, Sendable {
    /// The whole content; the owner's uid is in the info.
    case bytes([UInt8], FileInfo)
    /// It is a link, pipe, socket, device or folder, and was not opened for data.
    case odd(FileInfo)
    /// It is larger than the limit; nothing of it is kept.
    case tooLarge(FileInfo)
    /// It is there but cannot be read; the sentence says what to do.
    case unreadable(FileInfo?, String)
    /// Nothing of that name.
    case gone
    /// There was no descriptor or no memory to read it with: nothing is known of it. Look again later.
    case short(FileInfo?, SystemFailure)

    /// Reads a file beneath a folder.
    /// - Parameter limit: the most bytes (`limits.requestBytes`).
    package static func of(_ name: FileName, in folder: Directory, limit: Int) -> Reading {
        var seen: FileInfo?
        do throws(SystemFailure) {
            let info = try folder.info(of: name)
            seen = info
            if info.kind != .regular { return .odd(info) }
            if info.size > limit { return .tooLarge(info) }
            return try open(name, in: folder, limit: limit)
        } catch {
            return failed(error, seen, name, folder)
        }
    }

    private static func open(_ name: FileName, in folder: Directory, limit: Int) throws(SystemFailure) -> Reading {
        let file = try folder.open(name, .read)
        // What was a file a moment ago may be something else by now; the open descriptor tells the truth.
        let info = try file.info()
        if info.kind != .regular { return .odd(info) }
        if info.size > limit { return .tooLarge(info) }
        do throws(SystemFailure) {
            // One call for a file that keeps its size; one that grows meanwhile is read in full, up to the limit.
            let bytes = try file.pread(count: info.size + 1, at: 0)
            return .bytes(bytes.count <= info.size ? bytes : try file.read(limit: limit), info)
        } catch let error where error.errno == .tooLarge {
            return .tooLarge(info)
        }
    }

    private static func failed(_ error: SystemFailure, _ seen: FileInfo?, _ name: FileName, _ folder: Directory)
        -> Reading
    {
        switch error.errno {
        case .notFound:
            return .gone
        case .tooManyLinks, .noDevice, .notDirectory:
            // It was swapped for a link or a pipe between the two looks: the next look says what it is.
            do throws(SystemFailure) {
                let info = try folder.info(of: name)
                if info.kind != .regular { return .odd(info) }
            } catch let error where error.errno == .notFound {
                return .gone
            } catch {
                return .unreadable(seen, "\(folder.path)/\(name) cannot be read: \(error).")
            }
            return .unreadable(seen, "\(folder.path)/\(name) changes while vizd looks at it: \(error).")
        case .accessDenied, .notPermitted:
            return .unreadable(
                seen,
                "vizd may not read \(folder.path)/\(name): it belongs to uid \(seen?.uid ?? 0) with mode "
                    + "\(String(seen?.mode ?? 0, radix: 8)). Let vizd's user read it (chmod g+r or o+r) and drop it "
                    + "again."
            )
        case let errno where errno.isShortage:
            return .short(seen, error)
        default:
            return .unreadable(seen, "\(folder.path)/\(name) cannot be read: \(error).")
        }
    }
}
