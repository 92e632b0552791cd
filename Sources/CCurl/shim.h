// libcurl as Swift can call it: one function for each type that its variadic calls take, and scalars in place of
// socket addresses. Nothing is decided here.
#ifndef CCURL_SHIM_H
#define CCURL_SHIM_H

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

// curl_easy_setopt and its like are macros as well: the parentheses name the functions.
static inline CURLcode vz_set_long(CURL *h, CURLoption o, long v) { return (curl_easy_setopt)(h, o, v); }
static inline CURLcode vz_set_size(CURL *h, CURLoption o, curl_off_t v) { return (curl_easy_setopt)(h, o, v); }
static inline CURLcode vz_set_text(CURL *h, CURLoption o, const char *v) { return (curl_easy_setopt)(h, o, v); }
static inline CURLcode vz_set_pointer(CURL *h, CURLoption o, void *v) { return (curl_easy_setopt)(h, o, v); }
static inline CURLcode vz_set_list(CURL *h, CURLoption o, struct curl_slist *v) { return (curl_easy_setopt)(h, o, v); }

typedef size_t (*vz_bytes_function)(char *, size_t, size_t, void *);
typedef int (*vz_progress_function)(void *, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
typedef int (*vz_before_request_function)(void *, char *, char *, int, int);
typedef curl_socket_t (*vz_open_socket_function)(void *, curlsocktype, struct curl_sockaddr *);
typedef int (*vz_close_socket_function)(void *, curl_socket_t);
static inline CURLcode vz_set_bytes_function(CURL *h, CURLoption o, vz_bytes_function f) {
    return (curl_easy_setopt)(h, o, f);
}
static inline CURLcode vz_set_progress_function(CURL *h, vz_progress_function f) {
    return (curl_easy_setopt)(h, CURLOPT_XFERINFOFUNCTION, f);
}
static inline CURLcode vz_set_before_request_function(CURL *h, vz_before_request_function f) {
    return (curl_easy_setopt)(h, CURLOPT_PREREQFUNCTION, f);
}
static inline CURLcode vz_set_open_socket_function(CURL *h, vz_open_socket_function f) {
    return (curl_easy_setopt)(h, CURLOPT_OPENSOCKETFUNCTION, f);
}
static inline CURLcode vz_set_close_socket_function(CURL *h, vz_close_socket_function f) {
    return (curl_easy_setopt)(h, CURLOPT_CLOSESOCKETFUNCTION, f);
}

static inline CURLcode vz_get_long(CURL *h, CURLINFO i, long *v) { return (curl_easy_getinfo)(h, i, v); }
static inline CURLcode vz_get_pointer(CURL *h, CURLINFO i, void **v) { return (curl_easy_getinfo)(h, i, v); }

typedef int (*vz_socket_function)(CURL *, curl_socket_t, int, void *, void *);
typedef int (*vz_timer_function)(CURLM *, long, void *);
static inline CURLMcode vz_multi_set_long(CURLM *m, CURLMoption o, long v) { return (curl_multi_setopt)(m, o, v); }
static inline CURLMcode vz_multi_set_pointer(CURLM *m, CURLMoption o, void *v) { return (curl_multi_setopt)(m, o, v); }
static inline CURLMcode vz_multi_set_socket_function(CURLM *m, vz_socket_function f) {
    return (curl_multi_setopt)(m, CURLMOPT_SOCKETFUNCTION, f);
}
static inline CURLMcode vz_multi_set_timer_function(CURLM *m, vz_timer_function f) {
    return (curl_multi_setopt)(m, CURLMOPT_TIMERFUNCTION, f);
}
static inline CURLcode vz_message_result(CURLMsg *m) { return m->data.result; }

static inline CURLSHcode vz_share_tls_sessions(CURLSH *s) {
    return (curl_share_setopt)(s, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}
static inline CURLcode vz_global_init(void) { return curl_global_init(CURL_GLOBAL_ALL); }

// Copies the bare address out: answers 4 or 16, or 0 for what is neither IPv4 nor IPv6.
static inline int vz_address_bytes(const struct curl_sockaddr *from, uint8_t out[16]) {
    if (from->family == AF_INET) {
        memcpy(out, &((const struct sockaddr_in *)&from->addr)->sin_addr, 4);
        return 4;
    }
    if (from->family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)&from->addr)->sin6_addr, 16);
        return 16;
    }
    return 0;
}

#endif
