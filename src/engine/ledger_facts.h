/*
 * ledger_facts - what the entries of all logs say, as far as it can be held against the vault: which
 * snapshots were made, which drills were run, what each log has seen of the others.
 */
#ifndef LEDGER_FACTS_H
#define LEDGER_FACTS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/entry.h"

struct err;
struct vault;

struct fact_snapshot {
	uint8_t writer[16], store[16];   /* first: they are sorted so, with seq */
	uint64_t seq;
	uint8_t head[32];
	bool found;                  /* free for the caller */
};

struct fact_drill {
	uint8_t key[16], drill[16];
	enum entry_kind kind;
	uint64_t time_s, due_s;
	enum entry_verdict verdict;
	uint8_t report[32];
	bool found;
};

struct fact_claim {
	uint8_t by[16];              /* the log that says so */
	uint64_t at;                 /* its entry */
	struct entry_log log;
};

struct fact_charter {
	uint8_t by[16];              /* the log that says so */
	uint64_t at;                 /* its entry */
	uint64_t n;                  /* of the charter's entries then */
	uint8_t hash[32];
	uint8_t key[16];             /* who was enrolled, or got the grant */
};

struct ledger_facts {
	pthread_mutex_t lock;        /* while entries are added */
	struct fact_snapshot *snapshots;
	struct fact_drill *drills;
	struct fact_claim *claims;
	struct fact_charter *charters;
	size_t n_snapshots, n_drills, n_claims, n_charters;
	size_t cap_snapshots, cap_drills, cap_claims, cap_charters;
};

struct ledger_facts *ledger_facts_new(struct err *err);
void ledger_facts_free(struct ledger_facts *f);
AUTO_FREE(ledger_facts);

/* Take in one entry of a key's log; any threads. Lists that it names are read from the vault.
 * ERR_CORRUPT, ERR_NEWER, ERR_ABSENT (a list): about this entry, which then adds nothing. */
int ledger_facts_add(struct ledger_facts *f, const struct vault *v, const uint8_t key[16],
                     uint64_t index, const uint8_t *entry, size_t len, struct err *err);

/* All entries are in: sort, and drop repetitions. */
void ledger_facts_sort(struct ledger_facts *f);

/* Is it in a sorted list? Writer, store, seq and head of `wanted` count. */
struct fact_snapshot *ledger_facts_snapshot(const struct ledger_facts *f,
                                            const struct fact_snapshot *wanted);
/* What a sorted list says of a drill, or NULL. */
struct fact_drill *ledger_facts_drill(const struct ledger_facts *f, const uint8_t key[16],
                                      const uint8_t drill[16], enum entry_kind kind);

/* The items of a run: those in the entry, or those of its list, which is read. To be freed. */
int ledger_facts_items(const struct vault *v, const uint8_t key[16], const struct entry *e,
                       struct entry_item **items, size_t *n, struct err *err);

/* The same of the stores that a run covered. */
int ledger_facts_stores(const struct vault *v, const uint8_t key[16], const struct entry *e,
                        uint8_t (**stores)[16], size_t *n, struct err *err);

#endif
