// Why the wardrobe could not do what it was asked: a code, a sentence, and what the daemon does about it.
//
// Three kinds of trouble, three answers: this job's (a verdict with a code), the disk's for now (a pause), the disk's
// for good (stop, and let the start work it out). The sentences name the file as people know it and say what to do.

package import Contract
internal import Linux

/// A failure of the wardrobe.
package struct WardrobeFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the daemon does about it.
    package enum Answer: Hashable, Sendable {
        /// The job ends with the code.
        case fail
        /// The disk is full, the quota is spent, or descriptors or memory have run out: the same is tried again when
        /// there is room. No job fails of it.
        case pause
        /// An fsync failed: what is on the disk is not known any more, and nothing may be called done.
        case stop
    }

    /// The result's code. With `pause` and `stop` it is `storageFailed`.
    package let code: ResultCode
    /// A sentence for a person: what happened, to which file, what to do.
    package let message: String
    package let answer: Answer

    /// A verdict on one job.
    package init(_ code: ResultCode, _ message: String) {
        (self.code, self.message, answer) = (code, message, .fail)
    }

    private init(_ answer: Answer, _ message: String) {
        (code, self.message, self.answer) = (.storageFailed, message, answer)
    }

    /// Whether the same job can succeed later as it is.
    package var retryable: Bool { code.retryable }

    package var description: String { "\(code.rawValue): \(message)" }

    /// There was nothing to work on it with.
    static func shortage(_ failure: SystemFailure, _ what: String) -> WardrobeFailure {
        WardrobeFailure(.pause, "\(what) has to wait (\(failure)): raise the limit of open files, or give vizd memory")
    }

    /// A write that the system refused.
    static func writing(_ failure: SystemFailure, _ what: String) -> WardrobeFailure {
        if failure.errno.isShortage { return shortage(failure, what) }
        if failure.errno.isFull {
            return WardrobeFailure(.pause, "there is no room for \(what) (\(failure)): free some space")
        }
        if ["fsync", "syncfs"].contains(failure.call), failure.errno == .inputOutput {
            return WardrobeFailure(.stop, "\(what) may not have reached the disk (\(failure)): check the disk")
        }
        if leadsOut(failure) {
            return WardrobeFailure(
                .recordInvalid,
                "\(what) is not written, since a symbolic link or a file is in its way (\(failure)):"
                    + " replace it by a real folder beneath the wardrobe")
        }
        return WardrobeFailure(.storageFailed, "\(what) could not be written (\(failure)): \(advice(failure.errno))")
    }

    /// A record that the system would not let us read.
    static func reading(_ failure: SystemFailure, _ what: String) -> WardrobeFailure {
        if failure.errno.isShortage { return shortage(failure, what) }
        if leadsOut(failure) {
            return WardrobeFailure(
                .recordInvalid,
                "\(what) is a symbolic link, or a link or a file stands in the place of its folder (\(failure)):"
                    + " put real files and folders there")
        }
        if failure.errno == .noDevice {
            return WardrobeFailure(.recordInvalid, "\(what) is not a regular file: put the record in its place")
        }
        if failure.errno == .tooLarge {
            return WardrobeFailure(
                .recordInvalid, "\(what) holds more than the \(limitText) that are read: make it smaller")
        }
        return WardrobeFailure(.storageFailed, "\(what) could not be read (\(failure)): \(advice(failure.errno))")
    }

    /// A picture's name on something else.
    static func strangePicture(_ what: String) -> WardrobeFailure {
        WardrobeFailure(.recordInvalid, "\(what) is not a regular file: remove it, so that the picture has its place")
    }

    /// A picture's name on something that vizd cannot have stored.
    static func largePicture(_ what: String) -> WardrobeFailure {
        WardrobeFailure(
            .recordInvalid,
            "\(what) has more than the \(StoredPicture.limit >> 20) MiB that a picture can have: remove it")
    }

    private static var limitText: String { "\(UserFolder.recordLimit >> 20) MiB" }

    /// Opening beneath the root refused: a link (ELOOP), a way out (EXDEV), a file where a folder should be (ENOTDIR).
    static func leadsOut(_ failure: SystemFailure) -> Bool {
        [.tooManyLinks, .crossDevice, .notDirectory].contains(failure.errno)
    }

    private static func advice(_ errno: Errno) -> String {
        switch errno {
        case .accessDenied, .notPermitted: "give vizd's user access to it"
        case .readOnly: "mount the file system writable"
        case .inputOutput: "check the disk"
        case .isDirectory: "remove the folder that has its name"
        default: "see that it is there and that vizd's user may use it"
        }
    }
}
