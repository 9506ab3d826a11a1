/*
 * status_view - how things stand: every store with its newest snapshot, held against its objective, and
 * every vault of the configuration.
 *
 * What the vault shows counts. Where it cannot be looked at, what this machine remembers stands in, and
 * `away` says so. Nothing is printed here.
 */
#ifndef STATUS_VIEW_H
#define STATUS_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "cli/outcomes.h"
#include "holdfast/err.h"
#include "holdfast/memory.h"
#include "holdfast/snapshot.h"

struct cli;
struct config_section;

struct status_store {
	const char *label;                      /* what users call it */
	const struct config_section *section;   /* NULL: not of this configuration, so never late */
	const struct store_info *info;          /* NULL: the vault does not hold it, or is away */
	struct err why;                         /* code not 0: damage or a fork, and it is not known */
	bool found;                             /* there is a snapshot, */
	struct snapshot_info newest;            /* this one */
	int64_t good_s;                         /* its time, or when a run last found it current, or what is
	                                           remembered; 0: none */
	uint64_t rpo_s;                         /* 0: none is set; then a missed turn is late */
	bool overdue;
	struct outcome outcome;                 /* of the attempts from here */
	struct store_memory memory;             /* epoch 0: not known */
	uint64_t rotate_s;
};

/* A vault, and in one that is not the first the copy of each store. */
struct status_copy {
	bool found;
	int64_t time_s;
	uint64_t seq;
	bool late;                              /* the first vault has a newer one */
	bool overdue;                           /* and this one is too old, where copies are wanted */
};

struct status_vault {
	const char *name;                       /* "" for [vault] */
	char *url;                              /* owned */
	struct err away;                        /* code not 0: it cannot be looked at */
	bool first;
	struct status_copy *copies;             /* one for each store; NULL for the first */
	int64_t newest_s;                       /* of all that is there; 0: nothing */
	size_t late;
	uint64_t free_bytes, total_bytes;       /* 0: not known */
};

struct status_view {
	int64_t now_s;
	struct status_store *stores;            /* sorted by label */
	size_t n;
	struct status_vault *vaults;            /* the one that was asked for first */
	size_t n_vaults;
	size_t overdue, late, away;             /* stores; copies; vaults */
	size_t damaged;                         /* stores */
	struct err ledger;                      /* code not 0: what runs found current is not known */
	struct status_data *data;               /* what the pointers above point into */
};

/* NULL with ERR_NOMEM, ERR_INVALID; damage of the vault as a whole; an operand that means nothing. */
struct status_view *status_view_new(struct cli *cli, struct err *err);
void status_view_free(struct status_view *v);
AUTO_FREE(status_view);

#endif
