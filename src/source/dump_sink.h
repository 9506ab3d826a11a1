/* dump_sink - where a dump goes when it is restored: into a program, or into a file of its own. */
#ifndef DUMP_SINK_H
#define DUMP_SINK_H

#include <stdbool.h>

struct err;
struct sink;
struct source_options;

/*
 * As source_ops.restore. With options->restore_command the one file is piped into it, and close is 0
 * only if it took everything and exited 0; freed without close it is killed and sees no end of
 * file. Without: DIR/<path>, mode 0600, under its name only once it is complete and synced.
 * NULL with ERR_INVALID, ERR_DENIED, ERR_SOURCE, ERR_NOMEM. Later also ERR_EXISTS, ERR_SPACE, ERR_IO.
 */
struct sink *dump_sink_new(const struct source_options *options, const char *dir, bool overwrite,
                           struct err *err);

#endif
