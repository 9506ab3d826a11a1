/*
 * runlog - what was run on this machine: one line of canonical JSON a run in STATE/runs.log.
 *
 *   {"command":"backup","duration_ms":N,"exit":0,"id":"8f21c03a","notes":["..."],"stores":[{"store",
 *   "result","snapshot","kind","bytes_stored","duration_ms","error"}],"time":N}
 *
 * command is "backup" or "run"; id is a random name of the run; result is "done", "warning" or
 * "failed"; snapshot, kind and bytes_stored only if not failed.
 *
 * At 16 MiB the file becomes runs.log.1, in place of the one before.
 */
#ifndef RUNLOG_H
#define RUNLOG_H

#include <jansson.h>

struct err;

/* Append a run; makes the folder if needed. ERR_IO, ERR_SPACE, ERR_DENIED, ERR_NOMEM. */
int runlog_append(const char *state_dir, const json_t *run, struct err *err);

/* Return 0 to go on. */
typedef int runlog_visit(void *arg, const json_t *run, struct err *err);

/* Visit the runs, oldest first. Lines that are no JSON (a crash, a full disk) are skipped. No file
 * is no error. */
int runlog_read(const char *state_dir, runlog_visit *visit, void *arg, struct err *err);

#endif
