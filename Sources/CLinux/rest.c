#define _GNU_SOURCE
#include "CLinux.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>

// Lets go of one mapping's pages, which come back from the page cache at their next use.
static int64_t let_go(uintptr_t start, uintptr_t end, int64_t resident_kb) {
    if (end <= start || resident_kb == 0) return 0;
    return madvise((void *)start, end - start, MADV_DONTNEED) == 0 ? resident_kb * 1024 : 0;
}

int64_t vz_let_go_of_memory(void) {
    malloc_trim(0);
    FILE *maps = fopen("/proc/self/smaps", "re");
    if (maps == NULL) return -1;
    // Code of files that nobody wrote into: a page with a breakpoint or a probe in it is this process's alone, and would
    // be lost.
    char line[4352], access[8];
    uintptr_t start = 0, end = 0, from, to;
    uint64_t inode;
    int64_t resident = 0, kb, freed = 0;
    bool is_code = false;
    while (fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %*s %*s %" SCNu64, &from, &to, access, &inode) == 4) {
            start = from;
            end = to;
            resident = 0;
            is_code = access[0] == 'r' && access[1] == '-' && access[2] == 'x' && access[3] == 'p' && inode != 0;
        } else if (sscanf(line, "Rss: %" SCNd64, &kb) == 1) {
            resident = kb;
        } else if (sscanf(line, "Anonymous: %" SCNd64, &kb) == 1 && is_code && kb == 0) {
            freed += let_go(start, end, resident);
        }
    }
    fclose(maps);
    return freed;
}
