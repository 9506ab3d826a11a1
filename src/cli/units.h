/*
 * units - the files that let systemd or cron run `holdfast run`: service, timer, mail, crontab.
 *
 * The service is locked in as far as its work allows, which the configuration decides: which folders are
 * written, whether others' files are read, whether a network is needed, whether commands of the
 * configuration run in it, of which nothing is known.
 */
#ifndef UNITS_H
#define UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"

struct buf;
struct cli;
struct err;
struct turns;
struct units;

/* The first line of every file that is ours begins so. */
#define UNITS_MARK "# Written by holdfast schedule install"

struct units_options {
	bool user;              /* for the manager of a user, not of the system */
	uint64_t delay_s;       /* RandomizedDelaySec; 0: none */
};

/* Look at the configuration, the program's path and what lies on this machine. NULL with ERR_INVALID (a
 * path that cannot be written in a unit), ERR_NOMEM. */
struct units *units_new(const struct cli *cli, const struct units_options *options, struct err *err);
void units_free(struct units *u);
AUTO_FREE(units);

/* Append the text of each file. ERR_LIMIT, ERR_NOMEM. */
int units_service(const struct units *u, struct buf *out, struct err *err);
int units_timer(const struct units *u, struct buf *out, struct err *err);
int units_mail(const struct units *u, struct buf *out, struct err *err);
int units_crontab(const struct units *u, struct buf *out, struct err *err);

/* A word as it stands in a unit: quoted, with % doubled, in a command line $ too. */
int units_word(struct buf *out, const char *text, bool in_command, struct err *err);

#endif
