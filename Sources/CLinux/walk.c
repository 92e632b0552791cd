// Opening a path beneath a folder where openat2(2) cannot be had: kernels before 5.6, and sandboxes that refuse the call
// because their filters cannot look into its arguments (systemd's RestrictSUIDSGID=, some containers).
//
// The path is walked one name at a time from folders that are held open, never through a link that was not read first,
// and ".." goes back to the folder that was held before. So it cannot leave the folder that it starts from, whatever is
// renamed or replaced meanwhile. The errors are openat2's: EXDEV for what would lead out, ELOOP for a link that is not
// wanted or too many of them.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// As many as the kernel follows, and deeper than any wardrobe.
enum { LINKS_MAX = 40, DEPTH_MAX = 128 };

struct walk {
    char rest[PATH_MAX]; // what is still to be walked
    int held[DEPTH_MAX]; // the folders beneath the first one
    int depth;
    int links;
};

static int fail(int reason) {
    errno = reason;
    return -1;
}

// Puts a link's target in the place of its name. `after` is what follows the name in `rest`.
static int follow(struct walk *w, int folder, const char *name, const char *after, uint64_t resolve, int reason) {
    char target[PATH_MAX];
    ssize_t size = readlinkat(folder, name, target, sizeof target);
    if (size < 0) return fail(errno == EINVAL ? reason : errno); // No link after all: the first error stands.
    if (resolve & VZ_RESOLVE_NO_SYMLINKS || ++w->links > LINKS_MAX) return fail(ELOOP);
    if (size == 0) return fail(ENOENT);
    if (target[0] == '/') return fail(EXDEV);
    size_t left = strlen(after);
    if ((size_t)size + left >= sizeof w->rest) return fail(ENAMETOOLONG);
    memmove(w->rest + size, after, left + 1);
    memcpy(w->rest, target, (size_t)size);
    return 0;
}

// Walks to the end and opens what is there.
static int walk(struct walk *w, int start, int flags, uint32_t mode, uint64_t resolve) {
    for (;;) {
        int folder = w->depth > 0 ? w->held[w->depth - 1] : start;
        char *from = w->rest + strspn(w->rest, "/");
        size_t size = strcspn(from, "/");
        char name[NAME_MAX + 1];
        if (size > NAME_MAX) return fail(ENAMETOOLONG);
        memcpy(name, from, size);
        name[size] = 0;
        char *after = from + size;
        // The end of a path that ends in a slash or a dot is the folder itself.
        if (size == 0) return openat(folder, ".", flags | O_CLOEXEC, mode);
        int is_up = strcmp(name, "..") == 0;
        if (is_up || strcmp(name, ".") == 0) {
            if (is_up && w->depth == 0) return fail(EXDEV);
            if (is_up) close(w->held[--w->depth]);
            memmove(w->rest, after, strlen(after) + 1);
            continue;
        }
        int is_last = *after == 0;
        int step = is_last ? flags | O_NOFOLLOW | O_CLOEXEC : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        int fd = openat(folder, name, step, mode);
        if (fd >= 0 && is_last) {
            struct stat info;
            if (!(flags & O_PATH) || (fstat(fd, &info) == 0 && !S_ISLNK(info.st_mode))) return fd;
            close(fd);
            fd = fail(ELOOP);
        }
        if (fd < 0) {
            // A link says ELOOP, or ENOTDIR where a folder was asked for.
            int reason = errno;
            if (reason != ELOOP && reason != ENOTDIR) return -1;
            if (follow(w, folder, name, after, resolve, reason) != 0) return -1;
            continue;
        }
        if (w->depth == DEPTH_MAX) {
            close(fd);
            return fail(ENAMETOOLONG);
        }
        w->held[w->depth++] = fd;
        memmove(w->rest, after, strlen(after) + 1);
    }
}

int vz_open_walking(int dir, const char *path, int flags, uint32_t mode, uint64_t resolve) {
    struct walk w = {.depth = 0};
    if (path[0] == 0) return fail(ENOENT);
    if (path[0] == '/') return fail(EXDEV);
    if (strlen(path) >= sizeof w.rest) return fail(ENAMETOOLONG);
    strcpy(w.rest, path);
    int fd = walk(&w, dir, flags, mode, resolve);
    int reason = errno;
    while (w.depth > 0) close(w.held[--w.depth]);
    errno = reason;
    return fd;
}
