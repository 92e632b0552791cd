// Children and the limits of a process: what an image worker needs from the kernel.
#ifndef CLINUX_PROCESS_H
#define CLINUX_PROCESS_H

#include <stdint.h>

/// Starts `path` with descriptor 0 = `input`, 1 and 2 on /dev/null, nothing else open, no environment, its own process
/// group, default signals. Answers 0 or an errno VALUE.
int vz_spawn(const char *path, const char *const *arguments, int input, int *pid);
int vz_reap(int pid, int *code, int *signal); // waits; -1 with errno, one of code and signal is -1
int vz_limit_address_space(uint64_t bytes);
int vz_limit_open_files(uint64_t count);
int vz_limit_file_size(uint64_t bytes); // a write beyond is EFBIG, not a signal
int vz_limit_processes(uint64_t count); // of this user, with their threads
int vz_limit_cpu(uint64_t seconds);     // of this process, all threads together; then SIGKILL
int vz_no_core_dump(void);              // and no look from another process of this user
int vz_private_memory(void);            // the latter alone: memory and environment are for root
int vz_die_plainly(void);               // a crash is its signal, and nobody's business on the way
int vz_die_with_parent(void); // when the thread that started it ends
int vz_no_new_privileges(void);
long vz_resident_peak(int status); // bytes; `status` is /proc/self/status, opened before paths were given up
int64_t vz_cpu_ns(void);           // of this process, all threads together

#endif
