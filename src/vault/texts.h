/* texts - the plain files that a human finds in a vault's root. */
#ifndef TEXTS_H
#define TEXTS_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

/* docs/FORMAT.md as it was when this program was built. */
const char *texts_format(size_t *len);

/* RECOVERY.txt: what this place is and how to get data back. Holds nothing secret. */
int texts_recovery(struct buf *out, const uint8_t vault[16], const uint8_t root[32],
                   struct err *err);

enum { TEXTS_FINGERPRINT_MAX = 40 };
/* A root key's fingerprint for paper: eight groups of four hex digits. */
void texts_fingerprint(char out[TEXTS_FINGERPRINT_MAX], const uint8_t root[32]);

#endif
