// What the files of this target share.
#ifndef VZ_INSIDE_H
#define VZ_INSIDE_H

#include "CVipsShim.h"
#include <vips/vips.h>

/// Copies libvips' own words into `why` as one printable line, clears them, and picks the code that they mean.
int vz_explain(char why[VZ_WHY]);

/// Puts a sentence of ours into `why` and answers `code`.
int vz_say(char why[VZ_WHY], int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/// Opens the picture lazily (header only) and fills `info`. The caller unrefs `*image`.
int vz_open(const void *bytes, size_t count, VipsFailOn fail_on, VipsImage **image, vz_info *info, char why[VZ_WHY]);

/// Answers VZ_TOO_MANY_PIXELS if the header promises more than `most` pixels.
int vz_check_pixels(const vz_info *info, int64_t most, char why[VZ_WHY]);

/// Three bands of eight bits in sRGB, alpha laid on white. The caller unrefs `*out`.
int vz_flat_rgb(VipsImage *in, VipsImage **out);

/// Whether vz_reduce takes the picture to this size: eight-bit sRGB without alpha, made smaller by less than 16 times.
int vz_can_reduce(VipsImage *in, int width, int height);

/// Decodes `in` from its first row to its last, once and in order, and answers it in memory at this size, with its
/// metadata. The caller unrefs `*out`.
int vz_reduce(VipsImage *in, int width, int height, VipsImage **out);

/// Encodes without metadata into `out->bytes`.
int vz_encode(VipsImage *image, int quality, vz_picture *out);

/// Finds the uniform border of packed RGB pixels.
void vz_find_content(const uint8_t *rgb, int width, int height, vz_box *content, int32_t *backdrop);

#endif
