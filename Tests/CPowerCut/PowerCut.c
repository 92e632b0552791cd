// The shutdown of a file system for tests of power cuts. EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are the same number,
// _IOR('X', 125, __u32), and so are their flags: 2 is "do not flush the log" (fs/ext4/ext4.h, fs/xfs/libxfs/xfs_fs.h).

#include "CPowerCut.h"

#include <errno.h>
#include <linux/types.h>
#include <sys/ioctl.h>

int power_cut(int fd) {
    __u32 flags = 2;
    return ioctl(fd, _IOR('X', 125, __u32), &flags) == 0 ? 0 : errno;
}
