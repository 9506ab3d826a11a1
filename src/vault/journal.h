/*
 * journal - what a session has stored so far: read back to bring the arrays up to date after the
 * commit, and to reuse the packs of a session that was killed.
 *
 *   magic "HFJRNL1\0" | records; record = length LE32 | payload | check 16
 *   check = BLAKE2b-128("hf1.journal", state key, check of the record before | payload)
 *   payload: 1 = head, 2 = file, 3 = pack
 *
 * A torn or damaged record ends the journal: what is before it counts. Pack records of whole packs
 * are synced when the vault has acknowledged the pack; the last pack of a session, which is followed
 * by its commit, is only written.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/pack.h"
#include "format/sum.h"
#include "vault/state.h"

struct buf;

/* Whose continuation this session is, and what it needs to be continued. */
struct journal_head {
	uint8_t base_hash[32];             /* head hash of the base snapshot; zeros: none (a full) */
	uint64_t seq;                      /* the snapshot it is for */
	uint8_t page_key[SUM_KEY_BYTES];
	bool full;
};

struct journal_file {
	uint32_t number, page_bytes, unit_bytes;
	const char *path;
};

struct journal_pack {
	uint32_t serial, number;           /* number: the pack's number within the snapshot's session */
	uint8_t id[32];
	uint32_t size;
	uint64_t weight;
	const uint8_t *runs;               /* coded by journal_code_run, in the order stored */
	size_t runs_len;
};

struct journal;
/* Begin a new one, replacing any. NULL with ERR_IO, ERR_SPACE... */
struct journal *journal_create(const char *dir, const struct journal_head *head,
                               const uint8_t key[32], struct err *err);
/* Open for reading and appending behind the last good record. NULL with ERR_ABSENT, ERR_CORRUPT. */
struct journal *journal_open(const char *dir, struct journal_head *head, const uint8_t key[32],
                             struct err *err);
void journal_free(struct journal *j);
AUTO_FREE(journal);
int journal_remove(const char *dir, struct err *err);

int journal_add_file(struct journal *j, const struct journal_file *f, struct err *err);
int journal_add_pack(struct journal *j, const struct journal_pack *p, bool sync, struct err *err);

/* One run with the tags of its units, appended to b. */
int journal_code_run(struct buf *b, uint32_t file, uint64_t first, uint32_t count, bool zero,
                     const uint8_t *tags, struct err *err);

struct journal_visit {
	int (*file)(void *arg, const struct journal_file *f, struct err *err);
	/* return 1 to skip the pack's runs */
	int (*pack)(void *arg, const struct journal_pack *p, struct err *err);
	int (*run)(void *arg, const struct journal_pack *p, uint32_t file, uint64_t first,
	           uint32_t count, bool zero, const uint8_t *tags, struct err *err);
};
/* Read all records from the beginning. */
int journal_replay(struct journal *j, const struct journal_visit *visit, void *arg,
                   struct err *err);

#endif
