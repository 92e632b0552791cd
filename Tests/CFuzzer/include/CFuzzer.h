// The door of libFuzzer that is opened from a program with a main of its own (compiler-rt, FuzzerInterface.h).
#ifndef VIZD_CFUZZER_H
#define VIZD_CFUZZER_H
#include <stddef.h>
#include <stdint.h>

typedef int (*vz_fuzz_one)(const uint8_t *data, size_t size);
int LLVMFuzzerRunDriver(int *argc, char ***argv, vz_fuzz_one one);

#endif
