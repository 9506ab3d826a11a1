/*
 * charter - who may do what: an append-only list of signed entries. Pure. (docs/FORMAT.md)
 *
 * Object charter/<n> holds the first n entries, one per line, so n + 1 begins with the bytes of n:
 *
 *   canonical JSON of the entry | TAB | signature in hex | LF
 *
 * Every entry has "kind", "n" (1, 2, ...), "prev" (BLAKE2b-256("hf1.line") of the line before,
 * with its LF; zeros for the first), "signer" ("root" or a key id) and "time". The signature is
 * Ed25519 over BLAKE2b-512("hf1.charter", JSON bytes), by the root key or the signer's record key.
 *
 *   kind "vault"   n = 1, by root: format, vault, root, recovery (public keys)
 *   kind "enroll"  key, name, roles, record, log, report, box (public keys), and where the machine
 *                  asked for it, psk (the vault psk, sealed: request.h); an entry with role "admin"
 *                  must be by root, others by root or an enrolled admin; names and keys are unique
 *   kind "grant"   by root: to (a key with role drill or restorer), writer, stores (ids): `to` may
 *                  read these stores of that writer; without stores all, without writer those of all
 *                  writers. Writers seal new epochs to whom they are granted
 *
 * vault.json is one such line of kind "anchor", by root: format, vault, root, created, and the
 * hashes of FORMAT.md and RECOVERY.txt.
 * Kinds that this program does not know are kept and skipped unless they carry "critical": 1.
 */
#ifndef CHARTER_H
#define CHARTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "format/signed_line.h"
#include "holdfast/roles.h"

struct buf;
struct err;

enum {
	CHARTER_MAX_BYTES = 16 << 20,
	CHARTER_LINE_MAX = SIGNED_LINE_MAX,
	CHARTER_NAME_MAX = 128,
	CHARTER_FORMAT = 1,
	CHARTER_GRANT_MAX = 1500,    /* stores in one entry: more do not fit in a line */
};

struct charter_key {
	uint8_t id[16];              /* BLAKE2b-128("hf1.keyid", record pk) */
	char name[CHARTER_NAME_MAX];
	unsigned roles;              /* enum role, or-ed */
	uint8_t record[32], log[32], report[32], box[32];
	bool has_psk;
	uint8_t psk[SEAL_STANZA_BYTES];
	/* of the entry, once it is decoded */
	uint64_t time_s;
	bool by_root;
	uint8_t by[16];              /* the admin's key id, if not by root */
};

struct charter_grant {
	uint8_t to[16], writer[16];
	bool all_writers;            /* writer and stores say nothing */
	uint8_t (*stores)[16];       /* ascending; NULL: all of the writer's */
	size_t n_stores;
};

struct charter {
	uint64_t n;                  /* entries */
	uint8_t hash[32];            /* BLAKE2b-256("hf1.charter") of all bytes */
	uint8_t (*hashes)[32];       /* owned: the same of the first 1, 2, ... n entries */
	uint8_t vault[16], root[32], recovery[32];
	struct charter_key *keys;    /* owned */
	size_t n_keys;
	struct charter_grant *grants;   /* owned */
	size_t n_grants;
};

/* What vault.json says. */
struct charter_anchor {
	uint8_t vault[16], root[32];
	uint64_t created_s;
	uint8_t format_md[32], recovery_txt[32];   /* plain BLAKE2b-256 of the two texts */
};

void charter_key_id(uint8_t id[16], const uint8_t record_pk[32]);

/* Append the signed line of vault.json, or of an entry. `signer` is NULL for root. For an entry
 * `chain` holds the lines so far (may be empty). */
int charter_encode_anchor(const struct charter_anchor *a, const uint8_t root_sk[SIGN_SECRET_BYTES],
                          struct buf *out, struct err *err);
int charter_append_vault(struct buf *chain, const struct charter_anchor *a,
                         const uint8_t recovery_pk[32], const uint8_t root_sk[SIGN_SECRET_BYTES],
                         struct err *err);
int charter_append_enroll(struct buf *chain, const struct charter_key *key, uint64_t time_s,
                          const uint8_t *signer, const uint8_t sk[SIGN_SECRET_BYTES],
                          struct err *err);
/* By root only. stores in any order, none twice, at most CHARTER_GRANT_MAX. */
int charter_append_grant(struct buf *chain, const struct charter_grant *grant, uint64_t time_s,
                         const uint8_t root_sk[SIGN_SECRET_BYTES], struct err *err);

/* Parse vault.json and verify it against the root key it holds: whether that is the right root key
 * is for the caller to say. ERR_CORRUPT, ERR_NEWER. */
int charter_decode_anchor(struct charter_anchor *a, const uint8_t *bytes, size_t len,
                          struct err *err);

/* Parse and verify a whole charter of exactly n entries against vault id and root key. NULL with
 * ERR_CORRUPT, ERR_NEWER, ERR_NOMEM. */
struct charter *charter_decode(const uint8_t *bytes, size_t len, const struct charter_anchor *a,
                               struct err *err);
void charter_free(struct charter *c);
AUTO_FREE(charter);

/* NULL if there is none. */
const struct charter_key *charter_find(const struct charter *c, const uint8_t id[16]);
const struct charter_key *charter_find_name(const struct charter *c, const char *name);

/* May the key `to` read this store? */
bool charter_granted(const struct charter *c, const uint8_t to[16], const uint8_t writer[16],
                     const uint8_t store[16]);
/* May it read anything at all? */
bool charter_granted_any(const struct charter *c, const uint8_t to[16]);

#endif
