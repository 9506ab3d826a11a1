#include "holdfast/grant.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "crypto/seal.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/vault.h"
#include "vault/vault_struct.h"

struct granting {
	struct vault *v;
	struct charter_key to;
	uint8_t recipient[16], recovery[16];
	const struct grant_store *stores;   /* sorted */
	size_t n;
	bool all;
	struct grant_result *result;
};

/* ---- the charter's part ---- */

struct entry {
	struct charter_grant grant;
	uint64_t time_s;
	const uint8_t *root_sk;
};

static int append(const struct charter *c, struct buf *chain, void *arg, struct err *err)
{
	const struct entry *e = arg;
	(void)c;
	return charter_append_grant(chain, &e->grant, e->time_s, e->root_sk, err);
}

static int enter(const struct granting *g, struct charter_grant *grant, struct err *err)
{
	struct entry e = { .grant = *grant, .time_s = (uint64_t)time(NULL),
	                   .root_sk = vault_root_sk(g->v) };
	memcpy(e.grant.to, g->to.id, 16);
	return vault_append_entry(g->v, append, &e, err);
}

static bool has(const struct granting *g, const struct grant_store *s)
{
	return charter_granted(g->v->charter, g->to.id, s->writer, s->store);
}

/* From stores[*at] on: those of one writer that are not granted yet, as many as an entry holds. */
static int enter_some(struct granting *g, size_t *at, struct err *err)
{
	const uint8_t *writer = g->stores[*at].writer;
	uint8_t (*ids)[16] = calloc(CHARTER_GRANT_MAX, sizeof *ids);
	struct charter_grant grant = { .stores = ids };
	if (!ids)
		return err_no_memory(err);
	memcpy(grant.writer, writer, 16);
	for (; *at < g->n && grant.n_stores < CHARTER_GRANT_MAX; ++*at) {
		const struct grant_store *s = &g->stores[*at];
		if (memcmp(s->writer, writer, 16) != 0)
			break;
		if (!has(g, s))
			memcpy(ids[grant.n_stores++], s->store, 16);
	}
	int rc = grant.n_stores ? enter(g, &grant, err) : 0;
	if (rc == 0)
		g->result->stores += grant.n_stores;
	free(ids);
	return rc;
}

static int enter_all(struct granting *g, struct err *err)
{
	struct charter_grant everything = { .all_writers = true };
	if (g->all)
		return grant_covers_all(g->v, g->to.name) ? 0 : enter(g, &everything, err);
	for (size_t at = 0; at < g->n;)
		if (enter_some(g, &at, err) != 0)
			return err->code;
	return 0;
}

/* ---- the keys ---- */

static bool is_there(const struct granting *g, const struct vault_key_place *list, size_t n,
                     uint32_t epoch)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].epoch == epoch && memcmp(list[i].recipient, g->recipient, 16) == 0)
			return true;
	return false;
}

static int pass_on(struct granting *g, const struct vault_key_place *p, struct err *err)
{
	char name[NAMES_MAX];
	AUTO(secret) holder = secret_new(sizeof(struct storekey), err);
	if (!holder)
		return err->code;
	struct storekey *k = (struct storekey *)(void *)holder->bytes;
	names_key(name, p->writer, p->store, p->epoch, p->recipient);
	if (vault_open_key(g->v, name, k, err) != 0)
		return err->code;
	int rc = vault_pass_key(g->v, k, &g->to, err);
	if (rc != 0 && rc != ERR_EXISTS)
		return rc;
	*(rc == 0 ? &g->result->keys : &g->result->keys_before) += 1;
	return 0;
}

static int by_place(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct grant_store));
}

/* list[0:n] are the keys of one store. */
static int pass_store(struct granting *g, const struct vault_key_place *list, size_t n, struct err *err)
{
	struct grant_store s;
	memcpy(s.writer, list->writer, 16);
	memcpy(s.store, list->store, 16);
	if (!g->all && !bsearch(&s, g->stores, g->n, sizeof s, by_place))
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (memcmp(list[i].recipient, g->recovery, 16) != 0)
			continue;
		if (is_there(g, list, n, list[i].epoch))
			g->result->keys_before++;
		else if (pass_on(g, &list[i], err) != 0)
			return err->code;
	}
	return 0;
}

static int pass_all(struct granting *g, struct err *err)
{
	struct vault_key_place *list;
	size_t n, end;
	int rc = vault_list_keys(g->v, &list, &n, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < n; i = end) {
		for (end = i + 1; end < n && memcmp(&list[i], &list[end], sizeof(struct grant_store)) == 0;)
			end++;   /* writer and store come first in both */
		rc = pass_store(g, &list[i], end - i, err);
	}
	free(list);
	return rc;
}

/* ---- both ---- */

static int find_machine(struct granting *g, const char *machine, struct err *err)
{
	const struct vault *v = g->v;
	uint8_t stanza[SEAL_STANZA_BYTES], nothing[32] = { 0 };
	const struct charter_key *to = charter_find_name(v->charter, machine);
	if (!to) {
		err_set(err, ERR_ABSENT, "vault %s: there is no machine '%.100s'", v->short_id, machine);
		return err_hint(err, "'holdfast key list' names them");
	}
	if (!(to->roles & ROLES_READERS)) {
		err_set(err, ERR_INVALID, "%s has neither the role drill nor restorer: nothing can be "
		        "granted to it", to->name);
		return err_hint(err, "a machine that writes should not read; enrol another one for that");
	}
	/* before writers are told to seal to it */
	if (seal_stanza(stanza, nothing, to->box, nothing, "", 0) != 0)
		return err_set(err, ERR_CORRUPT, "the charter's box key of %s is none", to->name);
	g->to = *to;
	seal_key_id(g->recipient, to->box);
	seal_key_id(g->recovery, v->charter->recovery);
	return 0;
}

/* The charter comes first: a writer that makes an epoch meanwhile seals it to the machine itself. */
int grant_stores(struct vault *v, const char *machine, const struct grant_store *stores, size_t n,
                 bool all, struct grant_result *result, struct err *err)
{
	struct granting g = { .v = v, .n = n, .all = all, .result = result };
	*result = (struct grant_result){ .stores = 0 };
	if (!vault_root_sk(v) || !vault_can_read(v)) {
		err_set(err, ERR_KEY, "vault %s: granting takes the recovery code", v->short_id);
		return err_hint(err, "at the prompt, or with --passphrase-file");
	}
	struct grant_store *sorted = reallocarray(NULL, n + 1, sizeof *sorted);
	if (!sorted)
		return err_no_memory(err);
	if (n)
		memcpy(sorted, stores, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_place);
	g.stores = sorted;
	/* a call that was cut short, or another machine, may have granted some since */
	int rc = vault_refresh_charter(v, err);
	if (rc == 0)
		rc = find_machine(&g, machine, err);
	if (rc == 0)
		rc = enter_all(&g, err);
	if (rc == 0)
		rc = pass_all(&g, err);
	free(sorted);
	return rc;
}

bool grant_covers(const struct vault *v, const char *machine, const struct store_info *store)
{
	const struct charter_key *to = charter_find_name(v->charter, machine);
	return to && charter_granted(v->charter, to->id, store->writer, store->store);
}

bool grant_covers_all(const struct vault *v, const char *machine)
{
	const struct charter_key *to = charter_find_name(v->charter, machine);
	for (size_t i = 0; to && i < v->charter->n_grants; i++)
		if (v->charter->grants[i].all_writers && memcmp(v->charter->grants[i].to, to->id, 16) == 0)
			return true;
	return false;
}
