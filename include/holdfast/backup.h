/* backup - take snapshots of stores. Needs this machine's writer key; needs no passphrase. */
#ifndef HOLDFAST_BACKUP_H
#define HOLDFAST_BACKUP_H

#include "holdfast/err.h"
#include "holdfast/progress.h"
#include "holdfast/snapshot.h"
#include "holdfast/source.h"

struct backup_store {
	struct source_options source;   /* source.name is the store's name */
	uint32_t unit_bytes;            /* power of two from 256 up to the page size; 0: auto */
	unsigned level;                 /* zstd level 1..19; 0: the default, 1 */
	uint64_t rotate_s;              /* start a new epoch when the current one is older; 0: never */
	uint64_t rehash_s;              /* re-read though the source says unchanged; 0: 7 days */
	uint64_t full_every_s;          /* take a full when the last is older; 0: never */
	bool paranoid;                  /* decrypt and compare every frame, not one in 16 */
};

struct backup_options {
	bool full;                      /* a full snapshot even where an incremental would do */
	bool dry_run;                   /* read and compare, store nothing */
	bool reread;                    /* do not believe "unchanged" from the source */
	const struct progress *progress;
	struct err *warning;            /* gets what is to be known of the run as a whole (exit 4); may be
	                                   NULL. The code stays as it is if there is nothing */
};

struct backup_result {
	struct err err;                 /* err.code 0: done; else nothing was committed for this store */
	struct err warning;             /* code not 0: committed, but something is to be known (exit 4) */
	uint64_t seq;                   /* the snapshot; in a dry run the one it would have been */
	enum snapshot_kind kind;
	uint64_t bytes_read, bytes_changed, bytes_evacuated, bytes_stored;
	uint32_t packs;                 /* stored by this run */
	uint64_t duration_ms;
};

/*
 * Back up n stores, several at once where that helps; results[i] belongs to stores[i]. At the end the
 * run is written into this machine's ledger; that it could not be is a warning. Returns 0 if
 * all are done, else the code of the first that failed (the others were still tried), with *err
 * from it. ERR_KEY before anything if this machine cannot write. Per store: ERR_BUSY (another
 * backup of it runs), ERR_FORK (foreign snapshot at our sequence number; vault older than the
 * state: then a full was committed and the error is in `warning`), source and storage errors.
 */
int backup_run(struct vault *v, const struct backup_store *stores, size_t n,
               const struct backup_options *options, struct backup_result *results,
               struct err *err);

#endif
