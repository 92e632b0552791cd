// Start-up, recognising a format, and reading headers. A picture's format is decided by its first bytes, before libvips
// sees it, and the loader is named: libvips does not look for one, which would ask the loaders of all formats (ImageMagick
// loads its hundred modules to answer). All other loaders are refused: a script, an SVG or a PDF reaches no parser.
#define _GNU_SOURCE
#include "inside.h"

#include <vips/vector.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int vz_say(char why[VZ_WHY], int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, VZ_WHY, format, arguments);
    va_end(arguments);
    return code;
}

static int mentions(const char *text, const char *const *words) {
    for (; *words; words++)
        if (strcasestr(text, *words)) return 1;
    return 0;
}

int vz_explain(char why[VZ_WHY]) {
    static const char *const ends_early[] = {
        "premature end", "truncated", "unexpected end", "end of file", "end of stream", "end-of-file", "end of data",
        "input eof", "not enough data", "read error", "unable to read", "bad seek", NULL};
    // What the machine is short of; and what zimg says, which sees nothing of a photo but its pixels.
    static const char *const ours[] = {"out of memory", "memory allocation", "unable to allocate", "zimg:", NULL};
    const char *text = vips_error_buffer();
    int code = mentions(text, ours) ? VZ_FAULT : mentions(text, ends_early) ? VZ_TRUNCATED : VZ_UNREADABLE;
    size_t n = 0;
    for (; *text && n + 1 < VZ_WHY; text++) {
        if (*text == '\n' && text[1] == 0) break;
        why[n++] = *text == '\n' ? ';' : (*text >= 32 && *text < 127) ? *text : '?';
    }
    why[n] = 0;
    vips_error_clear();
    return code;
}

static void drop_log_line(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer data) {
    (void)domain, (void)level, (void)message, (void)data;
}

/// Has libraries read what they read once, as long as there are files: the time zone, and modules of the HEIF library.
static void warm_up(void) {
    static const uint8_t heif[] = {0, 0, 0, 16, 'f', 't', 'y', 'p', 'h', 'e', 'i', 'c', 0, 0, 0, 0};
    VipsImage *image = NULL;
    tzset();
    // It holds no picture, and says so.
    if (!vips_heifload_buffer((void *)heif, sizeof heif, &image, NULL)) g_object_unref(image);
    vips_error_clear();
}

int vz_start(char why[VZ_WHY]) {
    static const char *const allowed[] = {"VipsForeignLoadJpeg", "VipsForeignLoadPng",  "VipsForeignLoadWebp",
                                          "VipsForeignLoadHeif", "VipsForeignLoadNsgif", "VipsForeignLoadTiff"};
    g_log_set_default_handler(drop_log_line, NULL);
    // A large picture is laid out in memory, which is bounded; there is no disk for it.
    g_setenv("VIPS_DISC_THRESHOLD", "1000g", TRUE);
    if (vips_init("vizd-image")) return vz_explain(why);
    vips_concurrency_set(1);
#if VIPS_MAJOR_VERSION == 8 && VIPS_MINOR_VERSION < 15
    // Its vector code is made as it runs, and nothing of this process is both written and executed.
    vips_vector_set_enabled(FALSE);
#endif
    vips_cache_set_max(0);
    vips_cache_set_max_mem(0);
    vips_cache_set_max_files(0);
    vips_block_untrusted_set(TRUE);
    vips_operation_block_set("VipsForeignLoad", TRUE);
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) vips_operation_block_set(allowed[i], FALSE);
    warm_up();
    return VZ_OK;
}

/// The brand of an ISO media file whose pictures are HEVC or AV1; brands stand at 8 and, from 16 on, every 4 bytes.
static int sniff_heif(const uint8_t *b, size_t n) {
    static const char *const heic[] = {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", NULL};
    if (n < 16 || memcmp(b + 4, "ftyp", 4)) return 0;
    size_t end = ((size_t)b[0] << 24) | ((size_t)b[1] << 16) | ((size_t)b[2] << 8) | b[3];
    if (end > n) end = n;
    if (end > 256) end = 256;
    int found = 0;
    for (size_t at = 8; at + 4 <= end; at += at == 8 ? 8 : 4) {
        if (!memcmp(b + at, "avif", 4) || !memcmp(b + at, "avis", 4)) return VZ_AVIF;
        for (const char *const *brand = heic; *brand; brand++)
            if (!memcmp(b + at, *brand, 4)) found = VZ_HEIC;
    }
    return found;
}

static int sniff(const uint8_t *b, size_t n) {
    if (n < 12) return 0;
    if (!memcmp(b, "\xff\xd8\xff", 3)) return VZ_JPEG;
    if (!memcmp(b, "\x89PNG\r\n\x1a\n", 8)) return VZ_PNG;
    if (!memcmp(b, "RIFF", 4) && !memcmp(b + 8, "WEBP", 4)) return VZ_WEBP;
    if (!memcmp(b, "GIF87a", 6) || !memcmp(b, "GIF89a", 6)) return VZ_GIF;
    if (!memcmp(b, "II*\0", 4) || !memcmp(b, "MM\0*", 4)) return VZ_TIFF;
    if (!memcmp(b, "II+\0", 4) || !memcmp(b, "MM\0+", 4)) return VZ_TIFF; // the form with 64-bit offsets
    return sniff_heif(b, n);
}

enum { MOST_SCANS = 100 };

/// How many scans a JPEG has, up to one more than MOST_SCANS. Every scan of a progressive picture costs a pass over all
/// of its pixels, and can be a few bytes long. Real ones have about ten.
static int count_scans(const uint8_t *b, size_t n) {
    int scans = 0;
    size_t at = 2;
    while (at + 4 <= n && scans <= MOST_SCANS) {
        const uint8_t *marker = memchr(b + at, 0xFF, n - at - 1);
        if (!marker) break;
        at = (size_t)(marker - b) + 1;
        // Within the coded pixels 0xFF is followed by 0 or a restart marker; before others there may be more of them.
        if (b[at] == 0xFF || b[at] == 0 || (b[at] >= 0xD0 && b[at] <= 0xD8)) continue;
        if (b[at] == 0xD9) break;
        if (b[at] == 0xDA) scans++;
        if (at + 3 <= n) at += 1 + (((size_t)b[at + 1] << 8) | b[at + 2]);
    }
    return scans;
}

static void read_header(VipsImage *image, int format, vz_info *info) {
    int orientation = vips_image_get_orientation(image);
    int sideways = orientation >= 5 && orientation <= 8;
    int height = vips_image_get_page_height(image);
    info->width = sideways ? height : image->Xsize;
    info->height = sideways ? image->Xsize : height;
    info->pages = vips_image_get_n_pages(image);
    info->orientation = orientation;
    info->alpha = vips_image_hasalpha(image);
    info->format = format;
}

typedef int loader(void *bytes, size_t count, VipsImage **out, ...);

/// libvips' loader of a format.
static loader *loader_of(int format) {
    switch (format) {
    case VZ_JPEG: return vips_jpegload_buffer;
    case VZ_PNG: return vips_pngload_buffer;
    case VZ_WEBP: return vips_webpload_buffer;
    case VZ_GIF: return vips_gifload_buffer;
    case VZ_TIFF: return vips_tiffload_buffer;
    default: return vips_heifload_buffer;
    }
}

int vz_open(const void *bytes, size_t count, VipsFailOn fail_on, VipsImage **image, vz_info *info, char why[VZ_WHY]) {
    int format = sniff(bytes, count);
    if (!format) return vz_say(why, VZ_UNSUPPORTED, "its first bytes are those of no format that vizd reads");
    if (format == VZ_JPEG && count_scans(bytes, count) > MOST_SCANS)
        return vz_say(why, VZ_UNREADABLE, "it has more than %d scans", MOST_SCANS);
    loader *load = loader_of(format);
    if (load((void *)bytes, count, image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", fail_on, NULL))
        return vz_explain(why);
    read_header(*image, format, info);
    return VZ_OK;
}

int vz_check_pixels(const vz_info *info, int64_t most, char why[VZ_WHY]) {
    if ((int64_t)info->width * info->height <= most) return VZ_OK;
    return vz_say(why, VZ_TOO_MANY_PIXELS, "its header promises %d x %d pixels", info->width, info->height);
}

int vz_inspect(const void *bytes, size_t count, vz_info *info, char why[VZ_WHY]) {
    VipsImage *image = NULL;
    int code = vz_open(bytes, count, VIPS_FAIL_ON_TRUNCATED, &image, info, why);
    if (image) g_object_unref(image);
    return code;
}

void vz_release(void *bytes) { g_free(bytes); }
