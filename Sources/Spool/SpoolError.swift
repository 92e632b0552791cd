// What can go wrong with the spool, sorted by what the daemon does about it.
//
// `SpoolFatal`: the machine failed us; leave, the service manager starts us again and start-up works it out.
// `SpoolRefusal`: the spool cannot be used as it is; say so and leave with a code of sysexits.
// A full disk is neither: it is a pause, and an outcome of the call that met it.

package import Linux

/// The disk or the kernel failed in a way after which nothing more may be promised (EIO, a failed fsync, a read-only
/// file system). Whoever catches it ends the process; the same descriptor is never synced again.
package struct SpoolFatal: Error, Hashable, Sendable, CustomStringConvertible {
    /// What vizd was about to do, such as `make the claim durable`.
    package let intent: String
    /// The call that failed.
    package let failure: SystemFailure

    /// Names a failure as one to leave for.
    package init(_ intent: String, _ failure: SystemFailure) { (self.intent, self.failure) = (intent, failure) }

    /// One sentence for the log.
    package var description: String {
        "the spool failed while vizd wanted to \(intent): \(failure). vizd leaves; at the next start it goes on "
            + "from what is on the disk. Look at the disk and at the kernel's log first."
    }
}

/// The spool cannot be used as it is.
package struct SpoolRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// The exit code of sysexits that goes with it: 73 cannot create, 75 try again, 78 configuration.
    package let exit: Int32
    /// What is wrong, with what, and what to do.
    package let sentence: String

    /// Makes a refusal.
    package init(exit: Int32, _ sentence: String) { (self.exit, self.sentence) = (exit, sentence) }

    package var description: String { sentence }
}

extension SystemFailure {
    /// Whether the file, not the machine, is the reason: permissions, an immutable file, a name that is too long, a
    /// folder where a file was expected.
    var concernsOneFile: Bool {
        let reasons: Set<Errno> = [
            .accessDenied, .notPermitted, .tooManyLinks, .nameTooLong, .invalid, .notDirectory, .isDirectory, .notEmpty,
            .exists, .crossDevice, .noDevice, .again, .tooLarge, .notSupported, .busy, .textBusy,
        ]
        return reasons.contains(errno)
    }
}

extension Errno {
    /// EBUSY: a mount point, for example.
    static let busy = Errno(rawValue: 16)
    /// ESRCH: no process has that number.
    static let noProcess = Errno(rawValue: 3)
    /// ETXTBSY.
    static let textBusy = Errno(rawValue: 26)
}
