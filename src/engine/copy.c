/* The copy verb: the vault itself, then its stores, several at once where a network lies between. */
#include "holdfast/copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "engine/copy_log.h"
#include "engine/copying.h"
#include "engine/objects.h"
#include "format/charter.h"
#include "format/names.h"
#include "format/pack.h"
#include "vault/storage.h"
#include "vault/vault.h"

enum {
	REMOTE_AT_ONCE = 32,             /* stores: nearly all wait for answers of the storage */
	THREADS_DEFAULT = 4,
};

struct copy {
	struct copying_common all;
};

/* ---- the vault itself ---- */

static void begin(struct copying *c, const char *store)
{
	meter_begin(&c->meter, c->all->options->progress, store);
	meter_phase(&c->meter, "listing", 0);
}

int copy_vault(struct copy *copy, struct copy_result *result, struct err *err)
{
	struct copying c = { .all = &copy->all, .result = result };
	static const char *const files[] = { NAMES_ANCHOR, NAMES_FORMAT, NAMES_RECOVERY };
	static const char *const folders[] = { NAMES_CHARTERS, NAMES_SLOTS };
	int rc = 0;
	begin(&c, NULL);
	for (size_t i = 0; rc == 0 && i < sizeof files / sizeof *files; i++)
		rc = copying_fixed(&c, files[i], err);
	for (size_t i = 0; rc == 0 && i < sizeof folders / sizeof *folders; i++)
		rc = copying_folder(&c, folders[i], err);
	meter_end(&c.meter);
	return rc;
}

int copy_ledgers(struct copy *copy, struct copy_result *result, struct err *err)
{
	struct copying c = { .all = &copy->all, .result = result };
	const struct charter *charter = vault_charter(copy->all.from);
	int rc = 0;
	begin(&c, NULL);
	for (size_t i = 0; rc == 0 && i < charter->n_keys; i++)
		rc = copy_log(&c, charter->keys[i].id, err);
	meter_end(&c.meter);
	return rc;
}

/* ---- stores ---- */

struct store_job {
	const struct store_info *store;
	struct copy_result result;
	struct copying_marks *marks;
	enum { WAITING, COPIED, FAILED } state;
};

/* Threads that take one store after another. */
struct crew {
	struct copying_common *all;
	struct store_job *jobs;
	struct copying_marks *marks;     /* of each writer */
	size_t n, n_marks;
	size_t next, told;               /* under the lock, as what follows and the states */
	struct err failed;               /* of the first one, which ends all */
};

static struct copying_marks *marks_of(struct crew *w, const uint8_t writer[16])
{
	for (size_t i = 0; i < w->n_marks; i++)
		if (memcmp(w->marks[i].writer, writer, 16) == 0)
			return &w->marks[i];
	struct copying_marks *m = &w->marks[w->n_marks++];
	memcpy(m->writer, writer, 16);
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

static int crew_begin(struct crew *w, const struct store_info *const *stores, struct err *err)
{
	w->jobs = calloc(w->n + 1, sizeof *w->jobs);
	w->marks = calloc(w->n + 1, sizeof *w->marks);
	if (!w->jobs || !w->marks)
		return err_no_memory(err);
	for (size_t i = 0; i < w->n; i++)
		w->jobs[i] = (struct store_job){ stores[i], .marks = marks_of(w, stores[i]->writer) };
	return 0;
}

static void crew_end(struct crew *w)
{
	for (size_t i = 0; i < w->n_marks; i++) {
		objects_free(w->marks[i].list);
		pthread_mutex_destroy(&w->marks[i].lock);
	}
	free(w->marks);
	free(w->jobs);
}

/* In the order of the stores, whatever the order in which they end. The lock is held. */
static void tell_finished(struct crew *w)
{
	const struct copy_options *o = w->all->options;
	for (; w->told < w->n && w->jobs[w->told].state != WAITING; w->told++) {
		const struct store_job *job = &w->jobs[w->told];
		if (o->finished)
			o->finished(o->arg, w->told, job->state == FAILED, &job->result);
	}
}

static void finish(struct crew *w, struct store_job *job, int rc, const struct err *err)
{
	pthread_mutex_lock(&w->all->lock);
	job->state = rc == 0 ? COPIED : FAILED;
	if (rc != 0 && w->failed.code == ERR_NONE)
		w->failed = *err;
	atomic_store(&w->all->ended, w->failed.code != ERR_NONE);
	tell_finished(w);
	pthread_mutex_unlock(&w->all->lock);
}

static struct store_job *next_job(struct crew *w)
{
	pthread_mutex_lock(&w->all->lock);
	bool more = w->failed.code == ERR_NONE && w->next < w->n;
	struct store_job *job = more ? &w->jobs[w->next++] : NULL;
	pthread_mutex_unlock(&w->all->lock);
	return job;
}

static void *crew_work(void *arg)
{
	struct crew *w = arg;
	for (struct store_job *job; (job = next_job(w));) {
		struct copying c = { .all = w->all, .result = &job->result };
		struct err err = { 0 };
		begin(&c, job->store->name);
		int rc = copying_store(&c, job->store, job->marks, &err);
		meter_end(&c.meter);
		finish(w, job, rc, &err);
	}
	return NULL;
}

static void crew_run(struct crew *w)
{
	pthread_t threads[REMOTE_AT_ONCE];
	bool remote = w->all->to->remote || vault_storage(w->all->from)->remote;
	size_t n = 0, most = remote ? REMOTE_AT_ONCE : 1;
	while (n + 1 < most && n + 1 < w->n && pthread_create(&threads[n], NULL, crew_work, w) == 0)
		n++;
	crew_work(w);
	while (n > 0)
		pthread_join(threads[--n], NULL);
}

int copy_stores(struct copy *copy, const struct store_info *const *stores, size_t n, struct err *err)
{
	struct crew w = { .all = &copy->all, .n = n };
	int rc = crew_begin(&w, stores, err);
	if (rc == 0) {
		crew_run(&w);
		rc = w.failed.code;
	}
	if (w.failed.code != ERR_NONE)
		*err = w.failed;
	atomic_store(&copy->all.ended, false);
	crew_end(&w);
	return rc;
}

/* ---- open ---- */

static int must_be_empty(struct copying_common *c, struct err *err)
{
	char name[NAMES_MAX];
	int rc = vault_find_anything(c->to, name, err);
	if (rc <= 0)
		return rc;
	err_set(err, ERR_EXISTS, "%s: holds no vault, but is not empty (%s)", c->url, name);
	return err_hint(err, "give an empty or new place, or one that holds a copy of this vault");
}

static int check_target(struct copying_common *c, struct err *err)
{
	AUTO(buf) bytes = buf_new(CHARTER_LINE_MAX, err);
	if (!bytes)
		return err->code;
	int rc = storage_get_all(c->to, NAMES_ANCHOR, bytes, err);
	if (rc == ERR_ABSENT)
		return must_be_empty(c, err);
	if (rc == 0)
		rc = copying_verify_anchor(c, bytes, err);
	if (rc == 0)
		return 0;
	err_wrap(err, "%s: vault.json", c->url);
	return rc == ERR_FORK ? err_hint(err, "copy to an empty place, or to a copy of this vault") : rc;
}

/* As many threads as the storage makes use of, each with a whole pack in memory. */
static void divide(struct copying_common *all)
{
	size_t threads = all->to->connections ? all->to->connections : THREADS_DEFAULT;
	threads = threads < COPYING_THREADS_MAX ? threads : COPYING_THREADS_MAX;
	all->helpers = threads - 1;
	all->room = all->room_all = threads * PACK_BYTES;
}

struct copy *copy_open(struct vault *from, const char *url, const struct backend_options *storage,
                       const struct copy_options *options, struct err *err)
{
	struct copy *copy = calloc(1, sizeof *copy);
	if (!copy) {
		err_no_memory(err);
		return NULL;
	}
	copy->all = (struct copying_common){ .from = from, .url = url, .options = options };
	pthread_mutex_init(&copy->all.lock, NULL);
	pthread_cond_init(&copy->all.changed, NULL);
	copy->all.to = storage_open(url, storage, err);
	if (copy->all.to && check_target(&copy->all, err) == 0) {
		divide(&copy->all);
		return copy;
	}
	copy_free(copy);
	return NULL;
}

void copy_free(struct copy *copy)
{
	if (!copy)
		return;
	storage_free(copy->all.to);
	pthread_cond_destroy(&copy->all.changed);
	pthread_mutex_destroy(&copy->all.lock);
	free(copy);
}
