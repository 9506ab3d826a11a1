/* s3_call - one signed request to a bucket and what came of it. */
#ifndef S3_CALL_H
#define S3_CALL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "holdfast/backend.h"
#include "net.h"
#include "s3_error.h"
#include "s3_place.h"

struct s3_auth;
struct s3_copies;

enum { S3_UNKNOWN, S3_NO, S3_YES };

struct s3 {
	struct backend base;
	struct s3_place place;
	struct net *net;
	struct s3_auth *auth;
	struct s3_copies *copies;          /* names for which not the newest version is read */
	char storage_class[40];
	uint64_t lock_s;
	bool lock_compliance;
	int64_t as_of_s;

	pthread_mutex_t lock;              /* over all below */
	char region[S3_REGION_MAX + 1];    /* the bucket's, as far as is known */
	bool there;                        /* the bucket is: something was found in it */
	int versioned;                     /* S3_YES, too, where versioning was switched off later */
	int conditional;                   /* does it keep to If-None-Match? */
};

enum { S3_OWN_HEADERS_MAX = 6, S3_OWN_WANTED_MAX = 2 };

struct s3_request {
	const char *method;
	const char *action;                /* the permission it needs */
	const char *name;                  /* NULL: the bucket itself */
	const char *query;                 /* encoded and sorted; NULL: none */
	const void *body;
	size_t body_len;
	bool checksum;                     /* of the body, in a header */
	const char *headers[S3_OWN_HEADERS_MAX];
	const char *wanted[S3_OWN_WANTED_MAX];   /* beside ETag, Last-Modified and x-amz-version-id */
	/* to be set in it: out and cap, or text; the answer is in it, until s3_end */
	struct net_call call;
};

/* 0 for an answer 2xx. Else what net_do and s3_refusal_set give; status, headers and reason are in
 * r->call. End each with s3_end. */
int s3_do(struct s3 *s, struct s3_request *r, struct err *err);
void s3_end(struct s3_request *r);

bool s3_code_is(const struct s3_request *r, const char *code);   /* of the refusal's XML */

#endif
