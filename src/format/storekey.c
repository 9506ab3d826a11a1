#include "format/storekey.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "holdfast/err.h"

static const char magic[8] = "HFSKEY1";
static const char label[] = "hf1.storekey";

enum { CONTEXT_BYTES = 92, SEALED_AT = 228, PLAIN_MAX = 32 + 2 + STOREKEY_NAME_MAX };

static size_t put_plain(uint8_t *plain, const struct storekey *k)
{
	size_t len = strlen(k->name);
	uint8_t *p = wire_put_bytes(plain, k->sk, 32);
	p = wire_put_varint(p, len);
	p = wire_put_bytes(p, k->name, len);
	/* padded to one size: how long a name is, is nobody's business */
	memset(p, 0, (size_t)(plain + PLAIN_MAX - p));
	return PLAIN_MAX;
}

static int put_sealed(uint8_t *head, const struct storekey *k, const uint8_t recipient_pk[32],
                      const uint8_t psk[32], size_t *sealed_len, struct err *err)
{
	uint8_t content_key[32], plain[PLAIN_MAX];
	randombytes_buf(content_key, sizeof content_key);
	int rc = seal_stanza(head + CONTEXT_BYTES, content_key, recipient_pk, psk, head, CONTEXT_BYTES);
	size_t len = put_plain(plain, k);
	*sealed_len = len + SEAL_OVERHEAD_BYTES;
	wire_put_u32(head + SEALED_AT - 4, (uint32_t)*sealed_len);
	if (rc == 0)
		seal_encrypt(head + SEALED_AT, plain, len, head, SEALED_AT, content_key);
	sodium_memzero(content_key, sizeof content_key);
	sodium_memzero(plain, sizeof plain);
	return rc == 0 ? 0 : err_set(err, ERR_INVALID, "the recipient's public key is not valid");
}

int storekey_encode(const struct storekey *k, const uint8_t recipient_pk[32],
                    const uint8_t psk[32], const uint8_t sk[SIGN_SECRET_BYTES], struct buf *out,
                    struct err *err)
{
	uint8_t bytes[STOREKEY_MAX_BYTES], *p = bytes;
	p = wire_put_bytes(p, magic, sizeof magic);
	p = wire_put_bytes(p, k->vault, 16);
	p = wire_put_bytes(p, k->writer, 16);
	p = wire_put_bytes(p, k->store, 16);
	p = wire_put_u32(p, k->epoch);
	wire_put_bytes(p, k->pk, 32);
	size_t sealed;
	if (put_sealed(bytes, k, recipient_pk, psk, &sealed, err) != 0)
		return err->code;
	size_t len = SEALED_AT + sealed;
	sign_message(bytes + len, label, bytes, len, sk);
	return buf_append(out, bytes, len + SIGN_BYTES, err);
}

int storekey_verify(struct storekey *k, const uint8_t *bytes, size_t len,
                    const uint8_t record_pk[32], const uint8_t *root_pk, struct err *err)
{
	if (len < SEALED_AT + SEAL_OVERHEAD_BYTES + SIGN_BYTES || len > STOREKEY_MAX_BYTES ||
	    memcmp(bytes, magic, sizeof magic - 2) != 0)
		return err_set(err, ERR_CORRUPT, "not a store key, or cut off");
	if (memcmp(bytes, magic, sizeof magic) != 0)
		return err_set(err, ERR_NEWER, "store key of a newer format");
	size_t signed_len = len - SIGN_BYTES;
	struct storekey out = { 0 };
	struct wire w = wire_over(bytes, SEALED_AT);
	wire_bytes(&w, sizeof magic);
	wire_copy(&w, out.vault, 16);
	wire_copy(&w, out.writer, 16);
	wire_copy(&w, out.store, 16);
	out.epoch = wire_u32(&w);
	wire_copy(&w, out.pk, 32);
	wire_bytes(&w, SEAL_STANZA_BYTES);
	bool right = wire_u32(&w) == signed_len - SEALED_AT;
	if (!right || !(sign_verify(bytes + signed_len, label, bytes, signed_len, record_pk) ||
	                (root_pk && sign_verify(bytes + signed_len, label, bytes, signed_len, root_pk))))
		return err_set(err, ERR_CORRUPT, "its signature is not by the writer it names (changed or "
		               "damaged in storage)");
	*k = out;
	return 0;
}

static bool all_zero(const uint8_t *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

static int take_plain(struct storekey *k, const uint8_t *plain, size_t len, struct err *err)
{
	struct wire w = wire_over(plain, len);
	uint8_t pk[32];
	size_t name_len;
	const uint8_t *sk = wire_bytes(&w, 32);
	const uint8_t *name = wire_counted(&w, STOREKEY_NAME_MAX, &name_len);
	if (sk)
		seal_public(pk, sk);
	if (!wire_ok(&w) || !all_zero(w.at, wire_left(&w)) || memcmp(pk, k->pk, 32) != 0 ||
	    memchr(name, 0, name_len))
		return err_set(err, ERR_CORRUPT, "its secret does not fit its public key");
	memcpy(k->sk, sk, 32);
	memcpy(k->name, name, name_len);
	k->name[name_len] = '\0';
	return 0;
}

int storekey_open(struct storekey *k, const uint8_t *bytes, size_t len,
                  const uint8_t recipient_sk[32], const uint8_t psk[32], struct err *err)
{
	uint8_t content_key[32], plain[STOREKEY_MAX_BYTES];
	size_t sealed = len - SIGN_BYTES - SEALED_AT;
	enum seal_open rc = seal_unstanza(content_key, bytes + CONTEXT_BYTES, recipient_sk, psk, bytes,
	                                  CONTEXT_BYTES);
	if (rc == SEAL_OTHER_KEY)
		return err_set(err, ERR_KEY, "is sealed to another key");
	if (rc != SEAL_OPENED ||
	    seal_decrypt(plain, bytes + SEALED_AT, sealed, bytes, SEALED_AT, content_key) != 0)
		err_set(err, ERR_CORRUPT, "fails authentication");
	else {
		err->code = ERR_NONE;
		take_plain(k, plain, sealed - SEAL_OVERHEAD_BYTES, err);
	}
	sodium_memzero(content_key, sizeof content_key);
	sodium_memzero(plain, sizeof plain);
	return err->code;
}
