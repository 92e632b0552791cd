// A preload shim that kills its process at the N-th call that changes something outside of it, or makes such a call fail.
//
// It counts for the whole process, with one atomic counter: strace counts for each thread, and a daemon has many. What
// counts is what another process, or the next start, could see: files and folders made, renamed, removed, written, sized,
// synced; bytes sent to a TCP peer, connections begun. Not counted: descriptors 0 to 2 (the log), pipes, Unix sockets,
// files in memory, and shared memory that is written through a mapping (SQLite's -shm, which is made anew after a crash).
//
// The environment says what to do; without it the shim only passes on.
//
//   CRASH_LOG=PATH       one line a counted call: NUMBER GROUP CALL WHAT
//   CRASH_AT=N           SIGKILL at the N-th counted call,
//   CRASH_WHEN=before    before it is made, or `after`: when it is done and nobody has heard of that yet
//   CRASH_FAIL=GROUP     instead, calls of this group fail (`fsync`, `write`, `open`, `rename` ...), or of all groups that
//                        concern a disk (`disk`):
//   CRASH_ERRNO=NUMBER   with this errno; 0: a write is made short, by half
//   CRASH_TIMES=N        so many of them, from the CRASH_AT-th of the group on; 0 is for ever
//   CRASH_READS=1        opening to read counts too, as a group of its own (`read`): descriptors run out for readers
//   CRASH_MARK=PATH      a file that is written when it strikes: the call's line and where it came from
//
// The shim's own calls go past itself. A call that it cannot find in the C library ends the process: a test that tests
// nothing is worse than none.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

// MARK: What to do

enum group { OPEN, READ, WRITE, FSYNC, RENAME, LINK, UNLINK, MKDIR, SIZE, MODE, SEND, CONNECT, GROUPS };

static const char *const group_names[GROUPS] = {"open",   "read",  "write", "fsync", "rename", "link",
                                                "unlink", "mkdir", "size",  "mode",  "send",   "connect"};

static struct {
    int log, mark;         // descriptors; -1 where there is none
    long at;               // 0: never
    int is_after;          // CRASH_WHEN=after
    int fails;             // CRASH_FAIL is set
    int reads;             // CRASH_READS is set
    int group;             // of the calls that fail; GROUPS is all of a disk
    int error;             // 0: short
    long times;            // 0: for ever
} plan = {.log = -1, .mark = -1};

static atomic_long calls;       // all counted calls
static atomic_long candidates;  // those of the group that is to fail
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int own_open(const char *path) {
    if (path == NULL) return -1;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || fd > 900) return fd;
    // Out of the way: a program may look at the numbers of its descriptors.
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 900);
    if (high >= 0) syscall(SYS_close, fd);
    return high >= 0 ? high : fd;
}

static long number_of(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : otherwise;
}

static void read_plan(void) {
    plan.log = own_open(getenv("CRASH_LOG"));
    plan.mark = own_open(getenv("CRASH_MARK"));
    plan.at = number_of("CRASH_AT", 0);
    const char *when = getenv("CRASH_WHEN");
    plan.is_after = when && strcmp(when, "after") == 0;
    plan.reads = getenv("CRASH_READS") != NULL;
    const char *group = getenv("CRASH_FAIL");
    if (group == NULL) return;
    plan.fails = 1;
    for (plan.group = 0; plan.group < GROUPS && strcmp(group, group_names[plan.group]) != 0;) plan.group++;
    plan.error = (int)number_of("CRASH_ERRNO", EIO);
    plan.times = number_of("CRASH_TIMES", 1);
}

__attribute__((constructor)) static void begin(void) {
    pthread_once(&once, read_plan);
    // What it needs is loaded now, and not when it strikes.
    void *frame;
    backtrace(&frame, 1);
}

// MARK: Striking

static void say(int fd, const char *line, size_t size) {
    if (fd >= 0) syscall(SYS_write, fd, line, size);
}

/// Writes down what is struck, and where it was called from.
static void mark(const char *line, size_t size) {
    if (plan.mark < 0) return;
    say(plan.mark, line, size);
    void *frames[48];
    backtrace_symbols_fd(frames, backtrace(frames, 48), plan.mark);
}

static void strike(void) {
    for (;;) syscall(SYS_kill, (pid_t)syscall(SYS_getpid), SIGKILL);
}

/// One counted call: its number, and the errno with which it is to fail (-1: short; 0: not at all).
struct turn {
    long number;
    int error;
};

static struct turn enter(enum group group, const char *call, const char *what) {
    int kept = errno;
    pthread_once(&once, read_plan);
    struct turn turn = {atomic_fetch_add(&calls, 1) + 1, 0};
    char line[512];
    int size = snprintf(line, sizeof line, "%ld %s %s %s\n", turn.number, group_names[group], call, what);
    if (size >= (int)sizeof line) size = (int)sizeof line - 1;
    say(plan.log, line, (size_t)size);
    int fits = plan.group == GROUPS ? group < SEND : plan.group == (int)group;
    if (plan.fails && fits) {
        long candidate = atomic_fetch_add(&candidates, 1) + 1;
        int is_due = candidate >= plan.at && (plan.times == 0 || candidate < plan.at + plan.times);
        if (is_due) {
            if (candidate == plan.at) mark(line, (size_t)size);
            turn.error = plan.error == 0 ? -1 : plan.error;
        }
    } else if (!plan.fails && plan.at == turn.number) {
        mark(line, (size_t)size);
        if (!plan.is_after) strike();
    }
    errno = kept;
    return turn;
}

static void leave(struct turn turn) {
    if (!plan.fails && plan.is_after && turn.number == plan.at) strike();
}

// MARK: What counts

/// The file behind a descriptor, for the log.
static void name_of(int fd, char name[256]) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    long size = syscall(SYS_readlinkat, AT_FDCWD, path, name, 255);
    name[size > 0 ? size : 0] = 0;
}

/// Whether bytes that are written to a descriptor outlive the process, or leave it for a peer; names it.
static int is_outside(int fd, enum group *group, char name[256]) {
    int kept = errno;
    struct stat info;
    int counts = 0;
    if (fd > 2 && fd != plan.log && fd != plan.mark && fstat(fd, &info) == 0) {
        name_of(fd, name);
        if (S_ISSOCK(info.st_mode)) {
            struct sockaddr_storage address;
            socklen_t size = sizeof address;
            counts = getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
                     (address.ss_family == AF_INET || address.ss_family == AF_INET6);
            *group = SEND;
        } else {
            counts = S_ISREG(info.st_mode) && strncmp(name, "/memfd:", 7) != 0;
            *group = WRITE;
        }
    }
    errno = kept;
    return counts;
}

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) abort();
    return found;
}

/// The C library's own function of this name.
#define REAL(name)                        \
    static __typeof__(name) *real;        \
    if (real == NULL) real = (__typeof__(name) *)next(#name)

// MARK: Calls that name a file

/// A call that changes a folder, or a file by its name or descriptor.
#define CHANGING(group, name, parameters, arguments, what)     \
    int name parameters {                                      \
        REAL(name);                        \
        struct turn turn = enter(group, #name, what);          \
        if (turn.error > 0) return errno = turn.error, -1;     \
        int answer = real arguments;                           \
        leave(turn);                                           \
        return answer;                                         \
    }

CHANGING(RENAME, rename, (const char *old, const char *fresh), (old, fresh), fresh)
CHANGING(RENAME, renameat, (int from, const char *old, int to, const char *fresh), (from, old, to, fresh), fresh)
CHANGING(RENAME, renameat2, (int from, const char *old, int to, const char *fresh, unsigned how),
         (from, old, to, fresh, how), fresh)
CHANGING(LINK, link, (const char *old, const char *fresh), (old, fresh), fresh)
CHANGING(LINK, linkat, (int from, const char *old, int to, const char *fresh, int how), (from, old, to, fresh, how),
         fresh)
CHANGING(LINK, symlink, (const char *to, const char *fresh), (to, fresh), fresh)
CHANGING(LINK, symlinkat, (const char *to, int at, const char *fresh), (to, at, fresh), fresh)
CHANGING(UNLINK, unlink, (const char *path), (path), path)
CHANGING(UNLINK, unlinkat, (int at, const char *path, int how), (at, path, how), path)
CHANGING(UNLINK, rmdir, (const char *path), (path), path)
CHANGING(MKDIR, mkdir, (const char *path, mode_t mode), (path, mode), path)
CHANGING(MKDIR, mkdirat, (int at, const char *path, mode_t mode), (at, path, mode), path)
CHANGING(MKDIR, mkfifo, (const char *path, mode_t mode), (path, mode), path)
CHANGING(MKDIR, mkfifoat, (int at, const char *path, mode_t mode), (at, path, mode), path)
CHANGING(MODE, chmod, (const char *path, mode_t mode), (path, mode), path)
CHANGING(MODE, fchmodat, (int at, const char *path, mode_t mode, int how), (at, path, mode, how), path)
CHANGING(MODE, chown, (const char *path, uid_t user, gid_t group), (path, user, group), path)
CHANGING(MODE, utimensat, (int at, const char *path, const struct timespec times[2], int how), (at, path, times, how),
         path)
CHANGING(SIZE, truncate, (const char *path, off_t size), (path, size), path)

/// The same by a descriptor, where that is of a file or a folder.
#define CHANGING_OPEN(group, name, parameters, arguments)                 \
    int name parameters {                                                 \
        REAL(name);                                   \
        char path[256];                                                   \
        name_of(fd, path);                                                \
        if (strncmp(path, "/memfd:", 7) == 0) return real arguments;      \
        struct turn turn = enter(group, #name, path);                     \
        if (turn.error > 0) return errno = turn.error, -1;                \
        int answer = real arguments;                                      \
        leave(turn);                                                      \
        return answer;                                                    \
    }

CHANGING_OPEN(FSYNC, fsync, (int fd), (fd))
CHANGING_OPEN(FSYNC, fdatasync, (int fd), (fd))
CHANGING_OPEN(FSYNC, syncfs, (int fd), (fd))
CHANGING_OPEN(SIZE, ftruncate, (int fd, off_t size), (fd, size))
CHANGING_OPEN(SIZE, ftruncate64, (int fd, off64_t size), (fd, size))
CHANGING_OPEN(SIZE, fallocate, (int fd, int mode, off_t from, off_t size), (fd, mode, from, size))
CHANGING_OPEN(SIZE, fallocate64, (int fd, int mode, off64_t from, off64_t size), (fd, mode, from, size))
CHANGING_OPEN(MODE, fchmod, (int fd, mode_t mode), (fd, mode))
CHANGING_OPEN(MODE, fchown, (int fd, uid_t user, gid_t group), (fd, user, group))
CHANGING_OPEN(MODE, futimens, (int fd, const struct timespec times[2]), (fd, times))
CHANGING_OPEN(MODE, fsetxattr, (int fd, const char *name, const void *value, size_t size, int how),
              (fd, name, value, size, how))

/// These answer the errno itself.
#define RESERVING(name, offset)                                           \
    int name(int fd, offset from, offset size) {                          \
        REAL(name);                        \
        char path[256];                                                   \
        name_of(fd, path);                                                \
        struct turn turn = enter(SIZE, #name, path);                      \
        if (turn.error > 0) return turn.error;                            \
        int answer = real(fd, from, size);                                \
        leave(turn);                                                      \
        return answer;                                                    \
    }

RESERVING(posix_fallocate, off_t)
RESERVING(posix_fallocate64, off64_t)

// MARK: Opening

static int makes_a_file(int flags) { return (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

static mode_t mode_in(int flags, va_list rest) {
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

static enum group group_of(int flags) { return makes_a_file(flags) ? OPEN : READ; }

#define OPENING(name, parameters, last, arguments)                                            \
    int name parameters {                                                                     \
        REAL(name);                                                       \
        va_list rest;                                                                         \
        va_start(rest, last);                                                                 \
        mode_t mode = mode_in(flags, rest);                                                   \
        va_end(rest);                                                                         \
        if (group_of(flags) == READ && !plan.reads) return real arguments;                    \
        struct turn turn = enter(group_of(flags), #name, path);                               \
        if (turn.error > 0) return errno = turn.error, -1;                                    \
        int answer = real arguments;                                                          \
        leave(turn);                                                                          \
        return answer;                                                                        \
    }

OPENING(open, (const char *path, int flags, ...), flags, (path, flags, mode))
OPENING(open64, (const char *path, int flags, ...), flags, (path, flags, mode))
OPENING(openat, (int at, const char *path, int flags, ...), flags, (at, path, flags, mode))
OPENING(openat64, (int at, const char *path, int flags, ...), flags, (at, path, flags, mode))

/// The one call that has no function in the C library of every system: openat2.
long syscall(long number, ...) {
    REAL(syscall);
    va_list rest;
    va_start(rest, number);
    long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long);
    long d = va_arg(rest, long), e = va_arg(rest, long), f = va_arg(rest, long);
    va_end(rest);
    if (number != SYS_openat2) return real(number, a, b, c, d, e, f);
    int flags = (int)((const struct open_how *)c)->flags;
    if (group_of(flags) == READ && !plan.reads) return real(number, a, b, c, d, e, f);
    struct turn turn = enter(group_of(flags), "openat2", (const char *)b);
    if (turn.error > 0) return errno = turn.error, -1;
    long answer = real(number, a, b, c, d, e, f);
    leave(turn);
    return answer;
}

// MARK: Writing and sending

/// Half of a write, at least a byte.
static size_t half(size_t size) { return size > 1 ? size / 2 : size; }

#define WRITING(name, parameters, arguments)                              \
    ssize_t name parameters {                                             \
        REAL(name);                               \
        enum group group;                                                 \
        char path[256];                                                   \
        if (!is_outside(fd, &group, path)) return real arguments;         \
        struct turn turn = enter(group, #name, path);                     \
        if (turn.error > 0) return errno = turn.error, -1;                \
        if (turn.error < 0) size = half(size);                            \
        ssize_t answer = real arguments;                                  \
        leave(turn);                                                      \
        return answer;                                                    \
    }

WRITING(write, (int fd, const void *bytes, size_t size), (fd, bytes, size))
WRITING(pwrite, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, size, at))
WRITING(pwrite64, (int fd, const void *bytes, size_t size, off64_t at), (fd, bytes, size, at))
WRITING(send, (int fd, const void *bytes, size_t size, int how), (fd, bytes, size, how))
WRITING(sendto, (int fd, const void *bytes, size_t size, int how, const struct sockaddr *to, socklen_t length),
        (fd, bytes, size, how, to, length))
WRITING(sendfile, (int fd, int from, off_t *at, size_t size), (fd, from, at, size))

/// Those that take a list of pieces are not made short.
#define WRITING_PIECES(name, parameters, arguments)                       \
    ssize_t name parameters {                                             \
        REAL(name);                               \
        enum group group;                                                 \
        char path[256];                                                   \
        if (!is_outside(fd, &group, path)) return real arguments;         \
        struct turn turn = enter(group, #name, path);                     \
        if (turn.error > 0) return errno = turn.error, -1;                \
        ssize_t answer = real arguments;                                  \
        leave(turn);                                                      \
        return answer;                                                    \
    }

WRITING_PIECES(writev, (int fd, const struct iovec *pieces, int count), (fd, pieces, count))
WRITING_PIECES(pwritev, (int fd, const struct iovec *pieces, int count, off_t at), (fd, pieces, count, at))
WRITING_PIECES(sendmsg, (int fd, const struct msghdr *message, int how), (fd, message, how))

ssize_t copy_file_range(int from, off64_t *from_at, int fd, off64_t *at, size_t size, unsigned how) {
    REAL(copy_file_range);
    enum group group;
    char path[256];
    if (!is_outside(fd, &group, path)) return real(from, from_at, fd, at, size, how);
    struct turn turn = enter(group, "copy_file_range", path);
    if (turn.error > 0) return errno = turn.error, -1;
    ssize_t answer = real(from, from_at, fd, at, size, how);
    leave(turn);
    return answer;
}

int connect(int fd, const struct sockaddr *address, socklen_t size) {
    REAL(connect);
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6) return real(fd, address, size);
    struct turn turn = enter(CONNECT, "connect", "");
    if (turn.error > 0) return errno = turn.error, -1;
    int answer = real(fd, address, size);
    leave(turn);
    return answer;
}
