/*
 * webdav_xml - what a WebDAV server says of resources: the multistatus body of PROPFIND (RFC 4918,
 * 14.16). Documents with a DOCTYPE are refused, so there are no entities to expand; depth and the
 * lengths of values are bounded.
 */
#ifndef WEBDAV_XML_H
#define WEBDAV_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "holdfast/backend.h"

struct err;

enum {
	WEBDAV_HREF_MAX = 4096,
	WEBDAV_DEPTH_MAX = 32,
};

/* Without a status of its own, or with 200: absent properties are "", UINT64_MAX, -1. */
struct webdav_resource {
	char href[WEBDAV_HREF_MAX];   /* as it was sent */
	bool folder;
	bool missing;                 /* the response as a whole says 404 */
	uint64_t size_bytes;          /* UINT64_MAX: unknown */
	int64_t time_s;               /* -1: unknown */
	char tag[BACKEND_TAG_MAX];    /* strong entity tags only */
};

/* Return 0 to go on; anything else ends the parsing and is returned by it. */
typedef int webdav_visit(void *arg, const struct webdav_resource *resource, struct err *err);

/* ERR_CORRUPT if it is not well-formed or no multistatus, ERR_LIMIT, ERR_NOMEM. */
int webdav_xml_parse(const void *text, size_t len, webdav_visit *visit, void *arg, struct err *err);

/* An entity tag as a driver's tag: "" for a weak one (W/...), or one that is too long. */
void webdav_tag(const char *etag, char out[BACKEND_TAG_MAX]);

#endif
