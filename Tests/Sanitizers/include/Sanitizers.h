// What the sanitizers of a test program are told beyond what they see, and faults to see that they are awake.
#ifndef VZ_SANITIZERS_H
#define VZ_SANITIZERS_H

#include <stdbool.h>

/// Which sanitizers this build has.
bool vz_thread_sanitizer(void);
bool vz_address_sanitizer(void);
bool vz_undefined_sanitizer(void);

/// One more than `number`: behaviour that C leaves undefined for the largest.
int vz_successor(int number);
/// Takes memory and forgets where.
void vz_forget(void);

#endif
