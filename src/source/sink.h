/* sink - the sink that drivers of content-defined files share; the others are in source.h. */
#ifndef SINK_H
#define SINK_H

#include <stdbool.h>

struct err;
struct sink;

/*
 * Files into the folder dir, which is made if absent (0700 until close).
 *
 * A regular file is written beside its place as .NAME.holdfast-part and renamed when its last byte
 * has come. What is there already with the same bytes is accepted, so that a restore which was
 * interrupted goes on when it is repeated; anything else in the way is ERR_EXISTS, or with overwrite
 * is kept as NAME.before-restore. Existing folders are merged into. Nothing is ever written through
 * a symbolic link below dir, and no path leads out of it (ERR_CORRUPT).
 *
 * Owners are restored by root only, by name where the name is known here, else by number; without
 * them set-user-id and set-group-id are dropped. Folders get their modes and times at close. The
 * attributes of dir itself are set only if it was made here, was empty, or is as an interrupted
 * restore leaves it (0700, ours). What cannot be set (an attribute the file system does not know) does
 * not end a restore: close makes everything final and durable and then returns the first such error.
 *
 * NULL with ERR_DENIED, ERR_SPACE, ERR_IO, ERR_NOMEM. In use also ERR_EXISTS, ERR_CORRUPT.
 */
struct sink *sink_to_disk(const char *dir, bool overwrite, struct err *err);

#endif
