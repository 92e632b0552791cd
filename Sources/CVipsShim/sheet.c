// A sheet: several pictures on one ground. A garment photographed before a light, even backdrop is multiplied onto the
// ground with its backdrop counted as clear, so that only the garment is left to see; any other photo is laid on as it
// is. A soft shadow, if one is ordered, falls on the ground, not on the garments.
#include "inside.h"

#include <string.h>

typedef struct {
    uint8_t *rgb;   // packed
    uint8_t *shape; // 255 where something lies; NULL without shadows
    int width, height;
} canvas;

static int inside(const vz_box *box, int width, int height) {
    return box->left >= 0 && box->top >= 0 && box->width > 0 && box->height > 0 && box->width <= width - box->left &&
           box->height <= height - box->top;
}

/// Forced to the size of the cell, which may be the larger one.
static int cell_size(VipsImage *in, const vz_box *target, VipsImage **out) {
    if (vz_can_reduce(in, target->width, target->height)) return vz_reduce(in, target->width, target->height, out);
    return vips_thumbnail_image(in, out, target->width, "height", target->height, "size", VIPS_SIZE_FORCE, "no_rotate",
                                TRUE, NULL);
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
        !cell_size(t[1], &cell->target, &t[2]))
        rgb = vips_image_write_to_memory(t[2], &count);
    g_object_unref(scope);
    return rgb;
}

/// `value` of a backdrop's `clear` becomes white, everything darker keeps its ratio to it.
static inline int lifted(int value, int clear) {
    int v = clear > 0 ? value * 255 / clear : value;
    return v > 255 ? 255 : v;
}

static void unpack(int32_t colour, int into[3]) {
    for (int band = 0; band < 3; band++) into[band] = colour >> (16 - 8 * band) & 255;
}

static void draw(canvas *sheet, const vz_cell *cell, const uint8_t *rgb) {
    const vz_box *box = &cell->target;
    int clear[3];
    unpack(cell->backdrop, clear);
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

/// A search through the backdrop of one cell, from its border inwards.
typedef struct {
    const uint8_t *rgb;
    uint8_t *shape;
    int width, height, stride, clear[3];
    int *found, count;
} search;

/// Unmarks a pixel of the backdrop and remembers to look around it. A pixel is unmarked once, so that `found` suffices.
static void visit(search *s, int x, int y) {
    if (x < 0 || y < 0 || x >= s->width || y >= s->height) return;
    const uint8_t *pixel = s->rgb + 3 * ((size_t)y * s->width + x);
    uint8_t *mark = s->shape + (size_t)y * s->stride + x;
    if (!*mark) return;
    for (int band = 0; band < 3; band++)
        if (lifted(pixel[band], s->clear[band]) <= 240) return;
    *mark = 0;
    s->found[s->count++] = y * s->width + x;
}

/// Marks the cell's outline on the sheet: all of it, less what of the backdrop can be reached from its border. What is
/// as light as the backdrop but enclosed by the garment belongs to the garment.
static void outline(canvas *sheet, const vz_cell *cell, const uint8_t *rgb) {
    int w = cell->target.width, h = cell->target.height;
    uint8_t *shape = sheet->shape + (size_t)cell->target.top * sheet->width + cell->target.left;
    search s = {rgb, shape, w, h, sheet->width, {0}, NULL, 0};
    for (int y = 0; y < h; y++) memset(shape + (size_t)y * sheet->width, 255, w);
    if (cell->backdrop < 0 || !(s.found = g_try_malloc(sizeof(int) * (size_t)w * h))) return;
    unpack(cell->backdrop, s.clear);
    for (int x = 0; x < w; x++) visit(&s, x, 0), visit(&s, x, h - 1);
    for (int y = 0; y < h; y++) visit(&s, 0, y), visit(&s, w - 1, y);
    while (s.count > 0) {
        int at = s.found[--s.count], x = at % w, y = at / w;
        visit(&s, x - 1, y), visit(&s, x + 1, y), visit(&s, x, y - 1), visit(&s, x, y + 1);
    }
    g_free(s.found);
}

static int load_cell(const vz_cell *cell, int64_t most_pixels, uint8_t **rgb, char why[VZ_WHY]) {
    VipsImage *picture = NULL;
    vz_info info;
    int code = vz_open(cell->bytes, cell->count, VIPS_FAIL_ON_TRUNCATED, &picture, &info, why);
    if (code == VZ_OK) code = vz_check_pixels(&info, most_pixels, why);
    if (code == VZ_OK && !inside(&cell->crop, picture->Xsize, picture->Ysize))
        code = vz_say(why, VZ_FAULT, "a cell shows a part outside its picture");
    if (code == VZ_OK && !(*rgb = cell_pixels(picture, cell))) code = vz_explain(why);
    if (picture) g_object_unref(picture);
    return code;
}

/// The mean of `2 r + 1` values around each, along lines of `n` values that lie `step` apart; r < n.
static void smooth_line(uint8_t *line, int n, size_t step, int r, uint8_t *copy) {
    for (int i = 0; i < n; i++) copy[i] = line[i * step];
    int sum = 0;
    for (int i = -r; i <= r; i++) sum += i >= 0 && i < n ? copy[i] : 0;
    for (int i = 0; i < n; i++) {
        line[i * step] = (uint8_t)(sum / (2 * r + 1));
        sum += (i + r + 1 < n ? copy[i + r + 1] : 0) - (i - r >= 0 ? copy[i - r] : 0);
    }
}

static void smooth(uint8_t *map, int w, int h, int r, uint8_t *copy) {
    for (int y = 0; y < h; y++) smooth_line(map + (size_t)y * w, w, 1, r, copy);
    for (int x = 0; x < w; x++) smooth_line(map + x, h, w, r, copy);
}

/// How much of the shadow may fall, from what the smoothed outlines say: all of it on their edge, none well inside. A
/// hard edge would show as a light seam where a photo has a shadow of its own.
static inline int admitted(int outline) { return outline < 128 ? 255 : 2 * (255 - outline); }

/// Darkens the ground beside the outlines, below and to the right of them, as a window's light does.
static void cast_shadow(canvas *sheet, int percent) {
    int w = sheet->width, h = sheet->height, side = w < h ? w : h;
    int right = side / 270, down = side / 135;
    uint8_t *shadow = g_try_malloc0((size_t)w * h), *copy = g_try_malloc(w > h ? w : h);
    if (shadow && copy) {
        for (int y = down; y < h; y++)
            memcpy(shadow + (size_t)y * w + right, sheet->shape + (size_t)(y - down) * w, w - right);
        for (int pass = 0; pass < 3; pass++) smooth(shadow, w, h, side / 120 + 1, copy);
        smooth(sheet->shape, w, h, side / 270 + 1, copy);
        for (size_t i = 0; i < (size_t)w * h; i++) {
            int light = 255 * 25500 - shadow[i] * admitted(sheet->shape[i]) * percent;
            for (int band = 0; band < 3; band++)
                sheet->rgb[3 * i + band] = (uint8_t)((int64_t)sheet->rgb[3 * i + band] * light / (255 * 25500));
        }
    }
    g_free(shadow);
    g_free(copy);
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

/// Loads every cell, lays the shadows onto the bare ground, then draws.
static int fill(canvas *sheet, const vz_cell *cells, int cell_count, int shadow, int64_t most_pixels,
                char why[VZ_WHY]) {
    uint8_t **pixels = g_new0(uint8_t *, cell_count + 1);
    int code = VZ_OK;
    for (int i = 0; code == VZ_OK && i < cell_count; i++) {
        if (!inside(&cells[i].target, sheet->width, sheet->height))
            code = vz_say(why, VZ_FAULT, "a cell lies outside its sheet");
        else code = load_cell(&cells[i], most_pixels, &pixels[i], why);
        if (code == VZ_OK && sheet->shape) outline(sheet, &cells[i], pixels[i]);
    }
    if (code == VZ_OK && sheet->shape) cast_shadow(sheet, shadow);
    for (int i = 0; i < cell_count; i++) {
        if (code == VZ_OK) draw(sheet, &cells[i], pixels[i]);
        g_free(pixels[i]);
    }
    g_free(pixels);
    return code;
}

int vz_compose(const vz_cell *cells, int cell_count, int width, int height, int32_t ground, int shadow, int quality,
               int64_t most_pixels, vz_picture *out, char why[VZ_WHY]) {
    size_t area = (size_t)width * height;
    canvas sheet = {g_try_malloc(3 * area), shadow > 0 ? g_try_malloc0(area) : NULL, width, height};
    int code = VZ_OK, colour[3];
    unpack(ground, colour);
    if (!sheet.rgb || (shadow > 0 && !sheet.shape))
        code = vz_say(why, VZ_FAULT, "there is no memory for a sheet of %d x %d pixels", width, height);
    for (size_t i = 0; code == VZ_OK && i < 3 * area; i++) sheet.rgb[i] = (uint8_t)colour[i % 3];
    if (code == VZ_OK) code = fill(&sheet, cells, cell_count, shadow, most_pixels, why);
    if (code == VZ_OK) code = encode_sheet(&sheet, quality, out, why);
    g_free(sheet.rgb);
    g_free(sheet.shape);
    vips_thread_shutdown();
    return code;
}
