#include "engine/open.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "engine/keyring.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "holdfast/source.h"
#include "vault/vault.h"

void open_snapshot_free(struct open_snapshot *s)
{
	if (!s)
		return;
	heads_entry_free(s->entry);
	keyring_free(s->keys);
	free(s->facts);
	sodium_memzero(&s->sum_keys, sizeof s->sum_keys);
	free(s);
}

struct body_reader *open_snapshot_body(const struct open_snapshot *s, struct err *err)
{
	const struct head *h = &s->entry->head;
	struct pack_header header = { .seq = h->seq, .epoch = h->epoch };
	struct body_place place = { .seq = h->seq, .epoch = h->epoch };
	uint8_t key[32];
	memcpy(header.vault, h->vault, 16);
	memcpy(header.store, h->store, 16);
	memcpy(header.session, h->session, 16);
	memcpy(place.vault, h->vault, 16);
	memcpy(place.store, h->store, 16);
	memcpy(place.session, h->session, 16);
	if (body_stanza(header.stanza, s->entry->body, s->entry->body_len, err) != 0 ||
	    keyring_session(s->keys, &header, key, err) != 0)
		return NULL;
	struct body_reader *r = body_open(s->entry->body, s->entry->body_len, &place, key, err);
	sodium_memzero(key, sizeof key);
	return r;
}

void open_entry(struct source_entry *entry, const struct body_file *f)
{
	*entry = (struct source_entry){
		.path = f->path, .page_bytes = f->page_bytes, .length_bytes = f->length,
		.mode = f->mode, .uid = f->uid, .gid = f->gid, .mtime_ns = f->mtime_ns,
		.extra = f->extra_len ? f->extra : NULL, .extra_len = f->extra_len,
	};
}

static int read_through(struct open_snapshot *s, struct err *err)
{
	struct body_file f;
	int rc;
	AUTO(body_reader) r = open_snapshot_body(s, err);
	if (!r)
		return err->code;
	sum_keys_derive(&s->sum_keys, body_page_key(r));
	while ((rc = body_next(r, s->entry->head.n_packs, &f, err)) == 1) {
		s->files++;
		s->bytes += f.length;
		s->page_files += f.page_bytes != 0;
	}
	if (rc != 0)
		return rc;
	s->facts = strdup(body_facts(r));
	return s->facts ? 0 : err_no_memory(err);
}

struct open_snapshot *open_snapshot_new(const struct vault *v, const uint8_t writer[16],
                                        const uint8_t store[16], uint64_t seq, struct err *err)
{
	AUTO(open_snapshot) s = calloc(1, sizeof *s);
	if (!s) {
		err_no_memory(err);
		return NULL;
	}
	s->keys = keyring_new(v, writer, store, err);
	if (!s->keys || !(s->entry = heads_load(v, writer, store, seq, true, err)))
		return NULL;
	if (read_through(s, err) != 0) {
		char name[NAMES_MAX];
		err_wrap(err, "snapshot %s", names_snapshot(name, writer, store, seq));
		return NULL;
	}
	return TAKE(s);
}
