// A sheet: several pictures on one ground. A garment photographed before a light, even backdrop is multiplied onto the
// ground with its backdrop counted as clear, so that only the garment is left to see; any other photo is laid on as it is.
#include "inside.h"

#include <string.h>

typedef struct {
    uint8_t *rgb;
    int width, height;
} canvas;

static int inside(const vz_box *box, int width, int height) {
    return box->left >= 0 && box->top >= 0 && box->width > 0 && box->height > 0 && box->width <= width - box->left &&
           box->height <= height - box->top;
}

/// The cell's pixels at the size of its target, packed RGB; NULL with the reason in libvips' error buffer.
static uint8_t *cell_pixels(VipsImage *picture, const vz_cell *cell) {
    VipsObject *scope = VIPS_OBJECT(vips_image_new());
    VipsImage **t = (VipsImage **)vips_object_local_array(scope, 3);
    const vz_box *crop = &cell->crop;
    uint8_t *rgb = NULL;
    size_t count = 0;
    if (!vz_flat_rgb(picture, &t[0]) &&
        !vips_extract_area(t[0], &t[1], crop->left, crop->top, crop->width, crop->height, NULL) &&
        !vips_thumbnail_image(t[1], &t[2], cell->target.width, "height", cell->target.height, "size", VIPS_SIZE_FORCE,
                              "no_rotate", TRUE, NULL))
        rgb = vips_image_write_to_memory(t[2], &count);
    g_object_unref(scope);
    return rgb;
}

/// `value` of a backdrop's `clear` becomes white, everything darker keeps its ratio to it.
static inline int lifted(int value, int clear) {
    int v = clear > 0 ? value * 255 / clear : value;
    return v > 255 ? 255 : v;
}

static void draw(canvas *sheet, const vz_cell *cell, const uint8_t *rgb) {
    const vz_box *box = &cell->target;
    int clear[3] = {cell->backdrop >> 16 & 255, cell->backdrop >> 8 & 255, cell->backdrop & 255};
    for (int y = 0; y < box->height; y++) {
        uint8_t *to = sheet->rgb + 3 * ((size_t)(box->top + y) * sheet->width + box->left);
        const uint8_t *from = rgb + 3 * (size_t)y * box->width;
        if (cell->backdrop < 0) {
            memcpy(to, from, 3 * (size_t)box->width);
            continue;
        }
        for (int i = 0; i < 3 * box->width; i++) to[i] = (to[i] * lifted(from[i], clear[i % 3]) + 127) / 255;
    }
}

static int draw_cell(canvas *sheet, const vz_cell *cell, int64_t most_pixels, char why[VZ_WHY]) {
    VipsImage *picture = NULL;
    vz_info info;
    int code = vz_open(cell->bytes, cell->count, VIPS_FAIL_ON_TRUNCATED, &picture, &info, why);
    if (code == VZ_OK) code = vz_check_pixels(&info, most_pixels, why);
    if (code == VZ_OK && !inside(&cell->crop, picture->Xsize, picture->Ysize))
        code = vz_say(why, VZ_FAULT, "a cell shows a part outside its picture");
    if (code == VZ_OK) {
        uint8_t *rgb = cell_pixels(picture, cell);
        if (rgb) draw(sheet, cell, rgb);
        else code = vz_explain(why);
        g_free(rgb);
    }
    if (picture) g_object_unref(picture);
    return code;
}

static int encode_sheet(const canvas *sheet, int quality, vz_picture *out, char why[VZ_WHY]) {
    size_t count = 3 * (size_t)sheet->width * sheet->height;
    VipsImage *bare = vips_image_new_from_memory(sheet->rgb, count, sheet->width, sheet->height, 3, VIPS_FORMAT_UCHAR);
    VipsImage *image = NULL;
    int failed = !bare || vips_copy(bare, &image, "interpretation", VIPS_INTERPRETATION_sRGB, NULL) ||
                 vz_encode(image, quality, out);
    int code = failed ? vz_explain(why) : VZ_OK;
    if (image) g_object_unref(image);
    if (bare) g_object_unref(bare);
    return code;
}

int vz_compose(const vz_cell *cells, int cell_count, int width, int height, int32_t ground, int quality,
               int64_t most_pixels, vz_picture *out, char why[VZ_WHY]) {
    canvas sheet = {g_try_malloc(3 * (size_t)width * height), width, height};
    if (!sheet.rgb) return vz_say(why, VZ_FAULT, "there is no memory for a sheet of %d x %d pixels", width, height);
    uint8_t colour[3] = {ground >> 16 & 255, ground >> 8 & 255, ground & 255};
    for (size_t i = 0; i < (size_t)width * height; i++) memcpy(sheet.rgb + 3 * i, colour, 3);
    int code = VZ_OK;
    for (int i = 0; code == VZ_OK && i < cell_count; i++) {
        if (inside(&cells[i].target, width, height)) code = draw_cell(&sheet, &cells[i], most_pixels, why);
        else code = vz_say(why, VZ_FAULT, "a cell lies outside its sheet");
    }
    if (code == VZ_OK) code = encode_sheet(&sheet, quality, out, why);
    g_free(sheet.rgb);
    vips_thread_shutdown();
    return code;
}
