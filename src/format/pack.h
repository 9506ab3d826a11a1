/*
 * pack - bytes of a pack: header, frames, trailer. Pure: no I/O, no threads. (docs/FORMAT.md)
 *
 *   header   0 magic "HFPACK1\0" | 8 version 1 | 10 required features | 12 optional features |
 *            14 suite 1 (all LE16) | 16 vault id 16 | 32 store id 16 | 48 session id 16 |
 *            64 seq LE64 | 72 pack number LE32 | 76 epoch LE32 | 80 stanza 132 | 212 nonce 32 |
 *            244 commitment 32
 *   frames   nonce 24 | XChaCha20-Poly1305 of up to 256 KiB, zstd or raw | tag 16, back to back
 *   padding  zeros
 *   trailer  sealed like a frame; says what every frame holds
 *   tail     trailer stored bytes LE32 | trailer plain bytes LE32
 *
 *   frame key | commitment = BLAKE2b-512("hf1.pack", key = session key, header[0:244])
 *   AAD = type 1 byte | BLAKE2b-256("hf1.header", header) 32 | number LE32 | codec 1 | plain LE32
 *
 * A frame either holds units of page files, which its runs name in order, or has no runs and holds
 * chunks of content-defined files, which extents in snapshot bodies name.
 */
#ifndef PACK_H
#define PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "crypto/seal.h"

struct buf;
struct err;
struct ZSTD_DCtx_s;

enum {
	PACK_BYTES = 16 << 20,               /* every pack but a session's last */
	PACK_HEADER_BYTES = 276,
	PACK_TAIL_BYTES = 8,
	PACK_FRAME_PLAIN_MAX = 256 << 10,
	PACK_FRAMES_MAX = 65536,
	PACK_FILES_MAX = 1 << 20,
	PACK_TRAILER_PLAIN_MAX = 32 << 20,
	PACK_RUNS_MAX = 1 << 21,
	PACK_ID_BYTES = 32,
	PACK_SUITE = 1,
};

enum pack_codec { PACK_RAW = 0, PACK_ZSTD = 1 };
enum pack_part { PACK_FRAME = 1, PACK_TRAILER = 2 };

struct pack_header {
	uint8_t vault[16], store[16], session[16];
	uint64_t seq;
	uint32_t number, epoch;
	uint8_t stanza[SEAL_STANZA_BYTES];
};

/* What sealing and opening frames of one pack takes. */
struct pack_key {
	uint8_t frame[32];
	uint8_t header_hash[32];
};

/* Context that binds a session's stanza: vault | store | session | epoch LE32. */
enum { PACK_CONTEXT_BYTES = 52 };
void pack_context(uint8_t out[PACK_CONTEXT_BYTES], const struct pack_header *header);

/* Write a header with a fresh nonce and its commitment, and derive the key. */
void pack_begin(uint8_t out[PACK_HEADER_BYTES], struct pack_key *key,
                const struct pack_header *header, const uint8_t session_key[32]);

/* Parse without any key. ERR_CORRUPT, ERR_NEWER. */
int pack_header_decode(struct pack_header *header, const uint8_t *bytes, size_t len,
                       struct err *err);

/* Derive the key and compare the commitment. ERR_CORRUPT if it does not fit. */
int pack_unlock(struct pack_key *key, const uint8_t header[PACK_HEADER_BYTES],
                const uint8_t session_key[32], struct err *err);

/* Seal `len` stored (possibly compressed) bytes of frame `number` into out: len +
 * SEAL_OVERHEAD_BYTES. */
void pack_seal(uint8_t *out, const void *data, size_t len, const struct pack_key *key,
               enum pack_part part, uint32_t number, enum pack_codec codec, uint32_t plain_len);

/*
 * Open and decompress: exactly plain_len bytes at out. `scratch` holds at least sealed_len bytes;
 * dctx may be NULL (one is made). ERR_CORRUPT, ERR_NOMEM.
 */
int pack_open(void *out, uint32_t plain_len, const uint8_t *sealed, size_t sealed_len,
              uint8_t *scratch, struct ZSTD_DCtx_s *dctx, const struct pack_key *key,
              enum pack_part part, uint32_t number, enum pack_codec codec, struct err *err);

/* ---- trailer ---- */

struct pack_run {
	uint32_t file;         /* index into files */
	uint32_t count;        /* units, at least 1 */
	uint64_t first;        /* unit */
};

struct pack_frame {
	uint32_t offset;       /* in the pack, of the nonce */
	uint32_t stored;       /* sealed bytes */
	uint32_t plain;
	uint32_t run, n_runs;  /* into runs; none: chunks */
	enum pack_codec codec;
};

struct pack_file {
	uint32_t number;       /* the store's number of this file; a full gives it a new one */
	uint32_t page_bytes, unit_bytes;
	uint64_t length;       /* bytes */
	const char *path;      /* NUL-terminated, owned by the trailer */
	size_t path_len;
};

struct pack_trailer {
	struct pack_file *files;
	struct pack_frame *frames;
	struct pack_run *runs;      /* of the frames in order, then the zero runs */
	uint32_t n_files, n_frames, n_runs;
	uint32_t zero_run;          /* runs[zero_run..n_runs) are units that are all zero */
	char *paths;
};

/* The bytes of unit `unit` of a file: unit_bytes, or less for a last unit. unit < units. */
uint32_t pack_unit_len(const struct pack_file *f, uint64_t unit);
uint64_t pack_units(uint64_t length, uint32_t unit_bytes);

/* Builds a trailer's plain text while frames are added; sizes are known at every moment. */
struct pack_writer;
struct pack_writer *pack_writer_new(struct err *err);
void pack_writer_free(struct pack_writer *w);
AUTO_FREE(pack_writer);
void pack_writer_clear(struct pack_writer *w);

/* Upper bound of the trailer's plain bytes as it stands, and what add_frame would add at most. */
size_t pack_writer_len(const struct pack_writer *w);
size_t pack_writer_frame_bound(size_t n_runs);

/* Would a frame with that many runs, or that many zero runs, stay within what a reader accepts? */
bool pack_writer_room(const struct pack_writer *w, size_t n_runs);

/* runs[].file holds *file numbers* here. ERR_LIMIT without room, ERR_NOMEM. */
int pack_writer_frame(struct pack_writer *w, enum pack_codec codec, uint32_t stored,
                      uint32_t plain, const struct pack_run *runs, size_t n_runs,
                      struct err *err);
int pack_writer_zeros(struct pack_writer *w, const struct pack_run *run, struct err *err);
uint32_t pack_writer_frames(const struct pack_writer *w);
bool pack_writer_empty(const struct pack_writer *w);

/* Look up a file by number for the file table; the path stays the caller's. */
typedef int pack_file_lookup(void *arg, uint32_t number, struct pack_file *out, struct err *err);

/*
 * Finish the pack in place: `used` bytes of header and frames are at `pack` (capacity PACK_BYTES).
 * Seals the trailer, pads to PACK_BYTES, or by Padme (PURBs, PoPETs 2019) when `last`. *len gets
 * the final size, id the pack's id. ERR_LIMIT if it does not fit.
 */
int pack_finish(uint8_t *pack, size_t used, bool last, struct pack_writer *w,
                const struct pack_key *key, pack_file_lookup *lookup, void *arg, size_t *len,
                uint8_t id[PACK_ID_BYTES], struct err *err);

/* Padme: the smallest size >= len that reveals O(log log len) bits. */
uint64_t pack_padded(uint64_t len);

/* From the tail (the pack's last 8 bytes): sealed and plain size of the trailer. ERR_CORRUPT. */
int pack_tail_decode(const uint8_t tail[PACK_TAIL_BYTES], uint64_t pack_len, uint32_t *stored,
                     uint32_t *plain, struct err *err);

/* Open and parse the sealed trailer of a pack of pack_len bytes; every count and sum is checked
 * against the pack's size. NULL with ERR_CORRUPT, ERR_LIMIT, ERR_NOMEM. */
struct pack_trailer *pack_trailer_open(const uint8_t *sealed, uint32_t stored, uint32_t plain,
                                       uint64_t pack_len, const struct pack_key *key,
                                       struct err *err);
/* The parser alone, for fuzzing. */
struct pack_trailer *pack_trailer_decode(const uint8_t *plain, size_t len, uint64_t frames_end,
                                         struct err *err);
void pack_trailer_free(struct pack_trailer *t);
AUTO_FREE(pack_trailer);

#endif
