// A claimed request that lost its file or its bytes, and of which the journal has a copy: somebody removed it, a power
// cut undid its claim, or the cut took bytes that its producer never synced. The copy takes the file's place in
// `processing`, durably. Another request that lies there under its name is put aside first, to be judged as a second
// one.

internal import Linux

/// What lies in `processing` under the name of a job whose request is known.
package enum Remains: Hashable, Sendable {
    /// The request itself, or nothing.
    case sound
    /// What a power cut leaves of bytes that were never synced: nothing, a beginning, zeros.
    case torn
    /// Something else.
    case foreign

    /// Judges. A torn file is never longer than the request, and what it has of it comes first.
    package static func judge(_ bytes: [UInt8], of request: [UInt8]) -> Remains {
        if bytes == request { return .sound }
        guard bytes.count <= request.count else { return .foreign }
        let kept = zip(bytes, request).prefix { $0 == $1 }.count
        return bytes.dropFirst(kept).allSatisfy { $0 == 0 } ? .torn : .foreign
    }
}

extension Spool {
    /// Puts a request back into `processing` under its own name; `replacing` also where a torn file has it.
    package func putBack(_ request: [UInt8], as name: JobName, replacing: Bool = false) throws(SpoolFatal) {
        do throws(SystemFailure) {
            try self[.processing].publish(
                request, as: name.requestFile, temporary: JobFiles.temporary(for: name.requestFile, tag: "00000000"),
                rule: replacing ? .replace : .noReplace)
        } catch {
            throw SpoolFatal("put the request of \(name) back from the journal", error)
        }
    }

    /// Gives a file in `processing` that is not the job of its name the name of a second request. Durable on return.
    package func putAside(_ name: JobName) throws(SpoolFatal) -> Claimed {
        do throws(SystemFailure) {
            let folder = self[.processing]
            let aside = Claimed(again: name, inode: try folder.info(of: name.requestFile).inode)
            try folder.rename(name.requestFile, as: aside.source, .noReplace)
            try folder.sync()
            return aside
        } catch {
            throw SpoolFatal("put another request of the name \(name) aside", error)
        }
    }
}
