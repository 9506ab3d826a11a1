/*
 * body - the sealed part of a snapshot: what its files are. Pure, streamed through zstd, so that a
 * tree of many files needs only its compressed size in memory. (docs/FORMAT.md)
 *
 *   sealed:  stanza 132 | nonce 32 | commitment 32 | plain length LE64 | sealed bytes
 *   plain (a zstd frame):
 *     version 1 byte = 1 | page key 32 | file records | 0 byte | facts (counted)
 *   file record: 1 byte = 1 | number | path (counted) | mode | uid | gid | mtime ns LE64 |
 *     extra (counted) | page bytes | length | unit bytes | sum 32 |
 *     if page bytes is 0 and length is not: count of extents, extents
 *   extent: pack index + 1, or 0 for zeros | length | if a pack: frame | offset in the frame
 */
#ifndef BODY_H
#define BODY_H

#include <stdint.h>

#include "base/scope.h"
#include "format/pack.h"
#include "format/sum.h"

struct err;
struct buf;

enum {
	BODY_PATH_MAX = 4096,
	BODY_EXTRA_MAX = 1 << 20,
	BODY_FACTS_MAX = 1 << 20,
	BODY_EXTENTS_MAX = 1 << 26,
	BODY_STREAM_UNIT = 64 << 10,    /* unit of content-defined files' sums */
	BODY_ENVELOPE_BYTES = SEAL_STANZA_BYTES + 32 + 32 + 8,
};

struct body_extent {
	uint32_t pack;       /* index into the head's list; UINT32_MAX: zeros */
	uint32_t frame;
	uint32_t offset;     /* in the frame's plain bytes */
	uint32_t length;
};

struct body_file {
	uint32_t number;
	const char *path;
	size_t path_len;
	uint32_t mode, uid, gid;
	int64_t mtime_ns;
	const void *extra;
	size_t extra_len;
	uint32_t page_bytes, unit_bytes;
	uint64_t length;
	uint8_t sum[SUM_BYTES];
	const struct body_extent *extents;
	uint32_t n_extents;
};

/* What binds a body to its place: all but the stanza are in the head as well. */
struct body_place {
	uint8_t vault[16], store[16], session[16];
	uint64_t seq;
	uint32_t epoch;
	uint8_t stanza[SEAL_STANZA_BYTES];
};

struct body_writer;
struct body_writer *body_writer_new(const uint8_t page_key[SUM_KEY_BYTES], struct err *err);
void body_writer_free(struct body_writer *w);
AUTO_FREE(body_writer);
int body_add(struct body_writer *w, const struct body_file *file, struct err *err);
/* facts: canonical JSON or empty. Appends the sealed body to out. */
int body_finish(struct body_writer *w, const char *facts, const struct body_place *place,
                const uint8_t session_key[32], struct buf *out, struct err *err);

/* The stanza of a sealed body. ERR_CORRUPT if it is too short to have one. */
int body_stanza(uint8_t stanza[SEAL_STANZA_BYTES], const uint8_t *body, size_t len,
                struct err *err);

struct body_reader;
/* Opens the seal; place->stanza is not used. NULL with ERR_CORRUPT, ERR_LIMIT, ERR_NOMEM. */
struct body_reader *body_open(const uint8_t *body, size_t len, const struct body_place *place,
                              const uint8_t session_key[32], struct err *err);
/* For fuzzing: over the plain text's zstd frame itself. */
struct body_reader *body_open_plain(const uint8_t *zstd, size_t len, uint64_t plain_len,
                                    struct err *err);
void body_reader_free(struct body_reader *r);
AUTO_FREE(body_reader);
const uint8_t *body_page_key(const struct body_reader *r);
/* NUL-terminated; empty until body_next has returned 0: facts stand behind the records, because a
 * source knows them only at its end. */
const char *body_facts(const struct body_reader *r);
/* 1: *file holds the next record, valid until the next call; 0: that was all. ERR_CORRUPT. Extents
 * whose pack is not below n_packs are damage. */
int body_next(struct body_reader *r, uint32_t n_packs, struct body_file *file, struct err *err);

#endif
