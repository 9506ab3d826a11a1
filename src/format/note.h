/*
 * note - the signed root of a log: a C2SP checkpoint (c2sp.org/tlog-checkpoint), which is a signed
 * note (c2sp.org/signed-note). Pure.
 *
 *   <origin>\n<size>\n<root in base64>\n            the text: what is signed, its last LF included
 *   \n
 *   — <name> <base64 of key id 4 | signature 64>\n      one line or more; the dash is U+2014
 *
 *   key id = SHA-256(name | LF | 0x01 | public key)[0:4]; the signature is plain Ed25519 of the text:
 *   `openssl pkeyutl -verify -rawin` verifies it.
 *
 * A witness adds a line of its own, a cosignature/v1 (c2sp.org/tlog-cosignature): key id with 0x04 in
 * place of 0x01, then time (64 bits, big-endian) and the signature of "cosignature/v1\ntime <t>\n" and
 * the text. Lines of unknown keys are ignored.
 */
#ifndef NOTE_H
#define NOTE_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/sign.h"

struct buf;
struct err;

enum {
	NOTE_MAX = 8192,             /* bytes of a note */
	NOTE_NAME_MAX = 128,         /* with its NUL */
	NOTE_SIGNATURES_MAX = 32,
	NOTE_KEY_MAX = NOTE_NAME_MAX + 64,   /* a key as text, with its NUL */
};

struct note {
	char origin[NOTE_NAME_MAX];
	uint64_t size;               /* entries */
	uint8_t root[32];
	size_t text_len;             /* of the bytes: how many are signed */
};

/* Append the note with one signature; its name is the origin. ERR_INVALID, ERR_NOMEM. */
int note_encode(const struct note *n, const uint8_t sk[SIGN_SECRET_BYTES], struct buf *out,
                struct err *err);

/* Take apart; signatures are not verified. ERR_CORRUPT. */
int note_decode(struct note *n, const uint8_t *bytes, size_t len, struct err *err);

/* Is it signed by this key, under this name? ERR_CORRUPT if it is not, or a signature fails. */
int note_verify(const struct note *n, const uint8_t *bytes, size_t len, const char *name,
                const uint8_t pk[SIGN_PUBLIC_BYTES], struct err *err);

/* Append a witness's line to the note in `bytes`. ERR_LIMIT, ERR_NOMEM. */
int note_cosign(const struct note *n, struct buf *bytes, const char *name, uint64_t time_s,
                const uint8_t sk[SIGN_SECRET_BYTES], struct err *err);
/* As note_verify; *time_s is when it was cosigned. ERR_ABSENT if this key did not. */
int note_verify_cosigned(const struct note *n, const uint8_t *bytes, size_t len, const char *name,
                         const uint8_t pk[SIGN_PUBLIC_BYTES], uint64_t *time_s, struct err *err);

/* The key as others' tools want it: name+hash+key ("vkey"). out holds NOTE_KEY_MAX; returns out. */
const char *note_key(char *out, const char *name, const uint8_t pk[SIGN_PUBLIC_BYTES]);

/* The same of a witness's key, and back; a LF may follow. ERR_CORRUPT. */
struct note_witness {
	char name[NOTE_NAME_MAX];
	uint8_t pk[SIGN_PUBLIC_BYTES];
};
const char *note_witness_key(char *out, const struct note_witness *w);
int note_witness_decode(struct note_witness *w, const char *text, size_t len, struct err *err);

#endif
