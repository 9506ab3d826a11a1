#include "format/head.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "holdfast/err.h"

static const char magic[8] = "HFSNAP1";
static const char label[] = "hf1.snapshot";
static const char what[] = "snapshot head";
static const char *const kinds[] = { "full", "incremental", "unchanged" };

const char *head_kind_text(enum head_kind kind) { return kinds[kind]; }

static json_t *packs_json(const struct head *h)
{
	JSON_AUTO list = json_array();
	for (uint32_t i = 0; list && i < h->n_packs; i++) {
		char id[2 * PACK_ID_BYTES + 1];
		hex_encode(id, h->packs[i].id, PACK_ID_BYTES);
		json_t *pair = json_pack("[s, I]", id, (json_int_t)h->packs[i].size);
		if (json_array_append_new(list, pair) != 0)
			return NULL;
	}
	return json_incref(list);
}

static json_t *to_json(const struct head *h)
{
	/* "o*" would drop a missing member; "o" makes the whole object fail, as it should */
	return json_pack("{s:[], s:o, s:o, s:I, s:I, s:o, s:I, s:s, s:o, s:o, s:I, s:o, s:o, s:I, "
	                 "s:o, s:o}",
	                 "alarms",
	                 "body", json_hex(h->body_hash, 32),
	                 "charter", json_hex(h->charter_hash, 32),
	                 "charter_n", (json_int_t)h->charter_n,
	                 "epoch", (json_int_t)h->epoch,
	                 "epoch_pk", json_hex(h->epoch_pk, 32),
	                 "format", (json_int_t)HEAD_FORMAT,
	                 "kind", kinds[h->kind],
	                 "packs", packs_json(h),
	                 "prev", json_hex(h->prev, 32),
	                 "seq", (json_int_t)h->seq,
	                 "session", json_hex(h->session, 16),
	                 "store", json_hex(h->store, 16),
	                 "time", (json_int_t)h->time_s,
	                 "vault", json_hex(h->vault, 16),
	                 "writer", json_hex(h->writer, 16));
}

int head_encode(struct head *head, const void *body, size_t body_len,
                const uint8_t sk[SIGN_SECRET_BYTES], struct buf *out, struct err *err)
{
	hash_labelled(head->body_hash, 32, "hf1.body", NULL, 0, body, body_len);
	JSON_AUTO j = to_json(head);
	AUTO(buf) text = buf_new(HEAD_JSON_MAX, err);
	if (!text)
		return err->code;
	if (json_encode(j, text, err) != 0)
		return err_wrap(err, what);
	if (body_len > HEAD_BODY_MAX)
		return err_set(err, ERR_LIMIT, "snapshot body of %zu bytes is too large", body_len);

	uint8_t signature[SIGN_BYTES];
	sign_message(signature, label, text->bytes, text->len, sk);
	if (buf_append(out, magic, sizeof magic, err) != 0 ||
	    wire_add_u32(out, (uint32_t)text->len, err) != 0 ||
	    wire_add_u32(out, (uint32_t)body_len, err) != 0 ||
	    buf_append(out, text->bytes, text->len, err) != 0 ||
	    buf_append(out, signature, sizeof signature, err) != 0)
		return err->code;
	return buf_append(out, body, body_len, err);
}

int head_split(struct head_parts *parts, const uint8_t *bytes, size_t len, struct err *err)
{
	struct wire w = wire_over(bytes, len);
	const uint8_t *m = wire_bytes(&w, sizeof magic);
	if (!m || memcmp(m, magic, sizeof magic - 2) != 0)
		return err_set(err, ERR_CORRUPT, "not a snapshot (its first bytes are wrong)");
	if (memcmp(m, magic, sizeof magic) != 0)
		return err_set(err, ERR_NEWER, "snapshot of a newer format");
	uint32_t head_len = wire_u32(&w), body_len = wire_u32(&w);
	if (head_len > HEAD_JSON_MAX || body_len > HEAD_BODY_MAX)
		return err_set(err, ERR_CORRUPT, "%s: lengths are out of bounds", what);
	struct head_parts p = { .head_len = head_len, .body_len = body_len };
	p.head = wire_bytes(&w, head_len);
	p.signature = wire_bytes(&w, SIGN_BYTES);
	p.body = wire_bytes(&w, body_len);
	if (!wire_done(&w))
		return err_set(err, ERR_CORRUPT, "snapshot is cut off or has bytes behind its end");
	*parts = p;
	return 0;
}

static int decode_packs(struct head *h, const json_t *list, struct err *err)
{
	size_t n = json_array_size(list);
	if (!json_is_array(list) || n > HEAD_PACKS_MAX)
		return err_set(err, ERR_CORRUPT, "%s: 'packs' is missing or too long", what);
	h->packs = calloc(n + 1, sizeof *h->packs);
	if (!h->packs)
		return err_no_memory(err);
	h->n_packs = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		const json_t *pair = json_array_get(list, i);
		const char *id = json_string_value(json_array_get(pair, 0));
		json_int_t size = json_integer_value(json_array_get(pair, 1));
		if (json_array_size(pair) != 2 || !id || !hex_decode(h->packs[i].id, PACK_ID_BYTES, id) ||
		    size < PACK_HEADER_BYTES + PACK_TAIL_BYTES || size > PACK_BYTES)
			return err_set(err, ERR_CORRUPT, "%s: pack %zu is malformed", what, i);
		h->packs[i].size = (uint32_t)size;
	}
	return 0;
}

static int decode_kind(struct head *h, const json_t *j, struct err *err)
{
	const char *kind;
	if (json_get_text(j, "kind", &kind, what, err) != 0)
		return err->code;
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kind, kinds[i]) == 0) {
			h->kind = (enum head_kind)i;
			return 0;
		}
	return err_set(err, ERR_CORRUPT, "%s: 'kind' is unknown", what);
}

static int decode_members(struct head *h, const json_t *j, struct err *err)
{
	uint64_t format, epoch;
	if (json_get_u64(j, "format", INT64_MAX, &format, what, err) != 0)
		return err->code;
	if (format > HEAD_FORMAT)
		return err_set(err, ERR_NEWER, "snapshot of format %llu; this program reads up to %d",
		               (unsigned long long)format, HEAD_FORMAT);
	if (json_get_hex(j, "vault", h->vault, 16, what, err) != 0 ||
	    json_get_hex(j, "store", h->store, 16, what, err) != 0 ||
	    json_get_hex(j, "writer", h->writer, 16, what, err) != 0 ||
	    json_get_hex(j, "session", h->session, 16, what, err) != 0 ||
	    json_get_hex(j, "prev", h->prev, 32, what, err) != 0 ||
	    json_get_hex(j, "epoch_pk", h->epoch_pk, 32, what, err) != 0 ||
	    json_get_hex(j, "charter", h->charter_hash, 32, what, err) != 0 ||
	    json_get_hex(j, "body", h->body_hash, 32, what, err) != 0 ||
	    json_get_u64(j, "seq", INT64_MAX, &h->seq, what, err) != 0 ||
	    json_get_u64(j, "time", INT64_MAX, &h->time_s, what, err) != 0 ||
	    json_get_u64(j, "charter_n", INT64_MAX, &h->charter_n, what, err) != 0 ||
	    json_get_u64(j, "epoch", UINT32_MAX, &epoch, what, err) != 0 ||
	    decode_kind(h, j, err) != 0)
		return err->code;
	h->epoch = (uint32_t)epoch;
	return decode_packs(h, json_object_get(j, "packs"), err);
}

int head_decode(struct head *head, const struct head_parts *parts, struct err *err)
{
	struct head h = { 0 };
	JSON_AUTO j = json_decode_canonical((const char *)parts->head, parts->head_len, what, err);
	if (!j)
		return err->code;
	if (decode_members(&h, j, err) != 0) {
		head_clear(&h);
		return err->code;
	}
	*head = h;
	return 0;
}

int head_verify(const struct head *head, const struct head_parts *parts,
                const uint8_t pk[SIGN_PUBLIC_BYTES], struct err *err)
{
	if (!sign_verify(parts->signature, label, parts->head, parts->head_len, pk))
		return err_set(err, ERR_CORRUPT, "its signature is not by the writer it names");
	if (!parts->body)
		return 0;
	uint8_t hash[32];
	hash_labelled(hash, 32, "hf1.body", NULL, 0, parts->body, parts->body_len);
	if (memcmp(hash, head->body_hash, 32) != 0)
		return err_set(err, ERR_CORRUPT, "its body is not the one that was signed");
	return 0;
}

void head_hash(uint8_t hash[32], const struct head_parts *parts)
{
	hash_labelled(hash, 32, "hf1.head", NULL, 0, parts->head, parts->head_len);
}

void head_clear(struct head *head)
{
	free(head->packs);
	head->packs = NULL;
	head->n_packs = 0;
}
