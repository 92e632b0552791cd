// libvips as the package manager installs it. Only the C target CVipsShim includes this: the GLib types stop there.
#include <vips/vips.h>
