/*
 * evidence - the folder in which a drill proves what it found, checked. (docs/EVIDENCE.md)
 *
 * Needs no vault and no secret: only the folder, and the keys that the auditor was given when the
 * machine was enrolled. VERIFY.txt in the folder does the same with Debian's own tools.
 */
#ifndef HOLDFAST_EVIDENCE_H
#define HOLDFAST_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct vault;

enum evidence_state {
	EVIDENCE_OK,
	EVIDENCE_FAILED,
	EVIDENCE_ABSENT,      /* optional, and not there */
	EVIDENCE_UNPROVEN,    /* not wrong, but not proved here: `said` tells what is missing */
};

/* In the order in which they are made. */
enum evidence_about {
	EVIDENCE_ABOUT_KEYS,         /* the keys here are those that were given to the auditor */
	EVIDENCE_ABOUT_LIST,         /* SHA256SUMS is signed by the machine's report key */
	EVIDENCE_ABOUT_FILES,        /* all files are there and as listed, and there are no others */
	EVIDENCE_ABOUT_SCRIPT,       /* VERIFY.txt is the text that this program writes */
	EVIDENCE_ABOUT_REPORT,       /* report.json is signed, its verdict follows from its facts, and
	                              * detail.sealed is of this drill */
	EVIDENCE_ABOUT_CHECKPOINT,   /* the state of the machine's log is signed by its log key */
	EVIDENCE_ABOUT_ENTRY,        /* the entry names this report's digest and verdict */
	EVIDENCE_ABOUT_PROOF,        /* the entry is in the log */
	EVIDENCE_ABOUT_APPROVAL,     /* a reviewer signed the report */
	EVIDENCE_ABOUT_TIMESTAMP,    /* an authority stamped the checkpoint */
	EVIDENCE_CHECKS
};

struct evidence_check {
	const char *name;            /* "keys", "list", ... */
	enum evidence_state state;
	char said[300];              /* one line, without a LF */
};

struct evidence_result {
	struct evidence_check checks[EVIDENCE_CHECKS];
	bool sound;                  /* no check failed */
	bool anchored;               /* the keys were compared with those that were given */
	char drill[33];              /* hex; empty if the report cannot be read */
	uint64_t approved_s;         /* when the machine got an approval, as it signed that; 0: none */
	const char *verdict;         /* the drill's own: "passed", "failed", "could-not-verify", or NULL */
};

/*
 * Make all checks; one that fails does not stop the others. keys_dir: the folder of the keys that the
 * auditor was given (drill.pub, log.pem; allowed_signers, tsa-ca.pem where they are used), or NULL: then
 * the keys beside the report count, and the result is not anchored. A timestamp's own signature is left
 * to openssl. 0 when the folder could be read, also when checks failed. ERR_ABSENT, ERR_DENIED, ERR_IO
 * (folders), ERR_INVALID (no keys in keys_dir), ERR_NOMEM.
 */
int evidence_verify(const char *dir, const char *keys_dir, struct evidence_result *r,
                    struct err *err);

/*
 * Make a folder of evidence final: add VERIFY.txt, drill.pub (this machine's report key, public) and
 * SHA256SUMS over every file below it, signed with the comment (printable ASCII). The folder must hold
 * `ledger` (ledger_export), `drills/<id>` (drill_fetch_evidence) and SPAN ("from N", "to N", Unix seconds),
 * which the script reads. ERR_KEY (this machine is not enrolled), ERR_INVALID (something else lies there
 * than files and folders), ERR_LIMIT, errors of files.
 */
int evidence_sign_folder(struct vault *v, const char *dir, const char *comment, struct err *err);

#endif
