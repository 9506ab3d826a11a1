/*
 * stream - content-defined files of a session (trees, dumps): keyed chunks, a local index.
 *
 * STATE/<vault-id>/<store-id>/index.db (SQLite) knows chunks (keyed id -> pack serial, frame,
 * offset, length), files (path -> stamp, number, metadata, length, sum, extents) and packs (serial,
 * id, size). It belongs to one page key; a full starts a new one. A row counts only while its pack
 * is in the vault's inventory, so rows are written as soon as a pack is acknowledged, and a killed
 * run is continued by simply finding its chunks.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdint.h>

#include "base/scope.h"

struct body_writer;
struct err;
struct packer_done;
struct session;
struct source_entry;
struct state;
struct stream;

/* Index of s->dir for s->next->page_key; made anew where it is missing, damaged, or of another
 * page key. Called once, before the first content-defined file. */
struct stream *stream_open(struct session *s, struct err *err);
/* End its threads. Before the packer is freed, which they use; the packer's callback is still
 * served until stream_free. */
void stream_stop(struct stream *t);
void stream_free(struct stream *t);
AUTO_FREE(stream);

/* One entry of the source (also folders, links...). Skips reading if path, stamp and extents are
 * known and none of its packs is to be evacuated; else chunks, finds or stores them. */
int stream_entry(struct stream *t, const struct source_entry *e, struct err *err);

/* All entries seen: hand the last chunks to the packer. Before packer_finish. */
int stream_flush(struct stream *t, struct err *err);

/* A pack was acknowledged. Called under the packer's stored lock, from any thread. */
int stream_stored(struct stream *t, const struct packer_done *done, struct err *err);

/* After packer_finish: fill in the packs in use (s->next->packs: serial, id, size, weight, live),
 * ascending, and say in s->changed whether anything differs from the base snapshot. */
int stream_packs(struct stream *t, struct err *err);

/* Write the file records of this snapshot; extents name packs by their index in s->next->packs. */
int stream_body(struct stream *t, struct body_writer *body, struct err *err);

/* The snapshot was committed: forget files that are gone. */
int stream_committed(struct stream *t, struct err *err);

#endif
