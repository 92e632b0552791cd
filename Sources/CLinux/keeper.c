#define _GNU_SOURCE
#include "CLinuxKeeper.h"

#include "CLinuxProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// How long what descends from a program is hunted; processes that the kernel cannot end in that time stay.
enum { SWEEP_MS = 5000 };

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void report(int control, char kind, int number) {
    char text[32];
    int size = snprintf(text, sizeof text, "%c %d", kind, number);
    // Nobody may be listening any more; then nobody misses it.
    if (send(control, text, (size_t)size, MSG_NOSIGNAL) < 0) return;
}

static int cap(int what, uint64_t most) {
    struct rlimit limit = {most, most}, now;
    if (most == 0) return 0;
    if (getrlimit(what, &now)) return -1;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most) limit.rlim_cur = limit.rlim_max = now.rlim_max;
    return setrlimit(what, &limit);
}

// In the child: everything that it is to be before it is the program. Answers only when something failed.
static void become(const vz_program *program, pid_t keeper) {
    sigset_t none;
    if (setsid() < 0) return;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)) return;
    if (getppid() != keeper) _exit(127);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL)) return;
    struct rlimit no_core = {0, 0};
    if (setrlimit(RLIMIT_CORE, &no_core)) return;
    if (cap(RLIMIT_FSIZE, program->file_bytes) || cap(RLIMIT_CPU, program->cpu_seconds)) return;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || chdir(program->folder)) return;
    if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC)) return;
    // Last: from here on this process may not even be able to grow its stack.
    if (cap(RLIMIT_AS, program->memory_bytes)) return;
    execv(program->command[0], (char *const *)program->command);
}

// Starts the program; -1 with errno when it could not be.
static pid_t start(const vz_program *program) {
    int alarm[2];
    if (pipe2(alarm, O_CLOEXEC)) return -1;
    pid_t keeper = getpid(), child = fork();
    if (child == 0) {
        become(program, keeper);
        int failed = errno;
        if (write(alarm[1], &failed, sizeof failed) < 0) _exit(126);
        _exit(127);
    }
    int failed = child < 0 ? errno : 0;
    close(alarm[1]);
    if (child > 0 && read(alarm[0], &failed, sizeof failed) > 0) {
        waitpid(child, NULL, 0);
        child = -1;
    }
    close(alarm[0]);
    if (child < 0) errno = failed;
    return child;
}

// Kills the children of this process: those that it started and those that were left to it.
static void kill_children(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *list = fopen(path, "re");
    if (list == NULL) return;
    int child;
    while (fscanf(list, "%d", &child) == 1) kill(child, SIGKILL);
    fclose(list);
}

// Kills and reaps whatever is left. A process that dies leaves its own children to this one (it is their subreaper), so
// that each round sees one generation more.
static void sweep(void) {
    int64_t end = now_ms() + SWEEP_MS;
    for (;;) {
        kill_children();
        pid_t gone;
        while ((gone = waitpid(-1, NULL, WNOHANG)) > 0) continue;
        if ((gone < 0 && errno == ECHILD) || now_ms() > end) return;
        poll(NULL, 0, 2);
    }
}

// Until the program has ended, which `handle` tells.
static void wait_for(int handle, int control, pid_t child, int64_t grace_ms) {
    struct pollfd waits[2] = {{handle, POLLIN, 0}, {control, POLLIN, 0}};
    int64_t end = -1;
    for (;;) {
        int64_t left = end < 0 ? -1 : end - now_ms();
        if (end >= 0 && left <= 0) {
            kill(-child, SIGKILL);
            kill(child, SIGKILL);
            left = 100;
        }
        int ready = poll(waits, 2, (int)left);
        if (ready <= 0) continue;
        if (waits[0].revents) return;
        // Taken, since an unread message would turn the end of this socket into an error on the other side.
        char word[16];
        while (recv(control, word, sizeof word, MSG_DONTWAIT) > 0) continue;
        waits[1].fd = -1;
        kill(-child, SIGTERM);
        end = now_ms() + grace_ms;
    }
}

int vz_keep(int control, const vz_program *program) {
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) return -1;
    // The keeper ends when its work is done: nothing but SIGKILL comes before that.
    static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
    pid_t child = start(program);
    if (child < 0) {
        report(control, 'e', errno);
        return 0;
    }
    int handle = (int)syscall(SYS_pidfd_open, child, 0);
    if (handle < 0) {
        int failed = errno;
        kill(-child, SIGKILL);
        sweep();
        report(control, 'e', failed);
        return 0;
    }
    // Only the program writes to these; whoever reads them is to see their end with it.
    for (int number = 0; number < 3; number++) close(number);
    wait_for(handle, control, child, program->grace_ms);
    siginfo_t how = {0};
    waitid(P_PID, (id_t)child, &how, WEXITED | WNOWAIT);
    // Before the leader is reaped: until then the number of its group is nobody else's.
    kill(-child, SIGKILL);
    sweep();
    report(control, how.si_code == CLD_EXITED ? 'x' : 's', how.si_status);
    return 0;
}

int vz_spawn_with(const char *path, const char *const *arguments, const char *const *environment, const int *files,
                  int count, int *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed) return failed;
    failed = posix_spawnattr_init(&how);
    if (!failed) {
        for (int number = 0; number < count && !failed; number++)
            failed = posix_spawn_file_actions_adddup2(&actions, files[number], number);
        if (!failed) failed = posix_spawn_file_actions_addclosefrom_np(&actions, count);
        if (!failed) failed = posix_spawnattr_setsigmask(&how, &none);
        if (!failed) failed = posix_spawnattr_setsigdefault(&how, &all);
        if (!failed)
            failed = posix_spawnattr_setflags(
                &how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        if (!failed)
            failed = posix_spawn(
                pid, path, &actions, &how, (char *const *)arguments, (char *const *)environment);
        posix_spawnattr_destroy(&how);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

int vz_duplicate_above(int fd, int least) { return fcntl(fd, F_DUPFD_CLOEXEC, least); }

int vz_pipe(int fds[2]) { return pipe2(fds, O_CLOEXEC); }
