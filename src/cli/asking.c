#include "cli/asking.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/crew.h"
#include "cli/output.h"

enum { WINDOW = 256 };   /* stores whose snapshots are in memory: some 100 bytes each */

/* ---- the newest ---- */

struct newest {
	struct vault *vault;
	struct asking_newest *list;
};

bool asking_concerns_one(int code)
{
	return code == ERR_CORRUPT || code == ERR_FORK || code == ERR_LIMIT || code == ERR_NEWER;
}

static int ask_newest(void *arg, uint64_t number, struct err *err)
{
	const struct newest *all = arg;
	struct asking_newest *q = &all->list[number];
	if (!q->store)
		return 0;
	int rc = snapshot_select(all->vault, q->store, NULL, &q->newest, err);
	q->found = rc == 0;
	if (rc == 0 || rc == ERR_ABSENT)
		return 0;
	if (q->label)
		output_name(err, q->label);
	if (!asking_concerns_one(rc))
		return rc;
	q->why = *err;
	return 0;
}

int asking_newest(struct vault *v, struct asking_newest *list, size_t n, struct err *err)
{
	struct newest all = { v, list };
	for (size_t i = 0; i < n; i++) {
		list[i].found = false;
		list[i].why.code = ERR_NONE;
	}
	return crew_run(vault_at_once(v), n, ask_newest, &all, err);
}

/* ---- all snapshots ---- */

struct answer {
	struct snapshot_info *list;
	size_t n, cap;
	bool done;
};

struct window {
	struct vault *vault;
	const struct store_entry *entries;
	size_t n;
	struct answer answers[WINDOW];
};

static int keep(void *arg, const struct snapshot_info *info, struct err *err)
{
	struct answer *a = arg;
	if (a->n == a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 16;
		struct snapshot_info *grown = reallocarray(a->list, cap, sizeof *grown);
		if (!grown)
			return err_no_memory(err);
		a->list = grown;
		a->cap = cap;
	}
	a->list[a->n++] = *info;
	return 0;
}

static int ask_snapshots(void *arg, uint64_t number, struct err *err)
{
	struct window *w = arg;
	const struct store_entry *e = &w->entries[number];
	struct answer *a = &w->answers[number];
	if (snapshot_list(w->vault, &e->info, keep, a, err) != 0) {
		output_name(err, e->label);
		return err->code;
	}
	a->done = true;
	return 0;
}

static int visit_window(struct window *w, asking_visit *visit, void *arg, struct err *err)
{
	struct err why = { 0 };
	int rc = 0;
	memset(w->answers, 0, sizeof w->answers);
	crew_run(vault_at_once(w->vault), w->n, ask_snapshots, w, &why);
	for (size_t i = 0; i < w->n && w->answers[i].done && rc == 0; i++)
		rc = visit(arg, &w->entries[i], w->answers[i].list, w->answers[i].n, err);
	for (size_t i = 0; i < w->n; i++)
		free(w->answers[i].list);
	if (rc != 0 || why.code == ERR_NONE)
		return rc;
	*err = why;
	return why.code;
}

int asking_snapshots(struct vault *v, const struct stores *stores, asking_visit *visit, void *arg,
                     struct err *err)
{
	/* where nobody waits for a network, each is told of as soon as it is known */
	size_t most = vault_at_once(v) > 1 ? WINDOW : 1;
	struct window w = { .vault = v };
	int rc = 0;
	for (size_t i = 0; i < stores->n && rc == 0; i += w.n) {
		w.entries = &stores->entries[i];
		w.n = stores->n - i < most ? stores->n - i : most;
		rc = visit_window(&w, visit, arg, err);
	}
	return rc;
}
