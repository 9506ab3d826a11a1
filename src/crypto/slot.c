#include "crypto/slot.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "base/wire.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "holdfast/err.h"

static const char magic[8] = "HFSLOT1";

enum { VERSION = 1, SALT_AT = 20, SALT_BYTES = 16, COMMITMENT_AT = 36, SEALED_AT = 68 };

_Static_assert(SALT_BYTES == crypto_pwhash_SALTBYTES, "the salt is Argon2id's");
_Static_assert(SLOT_BYTES == SEALED_AT + SEAL_OVERHEAD_BYTES + SLOT_PLAIN_BYTES, "slot layout");

static bool cost_in_bounds(struct slot_cost cost)
{
	return cost.ops >= 1 && cost.ops <= SLOT_OPS_MAX && cost.mem_kib >= SLOT_MEM_KIB_MIN &&
	       cost.mem_kib <= SLOT_MEM_KIB_MAX;
}

/* okm[0:32] is the key, okm[32:64] the commitment; slot holds its first 36 bytes */
static int derive(uint8_t okm[64], const uint8_t *slot, const char *passphrase,
                  size_t passphrase_len, struct slot_cost cost, struct err *err)
{
	uint8_t stretched[32];
	if (crypto_pwhash(stretched, sizeof stretched, passphrase, passphrase_len, slot + SALT_AT,
	                  cost.ops, (size_t)cost.mem_kib << 10, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return err_set(err, ERR_NOMEM,
		               "Argon2id needs %u MiB of memory and did not get them",
		               cost.mem_kib >> 10);
	hash_labelled(okm, 64, "hf1.slot", stretched, sizeof stretched, slot, COMMITMENT_AT);
	sodium_memzero(stretched, sizeof stretched);
	return 0;
}

int slot_encode(uint8_t slot[SLOT_BYTES], const uint8_t plain[SLOT_PLAIN_BYTES],
                const char *passphrase, size_t passphrase_len, struct slot_cost cost,
                struct err *err)
{
	if (cost.ops == 0)
		cost.ops = SLOT_OPS;
	if (cost.mem_kib == 0)
		cost.mem_kib = SLOT_MEM_KIB;
	if (!cost_in_bounds(cost))
		return err_set(err, ERR_INVALID,
		               "Argon2id with %u passes over %u KiB is out of bounds", cost.ops,
		               cost.mem_kib);
	if (passphrase_len == 0 || passphrase_len > SLOT_PASSPHRASE_MAX)
		return err_set(err, ERR_INVALID, "a passphrase has 1 to %d bytes",
		               SLOT_PASSPHRASE_MAX);

	uint8_t head[COMMITMENT_AT], okm[64];
	uint8_t *p = wire_put_bytes(head, magic, sizeof magic);
	p = wire_put_u16(p, VERSION);
	p = wire_put_u16(p, 0);
	p = wire_put_u32(p, cost.ops);
	p = wire_put_u32(p, cost.mem_kib);
	randombytes_buf(p, SALT_BYTES);
	if (derive(okm, head, passphrase, passphrase_len, cost, err) != 0)
		return err->code;

	memcpy(slot, head, sizeof head);
	memcpy(slot + COMMITMENT_AT, okm + 32, 32);
	seal_encrypt(slot + SEALED_AT, plain, SLOT_PLAIN_BYTES, slot, SEALED_AT, okm);
	sodium_memzero(okm, sizeof okm);
	return 0;
}

static int read_head(struct slot_cost *cost, const uint8_t *slot, size_t len, struct err *err)
{
	struct wire w = wire_over(slot, len);
	const uint8_t *m = wire_bytes(&w, sizeof magic);
	if (!m || memcmp(m, magic, sizeof magic) != 0)
		return err_set(err, ERR_CORRUPT,
		               "not a passphrase slot (its first bytes are wrong)");
	uint16_t version = wire_u16(&w), reserved = wire_u16(&w);
	if (!wire_ok(&w))
		return err_set(err, ERR_CORRUPT, "passphrase slot is cut short");
	if (version > VERSION)
		return err_set(err, ERR_NEWER,
		               "passphrase slot has version %u, newer than this program", version);
	if (version != VERSION || reserved != 0 || len != SLOT_BYTES)
		return err_set(err, ERR_CORRUPT, "passphrase slot is malformed");
	cost->ops = wire_u32(&w);
	cost->mem_kib = wire_u32(&w);
	if (!cost_in_bounds(*cost))
		return err_set(err, ERR_CORRUPT,
		               "passphrase slot asks for %u passes over %u KiB, more "
		               "or less than this program accepts",
		               cost->ops, cost->mem_kib);
	return 0;
}

int slot_check(const uint8_t *slot, size_t len, struct err *err)
{
	struct slot_cost cost;
	return read_head(&cost, slot, len, err);
}

static int open_committed(uint8_t plain[SLOT_PLAIN_BYTES], const uint8_t *slot,
                          const uint8_t okm[64], struct err *err)
{
	uint8_t opened[SLOT_PLAIN_BYTES];
	if (sodium_memcmp(okm + 32, slot + COMMITMENT_AT, 32) != 0 ||
	    seal_decrypt(opened, slot + SEALED_AT, SLOT_BYTES - SEALED_AT, slot, SEALED_AT, okm) !=
	        0)
		return err_set(err, ERR_KEY, "wrong passphrase (or the slot was altered)");
	memcpy(plain, opened, sizeof opened);
	sodium_memzero(opened, sizeof opened);
	return 0;
}

int slot_decode(uint8_t plain[SLOT_PLAIN_BYTES], const uint8_t *slot, size_t len,
                const char *passphrase, size_t passphrase_len, struct err *err)
{
	struct slot_cost cost;
	if (read_head(&cost, slot, len, err) != 0)
		return err->code;
	if (passphrase_len > SLOT_PASSPHRASE_MAX)
		return err_set(err, ERR_KEY, "wrong passphrase: none is longer than %d bytes",
		               SLOT_PASSPHRASE_MAX);
	uint8_t okm[64];
	if (derive(okm, slot, passphrase, passphrase_len, cost, err) != 0)
		return err->code;
	int rc = open_committed(plain, slot, okm, err);
	sodium_memzero(okm, sizeof okm);
	return rc;
}
