/* heads - snapshot objects in a vault: which there are, and reading one with all it proves. */
#ifndef HEADS_H
#define HEADS_H

#include <stdint.h>

#include "base/scope.h"
#include "format/head.h"

struct err;
struct vault;

/* A verified snapshot head; with its body if that was asked for. */
struct heads_entry {
	struct head head;
	uint8_t hash[32];          /* head_hash: the id of the snapshot */
	uint8_t *bytes;            /* the object, or its beginning */
	const uint8_t *body;       /* NULL unless asked for */
	size_t body_len;
	uint64_t object_len;       /* what the object's first bytes say that it holds in all */
};
void heads_entry_free(struct heads_entry *e);
AUTO_FREE(heads_entry);

/* Sequence numbers of a store's snapshots, ascending; *seqs is the caller's to free(). An object
 * whose name is no number is not counted. */
int heads_list(const struct vault *v, const uint8_t writer[16], const uint8_t store[16],
               uint64_t **seqs, size_t *n, struct err *err);

/*
 * Load and verify: signature by the writer, which the charter enrols; vault, store, writer and seq
 * are those of its place; the charter it names is the vault's, or the beginning of it: it may have grown
 * since v was opened. With `body` the body is fetched and matches its signed hash. NULL with ERR_ABSENT,
 * ERR_CORRUPT, ERR_FORK, ERR_NEWER, storage errors. Messages name the object.
 */
struct heads_entry *heads_load(const struct vault *v, const uint8_t writer[16],
                               const uint8_t store[16], uint64_t seq, bool body,
                               struct err *err);

#endif
