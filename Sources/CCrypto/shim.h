// What vizd takes from OpenSSL's libcrypto: message digests through the EVP interface, which picks the processor's own
// SHA instructions where there are any, and HMAC in one call.

#ifndef VIZD_CCRYPTO_H
#define VIZD_CCRYPTO_H

#include <openssl/evp.h>
#include <openssl/hmac.h>

#endif
