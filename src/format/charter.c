#include "format/charter.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "holdfast/err.h"

static const char label[] = "hf1.charter";

static const struct { const char *name; unsigned role; } roles[] = {
	{ "admin", ROLE_ADMIN },       { "auditor", ROLE_AUDITOR }, { "drill", ROLE_DRILL },
	{ "restorer", ROLE_RESTORER }, { "writer", ROLE_WRITER },
};

void charter_key_id(uint8_t id[16], const uint8_t record_pk[32])
{
	hash_labelled(id, 16, "hf1.keyid", NULL, 0, record_pk, 32);
}

/* ---- signed lines ---- */

static int append_line(struct buf *out, const json_t *j, const uint8_t sk[SIGN_SECRET_BYTES],
                       struct err *err)
{
	AUTO(buf) text = buf_new(CHARTER_LINE_MAX, err);
	if (!text || json_encode(j, text, err) != 0)
		return err->code;
	uint8_t signature[SIGN_BYTES];
	char hex[2 * SIGN_BYTES + 1];
	sign_message(signature, label, text->bytes, text->len, sk);
	if (buf_append(out, text->bytes, text->len, err) != 0)
		return err->code;
	return buf_printf(out, err, "\t%s\n", hex_encode(hex, signature, sizeof signature));
}

struct line {
	const uint8_t *bytes;    /* with the LF */
	size_t len, json_len;
	uint8_t signature[SIGN_BYTES];
};

/* Cut the first line off; every byte of it has one meaning only. */
static int split_line(struct line *l, const uint8_t *bytes, size_t len, const char *what,
                      struct err *err)
{
	enum { TAIL = 1 + 2 * SIGN_BYTES + 1 };
	const uint8_t *lf = memchr(bytes, '\n', len < CHARTER_LINE_MAX ? len : CHARTER_LINE_MAX);
	char hex[2 * SIGN_BYTES + 1] = "";
	if (lf && lf - bytes >= TAIL) {
		l->bytes = bytes;
		l->len = (size_t)(lf - bytes) + 1;
		l->json_len = l->len - TAIL;
		memcpy(hex, bytes + l->json_len + 1, 2 * SIGN_BYTES);
	}
	if (!hex[0] || bytes[l->json_len] != '\t' || !hex_decode(l->signature, SIGN_BYTES, hex))
		return err_set(err, ERR_CORRUPT, "%s: not a signed line", what);
	return 0;
}

static bool line_verify(const struct line *l, const uint8_t pk[32])
{
	return sign_verify(l->signature, label, l->bytes, l->json_len, pk);
}

/* ---- anchor ---- */

int charter_encode_anchor(const struct charter_anchor *a, const uint8_t root_sk[SIGN_SECRET_BYTES],
                          struct buf *out, struct err *err)
{
	JSON_AUTO j = json_pack("{s:I, s:I, s:o, s:s, s:o, s:o, s:o}",
	                        "created", (json_int_t)a->created_s,
	                        "format", (json_int_t)CHARTER_FORMAT,
	                        "format_md", json_hex(a->format_md, 32), "kind", "anchor",
	                        "recovery_txt", json_hex(a->recovery_txt, 32),
	                        "root", json_hex(a->root, 32), "vault", json_hex(a->vault, 16));
	return append_line(out, j, root_sk, err);
}

static int check_format(const json_t *j, const char *what, struct err *err)
{
	uint64_t format;
	if (json_get_u64(j, "format", INT64_MAX, &format, what, err) != 0)
		return err->code;
	if (format <= CHARTER_FORMAT)
		return 0;
	err_set(err, ERR_NEWER, "%s: the vault has format %llu, this program knows up to %d", what,
	        (unsigned long long)format, CHARTER_FORMAT);
	return err_hint(err, "install a newer Holdfast");
}

int charter_decode_anchor(struct charter_anchor *a, const uint8_t *bytes, size_t len,
                          struct err *err)
{
	static const char what[] = "vault.json";
	struct line l;
	if (split_line(&l, bytes, len, what, err) != 0)
		return err->code;
	JSON_AUTO j = json_decode_canonical((const char *)bytes, l.json_len, what, err);
	struct charter_anchor out;
	const char *kind;
	if (!j || check_format(j, what, err) != 0 ||
	    json_get_text(j, "kind", &kind, what, err) != 0 ||
	    json_get_hex(j, "vault", out.vault, 16, what, err) != 0 ||
	    json_get_hex(j, "root", out.root, 32, what, err) != 0 ||
	    json_get_hex(j, "format_md", out.format_md, 32, what, err) != 0 ||
	    json_get_hex(j, "recovery_txt", out.recovery_txt, 32, what, err) != 0 ||
	    json_get_u64(j, "created", INT64_MAX, &out.created_s, what, err) != 0)
		return err->code;
	if (l.len != len || strcmp(kind, "anchor") != 0 || !line_verify(&l, out.root))
		return err_set(err, ERR_CORRUPT, "%s: its signature does not fit (changed or damaged in "
		               "storage)", what);
	*a = out;
	return 0;
}

/* ---- appending ---- */

static void line_hash(uint8_t hash[32], const uint8_t *line, size_t len)
{
	hash_labelled(hash, 32, "hf1.line", NULL, 0, line, len);
}

/* Number of lines so far, and the hash of the last one. */
static uint64_t chain_end(const struct buf *chain, uint8_t prev[32])
{
	uint64_t n = 0;
	size_t start = 0;
	memset(prev, 0, 32);
	for (size_t i = 0; i < chain->len; i++)
		if (chain->bytes[i] == '\n') {
			line_hash(prev, chain->bytes + start, i + 1 - start);
			start = i + 1;
			n++;
		}
	return n;
}

static int append_entry(struct buf *chain, json_t *j, uint64_t time_s, const uint8_t *signer,
                        const uint8_t sk[SIGN_SECRET_BYTES], struct err *err)
{
	uint8_t prev[32];
	uint64_t n = chain_end(chain, prev) + 1;
	JSON_AUTO common = json_pack("{s:I, s:o, s:o, s:I}", "n", (json_int_t)n,
	                             "prev", json_hex(prev, 32), "signer",
	                             signer ? json_hex(signer, 16) : json_string("root"), "time",
	                             (json_int_t)time_s);
	if (!j || !common || json_object_update(j, common) != 0)
		return err_set(err, ERR_NOMEM, "out of memory");
	return append_line(chain, j, sk, err);
}

int charter_append_vault(struct buf *chain, const struct charter_anchor *a,
                         const uint8_t recovery_pk[32], const uint8_t root_sk[SIGN_SECRET_BYTES],
                         struct err *err)
{
	JSON_AUTO j = json_pack("{s:I, s:s, s:o, s:o, s:o}", "format", (json_int_t)CHARTER_FORMAT,
	                        "kind", "vault", "recovery", json_hex(recovery_pk, 32),
	                        "root", json_hex(a->root, 32), "vault", json_hex(a->vault, 16));
	return append_entry(chain, j, a->created_s, NULL, root_sk, err);
}

static json_t *roles_json(unsigned mask)
{
	JSON_AUTO list = json_array();
	for (size_t i = 0; list && i < sizeof roles / sizeof *roles; i++)
		if (mask & roles[i].role &&
		    json_array_append_new(list, json_string(roles[i].name)) != 0)
			return NULL;
	return json_incref(list);
}

int charter_append_enroll(struct buf *chain, const struct charter_key *key, uint64_t time_s,
                          const uint8_t *signer, const uint8_t sk[SIGN_SECRET_BYTES],
                          struct err *err)
{
	JSON_AUTO j = json_pack("{s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o}",
	                        "box", json_hex(key->box, 32), "key", json_hex(key->id, 16),
	                        "kind", "enroll", "log", json_hex(key->log, 32),
	                        "name", key->name, "record", json_hex(key->record, 32),
	                        "report", json_hex(key->report, 32),
	                        "roles", roles_json(key->roles));
	return append_entry(chain, j, time_s, signer, sk, err);
}

/* ---- decoding ---- */

void charter_free(struct charter *c)
{
	if (!c)
		return;
	free(c->keys);
	free(c->hashes);
	free(c);
}

const struct charter_key *charter_find(const struct charter *c, const uint8_t id[16])
{
	for (size_t i = 0; i < c->n_keys; i++)
		if (memcmp(c->keys[i].id, id, 16) == 0)
			return &c->keys[i];
	return NULL;
}

/* The public key that must have signed: the root's, or an enrolled admin's. */
static const uint8_t *signer_key(const struct charter *c, const json_t *j, bool *is_root)
{
	const char *signer = json_string_value(json_object_get(j, "signer"));
	uint8_t id[16];
	*is_root = signer && strcmp(signer, "root") == 0;
	if (*is_root)
		return c->root;
	if (!signer || !hex_decode(id, sizeof id, signer))
		return NULL;
	const struct charter_key *k = charter_find(c, id);
	return k && k->roles & ROLE_ADMIN ? k->record : NULL;
}

static unsigned roles_mask(const json_t *list)
{
	unsigned mask = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		for (size_t r = 0; name && r < sizeof roles / sizeof *roles; r++)
			if (strcmp(name, roles[r].name) == 0)
				mask |= roles[r].role;
	}
	return mask;
}

static int apply_vault(struct charter *c, const json_t *j, bool by_root, const char *what,
                       struct err *err)
{
	uint8_t vault[16], root[32];
	if (check_format(j, what, err) != 0 ||
	    json_get_hex(j, "vault", vault, 16, what, err) != 0 ||
	    json_get_hex(j, "root", root, 32, what, err) != 0 ||
	    json_get_hex(j, "recovery", c->recovery, 32, what, err) != 0)
		return err->code;
	if (!by_root || c->n != 1 || memcmp(vault, c->vault, 16) != 0 ||
	    memcmp(root, c->root, 32) != 0)
		return err_set(err, ERR_CORRUPT, "%s: is not this vault's first entry", what);
	return 0;
}

static int apply_enroll(struct charter *c, const json_t *j, bool by_root, const char *what,
                        struct err *err)
{
	struct charter_key k = { 0 };
	const char *name;
	if (json_get_hex(j, "key", k.id, 16, what, err) != 0 ||
	    json_get_hex(j, "record", k.record, 32, what, err) != 0 ||
	    json_get_hex(j, "log", k.log, 32, what, err) != 0 ||
	    json_get_hex(j, "report", k.report, 32, what, err) != 0 ||
	    json_get_hex(j, "box", k.box, 32, what, err) != 0 ||
	    json_get_text(j, "name", &name, what, err) != 0)
		return err->code;
	uint8_t id[16];
	charter_key_id(id, k.record);
	k.roles = roles_mask(json_object_get(j, "roles"));
	if (strlen(name) >= sizeof k.name || memcmp(id, k.id, 16) != 0 || charter_find(c, id) ||
	    k.roles == 0 || (k.roles & ROLE_ADMIN && !by_root))
		return err_set(err, ERR_CORRUPT, "%s: is not a valid enrolment", what);
	memcpy(k.name, name, strlen(name) + 1);
	struct charter_key *keys = realloc(c->keys, (c->n_keys + 1) * sizeof *keys);
	if (!keys)
		return err_set(err, ERR_NOMEM, "out of memory");
	c->keys = keys;
	c->keys[c->n_keys++] = k;
	return 0;
}

static int apply(struct charter *c, const struct line *l, const uint8_t prev[32], struct err *err)
{
	char what[48];
	snprintf(what, sizeof what, "charter entry %llu", (unsigned long long)++c->n);
	JSON_AUTO j = json_decode_canonical((const char *)l->bytes, l->json_len, what, err);
	uint64_t n, time_s;
	uint8_t linked[32];
	const char *kind;
	if (!j || json_get_u64(j, "n", INT64_MAX, &n, what, err) != 0 ||
	    json_get_u64(j, "time", INT64_MAX, &time_s, what, err) != 0 ||
	    json_get_hex(j, "prev", linked, 32, what, err) != 0 ||
	    json_get_text(j, "kind", &kind, what, err) != 0)
		return err->code;
	bool by_root;
	const uint8_t *pk = signer_key(c, j, &by_root);
	if (n != c->n || memcmp(linked, prev, 32) != 0 || !pk || !line_verify(l, pk))
		return err_set(err, ERR_CORRUPT, "%s: signature or chain does not fit (changed or damaged "
		               "in storage)", what);
	if ((c->n == 1) != (strcmp(kind, "vault") == 0))
		return err_set(err, ERR_CORRUPT, "%s: 'vault' is the first entry and no other", what);
	if (c->n == 1)
		return apply_vault(c, j, by_root, what, err);
	if (strcmp(kind, "enroll") == 0)
		return apply_enroll(c, j, by_root, what, err);
	if (json_object_get(j, "critical"))
		return err_set(err, ERR_NEWER, "%s: kind '%s' needs a newer Holdfast", what, kind);
	return 0;
}

/* The hash of what has been read so far: a snapshot names the charter it was made under. */
static int note_hash(struct charter *c, const struct hash_state *so_far, struct err *err)
{
	struct hash_state copy = *so_far;
	uint8_t (*hashes)[32] = realloc(c->hashes, c->n * sizeof *hashes);
	if (!hashes)
		return err_set(err, ERR_NOMEM, "out of memory");
	c->hashes = hashes;
	hash_end(&copy, c->hashes[c->n - 1], sizeof c->hash);
	return 0;
}

struct charter *charter_decode(const uint8_t *bytes, size_t len, const struct charter_anchor *a,
                               struct err *err)
{
	AUTO(charter) c = calloc(1, sizeof *c);
	if (!c) {
		err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	memcpy(c->vault, a->vault, sizeof c->vault);
	memcpy(c->root, a->root, sizeof c->root);
	uint8_t prev[32] = { 0 };
	struct hash_state all;
	hash_begin(&all, sizeof c->hash, label, NULL, 0);
	for (size_t at = 0; at < len;) {
		struct line l;
		if (split_line(&l, bytes + at, len - at, "charter", err) != 0 ||
		    apply(c, &l, prev, err) != 0)
			return NULL;
		line_hash(prev, l.bytes, l.len);
		hash_add(&all, l.bytes, l.len);
		if (note_hash(c, &all, err) != 0)
			return NULL;
		at += l.len;
	}
	if (c->n == 0) {
		err_set(err, ERR_CORRUPT, "charter: is empty");
		return NULL;
	}
	memcpy(c->hash, c->hashes[c->n - 1], sizeof c->hash);
	return TAKE(c);
}
