/*
 * ledger - what every enrolled key says it did: read, verified, proved, taken away.
 *
 * One append-only log per key, signed by it: RFC 6962 trees in C2SP tiles (docs/FORMAT.md). Everything
 * here needs no secret.
 */
#ifndef HOLDFAST_LEDGER_H
#define HOLDFAST_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct progress;
struct vault;

enum ledger_severity {
	LEDGER_NOTE,      /* to be known; the ledger is as it should be */
	LEDGER_DAMAGE,    /* something is missing, changed, or told of by no entry */
	LEDGER_FORK,      /* a log was set back, cut, or has two histories */
};
typedef void ledger_problem(void *arg, enum ledger_severity severity, const struct err *problem);

/* The newest checkpoint of a key's log, when nothing was to be said of that log. */
typedef int ledger_sound(void *arg, const uint8_t key[16], const void *checkpoint, size_t len,
                         struct err *err);

struct ledger_verify_options {
	const void *against;          /* a checkpoint that was kept elsewhere, or NULL */
	size_t against_len;
	const char *cosigner;         /* a witness (NAME+ID+KEY) who must have cosigned it, or NULL */
	bool copy;                    /* it is known to be a copy of another vault, maybe of some stores
	                                 only, and maybe late: that this machine or another log saw more of
	                                 a log is a note for each, and one tells of stores that are not
	                                 there and of snapshots newer than those that are */
	ledger_problem *problem;
	void *arg;
	ledger_sound *sound;          /* may be NULL */
	void *sound_arg;
	const struct progress *progress;
};

struct ledger_verify_result {
	uint64_t logs, entries, snapshots, drills;   /* that were looked at */
	uint64_t notes, damages, forks;
	uint64_t cosigned_s;          /* when `cosigner` saw `against`; 0: none was asked for */
};

/*
 * Read every log that the charter names, whole: signatures; every tile against the entries and the
 * root; what each log says to have seen of the others; what this machine saw last; `against`. Then
 * every snapshot and drill in the vault against the logs, and the other way round; and the charter
 * against the entries of those who enrolled and granted: it must begin with what they name. Sound logs are
 * remembered as seen. Returns 0 when that could be done, also when problems were found; ERR_INVALID
 * (`against` is no checkpoint of this vault, or not cosigned by `cosigner`), storage errors.
 */
int ledger_verify(struct vault *v, const struct ledger_verify_options *options,
                  struct ledger_verify_result *result, struct err *err);

/*
 * Be a witness: verify as above, and cosign the newest checkpoint of a key (C2SP cosignature/v1), whose log
 * has been found to have grown from `against`. Nothing is put into the vault. `pem` is an Ed25519 key of
 * `openssl genpkey`, used for nothing else; `name` says whose. Where problems were found nothing is
 * cosigned, and out->checkpoint is NULL. ERR_INVALID (name, pem), ERR_ABSENT (the key has no ledger), and
 * as above.
 */
struct ledger_witness {
	const char *name;
	const void *pem;
	size_t pem_len;
	uint64_t time_s;
};
struct ledger_cosigned {
	char *checkpoint;             /* malloc'ed: free it */
	size_t len;
	char witness[200];            /* the public key: what `cosigner` takes */
};
int ledger_cosign(struct vault *v, const struct ledger_verify_options *options, const uint8_t key[16],
                  const struct ledger_witness *who, struct ledger_verify_result *result,
                  struct ledger_cosigned *out, struct err *err);

/*
 * Write into this machine's log that it enrolled a machine, or granted it stores (keys: how many it sealed
 * to it), with the charter as it is by that; and what it sees of all other logs. To be called once the act
 * is done: that this fails does not undo it. On a machine that keeps no ledger (no key in the charter, no
 * state folder) nothing is done. ERR_ABSENT: there is no such machine; ERR_FORK, errors of storage and
 * files.
 */
int ledger_tell_enrolment(struct vault *v, const char *machine, struct err *err);
int ledger_tell_grant(struct vault *v, const char *machine, uint64_t keys, struct err *err);

struct ledger_line {
	const char *key_name;         /* of the charter */
	const uint8_t *key;           /* its id, 16 bytes */
	uint64_t index;
	uint64_t time_s;
	const char *kind;             /* "run", ... */
	const char *json;             /* the entry, NUL-terminated */
	size_t json_len;
};
typedef int ledger_visit(void *arg, const struct ledger_line *line, struct err *err);

struct ledger_show_options {
	uint64_t since_s;             /* only entries not older; 0: all */
	const char *key;              /* a key's name in the charter or the beginning of its id; NULL: all */
};

/* Visit entries, log by log, oldest first. Tiles are compared with the checkpoint only so far that an
 * entry shown is one that was signed for. ERR_ABSENT (no such key), ERR_CORRUPT, storage errors. */
int ledger_show(struct vault *v, const struct ledger_show_options *options, ledger_visit *visit,
                void *arg, struct err *err);

/*
 * Prove that an entry is in the log of a key: *proof gets a C2SP tlog-proof, to be freed with free().
 * ERR_ABSENT: no such entry.
 */
int ledger_prove(struct vault *v, const uint8_t key[16], uint64_t index, char **proof, size_t *len,
                 struct err *err);

/* The entry of a writer's log that tells of a snapshot; it is the list of its run that names it, if the
 * run was long. ERR_ABSENT. */
int ledger_find_snapshot(struct vault *v, const uint8_t writer[16], const uint8_t store[16],
                         uint64_t seq, uint64_t *index, struct err *err);

/* A key of the charter by its name or the beginning of its id. ERR_ABSENT, ERR_INVALID (several). */
int ledger_find_key(struct vault *v, const char *text, uint8_t key[16], struct err *err);

/*
 * Write every log into DIR/<key id>/: checkpoint, entries (one a line), log.pem (the public key), and
 * DIR/COMPLETE.txt: a script for sh with openssl and coreutils that computes each root again from
 * every entry. DIR must not exist, or be empty. ERR_EXISTS, ERR_CORRUPT, errors of storage and files.
 */
int ledger_export(struct vault *v, const char *dir, uint64_t *logs, uint64_t *entries,
                  struct err *err);

/*
 * Have a timestamp authority (RFC 3161) sign that the newest checkpoint of a key exists: DIR/checkpoint,
 * DIR/checkpoint.tsr, and the authority's certificates from the file tsa_ca as DIR/tsa-ca.pem. DIR must not
 * exist, or be empty. ERR_ABSENT (no ledger), ERR_EXISTS; ERR_UNREACHABLE, ERR_DENIED, ERR_LIMIT,
 * ERR_CORRUPT (the authority is away, refuses, or answers with what does not verify by those
 * certificates); ERR_SOURCE (there is no openssl); errors of storage and files.
 */
struct ledger_stamp {
	uint64_t entries, time_s;     /* in the checkpoint; when the authority saw it */
};
int ledger_timestamp(struct vault *v, const uint8_t key[16], const char *tsa, const char *tsa_ca,
                     const char *dir, struct ledger_stamp *out, struct err *err);

#endif
