// The way back out of `processing`, for work that nobody can go on with since the journal is lost: what was claimed is
// listed without touching it, and given back to `incoming`, durably.
//
// A name that is taken there is never replaced. A crash in between leaves a file in one of the two folders, on some
// file systems in both, as a claim does.

package import Linux

extension Spool {
    /// The claimed files in `processing`, by name; nothing is changed, unlike `Inventory`.
    package func claimedFiles() throws(SpoolFatal) -> [Claimed] {
        do throws(SystemFailure) {
            return try self[.processing].names().compactMap(Claimed.init(found:))
        } catch {
            throw SpoolFatal("list what is in progress", error)
        }
    }

    /// Moves a claimed file back into `incoming`. Durable on return.
    /// - Returns: false when that name is taken there, or the file is gone.
    package func giveBack(_ claimed: Claimed, as name: FileName) throws(SpoolFatal) -> Bool {
        do throws(SystemFailure) {
            try self[.processing].rename(claimed.source, to: self[.incoming], as: name, .noReplace)
            // Where it goes first: a power cut in between must not leave it in neither folder.
            try self[.incoming].sync()
            try self[.processing].sync()
            return true
        } catch let error where error.errno == .exists || error.errno == .notFound {
            return false
        } catch {
            throw SpoolFatal("give a request back", error)
        }
    }

    /// Removes a request that waits in `incoming`: a second copy of one that has been seen to. Durable on return.
    package func removeWaiting(_ file: FileName) throws(SpoolFatal) {
        do throws(SystemFailure) {
            if try self[.incoming].unlinkIfPresent(file) { try self[.incoming].sync() }
        } catch {
            throw SpoolFatal("remove a duplicate request", error)
        }
    }

    /// Removes every status file in `processing`: once no job is in progress, they speak of nothing.
    package func removeAllStatuses() throws(SpoolFatal) {
        do throws(SystemFailure) {
            let names = try self[.processing].names()
            for name in names where name.bytes.first != 0x2E && name.bytes.suffix(12).elementsEqual(JobFiles.status) {
                try self[.processing].unlinkIfPresent(name)
            }
        } catch {
            throw SpoolFatal("remove stale status files", error)
        }
    }
}
