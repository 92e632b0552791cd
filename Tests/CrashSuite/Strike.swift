// What is done to a running vizd, as the preload shim understands it (`CrashShim.c`): a kill before or after the N-th
// call that changes something, or calls of one kind that fail.

/// One strike.
package enum Strike: Hashable, Sendable {
    /// Nothing: the run that counts the calls, those that open to read with them or not.
    case count(reads: Bool)
    /// SIGKILL at a call, counted from 1 over the whole process.
    case kill(at: Int, Moment)
    /// The N-th call of a group fails, or all from there on.
    case fail(group: String, at: Int, DiskFault)

    /// When a kill comes.
    package enum Moment: String, CaseIterable, Sendable {
        /// The call is not made.
        case before
        /// The call is made, and nobody has heard of it yet.
        case after
    }

    /// The environment of a run that is struck so.
    /// - Parameters:
    ///   - shim: the path of the shim.
    ///   - log: where it lists the calls; nil: nowhere.
    ///   - mark: what it writes when it strikes.
    func environment(shim: String, log: String?, mark: String) -> [String: String] {
        // No metrics: their rhythm is the clock's, and calls are struck by their number.
        var names = ["LD_PRELOAD": shim, "CRASH_MARK": mark, "VIZD_METRICS_FILE": ""]
        names["CRASH_LOG"] = log
        switch self {
        case .count(let reads): names["CRASH_READS"] = reads ? "1" : nil
        case .kill(let number, let moment):
            (names["CRASH_AT"], names["CRASH_WHEN"]) = ("\(number)", moment.rawValue)
        case .fail(let group, let number, let fault):
            (names["CRASH_FAIL"], names["CRASH_AT"], names["CRASH_READS"]) = (group, "\(number)", "1")
            (names["CRASH_ERRNO"], names["CRASH_TIMES"]) = ("\(fault.number)", "\(fault.times)")
        }
        return names
    }

    /// Whether nothing is struck.
    var isCounting: Bool { if case .count = self { true } else { false } }

    /// As arguments of `scripts/crash`.
    package var arguments: String {
        switch self {
        case .count: ""
        case .kill(let number, let moment): "--when \(moment.rawValue) --at \(number)"
        case .fail(let group, let number, let fault):
            "--fail \(group) --with \(fault.rawValue) --at \(number)"
        }
    }
}

/// How a call fails. The numbers are Linux's own (errno(3)).
package enum DiskFault: String, CaseIterable, Sendable {
    case io = "EIO"
    case noSpace = "ENOSPC"
    case quota = "EDQUOT"
    case readOnly = "EROFS"
    case tooManyFiles = "EMFILE"
    /// A write takes half of what it was given.
    case short = "SHORT"
    /// The disk dies: from there on everything fails with EIO, opening a file to read it too.
    case dead = "DEAD"
    /// The file system turns read-only, as ext4 does after an error of its own.
    case remounted = "REMOUNTED"

    var number: Int32 {
        switch self {
        case .io, .dead: 5
        case .noSpace: 28
        case .quota: 122
        case .readOnly, .remounted: 30
        case .tooManyFiles: 24
        case .short: 0
        }
    }

    /// How many calls in a row fail so; 0: all from there on.
    var times: Int { self == .dead || self == .remounted ? 0 : 1 }

    /// The groups of calls that can fail so: what the disk may say to them.
    package var groups: [String] {
        switch self {
        case .io: ["fsync", "write", "rename", "unlink", "open", "size"]
        case .noSpace, .quota: ["write", "open", "fsync", "rename", "size"]
        case .readOnly: ["open", "rename", "unlink", "write"]
        case .tooManyFiles: ["open", "read"]
        case .short: ["write"]
        case .dead, .remounted: ["disk"]
        }
    }

    /// How many of these calls, as the shim lists them, are of a group.
    static func count(of group: String, in calls: [String]) -> Int {
        calls.count { call in
            let own = call.split(separator: " ")[1]
            return group == "disk" ? own != "send" && own != "connect" : own == group
        }
    }
}
