/*
 * entry - what a ledger says: one act, in canonical JSON. Pure. (docs/FORMAT.md)
 *
 * Digests, ids, counts, verdicts and times; never data, names, reasons in clear or values of rows.
 * Every entry has "kind", "time" (Unix seconds) and "v": 1. Members of each kind stand in the table
 * of entry.c; what is zero or empty there and marked as optional is left out.
 *
 * Lists that are longer than ENTRY_INLINE_MAX stand in an object of their own, which the entry names
 * by its SHA-256:
 *
 *   items    <store id> <number> <hash> <word>\n      sorted; the word says what the number and the
 *                                                     hash are of: enum entry_did
 *   stores   <store id>\n                             sorted
 */
#ifndef ENTRY_H
#define ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

enum {
	ENTRY_MAX = 65535,           /* bytes */
	ENTRY_INLINE_MAX = 16,
	ENTRY_LOGS_MAX = 256,        /* that one entry says to have seen */
	ENTRY_WORD_MAX = 32,         /* with its NUL */
	ENTRY_LIST_MAX = 256 << 20,  /* bytes of a list's object */
};

enum entry_kind {
	ENTRY_RUN,                   /* one backup run, over many stores */
	ENTRY_ADOPTED,               /* snapshots and epochs of a run that ended before it wrote its entry */
	ENTRY_RESTORE,
	ENTRY_ATTEMPT,               /* an act that failed */
	ENTRY_SEEN,                  /* the newest checkpoints of other logs */
	ENTRY_ENROLL,                /* a key was written into the charter */
	ENTRY_GRANT,                 /* store keys were sealed to a key */
	ENTRY_DRILL_PLANNED, ENTRY_DRILL_STARTED, ENTRY_DRILL_FINISHED,
	ENTRY_OTHER,                 /* a kind that this program does not know; only decoded */
};

/* What an item of a list is: number and hash are those of ... */
enum entry_did {
	DID_FULL, DID_INCREMENTAL, DID_UNCHANGED,   /* a snapshot: its seq and head hash */
	DID_EPOCH,                                  /* an epoch: its number and public key */
	DID_FAIL,                                   /* nothing: the number is the error's code, positive */
};

struct entry_item {
	uint8_t store[16];
	uint64_t number;
	uint8_t hash[32];
	enum entry_did did;
};

enum entry_verdict { VERDICT_PASSED, VERDICT_FAILED, VERDICT_UNVERIFIED };

struct entry_log {
	uint8_t key[16];             /* whose log */
	uint64_t size;
	uint8_t root[32];
};

/* All members of all kinds; the table says which belong to one. Lists are the caller's when encoding,
 * and entry_clear frees them after decoding. */
struct entry {
	enum entry_kind kind;
	char word[ENTRY_WORD_MAX];   /* decoded: the kind as it is written */
	uint64_t time_s;

	uint8_t run[16];             /* random */
	uint64_t started_s, finished_s;
	uint64_t stores, made, unchanged, failed;   /* counts */
	uint8_t covered[32];         /* SHA-256 of the list of stores; zeros: it stands in `covers` */
	uint8_t (*covers)[16];
	size_t n_covers;
	uint8_t list[32];            /* SHA-256 of the list of items; zeros: it stands in `items` */
	struct entry_item *items;
	size_t n_items;
	uint8_t current[32];         /* SHA-256 of "<store> <seq> <head>\n" of all found current */

	uint8_t writer[16], store[16];
	uint64_t seq;
	uint8_t head[32];
	enum entry_verdict verdict;
	uint64_t bytes, duration_ms;
	uint8_t mask[32];            /* SHA-256 of the rules of a masked restore; zeros: not masked */

	char act[ENTRY_WORD_MAX];    /* a verb: "restore"; lower-case letters and '-' */
	uint64_t code;               /* enum err_code, positive */

	struct entry_log *logs;
	size_t n_logs;

	uint8_t key[16];             /* who was enrolled, or got the grant */
	uint64_t roles, keys;        /* keys: objects sealed to it */
	uint64_t charter_n;
	uint8_t charter[32];

	uint8_t drill[16];
	uint64_t due_s, attempt;     /* attempt: of that drill for that date, from 1; 0: not told */
	uint8_t plan[32], report[32];   /* SHA-256 of the plan, of report.json */
};

/* Append the JSON. ERR_LIMIT (too long for an entry), ERR_INVALID, ERR_NOMEM. */
int entry_encode(const struct entry *e, struct buf *out, struct err *err);

/* ERR_CORRUPT, ERR_NEWER, ERR_NOMEM. *e is then empty. */
int entry_decode(struct entry *e, const uint8_t *bytes, size_t len, struct err *err);
void entry_clear(struct entry *e);

/* "run", "drill-started", ... */
const char *entry_kind_word(enum entry_kind kind);
const char *entry_did_word(enum entry_did did);
bool entry_did_from(const char *word, size_t len, enum entry_did *did);   /* false: no such word */
const char *entry_verdict_word(enum entry_verdict verdict);

/* Can these bytes be an entry of that kind? True for all that are, and for hardly any other: so that
 * not all of a long log needs to be decoded. */
bool entry_may_be(const uint8_t *bytes, size_t len, enum entry_kind kind);

/* The items that stand in an entry of kind ENTRY_RUN or ENTRY_ADOPTED itself, without decoding it: a
 * hundredth of the work. False where that cannot be done, and it is to be decoded: there are none, they
 * stand in a list, its version is another, or it is malformed. */
bool entry_peek_items(const uint8_t *bytes, size_t len, struct entry_item items[ENTRY_INLINE_MAX],
                      size_t *n);

/* Lists as objects. encode sorts the list; decode gives memory to be freed. ERR_CORRUPT (also: not
 * sorted), ERR_LIMIT, ERR_NOMEM. */
int entry_items_encode(struct entry_item *items, size_t n, struct buf *out, struct err *err);
int entry_items_decode(struct entry_item **items, size_t *n, const uint8_t *bytes, size_t len,
                       struct err *err);
int entry_stores_encode(uint8_t (*stores)[16], size_t n, struct buf *out, struct err *err);
int entry_stores_decode(uint8_t (**stores)[16], size_t *n, const uint8_t *bytes, size_t len,
                        struct err *err);

/* Is it a snapshot? */
static inline bool entry_is_snapshot(const struct entry_item *i)
{
	return i->did <= DID_UNCHANGED;
}

#endif
