// A claimed request that lost its file (somebody removed it, or a power cut undid its claim) and of which the
// journal has a copy: the copy takes the file's place in `processing`, durably.

internal import Linux

extension Spool {
    /// Puts a request back into `processing` under its own name.
    package func putBack(_ request: [UInt8], as name: JobName) throws(SpoolFatal) {
        do throws(SystemFailure) {
            try self[.processing].publish(
                request, as: name.requestFile, temporary: JobFiles.temporary(for: name.requestFile, tag: "00000000"),
                rule: .noReplace)
        } catch {
            throw SpoolFatal("put the request of \(name) back from the journal", error)
        }
    }
}
