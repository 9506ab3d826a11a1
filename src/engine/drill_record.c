/*
 * What is remembered of a drill: entries in the ledger before and after, evidence in the vault.
 *
 * On this machine, STATE/<vault>/drills/<id>.report and <id>.detail are written before the ledger is told
 * of the end. As long as the first is there, the rest is to be done, by the next drill if this one is
 * killed. STATE/<vault>/drills/<id>/ is the evidence, and <id>.detail what is sealed in it.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/json.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "crypto/sha256.h"
#include "crypto/sign.h"
#include "engine/drilling.h"
#include "engine/evidence.h"
#include "engine/stamp.h"
#include "format/detail.h"
#include "format/names.h"
#include "format/timestamp.h"
#include "holdfast/ledger.h"
#include "vault/ledger.h"
#include "vault/storage.h"
#include "vault/vault.h"

enum { DAY_S = 86400, ATTEMPTS_MAX = 1000, PROOF_MAX = 1 << 20 };

/* Only an enrolled machine with a memory of its own has a log. */
static int can_record(struct vault *v, struct err *err)
{
	if (vault_self(v) && vault_keyfile(v) && vault_state_dir(v))
		return 0;
	err_set(err, ERR_KEY, "this machine has no key in the vault: the drill is in no ledger");
	return err_hint(err, "run drills where 'holdfast init' was run, or on an enrolled machine");
}

static int drills_dir(struct vault *v, char out[PATH_MAX], struct err *err)
{
	if (vault_state_make(v, err) != 0)
		return err->code;
	if (snprintf(out, PATH_MAX, "%s/drills", vault_state_dir(v)) >= PATH_MAX - 80)
		return err_set(err, ERR_INVALID, "%.100s...: path is too long", vault_state_dir(v));
	return io_make_dirs(out, 0700, err);
}

/* ---- this machine's own log ---- */

struct seeking {
	const uint8_t (*ids)[16];      /* of drills */
	size_t n;
	const char *kind;
	size_t found;                  /* how many entries of that kind name one of them */
	uint64_t index;                /* of the last */
	char *json;
	size_t json_len;
};

static bool names_one(const struct seeking *s, const struct ledger_line *line)
{
	char hex[33], wanted[64];
	for (size_t i = 0; i < s->n; i++) {
		snprintf(wanted, sizeof wanted, "\"drill\":\"%s\"", hex_encode(hex, s->ids[i], 16));
		if (strstr(line->json, wanted))
			return true;
	}
	return false;
}

static int seek_one(void *arg, const struct ledger_line *line, struct err *err)
{
	struct seeking *s = arg;
	if (strcmp(line->kind, s->kind) != 0 || !names_one(s, line))
		return 0;
	char *copy = strndup(line->json, line->json_len);
	if (!copy)
		return err_no_memory(err);
	free(s->json);
	s->json = copy;
	s->json_len = line->json_len;
	s->index = line->index;
	s->found++;
	return 0;
}

static int seek(struct vault *v, struct seeking *s, uint64_t since_s, struct err *err)
{
	char key[33];
	hex_encode(key, vault_keyfile(v)->id, 16);
	const struct ledger_show_options o = { .since_s = since_s, .key = key };
	return ledger_show(v, &o, seek_one, s, err);
}

/* ---- the beginning ---- */

/* The same drill for the same date has the same ids, attempt by attempt, and nobody else can tell which
 * drill it is of. */
static void drill_id(const struct drilling *d, uint64_t attempt, uint8_t id[16])
{
	struct hash_state h;
	uint8_t numbers[16];
	const struct secret *key = vault_keyfile(d->v)->naming;
	wire_put_u64(numbers, d->report.due_s);
	wire_put_u64(numbers + 8, attempt);
	hash_begin(&h, 16, "hf1.drillid", key->bytes, key->len);
	hash_add(&h, d->o->name, strlen(d->o->name) + 1);
	hash_add(&h, numbers, sizeof numbers);
	hash_end(&h, id, 16);
}

static int count_attempts(struct drilling *d, struct err *err)
{
	uint8_t (*ids)[16] = calloc(ATTEMPTS_MAX, sizeof *ids);
	if (!ids)
		return err_no_memory(err);
	for (uint64_t i = 0; i < ATTEMPTS_MAX; i++)
		drill_id(d, i + 1, ids[i]);
	struct seeking s = { .ids = (const uint8_t(*)[16])ids, .n = ATTEMPTS_MAX,
	                     .kind = entry_kind_word(ENTRY_DRILL_PLANNED) };
	uint64_t since = d->report.due_s > DAY_S ? d->report.due_s - DAY_S : 0;
	int rc = seek(d->v, &s, since, err);
	free(s.json);
	if (rc == 0 && s.found >= ATTEMPTS_MAX)
		rc = err_set(err, ERR_LIMIT, "drill %.60s: %d attempts for one date", d->o->name,
		             ATTEMPTS_MAX);
	if (rc == 0) {
		d->report.selection.attempt = s.found + 1;
		memcpy(d->report.drill, ids[s.found], 16);
	}
	free(ids);
	return rc;
}

/* What was planned, and by which draw. The report has all of it, so that anybody can compute it again. */
static void plan_digest(const struct report *r, uint8_t out[32])
{
	struct sha256_state h;
	uint8_t numbers[8 * 4];
	uint8_t *p = wire_put_u64(numbers, r->due_s);
	p = wire_put_u64(p, r->selection.population);
	p = wire_put_u64(p, r->selection.chosen);
	wire_put_u64(p, r->selection.attempt);
	sha256_begin(&h);
	sha256_add(&h, r->selection.seed, 32);
	sha256_add(&h, numbers, sizeof numbers);
	sha256_add(&h, r->policy.sha256, 32);
	sha256_end(&h, out);
}

static void fill_entry(const struct report *r, enum entry_kind kind, struct entry *e)
{
	*e = (struct entry){ .kind = kind, .time_s = (uint64_t)time(NULL), .due_s = r->due_s,
	                     .attempt = r->selection.attempt, .seq = r->snapshot.seq };
	memcpy(e->drill, r->drill, 16);
	memcpy(e->writer, r->snapshot.writer, 16);
	memcpy(e->store, r->snapshot.store, 16);
	memcpy(e->head, r->snapshot.head, 32);
	plan_digest(r, e->plan);
}

/* A vault that was set back is told of, and what is remembered is in it all the same. n may be 0. */
static int append(struct vault *v, const struct entry *entries, size_t n, struct drill_result *r,
                  struct err *err)
{
	AUTO(ledger) l = ledger_open(v, err);
	int rc = l ? ledger_append(l, entries, n, err) : (int)err->code;
	if (rc != ERR_FORK || !l || !ledger_agrees(l))
		return rc;
	r->set_back = *err;
	err->code = ERR_NONE;
	return 0;
}

static int finish_left(struct drilling *d, const char *dir, struct err *err);

/* The log is as this machine knows it before anything in it is looked for: not set back, and with the end
 * of a drill that was killed at its last step, which would be told twice otherwise. */
static int prepare(struct drilling *d, struct err *err)
{
	char dir[PATH_MAX];
	return drills_dir(d->v, dir, err) == 0 && append(d->v, NULL, 0, d->result, err) == 0 &&
	       finish_left(d, dir, err) == 0 && count_attempts(d, err) == 0 ? 0 : (int)err->code;
}

int drilling_plan_recorded(struct drilling *d, struct err *err)
{
	struct entry entries[2];
	if (can_record(d->v, err) != 0) {
		d->result->unrecorded = *err;
		return 0;
	}
	if (prepare(d, err) != 0)
		return err->code;
	fill_entry(&d->report, ENTRY_DRILL_PLANNED, &entries[0]);
	fill_entry(&d->report, ENTRY_DRILL_STARTED, &entries[1]);
	if (append(d->v, entries, 2, d->result, err) != 0)
		return err_wrap(err, "drill %.60s: not begun, since it cannot be recorded", d->o->name);
	return 0;
}

/* ---- the end ---- */

/* One drill whose report is made, and not yet recorded whole. */
struct ending {
	struct vault *v;
	const struct drill_options *o;   /* of the drill that records it */
	struct drill_result *result;     /* the same one's */
	const char *dir;
	char id[33];
	struct report report;
	struct buf *report_text, *detail_text;
	struct seeking entry;
	char *proof;
	size_t proof_len;
};

static int append_finished(struct ending *e, struct err *err)
{
	struct entry entry;
	fill_entry(&e->report, ENTRY_DRILL_FINISHED, &entry);
	entry.verdict = (enum entry_verdict)e->report.verdict;
	entry.duration_ms = (e->report.finished_s - e->report.started_s) * 1000;
	sha256(entry.report, e->report_text->bytes, e->report_text->len);
	return append(e->v, &entry, 1, e->result, err) == 0 ? ledger_write_seen(e->v, err) : err->code;
}

static int tell_end(struct ending *e, struct err *err)
{
	const uint8_t (*ids)[16] = (const uint8_t(*)[16]) & e->report.drill;
	e->entry = (struct seeking){ .ids = ids, .n = 1,
	                             .kind = entry_kind_word(ENTRY_DRILL_FINISHED) };
	uint64_t since = e->report.started_s > DAY_S ? e->report.started_s - DAY_S : 0;
	if (seek(e->v, &e->entry, since, err) != 0)
		return err->code;
	if (e->entry.found == 0 &&
	    (append_finished(e, err) != 0 || seek(e->v, &e->entry, since, err) != 0))
		return err->code;
	if (e->entry.found == 0)
		return err_set(err, ERR_CORRUPT, "drill %s: its end is not in the ledger", e->id);
	return ledger_prove(e->v, vault_keyfile(e->v)->id, e->entry.index, &e->proof, &e->proof_len, err);
}

/* Sealed to recovery, and to every auditor that the charter names. */
static int seal_detail(const struct ending *e, struct buf *out, struct err *err)
{
	const struct charter *c = vault_charter(e->v);
	uint8_t to[DETAIL_RECIPIENTS_MAX][32];
	size_t n = 1;
	memcpy(to[0], c->recovery, 32);
	for (size_t i = 0; i < c->n_keys && n < DETAIL_RECIPIENTS_MAX; i++)
		if (c->keys[i].roles & ROLE_AUDITOR)
			memcpy(to[n++], c->keys[i].box, 32);
	struct detail d;
	memcpy(d.vault, e->report.vault, 16);
	memcpy(d.machine, e->report.machine, 16);
	memcpy(d.drill, e->report.drill, 16);
	return detail_seal(&d, (const uint8_t(*)[32])to, n, vault_psk(e->v), e->detail_text->bytes,
	                   e->detail_text->len, out, err);
}

/* An authority that is away does not change what the drill found: it is told, and that is all. */
static void stamp(struct ending *e, struct evidence_inputs *in, struct buf *answer,
                  struct buf *certificates)
{
	const struct stamp_authority authority = { e->o->tsa, e->o->tsa_ca };
	if (!e->o->tsa)
		return;
	if (stamp_ask(&authority, in->checkpoint.bytes, in->checkpoint.len, answer, certificates,
	              &e->result->unstamped) != 0) {
		err_wrap(&e->result->unstamped, "drill %.12s", e->id);
		return;
	}
	in->timestamp = (struct evidence_bytes){ answer->bytes, answer->len };
	in->tsa_ca = (struct evidence_bytes){ certificates->bytes, certificates->len };
}

static int write_folder(struct ending *e, const char *folder, struct err *err)
{
	const struct keyfile *key = vault_keyfile(e->v);
	uint8_t log_pk[SIGN_PUBLIC_BYTES];
	AUTO(buf) detail = buf_new(DETAIL_MAX, err);
	AUTO(buf) answer = detail ? buf_new(TIMESTAMP_MAX, err) : NULL;
	AUTO(buf) certificates = answer ? buf_new(STAMP_CA_MAX, err) : NULL;
	if (!certificates || seal_detail(e, detail, err) != 0)
		return err->code;
	const char *blank = memmem(e->proof, e->proof_len, "\n\n", 2);
	if (!blank)
		return err_set(err, ERR_CORRUPT, "drill %s: the ledger's proof has no checkpoint", e->id);
	sign_public(log_pk, key->log_sk->bytes);
	struct evidence_inputs in = {
		.report = { e->report_text->bytes, e->report_text->len },
		.detail = { detail->bytes, detail->len },
		.entry = { e->entry.json, e->entry.json_len },
		.proof = { e->proof, e->proof_len },
		.checkpoint = { blank + 2, e->proof_len - (size_t)(blank + 2 - e->proof) },
		.report_sk = key->report_sk->bytes,
		.log_pk = log_pk,
	};
	stamp(e, &in, answer, certificates);
	return evidence_write(folder, &in, err);
}

static int put_file(const struct ending *e, enum evidence_file file, const struct buf *b, struct err *err)
{
	char prefix[NAMES_MAX], name[2 * NAMES_MAX];
	snprintf(name, sizeof name, "%s%s/%s", names_drills(prefix, vault_keyfile(e->v)->id), e->id,
	         evidence_file_name(file));
	int rc = storage_put(vault_storage(e->v), name, b->bytes, b->len, BACKEND_NEW, err);
	return rc == ERR_EXISTS ? 0 : rc;
}

static int put_folder(const struct ending *e, const char *folder, struct err *err)
{
	AUTO(evidence_folder) f = evidence_folder_read(folder, err);
	if (!f)
		return err->code;
	for (int i = 0; i < EVIDENCE_FILES; i++)
		if (f->files[i] && i != FILE_REPORT &&
		    put_file(e, (enum evidence_file)i, f->files[i], err) != 0)
			return err->code;
	return 0;
}

static int read_text(const struct ending *e, const char *suffix, struct buf *out, struct err *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%.4000s/%s%s", e->dir, e->id, suffix);
	return io_read_file(path, out, err);
}

/* All of it may have been done before: each step finds out. The report is there before the ledger tells of
 * it, or whoever verifies meanwhile would have to take it for removed. */
static int record_end(struct ending *e, struct err *err)
{
	char folder[PATH_MAX], left[PATH_MAX];
	if (read_text(e, ".report", e->report_text, err) != 0 ||
	    read_text(e, ".detail", e->detail_text, err) != 0 ||
	    report_decode(&e->report, e->report_text->bytes, e->report_text->len, err) != 0 ||
	    put_file(e, FILE_REPORT, e->report_text, err) != 0 || tell_end(e, err) != 0)
		return err->code;
	snprintf(folder, sizeof folder, "%.4000s/%s", e->dir, e->id);
	if (access(folder, F_OK) != 0 && write_folder(e, folder, err) != 0)
		return err->code;
	if (put_folder(e, folder, err) != 0)
		return err->code;
	snprintf(left, sizeof left, "%.4000s/%s.report", e->dir, e->id);
	return unlink(left) == 0 || errno == ENOENT ? 0 : err_sys(err, "%s", left);
}

static int end_one(struct drilling *d, const char *dir, const char *id, struct err *err)
{
	struct ending e = { .v = d->v, .o = d->o, .result = d->result, .dir = dir };
	snprintf(e.id, sizeof e.id, "%.32s", id);
	e.report_text = buf_new(REPORT_MAX, err);
	e.detail_text = buf_new(REPORT_MAX, err);
	int rc = e.report_text && e.detail_text ? record_end(&e, err) : (int)err->code;
	report_clear(&e.report);
	buf_free(e.report_text);
	buf_free(e.detail_text);
	free(e.entry.json);
	free(e.proof);
	return rc == 0 ? 0 : err_wrap(err, "drill %.32s", id);
}

/* Drills that were killed, or cut off from the vault, between their report and the end of this. */
static int finish_left(struct drilling *d, const char *dir, struct err *err)
{
	int rc = 0;
	DIR *list = opendir(dir);
	if (!list)
		return err_sys(err, "%.200s", dir);
	for (struct dirent *e; rc == 0 && (e = readdir(list));) {
		uint8_t id[16];
		char hex[33];
		snprintf(hex, sizeof hex, "%.32s", e->d_name);
		if (hex_decode(id, sizeof id, hex) && strcmp(e->d_name + 32, ".report") == 0)
			rc = end_one(d, dir, hex, err);
	}
	closedir(list);
	return rc;
}

static int write_text(const char *dir, const char *id, const char *suffix, const char *text,
                      struct err *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%.4000s/%s%s", dir, id, suffix);
	return io_write_file(path, text, strlen(text), 0600, err);
}

int drilling_end_recorded(struct drilling *d, struct err *err)
{
	struct drill_result *r = d->result;
	char dir[PATH_MAX];
	if (r->unrecorded.code != ERR_NONE)
		return 0;
	if (drills_dir(d->v, dir, err) != 0 || write_text(dir, r->id, ".detail", r->detail, err) != 0 ||
	    write_text(dir, r->id, ".report", r->report, err) != 0)
		return err->code;
	struct err why;
	if (end_one(d, dir, r->id, &why) != 0) {
		r->unrecorded = why;
		err_hint(&r->unrecorded, "the next drill on this machine records it");
		return 0;
	}
	if (asprintf(&r->evidence, "%s/%s", dir, r->id) >= 0)
		return 0;
	r->evidence = NULL;
	return err_no_memory(err);
}
