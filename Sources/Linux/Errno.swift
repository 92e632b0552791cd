// The kernel's error numbers as values, and the one place where an interrupted call is made again.
//
// Promise: `errno` is read on the line after the call, inside this module only. Everybody else sees a `SystemFailure`
// that says which call failed, on what, and why.

internal import CLinux
internal import Glibc

/// An error number of the kernel (errno(3)).
package struct Errno: RawRepresentable, Hashable, Sendable {
    /// The number as the kernel gives it.
    package let rawValue: CInt

    /// Wraps a number, known or not.
    package init(rawValue: CInt) { self.rawValue = rawValue }

    /// The symbol, such as `ENOSPC`.
    package var name: String { vz_error_name(rawValue).map { String(cString: $0) } ?? "errno \(rawValue)" }

    /// The C library's own sentence, such as `No space left on device`.
    package var text: String { vz_error_text(rawValue).map { String(cString: $0) } ?? "unknown error \(rawValue)" }

    package static let notPermitted = Errno(rawValue: EPERM)
    package static let notFound = Errno(rawValue: ENOENT)
    package static let interrupted = Errno(rawValue: EINTR)
    package static let inputOutput = Errno(rawValue: EIO)
    package static let again = Errno(rawValue: EAGAIN)
    package static let accessDenied = Errno(rawValue: EACCES)
    package static let exists = Errno(rawValue: EEXIST)
    package static let crossDevice = Errno(rawValue: EXDEV)
    package static let notDirectory = Errno(rawValue: ENOTDIR)
    package static let isDirectory = Errno(rawValue: EISDIR)
    package static let invalid = Errno(rawValue: EINVAL)
    package static let tooManyOpen = Errno(rawValue: EMFILE)
    package static let tooManyOpenInSystem = Errno(rawValue: ENFILE)
    package static let tooLarge = Errno(rawValue: EFBIG)
    package static let noSpace = Errno(rawValue: ENOSPC)
    package static let quota = Errno(rawValue: EDQUOT)
    package static let readOnly = Errno(rawValue: EROFS)
    package static let nameTooLong = Errno(rawValue: ENAMETOOLONG)
    package static let notImplemented = Errno(rawValue: ENOSYS)
    package static let notEmpty = Errno(rawValue: ENOTEMPTY)
    package static let tooManyLinks = Errno(rawValue: ELOOP)
    package static let noMemory = Errno(rawValue: ENOMEM)
    package static let notSupported = Errno(rawValue: EOPNOTSUPP)
    package static let noDevice = Errno(rawValue: ENXIO)

    /// A full disk or a spent quota: a pause for vizd, never a failed job.
    package var isFull: Bool { self == .noSpace || self == .quota }

    /// No descriptor and no memory left: nothing is known of what was asked for, and it is asked again later.
    package var isShortage: Bool { [.tooManyOpen, .tooManyOpenInSystem, .noMemory].contains(self) }
}

/// A call that failed: its name, the kernel's reason, and what it was asked to work on.
package struct SystemFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The call, as in its manual page: `renameat2`.
    package let call: String
    /// The kernel's reason.
    package let errno: Errno
    /// What it was about, mostly a file's name (escaped for display), never a secret.
    package let subject: String

    /// Makes a failure; tests use it to stage one.
    package init(call: String, errno: Errno, subject: String) {
        (self.call, self.errno, self.subject) = (call, errno, subject)
    }

    /// For example `renameat2 incoming/a.json: No space left on device (ENOSPC)`.
    package var description: String {
        "\(call)\(subject.isEmpty ? "" : " \(subject)"): \(errno.text) (\(errno.name))"
    }
}

/// Runs a call that answers -1 on failure. The only loop over EINTR: `retrying: false` for calls where the caller
/// must see an interruption.
@inline(never)
func checked<Answer: FixedWidthInteger>(
    _ call: String, _ subject: @autoclosure () -> String = "", retrying: Bool = true, _ body: () -> Answer
) throws(SystemFailure) -> Answer {
    while true {
        let answer = body()
        if answer != -1 { return answer }
        let reason = Errno(rawValue: Glibc.errno)
        if retrying && reason == .interrupted { continue }
        precondition(reason.rawValue != EBADF && reason.rawValue != EFAULT, "\(call) got a bad descriptor or address")
        throw SystemFailure(call: call, errno: reason, subject: subject())
    }
}
