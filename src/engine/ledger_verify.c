/* Verifying every log of a vault, each by itself, against the others, and against what is there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "engine/ledger_facts.h"
#include "engine/ledger_match.h"
#include "engine/ledger_tree.h"
#include "engine/meter.h"
#include "holdfast/err.h"
#include "holdfast/ledger.h"
#include "vault/tlog.h"
#include "vault/vault.h"

/* One log under verification. */
struct log {
	const struct charter_key *key;
	struct note note;
	struct buf *bytes;           /* the checkpoint as it is */
	struct ledger_tree *tree;    /* NULL: there is no checkpoint that could be believed */
	bool absent, fine, late;
};

struct verifying {
	struct vault *vault;
	const struct ledger_verify_options *options;
	struct ledger_verify_result *result;
	struct ledger_facts *facts;
	struct log *logs;
	size_t n;
	struct log *at;              /* being read */
	pthread_mutex_t lock;        /* around telling */
	struct meter meter;
};

/* ---- telling ---- */

static void told(void *arg, enum ledger_severity severity, const struct err *problem)
{
	struct verifying *y = arg;
	struct ledger_verify_result *r = y->result;
	pthread_mutex_lock(&y->lock);
	*(severity == LEDGER_NOTE ? &r->notes : severity == LEDGER_FORK ? &r->forks : &r->damages) += 1;
	if (y->options->problem)
		y->options->problem(y->options->arg, severity, problem);
	pthread_mutex_unlock(&y->lock);
}

static void damaged(void *arg, const struct err *problem)
{
	struct verifying *y = arg;
	pthread_mutex_lock(&y->lock);
	y->at->fine = false;
	pthread_mutex_unlock(&y->lock);
	told(y, LEDGER_DAMAGE, problem);
}

/* Both sizes and both roots: what an auditor needs to show. */
static void tell_fork(struct verifying *y, struct log *l, const char *who, uint64_t size,
                      const uint8_t root[32], const uint8_t *ours)
{
	struct err err = { 0 };
	char hex[65], here[65];
	l->fine = false;
	hex_encode(hex, root, 32);
	if (l->absent)
		err_set(&err, ERR_FORK, "ledger of %s: is gone; %s saw %" PRIu64 " entries, root %s",
		        l->key->name, who, size, hex);
	else if (size > l->note.size)
		err_set(&err, ERR_FORK, "ledger of %s: was set back: it has %" PRIu64 " entries, root %s; %s "
		        "saw %" PRIu64 ", root %s", l->key->name, l->note.size,
		        hex_encode(here, l->note.root, 32), who, size, hex);
	else
		err_set(&err, ERR_FORK, "ledger of %s: has another history: its first %" PRIu64 " entries "
		        "have root %s; %s saw root %s", l->key->name, size,
		        hex_encode(here, ours, 32), who, hex);
	told(y, LEDGER_FORK, &err);
}

/* Nobody promised that a copy is made anew at each entry. Once for each log. */
static void tell_behind(struct verifying *y, struct log *l, const char *who, uint64_t size)
{
	struct err err = { 0 };
	if (l->late)
		return;
	l->late = true;
	l->fine = false;
	err_set(&err, ERR_ABSENT, "ledger of %s: this copy has %" PRIu64 " entries of it, and %s saw %" PRIu64
	        ": it is late, or was set back", l->key->name, l->absent ? 0 : l->note.size, who, size);
	err_hint(&err, "'holdfast copy --to NAME' brings the rest; after a copy there must be none");
	told(y, LEDGER_NOTE, &err);
}

/* ---- each log by itself ---- */

static bool is_about_the_log(enum err_code code)
{
	return code == ERR_CORRUPT || code == ERR_LIMIT || code == ERR_NEWER || code == ERR_ABSENT;
}

static int read_checkpoint(struct verifying *y, struct log *l, struct err *err)
{
	l->bytes = buf_new(NOTE_MAX, err);
	if (!l->bytes)
		return err->code;
	int rc = tlog_checkpoint(y->vault, l->key->id, &l->note, l->bytes, err);
	l->absent = rc == ERR_ABSENT;
	l->fine = rc == 0;
	if (rc == 0 || rc == ERR_ABSENT)
		return 0;
	if (!is_about_the_log(err->code))
		return rc;
	told(y, LEDGER_DAMAGE, err);
	return 0;
}

static int entry(void *arg, uint64_t index, const uint8_t *bytes, size_t len, struct err *err)
{
	struct verifying *y = arg;
	int rc = ledger_facts_add(y->facts, y->vault, y->at->key->id, index, bytes, len, err);
	if (rc == 0 || !is_about_the_log(err->code))
		return rc;
	damaged(y, err);
	return 0;
}

static int read_log(struct verifying *y, struct log *l, struct err *err)
{
	const struct ledger_tree_reader reader = { .entry = entry, .problem = damaged, .arg = y };
	if (l->absent || !l->fine)
		return 0;
	if (meter_check(&y->meter, err) != 0)
		return err->code;
	y->at = l;
	l->tree = ledger_tree_read(y->vault, l->key->id, &l->note, &reader, err);
	if (!l->tree)
		return err->code;
	y->result->logs++;
	y->result->entries += l->note.size;
	return 0;
}

/* ---- against what was seen of it ---- */

/* A log may have grown since its checkpoint was read. */
static bool has_grown_since(const struct verifying *y, const struct log *l, uint64_t size)
{
	struct note now;
	struct err ignored;
	struct merkle_proof proof;
	AUTO(buf) bytes = buf_new(TILES_HASHES_BYTES, &ignored);
	struct tlog_reader reader = { .vault = y->vault, .key = l->key->id, .bytes = bytes };
	if (!bytes || tlog_checkpoint(y->vault, l->key->id, &now, NULL, &ignored) != 0 ||
	    now.size < size)
		return false;
	reader.size = now.size;
	return merkle_prove_growth(l->note.size, now.size, tlog_read_hash, &reader, &proof,
	                           &ignored) == 0 &&
	       merkle_verify_growth(l->note.size, l->note.root, now.size, now.root, &proof);
}

/* What somebody saw of a log: size and root. */
struct sight { const char *who; uint64_t size; const uint8_t *root; };

/* The log is shorter than what was seen of it, or gone. */
static void compare_longer(struct verifying *y, struct log *l, const struct sight *s, bool may_be_late)
{
	uint8_t none[32] = { 0 };
	if (!l->absent && has_grown_since(y, l, s->size))
		return;
	if (may_be_late)
		tell_behind(y, l, s->who, s->size);
	else
		tell_fork(y, l, s->who, s->size, s->root, none);
}

static int compare(struct verifying *y, struct log *l, const struct sight *s, bool may_be_late,
                   struct err *err)
{
	uint8_t ours[32] = { 0 };
	bool unreadable = !l->absent && (!l->tree || l->tree->broken);
	if (s->size == 0 || unreadable)
		return 0;
	if (l->absent || s->size > l->note.size) {
		compare_longer(y, l, s, may_be_late);
		return 0;
	}
	int rc = ledger_tree_root(l->tree, s->size, ours, err);
	if (rc != 0 && !is_about_the_log(err->code))
		return rc;
	if (rc != 0) {
		l->fine = false;
		told(y, LEDGER_DAMAGE, err);
	} else if (memcmp(ours, s->root, 32) != 0)
		tell_fork(y, l, s->who, s->size, s->root, ours);
	return 0;
}

static int compare_with_memory(struct verifying *y, struct log *l, struct err *err)
{
	struct note seen;
	int rc = tlog_remembered(y->vault, l->key->id, &seen, err);
	if (rc == 0) {
		const struct sight s = { "this machine", seen.size, seen.root };
		return compare(y, l, &s, y->options->copy, err);
	}
	if (rc == ERR_CORRUPT) {
		err_hint(err, "what this machine saw last is lost; remove the file to go on from now");
		told(y, LEDGER_NOTE, err);
	}
	return rc == ERR_CORRUPT || rc == ERR_ABSENT ? 0 : rc;
}

static struct log *find_log(const struct verifying *y, const uint8_t key[16])
{
	for (size_t i = 0; i < y->n; i++)
		if (memcmp(y->logs[i].key->id, key, 16) == 0)
			return &y->logs[i];
	return NULL;
}

static int compare_claim(struct verifying *y, const struct fact_claim *c, struct err *err)
{
	char who[CHARTER_NAME_MAX + 40], hex[33];
	const struct log *by = find_log(y, c->by);
	struct log *l = find_log(y, c->log.key);
	struct err problem = { 0 };
	snprintf(who, sizeof who, "%s (its entry %" PRIu64 ")", by ? by->key->name : "?", c->at);
	if (l) {
		const struct sight s = { who, c->log.size, c->log.root };
		return compare(y, l, &s, y->options->copy, err);
	}
	err_set(&problem, ERR_FORK, "%s saw the ledger of key %s, which is not in the charter: was the "
	        "charter set back?", who, hex_encode(hex, c->log.key, 16));
	told(y, y->options->copy ? LEDGER_NOTE : LEDGER_FORK, &problem);
	return 0;
}

/* ---- the charter ---- */

/* Who enrolled or granted said how the charter was then: it only grows. The other way round nothing can
 * be held against anybody: charters are older than ledgers, and who has no key writes none. */
static bool is_told_of(const struct charter *c, const struct fact_charter *f)
{
	return f->n > 0 && f->n <= c->n && memcmp(c->hashes[f->n - 1], f->hash, 32) == 0 &&
	       charter_find(c, f->key);
}

/* It may have grown since the vault was opened. */
static bool is_newer(const struct verifying *y, const struct fact_charter *f)
{
	struct err ignored;
	bool is_later = f->n > vault_charter(y->vault)->n;
	AUTO(charter) c = is_later ? vault_later_charter(y->vault, f->n, &ignored) : NULL;
	return c && is_told_of(c, f);
}

static int compare_charter(struct verifying *y, const struct fact_charter *f)
{
	const struct charter *c = vault_charter(y->vault);
	const struct log *by = find_log(y, f->by);
	struct err problem = { 0 };
	if (is_told_of(c, f) || is_newer(y, f))
		return 0;
	err_set(&problem, ERR_FORK, "%s (its entry %" PRIu64 ") wrote a charter of %" PRIu64 " entries, "
	        "which is not the beginning of the one in the vault (%" PRIu64 " entries)",
	        by ? by->key->name : "?", f->at, f->n, c->n);
	told(y, y->options->copy && f->n > c->n ? LEDGER_NOTE : LEDGER_FORK, &problem);
	return 0;
}

/* ---- `against` ---- */

static struct log *log_of(const struct verifying *y, struct note *n, struct err *err)
{
	const struct ledger_verify_options *o = y->options;
	char origin[NOTE_NAME_MAX];
	if (note_decode(n, o->against, o->against_len, err) != 0)
		return NULL;
	for (size_t i = 0; i < y->n; i++)
		if (strcmp(tlog_origin(y->vault, y->logs[i].key->id, origin), n->origin) == 0)
			return &y->logs[i];
	err_set(err, ERR_CORRUPT, "it is of %.100s, which is no ledger of this vault", n->origin);
	return NULL;
}

static int verify_cosigner(struct verifying *y, const struct note *n, struct err *err)
{
	const struct ledger_verify_options *o = y->options;
	struct note_witness w;
	if (!o->cosigner)
		return 0;
	if (note_witness_decode(&w, o->cosigner, strlen(o->cosigner), err) != 0)
		return err->code;
	return note_verify_cosigned(n, o->against, o->against_len, w.name, w.pk, &y->result->cosigned_s,
	                            err);
}

static int compare_with_kept(struct verifying *y, struct err *err)
{
	struct note n;
	if (!y->options->against)
		return 0;
	struct log *l = log_of(y, &n, err);
	if (!l || tlog_verify_checkpoint(y->vault, l->key->id, y->options->against,
	                                 y->options->against_len, &n, err) != 0 ||
	    verify_cosigner(y, &n, err) != 0) {
		err->code = ERR_INVALID;
		return err_wrap(err, "the checkpoint to compare with");
	}
	const struct sight s = { "the checkpoint kept elsewhere", n.size, n.root };
	return compare(y, l, &s, false, err);
}

/* ---- all of it ---- */

/* Nothing was to be said of it: from now on it may only grow from here. */
static int remember(struct verifying *y, const struct log *l, struct err *err)
{
	const struct ledger_verify_options *o = y->options;
	if (!l->fine || !l->tree || !l->tree->sound)
		return 0;
	if (o->sound && o->sound(o->sound_arg, l->key->id, l->bytes->bytes, l->bytes->len, err) != 0)
		return err->code;
	return tlog_remember(y->vault, l->key->id, l->bytes->bytes, l->bytes->len, err);
}

static int verify(struct verifying *y, struct err *err)
{
	const struct ledger_match_how how = { .told = told, .arg = y, .copy = y->options->copy };
	int rc = 0;
	for (size_t i = 0; i < y->n && rc == 0; i++)
		rc = read_checkpoint(y, &y->logs[i], err);
	meter_phase(&y->meter, "verifying", 0);
	for (size_t i = 0; i < y->n && rc == 0; i++)
		rc = read_log(y, &y->logs[i], err);
	ledger_facts_sort(y->facts);
	for (size_t i = 0; i < y->n && rc == 0; i++)
		rc = compare_with_memory(y, &y->logs[i], err);
	for (size_t i = 0; i < y->facts->n_claims && rc == 0; i++)
		rc = compare_claim(y, &y->facts->claims[i], err);
	for (size_t i = 0; i < y->facts->n_charters && rc == 0; i++)
		rc = compare_charter(y, &y->facts->charters[i]);
	if (rc == 0)
		rc = compare_with_kept(y, err);
	meter_phase(&y->meter, "comparing", 0);
	if (rc == 0)
		rc = ledger_match(y->vault, y->facts, &how, y->result, err);
	for (size_t i = 0; i < y->n && rc == 0; i++)
		rc = remember(y, &y->logs[i], err);
	return rc;
}

int ledger_verify(struct vault *v, const struct ledger_verify_options *options,
                  struct ledger_verify_result *result, struct err *err)
{
	const struct charter *c = vault_charter(v);
	AUTO(ledger_facts) facts = ledger_facts_new(err);
	struct verifying y = { .vault = v, .options = options, .result = result, .facts = facts };
	y.logs = calloc(c->n_keys + 1, sizeof *y.logs);
	*result = (struct ledger_verify_result){ 0 };
	if (!facts || !y.logs) {
		free(y.logs);
		return err_no_memory(err);
	}
	for (; y.n < c->n_keys; y.n++)
		y.logs[y.n].key = &c->keys[y.n];
	pthread_mutex_init(&y.lock, NULL);
	meter_begin(&y.meter, options->progress, NULL);
	int rc = verify(&y, err);
	meter_end(&y.meter);
	pthread_mutex_destroy(&y.lock);
	for (size_t i = 0; i < y.n; i++) {
		ledger_tree_free(y.logs[i].tree);
		buf_free(y.logs[i].bytes);
	}
	free(y.logs);
	return rc;
}
