/* ledger_read - the entries of one log, in order, each verified to be among those signed for. */
#ifndef LEDGER_READ_H
#define LEDGER_READ_H

#include <stddef.h>
#include <stdint.h>

#include "format/note.h"

struct buf;
struct err;
struct vault;

/* Anything but 0 ends the reading and is returned. */
typedef int ledger_read_entry(void *arg, uint64_t index, const uint8_t *entry, size_t len,
                              struct err *err);

/* The log of a key, up to its checkpoint now, which goes to *checkpoint and, as it is, to `bytes` (may
 * be NULL). ERR_ABSENT (no log); ERR_CORRUPT: then nothing was visited. */
int ledger_read(const struct vault *v, const uint8_t key[16], struct note *checkpoint,
                struct buf *bytes, ledger_read_entry *visit, void *arg, struct err *err);

#endif
