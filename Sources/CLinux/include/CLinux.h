// What the Glibc module hides from Swift: calls behind _GNU_SOURCE, variadic calls, and names that clash.
// Scalar types only, so that no Linux macro reaches Swift. Every function returns what the call returns and leaves
// errno as the call left it; retrying and meaning are decided in Swift (Sources/Linux).
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>

#include "CLinuxConfine.h"
#include "CLinuxKeeper.h"
#include "CLinuxProcess.h"

typedef struct {
    uint64_t device, inode, mode, uid, gid, links, size, blocks;
    int64_t modified_ns, changed_ns;
} vz_stat;

typedef struct {
    uint64_t block_bytes, blocks, blocks_available, inodes, inodes_available, read_only, kind;
} vz_space;

// Files. `resolve` takes the VZ_RESOLVE_ bits, which are the kernel's own.
enum { VZ_RESOLVE_NO_MAGICLINKS = 0x02, VZ_RESOLVE_NO_SYMLINKS = 0x04, VZ_RESOLVE_BENEATH = 0x08 };
enum { VZ_RENAME_REPLACE = 0, VZ_RENAME_NOREPLACE = 1, VZ_RENAME_EXCHANGE = 2 };
int vz_openat2(int dir, const char *path, int flags, uint32_t mode, uint64_t resolve);
// The same step by step, for where there is no openat2(2); vz_openat2 comes here by itself.
int vz_open_walking(int dir, const char *path, int flags, uint32_t mode, uint64_t resolve);
int vz_renameat2(int from, const char *old, int to, const char *fresh, uint32_t how);
int vz_linkat(int from, const char *old, int to, const char *fresh);
int vz_fstatat(int dir, const char *path, vz_stat *out); // never follows a link
int vz_fstat(int fd, vz_stat *out);
int vz_space_of(int fd, vz_space *out);
int vz_flock(int fd, int exclusive, int wait);
int vz_unlock(int fd);
int vz_syncfs(int fd);
int vz_memfd(const char *name);
int vz_open_nameless(int dir, uint32_t mode); // O_TMPFILE
int vz_set_size(int fd, int64_t size);
int vz_reserve(int fd, int64_t size); // posix_fallocate; answers 0 or an errno VALUE
int vz_path_flags(void);              // O_PATH | O_CLOEXEC
long vz_getdents(int fd, void *buffer, size_t size);
void vz_dirent(const void *buffer, size_t offset, size_t *next, size_t *name, int *kind);
int vz_chown(int fd, uint32_t uid, uint32_t gid);
int vz_chmod(int fd, uint32_t mode);
int vz_utimes_ns(int fd, int64_t modified_ns);

// Waiting.
int vz_eventfd(void);
int vz_signalfd(const int *signals, int count); // blocks them in the calling thread first
int vz_next_signal(int fd);
int vz_signal_ignore(int signal);
int vz_signal_default(int signal); // and unblocks it in the calling thread
int vz_poll(int *fds, short *events, short *happened, int count, int64_t timeout_ns); // -1: for ever
int vz_epoll(void);
enum { VZ_EPOLL_ADD = 1, VZ_EPOLL_REMOVE = 2, VZ_EPOLL_MODIFY = 3 }; // the kernel's own
enum { VZ_EPOLL_IN = 1, VZ_EPOLL_OUT = 4, VZ_EPOLL_ERROR = 8, VZ_EPOLL_HANGUP = 16 };
int vz_epoll_change(int epoll, int operation, int fd, uint32_t events);
int vz_epoll_wait(int epoll, int *fds, uint32_t *events, int capacity, int wait); // at most 256; wait: 0 only looks
int vz_timerfd(void);
int vz_timerfd_set(int fd, int64_t at_ns); // CLOCK_MONOTONIC; 0 disarms
int vz_socket(int family, int kind, int protocol);
uint64_t vz_socket_cookie(int fd); // never the same for two sockets; 0: no socket
int64_t vz_tcp_consumed(int fd); // bytes received and read; -1: no TCP connection

// The rest.
int vz_random(void *buffer, size_t size);
int64_t vz_clock_ns(int wall);
// `patience_ms`: how long a full queue of the receiver is waited for; 0 not at all.
int vz_notify(const char *path, const void *bytes, size_t size, int patience_ms);
// Sets what the allocator keeps; before any thread starts.
void vz_thrifty_memory(void);
// Trims the heap and drops the pages of unchanged code; answers how many bytes of it were resident, -1: no /proc.
int64_t vz_let_go_of_memory(void);
int vz_socketpair(int fds[2]); // SOCK_SEQPACKET, close-on-exec
long vz_send_with(int fd, const void *bytes, size_t size, const int *passed, int count);
long vz_message_size(int fd); // of the next message, which stays where it is
long vz_receive_with(int fd, void *bytes, size_t size, int *passed, int capacity, int *count);
int vz_terminal_columns(int fd);
int vz_terminal_rows(int fd); // both 0: no terminal
int vz_thread(void (*body)(void *), void *context, const char *name);
// What the calling thread was given to remember; NULL at first.
void *vz_thread_seat(void);
void vz_thread_set_seat(void *seat);
int vz_kill(int pid, int signal);
int vz_open_descriptors(void);
long vz_resident_bytes(void);
const char *vz_environment(size_t index); // NAME=VALUE; NULL after the last
const char *vz_error_name(int code);
const char *vz_error_text(int code);

#endif
