/*
 * sink_masked - takes a SQLite database from a restore, and puts a masked one in place.
 *
 * The original lies veiled (veiled.h) in the folder meanwhile, without a name; the masked one is written as
 * .NAME.holdfast-masked, readable by its owner only, and gets its name when it is whole. What a killed run
 * left under that name is masked already, and is written over by the next.
 */
#ifndef SINK_MASKED_H
#define SINK_MASKED_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "holdfast/mask.h"

struct sink;

struct sink_masked_options {
	const char *folder;                  /* exists */
	const struct mask_rules *rules;      /* NULL: only tell a skeleton of rules */
	mask_skeleton *skeleton;             /* used then */
	bool overwrite;                      /* keep what is there as NAME.before-restore */
	bool dry_run;                        /* mask, and remove what came out */
	const volatile sig_atomic_t *stop;   /* or NULL */
	mask_missing *missing;               /* or NULL */
	void *arg;                           /* of skeleton and missing */
	struct mask_result *result;          /* set at close */
	char *target;                        /* gets the path of the file; may be NULL */
	size_t target_size;
};

/* options live as long as the sink. NULL with ERR_ABSENT, ERR_DENIED, ERR_SPACE, ERR_IO, ERR_NOMEM; in use
 * also ERR_INVALID (no page file, or more than one), ERR_EXISTS, and what mask_sqlite gives. */
struct sink *sink_masked(const struct sink_masked_options *options, struct err *err);

#endif
