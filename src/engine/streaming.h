/*
 * streaming - the content-defined files of one session, as stream*.c share them. (session.h)
 *
 * The source's thread enters files, storer's workers place their chunks, the packer's uploaders tell
 * which packs are stored. Index, packs, files in work, coded and rows are used under the lock.
 */
#ifndef STREAMING_H
#define STREAMING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "crypto/hash.h"
#include "engine/packuse.h"
#include "engine/session.h"
#include "engine/storer.h"
#include "vault/chunkindex.h"

struct buf;

/* A file between being read and having all its chunks placed. */
struct entry {
	struct placing_file file;         /* first */
	struct entry *next, **link;      /* among those in work */
	struct chunkindex_file row;      /* its texts are in `text` */
	char text[];
};

struct stream {
	struct session *s;
	bool dry;
	atomic_bool given_up;            /* nothing of this run will be used */
	struct packuse *packs;
	struct storer *storer;
	/* under lock, with packs */
	pthread_mutex_t lock;
	struct chunkindex *index;
	struct entry *in_work;
	struct buf *coded;
	unsigned rows;                   /* since the last commit */
	/* what this run's files are */
	struct hash_state listing;
	uint8_t listing_hash[32];
	uint64_t bytes;
};

static inline void stream_lock(struct stream *t) { pthread_mutex_lock(&t->lock); }
static inline void stream_unlock(struct stream *t) { pthread_mutex_unlock(&t->lock); }

/* rc, unless it failed because the index is damaged: that is no failure (0, given_up), the session
 * starts over, as a full. */
int stream_judge(struct stream *t, int rc, struct err *err);

#endif
