// The thread sanitizer learns an order between threads from calls that it knows and from atomics in code that it has
// compiled. Three places where Swift's libraries order threads are neither:
// - the waiting half of `Synchronization.Mutex` (the half that does not wait is compiled into its caller, and seen);
// - `swift_once`, behind every global that is made when first used;
// - a continuation that is resumed before its task has come to wait (the other order is told by the libraries).
// Without them, each lock that somebody had to wait for, and so on, is told as a race.
//
// So these stand here under Swift's own names, are found before those of the libraries, call them, and say what they
// do. They take nothing away: what is not ordered by them is reported as before. They lie in test programs alone, and
// only in those with the thread sanitizer. Nothing in this file may itself be taken for an order.
#define _GNU_SOURCE
#include "Sanitizers.h"

#if __has_feature(thread_sanitizer)
#include <dlfcn.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#pragma clang attribute push(__attribute__((disable_sanitizer_instrumentation)), apply_to = function)

void __tsan_acquire(void *at);
void __tsan_release(void *at);

bool vz_thread_sanitizer(void) { return true; }

// The library's own function of this name, looked up once.
static void *next(const char *name, void **known) {
    void *found = __atomic_load_n(known, __ATOMIC_RELAXED);
    if (found != NULL) return found;
    found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        fprintf(stderr, "Swift's libraries have no %s: Tests/Sanitizers/threads.c was written for others\n", name);
        abort();
    }
    __atomic_store_n(known, found, __ATOMIC_RELAXED);
    return found;
}

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void lock(uint32_t thread, SELF void *mutex) __asm__(LOCK);
SWIFT bool try_lock(SELF void *mutex) __asm__(TRY_LOCK);
SWIFT void unlock(SELF void *mutex) __asm__(UNLOCK);

SWIFT void lock(uint32_t thread, SELF void *mutex) {
    static void *known;
    SWIFT void (*swift)(uint32_t, SELF void *) = (SWIFT void (*)(uint32_t, SELF void *))next(LOCK, &known);
    swift(thread, mutex);
    __tsan_acquire(mutex);
}

SWIFT bool try_lock(SELF void *mutex) {
    static void *known;
    SWIFT bool (*swift)(SELF void *) = (SWIFT bool (*)(SELF void *))next(TRY_LOCK, &known);
    bool taken = swift(mutex);
    if (taken) __tsan_acquire(mutex);
    return taken;
}

SWIFT void unlock(SELF void *mutex) {
    static void *known;
    SWIFT void (*swift)(SELF void *) = (SWIFT void (*)(SELF void *))next(UNLOCK, &known);
    __tsan_release(mutex);
    swift(mutex);
}

// A global in the making: the thread that makes it releases it, everybody who asks for it acquires it.
struct making {
    void *predicate;
    void (*body)(void *);
    void *context;
};

static void make(void *raw) {
    struct making *making = raw;
    making->body(making->context);
    __tsan_release(making->predicate);
}

void swift_once(void *predicate, void (*body)(void *), void *context);

void swift_once(void *predicate, void (*body)(void *), void *context) {
    static void *known;
    void (*swift)(void *, void (*)(void *), void *) =
        (void (*)(void *, void (*)(void *), void *))next("swift_once", &known);
    struct making making = {predicate, body, context};
    swift(predicate, make, &making);
    __tsan_acquire(predicate);
}

// A task waits for a continuation in a frame whose second word says how it goes on. While it waits that word is
// `go_on`; what was there is kept here, a list for each of many remainders of the frame's address.
#define ASYNC __attribute__((swiftasynccall))
#define FRAME __attribute__((swift_async_context))
typedef ASYNC void (*resumption)(FRAME void *frame);

struct wait {
    struct wait *next;
    void *frame;
    resumption then;
};
enum { LISTS = 4096 };
static struct wait *waits[LISTS];
static bool waits_taken;

SWIFT void *swift_task_getCurrent(void);
ASYNC void swift_continuation_await(void *frame);

// The place that holds a frame's wait, or the end of its list. Between `take` and `give` alone.
static struct wait **wait_of(void *frame) {
    struct wait **place = &waits[(uintptr_t)frame / 16 % LISTS];
    while (*place != NULL && (*place)->frame != frame) place = &(*place)->next;
    return place;
}

static void take(void) {
    while (__atomic_exchange_n(&waits_taken, true, __ATOMIC_ACQUIRE)) sched_yield();
}

static void give(void) { __atomic_store_n(&waits_taken, false, __ATOMIC_RELEASE); }

static ASYNC void go_on(FRAME void *frame) {
    take();
    struct wait **place = wait_of(frame), *wait = *place;
    *place = wait->next;
    give();
    resumption then = wait->then;
    free(wait);
    ((resumption *)frame)[1] = then;
    // Whoever resumed it has released the task.
    __tsan_acquire(swift_task_getCurrent());
    __attribute__((musttail)) return then(frame);
}

ASYNC void swift_continuation_await(void *frame) {
    static void *known;
    ASYNC void (*swift)(void *) = (ASYNC void (*)(void *))next("swift_continuation_await", &known);
    struct wait *wait = malloc(sizeof *wait);
    if (wait == NULL) abort();
    *wait = (struct wait){.frame = frame, .then = ((resumption *)frame)[1]};
    take();
    struct wait **place = wait_of(frame), *stale = *place;
    // One that was never resumed, and whose frame is used again.
    if (stale != NULL) *place = stale->next;
    wait->next = *place;
    *place = wait;
    give();
    free(stale);
    ((resumption *)frame)[1] = go_on;
    __attribute__((musttail)) return swift(frame);
}

#pragma clang attribute pop
#else
bool vz_thread_sanitizer(void) { return false; }
#endif
