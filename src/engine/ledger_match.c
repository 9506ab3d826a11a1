#include "engine/ledger_match.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/crew.h"
#include "base/hex.h"
#include "crypto/sha256.h"
#include "engine/ledger_facts.h"
#include "format/names.h"
#include "holdfast/backend.h"
#include "holdfast/drill.h"
#include "holdfast/err.h"
#include "vault/heads.h"
#include "vault/storage.h"
#include "vault/vault.h"

enum { REPORT_MAX = 16 << 20 };

/* A snapshot that is in the vault. */
struct stored {
	uint8_t writer[16], store[16];
	uint64_t seq;
	bool logged;
};

/* A store of which anything is in the vault. */
struct place { uint8_t writer[16], store[16]; };

struct matching {
	const struct vault *vault;
	struct ledger_facts *facts;
	struct ledger_verify_result *result;
	const struct ledger_match_how *how;
	pthread_mutex_t lock;        /* around telling and what is found */
	struct stored *stored;
	struct place *places;        /* of a copy */
	size_t n_stored, cap_stored, n_places, cap_places;
	char (*reports)[NAMES_MAX];
	size_t n_reports;
	const uint8_t *key;          /* whose folder is listed */
};

static void tell(struct matching *m, enum ledger_severity severity, const struct err *problem)
{
	pthread_mutex_lock(&m->lock);
	m->how->told(m->how->arg, severity, problem);
	pthread_mutex_unlock(&m->lock);
}

static const char *machine(const struct matching *m, const uint8_t key[16])
{
	const struct charter_key *k = charter_find(vault_charter(m->vault), key);
	return k ? k->name : "?";
}

/* ---- what there is ---- */

static int add_stored(struct matching *m, const uint8_t store[16], uint64_t seq, struct err *err)
{
	if (m->n_stored == m->cap_stored) {
		size_t cap = m->cap_stored ? m->cap_stored * 2 : 256;
		struct stored *list = reallocarray(m->stored, cap, sizeof *list);
		if (!list)
			return err_no_memory(err);
		m->stored = list;
		m->cap_stored = cap;
	}
	struct stored *s = &m->stored[m->n_stored++];
	*s = (struct stored){ .seq = seq };
	memcpy(s->writer, m->key, 16);
	memcpy(s->store, store, 16);
	return 0;
}

/* Once for all objects of a store that are listed one after the other. */
static int add_place(struct matching *m, const uint8_t store[16], struct err *err)
{
	struct place p;
	memcpy(p.writer, m->key, 16);
	memcpy(p.store, store, 16);
	if (m->n_places && memcmp(&m->places[m->n_places - 1], &p, sizeof p) == 0)
		return 0;
	if (m->n_places == m->cap_places) {
		size_t cap = m->cap_places ? m->cap_places * 2 : 64;
		struct place *list = reallocarray(m->places, cap, sizeof *list);
		if (!list)
			return err_no_memory(err);
		m->places = list;
		m->cap_places = cap;
	}
	m->places[m->n_places++] = p;
	return 0;
}

static int add_report(struct matching *m, const char *name, struct err *err)
{
	char (*list)[NAMES_MAX] = reallocarray(m->reports, m->n_reports + 1, sizeof *list);
	if (!list)
		return err_no_memory(err);
	m->reports = list;
	snprintf(list[m->n_reports++], NAMES_MAX, "%s", name);
	return 0;
}

static int see(void *arg, const struct backend_object *o, struct err *err)
{
	struct matching *m = arg;
	char prefix[NAMES_MAX], folder[NAMES_MAX], hex[33];
	uint8_t store[16];
	uint64_t seq;
	const char *rest = o->name + strlen(names_writer(prefix, m->key));
	const char *last = strrchr(rest, '/');
	if (strncmp(rest, "drills/", 7) == 0)
		return last && strcmp(last, "/report.json") == 0 ? add_report(m, o->name, err) : 0;
	snprintf(hex, sizeof hex, "%.32s", rest);
	if (!hex_decode(store, 16, hex))
		return 0;
	if (m->how->copy && add_place(m, store, err) != 0)
		return err->code;
	names_snapshots(folder, m->key, store);
	/* a stranger among them is for check to name */
	return names_directly_in(folder, o->name) && names_tail_number(o->name, &seq)
	     ? add_stored(m, store, seq, err) : 0;
}

static int list_all(struct matching *m, struct err *err)
{
	const struct charter *c = vault_charter(m->vault);
	char prefix[NAMES_MAX];
	for (size_t i = 0; i < c->n_keys; i++) {
		m->key = c->keys[i].id;
		if (storage_list(vault_storage(m->vault), names_writer(prefix, m->key), see, m, err) != 0)
			return err->code;
	}
	return 0;
}

/* ---- snapshots ---- */

static int by_place(const void *a, const void *b)
{
	const struct stored *x = a, *y = b;
	int rc = memcmp(x, y, 32);   /* writer, then store */
	return rc ? rc : (x->seq > y->seq) - (x->seq < y->seq);
}

/* The first fact of that place, or where it would be. */
static size_t find_fact(const struct ledger_facts *f, const struct stored *s)
{
	size_t low = 0, high = f->n_snapshots;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct fact_snapshot *x = &f->snapshots[mid];
		int rc = memcmp(x, s, 32);   /* writer, then store */
		if (rc < 0 || (rc == 0 && x->seq < s->seq))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_at(const struct ledger_facts *f, size_t i, const struct stored *s)
{
	return i < f->n_snapshots && memcmp(&f->snapshots[i], s, 32) == 0 &&
	       f->snapshots[i].seq == s->seq;
}

/* One that a log tells of must be the one it tells of. */
static int compare_head(struct matching *m, struct stored *s, const struct heads_entry *e,
                        struct err *err)
{
	struct ledger_facts *f = m->facts;
	char name[NAMES_MAX];
	size_t i = find_fact(f, s);
	s->logged = is_at(f, i, s);
	for (; is_at(f, i, s); i++) {
		f->snapshots[i].found = true;
		if (memcmp(f->snapshots[i].head, e->hash, 32) == 0)
			continue;
		err_set(err, ERR_FORK, "%s: is another snapshot than the one in the ledger of %s",
		        names_snapshot(name, s->writer, s->store, s->seq), machine(m, s->writer));
		tell(m, LEDGER_FORK, err);
	}
	return 0;
}

static int look_at_snapshot(void *arg, uint64_t number, struct err *err)
{
	struct matching *m = arg;
	struct stored *s = &m->stored[number];
	AUTO(heads_entry) e = heads_load(m->vault, s->writer, s->store, s->seq, false, err);
	if (e)
		return compare_head(m, s, e, err);
	if (err->code != ERR_CORRUPT && err->code != ERR_FORK && err->code != ERR_ABSENT &&
	    err->code != ERR_NEWER)
		return err->code;
	/* what is said of it is enough: that it is missing too would be said twice */
	size_t i = find_fact(m->facts, s);
	s->logged = true;
	for (; is_at(m->facts, i, s); i++)
		m->facts->snapshots[i].found = true;
	tell(m, err->code == ERR_FORK ? LEDGER_FORK : LEDGER_DAMAGE, err);
	return 0;
}

/* The newest of a store may be one whose run is under way, or was killed before it wrote its entry: the
 * next run adopts it. */
static bool may_be_pending(const struct matching *m, size_t i)
{
	const struct stored *s = &m->stored[i];
	bool newest = i + 1 == m->n_stored || memcmp(s, s + 1, 32) != 0;
	size_t after = find_fact(m->facts, s);
	bool none_later = after == m->facts->n_snapshots ||
	                  memcmp(&m->facts->snapshots[after], s, 32) != 0;
	return newest && none_later && (i == 0 || memcmp(s - 1, s, 32) != 0 ||
	                                s[-1].logged);
}

static void tell_unlogged(struct matching *m, size_t i)
{
	const struct stored *s = &m->stored[i];
	struct err err = { 0 };
	char name[NAMES_MAX];
	bool pending = may_be_pending(m, i);
	names_snapshot(name, s->writer, s->store, s->seq);
	err_set(&err, ERR_CORRUPT, "%s: is in no ledger%s", name,
	        pending ? " yet: its run goes on, or was interrupted" : ": what told of it is gone");
	err_hint(&err, pending ? "the next backup on %s writes it in" : "if %s has made backups before "
	         "there was a ledger, its next one writes them in; otherwise its ledger was cut",
	         machine(m, s->writer));
	tell(m, pending ? LEDGER_NOTE : LEDGER_DAMAGE, &err);
}

static void tell_missing(struct matching *m, const struct fact_snapshot *f)
{
	struct err err = { 0 };
	char name[NAMES_MAX];
	err_set(&err, ERR_CORRUPT, "%s: is gone from the vault; the ledger of %s says it was made",
	        names_snapshot(name, f->writer, f->store, f->seq), machine(m, f->writer));
	tell(m, LEDGER_DAMAGE, &err);
}

static int compare_places(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct place));
}

/* The newest that is there of its store; NULL: nothing is. */
static const struct stored *newest_stored(const struct matching *m, const struct fact_snapshot *f)
{
	size_t low = 0, high = m->n_stored;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		/* a fact begins with writer and store, too */
		if (memcmp(&m->stored[mid], f, 32) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 && memcmp(&m->stored[low - 1], f, 32) == 0 ? &m->stored[low - 1] : NULL;
}

/* A copy may be of some stores only, and has of these what was there when they were copied last. */
static bool was_copied(const struct matching *m, const struct fact_snapshot *f)
{
	if (!m->how->copy)
		return true;
	const struct stored *newest = newest_stored(m, f);
	if (newest)
		return f->seq < newest->seq;
	/* of whose store packs or keys are there: every snapshot was taken away */
	return m->n_places && bsearch(f, m->places, m->n_places, sizeof *m->places, compare_places);
}

static void tell_uncopied(struct matching *m, const struct fact_snapshot *first, size_t stores,
                          size_t snapshots)
{
	struct err err = { 0 };
	char name[NAMES_MAX];
	err_set(&err, ERR_ABSENT, "%zu snapshot%s of %zu store%s that ledgers tell of %s not in this copy: "
	        "the first is %s of %s", snapshots, snapshots == 1 ? "" : "s", stores,
	        stores == 1 ? "" : "s", snapshots == 1 ? "is" : "are",
	        names_snapshot(name, first->writer, first->store, first->seq), machine(m, first->writer));
	err_hint(&err, "a copy of all stores brings what the first vault has: 'holdfast copy --to NAME'");
	tell(m, LEDGER_NOTE, &err);
}

static void match_facts(struct matching *m)
{
	const struct fact_snapshot *first = NULL, *last = NULL;
	size_t stores = 0, snapshots = 0;
	for (size_t i = 0; i < m->facts->n_snapshots; i++) {
		const struct fact_snapshot *f = &m->facts->snapshots[i];
		if (f->found)
			continue;
		if (was_copied(m, f)) {
			tell_missing(m, f);
			continue;
		}
		first = first ? first : f;
		stores += !last || compare_places(last, f) != 0;
		snapshots++;
		last = f;
	}
	if (first)
		tell_uncopied(m, first, stores, snapshots);
}

static int match_snapshots(struct matching *m, struct err *err)
{
	if (m->n_places)
		qsort(m->places, m->n_places, sizeof *m->places, compare_places);
	if (m->n_stored)
		qsort(m->stored, m->n_stored, sizeof *m->stored, by_place);
	if (crew_run(crew_size(vault_storage(m->vault)->remote), m->n_stored, look_at_snapshot, m, err) != 0)
		return err->code;
	m->result->snapshots = m->n_stored;
	for (size_t i = 0; i < m->n_stored; i++)
		if (!m->stored[i].logged)
			tell_unlogged(m, i);
	match_facts(m);
	return 0;
}

/* ---- drills ---- */

/* <key>/drills/<drill>/report.json */
static bool parse_report(const char *name, uint8_t key[16], uint8_t drill[16])
{
	char hex[33];
	snprintf(hex, sizeof hex, "%.32s", name);
	if (!hex_decode(key, 16, hex) || strncmp(name + 32, "/drills/", 8) != 0)
		return false;
	snprintf(hex, sizeof hex, "%.32s", name + 40);
	return hex_decode(drill, 16, hex) && strcmp(name + 72, "/report.json") == 0;
}

static void tell_report(struct matching *m, const char *name, enum ledger_severity severity,
                        const char *fact)
{
	struct err err = { 0 };
	err_set(&err, severity == LEDGER_NOTE ? ERR_ABSENT : ERR_CORRUPT, "%s: %s", name, fact);
	tell(m, severity, &err);
}

/* The end may have come after the ledgers were read. A copy may have been made in between, and is so until
 * it is made again. */
static bool may_have_ended_since(const struct matching *m, const uint8_t key[16], const uint8_t drill[16])
{
	const struct fact_drill *d = ledger_facts_drill(m->facts, key, drill, ENTRY_DRILL_STARTED);
	return d && (m->how->copy || (uint64_t)time(NULL) <= d->time_s + DRILL_TAKES_MAX_S);
}

static int look_at_report(struct matching *m, const char *name, struct err *err)
{
	uint8_t key[16], drill[16], digest[32];
	AUTO(buf) b = buf_new(REPORT_MAX, err);
	bool named = parse_report(name, key, drill);
	struct fact_drill *d = named ? ledger_facts_drill(m->facts, key, drill, ENTRY_DRILL_FINISHED) : NULL;
	if (!b || storage_get_all(vault_storage(m->vault), name, b, err) != 0)
		return err->code;
	sha256(digest, b->bytes, b->len);
	m->result->drills++;
	if (d)
		d->found = true;
	if (d && memcmp(digest, d->report, 32) != 0)
		tell_report(m, name, LEDGER_DAMAGE, "is not the report that the ledger tells of");
	else if (!d && named && may_have_ended_since(m, key, drill))
		tell_report(m, name, LEDGER_NOTE, "its ledger does not tell of this drill's end yet");
	else if (!d)
		tell_report(m, name, LEDGER_DAMAGE, "no ledger tells of this drill's end");
	return 0;
}

static void tell_drill(struct matching *m, const struct fact_drill *d, enum ledger_severity severity,
                       const char *fact)
{
	struct err err = { 0 };
	char hex[33];
	err_set(&err, severity == LEDGER_NOTE ? ERR_ABSENT : ERR_CORRUPT, "drill %s of %s: %s",
	        hex_encode(hex, d->drill, 16), machine(m, d->key), fact);
	tell(m, severity, &err);
}

static void match_entry(struct matching *m, const struct fact_drill *d, uint64_t now)
{
	char fact[100];
	bool ended = ledger_facts_drill(m->facts, d->key, d->drill, ENTRY_DRILL_FINISHED) != NULL;
	bool started = ledger_facts_drill(m->facts, d->key, d->drill, ENTRY_DRILL_STARTED) != NULL;
	if (d->kind == ENTRY_DRILL_FINISHED && !d->found) {
		snprintf(fact, sizeof fact, "its report is gone; it said '%s'",
		         entry_verdict_word(d->verdict));
		tell_drill(m, d, LEDGER_DAMAGE, fact);
	} else if (d->kind == ENTRY_DRILL_STARTED && !ended && now > d->time_s + DRILL_TAKES_MAX_S)
		tell_drill(m, d, LEDGER_NOTE, "was started and never ended");
	else if (d->kind == ENTRY_DRILL_PLANNED && !started && now > d->due_s + DRILL_TAKES_MAX_S)
		tell_drill(m, d, LEDGER_NOTE, "was planned and never started");
}

static int match_drills(struct matching *m, struct err *err)
{
	for (size_t i = 0; i < m->n_reports; i++) {
		int rc = look_at_report(m, m->reports[i], err);
		if (rc == ERR_LIMIT)
			tell(m, LEDGER_DAMAGE, err);
		else if (rc != 0 && rc != ERR_ABSENT)
			return rc;
	}
	for (size_t i = 0; i < m->facts->n_drills; i++)
		match_entry(m, &m->facts->drills[i], (uint64_t)time(NULL));
	return 0;
}

int ledger_match(const struct vault *v, struct ledger_facts *facts, const struct ledger_match_how *how,
                 struct ledger_verify_result *result, struct err *err)
{
	struct matching m = { .vault = v, .facts = facts, .result = result, .how = how };
	pthread_mutex_init(&m.lock, NULL);
	int rc = list_all(&m, err);
	if (rc == 0)
		rc = match_snapshots(&m, err);
	if (rc == 0)
		rc = match_drills(&m, err);
	pthread_mutex_destroy(&m.lock);
	free(m.stored);
	free(m.places);
	free(m.reports);
	return rc;
}
