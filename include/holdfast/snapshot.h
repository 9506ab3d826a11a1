/* snapshot - find, list and compare snapshots. */
#ifndef HOLDFAST_SNAPSHOT_H
#define HOLDFAST_SNAPSHOT_H

#include "holdfast/source.h"
#include "holdfast/vault.h"

enum snapshot_kind { SNAPSHOT_FULL, SNAPSHOT_INCREMENTAL, SNAPSHOT_UNCHANGED };
const char *snapshot_kind_text(enum snapshot_kind kind);   /* "full", "incremental", "unchanged" */

/* From the signed public head; needs no secret. */
struct snapshot_info {
	uint64_t seq;
	int64_t time_s;              /* the writer's clock, Unix seconds */
	enum snapshot_kind kind;
	uint32_t epoch;
	uint32_t packs;              /* listed */
	uint32_t new_packs;          /* not listed by the snapshot before; of a full all, and 0 of any
	                                other whose predecessor is not there */
	uint64_t listed_bytes;       /* stored bytes of all packs listed: what a restore fetches at most */
	uint64_t new_bytes;          /* stored bytes of new_packs */
	char id[17];                 /* first 8 bytes of the head's hash, hex */
};
typedef int snapshot_visit(void *arg, const struct snapshot_info *info, struct err *err);

/* Visit the snapshots of one store, oldest first, each with its signature and its link to the one
 * before verified. ERR_CORRUPT, ERR_FORK, storage errors. None: no error. */
int snapshot_list(struct vault *v, const struct store_info *store, snapshot_visit *visit,
                  void *arg, struct err *err);

/*
 * The snapshot that `spec` names: NULL, "" or "latest"; a sequence number; or a time: the newest
 * snapshot not younger than it. Times: "yesterday" (its end), "2026-11-22" (that day's end),
 * "2026-11-22T02:15[:SS]" (local time) with optional Z or +HH:MM. ERR_INVALID (not understood),
 * ERR_ABSENT (none so old; the message names the first and the last there are).
 */
int snapshot_select(struct vault *v, const struct store_info *store, const char *spec,
                    struct snapshot_info *out, struct err *err);

/* One file inside a snapshot. Needs vault_unlock. */
struct snapshot_file {
	struct source_entry entry;   /* stamp is empty */
	uint32_t number;
};
typedef int snapshot_file_visit(void *arg, const struct snapshot_file *file, struct err *err);

/* Visit the files; *facts (may be NULL) gets the facts as canonical JSON, to be freed with free().
 * ERR_KEY without the secret, ERR_CORRUPT. */
int snapshot_files(struct vault *v, const struct store_info *store, uint64_t seq,
                   snapshot_file_visit *visit, void *arg, char **facts, struct err *err);

enum diff_change { DIFF_ADDED = '+', DIFF_REMOVED = '-', DIFF_CONTENT = 'M', DIFF_META = 'U' };
typedef int diff_visit(void *arg, enum diff_change change, const char *path, uint64_t old_bytes,
                       uint64_t new_bytes, struct err *err);

/* Compare two snapshots of one store by their sealed bodies; content differs where sums differ.
 * Snapshots with different page keys compare by length and time alone, and *exact gets false. */
int snapshot_diff(struct vault *v, const struct store_info *store, uint64_t older, uint64_t newer,
                  diff_visit *visit, void *arg, bool *exact, struct err *err);

#endif
