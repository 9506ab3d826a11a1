/*
 * pending - what a run has put into the vault that no entry of the ledger tells of yet.
 *
 * STATE/<vault-id>/ledger/runs/<run id>: one line for each item (entry.h), written before the object is
 * put, and locked for as long as the run lives. A run that ended without its entry leaves the file;
 * the next run takes over what it says and is in the vault. A power cut may take a line that was not
 * yet on the disk.
 */
#ifndef PENDING_H
#define PENDING_H

#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/entry.h"

struct err;
struct vault;

struct pending;

/* NULL with ERR_INVALID (no state folder), ERR_IO, ERR_NOMEM. */
struct pending *pending_begin(const struct vault *v, const uint8_t run[16], struct err *err);
/* Any threads. ERR_IO, ERR_SPACE. */
int pending_add(struct pending *p, const struct entry_item *item, struct err *err);
/* The entry is written: the file goes. */
void pending_done(struct pending *p);
/* The entry is written, but of these it is not known whether they were put: the next run looks. */
int pending_keep(struct pending *p, const struct entry_item *items, size_t n, struct err *err);
/* Without pending_done the file stays for the next run. */
void pending_free(struct pending *p);
AUTO_FREE(pending);

/* What runs left that are no more. While it is held, nobody else takes it over. */
struct pending_left {
	struct entry_item *items;
	size_t n;
	int *fds;
	char (*names)[33];
	size_t n_files;
	char *dir;
};
struct pending_left *pending_left(const struct vault *v, struct err *err);
/* It is in the ledger now: the files go. */
void pending_left_done(struct pending_left *l);
void pending_left_free(struct pending_left *l);
AUTO_FREE(pending_left);

#endif
