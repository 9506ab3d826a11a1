/*
 * restore_stream - content-defined files of a snapshot, in order, into a sink.
 *
 * Files are taken ahead of what is written: workers decode the frames of the next few megabytes
 * while the caller's thread writes, and a frame that many small files share is decoded once. What
 * is handed to the sink is summed, and compared before the next entry.
 */
#ifndef RESTORE_STREAM_H
#define RESTORE_STREAM_H

#include "base/scope.h"

struct body_file;
struct err;
struct fetch;
struct meter;
struct restore_stream;
struct sink;
struct sum_keys;

/* All are used until restore_stream_free; keys are those of the snapshot's page key. NULL with
 * ERR_NOMEM. */
struct restore_stream *restore_stream_new(struct fetch *fetch, const struct sum_keys *keys,
                                          struct sink *sink, unsigned workers,
                                          struct meter *meter, struct err *err);
void restore_stream_free(struct restore_stream *r);
AUTO_FREE(restore_stream);

/* The next file (or folder, link...) as body_next gave it; copied. It is written when its turn
 * comes: before restore_stream_end returns. Errors may be those of a file before it: they name the
 * file, and the pack where one is to blame. ERR_CORRUPT, ERR_ABSENT, errors of storage and sink. */
int restore_stream_file(struct restore_stream *r, const struct body_file *file, struct err *err);

/* Everything taken has been written and compared. The sink is not closed. */
int restore_stream_end(struct restore_stream *r, struct err *err);

#endif
