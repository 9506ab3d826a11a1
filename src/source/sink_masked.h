/*
 * sink_masked - takes a SQLite database from a restore, and puts a masked one in place.
 *
 * The original lies veiled (veiled.h) in a sandbox in the folder .holdfast-masking of the folder, where it is
 * also opened and masked, by another process (mask_inside.h). Only what is whole gets its name. What a killed
 * run left is swept by the next; nothing in it is an original value in clear.
 */
#ifndef SINK_MASKED_H
#define SINK_MASKED_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "holdfast/mask.h"

struct sink;

#define SINK_MASKED_BOXES ".holdfast-masking"

struct sink_masked_options {
	const char *folder;                  /* exists */
	const struct mask_rules *rules;      /* NULL: only tell a skeleton of rules */
	mask_skeleton *skeleton;             /* used then */
	bool overwrite;                      /* keep what is there as NAME.before-restore */
	bool dry_run;                        /* mask, and remove what came out */
	const volatile sig_atomic_t *stop;   /* or NULL */
	const char *const *hidden;           /* folders that the sandbox may not see, or NULL */
	const char *program;                 /* that is started with MASK_INSIDE_WORD; NULL: this one */
	mask_missing *missing;               /* or NULL */
	void *arg;                           /* of skeleton and missing */
	struct mask_result *result;          /* set at close */
	char *target;                        /* gets the path of the file; may be NULL */
	size_t target_size;
};

/* options live as long as the sink. NULL with ERR_EXISTS (a folder of that name that is not ours),
 * ERR_ABSENT, ERR_DENIED, ERR_SPACE, ERR_IO, ERR_NOMEM; in use also ERR_INVALID (no page file, or more than
 * one), ERR_EXISTS, ERR_CORRUPT (what the sandbox says), and what mask_sqlite gives. */
struct sink *sink_masked(const struct sink_masked_options *options, struct err *err);

#endif
