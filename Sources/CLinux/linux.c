#define _GNU_SOURCE
#include "CLinux.h"

#include <malloc.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

int vz_openat2(int dir, const char *path, int flags, uint32_t mode, uint64_t resolve) {
    struct open_how how = {
        .flags = (uint64_t)(uint32_t)(flags | O_CLOEXEC),
        // The kernel refuses a mode without O_CREAT.
        .mode = (flags & O_CREAT) ? mode : 0,
        .resolve = resolve,
    };
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
    return fd < 0 && errno == ENOSYS ? vz_open_walking(dir, path, flags, mode, resolve) : fd;
}

int vz_renameat2(int from, const char *old, int to, const char *fresh, uint32_t how) {
    return renameat2(from, old, to, fresh, how);
}

int vz_linkat(int from, const char *old, int to, const char *fresh) { return linkat(from, old, to, fresh, 0); }

// A file's time is whatever its owner set it to; what 64 bits of nanoseconds cannot hold is the first or last moment.
static int64_t vz_nanoseconds(struct timespec at) {
    int64_t whole;
    if (__builtin_mul_overflow((int64_t)at.tv_sec, (int64_t)1000000000, &whole) ||
        __builtin_add_overflow(whole, (int64_t)at.tv_nsec, &whole))
        return at.tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return whole;
}

static void vz_copy_stat(const struct stat *s, vz_stat *out) {
    out->device = s->st_dev;
    out->inode = s->st_ino;
    out->mode = s->st_mode;
    out->uid = s->st_uid;
    out->gid = s->st_gid;
    out->links = s->st_nlink;
    out->size = (uint64_t)s->st_size;
    out->blocks = (uint64_t)s->st_blocks;
    out->modified_ns = vz_nanoseconds(s->st_mtim);
    out->changed_ns = vz_nanoseconds(s->st_ctim);
}

int vz_fstatat(int dir, const char *path, vz_stat *out) {
    struct stat s;
    int answer = fstatat(dir, path, &s, AT_SYMLINK_NOFOLLOW);
    if (answer == 0) vz_copy_stat(&s, out);
    return answer;
}

int vz_fstat(int fd, vz_stat *out) {
    // The kernel's own call: the C library asks newfstatat, which no filter can tell from a look at any path.
    struct stat s;
    int answer = (int)syscall(SYS_fstat, fd, &s);
    if (answer == 0) vz_copy_stat(&s, out);
    return answer;
}

int vz_space_of(int fd, vz_space *out) {
    struct statvfs s;
    struct statfs kind;
    if (fstatvfs(fd, &s) != 0) return -1;
    if (fstatfs(fd, &kind) != 0) return -1;
    out->block_bytes = s.f_frsize;
    out->blocks = s.f_blocks;
    out->blocks_available = s.f_bavail;
    out->inodes = s.f_files;
    out->inodes_available = s.f_favail;
    out->read_only = (s.f_flag & ST_RDONLY) != 0;
    out->kind = (uint64_t)kind.f_type;
    return 0;
}

int vz_flock(int fd, int exclusive, int wait) {
    return flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB));
}

int vz_unlock(int fd) { return flock(fd, LOCK_UN); }

int vz_syncfs(int fd) { return syncfs(fd); }
int vz_memfd(const char *name) { return memfd_create(name, MFD_CLOEXEC); }
int vz_open_nameless(int dir, uint32_t mode) {
    return openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, (mode_t)mode);
}
int vz_set_size(int fd, int64_t size) { return ftruncate(fd, (off_t)size); }
int vz_reserve(int fd, int64_t size) { return posix_fallocate(fd, 0, (off_t)size); }
int vz_path_flags(void) { return O_PATH | O_CLOEXEC; }

long vz_getdents(int fd, void *buffer, size_t size) { return (long)getdents64(fd, buffer, size); }

void vz_dirent(const void *buffer, size_t offset, size_t *next, size_t *name, int *kind) {
    const struct dirent64 *entry = (const struct dirent64 *)((const char *)buffer + offset);
    *next = offset + entry->d_reclen;
    *name = offset + offsetof(struct dirent64, d_name);
    *kind = entry->d_type;
}

int vz_chown(int fd, uint32_t uid, uint32_t gid) { return fchown(fd, uid, gid); }
int vz_chmod(int fd, uint32_t mode) { return fchmod(fd, (mode_t)mode); }

int vz_utimes_ns(int fd, int64_t modified_ns) {
    struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = modified_ns / 1000000000, .tv_nsec = modified_ns % 1000000000},
    };
    return futimens(fd, times);
}

int vz_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int vz_signalfd(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    int failed = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (failed != 0) {
        errno = failed;
        return -1;
    }
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int vz_next_signal(int fd) {
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) < 0 ? -1 : (int)info.ssi_signo;
}

int vz_signal_ignore(int number) { return signal(number, SIG_IGN) == SIG_ERR ? -1 : 0; }

int vz_signal_default(int number) {
    sigset_t set;
    if (signal(number, SIG_DFL) == SIG_ERR) return -1;
    sigemptyset(&set);
    sigaddset(&set, number);
    return sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int vz_poll(int *fds, short *events, short *happened, int count, int64_t timeout_ns) {
    struct pollfd slots[16];
    if (count > 16) {
        errno = EINVAL;
        return -1;
    }
    for (int i = 0; i < count; i++) slots[i] = (struct pollfd){.fd = fds[i], .events = events[i]};
    struct timespec limit = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    int answer = ppoll(slots, (nfds_t)count, timeout_ns < 0 ? NULL : &limit, NULL);
    for (int i = 0; i < count; i++) happened[i] = answer > 0 ? slots[i].revents : 0;
    return answer;
}

_Static_assert(VZ_EPOLL_ADD == EPOLL_CTL_ADD && VZ_EPOLL_REMOVE == EPOLL_CTL_DEL, "the kernel's own numbers");
_Static_assert(VZ_EPOLL_MODIFY == EPOLL_CTL_MOD && VZ_EPOLL_IN == EPOLLIN, "the kernel's own numbers");
_Static_assert(VZ_EPOLL_OUT == EPOLLOUT && VZ_EPOLL_ERROR == EPOLLERR, "the kernel's own numbers");
_Static_assert(VZ_EPOLL_HANGUP == EPOLLHUP, "the kernel's own numbers");

int vz_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }

int vz_epoll_change(int epoll, int operation, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data = {.fd = fd}};
    return epoll_ctl(epoll, operation, fd, &event);
}

int vz_epoll_wait(int epoll, int *fds, uint32_t *events, int capacity, int wait) {
    struct epoll_event happened[256];
    if (capacity > 256) {
        errno = EINVAL;
        return -1;
    }
    int answer = epoll_wait(epoll, happened, capacity, wait ? -1 : 0);
    for (int i = 0; i < answer; i++) {
        fds[i] = happened[i].data.fd;
        events[i] = happened[i].events;
    }
    return answer;
}

int vz_timerfd(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); }

int vz_timerfd_set(int fd, int64_t at_ns) {
    struct itimerspec when = {.it_value = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000}};
    return timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

int vz_socket(int family, int kind, int protocol) { return socket(family, kind | SOCK_CLOEXEC, protocol); }

uint64_t vz_socket_cookie(int fd) {
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

int64_t vz_tcp_consumed(int fd) {
    struct tcp_info info;
    memset(&info, 0, sizeof info);
    socklen_t size = sizeof info;
    int unread = 0;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || ioctl(fd, FIONREAD, &unread) != 0) return -1;
    return (int64_t)info.tcpi_bytes_received - unread;
}

int vz_random(void *buffer, size_t size) {
    char *at = buffer;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            return -1;
        }
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

int64_t vz_clock_ns(int wall) {
    struct timespec now;
    clock_gettime(wall ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int vz_notify(const char *path, const void *bytes, size_t size, int patience_ms) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address.sun_path) {
        errno = EINVAL;
        return -1;
    }
    memcpy(address.sun_path, path, length);
    // "@name" is systemd's spelling of an abstract socket: a leading NUL, and no terminating one in the length.
    if (path[0] == '@') address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    socklen_t span = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    struct timeval limit = {.tv_sec = patience_ms / 1000, .tv_usec = (patience_ms % 1000) * 1000};
    if (patience_ms > 0) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    int flags = MSG_NOSIGNAL | (patience_ms > 0 ? 0 : MSG_DONTWAIT);
    ssize_t sent = sendto(fd, bytes, size, flags, (struct sockaddr *)&address, span);
    int failure = errno;
    close(fd);
    errno = failure;
    return sent < 0 ? -1 : 0;
}

int vz_socketpair(int fds[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds); }

enum { VZ_PASSED_MAX = 64 };

long vz_send_with(int fd, const void *bytes, size_t size, const int *passed, int count) {
    union {
        char space[CMSG_SPACE(sizeof(int) * VZ_PASSED_MAX)];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > VZ_PASSED_MAX) {
        errno = EINVAL;
        return -1;
    }
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        memcpy(CMSG_DATA(head), passed, sizeof(int) * (size_t)count);
    }
    return (long)sendmsg(fd, &message, MSG_NOSIGNAL);
}

long vz_message_size(int fd) { return (long)recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT); }

long vz_receive_with(int fd, void *bytes, size_t size, int *passed, int capacity, int *count) {
    union {
        char space[CMSG_SPACE(sizeof(int) * VZ_PASSED_MAX)];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    *count = 0;
    ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (got < 0) return -1;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head != NULL; head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        int here = (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < here; i++) {
            int one;
            memcpy(&one, CMSG_DATA(head) + sizeof(int) * (size_t)i, sizeof one);
            // More than was asked for would leak: it is closed at once.
            if (*count < capacity) passed[(*count)++] = one;
            else close(one);
        }
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (int i = 0; i < *count; i++) close(passed[i]);
        *count = 0;
        errno = EMSGSIZE;
        return -1;
    }
    return (long)got;
}

// A terminal that does not know its size (a serial line) is taken for the size that they once had.
int vz_terminal_columns(int fd) {
    struct winsize size;
    if (!isatty(fd)) return 0;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

int vz_terminal_rows(int fd) {
    struct winsize size;
    if (!isatty(fd)) return 0;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return 24;
    return size.ws_row;
}

struct vz_start {
    void (*body)(void *);
    void *context;
    char name[16];
};

static void *vz_run(void *raw) {
    struct vz_start start = *(struct vz_start *)raw;
    free(raw);
    pthread_setname_np(pthread_self(), start.name);
    // Signals belong to the main thread's signalfd; a thread of ours never takes one.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    start.body(start.context);
    return NULL;
}

int vz_thread(void (*body)(void *), void *context, const char *name) {
    struct vz_start *start = malloc(sizeof *start);
    if (start == NULL) return ENOMEM;
    start->body = body;
    start->context = context;
    snprintf(start->name, sizeof start->name, "%s", name);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    int failed = pthread_create(&thread, &attributes, vz_run, start);
    pthread_attr_destroy(&attributes);
    if (failed != 0) free(start);
    return failed;
}

static _Thread_local void *vz_seat;

void *vz_thread_seat(void) { return vz_seat; }
void vz_thread_set_seat(void *seat) { vz_seat = seat; }

int vz_kill(int pid, int number) { return kill(pid, number); }

int vz_open_descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) return -1;
    int count = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) count += entry->d_name[0] != '.';
    closedir(folder);
    return count - 1; // the one that looked
}

long vz_resident_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return -1;
    long pages = 0, resident = 0;
    int fields = fscanf(file, "%ld %ld", &pages, &resident);
    fclose(file);
    return fields == 2 ? resident * sysconf(_SC_PAGESIZE) : -1;
}

const char *vz_environment(size_t index) { return environ == NULL ? NULL : environ[index]; }

const char *vz_error_name(int code) { return strerrorname_np(code); }
const char *vz_error_text(int code) { return strerrordesc_np(code); }

void vz_thrifty_memory(void) {
    // What is large goes back to the kernel when it is freed, and no thread keeps a heap of its own: a daemon of
    // thousands of waiting jobs had several times its need resident (fixed thresholds also stop glibc from raising
    // them after each large free).
    mallopt(M_MMAP_THRESHOLD, 64 << 10);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
    mallopt(M_ARENA_MAX, 2);
}
