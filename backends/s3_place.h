/* s3_place - where a bucket is and how its objects are addressed: from options to URLs. */
#ifndef S3_PLACE_H
#define S3_PLACE_H

#include <stdbool.h>
#include <stddef.h>

struct backend_options;
struct buf;
struct err;

enum {
	S3_BUCKET_MAX = 63,
	S3_PREFIX_MAX = 700,   /* a key has 1024 bytes, and our names 250 */
	S3_REGION_MAX = 40,
	S3_HOST_MAX = 255,
	S3_URL_MAX = 32 << 10,
};

struct s3_place {
	char bucket[S3_BUCKET_MAX + 1];
	char prefix[S3_PREFIX_MAX + 2];   /* "" or ends with '/' */
	char host[S3_HOST_MAX + 1];       /* with its port; "": Amazon's, which the region names */
	char region[S3_REGION_MAX + 1];
	bool tls;
	bool amazon;
	bool virtual_host;
};

/* ERR_INVALID says what is wrong with location, endpoint or region. */
int s3_place_parse(struct s3_place *p, const struct backend_options *options, struct err *err);

bool s3_region_ok(const char *region);

/* Append text as it stands in a URL: %XX for all but RFC 3986's unreserved, and '/' where it
 * separates. As SigV4 wants it, and as curl 7.88 does not do by itself. ERR_LIMIT, ERR_NOMEM. */
int s3_encode(struct buf *out, const char *text, bool keep_slash, struct err *err);

/* Append the URL of prefix + name, or of the bucket (name NULL). query: encoded and sorted, "" for
 * none. ERR_LIMIT, ERR_NOMEM. */
int s3_place_url(const struct s3_place *p, const char *region, const char *name, const char *query,
                 struct buf *out, struct err *err);

#endif
