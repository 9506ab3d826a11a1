/*
 * restore_all - carry out what an operand of `restore` means, and say of each store how it went.
 *
 * One after the other, as each has many connections and threads of its own; but where the vault lies behind
 * a network, small stores that follow each other are restored several at once, since they do little but
 * wait. They are told of in their order.
 */
#ifndef RESTORE_ALL_H
#define RESTORE_ALL_H

#include <stdbool.h>

#include "cli/mask_job.h"
#include "cli/restore_job.h"

struct cli;
struct err;

struct restore_all_options {
	const char *path;      /* only this file, or what is below this folder; NULL: all */
	bool overwrite;
};

/* The exit status: one failure does not keep the others from being restored. Of a single store its error;
 * ERR_STOPPED. */
int restore_all(struct cli *cli, const struct restore_jobs *jobs, const struct mask_job *mask,
                const struct restore_all_options *how, struct err *err);

#endif
