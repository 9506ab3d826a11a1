/*
 * placing - where the chunks of content-defined files lie: in a pack that stays, or pending until the frame
 * that holds them is stored. Who cuts a chunk that is pending already waits for the same place.
 *
 * Whoever calls holds the storer's lock.
 */
#ifndef PLACING_H
#define PLACING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/chunkindex.h"
#include "vault/extents.h"

struct err;
struct framer_place;
struct packuse;
struct waiter;

/* A file in work; the first member of the caller's struct. All zero at the beginning. */
struct placing_file {
	struct extent *extents;          /* n once all is placed; the caller's to free() */
	uint32_t n, cap;                 /* chunks cut; room in extents */
	uint32_t placed;
	bool closed;                     /* no more chunks come */
};

/* Every chunk of a closed file has its place. Called with the lock held, in any order, by any
 * thread; the file may be freed. */
typedef int placing_file_placed(void *arg, struct placing_file *file, struct err *err);

/* The slot-th chunk of a file. */
struct placing_chunk {
	struct placing_file *file;
	uint32_t slot, length;
	bool zero;                       /* a hole: it is stored nowhere, and has no id */
	uint8_t id[CHUNKINDEX_ID_BYTES];
};

/* A chunk of which the place is not known yet, and who waits for it. */
struct placing_pending {
	struct placing_pending *next;    /* in its bucket */
	struct waiter *waiters;
	uint8_t id[CHUNKINDEX_ID_BYTES];
	uint32_t length;
	/* for whoever stores it */
	struct placing_pending *in_frame;   /* the next in the same frame */
	uint32_t offset;                    /* in that frame */
};

struct placing;
/* Only `packs` hold what the index says, and this run's. NULL with ERR_NOMEM. */
struct placing *placing_new(struct chunkindex *index, struct packuse *packs, placing_file_placed *placed,
                            void *arg, struct err *err);
void placing_free(struct placing *p);

/* Put the chunk's place into its file, at once or when it is known. *to_store: the caller is to store
 * it, and says where by placing_done; NULL: somebody did, or does. Errors of the index, ERR_NOMEM. */
int placing_look_up(struct placing *p, const struct placing_chunk *c, struct placing_pending **to_store,
                    struct err *err);

/* It lies at its offset in this frame, which is stored. `pending` is gone afterwards. Errors as above. */
int placing_done(struct placing *p, struct placing_pending *pending, const struct framer_place *frame,
                 struct err *err);

/* The file has all its chunks: tell its owner if each has its place. */
int placing_closed(struct placing *p, struct placing_file *f, struct err *err);

size_t placing_waiting(const struct placing *p);   /* chunks that wait for a place */
/* As storer_counts. */
void placing_counts(const struct placing *p, uint64_t *changed, uint64_t *evacuated);

#endif
