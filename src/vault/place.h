/*
 * place - what this machine remembers of the beginning of a vault: vault.json and the newest charter,
 * as they were verified, by the vault's URL.
 *
 *   STATE/places/<hash of the URL>
 *
 * It counts for a week, and only while the storage's listing shows the same newest charter with the
 * same fingerprint. What is read from here is verified like what is read from the vault.
 */
#ifndef PLACE_H
#define PLACE_H

#include <stdint.h>

#include "base/scope.h"
#include "holdfast/backend.h"

struct buf;
struct err;

struct place {
	struct buf *anchor, *charter;   /* the objects as they are */
	uint64_t n;                     /* of the charter */
	char tag[BACKEND_TAG_MAX];      /* its fingerprint; "": not known, then there is nothing to compare */
};

struct place *place_new(struct err *err);
void place_free(struct place *p);
AUTO_FREE(place);

/* NULL with ERR_ABSENT (nothing is remembered, or too long ago), ERR_CORRUPT, ERR_IO, ERR_NOMEM. */
struct place *place_load(const char *state_dir, const char *url, struct err *err);
/* Atomic, not synced: what is torn is read from the vault. */
int place_store(const struct place *p, const char *state_dir, const char *url, struct err *err);

#endif
