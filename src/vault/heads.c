#include "vault/heads.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/wire.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/storage.h"
#include "vault/vault.h"

enum { FIRST_READ = 64 << 10, OBJECT_MAX = HEAD_JSON_MAX + HEAD_BODY_MAX / 2 };

void heads_entry_free(struct heads_entry *e)
{
	if (!e)
		return;
	head_clear(&e->head);
	free(e->bytes);
	free(e);
}

/* ---- listing ---- */

struct listing {
	char folder[NAMES_MAX];
	uint64_t *seqs;
	size_t n, cap;
};

static int add_seq(void *arg, const struct backend_object *o, struct err *err)
{
	struct listing *l = arg;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		uint64_t *seqs = realloc(l->seqs, cap * sizeof *seqs);
		if (!seqs)
			return err_no_memory(err);
		l->seqs = seqs;
		l->cap = cap;
	}
	/* a stranger among them stops nothing; check names it */
	l->n += names_directly_in(l->folder, o->name) &&
	        names_tail_number(o->name, &l->seqs[l->n]);
	return 0;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Mirrors list again what the vault itself lists. */
static size_t drop_twins(uint64_t *seqs, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || seqs[i] != seqs[kept - 1])
			seqs[kept++] = seqs[i];
	return kept;
}

int heads_list(const struct vault *v, const uint8_t writer[16], const uint8_t store[16],
               uint64_t **seqs, size_t *n, struct err *err)
{
	struct listing l = { .n = 0 };
	int rc = storage_list(vault_storage(v), names_snapshots(l.folder, writer, store), add_seq, &l,
	                      err);
	if (rc != 0) {
		free(l.seqs);
		return rc;
	}
	if (l.n)
		qsort(l.seqs, l.n, sizeof *l.seqs, ascending);
	*seqs = l.seqs;
	*n = drop_twins(l.seqs, l.n);
	return 0;
}

/* ---- loading ---- */

/* The head alone: its length stands in the first bytes, and it nearly always fits the first read. */
static int read_head_only(const struct vault *v, const char *name, struct buf *out,
                          struct err *err)
{
	size_t got, more;
	uint8_t *to = buf_reserve(out, FIRST_READ, err);
	if (!to || storage_get(vault_storage(v), name, 0, to, FIRST_READ, &got, err) != 0)
		return err->code;
	out->len = got;
	if (got < HEAD_PREFIX_BYTES)
		return err_set(err, ERR_CORRUPT, "%s: is cut off", name);
	uint32_t head_len = (uint32_t)out->bytes[8] | (uint32_t)out->bytes[9] << 8 |
	                    (uint32_t)out->bytes[10] << 16 | (uint32_t)out->bytes[11] << 24;
	if (head_len > HEAD_JSON_MAX)
		return err_set(err, ERR_CORRUPT, "%s: lengths are out of bounds", name);
	size_t want = HEAD_PREFIX_BYTES + head_len + SIGN_BYTES;
	if (want <= got || got < FIRST_READ)
		return 0;
	to = buf_reserve(out, want - got, err);
	if (!to || storage_get(vault_storage(v), name, got, to, want - got, &more, err) != 0)
		return err->code;
	out->len += more;
	return 0;
}

/* Split what may be only the object's beginning: then pretend that its body is empty. */
static int split(struct heads_entry *e, struct buf *bytes, bool body, struct head_parts *parts,
                 struct err *err)
{
	if (bytes->len >= HEAD_PREFIX_BYTES) {
		struct wire w = wire_over(bytes->bytes + 8, 8);
		size_t want = HEAD_PREFIX_BYTES + (size_t)wire_u32(&w) + SIGN_BYTES;
		e->object_len = want + wire_u32(&w);
		if (!body && bytes->len > want)
			bytes->len = want;
		if (!body)
			memset(bytes->bytes + 12, 0, 4);
	}
	if (head_split(parts, bytes->bytes, bytes->len, err) != 0 ||
	    head_decode(&e->head, parts, err) != 0)
		return err->code;
	if (!body)
		parts->body = NULL;
	e->body = parts->body;
	e->body_len = parts->body_len;
	head_hash(e->hash, parts);
	return 0;
}

static bool is_under(const struct head *h, const struct charter *c)
{
	return h->charter_n > 0 && h->charter_n <= c->n &&
	       memcmp(h->charter_hash, c->hashes[h->charter_n - 1], 32) == 0;
}

/* Others may have appended to the charter since the vault was opened. */
static int verify_charter(const struct vault *v, const struct head *h, struct err *err)
{
	const struct charter *known = vault_charter(v);
	bool is_later = h->charter_n > known->n;
	AUTO(charter) later = is_later ? vault_later_charter(v, h->charter_n, err) : NULL;
	bool none = is_later && !later;
	if (none && err->code != ERR_ABSENT && err->code != ERR_CORRUPT && err->code != ERR_LIMIT &&
	    err->code != ERR_FORK)
		return err->code;
	if (!none && is_under(h, later ? later : known))
		return 0;
	return err_set(err, ERR_FORK, "was written under a charter that is not in the vault any more (entry "
	               "%llu): the vault was rolled back", (unsigned long long)h->charter_n);
}

static int verify(const struct vault *v, const struct head *h, const struct head_parts *parts,
                  const uint8_t writer[16], const uint8_t store[16], uint64_t seq,
                  struct err *err)
{
	const struct charter_key *by = charter_find(vault_charter(v), h->writer);
	if (memcmp(h->vault, vault_id(v), 16) != 0 || memcmp(h->writer, writer, 16) != 0 ||
	    memcmp(h->store, store, 16) != 0 || h->seq != seq)
		return err_set(err, ERR_CORRUPT, "belongs to another place (was it swapped?)");
	if (!by || !(by->roles & ROLE_WRITER))
		return err_set(err, ERR_CORRUPT, "its writer is not in the charter");
	return head_verify(h, parts, by->record, err) == 0 ? verify_charter(v, h, err) : err->code;
}

static struct heads_entry *load_once(const struct vault *v, const char *name,
                                     const uint8_t writer[16], const uint8_t store[16],
                                     uint64_t seq, bool body, struct err *err)
{
	AUTO(heads_entry) e = calloc(1, sizeof *e);
	AUTO(buf) bytes = buf_new(OBJECT_MAX, err);
	if (!e || !bytes) {
		err_no_memory(err);
		return NULL;
	}
	int rc = body ? storage_get_all(vault_storage(v), name, bytes, err)
	              : read_head_only(v, name, bytes, err);
	if (rc != 0)
		return NULL;
	struct head_parts parts;
	if (split(e, bytes, body, &parts, err) != 0 ||
	    verify(v, &e->head, &parts, writer, store, seq, err) != 0) {
		err_wrap(err, "snapshot %s", name);
		return NULL;
	}
	e->bytes = bytes->bytes;
	bytes->bytes = NULL;
	bytes->len = bytes->cap = 0;
	return TAKE(e);
}

struct heads_entry *heads_load(const struct vault *v, const uint8_t writer[16],
                               const uint8_t store[16], uint64_t seq, bool body,
                               struct err *err)
{
	char name[NAMES_MAX];
	struct heads_entry *e;
	names_snapshot(name, writer, store, seq);
	do
		e = load_once(v, name, writer, store, seq, body, err);
	while (!e && vault_other_copy(v, name, err));
	return e;
}
