/* s3_error - what a refusal of S3 means, in words and with the next step. */
#ifndef S3_ERROR_H
#define S3_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include "s3_place.h"

struct err;

struct s3_refusal {
	long status;                      /* of HTTP */
	char code[64], message[200];      /* of its XML; "" in answers to HEAD */
	char region[S3_REGION_MAX + 1];   /* where the bucket is, if it says so; else "" */
	char endpoint[S3_HOST_MAX + 1];
	const char *bucket;
	const char *action;               /* the permission that the call needs: "s3:GetObject" */
	int64_t clock_ahead_s;
};

/* Fill in what the XML says. */
void s3_refusal_read(struct s3_refusal *r, const void *xml, size_t len);

/* Returns the error code: ERR_ABSENT, ERR_EXISTS, ERR_DENIED, ERR_UNREACHABLE, ERR_INVALID,
 * ERR_SPACE, ERR_LIMIT or ERR_IO. */
int s3_refusal_set(const struct s3_refusal *r, struct err *err);

#endif
