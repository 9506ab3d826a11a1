/* Recorded drills: found again in the vault, approved, and handed to auditors. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "engine/drill_trust.h"
#include "engine/evidence.h"
#include "engine/stamp.h"
#include "format/detail.h"
#include "format/minisign.h"
#include "format/names.h"
#include "format/report.h"
#include "format/sshsig.h"
#include "holdfast/drill.h"
#include "vault/storage.h"
#include "vault/vault.h"

struct finding_drill {
	const char *id;              /* what it begins with */
	char folder[NAMES_MAX];      /* <key-id>/drills/<id>/, or empty */
	char found[33];
	const struct charter_key *by;   /* whose folder it is */
	bool several;
	uint64_t approved_s;         /* of its newest approval; 0: none */
};

static const char approved_folder[] = "approved/";

/* approved/<seconds>/SHA256SUMS.minisig is put last: where it is, the approval is. */
static uint64_t approval_time(const char *name)
{
	uint64_t t = 0;
	size_t digits;
	if (strncmp(name, approved_folder, sizeof approved_folder - 1) != 0)
		return 0;
	name += sizeof approved_folder - 1;
	for (digits = 0; digits < 12 && name[digits] >= '0' && name[digits] <= '9'; digits++)
		t = t * 10 + (uint64_t)(name[digits] - '0');
	return digits > 0 && *name != '0' && name[digits] == '/' &&
	       strcmp(name + digits + 1, evidence_file_name(FILE_SUMS_SIGNATURE)) == 0 ? t : 0;
}

static int look_at_object(void *arg, const struct backend_object *o, struct err *err)
{
	struct finding_drill *f = arg;
	const char *id = strstr(o->name, "/drills/");
	(void)err;
	if (!id || strlen(id += strlen("/drills/")) < 33 || id[32] != '/' ||
	    strncmp(id, f->id, strlen(f->id)) != 0)
		return 0;
	if (*f->found && strncmp(f->found, id, 32) != 0)
		f->several = true;
	snprintf(f->found, sizeof f->found, "%.32s", id);
	snprintf(f->folder, sizeof f->folder, "%.*s", (int)(id + 33 - o->name), o->name);
	uint64_t approved = approval_time(id + 33);
	if (approved > f->approved_s)
		f->approved_s = approved;
	return 0;
}

/* A whole id is listed alone: a report of years looks for hundreds. */
static void name_list(const struct charter_key *key, const char *id, char out[2 * NAMES_MAX])
{
	char prefix[NAMES_MAX];
	bool whole = strlen(id) == 32;
	snprintf(out, 2 * NAMES_MAX, "%s%s%s", names_drills(prefix, key->id), whole ? id : "",
	         whole ? "/" : "");
}

static int find(struct vault *v, const char *id, struct finding_drill *f, struct err *err)
{
	const struct charter *c = vault_charter(v);
	*f = (struct finding_drill){ .id = id };
	if (!*id || strspn(id, "0123456789abcdef") != strlen(id) || strlen(id) > 32)
		return err_set(err, ERR_INVALID, "'%.60s' is no drill's id", id);
	for (size_t i = 0; i < c->n_keys; i++) {
		char prefix[2 * NAMES_MAX];
		name_list(&c->keys[i], id, prefix);
		if (storage_list(vault_storage(v), prefix, look_at_object, f, err) != 0)
			return err->code;
		if (*f->folder && !f->by)
			f->by = &c->keys[i];
	}
	if (f->several)
		return err_set(err, ERR_INVALID, "several drills begin with '%.32s'", id);
	if (*f->folder)
		return 0;
	err_set(err, ERR_ABSENT, "drill %.32s: no report of it is in the vault", id);
	return err_hint(err, "'holdfast drill list' tells of all that began");
}

/* What an approval adds, and what lists it. */
static const enum evidence_file approval_files[] = { FILE_SIGNERS, FILE_APPROVAL, FILE_SUMS,
	                                             FILE_SUMS_SIGNATURE };
enum { APPROVAL_FILES = sizeof approval_files / sizeof *approval_files };

static void name_file(const struct finding_drill *f, enum evidence_file file, uint64_t approved_s,
                      char out[2 * NAMES_MAX])
{
	bool is_approvals = false;
	for (size_t i = 0; i < APPROVAL_FILES; i++)
		is_approvals |= approval_files[i] == file;
	if (approved_s && is_approvals)
		snprintf(out, 2 * NAMES_MAX, "%s%s%" PRIu64 "/%s", f->folder, approved_folder, approved_s,
		         evidence_file_name(file));
	else
		snprintf(out, 2 * NAMES_MAX, "%s%s", f->folder, evidence_file_name(file));
}

static int get_file(struct vault *v, const struct finding_drill *f, enum evidence_file file,
                    struct buf *out, struct err *err)
{
	char name[2 * NAMES_MAX];
	name_file(f, file, f->approved_s, name);
	return storage_get_all(vault_storage(v), name, out, err);
}

/* ---- the detail: here as it was written, or in the vault, sealed ---- */

static int read_local_detail(struct vault *v, const char *id, struct buf *out, struct err *err)
{
	char path[5000];
	if (!vault_state_dir(v))
		return err_set(err, ERR_ABSENT, "this machine has no memory");
	snprintf(path, sizeof path, "%s/drills/%s.detail", vault_state_dir(v), id);
	return io_read_file(path, out, err);
}

static int open_detail(struct vault *v, const struct finding_drill *f, struct buf *out, struct err *err)
{
	struct detail d;
	const uint8_t *psk = vault_psk(v), *recovery = vault_recovery_sk(v);
	const struct keyfile *key = vault_keyfile(v);
	AUTO(buf) sealed = buf_new(DETAIL_MAX, err);
	if (!sealed || get_file(v, f, FILE_DETAIL, sealed, err) != 0)
		return err->code;
	if (psk && recovery && detail_open(&d, sealed->bytes, sealed->len, recovery, psk, out, err) == 0)
		return 0;
	if (psk && key && key->box_sk)
		return detail_open(&d, sealed->bytes, sealed->len, key->box_sk->bytes, psk, out, err);
	return err_set(err, ERR_KEY, "the detail is sealed to others");
}

/* Only what the machine signed, and its ledger tells of. */
static int read_report(struct vault *v, const struct finding_drill *f, const char *digest,
                       struct report *report, struct buf *text, struct err *err)
{
	char drill[33];
	AUTO(buf) signature = buf_new(MINISIGN_MAX, err);
	if (!signature || get_file(v, f, FILE_REPORT, text, err) != 0 ||
	    get_file(v, f, FILE_REPORT_SIGNATURE, signature, err) != 0 ||
	    report_decode(report, text->bytes, text->len, err) != 0)
		return err->code;
	if (strcmp(hex_encode(drill, report->drill, 16), f->found) != 0)
		return err_set(err, ERR_CORRUPT, "report.json is of another drill");
	if (drill_trust_report(v, f->by, report, text, signature, err) != 0)
		return err->code;
	return drill_trust_ledger(v, f->by, report, text, digest, err);
}

static int take_documents(struct vault *v, const struct finding_drill *f, const char *digest,
                          struct drill_result *r, struct err *err)
{
	struct report report = { 0 };
	struct err ignored;
	AUTO(buf) text = buf_new(REPORT_MAX, err);
	AUTO(buf) detail = text ? buf_new(REPORT_MAX, err) : NULL;
	if (!detail)
		return err->code;
	int rc = read_report(v, f, digest, &report, text, err);
	bool opened = rc == 0 && (read_local_detail(v, f->found, detail, &ignored) == 0 ||
	                          open_detail(v, f, detail, &ignored) == 0);
	if (opened)
		rc = report_add_detail(&report, detail->bytes, detail->len, err);
	r->verdict = (enum drill_verdict)report.verdict;
	report_clear(&report);
	if (rc != 0)
		return err_wrap(err, "drill %s", f->found);
	r->report = strndup((const char *)text->bytes, text->len);
	r->detail = opened ? strndup((const char *)detail->bytes, detail->len) : NULL;
	return r->report && (r->detail || !opened) ? 0 : err_no_memory(err);
}

static struct evidence_folder *get_folder(struct vault *v, const struct finding_drill *f, struct err *err)
{
	AUTO(evidence_folder) folder = evidence_folder_new(err);
	for (int file = 0; folder && file < EVIDENCE_FILES; file++) {
		struct buf *b = evidence_folder_add(folder, (enum evidence_file)file, err);
		if (!b)
			return NULL;
		int rc = get_file(v, f, (enum evidence_file)file, b, err);
		if (rc != 0 && (rc != ERR_ABSENT || evidence_file_needed((enum evidence_file)file)))
			return NULL;
		if (rc == ERR_ABSENT) {
			buf_free(b);
			folder->files[file] = NULL;
		}
	}
	return TAKE(folder);
}

/* ---- approvals ---- */

/* Who of the list signed the report at that time? */
static int find_approver(const struct buf *report, struct evidence_bytes signature,
                         struct evidence_bytes signers, uint64_t time_s, char who[SSHKEY_NAME_MAX],
                         struct err *err)
{
	struct sshsig s;
	if (sshsig_decode(&s, signature.bytes, signature.len, err) != 0 ||
	    sshsig_verify(&s, EVIDENCE_NAMESPACE, report->bytes, report->len, err) != 0)
		return err_wrap(err, "approval");
	int rc = sshkey_signer(signers.bytes, signers.len, &s.key, EVIDENCE_NAMESPACE, time_s, who, err);
	if (rc == ERR_KEY)
		err->code = ERR_DENIED;
	return rc == 0 ? 0 : err_wrap(err, "approval");
}

/* One that does not verify is none: `drill verify` says what is wrong with it. The time in an object's name
 * is anybody's; it has to be the one that the machine signed. */
static int take_approval(struct vault *v, const struct finding_drill *f, const char *signers,
                         struct drill_result *r, struct err *err)
{
	struct evidence_result e;
	struct err ignored;
	if (!f->approved_s)
		return 0;
	AUTO(evidence_folder) folder = get_folder(v, f, err);
	if (!folder)
		return err->code == ERR_ABSENT || err->code == ERR_LIMIT ? 0 : (int)err->code;
	AUTO(evidence_folder) keys = drill_trust_keys(v, f->by, folder, signers, err);
	if (!keys || evidence_judge(folder, keys, &e, err) != 0)
		return err->code;
	if (e.sound && e.approved_s == f->approved_s &&
	    e.checks[EVIDENCE_ABOUT_APPROVAL].state == EVIDENCE_OK &&
	    find_approver(folder->files[FILE_REPORT], evidence_bytes_of(folder->files[FILE_APPROVAL]),
	                  evidence_bytes_of(keys->files[FILE_SIGNERS]), f->approved_s, r->approved_by,
	                  &ignored) == 0)
		r->approved_s = (int64_t)f->approved_s;
	return 0;
}

static int put_approval(struct vault *v, const struct finding_drill *f,
                        const struct evidence_folder *folder, uint64_t time_s, struct err *err)
{
	char name[2 * NAMES_MAX];
	for (size_t i = 0; i < APPROVAL_FILES; i++) {
		const struct buf *b = folder->files[approval_files[i]];
		name_file(f, approval_files[i], time_s, name);
		if (storage_put(vault_storage(v), name, b->bytes, b->len, BACKEND_NEW, err) != 0)
			return err->code;
	}
	return 0;
}

/* The list is signed by the machine that drilled, and by no other. */
static const struct keyfile *key_of_drill(struct vault *v, const struct finding_drill *f, struct err *err)
{
	const struct keyfile *key = vault_keyfile(v);
	char prefix[NAMES_MAX] = "";
	if (key)
		names_drills(prefix, key->id);
	if (key && vault_self(v) && names_starts(f->folder, prefix))
		return key;
	err_set(err, ERR_KEY, "drill %.12s: was done by another machine, whose key signs its evidence",
	        f->found);
	err_hint(err, "run it there");
	return NULL;
}

int drill_approve(struct vault *v, const char *id, const struct drill_approval *a,
                  char who[DRILL_REVIEWER_MAX], struct err *err)
{
	static_assert((int)DRILL_REVIEWER_MAX == (int)SSHKEY_NAME_MAX, "a reviewer's name does not fit");
	struct finding_drill f;
	uint64_t now = (uint64_t)time(NULL);
	AUTO(buf) signers = buf_new(SSHKEY_SIGNERS_MAX, err);
	if (!signers || io_read_file(a->signers, signers, err) != 0 || find(v, id, &f, err) != 0)
		return err->code;
	const struct keyfile *key = key_of_drill(v, &f, err);
	AUTO(evidence_folder) folder = key ? get_folder(v, &f, err) : NULL;
	const struct evidence_approval approval = { .signature = { a->signature, a->signature_len },
		                                    .signers = evidence_bytes_of(signers), .time_s = now };
	if (!folder || find_approver(folder->files[FILE_REPORT], approval.signature, approval.signers,
	                             now, who, err) != 0)
		return err->code;
	if (a->reviewer && strcmp(who, a->reviewer) != 0)
		return err_set(err, ERR_DENIED, "approval: is by %s, and the drill's reviewer is %.128s", who,
		               a->reviewer);
	if (evidence_approve(folder, &approval, key->report_sk->bytes, err) != 0)
		return err->code;
	return put_approval(v, &f, folder, now, err);
}

/* ---- all of it ---- */

int drill_load(struct vault *v, const char *id, const struct drill_known *known,
               struct drill_result *result, struct err *err)
{
	struct finding_drill f;
	const struct drill_known k = known ? *known : (struct drill_known){ NULL, NULL };
	*result = (struct drill_result){ .verdict = DRILL_UNVERIFIED };
	if (find(v, id, &f, err) != 0)
		return err->code;
	snprintf(result->id, sizeof result->id, "%s", f.found);
	if (take_documents(v, &f, k.report, result, err) == 0 &&
	    take_approval(v, &f, k.signers, result, err) == 0)
		return 0;
	drill_result_clear(result);
	return err->code;
}

int drill_fetch_evidence(struct vault *v, const char *id, const char *dir, struct err *err)
{
	struct finding_drill f;
	if (find(v, id, &f, err) != 0)
		return err->code;
	AUTO(evidence_folder) folder = get_folder(v, &f, err);
	return folder ? evidence_folder_write(folder, dir, err) : (int)err->code;
}

int drill_write_keys(struct vault *v, const char *dir, const char *tsa_ca, const char *signers,
                     struct err *err)
{
	const struct charter_key *self = vault_self(v);
	if (!self) {
		err_set(err, ERR_KEY, "this machine has no key of vault %s", vault_short_id(v));
		return err_hint(err, "run it on the machine that drills");
	}
	AUTO(buf) certificates = buf_new(STAMP_CA_MAX, err);
	AUTO(buf) reviewers = certificates ? buf_new(SSHKEY_SIGNERS_MAX, err) : NULL;
	if (!reviewers || (tsa_ca && io_read_file(tsa_ca, certificates, err) != 0) ||
	    (signers && io_read_file(signers, reviewers, err) != 0))
		return err->code;
	struct evidence_keys keys = { .tsa_ca = evidence_bytes_of(certificates),
		                      .signers = evidence_bytes_of(reviewers) };
	memcpy(keys.vault, vault_id(v), 16);
	memcpy(keys.machine, self->id, 16);
	memcpy(keys.report_pk, self->report, sizeof keys.report_pk);
	memcpy(keys.log_pk, self->log, sizeof keys.log_pk);
	return evidence_write_keys(dir, &keys, err);
}
