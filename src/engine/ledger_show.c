/* Showing a vault's ledgers: entries, where a snapshot stands in them, and proofs. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/wire.h"
#include "engine/ledger_facts.h"
#include "engine/ledger_read.h"
#include "format/tlogproof.h"
#include "holdfast/err.h"
#include "holdfast/ledger.h"
#include "vault/tlog.h"
#include "vault/vault.h"

/* ---- whose ---- */

static bool is_meant(const struct charter_key *k, const char *text)
{
	char hex[33];
	size_t len = strlen(text);
	hex_encode(hex, k->id, 16);
	return strcmp(k->name, text) == 0 || (len >= 4 && strncmp(hex, text, len) == 0);
}

int ledger_find_key(struct vault *v, const char *text, uint8_t key[16], struct err *err)
{
	const struct charter *c = vault_charter(v);
	const struct charter_key *found = NULL;
	for (size_t i = 0; i < c->n_keys; i++) {
		if (!is_meant(&c->keys[i], text))
			continue;
		if (found)
			return err_set(err, ERR_INVALID, "%.100s: means several keys; give more of its id",
			               text);
		found = &c->keys[i];
	}
	if (!found) {
		err_set(err, ERR_ABSENT, "%.100s: the charter has no such key", text);
		return err_hint(err, "a key's name, or four digits or more of its id");
	}
	memcpy(key, found->id, 16);
	return 0;
}

/* ---- entries ---- */

struct showing {
	const struct ledger_show_options *options;
	const struct charter_key *key;
	ledger_visit *visit;
	void *arg;
	struct buf *text;
};

static int show_entry(void *arg, uint64_t index, const uint8_t *bytes, size_t len, struct err *err)
{
	struct showing *s = arg;
	struct entry e;
	if (entry_decode(&e, bytes, len, err) != 0)
		return err->code;
	buf_clear(s->text);
	const char *json = buf_append(s->text, bytes, len, err) == 0 ? buf_text(s->text, err) : NULL;
	struct ledger_line line = { .key_name = s->key->name, .key = s->key->id, .index = index,
	                            .time_s = e.time_s, .kind = e.word, .json = json,
	                            .json_len = len };
	int rc = !json ? err->code
	       : e.time_s < s->options->since_s ? 0 : s->visit(s->arg, &line, err);
	entry_clear(&e);
	return rc;
}

int ledger_show(struct vault *v, const struct ledger_show_options *options, ledger_visit *visit,
                void *arg, struct err *err)
{
	const struct charter *c = vault_charter(v);
	uint8_t only[16];
	struct note note;
	AUTO(buf) text = buf_new(ENTRY_MAX + 1, err);
	if (!text || (options->key && ledger_find_key(v, options->key, only, err) != 0))
		return err->code;
	for (size_t i = 0; i < c->n_keys; i++) {
		struct showing s = { options, &c->keys[i], visit, arg, text };
		if (options->key && memcmp(c->keys[i].id, only, 16) != 0)
			continue;
		int rc = ledger_read(v, c->keys[i].id, &note, NULL, show_entry, &s, err);
		if (rc != 0 && rc != ERR_ABSENT)
			return rc;
	}
	return 0;
}

/* ---- where a snapshot stands ---- */

struct search {
	const struct vault *vault;
	const uint8_t *writer, *store;
	uint64_t seq, index;
	bool found;
};

static bool tells_of(const struct search *s, const struct entry_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (entry_is_snapshot(&items[i]) && items[i].number == s->seq &&
		    memcmp(items[i].store, s->store, 16) == 0)
			return true;
	return false;
}

static int search_entry(void *arg, uint64_t index, const uint8_t *bytes, size_t len, struct err *err)
{
	struct search *s = arg;
	struct entry e;
	struct entry_item *items;
	size_t n;
	if (s->found || !(entry_may_be(bytes, len, ENTRY_RUN) || entry_may_be(bytes, len, ENTRY_ADOPTED)))
		return 0;
	if (entry_decode(&e, bytes, len, err) != 0)
		return err->code;
	int rc = ledger_facts_items(s->vault, s->writer, &e, &items, &n, err);
	entry_clear(&e);
	if (rc != 0)
		return rc;
	s->found = tells_of(s, items, n);
	s->index = index;
	free(items);
	return 0;
}

int ledger_find_snapshot(struct vault *v, const uint8_t writer[16], const uint8_t store[16],
                         uint64_t seq, uint64_t *index, struct err *err)
{
	struct search s = { .vault = v, .writer = writer, .store = store, .seq = seq };
	struct note note;
	if (ledger_read(v, writer, &note, NULL, search_entry, &s, err) != 0)
		return err->code;
	if (!s.found) {
		err_set(err, ERR_ABSENT, "no entry of its writer's ledger tells of snapshot %llu",
		        (unsigned long long)seq);
		return err_hint(err, "'holdfast ledger verify' tells why");
	}
	*index = s.index;
	return 0;
}

/* ---- proofs ---- */

/* The hash of one entry, from its bytes. */
static int read_leaf(const struct vault *v, const uint8_t key[16], const struct note *note,
                     uint64_t index, uint8_t leaf[MERKLE_BYTES], struct err *err)
{
	const struct tile t = tiles_of(note->size, TILES_ENTRIES, index / TILES_WIDTH);
	const uint8_t *entry = NULL;
	size_t len = 0;
	AUTO(buf) bundle = buf_new(TILES_BUNDLE_MAX, err);
	if (!bundle || tlog_tile(v, key, &t, bundle, err) != 0)
		return err->code;
	struct wire w = wire_over(bundle->bytes, bundle->len);
	for (uint64_t i = 0; i <= index % TILES_WIDTH; i++)
		if (!tiles_next_entry(&w, &entry, &len))
			return err_set(err, ERR_CORRUPT, "tile of entries is malformed");
	merkle_leaf(leaf, entry, len);
	return 0;
}

static int prove(const struct vault *v, const uint8_t key[16], uint64_t index, struct buf *out,
                 struct err *err)
{
	struct note note;
	struct tlogproof p = { .index = index };
	uint8_t leaf[MERKLE_BYTES];
	AUTO(buf) checkpoint = buf_new(NOTE_MAX, err);
	AUTO(buf) bytes = buf_new(TILES_HASHES_BYTES, err);
	if (!checkpoint || !bytes || tlog_checkpoint(v, key, &note, checkpoint, err) != 0)
		return err->code;
	if (index >= note.size) {
		err_set(err, ERR_ABSENT, "entry %llu: the ledger has %llu", (unsigned long long)index,
		        (unsigned long long)note.size);
		return err_hint(err, "entries are counted from 0; 'holdfast ledger show' lists them");
	}
	struct tlog_reader reader = { .vault = v, .key = key, .size = note.size, .bytes = bytes };
	if (read_leaf(v, key, &note, index, leaf, err) != 0 ||
	    merkle_prove_entry(index, note.size, tlog_read_hash, &reader, &p.path, err) != 0)
		return err->code;
	if (!merkle_verify_entry(leaf, index, note.size, &p.path, note.root))
		return err_set(err, ERR_CORRUPT, "entry %llu: it, or a tile of the ledger, was changed",
		               (unsigned long long)index);
	p.checkpoint = checkpoint->bytes;
	p.checkpoint_len = checkpoint->len;
	return tlogproof_encode(&p, out, err);
}

int ledger_prove(struct vault *v, const uint8_t key[16], uint64_t index, char **proof, size_t *len,
                 struct err *err)
{
	AUTO(buf) out = buf_new(TLOGPROOF_MAX, err);
	if (!out || prove(v, key, index, out, err) != 0)
		return err->code;
	char *copy = malloc(out->len + 1);
	if (!copy)
		return err_no_memory(err);
	memcpy(copy, out->bytes, out->len);
	copy[out->len] = '\0';
	*proof = copy;
	*len = out->len;
	return 0;
}
