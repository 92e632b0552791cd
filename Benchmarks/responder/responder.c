// A provider that takes next to no time: the least of Runway's interface that vizd asks for, on one epoll loop.
//
// It stands in for the service where the service must not be what is measured: every order is accepted, ends after
// the time given (0: at once), costs 8 credits, and its picture is one and the same file. It checks nothing but what
// tells a good client from a broken one (the method and path, a length for a body) and answers anything else with 404.
// The strict simulator is Tests/RunwaySimulator; this one only counts. It runs until it is killed.
//
//   responder PORT SECONDS PICTURE        PORT 0: any; the first line on stdout says which
//
// GET /bench/counts      {"creates":N,"polls":N,"downloads":N,"connections":N,"cpu_us":N}
// GET /bench/tasks       a line for each task: ID CREATED DONE POLLS   (wall clock, microseconds; DONE is the moment at
//                        which a poll was first told of the end, 0 if none was)

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, EVENTS_MAX = 256 };

struct task {
    int64_t created, done;
    int polls;
};

struct connection {
    int socket;
    char head[HEAD_MAX];
    size_t filled;
    // Bytes of the body that are still to come, and are thrown away.
    size_t body;
    // The answer: a head of its own, then bytes that it may have to free.
    char answer[512];
    size_t answer_length;
    const char *bytes;
    size_t bytes_length, sent;
    char *owned;
    int is_answering;
};

static struct task *tasks;
static size_t task_count, task_room;
static uint64_t polls, downloads, connections;
static int64_t duration;
static char *picture;
static size_t picture_length;
static const char *picture_type = "image/png";
static int port, loop;

static void broken(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void read_picture(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) broken(path);
    picture_length = (size_t)ftell(file);
    rewind(file);
    picture = malloc(picture_length + 1);
    if (!picture || fread(picture, 1, picture_length, file) != picture_length) broken(path);
    fclose(file);
    if (picture_length > 2 && (unsigned char)picture[0] == 0xFF) picture_type = "image/jpeg";
}

static void head(struct connection *one, int status, const char *type, size_t length) {
    one->answer_length = (size_t)snprintf(
        one->answer, sizeof one->answer, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", status,
        status == 200 ? "OK" : "Not Found", type, length);
}

static void answer(struct connection *one, int status, const char *type, const char *bytes, size_t length) {
    head(one, status, type, length);
    one->bytes = bytes;
    one->bytes_length = length;
}

static void answer_text(struct connection *one, int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&one->owned, format, arguments);
    va_end(arguments);
    if (length < 0) broken("vasprintf");
    answer(one, status, "application/json", one->owned, (size_t)length);
}

// The id is the task's number in the form of a UUID.
static void create(struct connection *one) {
    if (task_count == task_room) {
        task_room = task_room ? task_room * 2 : 1024;
        tasks = realloc(tasks, task_room * sizeof *tasks);
        if (!tasks) broken("realloc");
    }
    tasks[task_count] = (struct task){.created = now()};
    answer_text(one, 200, "{\"id\":\"%08zx-0000-4000-8000-000000000000\"}", task_count);
    task_count++;
}

static void poll_task(struct connection *one, const char *id) {
    size_t number = strtoul(id, NULL, 16);
    if (number >= task_count) return answer_text(one, 404, "{\"error\":\"Not found\"}");
    struct task *task = &tasks[number];
    int64_t moment = now();
    polls++;
    task->polls++;
    if (moment - task->created < duration)
        return answer_text(one, 200, "{\"id\":\"%.36s\",\"status\":\"RUNNING\",\"progress\":0.5}", id);
    if (!task->done) task->done = moment;
    answer_text(
        one, 200,
        "{\"id\":\"%.36s\",\"status\":\"SUCCEEDED\",\"cost\":{\"credits\":8},"
        "\"output\":[\"http://127.0.0.1:%d/picture\"]}",
        id, port);
}

static void organization(struct connection *one) {
    answer_text(
        one, 200,
        "{\"creditBalance\":1000000000,\"tier\":{\"models\":{\"gen4_image\":{\"maxConcurrentGenerations\":1000000,"
        "\"maxDailyGenerations\":100000000}}},\"usage\":{\"models\":{\"gen4_image\":{\"dailyGenerations\":%zu}}}}",
        task_count);
}

// A slot for a photo that is too large to go along with an order; what is sent there is thrown away.
static void slot(struct connection *one) {
    static unsigned number;
    answer_text(
        one, 200,
        "{\"uploadUrl\":\"http://127.0.0.1:%d/upload\",\"fields\":{\"key\":\"%u\"},\"runwayUri\":\"runway://bench/%u\"}",
        port, number, number);
    number++;
}

static void counts(struct connection *one) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    int64_t cpu = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL + used.ru_utime.tv_usec
        + used.ru_stime.tv_usec;
    answer_text(
        one, 200, "{\"creates\":%zu,\"polls\":%llu,\"downloads\":%llu,\"connections\":%llu,\"cpu_us\":%lld}",
        task_count, (unsigned long long)polls, (unsigned long long)downloads, (unsigned long long)connections,
        (long long)cpu);
}

static void list(struct connection *one) {
    size_t length;
    FILE *stream = open_memstream(&one->owned, &length);
    if (!stream) broken("open_memstream");
    for (size_t index = 0; index < task_count; index++)
        fprintf(
            stream, "%08zx-0000-4000-8000-000000000000 %lld %lld %d\n", index, (long long)tasks[index].created,
            (long long)tasks[index].done, tasks[index].polls);
    fclose(stream);
    answer(one, 200, "text/plain", one->owned, length);
}

static int begins(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

static void route(struct connection *one) {
    const char *line = one->head;
    if (begins(line, "POST /v1/text_to_image ")) return create(one);
    if (begins(line, "POST /v1/uploads ")) return slot(one);
    if (begins(line, "POST /upload ")) return answer_text(one, 200, "{}");
    if (begins(line, "GET /v1/tasks/")) return poll_task(one, line + strlen("GET /v1/tasks/"));
    if (begins(line, "GET /v1/organization ")) return organization(one);
    if (begins(line, "GET /picture ")) {
        downloads++;
        return answer(one, 200, picture_type, picture, picture_length);
    }
    if (begins(line, "GET /bench/counts ")) return counts(one);
    if (begins(line, "GET /bench/tasks ")) return list(one);
    answer_text(one, 404, "{\"error\":\"Not found\"}");
}

static void drop(struct connection *one) {
    close(one->socket);
    free(one->owned);
    free(one);
}

static void watch(struct connection *one, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = one};
    if (epoll_ctl(loop, operation, one->socket, &event)) broken("epoll_ctl");
}

// Sends what is left of the answer; 0 where the connection is gone.
static int send_rest(struct connection *one) {
    while (one->sent < one->answer_length + one->bytes_length) {
        int in_head = one->sent < one->answer_length;
        const char *from = in_head ? one->answer + one->sent : one->bytes + (one->sent - one->answer_length);
        size_t length = in_head ? one->answer_length - one->sent : one->answer_length + one->bytes_length - one->sent;
        ssize_t done = send(one->socket, from, length, MSG_NOSIGNAL | (in_head && one->bytes_length ? MSG_MORE : 0));
        if (done < 0 && errno == EAGAIN) {
            watch(one, EPOLL_CTL_MOD, EPOLLOUT);
            return 1;
        }
        if (done <= 0) return 0;
        one->sent += (size_t)done;
    }
    free(one->owned);
    one->owned = NULL;
    one->is_answering = 0;
    watch(one, EPOLL_CTL_MOD, EPOLLIN);
    return 1;
}

static size_t body_length(const char *text) {
    const char *found = strcasestr(text, "\r\nContent-Length:");
    return found ? strtoul(found + strlen("\r\nContent-Length:"), NULL, 10) : 0;
}

// Takes one request out of what was read; 0 where the connection is gone.
static int serve(struct connection *one) {
    static char waste[1 << 20];
    while (!one->is_answering) {
        if (one->body) {
            size_t room = one->body < sizeof waste ? one->body : sizeof waste;
            ssize_t got = recv(one->socket, waste, room, 0);
            if (got < 0 && errno == EAGAIN) return 1;
            if (got <= 0) return 0;
            one->body -= (size_t)got;
        } else {
            ssize_t got = recv(one->socket, one->head + one->filled, HEAD_MAX - 1 - one->filled, 0);
            if (got < 0 && errno == EAGAIN) return 1;
            if (got <= 0) return 0;
            one->filled += (size_t)got;
            one->head[one->filled] = 0;
            char *end = strstr(one->head, "\r\n\r\n");
            if (!end && one->filled == HEAD_MAX - 1) return 0;
            if (!end) continue;
            size_t length = body_length(one->head), there = one->filled - (size_t)(end + 4 - one->head);
            one->body = length > there ? length - there : 0;
        }
        if (one->body) continue;
        one->filled = 0;
        one->sent = 0;
        one->is_answering = 1;
        route(one);
        if (!send_rest(one)) return 0;
    }
    return 1;
}

static int listen_on(int wanted) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
    struct sockaddr_in place = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)wanted), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof place;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&place, sizeof place) || listen(listener, 4096)) broken("listen");
    if (getsockname(listener, (struct sockaddr *)&place, &length)) broken("getsockname");
    port = ntohs(place.sin_port);
    return listener;
}

static void welcome(int listener) {
    int taken, yes = 1;
    while ((taken = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *one = calloc(1, sizeof *one);
        if (!one) broken("calloc");
        one->socket = taken;
        setsockopt(taken, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        connections++;
        watch(one, EPOLL_CTL_ADD, EPOLLIN);
    }
}

int main(int count, char **words) {
    if (count != 4) {
        fprintf(stderr, "usage: responder PORT SECONDS PICTURE\n");
        return 64;
    }
    duration = (int64_t)(atof(words[2]) * 1e6);
    read_picture(words[3]);
    loop = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on(atoi(words[1]));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS_MAX];
    if (epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event)) broken("epoll_ctl");
    printf("listening on http://127.0.0.1:%d\n", port);
    fflush(stdout);
    while (1) {
        int ready = epoll_wait(loop, events, EVENTS_MAX, -1);
        for (int index = 0; index < ready; index++) {
            struct connection *one = events[index].data.ptr;
            if (!one) {
                welcome(listener);
            } else if (!(one->is_answering ? send_rest(one) && serve(one) : serve(one))) {
                drop(one);
            }
        }
    }
}
