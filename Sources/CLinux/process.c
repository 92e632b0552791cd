#define _GNU_SOURCE
#include "CLinuxProcess.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int describe_child(posix_spawn_file_actions_t *files, posix_spawnattr_t *how, int input) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int failed = posix_spawn_file_actions_adddup2(files, input, 0);
    if (!failed) failed = posix_spawn_file_actions_addopen(files, 1, "/dev/null", O_WRONLY, 0);
    if (!failed) failed = posix_spawn_file_actions_addopen(files, 2, "/dev/null", O_WRONLY, 0);
    if (!failed) failed = posix_spawn_file_actions_addclosefrom_np(files, 3);
    if (!failed) failed = posix_spawnattr_setpgroup(how, 0);
    if (!failed) failed = posix_spawnattr_setsigmask(how, &none);
    if (!failed) failed = posix_spawnattr_setsigdefault(how, &all);
    if (!failed)
        failed = posix_spawnattr_setflags(how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return failed;
}

int vz_spawn(const char *path, const char *const *arguments, int input, int *pid) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    char *environment[] = {NULL};
    int failed = posix_spawn_file_actions_init(&files);
    if (failed) return failed;
    failed = posix_spawnattr_init(&how);
    if (!failed) {
        failed = describe_child(&files, &how, input);
        if (!failed) failed = posix_spawn(pid, path, &files, &how, (char *const *)arguments, environment);
        posix_spawnattr_destroy(&how);
    }
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

int vz_reap(int pid, int *code, int *signal) {
    int status;
    *code = *signal = -1;
    if (waitpid(pid, &status, 0) < 0) return -1;
    if (WIFEXITED(status)) *code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) *signal = WTERMSIG(status);
    return 0;
}

static int limit(int what, uint64_t most) {
    struct rlimit now;
    if (getrlimit(what, &now)) return -1;
    // A limit that is tighter already stays.
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most) most = now.rlim_max;
    now.rlim_cur = now.rlim_max = most;
    return setrlimit(what, &now);
}

#ifndef __has_feature // gcc's way to say it
#define __has_feature(name) 0
#endif
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || defined(__SANITIZE_ADDRESS__)
// A sanitizer lays out terabytes of address space before main begins.
int vz_limit_address_space(uint64_t bytes) { return limit(RLIMIT_AS, bytes == 0 ? 0 : RLIM_INFINITY); }
#else
int vz_limit_address_space(uint64_t bytes) { return limit(RLIMIT_AS, bytes); }
#endif

int vz_limit_processes(uint64_t count) { return limit(RLIMIT_NPROC, count); }

int vz_limit_cpu(uint64_t seconds) { return limit(RLIMIT_CPU, seconds); }

int vz_limit_open_files(uint64_t count) { return limit(RLIMIT_NOFILE, count); }

int vz_limit_file_size(uint64_t bytes) {
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR) return -1;
    return limit(RLIMIT_FSIZE, bytes);
}

int vz_private_memory(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// The limit alone does not keep a program that the kernel hands cores to (core_pattern) from getting one.
int vz_no_core_dump(void) { return limit(RLIMIT_CORE, 0) || vz_private_memory() ? -1 : 0; }

int vz_die_plainly(void) {
    static const int deaths[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGQUIT, SIGSYS};
    for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++)
        if (signal(deaths[i], SIG_DFL) == SIG_ERR) return -1;
    return 0;
}

int vz_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }

int vz_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

// Not ru_maxrss: a process that was spawned inherits the peak of the one that spawned it, whatever it uses itself.
long vz_resident_peak(int status) {
    char text[4096];
    ssize_t got = pread(status, text, sizeof text - 1, 0);
    if (got < 0) return -1;
    text[got] = 0;
    const char *line = strstr(text, "\nVmHWM:");
    long kilobytes;
    return line != NULL && sscanf(line, " VmHWM: %ld", &kilobytes) == 1 ? kilobytes * 1024 : -1;
}

int64_t vz_cpu_ns(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}
