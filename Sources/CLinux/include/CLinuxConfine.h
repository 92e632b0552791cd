// What a process gives up for good before it reads a stranger's file. The order matters: each needs what the next takes.
#ifndef CLINUX_CONFINE_H
#define CLINUX_CONFINE_H

/// Takes an empty network of its own, and a name space of users for the right to it. -1 where that is not allowed
/// (EPERM, ENOSYS, EUSERS, ENOSPC). The process must have one thread.
int vz_leave_network(void);

/// Gives up every path (Landlock); open descriptors stay. -1 where the kernel does not know that. PR_SET_NO_NEW_PRIVS
/// must be set.
int vz_leave_files(void);

/// Gives up all system calls but those that decoding a picture needs, for all threads. -1 with errno: then nothing was
/// given up. PR_SET_NO_NEW_PRIVS must be set.
int vz_filter_calls(void);

#endif
