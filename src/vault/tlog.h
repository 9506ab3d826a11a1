/*
 * tlog - any key's log in a vault, for reading, and what this machine saw of it last.
 *
 * A checkpoint is believed when it is signed by the log key that the charter has for the log's owner
 * and names this vault and this owner. Tiles are bytes: what they prove, the root says.
 * STATE/<vault-id>/ledger/seen/<key-id> keeps the newest checkpoint seen.
 */
#ifndef TLOG_H
#define TLOG_H

#include <stdint.h>

#include "format/note.h"
#include "format/tiles.h"

struct buf;
struct err;
struct vault;

/* holdfast/<vault id>/<key id>; out holds NOTE_NAME_MAX. */
const char *tlog_origin(const struct vault *v, const uint8_t key[16], char *out);

/* Decode and verify a checkpoint of the key's log, wherever it comes from. ERR_CORRUPT; ERR_KEY if the
 * charter has no such key. */
int tlog_verify_checkpoint(const struct vault *v, const uint8_t key[16], const uint8_t *bytes,
                           size_t len, struct note *out, struct err *err);

/* The vault's. `bytes` (may be NULL) gets it as it is, appended. ERR_ABSENT, and as above. */
int tlog_checkpoint(const struct vault *v, const uint8_t key[16], struct note *out,
                    struct buf *bytes, struct err *err);

/*
 * Append the bytes of a tile as it is in a log of `size` entries: exactly width hashes, or exactly
 * width entries. Where the partial tile is gone because it has become full, the full one gives its
 * beginning. ERR_ABSENT; ERR_CORRUPT if it is too short or malformed.
 */
int tlog_tile(const struct vault *v, const uint8_t key[16], const struct tile *t, struct buf *out,
              struct err *err);

/* The hash of a subtree, read from tiles: merkle_read with a struct tlog_reader. The tiles are
 * believed; what comes of it is to be compared with a root. */
struct tlog_reader {
	const struct vault *vault;
	const uint8_t *key;
	uint64_t size;
	struct tile have;            /* the tile in `bytes`; width 0: none */
	struct buf *bytes;           /* the caller's; room for TILES_HASHES_BYTES */
};
int tlog_read_hash(void *reader, unsigned level, uint64_t index, uint8_t out[MERKLE_BYTES],
                   struct err *err);

/* What was seen last. ERR_ABSENT: nothing, or there is no state folder; ERR_CORRUPT. */
int tlog_remembered(const struct vault *v, const uint8_t key[16], struct note *out, struct err *err);
/* Remember a verified checkpoint. No state folder: nothing is done. */
int tlog_remember(const struct vault *v, const uint8_t key[16], const void *bytes, size_t len,
                  struct err *err);

/* STATE/<vault-id>/ledger/<tail>; ERR_INVALID without a state folder, ERR_LIMIT. */
int tlog_state_path(const struct vault *v, const char *tail, char *out, size_t cap,
                    struct err *err);

#endif
