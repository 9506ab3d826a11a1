/*
 * run_record - what becomes one entry of the ledger: a backup run over many stores.
 *
 * The ledger never stops a backup: what fails here is a warning at the run's end, and what could not
 * be written is written by the next run.
 */
#ifndef RUN_RECORD_H
#define RUN_RECORD_H

#include <stdint.h>

#include "base/scope.h"
#include "format/entry.h"
#include "holdfast/backup.h"

struct err;
struct run_record;
struct vault;

/* For n stores. NULL only with ERR_NOMEM. */
struct run_record *run_record_new(struct vault *v, size_t n, struct err *err);
void run_record_free(struct run_record *r);
AUTO_FREE(run_record);

/* An object is about to be put that the entry must tell of; and it has been put. Any threads. */
void run_record_intend(struct run_record *r, const struct entry_item *item);
void run_record_made(struct run_record *r, const struct entry_item *item);

/* A store of the run is as the vault has it: this is its newest snapshot. Any threads, once a store. */
void run_record_current(struct run_record *r, size_t number, uint64_t seq, const uint8_t head[32]);

/* All stores are done: append the entry. ERR_*: what the user is to be told. */
int run_record_end(struct run_record *r, const struct backup_store *stores,
                   const struct backup_result *results, struct err *err);

#endif
