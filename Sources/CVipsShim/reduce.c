// Makes pixels fewer: what libvips' own reduction does, with the same filter (Lanczos, three lobes) over all of the
// pixels, in code that was compiled with the rest. libvips 8.14 is this fast only where it may write code of its own as
// it runs, which the worker's cell forbids, and then rounds to six bits in between. Here each sample keeps fourteen.
//
// Rows are taken in the order in which they are decoded and let go of once no row of the result needs them. First rows
// are mixed into fewer rows. Of each sixteen of those the pixels of a column are then laid side by side, so that mixing
// columns is the same work: numbers beside each other that count alike, which compilers have vector instructions for.
#include "inside.h"

#include <math.h>
#include <string.h>

enum {
    LOBES = 3,
    UNIT = 14,         // weights are in 1 / 2^14; those of a sample add up to exactly one
    FINE = 6,          // samples are in 1 / 2^6 of a level. Both passes overshoot by no more than 15 bits and a sign hold
    ROWS = 16,         // so many rows' columns are mixed together
    LANES = 3 * ROWS,  // samples beside each other then
    STEP = 16,         // samples that are mixed at once; LANES is a multiple of it
    STRIP = 8,         // rows that are asked of libvips at once, as its decoder of JPEG makes them
    MOST = 16          // a greater reduction would keep more rows at hand, and gain nothing
};

typedef int16_t samples __attribute__((vector_size(2 * STEP), aligned(2), may_alias));
typedef int32_t sums __attribute__((vector_size(4 * STEP)));

/// Along one side: which samples make each sample of the result, from `first` on, and how much each counts.
typedef struct {
    int from, to, taps, *first;
    int16_t *weights;
} filter;

/// The picture that comes, the last `taps` rows of it, and how many were taken.
typedef struct {
    VipsRegion *region;
    int16_t *ring;
    int taps, taken;
} rows_in;

typedef struct {
    filter down, across;
    rows_in in;
    int stride;             // samples of a row, filled up to a multiple of STEP
    int16_t *lines;         // ROWS rows of the result, as wide as the source
    int16_t *turned;        // the same by columns
    const int16_t **parts;  // what is being mixed
} reduction;

static double lanczos(double x) {
    if (x == 0) return 1;
    if (fabs(x) >= LOBES) return 0;
    return LOBES * sin(G_PI * x) * sin(G_PI * x / LOBES) / (G_PI * G_PI * x * x);
}

/// The weights of one sample. What is lost by rounding one is made up for by the next.
static void weigh(int16_t *weights, int taps, double start, double scale) {
    double shape[2 * LOBES * MOST + 2], total = 0, sum = 0;
    for (int k = 0; k < taps; k++) total += shape[k] = lanczos((start + k) / scale);
    for (int k = 0, before = 0; k < taps; k++) {
        sum += shape[k];
        int now = (int)lrint(sum / total * (1 << UNIT));
        weights[k] = (int16_t)(now - before);
        before = now;
    }
}

static int make_filter(filter *f, int from, int to) {
    double scale = (double)from / to;
    int taps = MIN(from, 2 * (int)ceil(LOBES * scale));
    *f = (filter){from, to, taps, g_try_new(int, to), g_try_new(int16_t, (size_t)to * taps)};
    if (!f->first || !f->weights) return -1;
    for (int i = 0; i < to; i++) {
        double centre = (i + 0.5) * scale - 0.5;
        f->first[i] = CLAMP((int)ceil(centre - LOBES * scale), 0, from - taps);
        weigh(f->weights + (size_t)i * taps, taps, f->first[i] - centre, scale);
    }
    return 0;
}

/// `count` samples, a multiple of STEP, each the weighted sum of those that stand at its place in `parts`.
static void mix(const int16_t *const *parts, const int16_t *weights, int taps, int count, int16_t *out) {
    for (int i = 0; i < count; i += STEP) {
        sums sum = {0};
        sum += 1 << (UNIT - 1);
        for (int k = 0; k < taps; k++)
            sum += __builtin_convertvector(*(const samples *)(parts[k] + i), sums) * weights[k];
        *(samples *)(out + i) = __builtin_convertvector(sum >> UNIT, samples);
    }
}

static int take_rows(reduction *r, int until) {
    rows_in *in = &r->in;
    VipsImage *image = in->region->im;
    for (; in->taken < until; in->taken++) {
        int top = in->taken / STRIP * STRIP;
        VipsRect strip = {0, top, image->Xsize, MIN(STRIP, image->Ysize - top)};
        if (in->taken == top && vips_region_prepare(in->region, &strip)) return -1;
        const uint8_t *from = VIPS_REGION_ADDR(in->region, 0, in->taken);
        int16_t *to = in->ring + (size_t)(in->taken % in->taps) * r->stride;
        for (int i = 0; i < 3 * image->Xsize; i++) to[i] = (int16_t)(from[i] << FINE);
    }
    return 0;
}

static int mix_rows(reduction *r, int y) {
    const filter *f = &r->down;
    if (take_rows(r, f->first[y] + f->taps)) return -1;
    for (int k = 0; k < f->taps; k++)
        r->parts[k] = r->in.ring + (size_t)((f->first[y] + k) % f->taps) * r->stride;
    mix(r->parts, f->weights + (size_t)y * f->taps, f->taps, r->stride, r->lines + (size_t)(y % ROWS) * r->stride);
    return 0;
}

static inline uint8_t level(int16_t sample) {
    int value = (sample + (1 << (FINE - 1))) >> FINE;
    return (uint8_t)CLAMP(value, 0, 255);
}

/// The rows of the result from `top` on, of which `lines` holds `count`.
static void mix_columns(reduction *r, VipsImage *out, int top, int count) {
    const filter *f = &r->across;
    for (int x = 0; x < f->from; x++)
        for (int y = 0; y < ROWS; y++)
            memcpy(r->turned + (size_t)x * LANES + 3 * y, r->lines + (size_t)y * r->stride + 3 * x, 3 * sizeof(int16_t));
    for (int x = 0; x < f->to; x++) {
        int16_t column[LANES];
        for (int k = 0; k < f->taps; k++) r->parts[k] = r->turned + (size_t)(f->first[x] + k) * LANES;
        mix(r->parts, f->weights + (size_t)x * f->taps, f->taps, LANES, column);
        for (int y = 0; y < count; y++) {
            uint8_t *pixel = (uint8_t *)VIPS_IMAGE_ADDR(out, x, top + y);
            for (int band = 0; band < 3; band++) pixel[band] = level(column[3 * y + band]);
        }
    }
}

static int no_memory(void) {
    vips_error("reduce", "out of memory");
    return -1;
}

/// All but the region, which is the caller's. Memory that is there is given back by `end` whatever this answers.
static int begin(reduction *r, VipsImage *in, int width, int height) {
    if (make_filter(&r->down, in->Ysize, height) || make_filter(&r->across, in->Xsize, width)) return no_memory();
    r->stride = (3 * in->Xsize + STEP - 1) / STEP * STEP;
    r->in.taps = r->down.taps;
    // Zeros, since what a row is filled up with is mixed as well.
    r->in.ring = g_try_malloc0_n((size_t)r->stride * r->in.taps, sizeof(int16_t));
    r->lines = g_try_malloc0_n((size_t)r->stride * ROWS, sizeof(int16_t));
    r->turned = g_try_new(int16_t, (size_t)in->Xsize * LANES);
    r->parts = g_try_new(const int16_t *, MAX(r->down.taps, r->across.taps));
    return r->in.ring && r->lines && r->turned && r->parts ? 0 : no_memory();
}

static void end(reduction *r) {
    g_free(r->down.first);
    g_free(r->down.weights);
    g_free(r->across.first);
    g_free(r->across.weights);
    g_free(r->in.ring);
    g_free(r->lines);
    g_free(r->turned);
    g_free(r->parts);
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
    reduction r = {.in.region = vips_region_new(in)};
    VipsImage *made = blank(in, width, height);
    int failed = !made || begin(&r, in, width, height);
    for (int y = 0; !failed && y < height; y++) {
        failed = mix_rows(&r, y);
        if (!failed && (y % ROWS == ROWS - 1 || y == height - 1)) mix_columns(&r, made, y / ROWS * ROWS, y % ROWS + 1);
    }
    end(&r);
    g_object_unref(r.in.region);
    if (!failed) *out = made;
    else if (made) g_object_unref(made);
    return failed;
}
