/*
 * sftp_login - who we are at an SSH server, and whether it is the one we know.
 *
 * Keys: the `identity` option alone, else the agent and the first of ~/.ssh/id_ed25519 and id_ecdsa;
 * a password only from a file. A host is known by known_hosts, always: libcurl connects to anybody
 * while that file does not exist, so it is made to exist. A changed host key is refused without
 * exception; an unknown one is appended where the options say so, by us, since libcurl would write the
 * whole file again without what it does not understand.
 */
#ifndef SFTP_LOGIN_H
#define SFTP_LOGIN_H

#include <curl/curl.h>

#include "base/scope.h"

struct backend_options;
struct err;
struct location;
struct sftp_login;

/* NULL with ERR_INVALID (no key and no password), ERR_ABSENT, ERR_DENIED (a file that others may read,
 * no known_hosts), ERR_IO, ERR_NOMEM. Strings are copied. */
struct sftp_login *sftp_login_new(const struct backend_options *options,
                                  const struct location *location, struct err *err);
void sftp_login_free(struct sftp_login *l);
AUTO_FREE(sftp_login);

/* Set it all on a handle. ERR_NOMEM. */
int sftp_login_set(struct sftp_login *l, CURL *easy, struct err *err);

/* If the host's key is what a connection failed at, say so in err: ERR_DENIED; else err stays. */
int sftp_login_explain(struct sftp_login *l, struct err *err);

/* A line for known_hosts from a key as SSH sends it (RFC 4253, 6.6). ERR_INVALID if it is none. */
int sftp_login_host_line(const struct location *location, const void *key, size_t len, char *out,
                         size_t out_size, struct err *err);

#endif
