#include "format/detail.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/wire.h"
#include "crypto/seal.h"
#include "crypto/secret.h"
#include "format/report.h"
#include "holdfast/err.h"

static const char magic[8] = "HFDETL1";
static const char what[] = "detail.sealed";

enum {
	CONTEXT_BYTES = 60,
	STEP = 4096,
	PLAIN_MAX = REPORT_MAX + STEP,
};

/* ---- sealing ---- */

static int add_head(const struct detail *d, size_t n, struct buf *out, struct err *err)
{
	uint8_t head[CONTEXT_BYTES];
	uint8_t *p = wire_put_bytes(head, magic, sizeof magic);
	p = wire_put_bytes(p, d->vault, 16);
	p = wire_put_bytes(p, d->machine, 16);
	p = wire_put_bytes(p, d->drill, 16);
	p = wire_put_u16(p, (uint16_t)n);
	wire_put_u16(p, 0);
	return buf_append(out, head, sizeof head, err);
}

static int add_plain(struct buf *plain, const void *json, size_t len, struct err *err)
{
	static const uint8_t zeros[STEP];
	if (len > REPORT_MAX)
		return err_set(err, ERR_LIMIT, "%s: more than %d bytes", what, REPORT_MAX);
	if (wire_add_u32(plain, (uint32_t)len, err) != 0 || buf_append(plain, json, len, err) != 0)
		return err->code;
	return buf_append(plain, zeros, (STEP - plain->len % STEP) % STEP, err);
}

/* AAD is all that is in `out` behind `start`. */
static int add_sealed(struct buf *out, size_t start, const struct buf *plain, const uint8_t key[32],
                      struct err *err)
{
	size_t sealed = plain->len + SEAL_OVERHEAD_BYTES;
	if (wire_add_u32(out, (uint32_t)sealed, err) != 0)
		return err->code;
	uint8_t *to = buf_reserve(out, sealed, err);
	if (!to)
		return err->code;
	seal_encrypt(to, plain->bytes, plain->len, out->bytes + start, out->len - start, key);
	out->len += sealed;
	return 0;
}

int detail_seal(const struct detail *d, const uint8_t (*recipients)[32], size_t n,
                const uint8_t psk[32], const void *json, size_t len, struct buf *out,
                struct err *err)
{
	size_t start = out->len;
	if (n == 0 || n > DETAIL_RECIPIENTS_MAX)
		return err_set(err, ERR_INVALID, "%s: for %zu recipients", what, n);
	AUTO(secret) key = secret_random(32, err);
	AUTO(buf) plain = buf_new(PLAIN_MAX, err);
	if (!key || !plain || add_head(d, n, out, err) != 0 || add_plain(plain, json, len, err) != 0)
		return err->code;
	for (size_t i = 0; i < n; i++) {
		uint8_t stanza[SEAL_STANZA_BYTES];
		if (seal_stanza(stanza, key->bytes, recipients[i], psk, out->bytes + start,
		                CONTEXT_BYTES) != 0)
			return err_set(err, ERR_INVALID, "%s: a recipient's public key is not valid", what);
		if (buf_append(out, stanza, sizeof stanza, err) != 0)
			return err->code;
	}
	return add_sealed(out, start, plain, key->bytes, err);
}

/* ---- opening ---- */

struct layout {
	struct detail detail;
	size_t n, sealed_at;         /* stanzas; where the sealed part begins */
};

static int parse(struct layout *l, const uint8_t *bytes, size_t len, struct err *err)
{
	struct wire w = wire_over(bytes, len);
	const uint8_t *start = wire_bytes(&w, sizeof magic);
	if (!start || len > DETAIL_MAX || memcmp(start, magic, sizeof magic - 2) != 0)
		return err_set(err, ERR_CORRUPT, "%s: is none, or cut off", what);
	if (memcmp(start, magic, sizeof magic) != 0)
		return err_set(err, ERR_NEWER, "%s: of a newer format", what);
	wire_copy(&w, l->detail.vault, 16);
	wire_copy(&w, l->detail.machine, 16);
	wire_copy(&w, l->detail.drill, 16);
	l->n = wire_u16(&w);
	if (wire_u16(&w) != 0 || l->n == 0 || l->n > DETAIL_RECIPIENTS_MAX)
		return err_set(err, ERR_CORRUPT, "%s: its head is damaged", what);
	wire_bytes(&w, l->n * SEAL_STANZA_BYTES);
	uint32_t sealed = wire_u32(&w);
	if (!wire_ok(&w) || sealed != wire_left(&w) || sealed < SEAL_OVERHEAD_BYTES)
		return err_set(err, ERR_CORRUPT, "%s: is cut off or damaged", what);
	l->sealed_at = len - sealed;
	return 0;
}

int detail_identify(struct detail *d, const uint8_t *bytes, size_t len, struct err *err)
{
	struct layout l;
	if (parse(&l, bytes, len, err) != 0)
		return err->code;
	*d = l.detail;
	return 0;
}

static int find_key(const struct layout *l, const uint8_t *bytes, const uint8_t sk[32],
                    const uint8_t psk[32], struct secret *key, struct err *err)
{
	for (size_t i = 0; i < l->n; i++) {
		enum seal_open rc = seal_unstanza(key->bytes, bytes + CONTEXT_BYTES + i * SEAL_STANZA_BYTES,
		                                  sk, psk, bytes, CONTEXT_BYTES);
		if (rc == SEAL_OPENED)
			return 0;
		if (rc != SEAL_OTHER_KEY)
			return err_set(err, ERR_CORRUPT, "%s: a stanza is damaged, or another vault's", what);
	}
	err_set(err, ERR_KEY, "%s: is not sealed to this key", what);
	return err_hint(err, "it opens with the recovery code, or where an auditor's key is");
}

static int take_json(const struct buf *plain, struct buf *out, struct err *err)
{
	struct wire w = wire_over(plain->bytes, plain->len);
	uint32_t len = wire_u32(&w);
	const uint8_t *json = wire_bytes(&w, len);
	bool clean = json != NULL;
	while (clean && wire_left(&w) > 0)
		clean = wire_u8(&w) == 0;
	if (!clean)
		return err_set(err, ERR_CORRUPT, "%s: its content is malformed", what);
	return buf_append(out, json, len, err);
}

int detail_open(struct detail *d, const uint8_t *bytes, size_t len, const uint8_t box_sk[32],
                const uint8_t psk[32], struct buf *out, struct err *err)
{
	struct layout l;
	AUTO(secret) key = secret_new(32, err);
	AUTO(buf) plain = buf_new(DETAIL_MAX, err);
	if (!key || !plain || parse(&l, bytes, len, err) != 0 ||
	    find_key(&l, bytes, box_sk, psk, key, err) != 0)
		return err->code;
	size_t plain_len = len - l.sealed_at - SEAL_OVERHEAD_BYTES;
	uint8_t *to = buf_reserve(plain, plain_len, err);
	if (!to)
		return err->code;
	if (seal_decrypt(to, bytes + l.sealed_at, len - l.sealed_at, bytes, l.sealed_at,
	                 key->bytes) != 0)
		return err_set(err, ERR_CORRUPT, "%s: fails authentication (it was changed)", what);
	plain->len = plain_len;
	if (take_json(plain, out, err) != 0)
		return err->code;
	*d = l.detail;
	return 0;
}
