/*
 * s3_xml - what S3 answers in XML: pages of objects or versions, and small documents.
 *
 * The answers come from outside: no document type (so no entities of its own), depth, texts and
 * numbers of entries are limited, and what is cut short or something else is an error, never a
 * shorter listing.
 */
#ifndef S3_XML_H
#define S3_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "holdfast/backend.h"

struct err;

enum {
	S3_DEPTH_MAX = 8,
	S3_TEXT_MAX = 8 << 10,      /* of one element */
	S3_PAGE_MAX = 10000,        /* S3 gives 1000 at most */
	S3_VERSION_MAX = 1024,
};

struct s3_entry {
	char *key;                  /* whole, decoded */
	char *version;              /* "" in pages of objects */
	char tag[BACKEND_TAG_MAX];  /* without quotes; "" where it is too long to be kept */
	uint64_t size_bytes;
	int64_t time_s;
	bool marker;                /* a delete marker: from here on the key was absent */
	bool latest;
};

struct s3_page {
	struct s3_entry *entries;
	size_t n, cap;
	bool truncated;             /* there are more */
	char *next;                 /* ContinuationToken for them, or NULL */
};

/* Of ListObjectsV2 and ListObjectVersions, with encoding-type=url. ERR_IO, ERR_NOMEM. */
struct s3_page *s3_page_parse(const void *xml, size_t len, struct err *err);
void s3_page_free(struct s3_page *p);
AUTO_FREE(s3_page);

/* An element directly below the root of a small document. */
struct s3_field {
	const char *name;
	char *out;                  /* gets its text, cut to cap; "" when it is not there */
	size_t cap;
};

/* False if it is not XML; what was read until then is in the fields. */
bool s3_fields_parse(const void *xml, size_t len, const struct s3_field *fields, size_t n);

/* "2026-01-31T23:59:58.123Z" to Unix seconds; -1 if it is not such a time. */
int64_t s3_time_parse(const char *text);

/* An ETag without its quotes, in their place. "" if it does not fit. */
void s3_tag_copy(char tag[BACKEND_TAG_MAX], const char *etag);

#endif
