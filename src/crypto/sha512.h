/* sha512 - SHA-512 (FIPS 180-4), inside SSH signatures. */
#ifndef SHA512_H
#define SHA512_H

#include <stddef.h>
#include <stdint.h>

enum { SHA512_BYTES = 64 };

/* What `sha512sum` prints. Cannot fail. */
void sha512(uint8_t out[SHA512_BYTES], const void *data, size_t len);

#endif
