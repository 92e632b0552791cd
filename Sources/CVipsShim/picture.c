// One picture: making it ready for a provider or a sheet, and proving that it decodes from the first row to the last.
// The header is checked before any pixel is decoded. Nothing of the source but its pixels goes on: EXIF (with the place
// where a photo was taken), XMP, comments and colour profiles end here.
#include "inside.h"

#include <stdlib.h>
#include <string.h>

int vz_flat_rgb(VipsImage *in, VipsImage **out) {
    VipsObject *scope = VIPS_OBJECT(vips_image_new());
    VipsImage **t = (VipsImage **)vips_object_local_array(scope, 4);
    double white[] = {255, 255, 255};
    VipsArrayDouble *background = vips_array_double_new(white, 3);
    int failed = vips_colourspace(in, &t[0], VIPS_INTERPRETATION_sRGB, NULL);
    VipsImage *now = t[0];
    if (!failed && vips_image_hasalpha(now)) {
        failed = vips_flatten(now, &t[1], "background", background, NULL);
        now = t[1];
    }
    if (!failed && now->Bands > 3) {
        failed = vips_extract_band(now, &t[2], 0, "n", 3, NULL);
        now = t[2];
    }
    failed = failed || vips_cast_uchar(now, out, NULL);
    vips_area_unref(VIPS_AREA(background));
    g_object_unref(scope);
    return failed;
}

int vz_encode(VipsImage *image, int quality, vz_picture *out) {
    out->width = image->Xsize;
    out->height = image->Ysize;
    return vips_jpegsave_buffer(image, &out->bytes, &out->count, "Q", quality, "strip", TRUE, "optimize_coding", TRUE,
                                NULL);
}

static int differs(const uint8_t *p, const uint8_t *q, int by) {
    return abs(p[0] - q[0]) > by || abs(p[1] - q[1]) > by || abs(p[2] - q[2]) > by;
}

/// The outermost pixels, packed RGB, and their number.
static uint8_t *border(const uint8_t *rgb, int width, int height, int *count) {
    uint8_t *ring = g_malloc((size_t)(width + height) * 6);
    int n = 0;
    for (int x = 0; x < width; x++) {
        memcpy(ring + 3 * n++, rgb + 3 * x, 3);
        memcpy(ring + 3 * n++, rgb + 3 * ((size_t)(height - 1) * width + x), 3);
    }
    for (int y = 0; y < height; y++) {
        memcpy(ring + 3 * n++, rgb + 3 * (size_t)y * width, 3);
        memcpy(ring + 3 * n++, rgb + 3 * ((size_t)y * width + width - 1), 3);
    }
    *count = n;
    return ring;
}

/// The commonest colour of the border (the mean of its fullest bin of 32 x 32 x 32) and how many thousandths of the
/// border are about that colour.
static int border_colour(const uint8_t *rgb, int width, int height, uint8_t colour[3]) {
    int count, fullest = 0, alike = 0;
    uint8_t *ring = border(rgb, width, height, &count);
    int *bins = g_new0(int, 8 * 8 * 8);
    int64_t sum[3] = {0, 0, 0}, members = 0;
    for (int i = 0; i < 3 * count; i += 3) bins[ring[i] / 32 * 64 + ring[i + 1] / 32 * 8 + ring[i + 2] / 32]++;
    for (int i = 1; i < 8 * 8 * 8; i++)
        if (bins[i] > bins[fullest]) fullest = i;
    for (int i = 0; i < 3 * count; i += 3) {
        if (ring[i] / 32 * 64 + ring[i + 1] / 32 * 8 + ring[i + 2] / 32 != fullest) continue;
        for (int band = 0; band < 3; band++) sum[band] += ring[i + band];
        members++;
    }
    for (int band = 0; band < 3; band++) colour[band] = (uint8_t)(sum[band] / members);
    for (int i = 0; i < count; i++) alike += !differs(ring + 3 * i, colour, 20);
    g_free(ring);
    g_free(bins);
    return (int)((int64_t)alike * 1000 / count);
}

static int corners_alike(const uint8_t *rgb, int width, int height, const uint8_t colour[3]) {
    size_t last = (size_t)(height - 1) * width;
    return !differs(rgb, colour, 20) + !differs(rgb + 3 * (size_t)(width - 1), colour, 20) +
           !differs(rgb + 3 * last, colour, 20) + !differs(rgb + 3 * (last + width - 1), colour, 20);
}

/// A garment may touch the edges of its photo, but then the corners still show the backdrop; a street behind somebody
/// fills border and corners alike.
static int has_backdrop(const uint8_t *rgb, int width, int height, uint8_t colour[3]) {
    int alike = border_colour(rgb, width, height, colour);
    int light = colour[0] >= 200 && colour[1] >= 200 && colour[2] >= 200;
    return alike >= 700 || (light && alike >= 150 && corners_alike(rgb, width, height, colour) >= 3);
}

/// First and last index whose count reaches `least`; -1 if none does.
static void span(const int *counts, int n, int least, int *first, int *last) {
    *first = *last = -1;
    for (int i = 0; i < n; i++)
        if (counts[i] >= least) {
            if (*first < 0) *first = i;
            *last = i;
        }
}

void vz_find_content(const uint8_t *rgb, int width, int height, vz_box *content, int32_t *backdrop) {
    uint8_t colour[3];
    *content = (vz_box){0, 0, width, height};
    *backdrop = -1;
    if (!has_backdrop(rgb, width, height, colour)) return;
    *backdrop = colour[0] << 16 | colour[1] << 8 | colour[2];
    int *columns = g_new0(int, width), *rows = g_new0(int, height), left, right, top, bottom;
    // 14: above the noise of a JPEG, below the soft shadow that a garment casts on its backdrop.
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            if (differs(rgb + 3 * ((size_t)y * width + x), colour, 14)) columns[x]++, rows[y]++;
    // Two pixels in a line are a garment's tip, one is a speck.
    span(columns, width, 2, &left, &right);
    span(rows, height, 2, &top, &bottom);
    if (left >= 0 && top >= 0) *content = (vz_box){left, top, right - left + 1, bottom - top + 1};
    g_free(columns);
    g_free(rows);
}

static int describe_content(VipsImage *image, vz_picture *out) {
    size_t count = 0;
    uint8_t *rgb = vips_image_write_to_memory(image, &count);
    if (!rgb) return -1;
    vz_find_content(rgb, image->Xsize, image->Ysize, &out->content, &out->backdrop);
    g_free(rgb);
    return 0;
}

/// libvips' own way for all that vz_reduce does not take: shrinks while loading, turns upright, and applies the colour
/// profile if there is one: without one the operation would take a way through a profile of its own, and white would not
/// stay white. Its own fail_on does not reach the loader (libvips 8.14), so it travels in the loader's options.
static int thumbnail(VipsImage *header, const void *bytes, size_t count, int edge, VipsImage **out) {
    const char *options = "fail_on=truncated";
    if (!vips_image_get_typeof(header, VIPS_META_ICC_NAME))
        return vips_thumbnail_buffer((void *)bytes, count, out, edge, "height", edge, "size", VIPS_SIZE_DOWN,
                                     "option_string", options, NULL);
    return vips_thumbnail_buffer((void *)bytes, count, out, edge, "height", edge, "size", VIPS_SIZE_DOWN,
                                 "option_string", options, "export_profile", "srgb", "intent", VIPS_INTENT_RELATIVE,
                                 NULL);
}

/// By how much a JPEG is shrunk while it is decoded. What its decoder leaves out shows as patterns that the cloth does
/// not have, unless the picture is made smaller by half again after it; libvips sees to the same.
static int preshrink(const vz_info *info, int edge) {
    int factor = MAX(info->width, info->height) / edge;
    return info->format != VZ_JPEG || factor < 4 ? 1 : factor < 8 ? 2 : factor < 16 ? 4 : 8;
}

/// In sRGB and upright, as libvips' thumbnail does it; `in` lies in memory.
static int finish(VipsImage *in, VipsImage **out) {
    if (!vips_image_get_typeof(in, VIPS_META_ICC_NAME)) return vips_autorot(in, out, NULL);
    VipsImage *coloured = NULL;
    int failed = vips_icc_transform(in, &coloured, "srgb", "embedded", TRUE, "intent", VIPS_INTENT_RELATIVE, NULL) ||
                 vips_autorot(coloured, out, NULL);
    if (coloured) g_object_unref(coloured);
    return failed;
}

/// At most `edge` pixels on the longer side, upright, in sRGB. `header` is the picture, opened but not decoded.
static int shrink(VipsImage *header, const void *bytes, size_t count, const vz_info *info, int edge, VipsImage **out) {
    VipsObject *scope = VIPS_OBJECT(vips_image_new());
    VipsImage **t = (VipsImage **)vips_object_local_array(scope, 2);
    VipsImage *whole = header;
    double scale = (double)edge / MAX(info->width, info->height);
    int width = MAX(1, (int)(header->Xsize * scale + 0.5)), height = MAX(1, (int)(header->Ysize * scale + 0.5));
    int less = preshrink(info, edge), failed = 0;
    // Of WebP and TIFF smaller ones can be had, and of pictures with frames the first is not all that is there.
    int plain = info->format == VZ_JPEG || info->format == VZ_PNG || info->format == VZ_HEIC || info->format == VZ_AVIF;
    if (!plain || info->pages > 1 || scale >= 1) whole = NULL;
    else if (less > 1) {
        failed = vips_jpegload_buffer((void *)bytes, count, &t[0], "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                                      VIPS_FAIL_ON_TRUNCATED, "shrink", less, NULL);
        whole = t[0];
    }
    if (!failed && whole && vz_can_reduce(whole, width, height))
        failed = vz_reduce(whole, width, height, &t[1]) || finish(t[1], out);
    else if (!failed) failed = thumbnail(header, bytes, count, edge, out);
    g_object_unref(scope);
    return failed;
}

int vz_prepare(const void *bytes, size_t count, int64_t most_pixels, int edge, int quality, vz_info *info,
               vz_picture *out, char why[VZ_WHY]) {
    VipsObject *scope = VIPS_OBJECT(vips_image_new());
    VipsImage **t = (VipsImage **)vips_object_local_array(scope, 4);
    int code = vz_open(bytes, count, VIPS_FAIL_ON_TRUNCATED, &t[0], info, why);
    if (code == VZ_OK) code = vz_check_pixels(info, most_pixels, why);
    if (code == VZ_OK && (shrink(t[0], bytes, count, info, edge, &t[1]) || vz_flat_rgb(t[1], &t[2]) ||
                          !(t[3] = vips_image_copy_memory(t[2])) || describe_content(t[3], out) ||
                          vz_encode(t[3], quality, out)))
        code = vz_explain(why);
    g_object_unref(scope);
    vips_thread_shutdown();
    return code;
}

/// Upright and in sRGB, for a picture that is not a JPEG yet. A profile that cannot be applied is left out.
static int upright_srgb(VipsImage *in, VipsImage **out) {
    VipsObject *scope = VIPS_OBJECT(vips_image_new());
    VipsImage **t = (VipsImage **)vips_object_local_array(scope, 3);
    VipsImage *now = in;
    int failed = 0;
    if (vips_image_get_orientation(in) > 1) {
        // Rows come in order from a sequential loader; turning needs them all.
        failed = !(t[0] = vips_image_copy_memory(in)) || vips_autorot(t[0], &t[1], NULL);
        now = t[1];
    }
    if (!failed && vips_image_get_typeof(now, VIPS_META_ICC_NAME)) {
        if (!vips_icc_transform(now, &t[2], "srgb", "embedded", TRUE, "intent", VIPS_INTENT_RELATIVE,
                                "depth", 8, NULL)) now = t[2];
        else vips_error_clear();
    }
    failed = failed || vz_flat_rgb(now, out);
    g_object_unref(scope);
    return failed;
}

/// Asks for every pixel, from the first row to the last. On this thread: libvips' own loops hand each strip to another
/// one, which small pictures spend more on than on their pixels.
static int decode_all(VipsImage *in) {
    enum { STRIP = 16 };
    VipsRegion *region = vips_region_new(in);
    int failed = 0;
    for (int top = 0; top < in->Ysize && !failed; top += STRIP) {
        VipsRect strip = {0, top, in->Xsize, MIN(STRIP, in->Ysize - top)};
        failed = vips_region_prepare(region, &strip);
    }
    g_object_unref(region);
    return failed;
}

int vz_verify(const void *bytes, size_t count, int64_t most_pixels, int quality, vz_info *info, vz_picture *out,
              char why[VZ_WHY]) {
    VipsObject *scope = VIPS_OBJECT(vips_image_new());
    VipsImage **t = (VipsImage **)vips_object_local_array(scope, 2);
    int code = vz_open(bytes, count, VIPS_FAIL_ON_ERROR, &t[0], info, why);
    if (code == VZ_OK) code = vz_check_pixels(info, most_pixels, why);
    out->width = info->width;
    out->height = info->height;
    if (code == VZ_OK && info->format == VZ_JPEG) {
        if (decode_all(t[0])) code = vz_explain(why);
    } else if (code == VZ_OK) {
        if (upright_srgb(t[0], &t[1]) || vz_encode(t[1], quality, out)) code = vz_explain(why);
    }
    g_object_unref(scope);
    vips_thread_shutdown();
    return code;
}
