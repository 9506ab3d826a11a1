/*
 * The Nth allocation fails, for every N: each function says ERR_NOMEM, leaks nothing, and does it
 * right the next time. Of the libraries' allocations jansson's and libsodium's guarded memory count.
 *
 * wrap: malloc calloc realloc strdup strndup asprintf __asprintf_chk sodium_malloc
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "engine/fold.h"
#include "engine/keyring.h"
#include "engine/usage.h"
#include "format/body.h"
#include "format/chunker.h"
#include "format/head.h"
#include "format/names.h"
#include "format/pack.h"
#include "holdfast/enrol.h"
#include "holdfast/grant.h"
#include "sample_evidence.h"
#include "sample_vault.h"
#include "vault/extents.h"
#include "vault/heads.h"
#include "vault/inventory.h"
#include "vault/journal.h"
#include "vault/state.h"
#include "vault/tagfile.h"
#include "vault/texts.h"

/* ---- allocations that fail ---- */

static long left = -1;        /* allocations until one fails; -1: none does */
static bool lasting;          /* all later ones fail too */
static bool fired;
static bool optional;         /* some allocations may be done without */

static bool fails(void)
{
	if (left < 0)
		return false;
	if (left > 0) {
		left--;
		return false;
	}
	fired = true;
	if (!lasting)
		left = -1;
	errno = ENOMEM;
	return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);
void *__real_sodium_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
void *__wrap_sodium_malloc(size_t n);
int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void *__wrap_malloc(size_t n) { return fails() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n) { return fails() ? NULL : __real_realloc(p, n); }
char *__wrap_strdup(const char *text) { return fails() ? NULL : __real_strdup(text); }
char *__wrap_strndup(const char *text, size_t n) { return fails() ? NULL : __real_strndup(text, n); }
void *__wrap_sodium_malloc(size_t n) { return fails() ? NULL : __real_sodium_malloc(n); }

int __wrap_asprintf(char **out, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = fails() ? -1 : vasprintf(out, format, args);
	va_end(args);
	return n;
}

int __wrap___asprintf_chk(char **out, int flag, const char *format, ...)
{
	va_list args;
	(void)flag;
	va_start(args, format);
	int n = fails() ? -1 : vasprintf(out, format, args);
	va_end(args);
	return n;
}

/* ---- what is tried ---- */

typedef int attempt(void *arg, struct err *err);

static unsigned torment(const char *name, attempt *try, void *arg)
{
	for (unsigned n = 0; n < 100000; n++) {
		struct err err = { 0 };
		fired = false;
		left = (long)n;
		int rc = try(arg, &err);
		left = -1;
		if (!fired) {
			if (rc != 0)
				fail_msg("%s: %d %s", name, rc, err.msg);
			return n;
		}
		if (optional && rc == 0)
			continue;
		if (rc != ERR_NOMEM || err.code != ERR_NOMEM || err.msg[0] == '\0')
			fail_msg("%s, allocation %u: %d, %d '%s'", name, n, rc, err.code, err.msg);
	}
	fail_msg("%s: no end", name);
	return 0;
}

/* Fails once and goes on; then fails and never has memory again. At least `least` allocations. */
static void torture(const char *name, attempt *try, void *arg, unsigned least)
{
	lasting = false;
	unsigned once = torment(name, try, arg);
	lasting = true;
	torment(name, try, arg);
	lasting = false;
	if (once < least)
		fail_msg("%s: only %u allocations: are they counted?", name, once);
}

/* ---- format ---- */

static const uint8_t key[32] = "a session key of thirty-two byte";

struct packed {
	uint8_t *bytes;
	size_t len;
	struct pack_key key;
};

static int lookup(void *arg, uint32_t number, struct pack_file *out, struct err *err)
{
	(void)arg;
	(void)err;
	*out = (struct pack_file){ .number = number, .page_bytes = 4096, .unit_bytes = 512,
	                           .length = 1 << 30, .path = "crm.db", .path_len = 6 };
	return 0;
}

static int write_pack(void *arg, struct err *err)
{
	struct packed *p = arg;
	struct pack_header header = { .seq = 1 };
	uint8_t id[PACK_ID_BYTES];
	AUTO(pack_writer) w = pack_writer_new(err);
	if (!w)
		return err->code;
	pack_begin(p->bytes, &p->key, &header, key);
	for (uint32_t i = 0; i < 300; i++) {
		const struct pack_run run = { .file = i % 20, .first = i, .count = 1 };
		if (pack_writer_frame(w, PACK_RAW, 552, 512, &run, 1, err) != 0 ||
		    pack_writer_zeros(w, &run, err) != 0)
			return err->code;
	}
	return pack_finish(p->bytes, PACK_HEADER_BYTES + 300 * 552, true, w, &p->key, lookup, NULL,
	                   &p->len, id, err);
}

static int read_pack(void *arg, struct err *err)
{
	struct packed *p = arg;
	uint32_t stored, plain;
	if (pack_tail_decode(p->bytes + p->len - PACK_TAIL_BYTES, p->len, &stored, &plain, err) != 0)
		return err->code;
	AUTO(pack_trailer) t = pack_trailer_open(p->bytes + p->len - PACK_TAIL_BYTES - stored, stored,
	                                         plain, p->len, &p->key, err);
	return t ? 0 : err->code;
}

static void packs(void **state)
{
	(void)state;
	struct packed p = { .bytes = calloc(1, PACK_BYTES) };
	assert_non_null(p.bytes);
	torture("pack_writer", write_pack, &p, 10);
	torture("pack_trailer", read_pack, &p, 6);
	free(p.bytes);
}

struct head_sample {
	struct head head;
	uint8_t pk[32], sk[64];
	struct buf *bytes;
};

static int write_head(void *arg, struct err *err)
{
	struct head_sample *s = arg;
	AUTO(buf) b = buf_new(1 << 20, err);
	if (!b || head_encode(&s->head, "body", 4, s->sk, b, err) != 0)
		return err->code;
	buf_free(s->bytes);
	s->bytes = TAKE(b);
	return 0;
}

static int read_head(void *arg, struct err *err)
{
	struct head_sample *s = arg;
	struct head_parts parts;
	struct head h;
	if (head_split(&parts, s->bytes->bytes, s->bytes->len, err) != 0 ||
	    head_decode(&h, &parts, err) != 0)
		return err->code;
	int rc = head_verify(&h, &parts, s->pk, err);
	head_clear(&h);
	return rc;
}

static void heads(void **state)
{
	(void)state;
	struct head_pack packs_listed[40] = { { .size = 284 } };
	struct head_sample s = { .head = { .seq = 1, .n_packs = 40, .packs = packs_listed } };
	for (size_t i = 0; i < 40; i++)
		packs_listed[i].size = 284;
	sign_keypair(s.pk, s.sk, key);
	torture("head_encode", write_head, &s, 50);
	torture("head_decode", read_head, &s, 50);
	buf_free(s.bytes);
}

static const struct body_place place = { .seq = 7, .epoch = 1 };

static int write_body(void *arg, struct err *err)
{
	struct buf **out = arg;
	struct body_extent extents[50];
	AUTO(buf) b = buf_new(1 << 24, err);
	AUTO(body_writer) w = b ? body_writer_new(key, err) : NULL;
	if (!w)
		return err->code;
	for (uint32_t i = 0; i < 50; i++)
		extents[i] = (struct body_extent){ i, i, i, 1000 };
	for (uint32_t i = 0; i < 30; i++) {
		struct body_file f = { .number = i, .path = "tree/file", .path_len = 9,
		                       .unit_bytes = BODY_STREAM_UNIT, .length = 1000 * (i + 1),
		                       .extra = "extra", .extra_len = 5, .extents = extents,
		                       .n_extents = i + 1 };
		if (body_add(w, &f, err) != 0)
			return err->code;
	}
	if (body_finish(w, "{\"a\":1}", &place, key, b, err) != 0)
		return err->code;
	buf_free(*out);
	*out = TAKE(b);
	return 0;
}

static int read_body(void *arg, struct err *err)
{
	const struct buf *b = *(struct buf **)arg;
	AUTO(body_reader) r = body_open(b->bytes, b->len, &place, key, err);
	struct body_file f;
	int rc = r ? 1 : err->code;
	while (rc == 1)
		rc = body_next(r, 50, &f, err);
	return rc;
}

static void bodies(void **state)
{
	(void)state;
	struct buf *b = NULL;
	torture("body_writer", write_body, &b, 5);
	torture("body_reader", read_body, &b, 6);
	buf_free(b);
}

struct charter_sample {
	struct charter_anchor anchor;
	struct charter_key admin;
	uint8_t root_sk[64], admin_sk[64];
	struct buf *line, *chain;
};

static int write_charter(void *arg, struct err *err)
{
	struct charter_sample *s = arg;
	AUTO(buf) line = buf_new(CHARTER_LINE_MAX, err);
	AUTO(buf) chain = line ? buf_new(CHARTER_MAX_BYTES, err) : NULL;
	if (!chain || charter_encode_anchor(&s->anchor, s->root_sk, line, err) != 0 ||
	    charter_append_vault(chain, &s->anchor, key, s->root_sk, err) != 0 ||
	    charter_append_enroll(chain, &s->admin, 1, NULL, s->root_sk, err) != 0)
		return err->code;
	buf_free(s->line);
	buf_free(s->chain);
	s->line = TAKE(line);
	s->chain = TAKE(chain);
	return 0;
}

static int read_charter(void *arg, struct err *err)
{
	struct charter_sample *s = arg;
	struct charter_anchor a;
	if (charter_decode_anchor(&a, s->line->bytes, s->line->len, err) != 0)
		return err->code;
	AUTO(charter) c = charter_decode(s->chain->bytes, s->chain->len, &a, err);
	return c ? 0 : err->code;
}

static void charters(void **state)
{
	(void)state;
	struct charter_sample s = { .admin = { .name = "db1", .roles = ROLE_ADMIN | ROLE_WRITER } };
	sign_keypair(s.anchor.root, s.root_sk, key);
	sign_keypair(s.admin.record, s.admin_sk, key);
	charter_key_id(s.admin.id, s.admin.record);
	torture("charter_append", write_charter, &s, 50);
	torture("charter_decode", read_charter, &s, 50);
	buf_free(s.line);
	buf_free(s.chain);
}

static int use_chunker(void *arg, struct err *err)
{
	(void)arg;
	AUTO(chunker) c = chunker_new(key, err);
	return c ? 0 : err->code;
}

static int use_extents(void *arg, struct err *err)
{
	(void)arg;
	struct extent list[100], *back;
	size_t n;
	AUTO(buf) b = buf_new(1 << 20, err);
	for (uint32_t i = 0; i < 100; i++)
		list[i] = (struct extent){ 1 + i, i, i, 1000, i };
	if (!b || extents_encode(b, list, 100, err) != 0 ||
	    extents_decode(b->bytes, b->len, &back, &n, err) != 0)
		return err->code;
	free(back);
	return 0;
}

static int use_tables(void *arg, struct err *err)
{
	(void)arg;
	AUTO(fold) f = fold_new(err);
	AUTO(usage) u = f ? usage_new(1, 100, err) : NULL;
	AUTO(buf) text = u ? buf_new(65536, err) : NULL;
	return text ? texts_recovery(text, key, key, err) : err->code;
}

static void small_things(void **state)
{
	(void)state;
	torture("chunker", use_chunker, NULL, 1);
	torture("extents", use_extents, NULL, 3);
	torture("fold, usage, texts", use_tables, NULL, 4);
}

/* ---- a vault ---- */

static int make_vault(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	struct err why;
	memory_forget("torture");
	scratch_remove(v->keys);
	int rc = sample_init(&v->options, err);
	/* half a vault is no vault */
	long later = left;
	left = -1;
	struct vault *open = vault_open(&v->options, &why);
	assert_int_equal(open != NULL, rc == 0);
	vault_free(open);
	scratch_remove(v->state);
	left = later;
	return rc;
}

static int open_vault(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	scratch_remove(v->state);
	struct vault *open = vault_open(&v->options, err);
	vault_free(open);
	return open ? 0 : err->code;
}

static int unlock_vault(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	return vault_unlock(v->vault, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), err);
}

static uint32_t epoch_made;

static int make_epoch(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	struct vault_epoch e;
	/* each attempt takes an epoch of its own: one that failed may have been stored */
	return vault_make_epoch(v->vault, "crm", ++epoch_made, &e, err);
}

static int newest_epoch(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	uint8_t store[16];
	struct vault_epoch e;
	vault_store_id(v->vault, "crm", store);
	return vault_newest_epoch(v->vault, store, 1, NULL, &e, err);
}

/* The vault as it was before anybody was accepted: an attempt may fail behind its put. */
static struct vault *open_again(struct sample_vault *v)
{
	struct err err;
	long later = left;
	left = -1;
	(void)storage_remove(vault_storage(v->vault), "charter/00000003", &err);
	const struct vault_options o = { .url = v->url, .keys_dir = v->keys };
	struct vault *fresh = vault_open(&o, &err);
	assert_non_null(fresh);
	left = later;
	return fresh;
}

static int accept_request(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	struct request r;
	struct charter_key pub;
	char text[REQUEST_TEXT_MAX];
	AUTO(vault) fresh = open_again(v);
	const struct keyfile *mine = vault_keyfile(fresh);
	AUTO(keyfile) k = keyfile_new(mine->vault, mine->root, mine->recovery, NULL, ROLE_DRILL, "drill1",
	                              &pub, err);
	if (!k || keyfile_request(k, &r, err) != 0 ||
	    request_encode(&r, k->record_sk->bytes, text, err) != 0)
		return err->code;
	return enrol_accept(fresh, text, strlen(text), err);
}

static int grant_crm(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	struct grant_store crm;
	struct grant_result r;
	memcpy(crm.writer, vault_keyfile(v->vault)->id, 16);
	vault_store_id(v->vault, "crm", crm.store);
	return grant_stores(v->vault, "drill1", &crm, 1, false, &r, err);
}

static int open_epoch(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	struct storekey k;
	uint8_t store[16];
	vault_store_id(v->vault, "crm", store);
	return vault_open_epoch(v->vault, vault_keyfile(v->vault)->id, store, epoch_made, &k, err);
}

static int one_store(void *arg, const struct store_info *info, struct err *err)
{
	(void)err;
	assert_string_equal(info->name, "crm");
	*(bool *)arg = true;
	return 0;
}

static int list_stores(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	bool seen = false;
	int rc = vault_stores(v->vault, NULL, one_store, &seen, err);
	if (rc == 0)
		assert_true(seen);
	return rc;
}

static int make_keyring(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	AUTO(keyring) k = keyring_new(v->vault, key, key, err);
	return k ? 0 : err->code;
}

static void put_snapshots(const struct sample_vault *v, unsigned n)
{
	struct err err;
	char name[NAMES_MAX];
	const struct charter *c = vault_charter(v->vault);
	const struct keyfile *k = vault_keyfile(v->vault);
	for (unsigned seq = 1; seq <= n; seq++) {
		struct head h = { .seq = seq, .charter_n = c->n };
		AUTO(buf) b = buf_new(1 << 20, &err);
		memcpy(h.vault, vault_id(v->vault), 16);
		memcpy(h.writer, k->id, 16);
		memcpy(h.store, key, 16);
		memcpy(h.charter_hash, c->hash, 32);
		must(head_encode(&h, "body", 4, k->record_sk->bytes, b, &err));
		must(storage_put(vault_storage(v->vault), names_snapshot(name, k->id, key, seq), b->bytes,
		                 b->len, BACKEND_NEW, &err));
		uint8_t id[32];
		hash_plain(id, name, strlen(name));
		must(storage_put(vault_storage(v->vault), names_pack(name, k->id, key, id), b->bytes, b->len,
		                 BACKEND_NEW, &err));
	}
}

static int list_heads(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	uint64_t *seqs;
	size_t n;
	if (heads_list(v->vault, vault_keyfile(v->vault)->id, key, &seqs, &n, err) != 0)
		return err->code;
	assert_int_equal(n, 100);
	free(seqs);
	return 0;
}

static int load_head(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	for (int body = 0; body < 2; body++) {
		AUTO(heads_entry) e = heads_load(v->vault, vault_keyfile(v->vault)->id, key, 7, body, err);
		if (!e)
			return err->code;
	}
	return 0;
}

static int load_inventory(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	AUTO(inventory) i = inventory_load(v->vault, vault_keyfile(v->vault)->id, key, NULL, err);
	if (i)
		assert_int_equal(i->n, 100);
	return i ? 0 : err->code;
}

static int use_keyfile(void *arg, struct err *err)
{
	struct sample_vault *v = arg;
	struct charter_key pub;
	AUTO(keyfile) k = keyfile_new(key, key, key, key, ROLE_WRITER, "db2", &pub, err);
	scratch_remove(v->keys);
	if (!k || keyfile_store(k, v->keys, v->url, err) != 0)
		return err->code;
	AUTO(keyfile) back = keyfile_load(v->keys, key, err);
	return back ? 0 : err->code;
}

static void vaults(void **state)
{
	(void)state;
	struct sample_vault v;
	sample_place(&v, "memory://torture");
	torture("vault_init", make_vault, &v, 50);
	torture("vault_open", open_vault, &v, 50);
	sample_open(&v);
	torture("vault_unlock", unlock_vault, &v, 5);
	torture("vault_make_epoch", make_epoch, &v, 5);
	torture("vault_newest_epoch", newest_epoch, &v, 2);
	torture("enrol_accept", accept_request, &v, 20);
	vault_free(v.vault);
	sample_open(&v);
	vault_keep_root(v.vault);
	sample_unlock(&v);
	torture("grant_stores", grant_crm, &v, 10);
	torture("vault_open_epoch", open_epoch, &v, 2);
	torture("vault_stores", list_stores, &v, 3);
	torture("keyring", make_keyring, &v, 2);
	put_snapshots(&v, 100);
	torture("heads_list", list_heads, &v, 2);
	torture("heads_load", load_head, &v, 20);
	torture("inventory", load_inventory, &v, 2);
	torture("keyfile", use_keyfile, &v, 10);
	sample_drop(&v);
}

static int use_files(void *arg, struct err *err)
{
	const char *root = arg;
	char url[SCRATCH_MAX + 20];
	snprintf(url, sizeof url, "file://%s/objects", root);
	AUTO(backend) b = storage_open(url, NULL, err);
	AUTO(buf) back = b ? buf_new(1 << 20, err) : NULL;
	struct backend_object o;
	if (!back || storage_put(b, "a/b/c", "bytes", 5, BACKEND_REPLACE, err) != 0 ||
	    storage_get_all(b, "a/b/c", back, err) != 0 || storage_stat(b, "a/b/c", &o, err) != 0)
		return err->code;
	return storage_remove(b, "a/b/c", err);
}

static void a_vault_of_files(void **state)
{
	(void)state;
	char root[SCRATCH_MAX];
	assert_true(scratch_make(root));
	optional = true;   /* what the driver remembers of folders */
	torture("file://", use_files, root, 2);
	optional = false;
	scratch_remove(root);
}

/* ---- local state ---- */

static int write_state(void *arg, struct err *err)
{
	AUTO(state) s = state_new(key, err);
	if (!s || !(s->facts = strdup("{}")))
		return s ? err_no_memory(err) : err->code;
	for (uint32_t i = 1; i < 70; i++) {
		const struct state_pack p = { .serial = i };
		char path[20];
		snprintf(path, sizeof path, "file-%u", i);
		const struct state_file f = { .number = i, .path = path };
		if (state_add_pack(s, &p, err) != 0 || !state_add_file(s, &f, err))
			return err->code;
	}
	return state_store(s, arg, "base", key, err);
}

static int read_state(void *arg, struct err *err)
{
	AUTO(state) s = state_load(arg, "base", key, key, err);
	if (!s)
		return err->code;
	assert_int_equal(s->n_packs, 69);
	assert_int_equal(s->n_files, 69);
	return 0;
}

static int write_journal(void *arg, struct err *err)
{
	static const uint8_t tags[64 * SUM_TAG_BYTES];
	const struct journal_head head = { .seq = 1 };
	AUTO(journal) j = journal_create(arg, &head, key, err);
	if (!j)
		return err->code;
	for (uint32_t i = 1; i < 5; i++) {
		const struct journal_file f = { i, 4096, 512, "crm.db" };
		AUTO(buf) runs = buf_new(1 << 20, err);
		if (!runs || journal_code_run(runs, i, 0, 64, false, tags, err) != 0)
			return err->code;
		const struct journal_pack p = { .serial = i, .runs = runs->bytes, .runs_len = runs->len };
		if (journal_add_file(j, &f, err) != 0 || journal_add_pack(j, &p, false, err) != 0)
			return err->code;
	}
	return 0;
}

static int on_file(void *arg, const struct journal_file *f, struct err *err)
{
	(void)arg;
	(void)f;
	(void)err;
	return 0;
}

static int on_pack(void *arg, const struct journal_pack *p, struct err *err)
{
	(void)p;
	(void)err;
	++*(int *)arg;
	return 0;
}

static int on_run(void *arg, const struct journal_pack *p, uint32_t file, uint64_t first,
                  uint32_t count, bool zero, const uint8_t *tags, struct err *err)
{
	(void)arg;
	(void)p;
	(void)file;
	(void)first;
	(void)zero;
	(void)tags;
	(void)err;
	assert_int_equal(count, 64);
	return 0;
}

static int read_journal(void *arg, struct err *err)
{
	struct journal_head head;
	const struct journal_visit visit = { on_file, on_pack, on_run };
	int packs_seen = 0;
	AUTO(journal) j = journal_open(arg, &head, key, err);
	if (!j || journal_replay(j, &visit, &packs_seen, err) != 0)
		return err->code;
	assert_int_equal(packs_seen, 4);
	return 0;
}

static int use_tags(void *arg, struct err *err)
{
	static const uint8_t tags[64 * SUM_TAG_BYTES];
	AUTO(tagfile) t = tagfile_open(arg, 1, 1, 512, err);
	AUTO(tagfile_cache) c = t ? tagfile_cache_new(t, err) : NULL;
	if (!c || tagfile_cache_put(c, 0, 64, tags, 1, err) != 0)
		return err->code;
	return tagfile_cache_flush(c, err);
}

static void local_state(void **state)
{
	(void)state;
	char dir[SCRATCH_MAX];
	assert_true(scratch_make(dir));
	torture("state_store", write_state, dir, 70);
	torture("state_load", read_state, dir, 70);
	torture("journal_create", write_journal, dir, 5);
	torture("journal_open", read_journal, dir, 2);
	torture("tagfile", use_tags, dir, 5);
	scratch_remove(dir);
}

/* ---- evidence of drills ---- */

struct drilled {
	struct sample_evidence s;
	struct evidence_folder *folder;
	char dir[SCRATCH_MAX + 20];
};

static int write_documents(void *arg, struct err *err)
{
	struct sample_evidence *s = &((struct drilled *)arg)->s;
	buf_clear(s->report_json);
	buf_clear(s->detail_json);
	buf_clear(s->detail);
	return sample_documents(s, err);
}

static int read_documents(void *arg, struct err *err)
{
	const struct sample_evidence *s = &((struct drilled *)arg)->s;
	struct report r;
	int rc = report_decode(&r, s->report_json->bytes, s->report_json->len, err);
	if (rc == 0)
		rc = report_add_detail(&r, s->detail_json->bytes, s->detail_json->len, err);
	report_clear(&r);
	return rc;
}

static int write_evidence(void *arg, struct err *err)
{
	struct drilled *d = arg;
	scratch_remove(d->dir);
	int rc = evidence_write(d->dir, &d->s.in, err);
	assert_int_equal(access(d->dir, F_OK), rc == 0 ? 0 : -1);
	return rc;
}

static int judge_evidence(void *arg, struct err *err)
{
	struct drilled *d = arg;
	struct evidence_result r;
	int rc = evidence_judge(d->folder, d->folder, &r, err);
	assert_true(rc != 0 || r.sound);
	return rc;
}

static void evidence(void **state)
{
	(void)state;
	struct err err;
	struct drilled d;
	assert_int_equal(sample_evidence_new(&d.s, &err), 0);
	snprintf(d.dir, sizeof d.dir, "%s/evidence", d.s.dir);
	torture("report_encode", write_documents, &d, 20);
	torture("report_decode", read_documents, &d, 20);
	assert_int_equal(sample_log(&d.s, &err), 0);
	sample_inputs(&d.s);
	d.s.in.approval = d.s.in.signers = d.s.in.timestamp = d.s.in.tsa_ca =
		(struct evidence_bytes){ NULL, 0 };
	d.s.in.approved_s = 0;
	torture("evidence_write", write_evidence, &d, 50);
	d.folder = evidence_folder_read(d.dir, &err);
	assert_non_null(d.folder);
	torture("evidence_judge", judge_evidence, &d, 20);
	evidence_folder_free(d.folder);
	sample_evidence_end(&d.s);
}

int main(void)
{
	crypto_start();
	secret_keep_no_spares();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packs),
		cmocka_unit_test(heads),
		cmocka_unit_test(bodies),
		cmocka_unit_test(charters),
		cmocka_unit_test(small_things),
		cmocka_unit_test(vaults),
		cmocka_unit_test(a_vault_of_files),
		cmocka_unit_test(local_state),
		cmocka_unit_test(evidence),
	};
	return cmocka_run_group_tests_name("torture", tests, NULL, NULL);
}
