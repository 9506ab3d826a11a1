/* open - a verified snapshot with its body open, ready to be read. */
#ifndef OPEN_H
#define OPEN_H

#include <stdint.h>

#include "base/scope.h"
#include "format/body.h"
#include "format/sum.h"
#include "vault/heads.h"

struct err;
struct keyring;
struct source_entry;
struct vault;

struct open_snapshot {
	struct heads_entry *entry;
	struct keyring *keys;
	struct sum_keys sum_keys;
	char *facts;                  /* canonical JSON, or "" */
	uint64_t files, bytes;        /* counted over all records */
	uint64_t page_files;
};

/* Load head and body, verify, and read the body through once, so that all of it is known to be
 * good. NULL with ERR_KEY, ERR_ABSENT, ERR_CORRUPT naming the object. */
struct open_snapshot *open_snapshot_new(const struct vault *v, const uint8_t writer[16],
                                        const uint8_t store[16], uint64_t seq, struct err *err);
void open_snapshot_free(struct open_snapshot *s);
AUTO_FREE(open_snapshot);

/* A reader over the body from its beginning. */
struct body_reader *open_snapshot_body(const struct open_snapshot *s, struct err *err);

/* A record as a source's entry; strings stay the record's. */
void open_entry(struct source_entry *entry, const struct body_file *file);

#endif
