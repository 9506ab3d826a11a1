/* restore - bring a snapshot back. Needs vault_unlock. */
#ifndef HOLDFAST_RESTORE_H
#define HOLDFAST_RESTORE_H

#include "holdfast/err.h"
#include "holdfast/mask.h"
#include "holdfast/progress.h"
#include "holdfast/source.h"
#include "holdfast/vault.h"

struct restore_options {
	const char *to;                   /* folder; made if absent */
	const char *path;                 /* only this file, or what is below this folder; NULL: all */
	const char *restore_command;      /* command stores: pipe the dump into this; NULL: a file */
	const struct source_options *source;   /* options of the restoring driver, or NULL */
	bool overwrite;                   /* keep an existing file as NAME.before-restore */
	bool dry_run;                     /* fetch, decrypt and verify; write nothing */
	bool one_of_many;                 /* the ledger's entry of it is kept here until restore_settle */
	const struct progress *progress;
};

struct restore_result {
	uint64_t files, bytes_written, bytes_fetched, duration_ms;
	struct err warning;               /* code not 0: restored, but degraded (exit 4) */
	char target[4096];                /* the file restored, or the folder */
};

/*
 * Restore into a folder. Page files are written under a temporary name, verified against their
 * sums by what was written, and only then put in place; an interrupted restore resumes when it is
 * repeated. ERR_EXISTS (a file is in the way), ERR_SPACE (checked before the first byte), ERR_KEY,
 * ERR_CORRUPT naming object and file; nothing wrong is ever left under a final name.
 */
int restore_snapshot(struct vault *v, const struct store_info *store, uint64_t seq,
                     const struct restore_options *options, struct restore_result *result,
                     struct err *err);

/*
 * After restores that were one of many, however they ended: what is kept of them goes to the ledger in the
 * vault. What a killed process kept, the next entry of any kind takes along. That it could not be written
 * is a warning to whoever restored; it stays kept.
 */
int restore_settle(struct vault *v, struct err *err);

/* The same bytes, file after file, into a sink, which is closed when everything verified; page
 * files are streamed in order. `path` as above. */
int restore_to_sink(struct vault *v, const struct store_info *store, uint64_t seq,
                    const char *path, struct sink *sink, const struct progress *progress,
                    struct restore_result *result, struct err *err);

struct restore_mask {
	const struct mask_rules *rules;   /* NULL: restore nothing, only tell a skeleton of rules */
	mask_skeleton *skeleton;          /* gets it then */
	const char *to;                   /* folder; made if absent, but not for a skeleton */
	bool overwrite, dry_run;          /* as above; a dry run masks all and removes what came out */
	const char *const *hidden;        /* folders that the sandbox may not see, NULL-terminated, or NULL */
	mask_missing *missing;            /* may be NULL */
	void *arg;                        /* of skeleton and missing */
	struct mask_result *result;       /* never NULL */
};

/*
 * Restore a SQLite database masked. The original is on the disk only under a key that is nowhere else, and is
 * opened in a sandbox; values are masked under another key that is wiped in the end. ERR_INVALID
 * (another kind of store; the rules do not fit, and mask->missing was told of each lack), ERR_EXISTS, and
 * those of a restore. The ledger's entry names the digest of the rules.
 */
int restore_masked(struct vault *v, const struct store_info *store, uint64_t seq,
                   const struct restore_mask *mask, const struct progress *progress,
                   struct restore_result *result, struct err *err);

/*
 * Rebuild page files from packs and keys alone, for a store whose snapshots are lost: for every
 * page the newest pack found wins. Writes DIR/<path>; *result.warning always says that nothing
 * proves which moment this is. ERR_ABSENT if no pack can be opened.
 */
int restore_rescue(struct vault *v, const struct store_info *store, const char *to,
                   const struct progress *progress, struct restore_result *result,
                   struct err *err);

#endif
