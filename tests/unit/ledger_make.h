/* ledger_make - entries, further keys and a judge for tests of ledgers. */
#ifndef LEDGER_MAKE_H
#define LEDGER_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "format/entry.h"
#include "holdfast/ledger.h"
#include "lab.h"
#include "vault/ledger.h"

/* An entry that says nothing but its number. */
static inline struct entry numbered(uint64_t n)
{
	return (struct entry){ .kind = ENTRY_ATTEMPT, .act = "test", .code = n, .time_s = 1700000000 };
}

static inline void must_write(struct vault *v, uint64_t n)
{
	struct err err;
	struct entry e = numbered(n);
	if (ledger_write(v, &e, &err) != 0)
		fail_msg("entry %llu: %s", (unsigned long long)n, err.msg);
}

/* What verifying had to say. */
struct verdict {
	int rc;
	struct ledger_verify_result found;
	char text[2000];
};

static inline void hear(void *arg, enum ledger_severity severity, const struct err *problem)
{
	struct verdict *v = arg;
	size_t used = strlen(v->text);
	snprintf(v->text + used, sizeof v->text - used, "%d %s\n", (int)severity, problem->msg);
}

static inline struct verdict verify_against(struct vault *v, const void *kept, size_t len)
{
	struct err err = { 0 };
	struct verdict r = { .text = "" };
	const struct ledger_verify_options o = { .problem = hear, .arg = &r, .against = kept,
	                                         .against_len = len };
	r.rc = ledger_verify(v, &o, &r.found, &err);
	if (r.rc != 0)
		snprintf(r.text, sizeof r.text, "%s", err.msg);
	return r;
}

static inline struct verdict verify(struct vault *v)
{
	return verify_against(v, NULL, 0);
}

static inline void assert_whole(struct vault *v, uint64_t entries)
{
	struct verdict r = verify(v);
	if (r.rc != 0 || r.text[0])
		fail_msg("%d: %s", r.rc, r.text);
	assert_int_equal(r.found.entries, entries);
}

/* STATE/<vault-id>/ledger of the lab's writer. */
static inline void ledger_folder(const struct lab *l, char out[LAB_PATH + 80])
{
	snprintf(out, LAB_PATH + 80, "%s/%s/ledger", l->state, vault_id_text(l->writer));
}

/* Another machine with a key of its own, enrolled by the lab's admin; its handle. */
static inline struct vault *enroll(struct lab *l, const char *name, unsigned roles)
{
	struct err err;
	char object[NAMES_MAX], keys[LAB_PATH + 40], state[LAB_PATH + 40];
	struct charter_key pub = { 0 };
	const struct keyfile *admin = vault_keyfile(l->writer);
	const struct charter *c = vault_charter(l->writer);
	AUTO(buf) chain = buf_new(CHARTER_MAX_BYTES, &err);
	snprintf(keys, sizeof keys, "%s/keys-%s", l->dir, name);
	snprintf(state, sizeof state, "%s/state-%s", l->dir, name);
	AUTO(keyfile) k = keyfile_new(admin->vault, admin->root, admin->recovery, admin->psk->bytes, roles,
	                              name, &pub, &err);
	if (!k || storage_get_all(vault_storage(l->writer), names_charter(object, c->n), chain, &err) != 0 ||
	    charter_append_enroll(chain, &pub, (uint64_t)time(NULL), admin->id, admin->record_sk->bytes,
	                          &err) != 0 ||
	    storage_put(vault_storage(l->writer), names_charter(object, c->n + 1), chain->bytes, chain->len,
	                BACKEND_NEW, &err) != 0 ||
	    keyfile_store(k, keys, l->url, &err) != 0 || lab_reopen(l, NULL, &err) != 0)
		fail_msg("%s", err.msg);
	struct vault *v = lab_open(l, NULL, state, keys, &err);
	if (!v)
		fail_msg("%s", err.msg);
	return v;
}

#endif
