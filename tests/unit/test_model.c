/*
 * Random histories of one store against a model that simply remembers every file of every night:
 * growth, truncation, deletion, values that come back, kills at any call, lost, old and damaged
 * state, a vault that loses snapshots or packs, expiry. Whatever is committed must come back.
 *
 * wrap: open64 write pwrite64 rename unlink unlinkat ftruncate64 mkdir
 *
 *   HOLDFAST_TEST_HISTORIES=N   how many (1000)
 *   HOLDFAST_TEST_SEED=N        this one alone, told night by night
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <malloc.h>
#include <cmocka.h>

#include "../../backends/faulty.h"
#include "holdfast/check.h"
#include "holdfast/snapshot.h"
#include "history.h"
#include "strike.h"

enum { NIGHTS = 20, KEPT = 6, VALUES = 5, FILES = 3, PAGES_MAX = 200 };

/* How a night was cut short. */
enum fate { UNHARMED, VAULT_DIES, PUT_LOST, DISK_DIES, SOURCE_FAILS, FATES };

/* What all histories met: a test that never meets a case does not test it. */
static struct {
	unsigned long nights, kinds[3], failed[FATES], struck[FATES], resumed, committed_unseen, forks,
		gone_packs, damaged, expired, state_lost, state_old, rolled_back, files_gone, units;
	uint64_t evacuated;
} met;

struct model {
	struct history h;
	struct lab *lab;
	uint64_t random;
	unsigned night, seed;
	bool loud;
	char folder[LAB_PATH + 80], before[2][LAB_PATH];   /* state; of one and two nights ago */
	struct pages_image images[2];                      /* files of one and two nights ago */
	bool warning_due;            /* a fork was seen by a run that then failed */
	uint64_t seq_due;            /* the next snapshot's number is above this */
	bool tampered;               /* packs or arrays: more than expected may be said, and done */
	bool vault_lost;             /* packs are gone or doomed: check finds problems */
	struct err err;
};

/* ---- randomness: everything follows from the seed ---- */

static uint64_t draw(struct model *m)
{
	uint64_t z = m->random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static unsigned below(struct model *m, size_t n) { return n ? (unsigned)(draw(m) % n) : 0; }
static bool percent(struct model *m, unsigned n) { return below(m, 100) < n; }

static void tell(const struct model *m, const char *what)
{
	if (m->loud)
		print_message("  night %u: %s\n", m->night, what);
}

/* ---- the store ---- */

static void write_somewhere(struct model *m, struct pages_file *f)
{
	size_t unit = percent(m, 50) ? 512 : f->page_bytes, units = (f->len + unit - 1) / unit;
	unsigned first = below(m, units), n = 1 + below(m, percent(m, 20) ? units : 8);
	uint64_t value = below(m, VALUES);   /* few: what was there before comes back; 0 are zeros */
	for (unsigned i = first; i < first + n && i < units; i++) {
		size_t at = i * unit, len = f->len - at < unit ? f->len - at : unit;
		if (percent(m, 10))
			pages_noise(f->bytes + at, len, draw(m));
		else
			pages_fill(f->bytes + at, len, value);
	}
}

/* Sometimes not at a page's end. */
static size_t some_length(struct model *m, uint32_t page)
{
	size_t pages = percent(m, 70) ? 1 + below(m, 20) : below(m, PAGES_MAX);
	return pages * page + (percent(m, 15) ? below(m, page) : 0);
}

static bool new_file(struct model *m)
{
	static const uint32_t sizes[] = { 512, 1024, 4096 };
	char path[PAGES_NAME];
	snprintf(path, sizeof path, "file-%u", below(m, FILES));
	struct pages_image *now = &m->h.store.now;
	if (pages_find(now, path))
		return true;
	uint32_t page = sizes[below(m, 3)];
	struct pages_file *f = pages_add(now, path, page, some_length(m, page));
	if (!f)
		return false;
	for (size_t at = 0; at < f->len; at += page)
		pages_fill(f->bytes + at, f->len - at < page ? f->len - at : page, below(m, VALUES));
	return true;
}

static bool change_file(struct model *m, struct pages_file *f)
{
	unsigned what = below(m, 100);
	if (what < 8)
		return pages_resize(f, below(m, f->len + 1));
	if (what < 20) {
		size_t was = f->len;
		if (was > (size_t)PAGES_MAX * 8192)
			return true;
		if (!pages_resize(f, was + some_length(m, f->page_bytes) / 4))
			return false;
		if (percent(m, 70) && f->len > was)
			pages_fill(f->bytes + was, f->len - was, below(m, VALUES));
		return true;
	}
	f->mtime_ns = (int64_t)(draw(m) >> 20);
	if (f->len > 0)
		write_somewhere(m, f);
	return true;
}

static bool change_store(struct model *m)
{
	struct pages_store *s = &m->h.store;
	unsigned changes = percent(m, 12) ? 0 : 1 + below(m, 6);
	for (unsigned i = 0; i < changes; i++) {
		if (s->now.n == 0 || percent(m, 8)) {
			if (!new_file(m))
				return false;
		} else if (percent(m, 4)) {
			pages_remove(&s->now, below(m, s->now.n));
			met.files_gone++;
		} else if (!change_file(m, &s->now.files[below(m, s->now.n)]))
			return false;
	}
	/* a night as the one before the last: units of a killed run turn back to the base's */
	if (percent(m, 6)) {
		pages_clear(&s->now);
		if (!pages_copy(&s->now, &m->images[1]))
			return false;
		changes++;
	}
	if (changes)
		s->version = 1 + (unsigned long)(draw(m) >> 1);
	return true;
}

/* ---- what happens to state and vault between nights ---- */

static int lose_state(struct model *m)
{
	tell(m, "state lost");
	met.state_lost++;
	m->warning_due = false;
	m->seq_due = 0;
	return scratch_remove(m->folder) != 0 && access(m->folder, F_OK) == 0
	     ? err_set(&m->err, ERR_IO, "%s", m->folder) : 0;
}

static int old_state(struct model *m)
{
	tell(m, "state of two nights ago");
	met.state_old++;
	m->warning_due = false;
	m->seq_due = 0;
	return lab_copy_folder(m->before[1], m->folder, &m->err);
}

static int damage_state(struct model *m)
{
	struct dirent **list;
	char path[3 * LAB_PATH];
	struct stat st;
	int n = scandir(m->folder, &list, NULL, alphasort);
	if (n < 0)
		return 0;
	int pick = 2 + (int)below(m, (size_t)(n - 2));
	if (pick < n) {
		snprintf(path, sizeof path, "%s/%s", m->folder, list[pick]->d_name);
		if (stat(path, &st) == 0 && st.st_size > 0 &&
		    lab_flip(path, draw(m) % (uint64_t)st.st_size, below(m, 8))) {
			tell(m, list[pick]->d_name);
			m->tampered = true;
		}
	}
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return 0;
}

static int remove_snapshot(struct model *m, size_t at)
{
	char name[NAMES_MAX];
	names_snapshot(name, m->h.info.writer, m->h.info.store, m->h.moments[at].seq);
	if (lab_remove(m->lab, name, &m->err) != 0)
		return m->err.code;
	history_forget(&m->h, at);
	return 0;
}

/* The vault of some nights ago. */
/* A run that committed may have died while its arrays were becoming those of the new snapshot. */
static bool state_is_between(const struct model *m)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/base.new", m->folder);
	return access(path, F_OK) == 0;
}

static int roll_back(struct model *m)
{
	for (unsigned n = 1 + below(m, 2); n > 0 && m->h.n > 1; n--)
		if (remove_snapshot(m, m->h.n - 1) != 0)
			return m->err.code;
	tell(m, "vault rolled back");
	m->tampered |= m->vault_lost || state_is_between(m);
	met.rolled_back++;
	return 0;
}

static struct heads_entry *load_head(struct model *m, uint64_t seq)
{
	return heads_load(m->lab->reader, m->h.info.writer, m->h.info.store, seq, false, &m->err);
}

static bool lists(const struct heads_entry *e, const uint8_t id[32])
{
	for (uint32_t i = 0; i < e->head.n_packs; i++)
		if (memcmp(e->head.packs[i].id, id, 32) == 0)
			return true;
	return false;
}

/* A pack of the newest snapshot is deleted, or marked to be. */
static int lose_pack(struct model *m)
{
	char name[NAMES_MAX], hex[65];
	AUTO(heads_entry) e = m->h.n ? load_head(m, m->h.moments[m->h.n - 1].seq) : NULL;
	if (!e || e->head.n_packs == 0)
		return m->h.n ? m->err.code : 0;
	const uint8_t *id = e->head.packs[below(m, e->head.n_packs)].id;
	m->tampered = m->vault_lost = true;
	if (percent(m, 50)) {
		tell(m, "a base pack is doomed");
		names_doomed(name, m->h.info.writer);
		snprintf(name + strlen(name), 65, "%s", hex_encode(hex, id, 32));
		return storage_put(vault_storage(m->lab->reader), name, "x", 1, BACKEND_REPLACE, &m->err);
	}
	tell(m, "a base pack is gone");
	for (size_t i = m->h.n; i-- > 0;) {
		AUTO(heads_entry) other = load_head(m, m->h.moments[i].seq);
		if (!other)
			return m->err.code;
		if (lists(other, id))
			history_forget(&m->h, i);   /* cannot come back; its object stays */
	}
	names_pack(name, m->h.info.writer, m->h.info.store, id);
	return lab_remove(m->lab, name, &m->err);
}

/* Packs that no snapshot lists go: those of expired ones, and what killed runs left. */
static int prune(struct model *m)
{
	struct lab_names packs;
	char prefix[NAMES_MAX];
	uint64_t *seqs;
	size_t n;
	if (heads_list(m->lab->reader, m->h.info.writer, m->h.info.store, &seqs, &n, &m->err) != 0)
		return m->err.code;
	struct heads_entry **heads = calloc(n + 1, sizeof *heads);
	int rc = heads ? 0 : ERR_NOMEM;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = (heads[i] = load_head(m, seqs[i])) ? 0 : m->err.code;
	names_packs(prefix, m->h.info.writer, m->h.info.store);
	if (rc == 0)
		rc = lab_list(m->lab, prefix, &packs, &m->err);
	for (size_t p = 0; rc == 0 && p < packs.n; p++) {
		uint8_t id[32];
		bool used = false;
		names_tail_id(packs.names[p], id, 32);
		for (size_t i = 0; i < n && !used; i++)
			used = lists(heads[i], id);
		if (!used)
			rc = lab_remove(m->lab, packs.names[p], &m->err);
	}
	if (heads && rc != ERR_NOMEM)
		free(packs.names);
	for (size_t i = 0; heads && i < n; i++)
		heads_entry_free(heads[i]);
	free(heads);
	free(seqs);
	return rc;
}

static int expire(struct model *m)
{
	bool any = false;
	while (m->h.n > 1 && (m->h.n > KEPT || percent(m, 25))) {
		any = true;
		met.expired++;
		if (remove_snapshot(m, below(m, m->h.n - 1)) != 0)
			return m->err.code;
	}
	return any || percent(m, 10) ? prune(m) : 0;
}

static int happen(struct model *m)
{
	unsigned what = below(m, 100);
	return what < 4 ? lose_state(m) : what < 8 ? old_state(m) : what < 12 ? roll_back(m)
	     : what < 15 ? lose_pack(m) : what < 18 ? damage_state(m) : what < 45 ? expire(m) : 0;
}

/* ---- what the next run must say, told by looking at state and vault alone ---- */

struct outlook {
	uint64_t there;              /* the vault's newest snapshot */
	bool has_base, agrees, damaged;
	uint64_t base_seq;
	bool journal;
};

static bool is_newest(const struct state *s, const struct heads_entry *newest)
{
	return newest && s->seq == newest->head.seq && memcmp(s->head_hash, newest->hash, 32) == 0;
}

static int look(struct model *m, struct outlook *o)
{
	uint64_t *seqs;
	size_t n;
	char path[3 * LAB_PATH];
	struct err ignored = { 0 };
	*o = (struct outlook){ 0 };
	if (heads_list(m->lab->reader, m->h.info.writer, m->h.info.store, &seqs, &n, &m->err) != 0)
		return m->err.code;
	o->there = n ? seqs[n - 1] : 0;
	free(seqs);
	AUTO(heads_entry) newest = n ? load_head(m, o->there) : NULL;
	if (n && !newest)
		return m->err.code;
	const uint8_t *key = vault_keyfile(m->lab->writer)->state->bytes;
	AUTO(state) next = state_load(m->folder, "base.new", m->h.info.store, key, &ignored);
	AUTO(state) base = state_load(m->folder, "base", m->h.info.store, key, &ignored);
	o->damaged = !base && ignored.code == ERR_CORRUPT;
	const struct state *counts = next && is_newest(next, newest) ? next : base;
	o->has_base = counts != NULL;
	o->agrees = counts && is_newest(counts, newest);
	o->base_seq = counts ? counts->seq : 0;
	snprintf(path, sizeof path, "%s/journal", m->folder);
	o->journal = access(path, F_OK) == 0;
	return 0;
}

static int unexpected(struct model *m, const char *what)
{
	struct err was = m->err;
	return err_set(&m->err, ERR_INVALID, "%s (%.200s; warning %d: %.150s)", what, was.msg,
	               m->h.result.warning.code, m->h.result.warning.msg);
}

/* A night that went through. */
static int judge(struct model *m, const struct outlook *o, enum fate fate)
{
	const struct backup_result *r = &m->h.result;
	enum err_code said = r->warning.code;
	bool disagree = o->has_base && !o->agrees;
	met.kinds[r->kind]++;
	met.evacuated += r->bytes_evacuated;
	met.resumed += o->journal && said == ERR_NONE;
	met.forks += said == ERR_FORK || said == ERR_EXISTS;
	met.gone_packs += said == ERR_ABSENT;
	met.damaged += said == ERR_CORRUPT;
	/* the newest stays, and is remembered already */
	bool stays = r->kind == SNAPSHOT_UNCHANGED && o->agrees && r->seq == o->there && !r->bytes_read;
	if (stays)
		history_forget(&m->h, m->h.n - 1);
	if (!stays && (r->seq <= o->there || r->seq <= m->seq_due))
		return unexpected(m, "a number was given twice");
	if ((disagree || m->warning_due) && said != ERR_FORK && said != ERR_EXISTS)
		return unexpected(m, "two histories, and not a word of it");
	if (disagree && o->base_seq > o->there && said != ERR_FORK)
		return unexpected(m, "a rolled back vault was not called so");
	if ((!o->agrees || m->h.options.full) && r->kind != SNAPSHOT_FULL)
		return unexpected(m, "not a full");
	if (said != ERR_NONE && r->kind != SNAPSHOT_FULL && fate != DISK_DIES)
		return unexpected(m, "a warning, and no full");
	if (said != ERR_NONE && !disagree && !m->warning_due && !m->tampered && fate != DISK_DIES)
		return unexpected(m, "an unexpected warning");
	if (o->agrees && !m->h.options.full && !m->tampered && r->kind == SNAPSHOT_FULL)
		return unexpected(m, "an unexpected full");
	m->warning_due = false;
	if (r->kind == SNAPSHOT_FULL || r->bytes_read)   /* else nobody looked at the arrays */
		m->tampered = false;
	/* what died right behind the put is not sure that it was put */
	if (fate != DISK_DIES)
		m->seq_due = r->seq;
	return 0;
}

/* A night that failed: nothing was committed, or all of it and only the answer was lost. */
static int judge_failure(struct model *m, const struct outlook *o)
{
	struct outlook now;
	if (o->has_base && !o->agrees)
		m->warning_due = true;
	if (m->warning_due && m->seq_due < o->base_seq)
		m->seq_due = o->base_seq;
	if (look(m, &now) != 0)
		return m->err.code;
	if (now.there == o->there)
		return 0;
	met.committed_unseen++;
	m->warning_due = m->tampered = false;
	return history_remember(&m->h, now.there) ? 0 : err_set(&m->err, ERR_NOMEM, "too many");
}

/* ---- one night ---- */

static enum fate choose_fate(struct model *m, unsigned *at)
{
	enum fate fate = percent(m, 65) ? UNHARMED : 1 + (enum fate)below(m, FATES - 1);
	*at = 1 + below(m, fate == DISK_DIES ? 30 : fate == PUT_LOST || fate == SOURCE_FAILS ? 4 : 14);
	return fate;
}

static bool has_died(const struct model *m, enum fate fate, unsigned at, const char *url)
{
	return fate == DISK_DIES ? strike.calls >= at
	     : fate == SOURCE_FAILS ? m->h.store.reads >= at
	     : fate == UNHARMED ? false : faulty_fired(url);
}

static int run(struct model *m, enum fate fate, unsigned at, bool *died)
{
	char url[2 * LAB_PATH];
	snprintf(url, sizeof url, fate == PUT_LOST ? "faulty://put=%u:lost/%s"
	                                           : "faulty://any=%u+:unreachable/%s", at, m->lab->url);
	if (lab_reopen(m->lab, m->lab->url, &m->err) != 0)
		return m->err.code;
	struct vault *v = NULL;
	faulty_reset(url);
	if (fate == VAULT_DIES || fate == PUT_LOST) {
		struct err ignored;
		v = lab_open(m->lab, url, NULL, NULL, &ignored);
		if (!v) {   /* died so early that nothing was opened */
			*died = true;
			return err_set(&m->err, ERR_UNREACHABLE, "not opened");
		}
	}
	m->h.store.fail_read = fate == SOURCE_FAILS ? at : 0;
	if (fate == DISK_DIES)
		strike_at(STRIKE_FAIL, at);
	int rc = history_backup_by(&m->h, v ? v : m->lab->writer, &m->err);
	strike_end();
	*died = has_died(m, fate, at, url);
	vault_free(v);
	return rc;
}

static int keep_yesterday(struct model *m)
{
	pages_clear(&m->images[1]);
	m->images[1] = m->images[0];
	if (!pages_copy(&m->images[0], &m->h.store.now))
		return err_no_memory(&m->err);
	if (lab_copy_folder(m->before[0], m->before[1], &m->err) != 0)
		return m->err.code;
	return lab_copy_folder(m->folder, m->before[0], &m->err);
}

/* The newest; now and then all, though nobody replaces objects: what came back once, comes back. */
static int verify(struct model *m)
{
	if (m->night % 5 == 0)
		return history_verify(&m->h, &m->err);
	return m->h.n ? history_verify_one(&m->h, &m->h.moments[m->h.n - 1], &m->err) : 0;
}

static int night(struct model *m)
{
	static const char *const fates[FATES] = { "unharmed", "the vault dies", "a put's answer is lost",
	                                          "the disk dies", "the source fails" };
	struct outlook o;
	unsigned at;
	bool died = false;
	m->h.options.full = percent(m, 4);
	m->h.options.reread = percent(m, 10);
	m->h.spec.unit_bytes = percent(m, 90) ? 0 : percent(m, 50) ? 256 : 1024;
	if (keep_yesterday(m) != 0 || happen(m) != 0)
		return m->err.code;
	if (!change_store(m))
		return err_no_memory(&m->err);
	enum fate fate = choose_fate(m, &at);
	tell(m, fates[fate]);
	if (look(m, &o) != 0)
		return m->err.code;
	if (o.damaged) {
		m->tampered = true;
		m->seq_due = 0;
	}
	/* what a failed run saw may have been undone */
	if (o.damaged || o.agrees)
		m->warning_due = false;
	met.nights++;
	int rc = run(m, fate, at, &died);
	met.struck[fate] += died;
	met.failed[fate] += rc != 0;
	if (rc != 0 && m->loud)
		print_message("  night %u: failed: %s\n", m->night, m->err.msg);
	if (rc == 0 && m->loud)
		print_message("  night %u: snapshot %" PRIu64 ", %s; %s\n", m->night, m->h.result.seq,
		              snapshot_kind_text(m->h.result.kind), m->h.result.warning.msg);
	if (rc != 0 && !died)
		return unexpected(m, "failed though nothing was in the way");
	if ((rc == 0 ? judge(m, &o, died ? fate : UNHARMED) : judge_failure(m, &o)) != 0)
		return m->err.code;
	return verify(m);
}

static void problem(void *arg, const struct err *why)
{
	*(struct err *)arg = *why;
}

/* The vault's own opinion. */
static int check_all(struct model *m)
{
	const struct check_options o = { .read_data = true };
	struct check_result r;
	struct err why = { 0 };
	if (m->vault_lost)
		return 0;
	if (check_run(m->lab->reader, &m->h.info, &o, problem, &why, &r, &m->err) != 0)
		return m->err.code;
	return r.problems == 0 ? 0 : err_set(&m->err, ERR_CORRUPT, "check: %.400s", why.msg);
}

/* ---- one history ---- */

static int live(struct model *m)
{
	for (m->night = 1; m->night <= NIGHTS; m->night++)
		if (night(m) != 0)
			return m->err.code;
	return check_all(m);
}

static int history(struct lab *lab, unsigned seed, bool loud, struct err *err)
{
	char name[PAGES_NAME], prefix[NAMES_MAX];
	struct model *m = calloc(1, sizeof *m);
	if (!m)
		return err_no_memory(err);
	*m = (struct model){ .lab = lab, .random = seed, .seed = seed, .loud = loud };
	snprintf(name, sizeof name, "history-%u", seed);
	int rc = history_begin(&m->h, lab, name) ? 0 : ERR_NOMEM;
	lab_state_folder(lab, &m->h.info, m->folder);
	snprintf(m->before[0], LAB_PATH, "%s/yesterday", lab->dir);
	snprintf(m->before[1], LAB_PATH, "%s/the-day-before", lab->dir);
	if (rc == 0)
		rc = live(m);
	if (rc != 0)
		err_set(err, rc, "HOLDFAST_TEST_SEED=%u, night %u: %.500s", seed, m->night, m->err.msg);
	struct err ignored;
	lab_remove_all(lab, names_writer(prefix, m->h.info.writer), &ignored);
	lab_remove_all(lab, names_keys(prefix, m->h.info.writer, m->h.info.store), &ignored);
	for (size_t i = 0; i < 2; i++) {
		pages_clear(&m->images[i]);
		scratch_remove(m->before[i]);
	}
	scratch_remove(m->folder);
	history_end(&m->h);
	free(m);
	return rc;
}

static void say_what_was_met(void)
{
	print_message("%lu nights: %lu full, %lu incremental, %lu unchanged; %lu expired\n", met.nights,
	              met.kinds[0], met.kinds[1], met.kinds[2], met.expired);
	print_message("struck by vault %lu, answer %lu, disk %lu, source %lu; failed %lu %lu %lu %lu\n",
	              met.struck[1], met.struck[2], met.struck[3], met.struck[4], met.failed[1],
	              met.failed[2], met.failed[3], met.failed[4]);
	print_message("%lu resumed, %lu committed unseen, %lu forks told, %lu packs told gone, %lu "
	              "damages told, %" PRIu64 " KiB evacuated\n", met.resumed, met.committed_unseen,
	              met.forks, met.gone_packs, met.damaged, met.evacuated >> 10);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);
	return text ? strtoul(text, NULL, 10) : otherwise;
}

static void every_snapshot_of_every_history_comes_back(void **state)
{
	struct lab lab;
	struct err err = { 0 };
	unsigned long failed = 0, n = number("HOLDFAST_TEST_HISTORIES",
	                                     getenv("HOLDFAST_TEST_SHORT") ? 100 : 1000);
	unsigned long only = number("HOLDFAST_TEST_SEED", 0);
	(void)state;
	if (lab_begin(&lab, "memory", &err) != 0)
		fail_msg("%s", err.msg);
	for (unsigned long i = only ? only : 1; i <= (only ? only : n); i++)
		if (history(&lab, (unsigned)i, only != 0, &err) != 0) {
			print_message("%s\n", err.msg);
			failed++;
		}
	lab_end(&lab);
	say_what_was_met();
	if (failed)
		fail_msg("%lu histories failed", failed);
	if (n < 100 || only)
		return;
	for (unsigned f = 1; f < FATES; f++)
		assert_true(met.failed[f] > 0);
	assert_true(met.kinds[0] && met.kinds[1] && met.kinds[2] && met.resumed && met.forks);
	assert_true(met.committed_unseen && met.gone_packs && met.damaged && met.evacuated);
}

int main(void)
{
	/* a million small files and large buffers: keep both in memory */
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_snapshot_of_every_history_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
