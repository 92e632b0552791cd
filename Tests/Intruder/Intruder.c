// What a photo could do that has taken over its image worker, as far as the worker's cell lets it.
//
// The tests preload this into a worker. It waits for a photo whose first bytes are ff d8 ff and "INTRUDER ", which tells
// what to do; so it acts where a decoder's bug would: in the worker, behind its closed door, at the first read of a
// photo. What came of it is written into the photo itself, from byte 64 on, where the test has handed over one that can
// be written: a line `NAME ERRNO` for each attempt, 0 where it went well.
//
// Attempts are raw system calls: what the C library would do with an answer is of no interest.
//
// With INTRUDER_SANDBOX in the environment it first puts the worker into a sandbox that refuses what many refuse: name
// spaces, Landlock, and the newer way to set a filter; with `closed`, the older way too.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static char lines[8192];
static size_t filled;

static void tell(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(lines + filled, sizeof lines - filled, format, arguments);
    va_end(arguments);
    if (more > 0 && filled + (size_t)more < sizeof lines) filled += (size_t)more;
}

// Into the photo; one that is open for reading alone stays as it is, and the test learns from the worker's end.
static void hand_in(int photo) {
    if (syscall(SYS_lseek, photo, 64, SEEK_SET) != 64) return;
    for (size_t at = 0; at < filled;) {
        long done = syscall(SYS_write, photo, lines + at, filled - at);
        if (done <= 0) return;
        at += (size_t)done;
    }
}

#define TRY(name, ...) tell("%s %d\n", #name, syscall(SYS_##name, ##__VA_ARGS__) < 0 ? errno : 0)

static void try_files(int photo) {
    struct stat info;
    char buffer[256];
    TRY(openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
    TRY(openat, AT_FDCWD, "/tmp/vizd-intruder", O_WRONLY | O_CREAT, 0600);
    TRY(openat, AT_FDCWD, "/proc/self/mem", O_RDWR);
    TRY(openat2, AT_FDCWD, "/etc/passwd", buffer, 24);
    TRY(open_by_handle_at, AT_FDCWD, buffer, O_RDONLY);
    TRY(newfstatat, AT_FDCWD, "/etc/passwd", &info, 0);
    TRY(newfstatat, photo, "", &info, AT_EMPTY_PATH);
    TRY(statx, AT_FDCWD, "/etc/passwd", 0, 0, buffer);
    TRY(faccessat, AT_FDCWD, "/etc/passwd", R_OK);
    TRY(readlinkat, AT_FDCWD, "/proc/self/exe", buffer, sizeof buffer);
    TRY(getcwd, buffer, sizeof buffer);
    TRY(chdir, "/");
    TRY(chroot, "/tmp");
    TRY(mkdirat, AT_FDCWD, "/tmp/vizd-intruder", 0700);
    TRY(mknodat, AT_FDCWD, "/tmp/vizd-intruder", S_IFIFO | 0600, 0);
    TRY(unlinkat, AT_FDCWD, "/tmp/vizd-intruder-none", 0);
    TRY(renameat2, AT_FDCWD, "/tmp/vizd-intruder-none", AT_FDCWD, "/tmp/vizd-intruder", 0);
    TRY(linkat, AT_FDCWD, "/etc/passwd", AT_FDCWD, "/tmp/vizd-intruder", 0);
    TRY(symlinkat, "/etc/passwd", AT_FDCWD, "/tmp/vizd-intruder");
    TRY(truncate, "/tmp/vizd-intruder-none", 0);
    TRY(fchmodat, AT_FDCWD, "/etc/passwd", 0644);
    TRY(fchownat, AT_FDCWD, "/etc/passwd", 0, 0, 0);
    TRY(utimensat, AT_FDCWD, "/etc/passwd", NULL, 0);
    TRY(setxattr, "/etc/passwd", "user.x", "", 0, 0);
    TRY(statfs, "/", buffer);
    TRY(inotify_init1, 0);
}

static void try_handed(int photo) {
    char buffer[64];
    struct iovec part = {buffer, sizeof buffer};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    TRY(ftruncate, photo, 0);
    TRY(fallocate, photo, 0, 0, 1 << 20);
    TRY(fchmod, photo, 0777);
    TRY(fchown, photo, 0, 0);
    TRY(flock, photo, 2);
    TRY(fcntl, photo, F_GETFL, 0);
    TRY(fcntl, photo, F_ADD_SEALS, 0);
    TRY(ioctl, 0, 0x5412, buffer);
    TRY(dup, photo);
    TRY(pwrite64, photo, buffer, 1, 0);
    TRY(writev, photo, &part, 1);
    TRY(sendfile, 0, photo, NULL, 64);
    TRY(splice, photo, NULL, 0, NULL, 64, 0);
    TRY(recvfrom, 0, buffer, sizeof buffer, MSG_DONTWAIT, NULL, NULL);
    TRY(sendto, 0, buffer, 1, MSG_DONTWAIT, NULL, 0);
    TRY(sendmsg, photo, &message, 0);
    TRY(recvmsg, photo, &message, 0);
    TRY(setsockopt, 0, SOL_SOCKET, SO_SNDBUF, buffer, 4);
    TRY(shutdown, 0, 2);
    TRY(accept4, 0, NULL, NULL, 0);
    TRY(getdents64, photo, buffer, sizeof buffer);
}

static void try_machine(int photo) {
    char buffer[512];
    struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TRY(mprotect, page, 4096, PROT_READ | PROT_EXEC);
    TRY(mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TRY(mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, photo, 0);
    TRY(pkey_mprotect, page, 4096, PROT_READ | PROT_EXEC, -1);
    TRY(memfd_create, "x", 0);
    TRY(shmget, 0, 4096, 01600);
    TRY(msgget, 0, 01600);
    TRY(mq_open, "/x", O_CREAT | O_RDWR, 0600, NULL);
    TRY(pipe2, buffer, 0);
    TRY(epoll_create1, 0);
    TRY(eventfd2, 0, 0);
    TRY(userfaultfd, 0);
    TRY(perf_event_open, buffer, 0, -1, -1, 0);
    TRY(keyctl, 0, 0, 0, 0, 0);
    TRY(add_key, "user", "x", "y", 1, -3);
    TRY(prlimit64, 0, RLIMIT_AS, &more, NULL);
    TRY(setpriority, 0, 0, 5);
    TRY(sched_setaffinity, 0, 8, buffer);
    TRY(sched_setscheduler, 0, 0, buffer);
    TRY(personality, 0);
    TRY(prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
    TRY(prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0);
    TRY(seccomp, 1, 0, NULL);
    TRY(landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    TRY(setuid, 0);
    TRY(setgroups, 0, NULL);
    TRY(capset, buffer, buffer);
    TRY(getppid);
    TRY(uname, buffer);
    TRY(syslog, 3, buffer, sizeof buffer);
    TRY(pidfd_open, 1, 0);
    TRY(tgkill, 1, 1, 0);
    TRY(setsid);
    TRY(umask, 0);
    TRY(chown, "/etc/passwd", 0, 0);
    TRY(timer_create, CLOCK_REALTIME, NULL, buffer);
    TRY(setitimer, 0, buffer, NULL);
    TRY(settimeofday, buffer, NULL);
    TRY(pivot_root, "/", "/");
    TRY(umount2, "/proc", 0);
    TRY(reboot, 0, 0, 0, NULL);
    TRY(init_module, buffer, 0, "");
    TRY(clone3, buffer, 64);
}

static void tell_descriptors(void) {
    struct stat info;
    for (int fd = 0; fd < 1024; fd++)
        if (syscall(SYS_fstat, fd, &info) == 0) tell("open %d\n", fd);
}

// Attempts that end the process. If one does not, its line tells.
static void attack(const char *word, int photo) {
    char buffer[64];
    char *no_words[] = {NULL};
    struct iovec part = {buffer, sizeof buffer};
    // Written before, so that the line proves that the attempt was made.
    tell("%s begun\n", word);
    hand_in(photo);
    if (!strcmp(word, "socket")) TRY(socket, AF_INET, SOCK_STREAM, 0);
    if (!strcmp(word, "unix")) TRY(socket, AF_UNIX, SOCK_STREAM, 0);
    if (!strcmp(word, "netlink")) TRY(socket, AF_NETLINK, SOCK_RAW, 0);
    if (!strcmp(word, "pair")) TRY(socketpair, AF_UNIX, SOCK_STREAM, 0, buffer);
    if (!strcmp(word, "connect")) TRY(connect, 0, buffer, 16);
    if (!strcmp(word, "bind")) TRY(bind, 0, buffer, 16);
    if (!strcmp(word, "exec")) TRY(execve, "/bin/true", no_words, no_words);
    if (!strcmp(word, "execfd")) TRY(execveat, photo, "", no_words, no_words, AT_EMPTY_PATH);
    if (!strcmp(word, "fork")) TRY(clone, SIGCHLD, 0, 0, 0, 0);
    if (!strcmp(word, "system")) tell("system %d\n", system("true"));
    if (!strcmp(word, "space")) TRY(clone, CLONE_THREAD | CLONE_VM | CLONE_SIGHAND | CLONE_NEWNET, 0, 0, 0, 0);
    if (!strcmp(word, "unshare")) TRY(unshare, CLONE_NEWUSER);
    if (!strcmp(word, "setns")) TRY(setns, photo, 0);
    if (!strcmp(word, "mount")) TRY(mount, "x", "/tmp", "tmpfs", 0, NULL);
    if (!strcmp(word, "ptrace")) TRY(ptrace, 16, 1, 0, 0);
    if (!strcmp(word, "peek")) TRY(process_vm_readv, 1, &part, 1, &part, 1, 0);
    if (!strcmp(word, "poke")) TRY(process_vm_writev, 1, &part, 1, &part, 1, 0);
    if (!strcmp(word, "kill")) TRY(kill, 1, 0);
    if (!strcmp(word, "ring")) TRY(io_uring_setup, 1, buffer);
    if (!strcmp(word, "bpf")) TRY(bpf, 0, buffer, 0);
#ifdef __x86_64__
    if (!strcmp(word, "vfork")) TRY(vfork);
    if (!strcmp(word, "x32")) tell("x32 %ld\n", syscall(0x40000000 | SYS_getpid));
    if (!strcmp(word, "i386")) {
        long answer = 20; // getpid of the old calls
        __asm__ volatile("int $0x80" : "+a"(answer) : : "memory", "r8", "r9", "r10", "r11");
        tell("i386 %ld\n", answer);
    }
#endif
}

static void *sleep_on(void *nothing) {
    struct timespec week = {604800, 0};
    for (;;) syscall(SYS_nanosleep, &week, NULL);
    return nothing;
}

static int deeper(int n) {
    volatile char room[4096];
    room[0] = (char)n;
    return n < 0 ? 0 : deeper(n + 1) + room[0];
}

// Takes memory until there is none, all of it touched.
static void hog(void) {
    size_t taken = 0;
    for (size_t size = 64 << 20; size >= 4096; size /= 2) {
        for (char *more; (more = malloc(size)) != NULL; taken += size) memset(more, 1, size);
    }
    tell("hog %zu\n", taken >> 20);
}

static void flood(int file) {
    static char block[1 << 20];
    long total = 0, done;
    while ((done = syscall(SYS_write, file, block, sizeof block)) > 0) total += done;
    tell("flood %ld %d\n", total, errno);
}

static void crowd(void) {
    pthread_attr_t how;
    pthread_t thread;
    int count = 0;
    pthread_attr_init(&how);
    pthread_attr_setstacksize(&how, 1 << 16);
    while (count < 20000 && pthread_create(&thread, &how, sleep_on, NULL) == 0) count++;
    tell("crowd %d\n", count);
}

static void misbehave(const char *word, int photo) {
    if (!strcmp(word, "crash")) *(volatile int *)8 = 1;
    if (!strcmp(word, "abort")) abort();
    if (!strcmp(word, "trap")) __builtin_trap();
    if (!strcmp(word, "leave")) _exit(0);
    if (!strcmp(word, "deep")) tell("deep %d\n", deeper(0));
    if (!strcmp(word, "sleep")) sleep_on(NULL);
    if (!strcmp(word, "spin"))
        for (volatile long n = 0;; n++) {}
    if (!strcmp(word, "hog")) hog();
    if (!strcmp(word, "hang up")) close(0);
    if (!strcmp(word, "flood")) flood(photo + 1);
    if (!strcmp(word, "crowd")) crowd();
    if (!strcmp(word, "babble")) {
        struct iovec part = {"no message of the protocol", 26};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        for (int n = 0; n < 3; n++) syscall(SYS_sendmsg, 0, &message, 0);
        sleep_on(NULL);
    }
}

static void obey(const char *word, int photo) {
    filled = 0;
    if (!strcmp(word, "files")) try_files(photo);
    if (!strcmp(word, "handed")) try_handed(photo);
    if (!strcmp(word, "machine")) try_machine(photo);
    if (!strcmp(word, "descriptors")) tell_descriptors();
    attack(word, photo);
    misbehave(word, photo);
    tell("over\n");
    hand_in(photo);
}

static ssize_t look(int fd, const void *bytes, ssize_t got, int64_t offset) {
    static const char opening[] = "\xff\xd8\xffINTRUDER ";
    char word[48] = "";
    size_t skip = sizeof opening - 1;
    if (offset != 0 || got < 64 || memcmp(bytes, opening, skip)) return got;
    memcpy(word, (const char *)bytes + skip, sizeof word - 1);
    word[strcspn(word, "\n")] = 0;
    obey(word, fd);
    return got;
}

ssize_t pread64(int fd, void *bytes, size_t size, int64_t offset) {
    ssize_t (*real)(int, void *, size_t, int64_t) = dlsym(RTLD_NEXT, "pread64");
    return look(fd, bytes, real(fd, bytes, size, offset), offset);
}

ssize_t pread(int fd, void *bytes, size_t size, off_t offset) { return pread64(fd, bytes, size, offset); }

#define NO(name)                                                                                                       \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

__attribute__((constructor)) static void enter_sandbox(void) {
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        NO(unshare), NO(seccomp), NO(landlock_create_ruleset), NO(landlock_restrict_self),
        // prctl(PR_SET_SECCOMP), where filters are refused altogether; allowed below otherwise.
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const char *kind = getenv("INTRUDER_SANDBOX");
    struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    if (kind == NULL) return;
    if (strcmp(kind, "open") == 0) rules[sizeof rules / sizeof *rules - 2].k = SECCOMP_RET_ALLOW;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) abort();
}
