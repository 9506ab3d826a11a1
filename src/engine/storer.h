/*
 * storer - cuts content-defined files into chunks, finds those that are stored already, and frames
 * and packs the others, with all cores.
 *
 * One thread (the caller's) reads and cuts; it fills jobs of 1 MiB, with the ends of many small files
 * in one of them if need be. Workers carry each job through: ids, look-up, gathering, compression,
 * sealing. Where a new chunk lies is known when its frame is stored; until then it is pending, and a
 * duplicate of it waits for the same place. A small store makes no thread.
 *
 * Invariants: a chunk that is neither pending nor in the index is stored exactly once; the lock of
 * the options is held for every use of index, packs, pending chunks and files; no thread waits for
 * another's chunk.
 */
#ifndef STORER_H
#define STORER_H

#include <pthread.h>
#include <stdint.h>

#include "base/scope.h"
#include "engine/placing.h"

struct chunkindex;
struct err;
struct packer;
struct packuse;

enum { STORER_READ_BYTES = 256 << 10 };

struct storer_options {
	struct chunkindex *index;
	struct packuse *packs;           /* only these and this run's hold what the index says */
	struct packer *packer;           /* NULL: count only (dry run) */
	const uint8_t *key;              /* 32 bytes for cut points and ids; lives as long as this */
	pthread_mutex_t *lock;
	uint32_t first_serial;           /* of this run's packs */
	unsigned workers;
	int level;
	unsigned check_every;
	placing_file_placed *placed;
	void *arg;
};

struct storer;
struct storer *storer_new(const struct storer_options *options, struct err *err);
/* End the threads, whatever is left undone; afterwards only free. */
void storer_stop(struct storer *s);
void storer_free(struct storer *s);
AUTO_FREE(storer);

/* All below return what went wrong in any thread: errors of index and packer, ERR_NOMEM. */

/* Where the next STORER_READ_BYTES of the current file may be put. NULL with an error. */
uint8_t *storer_room(struct storer *s, struct err *err);
/* len bytes were put there. */
void storer_feed(struct storer *s, struct placing_file *file, size_t len);
/* The file's last byte was fed. The file may be placed, and freed, in this call. */
int storer_close(struct storer *s, struct placing_file *file, struct err *err);
/* Everything fed is to be placed before this returns. */
int storer_flush(struct storer *s, struct err *err);

/* Bytes of chunks that were not known; that were known but evacuated. After storer_flush. */
void storer_counts(const struct storer *s, uint64_t *changed, uint64_t *evacuated);

#endif
