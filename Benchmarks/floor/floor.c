// The least that a durable job takes on this machine: the calls that the work itself demands, in C, and nothing else.
//
// Every request is read, moved into processing/, entered in a journal, ordered, asked for, downloaded, its picture
// synced, its user's record rewritten under the lock and synced, its result synced, the request moved into done/. What
// syncs can be shared is shared by all threads: those of the journal and of the folders. It checks nothing, decodes
// nothing, keeps no books, writes one status and has no second try: no program could be used that does so little. It
// is what `scripts/bench floor` holds vizd against. Whatever goes wrong ends it with 1.
//
//   floor SPOOL WARDROBE STATE PORT THREADS PHOTO...      works on all requests of SPOOL/incoming at once
//
// One line of JSON on stdout: {"jobs":N,"seconds":S,"cpu_us":N}

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 512, ANSWER_MAX = 1 << 20, NAME_ROOM = 64 };

// A sync that all threads share: who comes while one is under way waits for the next, which one of them makes.
struct group {
    int descriptor, is_busy;
    uint64_t asked, done;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

struct names {
    char user[NAME_ROOM], outfit[NAME_ROOM];
};

static int incoming, processing, done, wardrobe, pictures, port;
static struct group journal, landed, claimed, stored;
static atomic_long journal_end, next;
static char **requests;
static long request_count;
static char *order;
static size_t order_length;

static void broken(const char *what) {
    perror(what);
    exit(1);
}

static int folder(int parent, const char *path) {
    int opened = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) broken(path);
    return opened;
}

static void prepare(struct group *one, int descriptor) {
    *one = (struct group){.descriptor = descriptor, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
}

// Everything that was written to the group's descriptor before is on the disk when this returns.
static void settle(struct group *one) {
    pthread_mutex_lock(&one->lock);
    uint64_t wanted = ++one->asked;
    while (one->done < wanted) {
        if (one->is_busy) {
            pthread_cond_wait(&one->changed, &one->lock);
            continue;
        }
        uint64_t all = one->asked;
        one->is_busy = 1;
        pthread_mutex_unlock(&one->lock);
        if (fdatasync(one->descriptor)) broken("fdatasync");
        pthread_mutex_lock(&one->lock);
        one->done = all;
        one->is_busy = 0;
        pthread_cond_broadcast(&one->changed);
    }
    pthread_mutex_unlock(&one->lock);
}

static void write_all(int file, const char *bytes, size_t length) {
    while (length) {
        ssize_t part = write(file, bytes, length);
        if (part < 0) broken("write");
        bytes += part;
        length -= (size_t)part;
    }
}

static char *read_file(int parent, const char *path, size_t *length) {
    int file = openat(parent, path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (file < 0 || fstat(file, &about)) broken(path);
    char *bytes = malloc((size_t)about.st_size + 1);
    if (!bytes || read(file, bytes, (size_t)about.st_size) != about.st_size) broken(path);
    close(file);
    *length = (size_t)about.st_size;
    bytes[*length] = 0;
    return bytes;
}

// A whole file under its name: written aside, synced where that is asked for, moved into place.
static void put(int parent, const char *name, const char *bytes, size_t length, int is_synced) {
    char aside[PATH_MAX];
    snprintf(aside, sizeof aside, "%s.aside", name);
    int file = openat(parent, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) broken(aside);
    write_all(file, bytes, length);
    if (is_synced && fdatasync(file)) broken("fdatasync");
    close(file);
    if (renameat(parent, aside, parent, name)) broken(name);
}

// One entry of the journal, durable on return.
static void enter(const char *job, const char *step) {
    char line[256];
    int length = snprintf(line, sizeof line, "%-64s %-64s %-64s\n", job, step, "what is known of it by then");
    long place = atomic_fetch_add(&journal_end, length);
    if (pwrite(journal.descriptor, line, (size_t)length, place) != length) broken("pwrite");
    settle(&journal);
}

static int connection(void) {
    struct sockaddr_in place = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    if (one < 0 || connect(one, (struct sockaddr *)&place, sizeof place)) broken("connect");
    setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return one;
}

static void send_all(int to, const char *bytes, size_t length) {
    while (length) {
        ssize_t part = send(to, bytes, length, MSG_NOSIGNAL);
        if (part <= 0) broken("send");
        bytes += part;
        length -= (size_t)part;
    }
}

// Reads one answer; its body begins at the pointer returned. The room is the thread's.
static char *answer(int from, char *room, size_t *length) {
    size_t filled = 0, whole = 0;
    char *body = NULL;
    while (!body || filled < whole) {
        ssize_t part = recv(from, room + filled, ANSWER_MAX - 1 - filled, 0);
        if (part <= 0) broken("recv");
        filled += (size_t)part;
        room[filled] = 0;
        if (body || !(body = strstr(room, "\r\n\r\n"))) continue;
        const char *told = strcasestr(room, "\r\nContent-Length:");
        body += 4;
        *length = told ? strtoul(told + strlen("\r\nContent-Length:"), NULL, 10) : 0;
        whole = (size_t)(body - room) + *length;
        if (whole >= ANSWER_MAX || strncmp(room, "HTTP/1.1 200", 12)) broken("the provider's answer");
    }
    return body;
}

// An order goes out over a connection of its own, so that it cannot be sent twice.
static void place_order(char *room, char *task) {
    int own = connection();
    size_t length;
    send_all(own, order, order_length);
    const char *body = answer(own, room, &length);
    if (sscanf(body, "{\"id\":\"%36[^\"]\"", task) != 1) broken("the task's id");
    close(own);
}

static char *ask(int line, const char *path, char *room, size_t *length) {
    char head[512];
    int size = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);
    send_all(line, head, (size_t)size);
    return answer(line, room, length);
}

static struct names read_request(const char *name) {
    struct names found;
    size_t length;
    char *text = read_file(incoming, name, &length);
    if (sscanf(text, "{\"user_id\": \"%63[^\"]\", \"outfit_id\": \"%63[^\"]\"", found.user, found.outfit) != 2)
        broken("a request");
    free(text);
    return found;
}

// The record is read whole, and written whole with one line more, under the lock that all its writers take.
static void record(const struct names *names) {
    int home = folder(wardrobe, names->user);
    int lock = openat(home, ".saved_outfits.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX)) broken("flock");
    size_t length;
    char *text = read_file(home, "saved_outfits.json", &length);
    text[length] = '\n';
    put(home, "saved_outfits.json", text, length + 1, 1);
    free(text);
    if (fdatasync(home)) broken("fdatasync");
    close(lock);
    close(home);
}

static void work(const char *name, int line, char *room) {
    char task[64], path[128], file[PATH_MAX];
    struct names names = read_request(name);
    size_t length;
    if (renameat(incoming, name, processing, name)) broken(name);
    settle(&claimed);
    snprintf(file, sizeof file, "%s.status", name);
    put(processing, file, "{\"state\":\"ordered\"}\n", 20, 0);
    enter(name, "intent");
    place_order(room, task);
    enter(name, "task");
    snprintf(path, sizeof path, "/v1/tasks/%s", task);
    ask(line, path, room, &length);
    char *picture = ask(line, "/picture", room, &length);
    snprintf(file, sizeof file, "%s.jpg", names.outfit);
    put(pictures, file, picture, length, 1);
    settle(&stored);
    enter(name, "stored");
    record(&names);
    enter(name, "recorded");
    snprintf(file, sizeof file, "%s.result", name);
    put(done, file, "{\"status\":\"complete\"}\n", 22, 1);
    if (renameat(processing, name, done, name)) broken(name);
    snprintf(file, sizeof file, "%s.status", name);
    if (unlinkat(processing, file, 0)) broken(file);
    settle(&landed);
    enter(name, "landed");
}

static void *thread(void *nothing) {
    char *room = malloc(ANSWER_MAX);
    int line = connection();
    if (!room) broken("malloc");
    for (long number; (number = atomic_fetch_add(&next, 1)) < request_count;) work(requests[number], line, room);
    close(line);
    free(room);
    return nothing;
}

static void list_requests(void) {
    DIR *list = fdopendir(dup(incoming));
    if (!list) broken("incoming");
    long room = 0;
    for (struct dirent *entry; (entry = readdir(list));) {
        if (entry->d_name[0] == '.') continue;
        if (request_count == room) {
            room = room ? room * 2 : 1024;
            requests = realloc(requests, (size_t)room * sizeof *requests);
            if (!requests) broken("realloc");
        }
        requests[request_count++] = strdup(entry->d_name);
    }
    closedir(list);
}

// The order's bytes, made once: base64 is longer than the photos by a third, and costs nothing here.
static void write_order(char **photos, int count) {
    size_t body = 0;
    for (int index = 0; index < count; index++) {
        struct stat about;
        if (stat(photos[index], &about)) broken(photos[index]);
        body += ((size_t)about.st_size + 2) / 3 * 4;
    }
    order = malloc(body + 512);
    if (!order) broken("malloc");
    int head = sprintf(
        order, "POST /v1/text_to_image HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n", body);
    memset(order + head, 'A', body);
    order_length = (size_t)head + body;
}

int main(int count, char **words) {
    if (count < 6 || atoi(words[5]) < 1 || atoi(words[5]) > THREADS_MAX) {
        fprintf(stderr, "usage: floor SPOOL WARDROBE STATE PORT THREADS PHOTO...\n");
        return 64;
    }
    int spool = folder(AT_FDCWD, words[1]), state = folder(AT_FDCWD, words[3]), threads = atoi(words[5]);
    incoming = folder(spool, "incoming");
    processing = folder(spool, "processing");
    done = folder(spool, "done");
    wardrobe = folder(AT_FDCWD, words[2]);
    if (mkdirat(state, "pictures", 0700)) broken("pictures");
    pictures = folder(state, "pictures");
    port = atoi(words[4]);
    prepare(&journal, openat(state, "journal", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    prepare(&landed, done);
    prepare(&claimed, processing);
    prepare(&stored, pictures);
    if (journal.descriptor < 0) broken("journal");
    write_order(words + 6, count - 6);
    list_requests();
    pthread_t all[THREADS_MAX];
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (int index = 0; index < threads; index++)
        if (pthread_create(&all[index], NULL, thread, NULL)) broken("pthread_create");
    for (int index = 0; index < threads; index++) pthread_join(all[index], NULL);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf(
        "{\"jobs\":%ld,\"seconds\":%.6f,\"cpu_us\":%lld}\n", request_count,
        (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9,
        (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL + used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}
