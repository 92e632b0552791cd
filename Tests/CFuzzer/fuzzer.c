// Nothing but the declaration: the function comes from the compiler's runtime, which the program is linked with.
#include "CFuzzer.h"
