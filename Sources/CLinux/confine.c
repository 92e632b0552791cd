// The cell of a process that reads strangers' files: from the moment on at which it is closed, the process computes,
// reads and writes what was handed to it, and nothing else.
//
// The calls are filtered by their numbers and scalar arguments (seccomp(2)); what a decoder may need is written down
// here, everything else fails. Calls that no decoder makes by mistake (another program, another process, a socket) end
// the process, so that the attempt shows; the rest answers EPERM, since libraries ask for much and do without: a time
// zone, the number of processors. Code cannot be made or loaded any more: no memory becomes executable.
//
// The paths of the file system are closed twice where the kernel knows Landlock (5.13), and a network of its own, empty,
// is taken where the user may have one. Both are in addition to the filter, which alone suffices.
#define _GNU_SOURCE
#include "CLinuxConfine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int vz_leave_network(void) { return unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC); }

// All rights over files that the kernel may know of; each version of Landlock added some.
static uint64_t file_rights(long version) {
    uint64_t first = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    if (version >= 2) first |= 1ULL << 13; // refer
    if (version >= 3) first |= 1ULL << 14; // truncate
    if (version >= 5) first |= 1ULL << 15; // ioctl of devices
    return first;
}

int vz_leave_files(void) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) return -1;
    struct landlock_ruleset_attr rules = {.handled_access_fs = file_rights(version)};
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules.handled_access_fs, 0);
    if (fd < 0) return -1;
    int answer = (int)syscall(SYS_landlock_restrict_self, fd, 0);
    int failure = errno;
    close(fd);
    errno = failure;
    return answer;
}

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#else
#error "the numbers of the system calls of this machine have to be looked through first"
#endif

#define NUMBER offsetof(struct seccomp_data, nr)
// The lower half of an argument; both machines are little-endian, and what is compared here is an int to the kernel.
#define ARGUMENT(n) ((uint32_t)(offsetof(struct seccomp_data, args) + 8 * (n)))

#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, what)
#define EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), yes, no)
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, what)
#define ALLOW SECCOMP_RET_ALLOW
#define KILL SECCOMP_RET_KILL_PROCESS
#define REFUSE(code) (SECCOMP_RET_ERRNO | (code))

// A rule begins with the call's number loaded, and leaves it so where it does not answer.
#define RULE(name, verdict) EQUAL(SYS_##name, 0, 1), ANSWER(verdict)
// Only with this value in an argument.
#define IF_EQUAL(name, n, value)                                                                                       \
    EQUAL(SYS_##name, 0, 4), LOAD(ARGUMENT(n)), EQUAL(value, 0, 1), ANSWER(ALLOW), ANSWER(REFUSE(EPERM))
// Only if of the bits of `mask` those of `value` are set, and no others.
#define IF_BITS(name, n, mask, value, otherwise)                                                                       \
    EQUAL(SYS_##name, 0, 5), LOAD(ARGUMENT(n)), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (uint32_t)(mask)),                 \
        EQUAL(value, 0, 1), ANSWER(ALLOW), ANSWER(otherwise)

// Threads of this process; -1 where that cannot be told.
static long threads(void) {
    struct stat folder;
    return stat("/proc/self/task", &folder) ? -1 : (long)folder.st_nlink - 2;
}

// For all threads that there are.
static int install(struct sock_fprog *program) {
    long answer = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, program);
    if (answer == 0) return 0;
    if (answer > 0) errno = EBUSY; // The number of a thread that has a filter of its own.
    else if (errno == EPERM || errno == ENOSYS) {
        // The sandbox around does not know the newer call. The older one knows its own thread alone.
        if (threads() == 1) return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program);
        errno = EBUSY;
    }
    return -1;
}

// New name spaces of any kind, which a thread could be given as well.
#define SPACES                                                                                                         \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

int vz_filter_calls(void) {
    struct sock_filter rules[] = {
        LOAD(offsetof(struct seccomp_data, arch)), EQUAL(MACHINE, 1, 0), ANSWER(KILL), LOAD(NUMBER),
#ifdef __x86_64__
        // The calls of x32 have the same numbers with one more bit.
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), ANSWER(KILL),
#endif
        // What was handed over: photos, pictures, the socket on descriptor 0.
        RULE(pread64, ALLOW), RULE(read, ALLOW), RULE(write, ALLOW), RULE(close, ALLOW), RULE(lseek, ALLOW),
        RULE(fstat, ALLOW), RULE(ppoll, ALLOW), IF_EQUAL(recvmsg, 0, 0), IF_EQUAL(sendmsg, 0, 0),
        // Memory that holds data.
        RULE(brk, ALLOW), RULE(munmap, ALLOW), RULE(mremap, ALLOW), RULE(madvise, ALLOW),
        IF_BITS(mmap, 2, PROT_EXEC, 0, REFUSE(EPERM)), IF_BITS(mprotect, 2, PROT_EXEC, 0, REFUSE(EPERM)),
        // Threads of this process. The flags of clone3 lie where no filter can look; the C library then takes clone.
        RULE(futex, ALLOW), RULE(clone3, REFUSE(ENOSYS)), IF_BITS(clone, 0, CLONE_THREAD | SPACES, CLONE_THREAD, KILL),
        RULE(set_robust_list, ALLOW), RULE(rseq, ALLOW), RULE(sched_yield, ALLOW), RULE(sched_getaffinity, ALLOW),
        RULE(gettid, ALLOW), RULE(getpid, ALLOW), RULE(exit, ALLOW), RULE(exit_group, ALLOW),
        IF_EQUAL(prctl, 0, PR_SET_NAME),
        // Its own signals: abort(3) sends one.
        RULE(rt_sigaction, ALLOW), RULE(rt_sigprocmask, ALLOW), RULE(rt_sigreturn, ALLOW), RULE(sigaltstack, ALLOW),
        RULE(restart_syscall, ALLOW), IF_EQUAL(tgkill, 0, getpid()),
        // The clock, chance, and how much there is.
        RULE(clock_gettime, ALLOW), RULE(clock_getres, ALLOW), RULE(gettimeofday, ALLOW), RULE(clock_nanosleep, ALLOW),
        RULE(nanosleep, ALLOW), RULE(times, ALLOW), RULE(getrusage, ALLOW), RULE(getrandom, ALLOW),
        RULE(sysinfo, ALLOW),
        // What somebody tries who has taken the process over.
        RULE(execve, KILL), RULE(execveat, KILL), RULE(socket, KILL), RULE(socketpair, KILL), RULE(connect, KILL),
        RULE(bind, KILL), RULE(ptrace, KILL), RULE(process_vm_readv, KILL), RULE(process_vm_writev, KILL),
        RULE(kill, KILL), RULE(tkill, KILL), RULE(io_uring_setup, KILL), RULE(bpf, KILL), RULE(mount, KILL),
        RULE(unshare, KILL), RULE(setns, KILL),
#ifdef __x86_64__
        RULE(fork, KILL), RULE(vfork, KILL),
#endif
        ANSWER(REFUSE(EPERM)),
    };
    struct sock_fprog program = {.len = sizeof rules / sizeof *rules, .filter = rules};
    return install(&program);
}
