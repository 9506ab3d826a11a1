/*
 * chunkindex - which chunks and files of a content-defined store lie where: a cache in SQLite.
 *
 *   index.db     for the page key of the newest snapshot
 *   index.new    while a full with a new page key is made; takes the other's place at its commit
 *
 *   chunks     id 16 -> serial | frame, offset, length, ordinal LE32 | check 8
 *   files      number, path -> record | check 16
 *   packs      serial -> id 32 | size LE32 | chunks LE32 | weight LE64 | seq LE64 | check 16
 *   listing    position -> file number: what the run under way has seen, in the source's order
 *   meta       one row: page key 32 | struct chunkindex_meta | check 16
 *
 * SQLite keeps the tables whole through kills and power cuts (WAL); the checks, keyed by the page
 * key, find what disk and memory damaged. Nothing here says what a snapshot holds: a row is a hint
 * that counts only while the pack it names does, and that is for the caller to know. Used by one
 * thread at a time.
 */
#ifndef CHUNKINDEX_H
#define CHUNKINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/sum.h"
#include "holdfast/source.h"
#include "vault/extents.h"

struct err;

enum { CHUNKINDEX_ID_BYTES = 16 };

struct chunkindex_meta {
	/* the run that writes, or wrote last */
	uint64_t seq;                    /* of the snapshot it is for */
	uint32_t epoch;
	uint8_t base_hash[32];
	/* above all that were ever used here */
	uint32_t next_serial, next_number;
	/* the newest snapshot */
	uint8_t head_hash[32];
	uint8_t listing[32];             /* digest of its files */
	uint64_t dead;                   /* chunks whose pack was dropped since the last purge */
};

struct chunkindex_pack {
	uint32_t serial, size, chunks;
	uint8_t id[32];
	uint64_t weight;
	uint64_t seq;                    /* of the snapshot it was stored for */
};

struct chunkindex_file {
	uint32_t number;
	const char *path;
	const char *stamp;               /* may be empty */
	uint64_t read_s;                 /* when its bytes were last read */
	uint32_t mode, uid, gid;
	int64_t mtime_ns;
	const void *extra;
	size_t extra_len;
	uint64_t length;
	uint8_t sum[SUM_BYTES];
	const uint8_t *extents;          /* as of extents_encode */
	size_t extents_len;
};

enum chunkindex_place {
	CHUNKINDEX_DB,                   /* dir/index.db */
	CHUNKINDEX_NEW,                  /* dir/index.new */
	CHUNKINDEX_TEMPORARY,            /* gone when closed */
};

struct chunkindex;

/*
 * Open what belongs to this page key; made anew, empty, where it is missing, damaged or of another
 * key. An index.new of this key takes the place of index.db: its commit was interrupted. Nothing
 * that follows lasts before chunkindex_commit. NULL with ERR_IO, ERR_SPACE, ERR_DENIED, ERR_NOMEM.
 */
struct chunkindex *chunkindex_open(const char *dir, enum chunkindex_place place,
                                   const uint8_t page_key[SUM_KEY_BYTES], struct err *err);
void chunkindex_free(struct chunkindex *x);   /* what was not committed is gone */
AUTO_FREE(chunkindex);

/* 1: dir/index.new is there and whole: its page key and meta, to continue a killed full; else 0. */
int chunkindex_peek(const char *dir, uint8_t page_key[SUM_KEY_BYTES],
                    struct chunkindex_meta *meta);

/* True once any call found damage (it returned ERR_CORRUPT): the index is of no more use. */
bool chunkindex_damaged(const struct chunkindex *x);

/* Read and to be changed in place; stored by the next commit. */
struct chunkindex_meta *chunkindex_meta(struct chunkindex *x);

/* All calls below: ERR_CORRUPT, ERR_IO, ERR_SPACE, ERR_NOMEM. */

/* Make lasting (against a kill, not against a power cut) what was put since the last time. */
int chunkindex_commit(struct chunkindex *x, struct err *err);

/* 1: found; 0: not. */
int chunkindex_chunk(struct chunkindex *x, const uint8_t id[CHUNKINDEX_ID_BYTES],
                     struct extent *out, struct err *err);
/* Replaces. */
int chunkindex_put_chunk(struct chunkindex *x, const uint8_t id[CHUNKINDEX_ID_BYTES],
                         const struct extent *e, struct err *err);

/* 1: found, *out is valid until the next call of this function or chunkindex_files; 0: not. */
int chunkindex_file(struct chunkindex *x, const char *path, struct chunkindex_file *out,
                    struct err *err);
int chunkindex_put_file(struct chunkindex *x, const struct chunkindex_file *f, struct err *err);

typedef int chunkindex_pack_visit(void *arg, const struct chunkindex_pack *p, struct err *err);
int chunkindex_packs(struct chunkindex *x, chunkindex_pack_visit *visit, void *arg,
                     struct err *err);
int chunkindex_put_pack(struct chunkindex *x, const struct chunkindex_pack *p, struct err *err);
int chunkindex_drop_pack(struct chunkindex *x, uint32_t serial, struct err *err);

/* The listing: begun anew, added to, visited in order. A listed file without a row is damage. */
int chunkindex_list_begin(struct chunkindex *x, struct err *err);
int chunkindex_list_add(struct chunkindex *x, uint32_t number, struct err *err);
typedef int chunkindex_file_visit(void *arg, const struct chunkindex_file *f, struct err *err);
int chunkindex_files(struct chunkindex *x, chunkindex_file_visit *visit, void *arg,
                     struct err *err);

/* Forget files that are not listed, and, once they are many, chunks of packs without a row. */
int chunkindex_sweep(struct chunkindex *x, struct err *err);

/* Commit and close the database; an index.new becomes index.db. */
int chunkindex_promote(struct chunkindex *x, struct err *err);

#endif
