#include "engine/evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "format/minisign.h"
#include "format/note.h"
#include "format/report.h"
#include "format/spki.h"
#include "holdfast/err.h"

/* ---- words ---- */

static int fits(int n, size_t cap, struct err *err)
{
	return n >= 0 && (size_t)n < cap ? 0 : err_set(err, ERR_LIMIT, "text is too long");
}

int evidence_report_comment(const struct report *r, uint64_t tree_size, char *out, size_t cap,
                            struct err *err)
{
	char drill[33];
	return fits(snprintf(out, cap, "drill:%s\tresult:%s\ttree:%" PRIu64,
	                     hex_encode(drill, r->drill, 16), report_verdict_word(r->verdict),
	                     tree_size), cap, err);
}

int evidence_list_comment(const struct report *r, uint64_t approved_s, char *out, size_t cap,
                          struct err *err)
{
	char drill[33], approved[40] = "";
	if (approved_s)
		snprintf(approved, sizeof approved, "\tapproved:%" PRIu64, approved_s);
	return fits(snprintf(out, cap, "drill:%s%s", hex_encode(drill, r->drill, 16), approved), cap,
	            err);
}

int evidence_origin(const uint8_t vault[16], const uint8_t machine[16], char *out, size_t cap,
                    struct err *err)
{
	char v[33], m[33];
	return fits(snprintf(out, cap, "holdfast/%s/%s", hex_encode(v, vault, 16),
	                     hex_encode(m, machine, 16)), cap, err);
}

/* ---- the folder ---- */

struct evidence_bytes evidence_bytes_of(const struct buf *b)
{
	return (struct evidence_bytes){ b ? b->bytes : NULL, b ? b->len : 0 };
}

static int put(struct evidence_folder *f, enum evidence_file file, struct evidence_bytes in,
               struct err *err)
{
	if (!in.bytes && !evidence_file_needed(file))
		return 0;
	struct buf *b = evidence_folder_add(f, file, err);
	if (!b)
		return err->code;
	if (!in.bytes)
		return err_set(err, ERR_INVALID, "evidence: %s is missing", evidence_file_name(file));
	return buf_append(b, in.bytes, in.len, err) == 0
	     ? 0 : err_wrap(err, "evidence: %s", evidence_file_name(file));
}

static int put_keys(struct evidence_folder *f, const uint8_t report_pk[SIGN_PUBLIC_BYTES],
                    const uint8_t log_pk[SIGN_PUBLIC_BYTES], const char *origin, struct err *err)
{
	struct buf *report = evidence_folder_add(f, FILE_REPORT_KEY, err);
	struct buf *log = evidence_folder_add(f, FILE_LOG_KEY, err);
	struct buf *vkey = evidence_folder_add(f, FILE_LOG_VKEY, err);
	char text[NOTE_KEY_MAX];
	if (!report || !log || !vkey || minisign_encode_key(report_pk, report, err) != 0 ||
	    spki_encode(log_pk, log, err) != 0)
		return err->code;
	return buf_printf(vkey, err, "%s\n", note_key(text, origin, log_pk));
}

static int put_inputs(struct evidence_folder *f, const struct evidence_inputs *in, struct err *err)
{
	const struct { enum evidence_file file; struct evidence_bytes bytes; } all[] = {
		{ FILE_REPORT, in->report },       { FILE_DETAIL, in->detail },
		{ FILE_ENTRY, in->entry },         { FILE_PROOF, in->proof },
		{ FILE_CHECKPOINT, in->checkpoint }, { FILE_TIMESTAMP, in->timestamp },
		{ FILE_TSA_CA, in->tsa_ca },       { FILE_APPROVAL, in->approval },
		{ FILE_SIGNERS, in->signers },
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (put(f, all[i].file, all[i].bytes, err) != 0)
			return err->code;
	return 0;
}

static int sign(struct evidence_folder *f, enum evidence_file file, enum evidence_file signature,
                const char *comment, const uint8_t *sk, struct err *err)
{
	const struct buf *b = f->files[file];
	struct buf *out = evidence_folder_add(f, signature, err);
	return out ? minisign_sign(b->bytes, b->len, comment, sk, out, err) : err->code;
}

/* Listed before its own name is there, and signed last. */
static int sign_list(struct evidence_folder *f, const struct report *r, uint64_t approved_s,
                     const uint8_t *sk, struct err *err)
{
	char comment[MINISIGN_COMMENT_MAX];
	struct buf *sums = evidence_folder_add(f, FILE_SUMS, err);
	if (!sums || evidence_folder_sums(f, sums, err) != 0 ||
	    evidence_list_comment(r, approved_s, comment, sizeof comment, err) != 0)
		return err->code;
	return sign(f, FILE_SUMS, FILE_SUMS_SIGNATURE, comment, sk, err);
}

static int sign_all(struct evidence_folder *f, const struct evidence_inputs *in,
                    const struct report *r, const struct note *checkpoint, struct err *err)
{
	char comment[MINISIGN_COMMENT_MAX];
	struct buf *script = evidence_folder_add(f, FILE_SCRIPT, err);
	if (!script || evidence_script(r, script, err) != 0 ||
	    evidence_report_comment(r, checkpoint->size, comment, sizeof comment, err) != 0 ||
	    sign(f, FILE_REPORT, FILE_REPORT_SIGNATURE, comment, in->report_sk, err) != 0)
		return err->code;
	return sign_list(f, r, in->approved_s, in->report_sk, err);
}

static int refuse_unsound(const struct evidence_folder *f, struct err *err)
{
	struct evidence_result result;
	if (evidence_judge(f, NULL, &result, err) != 0)
		return err->code;
	for (unsigned i = 0; i < EVIDENCE_CHECKS && !result.sound; i++)
		if (result.checks[i].state == EVIDENCE_FAILED)
			return err_set(err, ERR_INVALID, "evidence: %s: %s", result.checks[i].name,
			               result.checks[i].said);
	return 0;
}

static int assemble(struct evidence_folder *f, const struct evidence_inputs *in,
                    const struct report *r, struct err *err)
{
	uint8_t report_pk[SIGN_PUBLIC_BYTES];
	char origin[NOTE_NAME_MAX];
	struct note checkpoint;
	if (note_decode(&checkpoint, in->checkpoint.bytes, in->checkpoint.len, err) != 0)
		return err_wrap(err, "evidence");
	sign_public(report_pk, in->report_sk);
	if (evidence_origin(r->vault, r->machine, origin, sizeof origin, err) != 0 ||
	    put_keys(f, report_pk, in->log_pk, origin, err) != 0 ||
	    sign_all(f, in, r, &checkpoint, err) != 0)
		return err->code;
	return refuse_unsound(f, err);
}

/* What was given cannot be corrupt in storage: the caller is wrong. */
static int as_argument(int rc, struct err *err)
{
	if (rc == ERR_CORRUPT)
		err->code = ERR_INVALID;
	return rc == 0 ? 0 : err->code;
}

int evidence_write(const char *dir, const struct evidence_inputs *in, struct err *err)
{
	AUTO(evidence_folder) f = evidence_folder_new(err);
	struct report r;
	if (!f || put_inputs(f, in, err) != 0)
		return err->code;
	int rc = report_decode(&r, in->report.bytes, in->report.len, err);
	if (rc == 0)
		rc = assemble(f, in, &r, err);
	report_clear(&r);
	return rc == 0 ? evidence_folder_write(f, dir, err) : as_argument(rc, err);
}

int evidence_approve(struct evidence_folder *f, const struct evidence_approval *a,
                     const uint8_t report_sk[SIGN_SECRET_BYTES], struct err *err)
{
	const struct buf *report = f->files[FILE_REPORT];
	struct report r;
	if (!report || put(f, FILE_APPROVAL, a->signature, err) != 0 ||
	    put(f, FILE_SIGNERS, a->signers, err) != 0)
		return report ? (int)err->code : err_set(err, ERR_INVALID, "evidence: there is no report");
	int rc = report_decode(&r, report->bytes, report->len, err);
	if (rc == 0)
		rc = sign_list(f, &r, a->time_s, report_sk, err);
	report_clear(&r);
	return rc == 0 ? refuse_unsound(f, err) : rc;
}

struct evidence_folder *evidence_keys_folder(const struct evidence_keys *keys, struct err *err)
{
	AUTO(evidence_folder) f = evidence_folder_new(err);
	char origin[NOTE_NAME_MAX];
	struct buf *script = f ? evidence_folder_add(f, FILE_SCRIPT, err) : NULL;
	if (!script || evidence_script(NULL, script, err) != 0 ||
	    evidence_origin(keys->vault, keys->machine, origin, sizeof origin, err) != 0 ||
	    put_keys(f, keys->report_pk, keys->log_pk, origin, err) != 0 ||
	    put(f, FILE_SIGNERS, keys->signers, err) != 0 ||
	    put(f, FILE_TSA_CA, keys->tsa_ca, err) != 0)
		return NULL;
	return TAKE(f);
}

int evidence_write_keys(const char *dir, const struct evidence_keys *keys, struct err *err)
{
	AUTO(evidence_folder) f = evidence_keys_folder(keys, err);
	return f ? evidence_folder_write(f, dir, err) : (int)err->code;
}
