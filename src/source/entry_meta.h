/*
 * entry_meta - what a file system says of a file, as bytes: one pax header (POSIX.1-2008, pax
 * format) without contents, so that any tar can read it.
 *
 * The header holds what struct source_entry has no room for: owner names, link targets, device
 * numbers, extended attributes, POSIX ACLs. What the entry itself says (path, length, nanoseconds of
 * the modification time) is taken from the entry again when decoding. A plain file is 512 bytes.
 */
#ifndef ENTRY_META_H
#define ENTRY_META_H

#include <stdint.h>
#include <time.h>

#include "base/scope.h"

struct archive_entry;
struct buf;
struct err;
struct source_entry;

/* Append the header for e to out. Drops from e what is not to be stored: length, fraction of a
 * second, times of access, change and birth. ERR_LIMIT beyond SOURCE_EXTRA_MAX, ERR_INVALID. */
int entry_meta_encode(struct archive_entry *e, struct buf *out, struct err *err);

/* The libarchive entry that belongs to a source entry, also where that has no extra bytes. The
 * caller owns it. NULL with ERR_CORRUPT, ERR_NOMEM. */
struct archive_entry *entry_meta_decode(const struct source_entry *entry, struct err *err);

/* Nanoseconds since 1970, held at the ends of the range (years 1677 and 2262), and back. */
int64_t entry_meta_ns(struct timespec t);
struct timespec entry_meta_time(int64_t ns);

#endif
