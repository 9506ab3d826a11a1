/*
 * trial - a restored store, brought to life and asked: what a drill needs of each kind of store.
 *
 * A kind is one file and one line in the table of trial.c. Everything here runs inside a sandbox
 * (base/sandbox.h), on data that need not be what it seems. Life of a trial: start, load, then structure,
 * facts, query in any order, stop, free. What says that the restored data is not right is a finding, or
 * ERR_SOURCE; all other errors say that nothing could be found out (a program is missing, no space, no
 * time).
 */
#ifndef TRIAL_H
#define TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/scope.h"

struct buf;
struct err;

enum {
	TRIAL_TEXT_MAX = 2000,     /* of a value or of what a check found, with its NUL */
	TRIAL_OUTPUT_MAX = 1 << 20,
};

struct trial_options {
	const char *type;              /* of the store, as in struct source_options */
	const char *folder;            /* where it was restored to, absolute */
	const char *file;              /* its one file, a path below folder; NULL for trees */
	const char *scratch;           /* an empty folder for an engine's own files, absolute */
	const char *database;          /* name of the dumped database; NULL: a whole server, or unknown */
	const char *restore_command;   /* command stores; NULL: none */
	bool shell;
	bool any_keys;                 /* SQLite: rows without the parents they name are no finding */
	unsigned timeout_ms;           /* for each thing asked */
};

struct trial_ops;
struct trial {
	const struct trial_ops *ops;
};

enum trial_verdict { TRIAL_PASSED, TRIAL_FAILED, TRIAL_SKIPPED };

/* One thing that was checked. Texts live during the call. Returns 0 or what ends the work. */
typedef int trial_found(void *arg, const char *check, enum trial_verdict verdict,
                        const char *expected, const char *actual, struct err *err);

struct trial_value {
	bool null;
	char text[TRIAL_TEXT_MAX];     /* cut where it is longer */
};

/* Every member is mandatory. */
struct trial_ops {
	const char *type;

	/* Start the engine, without the data where that is a dump. ERR_ABSENT (its programs are not
	 * installed here), ERR_SOURCE (an engine that opens restored files does not open these). */
	struct trial *(*start)(const struct trial_options *options, struct err *err);
	void (*free)(struct trial *t);

	/* Bring in what was restored, where that is not in place already. */
	int (*load)(struct trial *t, trial_found *found, void *arg, struct err *err);

	/* The engine's own checks of its structures. */
	int (*structure)(struct trial *t, trial_found *found, void *arg, struct err *err);

	/* Append one canonical JSON object: with the keys of the facts that a backup records, where they
	 * can be known, and "rows": {table: number} where there are tables. */
	int (*facts)(struct trial *t, struct buf *out, struct err *err);

	/* One statement that reads and gives one value. ERR_INVALID (it is no such statement; the store
	 * has no queries), ERR_SOURCE (it fails), ERR_UNREACHABLE (not done in time). */
	int (*query)(struct trial *t, const char *database, const char *sql, struct trial_value *value,
	             struct err *err);

	/* NAME=value, NULL-terminated: what a user's own check needs to reach the engine. */
	const char *const *(*env)(struct trial *t);

	/* End the engine in order. */
	int (*stop)(struct trial *t, struct err *err);
};

/* By options->type. NULL with ERR_INVALID (no such type) or what start gives. */
struct trial *trial_start(const struct trial_options *options, struct err *err);
void trial_free(struct trial *t);
AUTO_FREE(trial);

#endif
