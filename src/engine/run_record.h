/*
 * run_record - what becomes one entry of the ledger: a backup run over many stores.
 *
 * The ledger never stops a backup: what fails here is a warning at the run's end, and what could not
 * be written is written by the next run.
 */
#ifndef RUN_RECORD_H
#define RUN_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/entry.h"
#include "holdfast/backup.h"

struct err;
struct run_record;
struct vault;

/* For n stores. Looks at the vault's checkpoint (one request). NULL only with ERR_NOMEM. */
struct run_record *run_record_new(struct vault *v, size_t n, struct err *err);
void run_record_free(struct run_record *r);
AUTO_FREE(run_record);

/* Did this machine's checkpoint in the vault agree with what is remembered when the run began, and is
 * everything that this machine put told of there? Then each store's newest snapshot is the one that its
 * base record names: the vault was not set back, and nobody else wrote. (docs/DECISIONS.md) */
bool run_record_proves(const struct run_record *r);

/* An object is about to be put that the entry must tell of; and it has been put. Any threads. */
void run_record_intend(struct run_record *r, const struct entry_item *item);
void run_record_made(struct run_record *r, const struct entry_item *item);

/* A store of the run is as the vault has it: this is its newest snapshot. Any threads, once a store. */
void run_record_current(struct run_record *r, size_t number, uint64_t seq, const uint8_t head[32]);

/* All stores are done: append the entry. ERR_*: what the user is to be told. */
int run_record_end(struct run_record *r, const struct backup_store *stores,
                   const struct backup_result *results, struct err *err);

#endif
