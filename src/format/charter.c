#include "format/charter.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "holdfast/err.h"

static const char label[] = "hf1.charter";

void charter_key_id(uint8_t id[16], const uint8_t record_pk[32])
{
	hash_labelled(id, 16, "hf1.keyid", NULL, 0, record_pk, 32);
}

/* ---- anchor ---- */

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
	struct signed_line l;
	if (signed_line_split(&l, bytes, len, what, err) != 0)
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
	if (l.len != len || strcmp(kind, "anchor") != 0 || !signed_line_verify(&l, out.root))
		return err_set(err, ERR_CORRUPT, "%s: its signature does not fit (changed or damaged in "
		               "storage)", what);
	*a = out;
	return 0;
}

/* ---- decoding ---- */

void charter_free(struct charter *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_grants; i++)
		free(c->grants[i].stores);
	free(c->grants);
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

const struct charter_key *charter_find_name(const struct charter *c, const char *name)
{
	for (size_t i = 0; i < c->n_keys; i++)
		if (strcmp(c->keys[i].name, name) == 0)
			return &c->keys[i];
	return NULL;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static bool covers(const struct charter_grant *g, const uint8_t writer[16], const uint8_t store[16])
{
	if (g->all_writers)
		return true;
	return memcmp(g->writer, writer, 16) == 0 &&
	       (!g->stores || bsearch(store, g->stores, g->n_stores, sizeof *g->stores, by_id));
}

bool charter_granted(const struct charter *c, const uint8_t to[16], const uint8_t writer[16],
                     const uint8_t store[16])
{
	for (size_t i = 0; i < c->n_grants; i++)
		if (memcmp(c->grants[i].to, to, 16) == 0 && covers(&c->grants[i], writer, store))
			return true;
	return false;
}

bool charter_granted_any(const struct charter *c, const uint8_t to[16])
{
	for (size_t i = 0; i < c->n_grants; i++)
		if (memcmp(c->grants[i].to, to, 16) == 0)
			return true;
	return false;
}

/* An entry as it is applied. */
struct entry {
	const json_t *j;
	const char *what;            /* for messages */
	uint64_t time_s;
	bool by_root;
	uint8_t by[16];
};

/* The public key that must have signed: the root's, or an enrolled admin's. */
static const uint8_t *signer_key(const struct charter *c, struct entry *e)
{
	const char *signer = json_string_value(json_object_get(e->j, "signer"));
	e->by_root = signer && strcmp(signer, "root") == 0;
	if (e->by_root)
		return c->root;
	if (!signer || !hex_decode(e->by, sizeof e->by, signer))
		return NULL;
	const struct charter_key *k = charter_find(c, e->by);
	return k && k->roles & ROLE_ADMIN ? k->record : NULL;
}

static unsigned roles_mask(const json_t *list)
{
	unsigned mask = 0, role;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *given = json_string_value(json_array_get(list, i)), *name;
		for (unsigned r = 0; given && (name = roles_name(r, &role)); r++)
			if (strcmp(name, given) == 0)
				mask |= role;
	}
	return mask;
}

static int apply_vault(struct charter *c, const struct entry *e, struct err *err)
{
	uint8_t vault[16], root[32];
	if (check_format(e->j, e->what, err) != 0 ||
	    json_get_hex(e->j, "vault", vault, 16, e->what, err) != 0 ||
	    json_get_hex(e->j, "root", root, 32, e->what, err) != 0 ||
	    json_get_hex(e->j, "recovery", c->recovery, 32, e->what, err) != 0)
		return err->code;
	if (!e->by_root || c->n != 1 || memcmp(vault, c->vault, 16) != 0 ||
	    memcmp(root, c->root, 32) != 0)
		return err_set(err, ERR_CORRUPT, "%s: is not this vault's first entry", e->what);
	return 0;
}

static int read_key(struct charter_key *k, const struct entry *e, struct err *err)
{
	const char *name, *what = e->what;
	if (json_get_hex(e->j, "key", k->id, 16, what, err) != 0 ||
	    json_get_hex(e->j, "record", k->record, 32, what, err) != 0 ||
	    json_get_hex(e->j, "log", k->log, 32, what, err) != 0 ||
	    json_get_hex(e->j, "report", k->report, 32, what, err) != 0 ||
	    json_get_hex(e->j, "box", k->box, 32, what, err) != 0 ||
	    json_get_text(e->j, "name", &name, what, err) != 0)
		return err->code;
	k->has_psk = json_object_get(e->j, "psk") != NULL;
	if (k->has_psk && json_get_hex(e->j, "psk", k->psk, sizeof k->psk, what, err) != 0)
		return err->code;
	if (strlen(name) >= sizeof k->name)
		return err_set(err, ERR_CORRUPT, "%s: the name is too long", what);
	memcpy(k->name, name, strlen(name) + 1);
	k->roles = roles_mask(json_object_get(e->j, "roles"));
	k->time_s = e->time_s;
	k->by_root = e->by_root;
	memcpy(k->by, e->by, sizeof k->by);
	return 0;
}

static int apply_enroll(struct charter *c, const struct entry *e, struct err *err)
{
	struct charter_key k = { 0 };
	uint8_t id[16];
	if (read_key(&k, e, err) != 0)
		return err->code;
	charter_key_id(id, k.record);
	if (k.roles & ROLE_ADMIN && !e->by_root)
		return err_set(err, ERR_CORRUPT, "%s: only the root key makes admins", e->what);
	if (charter_find(c, id) || charter_find_name(c, k.name))
		return err_set(err, ERR_CORRUPT, "%s: its name or key is enrolled already", e->what);
	if (memcmp(id, k.id, 16) != 0 || k.roles == 0)
		return err_set(err, ERR_CORRUPT, "%s: is not a valid enrolment", e->what);
	struct charter_key *keys = reallocarray(c->keys, c->n_keys + 1, sizeof *keys);
	if (!keys)
		return err_no_memory(err);
	c->keys = keys;
	c->keys[c->n_keys++] = k;
	return 0;
}

/* Ids in ascending order, so that they are found quickly and none stands there twice. */
static int read_stores(struct charter_grant *g, const struct entry *e, struct err *err)
{
	const json_t *list = json_object_get(e->j, "stores");
	if (!list)
		return 0;
	size_t n = json_array_size(list);
	if (n == 0 || n > CHARTER_GRANT_MAX)
		return err_set(err, ERR_CORRUPT, "%s: stores: not a list of ids", e->what);
	g->stores = calloc(n, sizeof *g->stores);
	if (!g->stores)
		return err_no_memory(err);
	for (; g->n_stores < n; g->n_stores++) {
		size_t i = g->n_stores;
		const char *hex = json_string_value(json_array_get(list, i));
		if (!hex || !hex_decode(g->stores[i], 16, hex) ||
		    (i > 0 && memcmp(g->stores[i - 1], g->stores[i], 16) >= 0))
			return err_set(err, ERR_CORRUPT, "%s: stores: not ids in order", e->what);
	}
	return 0;
}

static int read_grant(const struct charter *c, struct charter_grant *g, const struct entry *e,
                      struct err *err)
{
	if (json_get_hex(e->j, "to", g->to, 16, e->what, err) != 0)
		return err->code;
	g->all_writers = !json_object_get(e->j, "writer");
	if (!g->all_writers && json_get_hex(e->j, "writer", g->writer, 16, e->what, err) != 0)
		return err->code;
	const struct charter_key *to = charter_find(c, g->to), *writer = charter_find(c, g->writer);
	if (!e->by_root)
		return err_set(err, ERR_CORRUPT, "%s: only the root key grants", e->what);
	if (!to || !(to->roles & ROLES_READERS))
		return err_set(err, ERR_CORRUPT, "%s: grants to a key that is no drill's or restorer's",
		               e->what);
	if (g->all_writers ? json_object_get(e->j, "stores") != NULL
	                   : !writer || !(writer->roles & ROLE_WRITER))
		return err_set(err, ERR_CORRUPT, "%s: grants stores of no enrolled writer", e->what);
	return read_stores(g, e, err);
}

static int apply_grant(struct charter *c, const struct entry *e, struct err *err)
{
	struct charter_grant g = { .stores = NULL };
	int rc = read_grant(c, &g, e, err);
	struct charter_grant *grants = rc == 0 ? reallocarray(c->grants, c->n_grants + 1, sizeof *grants)
	                                       : NULL;
	if (!grants) {
		free(g.stores);
		return rc != 0 ? rc : err_no_memory(err);
	}
	c->grants = grants;
	c->grants[c->n_grants++] = g;
	return 0;
}

static int apply_kind(struct charter *c, const struct entry *e, const char *kind, struct err *err)
{
	if ((c->n == 1) != (strcmp(kind, "vault") == 0))
		return err_set(err, ERR_CORRUPT, "%s: 'vault' is the first entry and no other", e->what);
	if (c->n == 1)
		return apply_vault(c, e, err);
	if (strcmp(kind, "enroll") == 0)
		return apply_enroll(c, e, err);
	if (strcmp(kind, "grant") == 0)
		return apply_grant(c, e, err);
	if (json_object_get(e->j, "critical"))
		return err_set(err, ERR_NEWER, "%s: kind '%s' needs a newer Holdfast", e->what, kind);
	return 0;
}

static int apply(struct charter *c, const struct signed_line *l, const uint8_t prev[32],
                 struct err *err)
{
	char what[48];
	snprintf(what, sizeof what, "charter entry %llu", (unsigned long long)++c->n);
	JSON_AUTO j = json_decode_canonical((const char *)l->bytes, l->json_len, what, err);
	struct entry e = { .j = j, .what = what };
	uint64_t n;
	uint8_t linked[32];
	const char *kind;
	if (!j || json_get_u64(j, "n", INT64_MAX, &n, what, err) != 0 ||
	    json_get_u64(j, "time", INT64_MAX, &e.time_s, what, err) != 0 ||
	    json_get_hex(j, "prev", linked, 32, what, err) != 0 ||
	    json_get_text(j, "kind", &kind, what, err) != 0)
		return err->code;
	const uint8_t *pk = signer_key(c, &e);
	if (n != c->n || memcmp(linked, prev, 32) != 0 || !pk || !signed_line_verify(l, pk))
		return err_set(err, ERR_CORRUPT, "%s: signature or chain does not fit (changed or damaged "
		               "in storage)", what);
	return apply_kind(c, &e, kind, err);
}

/* The hash of what has been read so far: a snapshot names the charter it was made under. */
static int note_hash(struct charter *c, const struct hash_state *so_far, struct err *err)
{
	struct hash_state copy = *so_far;
	uint8_t (*hashes)[32] = realloc(c->hashes, c->n * sizeof *hashes);
	if (!hashes)
		return err_no_memory(err);
	c->hashes = hashes;
	hash_end(&copy, c->hashes[c->n - 1], sizeof c->hash);
	return 0;
}

struct charter *charter_decode(const uint8_t *bytes, size_t len, const struct charter_anchor *a,
                               struct err *err)
{
	AUTO(charter) c = calloc(1, sizeof *c);
	if (!c) {
		err_no_memory(err);
		return NULL;
	}
	memcpy(c->vault, a->vault, sizeof c->vault);
	memcpy(c->root, a->root, sizeof c->root);
	uint8_t prev[32] = { 0 };
	struct hash_state all;
	hash_begin(&all, sizeof c->hash, label, NULL, 0);
	for (size_t at = 0; at < len;) {
		struct signed_line l;
		if (signed_line_split(&l, bytes + at, len - at, "charter", err) != 0 ||
		    apply(c, &l, prev, err) != 0)
			return NULL;
		signed_line_hash(prev, l.bytes, l.len);
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
