/* Finding, listing and comparing snapshots. */
#include "holdfast/snapshot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/chain.h"
#include "engine/open.h"
#include "engine/select_time.h"
#include "holdfast/err.h"
#include "vault/vault.h"

const char *snapshot_kind_text(enum snapshot_kind kind)
{
	return head_kind_text((enum head_kind)kind);
}

/* The object itself is the trouble, not the way to it. */
static bool is_damage(int rc)
{
	return rc == ERR_CORRUPT || rc == ERR_FORK || rc == ERR_NEWER || rc == ERR_ABSENT;
}

/* ---- list ---- */

static int visit_one(const struct heads_entry *before, const struct heads_entry *e,
                     snapshot_visit *visit, void *arg, struct err *err)
{
	struct snapshot_info info;
	if (before && chain_verify(before, e, err) != 0)
		return err->code;
	if (chain_describe(&info, before, e, err) != 0)
		return err->code;
	return visit(arg, &info, err);
}

static int list_all(struct vault *v, const struct store_info *store, const uint64_t *seqs,
                    size_t n, snapshot_visit *visit, void *arg, struct err *err)
{
	AUTO(heads_entry) before = NULL;
	for (size_t i = 0; i < n; i++) {
		AUTO(heads_entry) e = heads_load(v, store->writer, store->store, seqs[i], false, err);
		if (!e)
			return err->code;
		int rc = visit_one(before, e, visit, arg, err);
		if (rc != 0)
			return rc;
		heads_entry_free(before);
		before = TAKE(e);
	}
	return 0;
}

int snapshot_list(struct vault *v, const struct store_info *store, snapshot_visit *visit,
                  void *arg, struct err *err)
{
	uint64_t *seqs;
	size_t n;
	if (heads_list(v, store->writer, store->store, &seqs, &n, err) != 0)
		return err->code;
	int rc = list_all(v, store, seqs, n, visit, arg, err);
	free(seqs);
	return rc;
}

/* ---- select ---- */

struct selecting {
	struct vault *v;
	const struct store_info *store;
	const char *spec;
	uint64_t *seqs;
	size_t n;
};

static struct heads_entry *load(const struct selecting *s, size_t i, struct err *err)
{
	return heads_load(s->v, s->store->writer, s->store->store, s->seqs[i], false, err);
}

static const char *store_name(const struct store_info *store)
{
	return store->name ? store->name : "this store";
}

/* "12 of 2026-11-22 02:15:00", or the number alone where its head cannot be read. */
static void describe(const struct selecting *s, size_t i, char out[64])
{
	struct err ignored;
	struct tm tm;
	char when[32] = "";
	AUTO(heads_entry) e = load(s, i, &ignored);
	time_t t = e ? (time_t)e->head.time_s : 0;
	if (e && localtime_r(&t, &tm))
		strftime(when, sizeof when, " of %Y-%m-%d %H:%M:%S", &tm);
	snprintf(out, 64, "%" PRIu64 "%s", s->seqs[i], when);
}

static int none(const struct selecting *s, const char *what, struct err *err)
{
	char first[64], last[64];
	describe(s, 0, first);
	describe(s, s->n - 1, last);
	err_set(err, ERR_ABSENT, "%s: there is no snapshot %s%.100s; the first is %s, the last %s",
	        store_name(s->store), what, s->spec, first, last);
	return err_hint(err, "list them all with 'holdfast snapshots'");
}

static int by_number(const struct selecting *s, size_t *at, struct err *err)
{
	uint64_t seq = 0;
	for (const char *p = s->spec; *p; p++)
		if (__builtin_mul_overflow(seq, 10u, &seq) ||
		    __builtin_add_overflow(seq, (uint64_t)(*p - '0'), &seq))
			return none(s, "", err);
	for (size_t i = 0; i < s->n; i++)
		if (s->seqs[i] == seq) {
			*at = i;
			return 0;
		}
	return none(s, "", err);
}

/* From the newest on, since a clock that was set back must not hide what came later. */
static int by_time(const struct selecting *s, size_t *at, struct err *err)
{
	int64_t moment;
	if (!select_time(s->spec, (int64_t)time(NULL), &moment)) {
		err_set(err, ERR_INVALID, "'%.100s' names no snapshot", s->spec);
		return err_hint(err, "a number, 'latest', 'yesterday', 2026-11-22 or 2026-11-22T02:15");
	}
	for (size_t i = s->n; i-- > 0;) {
		AUTO(heads_entry) e = load(s, i, err);
		if (!e && is_damage(err->code))
			err_hint(err, "its time is not known; take another snapshot by its number");
		if (!e)
			return err->code;
		if ((int64_t)e->head.time_s <= moment) {
			*at = i;
			return 0;
		}
	}
	return none(s, "as old as ", err);
}

/* A damaged neighbour must not stand in the way of a good snapshot. */
static int finish(const struct selecting *s, size_t at, bool linked, struct snapshot_info *out,
                  struct err *err)
{
	AUTO(heads_entry) e = load(s, at, err);
	if (!e)
		return err->code;
	AUTO(heads_entry) before = at > 0 ? load(s, at - 1, err) : NULL;
	if (at > 0 && !before && !is_damage(err->code))
		return err->code;
	if (linked && before && chain_verify(before, e, err) != 0)
		return err_hint(err, "to take it nevertheless, name it by its number: %" PRIu64,
		                e->head.seq);
	return chain_describe(out, before, e, err);
}

static int pick(const struct selecting *s, struct snapshot_info *out, struct err *err)
{
	size_t at = s->n - 1;
	bool number = *s->spec && s->spec[strspn(s->spec, "0123456789")] == '\0';
	int rc = 0;
	if (s->n == 0) {
		err_set(err, ERR_ABSENT, "%s: has no snapshots", store_name(s->store));
		return err_hint(err, "take one with 'holdfast backup'");
	}
	if (number)
		rc = by_number(s, &at, err);
	else if (*s->spec && strcmp(s->spec, "latest") != 0)
		rc = by_time(s, &at, err);
	return rc == 0 ? finish(s, at, !number, out, err) : rc;
}

int snapshot_select(struct vault *v, const struct store_info *store, const char *spec,
                    struct snapshot_info *out, struct err *err)
{
	struct selecting s = { .v = v, .store = store, .spec = spec ? spec : "" };
	bool wide = vault_lists_mirrors(v);
	if (heads_list(v, store->writer, store->store, &s.seqs, &s.n, err) != 0)
		return err->code;
	int rc = pick(&s, out, err);
	free(s.seqs);
	if (rc != ERR_ABSENT || wide)
		return rc;
	/* it may have been another thread that had them listed */
	vault_list_mirrors(v);
	return vault_lists_mirrors(v) ? snapshot_select(v, store, spec, out, err) : rc;
}

/* ---- files ---- */

static int visit_files(const struct open_snapshot *s, snapshot_file_visit *visit, void *arg,
                       struct err *err)
{
	struct body_file f;
	int rc;
	AUTO(body_reader) r = open_snapshot_body(s, err);
	if (!r)
		return err->code;
	while ((rc = body_next(r, s->entry->head.n_packs, &f, err)) == 1) {
		struct snapshot_file file = { .number = f.number };
		open_entry(&file.entry, &f);
		if ((rc = visit(arg, &file, err)) != 0)
			return rc;
	}
	return rc;
}

int snapshot_files(struct vault *v, const struct store_info *store, uint64_t seq,
                   snapshot_file_visit *visit, void *arg, char **facts, struct err *err)
{
	AUTO(open_snapshot) s = open_snapshot_new(v, store->writer, store->store, seq, err);
	if (!s)
		return err->code;
	char *copy = facts ? strdup(s->facts) : NULL;
	if (facts && !copy)
		return err_no_memory(err);
	int rc = visit_files(s, visit, arg, err);
	if (rc == 0 && facts)
		*facts = TAKE(copy);
	free(copy);
	return rc;
}
