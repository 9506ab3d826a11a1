/* The backup verb: for every store, read it once and commit what changed. */
#include "holdfast/backup.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/run_record.h"
#include "engine/scan.h"
#include "engine/session.h"
#include "vault/tagfile.h"

enum {
	REHASH_DEFAULT_S = 7 * 86400,
	LEVEL_DEFAULT = 1,
	CHECK_ONE_IN = 16,
	SMALL_STORE_BYTES = 16 << 20,
	READING_AT_ONCE = 8,         /* small stores whose packs are in memory */
	SMALL_AT_ONCE = 8,
	REMOTE_AT_ONCE = 32,         /* nearly all wait for answers of the storage */
};

/* ---- one page file ---- */

static uint32_t choose_unit(const struct session *s, const struct source_entry *e)
{
	if (s->spec->unit_bytes)
		return s->spec->unit_bytes < e->page_bytes ? s->spec->unit_bytes : e->page_bytes;
	uint32_t unit = 512;
	for (uint64_t limit = UINT64_C(16) << 30; e->length_bytes > limit; limit *= 2)
		unit *= 2;
	return unit < e->page_bytes ? unit : e->page_bytes;
}

/* The base's file of that path, if its arrays can be compared with this one. */
static const struct state_file *base_file(const struct session *s, const struct source_entry *e)
{
	const struct state_file *f = s->base && !s->full ? state_find_file(s->base, e->path) : NULL;
	return f && f->page_bytes == e->page_bytes ? f : NULL;
}

/* A killed run may have stored parts of this file already, under a number of its own. */
static bool continue_file(const struct session *s, struct state_file *f)
{
	const struct state_file *j = s->resumed ? state_find_file(s->journaled, f->path) : NULL;
	if (!j || j->page_bytes != f->page_bytes)
		return false;
	f->number = j->number;
	f->unit_bytes = j->unit_bytes;
	return true;
}

static struct state_file *add_file(struct session *s, const struct source_entry *e,
                                   const struct state_file *known, struct err *err)
{
	char path[SOURCE_PATH_MAX + 1];
	snprintf(path, sizeof path, "%s", e->path);
	struct state_file f = { .path = path, .page_bytes = e->page_bytes, .length = e->length_bytes,
	                        .mode = e->mode, .uid = e->uid, .gid = e->gid,
	                        .mtime_ns = e->mtime_ns };
	f.unit_bytes = known ? known->unit_bytes : choose_unit(s, e);
	pthread_mutex_lock(&s->journal_lock);
	if (known)
		f.number = known->number;
	else if (!continue_file(s, &f))
		f.number = s->next->next_number++;
	struct state_file *added = state_add_file(s->next, &f, err);
	struct journal_file jf = { f.number, f.page_bytes, f.unit_bytes, path };
	if (added && s->journal && journal_add_file(s->journal, &jf, err) != 0)
		added = NULL;
	pthread_mutex_unlock(&s->journal_lock);
	return added;
}

static void advanced(void *arg, uint64_t bytes)
{
	struct session *s = arg;
	meter_done(&s->meter, bytes);
}

static int scan(struct session *s, struct state_file *f, const struct state_file *known,
                struct scan_result *result, struct err *err)
{
	/* a killed full has arrays too, of files that the base does not have */
	bool has_arrays = known || s->resumed;
	AUTO(tagfile) arrays = has_arrays ? tagfile_open(s->dir, s->next->generation, f->number,
	                                                 f->unit_bytes, err) : NULL;
	if (has_arrays && !arrays)
		return err->code;
	struct scan_options o = {
		.source = s->source, .packer = s->packer, .keys = &s->keys, .number = f->number,
		.page_bytes = f->page_bytes, .unit_bytes = f->unit_bytes, .length = f->length,
		.arrays = arrays, .known_length = s->resumed ? f->length : known ? known->length : 0,
		.evacuate = s->evacuate, .known = s->known, .kept = s->kept, .workers = s->workers,
		.level = (int)(s->spec->level ? s->spec->level : LEVEL_DEFAULT),
		.check_every = s->spec->paranoid ? 1 : CHECK_ONE_IN,
		.progress = s->options->progress, .advanced = advanced, .arg = s,
	};
	meter_phase(&s->meter, "reading", f->length);
	return scan_file(&o, result, err);
}

static bool same_metadata(const struct state_file *a, const struct state_file *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	       a->mtime_ns == b->mtime_ns;
}

int session_page_file(struct session *s, const struct source_entry *e, struct err *err)
{
	const struct state_file *known = base_file(s, e);
	struct state_file *f = add_file(s, e, known, err);
	struct scan_result r;
	if (!f || scan(s, f, known, &r, err) != 0)
		return err->code;
	memcpy(f->sum, r.sum, SUM_BYTES);
	s->result->bytes_read += r.bytes_read;
	s->result->bytes_changed += r.bytes_changed;
	s->result->bytes_evacuated += r.bytes_evacuated;
	/* what a killed run stored is not counted here, but told by the sum */
	if (!known || memcmp(known->sum, f->sum, SUM_BYTES) != 0 || r.bytes_evacuated ||
	    !same_metadata(known, f))
		s->changed = true;
	/* the arrays of a resumed run hold more than the base: they were verified when copied */
	if (r.arrays_damaged ||
	    (known && !s->resumed && memcmp(r.known_sum, known->sum, SUM_BYTES) != 0))
		s->damaged = true;
	s->units += r.units;
	s->changed_units += r.changed_units;
	if (!s->full && !s->resumed && s->units)
		s->next->churn_ppm = s->changed_units * 1000000 / s->units;
	return 0;
}

/* Files that are gone still count in what the base says of its packs. */
static int count_gone(struct session *s, struct err *err)
{
	for (uint32_t i = 0; i < s->base->n_files; i++) {
		const struct state_file *f = &s->base->files[i];
		const struct state_file *now = state_find_file(s->next, f->path);
		if (now && now->number == f->number)
			continue;
		struct state_file empty = *f;
		struct scan_result r;
		empty.length = 0;
		s->changed = true;
		if (scan(s, &empty, f, &r, err) != 0)
			return err->code;
		s->damaged |= r.arrays_damaged || memcmp(r.known_sum, f->sum, SUM_BYTES) != 0;
	}
	return 0;
}

int session_end_files(struct session *s, struct err *err)
{
	if (s->full || !s->base || s->resumed || s->stream)
		return 0;
	if (count_gone(s, err) != 0)
		return err->code;
	s->damaged |= !usage_matches(s->known, s->base);
	return 0;
}

/* ---- one store ---- */

static int read_store(struct session *s, struct err *err)
{
	struct source_entry e;
	int rc;
	if (s->source->ops->begin(s->source, err) != 0)
		return err->code;
	while ((rc = s->source->ops->next(s->source, &e, err)) == 1) {
		s->files++;
		if (meter_check(&s->meter, err) != 0)
			return err->code;
		if (e.page_bytes)
			rc = session_page_file(s, &e, err);
		else if (!s->stream && !(s->stream = stream_open(s, err)))
			rc = err->code;
		else
			rc = stream_entry(s->stream, &e, err);
		if (rc != 0)
			break;
	}
	if (rc == 0 && s->stream)
		rc = stream_flush(s->stream, err);
	return rc;
}

static int end_store(struct session *s, struct err *err)
{
	struct source_facts facts = { 0 };
	if (s->source->ops->end(s->source, &facts, s->next->stamp, err) != 0 ||
	    session_end_files(s, err) != 0)
		return err->code;
	if (facts.json && !(s->next->facts = strdup(facts.json)))
		return err_no_memory(err);
	s->next->last_read_s = s->now_s;
	return s->packer ? packer_finish(s->packer, err) : 0;
}

/* Nothing to read: the same packs and files again, under a new signed head. */
static int repeat_snapshot(struct session *s, struct err *err)
{
	const struct state *b = s->base;
	struct state *n = s->next;
	memcpy(n->stamp, b->stamp, sizeof n->stamp);
	n->last_read_s = b->last_read_s;
	if (b->facts && !(n->facts = strdup(b->facts)))
		return err_no_memory(err);
	for (uint32_t i = 0; i < b->n_files; i++)
		if (!state_add_file(n, &b->files[i], err))
			return err->code;
	for (uint32_t i = 0; i < s->base->n_packs; i++) {
		struct usage_pack *u = &s->kept->packs[b->packs[i].serial - s->kept->first];
		*u = (struct usage_pack){ b->packs[i].live, b->packs[i].zeros };
	}
	return 0;
}

/* The source says that nothing changed, and it was read again not too long ago. */
static int is_unchanged(struct session *s, bool *unchanged, struct err *err)
{
	char stamp[SOURCE_STAMP_MAX] = "";
	uint64_t rehash = s->spec->rehash_s ? s->spec->rehash_s : REHASH_DEFAULT_S;
	*unchanged = false;
	if (s->full || s->options->reread)
		return 0;
	if (s->source->ops->stamp(s->source, stamp, err) != 0)
		return err->code;
	*unchanged = stamp[0] && strcmp(stamp, s->base->stamp) == 0 &&
	             s->now_s >= s->base->last_read_s && s->now_s - s->base->last_read_s < rehash;
	return 0;
}

static int run_session(struct session *s, bool force_full, struct err *err)
{
	bool unchanged;
	if (session_open(s, force_full, err) != 0 || is_unchanged(s, &unchanged, err) != 0)
		return err->code;
	if (unchanged && session_may_stay(s)) {
		s->stays = true;
		return 0;
	}
	if (session_start(s, !unchanged, err) != 0)
		return err->code;
	if (s->damaged)
		return 0;
	/* the key of the epoch may turn out to be lost: then everything is stored anew after all */
	unchanged = unchanged && !s->full;
	int rc = unchanged ? repeat_snapshot(s, err) : read_store(s, err);
	if (rc == 0 && !unchanged)
		rc = end_store(s, err);
	if (rc != 0) {
		if (s->packer)
			packer_stop(s->packer, err);
		return rc;
	}
	return s->damaged || s->options->dry_run ? 0 : session_commit(s, err);
}

static void fill_result(const struct session *s, struct backup_result *r)
{
	const struct state *newest = s->stays ? s->base : s->next;
	r->seq = newest->seq;
	r->kind = s->full ? SNAPSHOT_FULL : s->changed ? SNAPSHOT_INCREMENTAL : SNAPSHOT_UNCHANGED;
	run_record_current(s->record, s->number, newest->seq, newest->head_hash);
	if (s->packer) {
		r->bytes_stored = packer_stored_bytes(s->packer);
		r->packs = packer_stored_packs(s->packer);
	}
}

/* ---- one run over many stores ---- */

struct crew {
	struct vault *vault;
	const struct backup_store *stores;
	const struct backup_options *options;
	struct backup_result *results;
	struct doomed *doomed;
	struct run_record *record;
	sem_t reading;
	const size_t *order;
	size_t n;
	atomic_size_t next;
};

/* What one attempt may find out, so that another one is needed. */
enum again { AGAIN_FULL = 1, AGAIN_LOOKING };

/* How an attempt is made. */
struct attempt {
	unsigned workers;
	bool force_full, looking;    /* looking: do not rely on the ledger */
};

/* enum again: the state turned out damaged, or the ledger not to tell all. */
static int try_backup(struct crew *c, const struct backup_store *spec, const struct attempt *how,
                      struct backup_result *result, struct err *err)
{
	struct session *s = calloc(1, sizeof *s);
	if (!s)
		return err_no_memory(err);
	*s = (struct session){ .vault = c->vault, .spec = spec, .options = c->options,
	                       .result = result, .workers = how->workers, .doomed = c->doomed,
	                       .record = c->record, .reading = &c->reading, .lock_fd = -1,
	                       .number = (size_t)(spec - c->stores),
	                       .proven = !how->looking && run_record_proves(c->record) };
	pthread_mutex_init(&s->journal_lock, NULL);
	meter_begin(&s->meter, s->options->progress, spec->source.name);
	int rc = run_session(s, how->force_full, err);
	if (rc == ERR_SPACE && !err->hint[0])
		err_hint(err, "the state folder %.200s is full: make room there and repeat",
		         vault_state_dir(s->vault));
	if (rc == 0 && s->outdated)
		rc = AGAIN_LOOKING;
	else if (rc == 0 && s->damaged && !s->options->dry_run) {
		session_warn(s, ERR_CORRUPT, "%s: the local state did not belong to the newest snapshot; "
		             "a full snapshot was taken", spec->source.name);
		rc = AGAIN_FULL;
	}
	if (rc == 0)
		fill_result(s, result);
	session_close(s);
	/* the last packs of a run that was stopped may have been on their way until here */
	meter_end(&s->meter);
	free(s);
	return rc;
}

static void backup_one(struct crew *c, size_t number, unsigned workers)
{
	const struct backup_store *spec = &c->stores[number];
	struct backup_result *result = &c->results[number];
	uint64_t began = meter_now_ms();
	struct err err = { 0 };
	memset(result, 0, sizeof *result);
	struct attempt how = { .workers = workers };
	int rc = try_backup(c, spec, &how, result, &err);
	while ((rc == AGAIN_LOOKING && !how.looking) || (rc == AGAIN_FULL && !how.force_full)) {
		how.force_full = rc == AGAIN_FULL;
		how.looking = true;
		result->bytes_read = result->bytes_changed = result->bytes_evacuated = 0;
		rc = try_backup(c, spec, &how, result, &err);
	}
	if (rc > 0)
		rc = err_set(&err, ERR_CORRUPT, "%s: the vault lost what was just stored",
		             spec->source.name);
	if (rc != 0)
		result->err = err;
	result->duration_ms = meter_now_ms() - began;
}

static void *crew_work(void *arg)
{
	struct crew *c = arg;
	for (size_t i; (i = atomic_fetch_add(&c->next, 1)) < c->n;)
		backup_one(c, c->order[i], 1);
	return NULL;
}

static void run_crew(struct crew *c)
{
	pthread_t threads[REMOTE_AT_ONCE];
	size_t n = 0, most = vault_storage(c->vault)->remote ? REMOTE_AT_ONCE : SMALL_AT_ONCE;
	while (n + 1 < most && n + 1 < c->n && pthread_create(&threads[n], NULL, crew_work, c) == 0)
		n++;
	crew_work(c);
	while (n > 0)
		pthread_join(threads[--n], NULL);
}

/* Small enough that several at once stay within the memory of one pool of packs. */
static bool is_small(const struct backup_store *s)
{
	struct stat st;
	return s->source.path && stat(s->source.path, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size <= SMALL_STORE_BYTES;
}

/* Small stores first, several at once; then the others, each with all cores. */
static void run_all(struct crew *c, size_t *order, size_t n)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t small = 0, large = n;
	for (size_t i = 0; i < n; i++)
		order[is_small(&c->stores[i]) ? small++ : --large] = i;
	c->order = order;
	c->n = small;
	if (small)
		run_crew(c);
	for (size_t i = n; i-- > small;)
		backup_one(c, order[i], cores > 1 ? (unsigned)cores : 1);
}

static void write_record(struct crew *c)
{
	struct err err = { 0 };
	if (run_record_end(c->record, c->stores, c->results, &err) != 0 && c->options->warning)
		*c->options->warning = err;
}

int backup_run(struct vault *v, const struct backup_store *stores, size_t n,
               const struct backup_options *options, struct backup_result *results,
               struct err *err)
{
	if (vault_need_writer(v, err) != 0)
		return err->code;
	if (!vault_state_dir(v))
		return err_set(err, ERR_INVALID, "no state folder is configured");
	AUTO(doomed) doomed = doomed_new(err);
	AUTO(run_record) record = options->dry_run ? NULL : run_record_new(v, n, err);
	size_t *order = doomed && (record || options->dry_run) ? calloc(n + 1, sizeof *order) : NULL;
	if (!order)
		return err_no_memory(err);
	struct crew c = { .vault = v, .stores = stores, .options = options, .results = results,
	                  .doomed = doomed, .record = record };
	sem_init(&c.reading, 0, READING_AT_ONCE);
	run_all(&c, order, n);
	sem_destroy(&c.reading);
	free(order);
	if (record)
		write_record(&c);
	for (size_t i = 0; i < n; i++)
		if (results[i].err.code != ERR_NONE) {
			*err = results[i].err;
			return err->code;
		}
	return 0;
}
