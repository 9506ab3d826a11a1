/* s3_keys - what signs requests: an access key, its secret, and a session's token. */
#ifndef S3_KEYS_H
#define S3_KEYS_H

#include <stdint.h>

enum { S3_ID_MAX = 128, S3_SECRET_MAX = 256, S3_TOKEN_MAX = 8192 };

/* Wipe it with explicit_bzero when it has served. */
struct s3_keys {
	char id[S3_ID_MAX + 1], secret[S3_SECRET_MAX + 1];
	char token[S3_TOKEN_MAX + 1];   /* "" when there is none */
	int64_t expires_s;              /* Unix; 0: never */
};

#endif
