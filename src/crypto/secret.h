/*
 * secret - fixed-size secrets in guarded, locked memory that is wiped when freed. The memory of some
 * freed keys of 32 bytes is kept for the next ones.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct err;

struct secret {
	size_t len;
	uint8_t *bytes;   /* sodium_malloc: guard pages, mlock where the limit allows, not dumped */
};

/* Zeroed bytes; NULL with ERR_NOMEM. */
struct secret *secret_new(size_t len, struct err *err);
struct secret *secret_random(size_t len, struct err *err);
struct secret *secret_copy(const void *data, size_t len, struct err *err);
void secret_free(struct secret *s);
AUTO_FREE(secret);

/* From now on every secret has memory of its own, for tests that count allocations. */
void secret_keep_no_spares(void);

/* 32 bytes derived from a 32-byte secret by label: BLAKE2b-256(label, key = seed, ""). */
struct secret *secret_derive(const uint8_t seed[32], const char *label, struct err *err);

/* No core dumps, no ptrace by other processes of this user. Best effort, called once by the CLI. */
void secret_harden_process(void);

#endif
