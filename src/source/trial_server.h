/* trial_server - a scratch server in a sandbox: reached by a private socket, gone with its trial. */
#ifndef TRIAL_SERVER_H
#define TRIAL_SERVER_H

#include <jansson.h>

#include "base/scope.h"
#include "source/trial_program.h"

struct buf;
struct err;
struct trial_server;

enum { TRIAL_LIST_MAX = 16 << 20 };   /* of all tables of a server, as lines */

/*
 * Start a server and wait until `ping` exits 0. NULL with ERR_ABSENT (not installed), ERR_UNREACHABLE (it
 * ended, with its last words; or it does not answer in time): nothing is known of the data then.
 */
struct trial_server *trial_server_new(const char *const *argv, const struct trial_program *ping,
                                      unsigned timeout_ms, struct err *err);
void trial_server_free(struct trial_server *s);
AUTO_FREE(trial_server);

/* Lines "NAME<tab>NUMBER" go to trial_rows_add; lines of another form are skipped. */
int trial_server_add_rows(json_t *rows, const char *prefix, const struct buf *lines, struct err *err);

/* Put SELECT (...) around a statement, so that it can only read and give one value. It is malloc'ed;
 * NULL with ERR_NOMEM. */
char *trial_server_scalar(const char *sql, struct err *err);

#endif
