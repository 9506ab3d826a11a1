/* Recorded drills: found again in the vault, and handed to auditors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "engine/evidence.h"
#include "engine/stamp.h"
#include "format/detail.h"
#include "format/names.h"
#include "format/report.h"
#include "holdfast/drill.h"
#include "vault/storage.h"
#include "vault/vault.h"

struct finding_drill {
	const char *id;              /* what it begins with */
	char folder[NAMES_MAX];      /* <key-id>/drills/<id>/, or empty */
	char found[33];
	bool several;
};

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
	return 0;
}

static int find(struct vault *v, const char *id, struct finding_drill *f, struct err *err)
{
	const struct charter *c = vault_charter(v);
	char prefix[NAMES_MAX];
	*f = (struct finding_drill){ .id = id };
	if (!*id || strspn(id, "0123456789abcdef") != strlen(id) || strlen(id) > 32)
		return err_set(err, ERR_INVALID, "'%.60s' is no drill's id", id);
	for (size_t i = 0; i < c->n_keys; i++)
		if (storage_list(vault_storage(v), names_drills(prefix, c->keys[i].id), look_at_object, f,
		                 err) != 0)
			return err->code;
	if (f->several)
		return err_set(err, ERR_INVALID, "several drills begin with '%.32s'", id);
	if (*f->folder)
		return 0;
	err_set(err, ERR_ABSENT, "drill %.32s: no report of it is in the vault", id);
	return err_hint(err, "'holdfast drill list' tells of all that began");
}

static int get_file(struct vault *v, const struct finding_drill *f, enum evidence_file file,
                    struct buf *out, struct err *err)
{
	char name[2 * NAMES_MAX];
	snprintf(name, sizeof name, "%s%s", f->folder, evidence_file_name(file));
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

static int take_documents(struct vault *v, const struct finding_drill *f, struct drill_result *r,
                          struct err *err)
{
	struct report report = { 0 };
	struct err ignored;
	AUTO(buf) text = buf_new(REPORT_MAX, err);
	AUTO(buf) detail = text ? buf_new(REPORT_MAX, err) : NULL;
	if (!detail || get_file(v, f, FILE_REPORT, text, err) != 0)
		return err->code;
	int rc = report_decode(&report, text->bytes, text->len, err);
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
	return r->report && (r->detail || !opened) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int drill_load(struct vault *v, const char *id, struct drill_result *result, struct err *err)
{
	struct finding_drill f;
	*result = (struct drill_result){ .verdict = DRILL_UNVERIFIED };
	if (find(v, id, &f, err) != 0)
		return err->code;
	snprintf(result->id, sizeof result->id, "%s", f.found);
	if (take_documents(v, &f, result, err) == 0)
		return 0;
	drill_result_clear(result);
	return err->code;
}

int drill_fetch_evidence(struct vault *v, const char *id, const char *dir, struct err *err)
{
	struct finding_drill f;
	AUTO(evidence_folder) folder = evidence_folder_new(err);
	if (!folder || find(v, id, &f, err) != 0)
		return err->code;
	for (int file = 0; file < EVIDENCE_FILES; file++) {
		struct buf *b = evidence_folder_add(folder, (enum evidence_file)file, err);
		if (!b)
			return err->code;
		int rc = get_file(v, &f, (enum evidence_file)file, b, err);
		if (rc != 0 && (rc != ERR_ABSENT || evidence_file_needed((enum evidence_file)file)))
			return rc;
		if (rc == ERR_ABSENT) {
			buf_free(b);
			folder->files[file] = NULL;
		}
	}
	return evidence_folder_write(folder, dir, err);
}

int drill_write_keys(struct vault *v, const char *dir, const char *tsa_ca, struct err *err)
{
	const struct charter_key *self = vault_self(v);
	if (!self) {
		err_set(err, ERR_KEY, "this machine has no key of vault %s", vault_short_id(v));
		return err_hint(err, "run it on the machine that drills");
	}
	AUTO(buf) certificates = buf_new(STAMP_CA_MAX, err);
	if (!certificates || (tsa_ca && io_read_file(tsa_ca, certificates, err) != 0))
		return err->code;
	struct evidence_keys keys = { .tsa_ca = { certificates->bytes, certificates->len } };
	memcpy(keys.vault, vault_id(v), 16);
	memcpy(keys.machine, self->id, 16);
	memcpy(keys.report_pk, self->report, sizeof keys.report_pk);
	memcpy(keys.log_pk, self->log, sizeof keys.log_pk);
	return evidence_write_keys(dir, &keys, err);
}
