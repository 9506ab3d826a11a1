/*
 * slot - a passphrase slot: the recovery secret under a key that Argon2id (RFC 9106) makes from a
 * passphrase. Parameters travel in the slot, are authenticated, and are bounded before use.
 *
 *   offset 0  magic "HFSLOT1\0" | 8 version 1, LE16 | 10 reserved 0, LE16 | 12 opslimit LE32 |
 *   16 memlimit KiB LE32 | 20 salt 16 | 36 commitment 32 | 68 nonce 24 | 92 ciphertext 112 + 16
 *
 *   okm = BLAKE2b-512("hf1.slot", key = Argon2id(passphrase, salt), slot[0:36])
 *   key = okm[0:32]; commitment = okm[32:64]; AAD = slot[0:68]
 *   plain text: recovery seed 32 | vault psk 32 | vault id 16 | reserved 32 zeros
 */
#ifndef SLOT_H
#define SLOT_H

#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	SLOT_PLAIN_BYTES = 112,
	SLOT_BYTES = 92 + SLOT_PLAIN_BYTES + 16,
	SLOT_OPS = 3,
	SLOT_MEM_KIB = 256 << 10,
	SLOT_CODE_MEM_KIB = 64 << 10,    /* enough for a generated code: nobody guesses 77 bits */
	SLOT_OPS_MAX = 16,               /* what a reader accepts, so that a slot cannot exhaust it */
	SLOT_MEM_KIB_MIN = 8 << 10,
	SLOT_MEM_KIB_MAX = 2 << 20,
	SLOT_PASSPHRASE_MAX = 1024,
};

struct slot_cost { uint32_t ops, mem_kib; };   /* tests use a cheap one; 0, 0 = the defaults */

/* ERR_NOMEM when Argon2id cannot get its memory. */
int slot_encode(uint8_t slot[SLOT_BYTES], const uint8_t plain[SLOT_PLAIN_BYTES],
                const char *passphrase, size_t passphrase_len, struct slot_cost cost,
                struct err *err);

/* What can be said of a slot without the passphrase. ERR_CORRUPT, ERR_NEWER. */
int slot_check(const uint8_t *slot, size_t len, struct err *err);

/* ERR_CORRUPT (malformed, or parameters out of bounds), ERR_NEWER, ERR_KEY (wrong passphrase, or
 * the slot was altered: the two cannot be told apart), ERR_NOMEM. */
int slot_decode(uint8_t plain[SLOT_PLAIN_BYTES], const uint8_t *slot, size_t len,
                const char *passphrase, size_t passphrase_len, struct err *err);

#endif
