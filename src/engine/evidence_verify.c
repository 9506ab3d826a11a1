/* Checks of a folder of evidence. Each has a function, which says in one line what it found. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/hex.h"
#include "crypto/sha256.h"
#include "engine/evidence.h"
#include "format/detail.h"
#include "format/entry.h"
#include "format/merkle.h"
#include "format/minisign.h"
#include "format/note.h"
#include "format/report.h"
#include "format/spki.h"
#include "format/sshsig.h"
#include "format/timestamp.h"
#include "format/tlogproof.h"
#include "holdfast/err.h"

struct judging {
	const struct evidence_folder *f, *keys;   /* keys: where keys are taken from */
	bool given;                               /* keys are not the folder's own */
	struct evidence_result *r;
	struct report report;
	bool has_report;                          /* it could be read */
	struct note checkpoint;
	bool has_checkpoint;
	uint64_t approved_s;
	char *said;                               /* of the check that is being made */
	bool unproven;
};

enum { SAID_MAX = sizeof((struct evidence_check *)0)->said };

#define SAY(j, ...) snprintf((j)->said, SAID_MAX, __VA_ARGS__)

static const struct buf *need(const struct evidence_folder *f, enum evidence_file file,
                              struct err *err)
{
	if (!f->files[file])
		err_set(err, ERR_CORRUPT, "%s is missing", evidence_file_name(file));
	return f->files[file];
}

static int report_key(const struct judging *j, uint8_t pk[SIGN_PUBLIC_BYTES], struct err *err)
{
	const struct buf *b = need(j->keys, FILE_REPORT_KEY, err);
	return b ? minisign_decode_key(pk, b->bytes, b->len, err) : err->code;
}

static int log_key(const struct judging *j, uint8_t pk[SIGN_PUBLIC_BYTES], struct err *err)
{
	const struct buf *b = need(j->keys, FILE_LOG_KEY, err);
	return b ? spki_decode(pk, b->bytes, b->len, err) : err->code;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

/* Did the machine's report key sign this file? */
static int check_signature(const struct judging *j, enum evidence_file file,
                           enum evidence_file signature, char comment[MINISIGN_COMMENT_MAX],
                           struct err *err)
{
	uint8_t pk[SIGN_PUBLIC_BYTES];
	const struct buf *b = need(j->f, file, err), *s = b ? need(j->f, signature, err) : NULL;
	if (!s || report_key(j, pk, err) != 0)
		return err->code;
	return minisign_verify(b->bytes, b->len, s->bytes, s->len, pk, comment, err) == 0
	     ? 0 : err_wrap(err, "%s", evidence_file_name(signature));
}

/* ---- keys ---- */

static int check_keys(struct judging *j, struct err *err)
{
	static const enum evidence_file both[] = { FILE_REPORT_KEY, FILE_LOG_KEY };
	uint8_t pk[SIGN_PUBLIC_BYTES];
	for (size_t i = 0; i < 2; i++) {
		const struct buf *here = need(j->f, both[i], err), *given = need(j->keys, both[i], err);
		if (!here || !given)
			return err->code;
		if (!same(here, given))
			return err_set(err, ERR_CORRUPT, "%s is not the one that you were given",
			               evidence_file_name(both[i]));
	}
	if (report_key(j, pk, err) != 0 || log_key(j, pk, err) != 0)
		return err->code;
	j->unproven = !j->given;
	if (j->given)
		SAY(j, "those that you were given");
	else
		SAY(j, "taken from this folder: compare drill.pub and log.pem with what you were given");
	return 0;
}

/* ---- the list and the files ---- */

/* "drill:<id>[\tapproved:<seconds>]" */
static bool parse_list_comment(struct judging *j, const char *comment)
{
	char again[MINISIGN_COMMENT_MAX];
	struct err err;
	uint64_t approved = 0;
	const char *digits = strstr(comment, "\tapproved:");
	for (digits = digits ? digits + 10 : ""; *digits >= '0' && *digits <= '9'; digits++)
		if (__builtin_mul_overflow(approved, 10, &approved) ||
		    __builtin_add_overflow(approved, (uint64_t)(*digits - '0'), &approved))
			return false;
	j->approved_s = j->r->approved_s = approved;
	return !j->has_report ||
	       (evidence_list_comment(&j->report, approved, again, sizeof again, &err) == 0 &&
	        strcmp(again, comment) == 0);
}

static int check_list(struct judging *j, struct err *err)
{
	char comment[MINISIGN_COMMENT_MAX];
	if (check_signature(j, FILE_SUMS, FILE_SUMS_SIGNATURE, comment, err) != 0)
		return err->code;
	if (!parse_list_comment(j, comment))
		return err_set(err, ERR_CORRUPT, "SHA256SUMS.minisig: is of another drill");
	SAY(j, "signed by the drill's machine");
	return 0;
}

static int name_unlike(const struct judging *j, const struct buf *sums, const struct buf *expected,
                       struct err *err)
{
	for (unsigned i = 0; i < EVIDENCE_FILES; i++) {
		char line[EVIDENCE_LINE_MAX];
		if (evidence_folder_line(j->f, (enum evidence_file)i, line) &&
		    !memmem(sums->bytes, sums->len, line, strlen(line)))
			return err_set(err, ERR_CORRUPT, "%s was changed, or is not listed",
			               evidence_file_name((enum evidence_file)i));
	}
	return err_set(err, ERR_CORRUPT, sums->len > expected->len ? "a file that is listed is missing"
	                                                           : "SHA256SUMS is not in order");
}

static int check_files(struct judging *j, struct err *err)
{
	AUTO(buf) expected = buf_new(8 << 10, err);
	const struct buf *sums = need(j->f, FILE_SUMS, err);
	if (!expected || !sums)
		return err->code;
	if (j->f->stranger[0])
		return err_set(err, ERR_CORRUPT, "'%s' does not belong here", j->f->stranger);
	for (unsigned i = 0; i < EVIDENCE_FILES; i++)
		if (evidence_file_needed((enum evidence_file)i) &&
		    !need(j->f, (enum evidence_file)i, err))
			return err->code;
	if (evidence_folder_sums(j->f, expected, err) != 0)
		return err->code;
	if (!same(sums, expected))
		return name_unlike(j, sums, expected, err);
	SAY(j, "whole, and no others");
	return 0;
}

static int check_script(struct judging *j, struct err *err)
{
	const struct buf *script = need(j->f, FILE_SCRIPT, err);
	AUTO(buf) expected = buf_new(64 << 10, err);
	if (!script || !expected || evidence_script(&j->report, expected, err) != 0)
		return err->code;
	j->unproven = !same(script, expected);
	if (j->unproven)
		SAY(j, "VERIFY.txt is not what this version writes: read it before you run it");
	else
		SAY(j, "VERIFY.txt is the one of this program");
	return 0;
}

/* ---- report and log ---- */

/* Nobody here can open it, but it says whose it is. */
static int check_detail(const struct judging *j, struct err *err)
{
	struct detail d;
	const struct buf *b = need(j->f, FILE_DETAIL, err);
	if (!b || detail_identify(&d, b->bytes, b->len, err) != 0)
		return err->code;
	return memcmp(d.vault, j->report.vault, 16) == 0 &&
	       memcmp(d.machine, j->report.machine, 16) == 0 &&
	       memcmp(d.drill, j->report.drill, 16) == 0
	     ? 0 : err_set(err, ERR_CORRUPT, "detail.sealed is of another drill");
}

static int check_report(struct judging *j, struct err *err)
{
	char comment[MINISIGN_COMMENT_MAX], expected[MINISIGN_COMMENT_MAX];
	if (check_signature(j, FILE_REPORT, FILE_REPORT_SIGNATURE, comment, err) != 0)
		return err->code;
	const struct buf *report = j->f->files[FILE_REPORT];
	struct report again;
	int rc = report_decode(&again, report->bytes, report->len, err);
	report_clear(&again);
	if (rc != 0)
		return rc;
	if (check_detail(j, err) != 0)
		return err->code;
	if (!j->has_checkpoint)
		return err_set(err, ERR_CORRUPT, "without a checkpoint its signature says too little");
	if (evidence_report_comment(&j->report, j->checkpoint.size, expected, sizeof expected, err) != 0)
		return err->code;
	if (strcmp(comment, expected) != 0)
		return err_set(err, ERR_CORRUPT, "report.json.minisig: its comment is of another report");
	SAY(j, "signed by the drill's machine; its verdict '%s' follows from its facts",
	    report_verdict_word(j->report.verdict));
	return 0;
}

static int check_checkpoint(struct judging *j, struct err *err)
{
	uint8_t pk[SIGN_PUBLIC_BYTES];
	char origin[NOTE_NAME_MAX], key[NOTE_KEY_MAX + 1];
	const struct buf *checkpoint = need(j->f, FILE_CHECKPOINT, err);
	const struct buf *vkey = checkpoint ? need(j->f, FILE_LOG_VKEY, err) : NULL;
	struct note n;
	if (!vkey || note_decode(&n, checkpoint->bytes, checkpoint->len, err) != 0 ||
	    log_key(j, pk, err) != 0)
		return err->code;
	if (!j->has_report)
		return err_set(err, ERR_CORRUPT, "without a report nobody knows whose it must be");
	if (evidence_origin(j->report.vault, j->report.machine, origin, sizeof origin, err) != 0 ||
	    note_verify(&n, checkpoint->bytes, checkpoint->len, origin, pk, err) != 0)
		return err->code;
	note_key(key, origin, pk);
	size_t len = strlen(key);
	key[len++] = '\n';
	if (strcmp(n.origin, origin) != 0 || vkey->len != len || memcmp(vkey->bytes, key, len) != 0)
		return err_set(err, ERR_CORRUPT, "checkpoint or log.vkey is of another log");
	SAY(j, "signed by the machine's log key; %" PRIu64 " entries", n.size);
	return 0;
}

static int check_entry(struct judging *j, struct err *err)
{
	uint8_t hash[SHA256_BYTES];
	struct entry e = { .kind = ENTRY_OTHER };
	const struct buf *entry = need(j->f, FILE_ENTRY, err);
	const struct buf *report = entry ? need(j->f, FILE_REPORT, err) : NULL;
	if (!report || entry_decode(&e, entry->bytes, entry->len, err) != 0)
		return err->code;
	sha256(hash, report->bytes, report->len);
	bool fits = e.kind == ENTRY_DRILL_FINISHED && memcmp(e.report, hash, sizeof hash) == 0 &&
	            j->has_report && memcmp(e.drill, j->report.drill, sizeof e.drill) == 0 &&
	            strcmp(entry_verdict_word(e.verdict), report_verdict_word(j->report.verdict)) == 0;
	entry_clear(&e);
	if (!fits)
		return err_set(err, ERR_CORRUPT, "entry.json is of another report");
	SAY(j, "names this report and its verdict");
	return 0;
}

static int check_proof(struct judging *j, struct err *err)
{
	uint8_t leaf[MERKLE_BYTES];
	struct tlogproof p;
	const struct buf *proof = need(j->f, FILE_PROOF, err);
	const struct buf *entry = proof ? need(j->f, FILE_ENTRY, err) : NULL;
	const struct buf *checkpoint = entry ? need(j->f, FILE_CHECKPOINT, err) : NULL;
	if (!checkpoint || tlogproof_decode(&p, proof->bytes, proof->len, err) != 0)
		return err->code;
	if (p.checkpoint_len != checkpoint->len ||
	    memcmp(p.checkpoint, checkpoint->bytes, checkpoint->len) != 0)
		return err_set(err, ERR_CORRUPT, "report.tlog-proof is for another checkpoint");
	merkle_leaf(leaf, entry->bytes, entry->len);
	if (!j->has_checkpoint ||
	    !merkle_verify_entry(leaf, p.index, j->checkpoint.size, &p.path, j->checkpoint.root))
		return err_set(err, ERR_CORRUPT, "the entry is not in the log of the checkpoint");
	SAY(j, "the entry is number %" PRIu64 " of the log", p.index);
	return 0;
}

/* ---- what may be there ---- */

static void say_time(char out[32], uint64_t time_s)
{
	struct tm tm;
	time_t t = (time_t)time_s;
	if (!gmtime_r(&t, &tm) || strftime(out, 32, "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
		snprintf(out, 32, "%" PRIu64, time_s);
}

static int check_approval(struct judging *j, struct err *err)
{
	struct sshsig s;
	char who[SSHKEY_NAME_MAX], when[32];
	const struct buf *approval = j->f->files[FILE_APPROVAL];
	if (!approval) {
		j->unproven = j->report.approval_needed;
		SAY(j, j->unproven ? "asked for, and not there" : "none");
		return j->unproven ? 0 : ERR_ABSENT;
	}
	if (j->approved_s == 0)
		return err_set(err, ERR_CORRUPT, "nobody says when it was given");
	const struct buf *report = need(j->f, FILE_REPORT, err);
	const struct buf *signers = report ? need(j->keys, FILE_SIGNERS, err) : NULL;
	if (!signers)
		return err->code;
	if (sshsig_decode(&s, approval->bytes, approval->len, err) != 0 ||
	    sshsig_verify(&s, EVIDENCE_NAMESPACE, report->bytes, report->len, err) != 0)
		return err_wrap(err, "approval.sig");
	if (sshkey_signer(signers->bytes, signers->len, &s.key, EVIDENCE_NAMESPACE, j->approved_s, who,
	                  err) != 0)
		return err->code;
	say_time(when, j->approved_s);
	SAY(j, "by %s, %s", who, when);
	return 0;
}

static int check_timestamp(struct judging *j, struct err *err)
{
	uint8_t hash[SHA256_BYTES];
	struct timestamp t;
	char when[32];
	const struct buf *stamp = j->f->files[FILE_TIMESTAMP];
	if (!stamp) {
		SAY(j, "none");
		return ERR_ABSENT;
	}
	const struct buf *checkpoint = need(j->f, FILE_CHECKPOINT, err);
	if (!checkpoint || !need(j->keys, FILE_TSA_CA, err))
		return err->code;
	if (timestamp_decode(&t, stamp->bytes, stamp->len, err) != 0)
		return err_wrap(err, "checkpoint.tsr");
	sha256(hash, checkpoint->bytes, checkpoint->len);
	if (memcmp(hash, t.sha256, sizeof hash) != 0)
		return err_set(err, ERR_CORRUPT, "checkpoint.tsr is for another checkpoint");
	say_time(when, t.time_s);
	SAY(j, "of this checkpoint, %s; whether its signature holds, openssl tells: VERIFY.txt", when);
	j->unproven = true;
	return 0;
}

/* ---- all of them ---- */

static const struct {
	const char *name;
	int (*make)(struct judging *j, struct err *err);
} checks[EVIDENCE_CHECKS] = {
	[EVIDENCE_ABOUT_KEYS] = { "keys", check_keys },
	[EVIDENCE_ABOUT_LIST] = { "list", check_list },
	[EVIDENCE_ABOUT_FILES] = { "files", check_files },
	[EVIDENCE_ABOUT_SCRIPT] = { "script", check_script },
	[EVIDENCE_ABOUT_REPORT] = { "report", check_report },
	[EVIDENCE_ABOUT_CHECKPOINT] = { "checkpoint", check_checkpoint },
	[EVIDENCE_ABOUT_ENTRY] = { "entry", check_entry },
	[EVIDENCE_ABOUT_PROOF] = { "proof", check_proof },
	[EVIDENCE_ABOUT_APPROVAL] = { "approval", check_approval },
	[EVIDENCE_ABOUT_TIMESTAMP] = { "timestamp", check_timestamp },
};

static int make_check(struct judging *j, unsigned i, struct err *err)
{
	struct evidence_check *c = &j->r->checks[i];
	c->name = checks[i].name;
	j->said = c->said;
	j->unproven = false;
	int rc = checks[i].make(j, err);
	if (rc == ERR_NOMEM)
		return rc;
	if (rc == 0)
		c->state = j->unproven ? EVIDENCE_UNPROVEN : EVIDENCE_OK;
	else if (rc == ERR_ABSENT)
		c->state = EVIDENCE_ABSENT;
	else
		c->state = EVIDENCE_FAILED;
	if (c->state == EVIDENCE_FAILED) {
		SAY(j, "%.290s", err->msg);
		j->r->sound = false;
	}
	return 0;
}

/* What several checks need, before it is known whether it can be trusted. */
static int look(struct judging *j, struct err *err)
{
	const struct buf *report = j->f->files[FILE_REPORT], *checkpoint = j->f->files[FILE_CHECKPOINT];
	int rc = report ? report_decode(&j->report, report->bytes, report->len, err) : ERR_ABSENT;
	j->has_report = rc == 0;
	if (j->has_report) {
		hex_encode(j->r->drill, j->report.drill, 16);
		j->r->verdict = report_verdict_word(j->report.verdict);
	}
	j->has_checkpoint = checkpoint && note_decode(&j->checkpoint, checkpoint->bytes,
	                                              checkpoint->len, err) == 0;
	return rc == ERR_NOMEM ? rc : 0;
}

int evidence_judge(const struct evidence_folder *f, const struct evidence_folder *keys,
                   struct evidence_result *r, struct err *err)
{
	struct judging j = { .f = f, .keys = keys ? keys : f, .given = keys != NULL, .r = r };
	*r = (struct evidence_result){ .sound = true };
	int rc = look(&j, err);
	for (unsigned i = 0; i < EVIDENCE_CHECKS && rc == 0; i++)
		rc = make_check(&j, i, err);
	r->anchored = j.given && r->checks[EVIDENCE_ABOUT_KEYS].state == EVIDENCE_OK;
	report_clear(&j.report);
	return rc;
}

int evidence_verify(const char *dir, const char *keys_dir, struct evidence_result *r,
                    struct err *err)
{
	AUTO(evidence_folder) f = evidence_folder_read(dir, err);
	AUTO(evidence_folder) keys = f && keys_dir ? evidence_folder_read(keys_dir, err) : NULL;
	if (!f || (keys_dir && !keys))
		return err->code;
	if (keys && (!keys->files[FILE_REPORT_KEY] || !keys->files[FILE_LOG_KEY])) {
		err_set(err, ERR_INVALID, "%s: has no drill.pub or no log.pem", keys_dir);
		return err_hint(err, "name the folder of keys that you got when the machine was enrolled");
	}
	return evidence_judge(f, keys, r, err);
}
