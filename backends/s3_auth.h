/*
 * s3_auth - the keys that sign requests, from where AWS's own tools look for them:
 *
 * the options' file and profile; AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; the
 * profile AWS_PROFILE ("default") in ~/.aws/credentials or AWS_SHARED_CREDENTIALS_FILE; a
 * container's role; the role of an EC2 machine. Roles' keys are got anew before they expire.
 */
#ifndef S3_AUTH_H
#define S3_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct backend_options;
struct err;
struct s3_auth;

enum { S3_ID_MAX = 128, S3_SECRET_MAX = 256, S3_TOKEN_MAX = 8192 };

/* Wipe it with explicit_bzero when it has served. */
struct s3_keys {
	char id[S3_ID_MAX + 1], secret[S3_SECRET_MAX + 1];
	char token[S3_TOKEN_MAX + 1];   /* "" when there is none */
	int64_t expires_s;              /* Unix; 0: never */
};

/* What needs no network is read now. `amazon`: the bucket is there, so that an EC2 machine's role
 * may be what is meant. NULL with ERR_DENIED (none found, or a file that others can read),
 * ERR_INVALID, ERR_ABSENT, ERR_IO, ERR_NOMEM. */
struct s3_auth *s3_auth_new(const struct backend_options *options, bool amazon, struct err *err);
void s3_auth_free(struct s3_auth *a);
AUTO_FREE(s3_auth);

/* ERR_UNREACHABLE, ERR_DENIED, ERR_STOPPED where a role has to be asked for. */
int s3_auth_keys(struct s3_auth *a, struct s3_keys *keys, struct err *err);

/* The storage says that they have expired. True if there may be others now. */
bool s3_auth_renew(struct s3_auth *a);

/* A profile of a credentials file. ERR_ABSENT (no file, no such profile), ERR_DENIED (others can read
 * it), ERR_INVALID, ERR_IO. */
int s3_keys_read(struct s3_keys *keys, const char *path, const char *profile, struct err *err);

#endif
