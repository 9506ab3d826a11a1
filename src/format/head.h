/*
 * head - the snapshot object: a signed public head and a sealed body. Pure. (docs/FORMAT.md)
 *
 *   magic "HFSNAP1\0" | head length LE32 | body length LE32 | head | signature 64 | body
 *
 * The head is canonical JSON; the signature is Ed25519 by the writer's record key over
 * BLAKE2b-512("hf1.snapshot", head bytes). The head names every pack and the body by hash, so that
 * the signature covers all of them.
 */
#ifndef HEAD_H
#define HEAD_H

#include <stdint.h>

#include "base/scope.h"
#include "crypto/sign.h"
#include "format/pack.h"

enum {
	HEAD_JSON_MAX = 64 << 20,
	HEAD_BODY_MAX = 1 << 30,
	HEAD_PACKS_MAX = 1 << 19,
	HEAD_PREFIX_BYTES = 16,
	HEAD_FORMAT = 1,
};

enum head_kind { HEAD_FULL, HEAD_INCREMENTAL, HEAD_UNCHANGED };

struct head_pack {
	uint8_t id[PACK_ID_BYTES];
	uint32_t size;
};

struct head {
	uint8_t vault[16], store[16], writer[16], session[16];
	uint64_t seq;                /* 1, 2, 3, ... per store */
	uint8_t prev[32];            /* hash of the head before; zeros for the first */
	uint64_t time_s;             /* the writer's clock */
	enum head_kind kind;
	uint32_t epoch;
	uint8_t epoch_pk[32];
	uint64_t charter_n;
	uint8_t charter_hash[32];
	uint8_t body_hash[32];       /* BLAKE2b-256 of the body's bytes */
	uint32_t n_packs;
	struct head_pack *packs;     /* owned; the newest last */
};

/* A snapshot object taken apart; pointers into the object's bytes. */
struct head_parts {
	const uint8_t *head, *signature, *body;
	size_t head_len, body_len;
};

const char *head_kind_text(enum head_kind kind);

/* Append magic, lengths, signed head and body. head->body_hash is set here. */
int head_encode(struct head *head, const void *body, size_t body_len,
                const uint8_t sk[SIGN_SECRET_BYTES], struct buf *out, struct err *err);

/* Take apart without believing anything. ERR_CORRUPT, ERR_NEWER. */
int head_split(struct head_parts *parts, const uint8_t *bytes, size_t len, struct err *err);

/* Parse the head's JSON. On success the caller owns head->packs: head_clear. Checks neither
 * signature nor body. ERR_CORRUPT, ERR_NEWER, ERR_NOMEM. */
int head_decode(struct head *head, const struct head_parts *parts, struct err *err);

/* Signature, and body against its hash (unless the body was not fetched: body NULL). ERR_CORRUPT. */
int head_verify(const struct head *head, const struct head_parts *parts,
                const uint8_t pk[SIGN_PUBLIC_BYTES], struct err *err);

/* BLAKE2b-256("hf1.head", head bytes): what the next snapshot's `prev` holds. */
void head_hash(uint8_t hash[32], const struct head_parts *parts);

void head_clear(struct head *head);

#endif
