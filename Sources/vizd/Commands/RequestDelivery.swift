// Putting a request into the spool the way it must be done: written aside, synced, renamed into `incoming`, the folder
// synced. When `put` has returned, the request is there whole and survives a power cut; when it throws, it is not
// there.
//
// The boxes are named by paths beneath the spool's folder and never opened for this, so that a drop-box that this user
// may write but not read works too.

internal import Contract
internal import Linux
internal import Spool

struct RequestDelivery {
    private let root: Directory
    /// Makes the hidden name differ from every other submitter's.
    private let tag: String

    init(to spool: SpoolReader, tag: String) {
        root = spool.root
        self.tag = tag
    }

    /// A name that sorts by time and that nobody else chooses: `20261124-021803-123-1a2b3c`.
    static func name(at time: Timestamp, tag: String) -> String {
        let digits = time.rfc3339.filter(\.isNumber)
        let (day, rest) = (digits.prefix(8), digits.dropFirst(8))
        return "\(day)-\(rest.prefix(6))-\(rest.dropFirst(6))-\(tag)"
    }

    func put(_ bytes: [UInt8], as name: JobName) throws(CommandFailure) {
        let hidden = FileName(".\(name.text.prefix(100)).submit-\(tag)")
        do throws(SystemFailure) {
            try refuseTaken(name)
            let file = try write(bytes, as: hidden)
            try publish(file.path, as: name)
            try syncIncoming(with: file.file)
        } catch {
            throw failure(error, name)
        }
    }

    /// Puts the wish for a job's end into `incoming`, durably. One that is there already is as good.
    func put(wish file: FileName, of job: JobReference) throws(CommandFailure) {
        let hidden = FileName(".\(job.name.prefix(100)).cancel-\(tag)")
        do throws(SystemFailure) {
            let written = try write([], as: hidden)
            do throws(SystemFailure) {
                try root.rename(written.path, as: SpoolReader.path(of: file, in: .incoming), .noReplace)
            } catch {
                withdraw(written.path)
                if error.errno != .exists { throw error }
            }
            try syncIncoming(with: written.file)
        } catch {
            throw CommandFailure(
                .cannotCreate,
                "The wish to cancel \(shown(job.name)) cannot be put into the spool: \(error). You must be allowed to "
                    + "write in incoming/ (see the group of that folder).")
        }
    }

    private struct Written {
        let file: OpenFile
        let path: FileName
    }

    /// A name that has been used means a duplicate or a retry to the daemon, which is not what a new request wants.
    private func refuseTaken(_ name: JobName) throws(SystemFailure) {
        for box in [Box.incoming, .processing, .done, .failed] {
            for file in [name.requestFile, name.landing.resultFile] {
                do throws(SystemFailure) {
                    let info = try root.infoIfPresent(of: SpoolReader.path(of: file, in: box))
                    if info == nil { continue }
                } catch  where error.errno == .accessDenied {
                    continue
                }
                throw SystemFailure(call: "look", errno: .exists, subject: box.rawValue)
            }
        }
    }

    /// In `tmp`, or where that may not be written, hidden in `incoming` itself.
    private func write(_ bytes: [UInt8], as hidden: FileName) throws(SystemFailure) -> Written {
        do throws(SystemFailure) {
            return try write(bytes, to: SpoolReader.path(of: hidden, in: .tmp))
        } catch  where [.accessDenied, .notPermitted, .notFound, .notDirectory].contains(error.errno) {
            return try write(bytes, to: SpoolReader.path(of: hidden, in: .incoming))
        }
    }

    private func write(_ bytes: [UInt8], to path: FileName) throws(SystemFailure) -> Written {
        let file = try root.open(path, .create)
        do throws(SystemFailure) {
            try file.write(all: bytes)
            try shareWithDaemon(file)
            try file.sync()
        } catch {
            withdraw(path)
            throw error
        }
        return Written(file: file, path: path)
    }

    /// The daemon may run as another user: the file gets the group of `incoming` and may be read by it, whatever the
    /// umask says. Who is not in that group keeps their own; then the daemon must be able to read it otherwise.
    private func shareWithDaemon(_ file: OpenFile) throws(SystemFailure) {
        let group = try root.info(of: Box.incoming.folder).gid
        let info = try file.info()
        if info.gid != group {
            do throws(SystemFailure) {
                try file.setOwner(uid: info.uid, gid: group)
            } catch  where error.errno == .notPermitted {}
        }
        try file.setMode(0o640)
    }

    private func publish(_ path: FileName, as name: JobName) throws(SystemFailure) {
        do throws(SystemFailure) {
            try root.rename(path, as: SpoolReader.path(of: name.requestFile, in: .incoming), .noReplace)
        } catch {
            withdraw(path)
            throw error
        }
    }

    private func syncIncoming(with file: OpenFile) throws(SystemFailure) {
        do throws(SystemFailure) {
            try root.directory(Box.incoming.folder).sync()
        } catch  where error.errno == .accessDenied {
            // A drop-box that may not be read cannot be opened for fsync; syncing the file system says as much.
            try file.syncFileSystem()
        }
    }

    /// The first failure is the one to tell; what stays behind is hidden and never taken for a request.
    private func withdraw(_ path: FileName) {
        do throws(SystemFailure) { try root.unlinkIfPresent(path) } catch {}
    }

    private func failure(_ error: SystemFailure, _ name: JobName) -> CommandFailure {
        let job = shown(name.text)
        if error.errno == .exists {
            let place = error.call == "look" ? "in \(error.subject)/ of" : "in"
            return CommandFailure(
                .cannotCreate,
                "There is a job \(job) \(place) the spool \(root.path) already; give this one another --name.")
        }
        let next =
            switch error.errno {
            case .notFound: "Start `vizd run` once, which makes the spool's boxes."
            case .accessDenied, .notPermitted:
                "You must be allowed to write in incoming/ (see the group of that folder)."
            case _ where error.errno.isFull: "Make room and submit it again."
            default: "Nothing was submitted."
            }
        return CommandFailure(.cannotCreate, "The request \(job) cannot be put into the spool: \(error). \(next)")
    }
}
