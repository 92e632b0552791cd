// The one call that Swift cannot spell: ioctl(2) has a variable list of arguments.
#pragma once

/// Shuts a mounted file system down as if the power had gone: what it has not written by now is lost, its log is not
/// flushed, and every later call on it fails. `fd` is any descriptor on it. Answers 0 or the errno (ENOTTY: btrfs).
int power_cut(int fd);
