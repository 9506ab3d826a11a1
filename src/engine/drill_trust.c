#include "engine/drill_trust.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "crypto/sha256.h"
#include "engine/evidence.h"
#include "format/entry.h"
#include "format/minisign.h"
#include "format/sshsig.h"
#include "holdfast/err.h"
#include "holdfast/ledger.h"
#include "vault/vault.h"

enum { DAY_S = 86400 };

int drill_trust_report(const struct vault *v, const struct charter_key *by, const struct report *r,
                       const struct buf *text, const struct buf *signature, struct err *err)
{
	if (memcmp(r->vault, vault_id(v), 16) != 0 || memcmp(r->machine, by->id, 16) != 0)
		return err_set(err, ERR_CORRUPT, "report.json is of another machine");
	return minisign_verify(text->bytes, text->len, signature->bytes, signature->len, by->report, NULL,
	                       err) == 0 ? 0 : err_wrap(err, "report.json.minisig");
}

/* ---- the ledger ---- */

struct looking {
	char drill[64], report[100];   /* as they stand in an entry */
	bool found;
};

static int look_at_entry(void *arg, const struct ledger_line *line, struct err *err)
{
	struct looking *l = arg;
	(void)err;
	l->found |= strcmp(line->kind, entry_kind_word(ENTRY_DRILL_FINISHED)) == 0 &&
	            strstr(line->json, l->drill) && strstr(line->json, l->report);
	return 0;
}

static int look_up(struct vault *v, const struct charter_key *by, const struct report *r,
                   const char *digest, bool *found, struct err *err)
{
	char key[33], drill[33];
	const struct ledger_show_options o = {
		.since_s = r->started_s > DAY_S ? r->started_s - DAY_S : 0,
		.key = hex_encode(key, by->id, sizeof by->id),
	};
	struct looking l = { .found = false };
	snprintf(l.drill, sizeof l.drill, "\"drill\":\"%s\"", hex_encode(drill, r->drill, 16));
	snprintf(l.report, sizeof l.report, "\"report\":\"%s\"", digest);
	if (ledger_show(v, &o, look_at_entry, &l, err) != 0)
		return err->code;
	*found = l.found;
	return 0;
}

int drill_trust_ledger(struct vault *v, const struct charter_key *by, const struct report *r,
                       const struct buf *text, const char *digest, struct err *err)
{
	uint8_t hash[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	sha256(hash, text->bytes, text->len);
	hex_encode(hex, hash, sizeof hash);
	bool found = digest && strcmp(digest, hex) == 0;
	if (!digest && look_up(v, by, r, hex, &found, err) != 0)
		return err->code;
	return found ? 0 : err_set(err, ERR_CORRUPT, "its machine's ledger does not tell of this report");
}

/* ---- keys for the whole folder ---- */

struct evidence_folder *drill_trust_keys(const struct vault *v, const struct charter_key *by,
                                         const struct evidence_folder *f, const char *signers,
                                         struct err *err)
{
	AUTO(buf) reviewers = buf_new(SSHKEY_SIGNERS_MAX, err);
	int rc = !reviewers ? err->code : signers ? io_read_file(signers, reviewers, err) : 0;
	if (rc == ERR_ABSENT)
		err->code = ERR_INVALID;   /* nothing of the vault is absent */
	if (rc != 0)
		return NULL;
	struct evidence_keys keys = { .tsa_ca = evidence_bytes_of(f->files[FILE_TSA_CA]) };
	keys.signers = evidence_bytes_of(signers ? reviewers : f->files[FILE_SIGNERS]);
	memcpy(keys.vault, vault_id(v), 16);
	memcpy(keys.machine, by->id, 16);
	memcpy(keys.report_pk, by->report, sizeof keys.report_pk);
	memcpy(keys.log_pk, by->log, sizeof keys.log_pk);
	return evidence_keys_folder(&keys, err);
}
