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

static int by_value(const void *a, const void *b) { return *(const uint8_t *)a - *(const uint8_t *)b; }

static int differs(const uint8_t *p, const uint8_t *q, int by) {
    return abs(p[0] - q[0]) > by || abs(p[1] - q[1]) > by || abs(p[2] - q[2]) > by;
}

/// The middle colour of the outermost pixels, and how many of them (in a thousand) are about that colour.
static int border_colour(const uint8_t *rgb, int width, int height, uint8_t colour[3]) {
    int count = 2 * (width + height);
    uint8_t *ring = g_malloc((size_t)count * 3), *sorted = g_malloc(count);
    int n = 0, alike = 0;
    for (int x = 0; x < width; x++) {
        memcpy(ring + 3 * n++, rgb + 3 * x, 3);
        memcpy(ring + 3 * n++, rgb + 3 * ((size_t)(height - 1) * width + x), 3);
    }
    for (int y = 0; y < height; y++) {
        memcpy(ring + 3 * n++, rgb + 3 * (size_t)y * width, 3);
        memcpy(ring + 3 * n++, rgb + 3 * ((size_t)y * width + width - 1), 3);
    }
    for (int band = 0; band < 3; band++) {
        for (int i = 0; i < count; i++) sorted[i] = ring[3 * i + band];
        qsort(sorted, count, 1, by_value);
        colour[band] = sorted[count / 2];
    }
    for (int i = 0; i < count; i++) alike += !differs(ring + 3 * i, colour, 20);
    g_free(ring);
    g_free(sorted);
    return (int)((int64_t)alike * 1000 / count);
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
    // A garment may touch an edge or two of its photo; a street behind somebody fills all four.
    if (border_colour(rgb, width, height, colour) < 700) return;
    *backdrop = colour[0] << 16 | colour[1] << 8 | colour[2];
    int *columns = g_new0(int, width), *rows = g_new0(int, height), left, right, top, bottom;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            if (differs(rgb + 3 * ((size_t)y * width + x), colour, 24)) columns[x]++, rows[y]++;
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

int vz_prepare(const void *bytes, size_t count, int64_t most_pixels, int edge, int quality, vz_info *info,
               vz_picture *out, char why[VZ_WHY]) {
    VipsObject *scope = VIPS_OBJECT(vips_image_new());
    VipsImage **t = (VipsImage **)vips_object_local_array(scope, 4);
    int code = vz_open(bytes, count, VIPS_FAIL_ON_TRUNCATED, &t[0], info, why);
    if (code == VZ_OK) code = vz_check_pixels(info, most_pixels, why);
    // The thumbnail operation shrinks while it loads, turns the picture upright and applies its colour profile. Its own
    // fail_on is not handed to the loader (8.14), so it travels in the loader's options.
    if (code == VZ_OK &&
        (vips_thumbnail_buffer((void *)bytes, count, &t[1], edge, "height", edge, "size", VIPS_SIZE_DOWN,
                               "option_string", "fail_on=truncated", "export_profile", "srgb", NULL) ||
         vz_flat_rgb(t[1], &t[2]) || !(t[3] = vips_image_copy_memory(t[2])) || describe_content(t[3], out) ||
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
        if (!vips_icc_transform(now, &t[2], "srgb", "embedded", TRUE, "depth", 8, NULL)) now = t[2];
        else vips_error_clear();
    }
    failed = failed || vz_flat_rgb(now, out);
    g_object_unref(scope);
    return failed;
}

int vz_verify(const void *bytes, size_t count, int64_t most_pixels, int quality, vz_info *info, vz_picture *out,
              char why[VZ_WHY]) {
    VipsObject *scope = VIPS_OBJECT(vips_image_new());
    VipsImage **t = (VipsImage **)vips_object_local_array(scope, 2);
    double mean;
    int code = vz_open(bytes, count, VIPS_FAIL_ON_ERROR, &t[0], info, why);
    if (code == VZ_OK) code = vz_check_pixels(info, most_pixels, why);
    out->width = info->width;
    out->height = info->height;
    if (code == VZ_OK && info->format == VZ_JPEG) {
        if (vips_avg(t[0], &mean, NULL)) code = vz_explain(why); // asks for every pixel
    } else if (code == VZ_OK) {
        if (upright_srgb(t[0], &t[1]) || vz_encode(t[1], quality, out)) code = vz_explain(why);
    }
    g_object_unref(scope);
    vips_thread_shutdown();
    return code;
}
