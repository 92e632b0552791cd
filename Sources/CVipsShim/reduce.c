// Makes pixels fewer, by Lanczos with three lobes over all of them. The arithmetic is zimg's, whose vector instructions
// are compiled with it. libvips 8.14 is as fast only where it may write code of its own as it runs, which the worker's
// cell forbids, and then rounds to six bits in between. Here samples are in 1 / 128 of a level until the end.
//
// zimg looks at a picture tile by tile, from top to bottom for each; libvips decodes it once, from the first row to the
// last. So the result is made in bands of rows. The rows that a band needs are mixed into its own, for which colours
// may stand beside each other as they come; then each colour is laid out by itself, and columns are mixed. Rows are let
// go of once no band needs them: memory is bounded by the width.
//
// What zimg answers is never the photo's fault, which libvips has decoded by then: vz_explain knows its name.
#include "inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zimg.h>

enum {
    LOBES = 3,
    FINE = 7,          // samples are in 1 / 2^7 of a level,
    BLACK = 1 << 14,   // and begin here, so that what overshoots between the passes is kept
    BAND = 16,         // rows of the result that are made at once, at the most: zimg mixes the columns of so many
    OWN = 64,          // rows of the picture that become a band's, at the most
    STRIP = 8,         // rows that are asked of libvips at once, as its decoder of JPEG makes them
    ALIGNMENT = 64,    // of rows, in bytes
    MOST = 16          // a greater reduction would keep more rows at hand, and gain nothing
};

/// Rows of samples that lie `stride` apart.
typedef struct {
    uint16_t *samples;
    int stride;
} rows;

typedef struct {
    VipsRegion *region;
    VipsImage *out;
    int taken;                  // rows of the picture
    unsigned kept;              // so many of them: a power of two, as zimg wants it
    int band;                   // rows of the result that are made at once
    double scale;               // rows of the picture for one of the result
    rows ring, fewer;           // those of the picture; mixed, as wide as they were
    rows apart, small;          // the same with one colour below the other; as wide as the result
    zimg_filter_graph *across;  // from `apart` to `small`
    void *room;                 // that it works in
} reduction;

static int no_memory(void) {
    vips_error("reduce", "out of memory");
    return -1;
}

/// Hands on what zimg says. It has no words for what it does not expect, which is that C++ finds no memory.
static int refused(void) {
    char why[256] = "";
    int code = zimg_get_last_error(why, sizeof why);
    zimg_clear_last_error();
    if (code == ZIMG_ERROR_OUT_OF_MEMORY || !*why) return no_memory();
    vips_error("zimg", "%s (%d)", why, code);
    return -1;
}

static void *aligned(size_t count) {
    void *memory = aligned_alloc(ALIGNMENT, (count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (memory) memset(memory, 0, count);
    return memory;
}

/// Zeros, and more of them than a row has, since zimg 3.0 reads whole vectors of it, and where few samples are weighed
/// up to two beyond, which count nothing. Answers whether there was memory.
static int make_rows(rows *made, int width, unsigned height) {
    int step = ALIGNMENT / sizeof(uint16_t);
    made->stride = (width / step + 2) * step;
    made->samples = aligned(sizeof(uint16_t) * made->stride * height);
    return made->samples != NULL;
}

static zimg_image_format format(int width, int height) {
    zimg_image_format f;
    zimg_image_format_default(&f, ZIMG_API_VERSION);
    f.width = width;
    f.height = height;
    f.pixel_type = ZIMG_PIXEL_WORD;
    f.pixel_range = ZIMG_RANGE_FULL;
    return f;
}

/// NULL with the reason in libvips' error buffer. `*room` is what it works in.
static zimg_filter_graph *plan(const zimg_image_format *from, const zimg_image_format *to, void **room) {
    zimg_graph_builder_params p;
    zimg_graph_builder_params_default(&p, ZIMG_API_VERSION);
    p.resample_filter = ZIMG_RESIZE_LANCZOS;
    p.filter_param_a = LOBES;
    zimg_filter_graph *graph = zimg_filter_graph_build(from, to, &p);
    size_t size = 0;
    *room = NULL;
    if (!graph || zimg_filter_graph_get_tmp_size(graph, &size)) refused();
    else if (!(*room = aligned(size + 1))) no_memory();
    else return graph;
    zimg_filter_graph_free(graph);
    return NULL;
}

/// `mask` says which bits of a row's number are its place in `from`.
static int run(const zimg_filter_graph *graph, const rows *from, unsigned mask, const rows *to, void *room) {
    ptrdiff_t sample = sizeof(uint16_t);
    zimg_image_buffer_const in = {ZIMG_API_VERSION, {{from->samples, sample * from->stride, mask}}};
    zimg_image_buffer out = {ZIMG_API_VERSION, {{to->samples, sample * to->stride, ZIMG_BUFFER_MAX}}};
    return zimg_filter_graph_process(graph, &in, &out, room, NULL, NULL, NULL, NULL) ? refused() : 0;
}

static int take_rows(reduction *r, int until) {
    VipsImage *image = r->region->im;
    for (; r->taken < until; r->taken++) {
        int top = r->taken / STRIP * STRIP;
        VipsRect strip = {0, top, image->Xsize, MIN(STRIP, image->Ysize - top)};
        if (r->taken == top && vips_region_prepare(r->region, &strip)) return -1;
        const uint8_t *from = VIPS_REGION_ADDR(r->region, 0, r->taken);
        uint16_t *to = r->ring.samples + (size_t)(r->taken & (r->kept - 1)) * r->ring.stride;
        for (int i = 0; i < 3 * image->Xsize; i++) to[i] = (uint16_t)(BLACK + (from[i] << FINE));
    }
    return 0;
}

/// So many rows of the picture does a band need beside its own, on both sides.
static int margin(double scale) { return (int)ceil(LOBES * scale) + 2; }

/// Makes `fewer` the rows of the result from `top` on, `count` of them. zimg is told of the whole picture and of which
/// part is meant: so rows count as much as if all were made in one go, and it looks at none but those the band needs.
static int mix_rows(reduction *r, int top, int count) {
    VipsImage *in = r->region->im;
    if (take_rows(r, MIN(in->Ysize, (int)ceil((top + count) * r->scale) + margin(r->scale)))) return -1;
    zimg_image_format from = format(3 * in->Xsize, in->Ysize), to = format(3 * in->Xsize, count);
    from.active_region.top = top * r->scale;
    from.active_region.height = count * r->scale;
    void *room;
    zimg_filter_graph *down = plan(&from, &to, &room);
    int failed = !down || run(down, &r->ring, r->kept - 1, &r->fewer, room);
    zimg_filter_graph_free(down);
    free(room);
    return failed;
}

/// Lays the colours out one below the other.
static void part(reduction *r, int count) {
    size_t plane = (size_t)r->band * r->apart.stride;
    for (int y = 0; y < count; y++) {
        const uint16_t *from = r->fewer.samples + (size_t)y * r->fewer.stride;
        uint16_t *to = r->apart.samples + (size_t)y * r->apart.stride;
        for (int x = 0; x < r->region->im->Xsize; x++)
            for (int band = 0; band < 3; band++) to[band * plane + x] = from[3 * x + band];
    }
}

static inline uint8_t level(uint16_t sample) {
    int value = (sample - BLACK + (1 << (FINE - 1))) >> FINE;
    return (uint8_t)CLAMP(value, 0, 255);
}

/// Puts the colours together again, as the rows of the result from `top` on.
static void join(reduction *r, int top, int count) {
    size_t plane = (size_t)r->band * r->small.stride;
    for (int y = 0; y < count; y++) {
        const uint16_t *from = r->small.samples + (size_t)y * r->small.stride;
        uint8_t *to = VIPS_IMAGE_ADDR(r->out, 0, top + y);
        for (int x = 0; x < r->out->Xsize; x++)
            for (int band = 0; band < 3; band++) to[3 * x + band] = level(from[band * plane + x]);
    }
}

/// Memory that is there is given back by `end` whatever this answers.
static int begin(reduction *r) {
    VipsImage *in = r->region->im;
    r->scale = (double)in->Ysize / r->out->Ysize;
    r->band = CLAMP((int)(OWN / r->scale), 1, BAND);
    // One more, since a band may begin within a row.
    r->kept = zimg_select_buffer_mask((unsigned)ceil(r->band * r->scale) + 2 * margin(r->scale) + 1) + 1;
    if (!make_rows(&r->ring, 3 * in->Xsize, r->kept) || !make_rows(&r->fewer, 3 * in->Xsize, r->band) ||
        !make_rows(&r->apart, in->Xsize, 3 * r->band) || !make_rows(&r->small, r->out->Xsize, 3 * r->band))
        return no_memory();
    zimg_image_format from = format(in->Xsize, 3 * r->band), to = format(r->out->Xsize, 3 * r->band);
    r->across = plan(&from, &to, &r->room);
    return r->across ? 0 : -1;
}

static void end(reduction *r) {
    zimg_filter_graph_free(r->across);
    free(r->room);
    free(r->ring.samples);
    free(r->fewer.samples);
    free(r->apart.samples);
    free(r->small.samples);
}

/// A picture in memory with the metadata of `in`.
static VipsImage *blank(VipsImage *in, int width, int height) {
    VipsImage *out = vips_image_new_memory();
    int failed = vips_image_pipelinev(out, VIPS_DEMAND_STYLE_ANY, in, NULL);
    out->Xsize = width;
    out->Ysize = height;
    if (!failed && !vips_image_write_prepare(out)) return out;
    g_object_unref(out);
    return NULL;
}

int vz_can_reduce(VipsImage *in, int width, int height) {
    return in->Coding == VIPS_CODING_NONE && in->BandFmt == VIPS_FORMAT_UCHAR && in->Bands == 3 &&
           in->Type == VIPS_INTERPRETATION_sRGB && width > 0 && width <= in->Xsize && in->Xsize / width < MOST &&
           height > 0 && height <= in->Ysize && in->Ysize / height < MOST;
}

int vz_reduce(VipsImage *in, int width, int height, VipsImage **out) {
    reduction r = {.region = vips_region_new(in), .out = blank(in, width, height)};
    int failed = !r.out || begin(&r);
    for (int top = 0; !failed && top < height; top += r.band) {
        int count = MIN(r.band, height - top);
        if ((failed = mix_rows(&r, top, count))) break;
        part(&r, count);
        if (!(failed = run(r.across, &r.apart, ZIMG_BUFFER_MAX, &r.small, r.room))) join(&r, top, count);
    }
    end(&r);
    g_object_unref(r.region);
    if (!failed) *out = r.out;
    else if (r.out) g_object_unref(r.out);
    return failed;
}
