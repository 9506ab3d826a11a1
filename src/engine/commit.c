/* The end of a session: inventory, snapshot, arrays, base record. (DESIGN.md 3, Commit) */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "engine/run_record.h"
#include "engine/session.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/storage.h"

/* ---- the list of packs ---- */

static const struct state_pack *stored_before(const struct session *s, uint32_t serial)
{
	const struct state_pack *p = s->full || !s->base ? NULL : state_find_pack(s->base, serial);
	for (uint32_t i = 0; !p && i < s->n_stored; i++)
		if (s->stored[i].serial == serial)
			p = &s->stored[i];
	return p;
}

/* Packs of before, with what stays in use; then this run's. Packs without use drop out. */
static int list_packs(struct session *s, struct err *err)
{
	for (uint32_t i = 0; i < s->kept->n; i++) {
		const struct usage_pack *u = &s->kept->packs[i];
		if (u->live == 0 && u->zeros == 0)
			continue;
		const struct state_pack *p = stored_before(s, s->kept->first + i);
		if (!p) {
			s->damaged = true;
			return 0;
		}
		if (!s->base || !state_find_pack(s->base, p->serial))
			s->changed = true;   /* the killed run's: at least something was moved */
		struct state_pack kept = *p;
		kept.live = u->live;
		kept.zeros = u->zeros;
		if (state_add_pack(s->next, &kept, err) != 0)
			return err->code;
	}
	return 0;
}

static int by_serial(const void *a, const void *b)
{
	const struct state_pack *x = a, *y = b;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

static int list_new_packs(struct session *s, struct err *err)
{
	uint32_t end = s->kept->first + s->kept->n;
	if (s->n_stored)
		qsort(s->stored, s->n_stored, sizeof *s->stored, by_serial);
	for (uint32_t i = 0; i < s->n_stored; i++)
		if (s->stored[i].serial >= end && state_add_pack(s->next, &s->stored[i], err) != 0)
			return err->code;
	return 0;
}

bool session_has_packs(const struct session *s, const struct state *of)
{
	for (uint32_t i = 0; i < of->n_packs; i++)
		if (!inventory_find(s->there, of->packs[i].id, of->packs[i].size))
			return false;
	return true;
}

/* Every listed pack is there, of exact length and not doomed; else its pages must be stored again:
 * the session starts over as a full. */
static int check_inventory(struct session *s, struct err *err)
{
	for (uint32_t i = 0; i < s->next->n_packs; i++) {
		const struct state_pack *p = &s->next->packs[i];
		char hex[65];
		if (inventory_find(s->there, p->id, p->size))
			continue;
		hex_encode(hex, p->id, 32);
		if (s->base && !s->full && state_find_pack(s->base, p->serial)) {
			session_warn(s, ERR_ABSENT, "%s: pack %.16s... is gone from the vault, or is to be "
			             "deleted: earlier snapshots cannot be restored whole. A full snapshot "
			             "was taken", s->spec->source.name, hex);
			s->damaged = true;
			return 0;
		}
		return err_set(err, ERR_CORRUPT, "%s: pack %.16s... was stored but is not in the vault",
		               s->spec->source.name, hex);
	}
	return 0;
}

/* The listing of the run's beginning will do, unless it has become old or packs were stored since. */
static int renew_inventory(struct session *s, struct err *err)
{
	if (s->there && (s->n_stored || inventory_is_old(s->there))) {
		inventory_free(s->there);
		s->there = NULL;
	}
	return session_inventory(s, err);
}

/* ---- the snapshot ---- */

static int add_page_files(struct session *s, struct body_writer *body, struct err *err)
{
	for (uint32_t i = 0; i < s->next->n_files; i++) {
		const struct state_file *f = &s->next->files[i];
		struct body_file b = { .number = f->number, .path = f->path, .path_len = strlen(f->path),
		                       .mode = f->mode, .uid = f->uid, .gid = f->gid,
		                       .mtime_ns = f->mtime_ns, .page_bytes = f->page_bytes,
		                       .unit_bytes = f->unit_bytes, .length = f->length };
		memcpy(b.sum, f->sum, SUM_BYTES);
		if (body_add(body, &b, err) != 0)
			return err->code;
	}
	return 0;
}

static int make_body(struct session *s, struct buf *out, struct err *err)
{
	struct body_place place = { .seq = s->next->seq, .epoch = s->next->epoch };
	memcpy(place.vault, s->header.vault, 16);
	memcpy(place.store, s->store, 16);
	memcpy(place.session, s->id, 16);
	memcpy(place.stanza, s->header.stanza, SEAL_STANZA_BYTES);
	AUTO(body_writer) body = body_writer_new(s->next->page_key, err);
	if (!body || add_page_files(s, body, err) != 0 ||
	    (s->stream && stream_body(s->stream, body, err) != 0))
		return err->code;
	return body_finish(body, s->next->facts ? s->next->facts : "", &place, s->key->bytes, out, err);
}

static int fill_packs(struct head *h, const struct state *next, struct err *err)
{
	h->packs = calloc(next->n_packs + 1u, sizeof *h->packs);
	if (!h->packs)
		return err_no_memory(err);
	for (uint32_t i = 0; i < next->n_packs; i++) {
		memcpy(h->packs[i].id, next->packs[i].id, 32);
		h->packs[i].size = next->packs[i].size;
	}
	h->n_packs = next->n_packs;
	return 0;
}

static enum head_kind kind_of(const struct session *s)
{
	return s->full ? HEAD_FULL : s->changed ? HEAD_INCREMENTAL : HEAD_UNCHANGED;
}

static int make_object(struct session *s, struct buf *object, struct err *err)
{
	const struct charter *c = vault_charter(s->vault);
	struct head h = { .seq = s->next->seq, .time_s = s->now_s, .kind = kind_of(s),
	                  .epoch = s->next->epoch, .charter_n = c->n };
	memcpy(h.vault, s->header.vault, 16);
	memcpy(h.store, s->store, 16);
	memcpy(h.writer, vault_keyfile(s->vault)->id, 16);
	memcpy(h.session, s->id, 16);
	memcpy(h.epoch_pk, s->next->epoch_pk, 32);
	memcpy(h.charter_hash, c->hash, 32);
	memcpy(h.prev, s->newest_hash, 32);
	AUTO(buf) body = buf_new(HEAD_BODY_MAX, err);
	if (!body || make_body(s, body, err) != 0 || fill_packs(&h, s->next, err) != 0)
		return err->code;
	int rc = head_encode(&h, body->bytes, body->len, vault_keyfile(s->vault)->record_sk->bytes,
	                     object, err);
	head_clear(&h);
	return rc;
}

static struct entry_item item_of(const struct session *s)
{
	struct entry_item item = { .number = s->next->seq, .did = (enum entry_did)kind_of(s) };
	memcpy(item.store, s->store, 16);
	memcpy(item.hash, s->next->head_hash, 32);
	return item;
}

static int put_snapshot(struct session *s, const struct buf *object, struct err *err)
{
	char name[NAMES_MAX];
	struct head_parts parts;
	names_snapshot(name, vault_keyfile(s->vault)->id, s->store, s->next->seq);
	if (head_split(&parts, object->bytes, object->len, err) != 0)
		return err->code;
	head_hash(s->next->head_hash, &parts);
	if (state_store(s->next, s->dir, "base.new", vault_keyfile(s->vault)->state->bytes, err) != 0)
		return err->code;
	const struct entry_item item = item_of(s);
	run_record_intend(s->record, &item);
	int rc = storage_put_tagged(vault_storage(s->vault), name, object->bytes, object->len, BACKEND_NEW,
	                            s->next->head_tag, err);
	if (rc == 0)
		run_record_made(s->record, &item);
	if (rc != ERR_EXISTS)
		return rc;
	err_set(err, ERR_FORK, "%s: somebody else wrote snapshot %" PRIu64 " meanwhile: a copy of this "
	        "machine backs up the same store", s->spec->source.name, s->next->seq);
	return err_hint(err, "only one machine may hold a key file; give the copy one of its own");
}

/* ---- after the put: it is committed, whatever happens now ---- */

static void keep_state(struct session *s)
{
	struct err err = { 0 };
	int rc = 0;
	if (s->journal)
		rc = session_apply(s, s->next, s->journal, &err);
	if (rc == 0 && s->stream)
		rc = stream_committed(s->stream, &err);
	/* base.new was written before the tag was known */
	if (rc == 0 && s->next->head_tag[0])
		rc = state_store(s->next, s->dir, "base.new", vault_keyfile(s->vault)->state->bytes, &err);
	if (rc == 0)
		rc = state_promote(s->dir, s->next->generation, &err);
	if (rc == 0)
		rc = journal_remove(s->dir, &err);
	if (rc != 0)
		session_warn(s, err.code, "%s: committed, but the local state could not be kept: %.200s",
		             s->spec->source.name, err.msg);
}

int session_commit(struct session *s, struct err *err)
{
	meter_phase(&s->meter, "committing", 0);
	int rc = s->stream ? stream_packs(s->stream, err) : list_packs(s, err);
	if (rc == 0 && !s->stream)
		rc = list_new_packs(s, err);
	if (rc != 0 || s->damaged)
		return rc;
	AUTO(buf) object = buf_new(HEAD_JSON_MAX + HEAD_BODY_MAX / 2, err);
	if (!object || renew_inventory(s, err) != 0)
		return err->code;
	if (s->outdated)
		return 0;
	if (check_inventory(s, err) != 0)
		return err->code;
	if (s->damaged)
		return 0;
	if (s->packer)
		s->next->next_serial = packer_next_serial(s->packer);
	if (s->full)
		s->next->full_packs = s->next->n_packs;
	if (make_object(s, object, err) != 0)
		return err->code;
	if (put_snapshot(s, object, err) != 0)
		return err->code;
	keep_state(s);
	return 0;
}
