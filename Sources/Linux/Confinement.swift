// What a process forbids itself before it touches a stranger's file, in two steps: limits that it sets as soon as it
// runs, and the cell that it goes into when its libraries are loaded. Neither can be undone.
//
// Promise: in its `Cell` the process computes, reads and writes what was handed to it; no path, no socket, no program,
// no other process, no new code. Where the kernel refuses that, `Cell()` throws, and the process must not go on.

internal import CLinux
internal import Glibc

/// The most that a process may use.
package struct ProcessLimits: Sendable {
    /// Bytes of address space.
    package var addressSpace: Int
    /// Descriptors.
    package var openFiles: Int
    /// Bytes of a file that it writes; a write beyond is EFBIG.
    package var fileBytes: Int
    /// Seconds of CPU over its whole life, all threads together; then it is killed.
    package var cpuSeconds: Int

    package init(addressSpace: Int, openFiles: Int, fileBytes: Int, cpuSeconds: Int) {
        (self.addressSpace, self.openFiles, self.fileBytes) = (addressSpace, openFiles, fileBytes)
        self.cpuSeconds = cpuSeconds
    }

    /// Sets the limits, forbids core dumps and new privileges, and ends this process when the thread that started it
    /// ends. A tighter limit stays.
    package func apply() throws(SystemFailure) {
        _ = try checked("prctl PR_SET_NO_NEW_PRIVS") { vz_no_new_privileges() }
        _ = try checked("setrlimit RLIMIT_CORE") { vz_no_core_dump() }
        _ = try checked("setrlimit RLIMIT_FSIZE") { vz_limit_file_size(UInt64(fileBytes)) }
        _ = try checked("setrlimit RLIMIT_NOFILE") { vz_limit_open_files(UInt64(openFiles)) }
        _ = try checked("setrlimit RLIMIT_CPU") { vz_limit_cpu(UInt64(cpuSeconds)) }
        _ = try checked("setrlimit RLIMIT_AS") { vz_limit_address_space(UInt64(addressSpace)) }
        _ = try checked("prctl PR_SET_PDEATHSIG") { vz_die_with_parent() }
    }

    /// Keeps this process's memory and environment from every other process but root's, and out of core dumps
    /// (PR_SET_DUMPABLE in prctl(2)): no other program of the same user may attach to it or read `/proc/PID/environ`
    /// and `mem`. Programs that it starts are as usual. Threads of this process see `/proc/self` as before.
    package static func keepMemoryPrivate() throws(SystemFailure) {
        _ = try checked("prctl PR_SET_DUMPABLE") { vz_private_memory() }
    }
}

/// A process behind its own closed door, and what it can still tell of itself.
package struct Cell: Sendable {
    private let status: OpenFile

    /// Leaves the network, where the user may have an empty one instead, and bounds the number of its threads. To be
    /// called as long as the process has one.
    package static func leaveNetwork() throws(SystemFailure) {
        // The filter suffices where this is not allowed: it knows no sockets.
        let isAlone = vz_leave_network() == 0
        // In a name space of its own the process is counted by itself, otherwise with all that its user runs.
        _ = try checked("setrlimit RLIMIT_NPROC") { vz_limit_processes(isAlone ? 128 : 4096) }
        // The kernel forgets this when a process enters a name space of users.
        _ = try checked("prctl PR_SET_PDEATHSIG") { vz_die_with_parent() }
    }

    /// Gives up all paths and all system calls but those that decoding needs.
    /// - Throws: EINVAL, EPERM, EBUSY … where no filter can be set; nothing is forbidden then.
    package init() throws(SystemFailure) {
        status = try Host.openFile("/proc/self/status")
        // A runtime that explains crashes would start a program for it, and that attempt would be what the daemon sees.
        _ = try checked("signal") { vz_die_plainly() }
        // The filter suffices where the kernel has no Landlock: it opens nothing.
        _ = vz_leave_files()
        _ = try checked("seccomp") { vz_filter_calls() }
    }

    /// The most memory that this process has had resident so far, in bytes (`VmHWM` in proc(5)).
    package var residentPeak: Int { max(0, vz_resident_peak(status.raw)) }

    /// Nanoseconds of CPU that this process has used, all threads together.
    package var cpuTime: Int64 { vz_cpu_ns() }
}
