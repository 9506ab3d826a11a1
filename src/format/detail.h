/*
 * detail - detail.sealed: the part of a drill's report that is not for everybody, sealed to those who
 * may read it: the recovery key, and auditors and others by their box keys. Pure.
 *
 *   offset 0  magic "HFDETL1\0" | 8 vault 16 | 24 machine (key id) 16 | 40 drill 16 |
 *   56 recipients LE16, 1..16 | 58 reserved 0, LE16 | 60 stanzas of 132 bytes, one for each recipient |
 *   then length LE32 of the rest | seal(K, plain text, AAD = everything before)
 *
 *   stanza      of a random key K; context = bytes 0 to 59
 *   plain text  length LE32 | JSON (report.h) | zeros, up to a multiple of 4096
 *
 * Sealing authenticates no sender: the JSON counts because report.json names its SHA-256.
 */
#ifndef DETAIL_H
#define DETAIL_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

enum {
	DETAIL_RECIPIENTS_MAX = 16,
	DETAIL_MAX = (1 << 20) + (16 << 10),   /* bytes of the object */
};

struct detail {
	uint8_t vault[16], machine[16], drill[16];
};

/* Append the object. ERR_INVALID (a public key that is none), ERR_LIMIT, ERR_NOMEM. */
int detail_seal(const struct detail *d, const uint8_t (*recipients)[32], size_t n,
                const uint8_t psk[32], const void *json, size_t len, struct buf *out,
                struct err *err);

/* What the object says of itself, without a key. ERR_CORRUPT, ERR_NEWER. */
int detail_identify(struct detail *d, const uint8_t *bytes, size_t len, struct err *err);

/* Append the JSON. *d is what the object says of itself. ERR_CORRUPT, ERR_NEWER, ERR_KEY (sealed to
 * others). */
int detail_open(struct detail *d, const uint8_t *bytes, size_t len, const uint8_t box_sk[32],
                const uint8_t psk[32], struct buf *out, struct err *err);

#endif
