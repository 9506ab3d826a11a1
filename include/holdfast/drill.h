/*
 * drill - prove that a store restores: a measured restore into a sandbox, its checks, and a report.
 *
 * What is restored is drawn, not picked; it comes out of the vault through the same code as a restore;
 * the engine that opens it, the statements and the user's own check run in a sandbox (base/sandbox.h);
 * when everything was taken down again, the report is made. It has three outcomes, and what was skipped
 * or could not be found out is never a success.
 *
 * A program that uses this must call drill_trial_main when it is started with DRILL_TRIAL_WORD as its
 * first argument: it is then the half that runs in the sandbox.
 */
#ifndef HOLDFAST_DRILL_H
#define HOLDFAST_DRILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "holdfast/err.h"
#include "holdfast/vault.h"

struct progress;

#define DRILL_TRIAL_WORD "drill-trial"

/* One that began longer ago, or was to begin, and has no end in the ledger was killed or forgotten. */
enum { DRILL_TAKES_MAX_S = 86400 };

enum drill_select {
	DRILL_LATEST,    /* the newest snapshot */
	DRILL_OLDEST,
	DRILL_RANDOM,    /* any */
	DRILL_LONGEST,   /* the one that lists most packs */
	DRILL_EPOCHS,    /* of each epoch the newest */
};

enum drill_verdict { DRILL_PASSED, DRILL_FAILED, DRILL_UNVERIFIED };
const char *drill_verdict_text(enum drill_verdict v);   /* "passed", "failed", "could-not-verify" */

/* One statement, and what its value is expected to be (base/expect.h has the words). */
struct drill_assertion {
	const char *name, *sql, *expect;
	const char *database;            /* of a server; NULL: the dump's own */
};

/* A store that may be drawn. Absent texts are NULL. */
struct drill_store {
	struct store_info info;
	const char *type;                /* of source.h; NULL: as the snapshot's facts have it */
	const char *database;            /* of a dump; NULL: of a whole server, or as the facts have it */
	const char *restore_command;     /* of command stores */
	const char *check_command;       /* the user's own, run in the sandbox */
	const char *rpo_sql;             /* gives the time of the last change: Unix seconds, or a date
	                                    and time, in UTC unless it says otherwise */
	bool shell, check_shell;         /* run restore_command, check_command through /bin/sh -c */
	bool any_keys;                   /* SQLite does not enforce foreign keys unless asked to: rows
	                                    without the parents they name are no finding */
	const struct drill_assertion *assertions;
	size_t n_assertions;
};

struct drill_options {
	const char *name;                /* of the drill */
	enum drill_select select;
	bool named;                      /* somebody asked for this store: no schedule did */
	bool by_timer;                   /* its turn had come; else a person began it */
	const struct drill_store *stores;
	size_t n_stores;
	uint64_t snapshot;               /* not 0: this one of the only store, instead of a drawn one */

	uint64_t every_s, rto_s, rpo_s;  /* rto_s, rpo_s 0: no objective */
	int64_t due_s;                   /* when it was due; 0: today, since no schedule says */
	const char *asset, *owner, *reviewer, *operator;   /* for the report; NULL: nothing */
	const char *runbook;             /* a file, of which the report has the digest */
	const char *policy;              /* the drill's configuration as text, of which it has the digest */
	const char *tsa, *tsa_ca;        /* address of an authority that stamps the ledger's checkpoint
	                                    (RFC 3161), and file with its certificates; NULL: none */

	const char *sandboxes;           /* folder for them; made if absent */
	const char *const *hidden;       /* folders to hide from them, NULL-terminated, or NULL */
	bool need_walls;                 /* do nothing where the kernel refuses namespaces */
	uint64_t memory_bytes, disk_bytes;   /* of the sandbox; 0: no limit; nine tenths of what is free */
	unsigned timeout_s;              /* for each thing that is asked in it; 0: an hour */
	const char *program;             /* that calls drill_trial_main; NULL: this one */

	/* Called when the drill needs to read: gets the keys, as vault_unlock does. NULL: they are there. */
	int (*unlock)(void *arg, struct err *err);
	void *arg;
	const struct progress *progress;
};

struct drill_result {
	char id[33];
	enum drill_verdict verdict;
	char *report, *detail;           /* JSON (docs/FORMAT.md), malloc'ed: drill_result_clear */
	char approved_by[128];           /* of one that was loaded: the reviewer whose approval verifies */
	int64_t approved_s;              /* when it came; 0: there is none */
	char *evidence;                  /* folder of the evidence pack on this machine, or NULL */
	struct err unrecorded;           /* code not 0: why the drill is in no ledger */
	struct err set_back;             /* code not 0: the vault's ledger of this machine was older than the
	                                    one remembered, which is there again by now */
	struct err unstamped;            /* code not 0: why its evidence has no timestamp; a drill that
	                                    was recorded on the way may be the one */
};

/*
 * Draw, restore, check, take down, report, record. 0 when there is a report, whatever its verdict.
 * Where this machine has a key in the vault, its ledger has `planned` and `started` before anything is
 * restored, and `finished` with the report's digest at the end; if the first two cannot be written,
 * nothing is done and their error returned. ERR_INVALID (options), ERR_ABSENT (no snapshot to draw
 * from), storage errors while drawing.
 */
int drill_run(struct vault *v, const struct drill_options *options, struct drill_result *result,
              struct err *err);
void drill_result_clear(struct drill_result *r);

/* What would be drawn now: of `population` candidates this one. Nothing is written. Errors as above. */
struct drill_plan {
	const struct drill_store *store;
	uint64_t seq, population, chosen;
	int64_t due_s, time_s;           /* time_s: the snapshot's */
	char seed[65];                   /* hex */
};
int drill_plan(struct vault *v, const struct drill_options *options, struct drill_plan *plan,
               struct err *err);

/*
 * A recorded drill, by the beginning of its id. `detail` is NULL where it is sealed to others: it opens
 * on the machine that ran the drill, with the recovery secret, and with an auditor's key. ERR_ABSENT
 * (none, or not yet recorded), ERR_INVALID (several), ERR_CORRUPT (also: the report is not signed by the
 * machine that drilled, or not the one of its ledger), storage errors. An approval that does not verify is
 * none.
 */
struct drill_known {                     /* what the caller knows; NULL: nothing */
	const char *report;              /* its report's SHA-256 in the ledger, hex; NULL: is looked up */
	const char *signers;             /* file: who may approve; NULL: whom the machine listed then */
};
int drill_load(struct vault *v, const char *id, const struct drill_known *known,
               struct drill_result *result, struct err *err);

/* Bring its evidence from the vault into a new folder, for an auditor: evidence.h checks it. ERR_EXISTS
 * and errors as above. */
int drill_fetch_evidence(struct vault *v, const char *id, const char *dir, struct err *err);

/*
 * Put a reviewer's approval beside the evidence of a drill of this machine, whose report key signs the list
 * anew; the last one counts. `who` gets the reviewer, by the list of those who may. ERR_CORRUPT: it is no
 * signature of this report; ERR_DENIED: by nobody who may, or not by `reviewer`; ERR_KEY: another machine
 * drilled; ERR_INVALID, and errors of drill_load and files.
 */
enum { DRILL_REVIEWER_MAX = 128 };   /* with its NUL */
struct drill_approval {
	const void *signature;           /* ssh-keygen -Y sign -n holdfast-drill report.json */
	size_t signature_len;
	const char *signers;             /* file: who may (ssh-keygen(1), allowed signers) */
	const char *reviewer;            /* who has to; NULL: anyone of them */
};
int drill_approve(struct vault *v, const char *id, const struct drill_approval *a,
                  char who[DRILL_REVIEWER_MAX], struct err *err);

/* Write the folder of public keys that an auditor is given once, on paper or by hand: this machine's, and
 * from files (NULL: none) those of the timestamp authority and of reviewers. ERR_KEY (it has none),
 * ERR_EXISTS, errors of files. */
int drill_write_keys(struct vault *v, const char *dir, const char *tsa_ca, const char *signers,
                     struct err *err);

/*
 * What is done about a drill that failed: remembered on this machine, and in the reports of its next
 * drills until it is closed (and for 90 days after). A ticket that is known is changed.
 */
struct drill_finding_note {
	const char *drill;               /* the beginning of its id */
	const char *ticket, *text;       /* text may be NULL */
	int64_t due_s;                   /* 0: as it was, or none */
	bool close;
};
int drill_note_finding(struct vault *v, const struct drill_finding_note *note, struct err *err);

/* The half that runs in the sandbox: its exit status. */
int drill_trial_main(void);

#endif
