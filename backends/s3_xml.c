#include "s3_xml.h"

#include <errno.h>
#include <expat.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "holdfast/err.h"

enum { NAME_MAX_BYTES = 64 };

/* One walk over a document: `element` is told of every end. Depth 1 is the root. */
struct reader {
	XML_Parser parser;
	unsigned depth;
	char names[S3_DEPTH_MAX][NAME_MAX_BYTES];
	char text[S3_TEXT_MAX + 1];   /* of the innermost element */
	size_t len;
	bool failed;
	int rc;                       /* ERR_NOMEM beside failed */
	void (*begin)(struct reader *r, const char *name);   /* may be NULL */
	void (*end)(struct reader *r, const char *name);
	void *arg;
};

static void give_up(struct reader *r, int rc)
{
	r->failed = true;
	r->rc = rc;
	XML_StopParser(r->parser, XML_FALSE);
}

/* some servers spell it with a prefix: ns0:Key */
static const char *local_name(const char *name)
{
	const char *colon = strrchr(name, ':');
	return colon ? colon + 1 : name;
}

static void XMLCALL on_start(void *arg, const XML_Char *full, const XML_Char **attributes)
{
	struct reader *r = arg;
	const char *name = local_name(full);
	size_t len = strlen(name);
	(void)attributes;
	if (r->failed)
		return;
	if (r->depth == S3_DEPTH_MAX || len >= NAME_MAX_BYTES) {
		give_up(r, ERR_IO);
		return;
	}
	memcpy(r->names[r->depth++], name, len + 1);
	r->len = 0;
	r->text[0] = '\0';
	if (r->begin)
		r->begin(r, name);
}

static void XMLCALL on_end(void *arg, const XML_Char *full)
{
	struct reader *r = arg;
	if (r->failed)
		return;
	r->text[r->len] = '\0';
	r->end(r, local_name(full));
	r->depth--;
	r->len = 0;
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int len)
{
	struct reader *r = arg;
	if (r->failed)
		return;
	if ((size_t)len > S3_TEXT_MAX - r->len) {
		give_up(r, ERR_IO);
		return;
	}
	memcpy(r->text + r->len, text, (size_t)len);
	r->len += (size_t)len;
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public_id, int has_subset)
{
	(void)name;
	(void)system;
	(void)public_id;
	(void)has_subset;
	give_up(arg, ERR_IO);
}

static bool read_xml(struct reader *r, const void *xml, size_t len)
{
	r->parser = XML_ParserCreate(NULL);
	if (!r->parser) {
		r->rc = ERR_NOMEM;
		return false;
	}
	XML_SetUserData(r->parser, r);
	XML_SetElementHandler(r->parser, on_start, on_end);
	XML_SetCharacterDataHandler(r->parser, on_text);
	XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
	bool ok = len <= INT32_MAX && XML_Parse(r->parser, xml, (int)len, 1) == XML_STATUS_OK;
	if (!ok && XML_GetErrorCode(r->parser) == XML_ERROR_NO_MEMORY)
		r->rc = ERR_NOMEM;
	XML_ParserFree(r->parser);
	return ok && !r->failed;
}

/* ---- values ---- */

int64_t s3_time_parse(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest && *rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	return rest && strcmp(rest, "Z") == 0 ? (int64_t)timegm(&tm) : -1;
}

void s3_tag_copy(char tag[BACKEND_TAG_MAX], const char *etag)
{
	size_t len = strlen(etag);
	if (len >= 2 && etag[0] == '"' && etag[len - 1] == '"') {
		etag++;
		len -= 2;
	}
	/* cut, two different ones could look the same */
	if (len >= BACKEND_TAG_MAX)
		len = 0;
	memmove(tag, etag, len);
	tag[len] = '\0';
}

static bool read_size(const char *text, uint64_t *out)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno != 0 || n > INT64_MAX)
		return false;
	*out = n;
	return true;
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)((at - digits) % 16) : -1;
}

/* In its place. False for a key that no URL spells so, or that holds a NUL. */
static bool decode(char *text)
{
	char *to = text;
	for (const char *from = text; *from; from++) {
		char c = *from == '+' ? ' ' : *from;
		if (*from == '%') {
			int high = digit(from[1]), low = high < 0 ? -1 : digit(from[2]);
			if (low < 0 || high + low == 0)
				return false;
			c = (char)(high << 4 | low);
			from += 2;
		}
		*to++ = c;
	}
	*to = '\0';
	return true;
}

/* ---- pages ---- */

static const char *const listings[] = { "ListBucketResult", "ListVersionsResult",
	                                "ListBucketVersionsResult" };

static bool is_listing(const char *root)
{
	for (size_t i = 0; i < sizeof listings / sizeof *listings; i++)
		if (strcmp(root, listings[i]) == 0)
			return true;
	return false;
}

static bool is_entry(const char *name)
{
	return strcmp(name, "Contents") == 0 || strcmp(name, "Version") == 0 ||
	       strcmp(name, "DeleteMarker") == 0;
}

static int add_entry(struct s3_page *p, bool marker)
{
	if (p->n == S3_PAGE_MAX)
		return ERR_IO;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		struct s3_entry *more = reallocarray(p->entries, cap, sizeof *more);
		if (!more)
			return ERR_NOMEM;
		p->entries = more;
		p->cap = cap;
	}
	p->entries[p->n++] = (struct s3_entry){ .marker = marker, .time_s = -1 };
	return 0;
}

static void page_begin(struct reader *r, const char *name)
{
	int rc = 0;
	if (r->depth == 1 && !is_listing(name))
		rc = ERR_IO;
	if (r->depth == 2 && is_entry(name))
		rc = add_entry(r->arg, strcmp(name, "DeleteMarker") == 0);
	if (rc != 0)
		give_up(r, rc);
}

/* Twice the same element would leak the first, and is no answer of S3's. */
static int keep_text(char **out, const char *text)
{
	if (*out)
		return ERR_IO;
	*out = strdup(text);
	return *out ? 0 : ERR_NOMEM;
}

static int entry_field(struct s3_entry *e, const char *name, char *text)
{
	if (strcmp(name, "Key") == 0)
		return decode(text) ? keep_text(&e->key, text) : ERR_IO;
	if (strcmp(name, "VersionId") == 0)
		return strlen(text) <= S3_VERSION_MAX ? keep_text(&e->version, text) : ERR_IO;
	if (strcmp(name, "Size") == 0)
		return read_size(text, &e->size_bytes) ? 0 : ERR_IO;
	if (strcmp(name, "LastModified") == 0)
		return (e->time_s = s3_time_parse(text)) >= 0 ? 0 : ERR_IO;
	if (strcmp(name, "ETag") == 0)
		s3_tag_copy(e->tag, text);
	if (strcmp(name, "IsLatest") == 0)
		e->latest = strcmp(text, "true") == 0;
	return 0;
}

/* A page's entry is whole, or the page is none. */
static int entry_end(struct s3_entry *e)
{
	if (!e->key || e->time_s < 0)
		return ERR_IO;
	return e->version ? 0 : keep_text(&e->version, "");
}

static void page_end(struct reader *r, const char *name)
{
	struct s3_page *p = r->arg;
	int rc = 0;
	if (r->depth == 3 && is_entry(r->names[1]))
		rc = entry_field(&p->entries[p->n - 1], name, r->text);
	else if (r->depth == 2 && is_entry(name))
		rc = entry_end(&p->entries[p->n - 1]);
	else if (r->depth == 2 && strcmp(name, "IsTruncated") == 0)
		p->truncated = strcmp(r->text, "true") == 0;
	else if (r->depth == 2 && strcmp(name, "NextContinuationToken") == 0)
		rc = keep_text(&p->next, r->text);
	if (rc != 0)
		give_up(r, rc);
}

void s3_page_free(struct s3_page *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		free(p->entries[i].key);
		free(p->entries[i].version);
	}
	free(p->entries);
	free(p->next);
	free(p);
}

struct s3_page *s3_page_parse(const void *xml, size_t len, struct err *err)
{
	AUTO(s3_page) p = calloc(1, sizeof *p);
	struct reader r = { .begin = page_begin, .end = page_end, .arg = p };
	if (p && read_xml(&r, xml, len))
		return TAKE(p);
	if (!p || r.rc == ERR_NOMEM)
		err_no_memory(err);
	else
		err_set(err, ERR_IO, "the answer is not a whole list of objects as S3 gives it");
	return NULL;
}

/* ---- small documents ---- */

struct wanted {
	const struct s3_field *fields;
	size_t n;
};

static void field_end(struct reader *r, const char *name)
{
	const struct wanted *w = r->arg;
	for (size_t i = 0; r->depth == 2 && i < w->n; i++)
		if (strcmp(name, w->fields[i].name) == 0) {
			size_t len = r->len < w->fields[i].cap ? r->len : w->fields[i].cap - 1;
			memcpy(w->fields[i].out, r->text, len);
			w->fields[i].out[len] = '\0';
		}
}

bool s3_fields_parse(const void *xml, size_t len, const struct s3_field *fields, size_t n)
{
	struct wanted w = { fields, n };
	struct reader r = { .end = field_end, .arg = &w };
	for (size_t i = 0; i < n; i++)
		fields[i].out[0] = '\0';
	return len > 0 && read_xml(&r, xml, len);
}
