// Faults that are made on purpose, each in a process of its own (SanitizerTests).
#include "Sanitizers.h"

#include <stdlib.h>
#include <string.h>

#if __has_feature(address_sanitizer)
bool vz_address_sanitizer(void) { return true; }
#else
bool vz_address_sanitizer(void) { return false; }
#endif

#if __has_feature(undefined_behavior_sanitizer)
bool vz_undefined_sanitizer(void) { return true; }
#else
bool vz_undefined_sanitizer(void) { return false; }
#endif

int vz_successor(int number) { return number + 1; }

void vz_forget(void) {
    // In pieces of an odd size, over and over: no register or dead stack slot points to all of them.
    for (int i = 0; i < 64; i++) {
        char *volatile piece = malloc(4001);
        if (piece != NULL) memset(piece, i, 4001);
    }
}
