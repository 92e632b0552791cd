// zimg as the package manager installs it. Only the C target CVipsShim includes this, for the arithmetic of reductions.
#include <zimg.h>
