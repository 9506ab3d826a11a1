/*
 * ledger - this machine's own log in a vault: what it did, in order, signed. (docs/FORMAT.md)
 *
 * One log per enrolled key, so that no two writers contend. An append puts, in this order: the local
 * intent (synced), tiles of entries, tiles of hashes, the checkpoint, the local edge. A kill anywhere
 * loses nothing: the next append begins with what the intent holds. Who does much writes most of its
 * entries into the intent alone (ledger_defer).
 *
 * Invariants: a checkpoint is put after every tile that it needs. This machine never signs two
 * histories: it adds to what it remembers, or, where it remembers nothing or less, to what it signed
 * and the vault holds. The log lock is held while any of this changes.
 */
#ifndef LEDGER_INTERNAL_H
#define LEDGER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/entry.h"

struct err;
struct ledger;
struct vault;

/* Does this machine keep a ledger in the vault: is its key in the charter, has it a state folder, and is
 * the vault not read as it was in the past? Who has none is not to be told that nothing was written. */
bool ledger_is_kept(const struct vault *v);

/*
 * Look at the vault's checkpoint of this machine's log (one request) and compare it with what is
 * remembered. NULL with ERR_KEY (no key file, or the charter does not have its key), ERR_INVALID (no
 * state folder), ERR_NOMEM, ERR_CORRUPT and errors of storage and files. That the two do not agree is
 * no error yet.
 */
struct ledger *ledger_open(struct vault *v, struct err *err);
void ledger_free(struct ledger *l);
AUTO_FREE(ledger);

/* The vault's checkpoint is the one this machine put last: nobody else wrote under its key, and
 * nothing was set back. */
bool ledger_agrees(const struct ledger *l);

/* There is nothing to go on from, here or there; or what was remembered here is lost. Then snapshots may
 * be in the vault that no entry tells of. */
bool ledger_is_new(const struct ledger *l);

/*
 * Append n entries, with what a killed append left behind. ERR_FORK: either the vault's checkpoint is
 * older than the one remembered, or gone, and the entries were added to what is remembered; or it is
 * of another history, and nothing was added: the message has both sizes and roots. ERR_CORRUPT,
 * ERR_LIMIT, errors of storage and files: nothing is added for now, but the entries are kept as intent
 * if that could be written.
 */
int ledger_append(struct ledger *l, const struct entry *entries, size_t n, struct err *err);

/*
 * Keep an entry here for the next append, whoever does it: for one of many acts of a command, which calls
 * ledger_settle at its end, however it ends. Costs a synced file and no look at the vault, but appends at
 * once, as ledger_write does and with its errors, what is kept with it when LEDGER_KEPT_MAX are, and
 * where this machine remembers no log to add to, or an append failed or was killed and it is not
 * known how far it came.
 */
enum { LEDGER_KEPT_MAX = 64 };
int ledger_defer(struct vault *v, const struct entry *entry, struct err *err);

/* Append what was kept, and what a killed append left behind, so that a look at the log shows all that was
 * done. Where the vault was set back that is ERR_FORK, and what is remembered is in it again, as by
 * ledger_append, with n = 0 as well. */
int ledger_settle(struct vault *v, struct err *err);

/* All of it for one entry: who does something once calls this. */
int ledger_write(struct vault *v, const struct entry *entry, struct err *err);

/* Put lists that are too long for an entry where it can name them, and set `list` or `covered` of it;
 * short ones stay. Sorts the lists. Lists are immutable: one that is there is not put again. */
int ledger_put_items(struct ledger *l, struct entry *e, struct err *err);
int ledger_put_stores(struct ledger *l, struct entry *e, struct err *err);

/* The newest checkpoints of all other logs, for an entry of kind ENTRY_SEEN; *n is 0 if there are none.
 * Logs that cannot be read are left out. The list is to be freed. */
int ledger_others(struct vault *v, struct entry_log **logs, size_t *n, struct err *err);

/* Append an entry that tells of all others' checkpoints, so that what is cut from their logs later can
 * be seen. Called by who drills and administers. No others: nothing is appended. */
int ledger_write_seen(struct vault *v, struct err *err);

/* ledger_write and ledger_write_seen as one append; ledger_settle and ledger_write_seen. */
int ledger_write_seeing(struct vault *v, const struct entry *entry, struct err *err);
int ledger_settle_seeing(struct vault *v, struct err *err);

#endif
