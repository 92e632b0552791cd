// The picture work that vizd-image does, over plain bytes: no GLib or libvips type shows here, so that Swift can import
// it. Every function answers a VZ_ code; on anything but VZ_OK `why` holds one line for a person. Bytes that come out
// are given back with vz_release. One thread at a time; vz_start first.
#ifndef CVIPSSHIM_H
#define CVIPSSHIM_H

#include <stddef.h>
#include <stdint.h>

enum {
    VZ_OK = 0,
    VZ_TOO_MANY_PIXELS = 1,
    VZ_UNSUPPORTED = 2, // not one of the formats that vizd reads
    VZ_UNREADABLE = 3,  // one of them, but damaged
    VZ_TRUNCATED = 4,   // it ends before its picture does
    VZ_FAULT = 5        // out of memory, or libvips refused our own order
};

enum { VZ_JPEG = 1, VZ_PNG = 2, VZ_WEBP = 3, VZ_HEIC = 4, VZ_AVIF = 5, VZ_GIF = 6, VZ_TIFF = 7 };

#define VZ_WHY 240

/// What the header says. `width` and `height` are as a viewer shows the picture (orientation applied).
typedef struct {
    int32_t width, height, pages, orientation, alpha, format;
} vz_info;

typedef struct {
    int32_t left, top, width, height;
} vz_box;

/// An encoded picture. `content` is the box inside its uniform border (the whole picture if it has none) and `backdrop`
/// the border's colour as 0xRRGGBB, or -1.
typedef struct {
    void *bytes;
    size_t count;
    int32_t width, height, backdrop;
    vz_box content;
} vz_picture;

/// One cell of a sheet: the part `crop` of an encoded picture, drawn to fill `target`. With `backdrop` >= 0 that colour
/// counts as clear and the picture is multiplied onto the ground; with -1 it is laid on the ground as it is.
typedef struct {
    const void *bytes;
    size_t count;
    vz_box crop, target;
    int32_t backdrop;
} vz_cell;

/// Starts libvips with one thread, no cache, and only the loaders of the formats above.
int vz_start(char why[VZ_WHY]);

/// Reads the header; decodes nothing.
int vz_inspect(const void *bytes, size_t count, vz_info *info, char why[VZ_WHY]);

/// First frame, upright, sRGB, alpha on white, at most `edge` pixels on the longer side, JPEG without metadata.
int vz_prepare(const void *bytes, size_t count, int64_t most_pixels, int edge, int quality, vz_info *info,
               vz_picture *out, char why[VZ_WHY]);

/// Decodes every row. A JPEG leaves `out->bytes` NULL (its own bytes serve); anything else becomes a JPEG of `quality`.
int vz_verify(const void *bytes, size_t count, int64_t most_pixels, int quality, vz_info *info, vz_picture *out,
              char why[VZ_WHY]);

/// Draws the cells onto a ground of 0xRRGGBB and encodes a JPEG.
int vz_compose(const vz_cell *cells, int cell_count, int width, int height, int32_t ground, int quality,
               int64_t most_pixels, vz_picture *out, char why[VZ_WHY]);

void vz_release(void *bytes);

#endif
