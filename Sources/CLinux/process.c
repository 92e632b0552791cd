#define _GNU_SOURCE
#include "CLinuxProcess.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
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

int vz_limit_address_space(uint64_t bytes) { return limit(RLIMIT_AS, bytes); }

int vz_limit_open_files(uint64_t count) { return limit(RLIMIT_NOFILE, count); }

int vz_limit_file_size(uint64_t bytes) {
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR) return -1;
    return limit(RLIMIT_FSIZE, bytes);
}

int vz_no_core_dump(void) { return limit(RLIMIT_CORE, 0); }

int vz_private_memory(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

int vz_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }

int vz_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

// Not ru_maxrss: a process that was spawned inherits the peak of the one that spawned it, whatever it uses itself.
long vz_resident_peak(void) {
    FILE *file = fopen("/proc/self/status", "re");
    if (file == NULL) return -1;
    char line[256];
    long kilobytes = -1;
    while (kilobytes < 0 && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "VmHWM: %ld", &kilobytes) != 1) kilobytes = -1;
    }
    fclose(file);
    return kilobytes < 0 ? -1 : kilobytes * 1024;
}
