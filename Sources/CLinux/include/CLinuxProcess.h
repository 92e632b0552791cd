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
int vz_no_core_dump(void);
int vz_private_memory(void); // no core dump; memory and environment for root alone
int vz_die_with_parent(void); // when the thread that started it ends
int vz_no_new_privileges(void);
long vz_resident_peak(void); // bytes

#endif
