// A program of the operator's and its keeper: what neither posix_spawn nor Swift can do.
#ifndef CLINUX_KEEPER_H
#define CLINUX_KEEPER_H

#include <stddef.h>
#include <stdint.h>

/// What a kept program is given and may use; a limit of 0 is none.
typedef struct {
    const char *folder;               // its working directory
    const char *const *command;       // an absolute path and arguments, NULL after the last
    uint64_t memory_bytes;            // address space of each of its processes
    uint64_t file_bytes;              // of each file that it writes; a write beyond is EFBIG, not a signal
    uint64_t cpu_seconds;             // of each of its processes
    int64_t grace_ms;                 // from SIGTERM to SIGKILL
} vz_program;

/// Starts the program with this process's environment and descriptors 0 to 2 and waits for its end, or for a message or
/// the end of the stream on `control`: then it is asked to end, and killed after the grace. Whatever descends from it
/// is killed and reaped before anything is reported. Reports one message on `control`, a letter and a number: `x` code,
/// `s` signal, `e` errno of a program that could not be started. Answers 0, or -1 with errno.
int vz_keep(int control, const vz_program *program);

/// Starts `path` with these descriptors as 0, 1, 2 ... and nothing else open, in a session of its own, with the
/// environment (NAME=VALUE, NULL after the last) and default signals. The descriptors must be greater than `count`.
/// Answers 0 or an errno VALUE.
int vz_spawn_with(const char *path, const char *const *arguments, const char *const *environment, const int *files,
                  int count, int *pid);
int vz_duplicate_above(int fd, int least); // close-on-exec
int vz_pipe(int fds[2]);                   // close-on-exec

#endif
