#include "webdav_xml.h"

#include <curl/curl.h>
#include <expat.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast/err.h"

/* expat joins namespace and name with it; no URI holds it */
#define IN_DAV "DAV:|"

enum { SLICE = 1 << 20 };

enum element {
	OTHER, MULTISTATUS, RESPONSE, HREF, STATUS, PROPSTAT, PROP,
	LENGTH, MODIFIED, ETAG, TYPE, COLLECTION,
};

static const struct {
	const char *name;
	enum element element, parent;
} elements[] = {
	{ IN_DAV "multistatus", MULTISTATUS, OTHER },
	{ IN_DAV "response", RESPONSE, MULTISTATUS },
	{ IN_DAV "href", HREF, RESPONSE },
	{ IN_DAV "status", STATUS, RESPONSE },
	{ IN_DAV "propstat", PROPSTAT, RESPONSE },
	{ IN_DAV "status", STATUS, PROPSTAT },
	{ IN_DAV "prop", PROP, PROPSTAT },
	{ IN_DAV "getcontentlength", LENGTH, PROP },
	{ IN_DAV "getlastmodified", MODIFIED, PROP },
	{ IN_DAV "getetag", ETAG, PROP },
	{ IN_DAV "resourcetype", TYPE, PROP },
	{ IN_DAV "collection", COLLECTION, TYPE },
};

struct parsing {
	XML_Parser parser;
	webdav_visit *visit;
	void *arg;
	struct err *err;
	int rc;
	bool seen;                             /* a multistatus */
	enum element path[WEBDAV_DEPTH_MAX];   /* of the elements that are open */
	unsigned depth;
	char text[WEBDAV_HREF_MAX];            /* of the innermost */
	size_t text_len;
	long status;                           /* of the propstat */
	struct webdav_resource found, part;    /* part: what the propstat says, before its status */
};

static const struct webdav_resource nothing = { .size_bytes = UINT64_MAX, .time_s = -1 };

static void give_up(struct parsing *p, int rc)
{
	p->rc = rc;
	XML_StopParser(p->parser, XML_FALSE);
}

void webdav_tag(const char *etag, char out[BACKEND_TAG_MAX])
{
	size_t len = strlen(etag);
	out[0] = '\0';
	if (len >= 3 && len < BACKEND_TAG_MAX && etag[0] == '"' && etag[len - 1] == '"')
		memcpy(out, etag, len + 1);
}

/* Digits only: strtoull takes signs. */
static uint64_t size_of(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	return digits > 0 && digits < 19 && text[digits] == '\0' ? strtoull(text, NULL, 10) : UINT64_MAX;
}

/* "HTTP/1.1 200 OK" */
static long status_of(const char *text)
{
	const char *blank = strchr(text, ' ');
	return blank ? strtol(blank, NULL, 10) : 0;
}

static enum element element_of(const XML_Char *name, enum element parent)
{
	for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
		if (elements[i].parent == parent && strcmp(elements[i].name, name) == 0)
			return elements[i].element;
	return OTHER;
}

static void XMLCALL begin(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct parsing *p = arg;
	(void)attributes;
	if (p->depth == WEBDAV_DEPTH_MAX) {
		give_up(p, err_set(p->err, ERR_LIMIT, "the answer is nested too deeply"));
		return;
	}
	/* below something unknown everything is */
	enum element parent = p->depth ? p->path[p->depth - 1] : OTHER;
	enum element e = p->depth && parent == OTHER ? OTHER : element_of(name, parent);
	p->path[p->depth++] = e;
	p->text_len = 0;
	if (e == MULTISTATUS)
		p->seen = true;
	else if (e == RESPONSE)
		p->found = nothing;
	else if (e == PROPSTAT)
		p->part = nothing;
	else if (e == COLLECTION)
		p->part.folder = true;
	if (e == PROPSTAT || e == RESPONSE)
		p->status = 200;
}

static void XMLCALL add_text(void *arg, const XML_Char *text, int len)
{
	struct parsing *p = arg;
	enum element e = p->depth ? p->path[p->depth - 1] : OTHER;
	size_t n = len > 0 ? (size_t)len : 0;
	if (e != HREF && e != STATUS && e != LENGTH && e != MODIFIED && e != ETAG)
		return;
	if (n >= sizeof p->text - p->text_len) {
		give_up(p, err_set(p->err, ERR_LIMIT, "a value in the answer is too long"));
		return;
	}
	memcpy(p->text + p->text_len, text, n);
	p->text_len += n;
}

/* Without white space around it. */
static const char *whole_text(struct parsing *p)
{
	static const char blanks[] = " \t\r\n";
	while (p->text_len > 0 && strchr(blanks, p->text[p->text_len - 1]))
		p->text_len--;
	p->text[p->text_len] = '\0';
	return p->text + strspn(p->text, blanks);
}

static void merge(struct parsing *p)
{
	const struct webdav_resource *part = &p->part;
	if (p->status < 200 || p->status > 299)
		return;
	p->found.folder = p->found.folder || part->folder;
	if (part->size_bytes != UINT64_MAX)
		p->found.size_bytes = part->size_bytes;
	if (part->time_s != -1)
		p->found.time_s = part->time_s;
	if (part->tag[0])
		memcpy(p->found.tag, part->tag, sizeof p->found.tag);
}

static void end_response(struct parsing *p)
{
	int rc = p->found.href[0] ? p->visit(p->arg, &p->found, p->err) : 0;
	if (rc != 0)
		give_up(p, rc);
}

static void end_value(struct parsing *p, enum element e, enum element parent)
{
	const char *text = whole_text(p);
	if (e == HREF)
		snprintf(p->found.href, sizeof p->found.href, "%s", text);
	else if (e == STATUS && parent == RESPONSE)
		p->found.missing = status_of(text) == 404;
	else if (e == STATUS)
		p->status = status_of(text);
	else if (e == LENGTH)
		p->part.size_bytes = size_of(text);
	else if (e == MODIFIED)
		p->part.time_s = (int64_t)curl_getdate(text, NULL);
	else if (e == ETAG)
		webdav_tag(text, p->part.tag);
}

static void XMLCALL end(void *arg, const XML_Char *name)
{
	struct parsing *p = arg;
	(void)name;
	enum element e = p->path[--p->depth];
	if (e == RESPONSE)
		end_response(p);
	else if (e == PROPSTAT)
		merge(p);
	else if (e != OTHER)
		end_value(p, e, p->depth ? p->path[p->depth - 1] : OTHER);
	p->text_len = 0;
}

static void XMLCALL refuse_doctype(void *arg, const XML_Char *name, const XML_Char *system,
                                   const XML_Char *public, int internal)
{
	struct parsing *p = arg;
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	give_up(p, err_set(p->err, ERR_CORRUPT, "the answer has a DOCTYPE"));
}

static int malformed(struct parsing *p)
{
	enum XML_Error why = XML_GetErrorCode(p->parser);
	if (p->rc != 0)
		return p->rc;
	if (why == XML_ERROR_NO_MEMORY)
		return err_no_memory(p->err);
	return err_set(p->err, ERR_CORRUPT, "the answer is not XML: %s", XML_ErrorString(why));
}

static int parse(struct parsing *p, const char *text, size_t len)
{
	XML_SetUserData(p->parser, p);
	XML_SetElementHandler(p->parser, begin, end);
	XML_SetCharacterDataHandler(p->parser, add_text);
	XML_SetStartDoctypeDeclHandler(p->parser, refuse_doctype);
	for (size_t at = 0, n; at < len; at += n) {
		n = len - at < SLICE ? len - at : SLICE;
		if (XML_Parse(p->parser, text + at, (int)n, 0) != XML_STATUS_OK)
			return malformed(p);
	}
	if (XML_Parse(p->parser, "", 0, 1) != XML_STATUS_OK)
		return malformed(p);
	return p->seen ? 0 : err_set(p->err, ERR_CORRUPT, "the answer is no multistatus");
}

int webdav_xml_parse(const void *text, size_t len, webdav_visit *visit, void *arg, struct err *err)
{
	struct parsing *p = calloc(1, sizeof *p);
	if (!p)
		return err_no_memory(err);
	*p = (struct parsing){ .visit = visit, .arg = arg, .err = err };
	p->parser = XML_ParserCreateNS(NULL, '|');
	int rc = p->parser ? parse(p, text, len) : err_no_memory(err);
	XML_ParserFree(p->parser);
	free(p);
	return rc;
}
