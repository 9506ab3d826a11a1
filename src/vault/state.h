/*
 * state - what a writer remembers of one store between runs: STATE/<vault-id>/<store-id>/.
 *
 *   lock       flock of the running backup; its text is the pid
 *   base       the record below, for the newest committed snapshot
 *   base.new   the same for the snapshot being committed, written just before it is put
 *   tags-<generation>-<file>   arrays (tagfile.h)
 *   journal    packs of the running or killed session (journal.h)
 *   index.db   content-defined stores: chunks and files (chunkindex.h)
 *
 * Invariants: base and its arrays describe the same snapshot, or the sums do not fit and both are
 * discarded; arrays change only while base.new and journal describe the change. Nothing here is
 * needed to restore: losing it costs one full. Nothing is fsynced but the journal: after a power
 * cut the keyed checksums show what is torn.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/sum.h"
#include "holdfast/backend.h"
#include "holdfast/source.h"

struct buf;
struct err;
struct vault;

#define STATE_PACK_ZERO (UINT32_C(1) << 31)   /* in an array: the unit is zero and only listed */

struct state_pack {
	uint32_t serial;          /* 1, 2, ...: the order in which packs were stored */
	uint8_t id[32];
	uint32_t size;            /* stored bytes */
	uint64_t weight;          /* what it held when stored: units, or bytes of chunks */
	uint64_t live;            /* of that, what the newest snapshot uses */
	uint64_t zeros;           /* zero units that only this pack lists, in use */
};

struct state_file {
	uint32_t number;
	char *path;               /* owned */
	uint32_t page_bytes, unit_bytes;
	uint64_t length;
	uint8_t sum[SUM_BYTES];
	uint32_t mode, uid, gid;
	int64_t mtime_ns;
};

struct state {
	uint8_t store[16];
	uint64_t seq;                    /* of the newest committed snapshot; 0: none */
	uint8_t head_hash[32];
	char head_tag[BACKEND_TAG_MAX];  /* its object, as the storage fingerprints it; "": not known */
	uint32_t epoch;
	uint8_t epoch_pk[32];
	char key_tag[BACKEND_TAG_MAX];   /* the same of that epoch's key, as it was verified */
	uint64_t epoch_since_s, last_full_s, last_read_s;
	uint8_t page_key[SUM_KEY_BYTES];
	uint64_t generation;             /* of the arrays */
	uint32_t next_number, next_serial;
	uint64_t churn_ppm;              /* share of the live weight that the last incremental changed */
	uint64_t full_packs;             /* packs of the last full */
	uint32_t full_epoch;             /* its epoch: no pack in use is of an older one */
	char stamp[SOURCE_STAMP_MAX];
	char *facts;                     /* owned; canonical JSON or NULL */
	struct state_pack *packs;        /* owned, ascending serials: the snapshot's list */
	uint32_t n_packs;
	struct state_file *files;        /* owned: page files only */
	uint32_t n_files;
};

struct state *state_new(const uint8_t store[16], struct err *err);
void state_free(struct state *s);
AUTO_FREE(state);

/* STATE/<vault-id>/<store-id>, made if absent. */
int state_dir(const struct vault *v, const uint8_t store[16], char *out, size_t cap,
              struct err *err);

/* Take the store's lock without waiting. Returns a descriptor to close, or ERR_BUSY naming the
 * pid that holds it, ERR_IO. */
int state_lock(const char *dir, const char *store_name, struct err *err);

/* Read dir/name ("base" or "base.new"). `key` is the key file's state key. NULL with ERR_ABSENT,
 * ERR_CORRUPT (checksum or parsing), ERR_IO. */
struct state *state_load(const char *dir, const char *name, const uint8_t store[16],
                         const uint8_t key[32], struct err *err);
int state_store(const struct state *s, const char *dir, const char *name, const uint8_t key[32],
                struct err *err);

/* base.new becomes base; arrays of other generations are removed. */
int state_promote(const char *dir, uint64_t generation, struct err *err);

/* Remove the arrays of all other generations. */
int state_keep_generation(const char *dir, uint64_t generation, struct err *err);

struct state_pack *state_find_pack(const struct state *s, uint32_t serial);
int state_add_pack(struct state *s, const struct state_pack *p, struct err *err);
struct state_file *state_find_file(const struct state *s, const char *path);
/* path is copied. NULL with ERR_NOMEM. */
struct state_file *state_add_file(struct state *s, const struct state_file *f, struct err *err);

#endif
