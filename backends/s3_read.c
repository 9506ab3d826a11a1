#include "s3_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "holdfast/err.h"
#include "s3_call.h"
#include "s3_copies.h"
#include "s3_list.h"

enum {
	QUERY_MAX = 4 * S3_VERSION_MAX,
	WHOLE_MAX = 256 << 20,   /* where a server knows no ranges, all before it has to be fetched */
};

static int absent(const struct s3 *s, struct err *err)
{
	return err_set(err, ERR_ABSENT, "no such object in s3://%s%s", s->place.bucket,
	               s->as_of_s ? " at that time" : "");
}

/* ---- which version is read ---- */

/* The newest that was there at the time; NULL if the object was not. */
static const struct s3_entry *entry_as_of(const struct s3_page *history, int64_t as_of_s)
{
	for (size_t i = 0; i < history->n; i++)
		if (history->entries[i].time_s <= as_of_s)
			return history->entries[i].marker ? NULL : &history->entries[i];
	return NULL;
}

static int find_as_of(struct s3 *s, const char *name, char **version, struct err *err)
{
	AUTO(s3_page) history = s3_history(s, name, err);
	if (!history)
		return err->code;
	const struct s3_entry *e = entry_as_of(history, s->as_of_s);
	if (!e)
		return absent(s, err);
	*version = strdup(e->version);
	if (!*version || !s3_copies_set(s->copies, name, *version))
		return err_no_memory(err);
	return 0;
}

/* *version is to be freed; NULL: the newest. */
static int version_to_read(struct s3 *s, const char *name, char **version, struct err *err)
{
	bool known;
	*version = s3_copies_get(s->copies, name, &known);
	if (known && !*version)
		return err_no_memory(err);
	return known || !s->as_of_s ? 0 : find_as_of(s, name, version, err);
}

static int query_to_read(struct s3 *s, const char *name, struct buf *query, struct err *err)
{
	char *version = NULL;
	int rc = version_to_read(s, name, &version, err);
	if (rc == 0 && version) {
		rc = buf_printf(query, err, "versionId=");
		if (rc == 0)
			rc = s3_encode(query, version, false, err);
	}
	free(version);
	if (rc == 0 && !buf_text(query, err))
		rc = err->code;
	return rc;
}

/* ---- get ---- */

/* The server sent all instead of a range: once more, from the beginning. */
static int get_from_start(struct s3 *s, const char *name, const char *query, uint64_t offset,
                          void *out, size_t cap, size_t *len, struct err *err)
{
	if (offset > WHOLE_MAX || cap > WHOLE_MAX - offset)
		return err_set(err, ERR_LIMIT, "s3://%s: the storage gives no ranges of large objects",
		               s->place.bucket);
	size_t skip = (size_t)offset, whole = skip + cap;
	uint8_t *all = malloc(whole);
	if (!all)
		return err_no_memory(err);
	struct s3_request r = { .method = "GET", .action = "s3:GetObject", .name = name, .query = query,
		                .call = { .out = all, .cap = whole } };
	int rc = s3_do(s, &r, err);
	if (rc == 0) {
		*len = r.call.len > skip ? r.call.len - skip : 0;
		if (*len)
			memcpy(out, all + skip, *len);
	}
	s3_end(&r);
	free(all);
	return rc;
}

/* What came must be what was asked for, or all there is from offset on. */
static bool range_fits(const struct s3_request *r, uint64_t offset)
{
	uint64_t first, last, total;
	size_t got = r->call.len;
	if (sscanf(net_wanted(&r->call, "Content-Range"), "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64,
	           &first, &last, &total) != 3)
		return false;
	return first == offset && last >= first && last - first == got - 1 && got > 0 && last < total &&
	       (got == r->call.cap || last == total - 1);
}

static int get_range(struct s3 *s, const char *name, const char *query, uint64_t offset, void *out,
                     size_t cap, size_t *len, struct err *err)
{
	char range[64];
	uint64_t most = INT64_MAX - offset;
	snprintf(range, sizeof range, "Range: bytes=%" PRIu64 "-%" PRIu64, offset,
	         offset + (cap - 1 < most ? cap - 1 : most));
	struct s3_request r = { .method = "GET", .action = "s3:GetObject", .name = name, .query = query,
		                .headers = { range }, .wanted = { "Content-Range" },
		                .call = { .out = out, .cap = cap } };
	int rc = s3_do(s, &r, err);
	bool ignored = rc == 0 && r.call.status == 200 && offset > 0;
	if (rc != 0 && r.call.status == 416) {
		*len = 0;
		rc = 0;
	} else if (rc == 0 && r.call.status == 206 && !range_fits(&r, offset)) {
		rc = err_set(err, ERR_UNREACHABLE, "s3://%s: not the range that was asked for, or only a "
		             "part of it, arrived", s->place.bucket);
	} else if (rc == 0 && !ignored) {
		*len = r.call.len;
	}
	s3_end(&r);
	return ignored ? get_from_start(s, name, query, offset, out, cap, len, err) : rc;
}

static int stat_query(struct s3 *s, const char *name, const char *query,
                      struct backend_object *object, struct err *err)
{
	struct s3_request r = { .method = "HEAD", .action = "s3:GetObject", .name = name, .query = query };
	int rc = s3_do(s, &r, err);
	if (rc == 0 && r.call.total == UINT64_MAX)
		rc = err_set(err, ERR_IO, "s3://%s: the storage does not tell the object's size",
		             s->place.bucket);
	if (rc == 0) {
		*object = (struct backend_object){ .name = name, .size_bytes = r.call.total };
		object->time_s = (int64_t)curl_getdate(net_wanted(&r.call, "Last-Modified"), NULL);
		s3_tag_copy(object->tag, net_wanted(&r.call, "ETag"));
	}
	s3_end(&r);
	return rc;
}

int s3_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap, size_t *len,
           struct err *err)
{
	struct s3 *s = (struct s3 *)b;
	struct backend_object object;
	AUTO(buf) query = buf_new(QUERY_MAX, err);
	if (!query || query_to_read(s, name, query, err) != 0)
		return err->code;
	const char *text = (const char *)query->bytes;
	if (cap > 0 && offset <= INT64_MAX)
		return get_range(s, name, text, offset, out, cap, len, err);
	/* no range says so */
	int rc = stat_query(s, name, text, &object, err);
	if (rc == 0)
		*len = 0;
	return rc;
}

int s3_stat(struct backend *b, const char *name, struct backend_object *object, struct err *err)
{
	struct s3 *s = (struct s3 *)b;
	AUTO(buf) query = buf_new(QUERY_MAX, err);
	if (!query || query_to_read(s, name, query, err) != 0)
		return err->code;
	return stat_query(s, name, (const char *)query->bytes, object, err);
}

/* ---- list ---- */

struct listing {
	struct s3 *s;
	backend_visit *visit;
	void *arg;
	char *key;      /* as of a past time: the one whose versions pass by */
	bool decided;   /* what it was then */
};

static int visit_entry(struct listing *l, const struct s3_entry *e, struct err *err)
{
	struct backend_object o = { .name = s3_name_of(l->s, e->key), .size_bytes = e->size_bytes,
		                    .time_s = e->time_s };
	memcpy(o.tag, e->tag, sizeof o.tag);
	/* a folder's own placeholder is called as the folder */
	return o.name && o.name[0] ? l->visit(l->arg, &o, err) : 0;
}

static int visit_objects(void *arg, struct s3_page *page, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < page->n && rc == 0; i++)
		rc = visit_entry(arg, &page->entries[i], err);
	return rc;
}

static int visit_version(struct listing *l, const struct s3_entry *e, struct err *err)
{
	if (!l->key || strcmp(l->key, e->key) != 0) {
		free(l->key);
		l->key = strdup(e->key);
		l->decided = false;
		if (!l->key)
			return err_no_memory(err);
	}
	if (l->decided || e->time_s > l->s->as_of_s)
		return 0;
	l->decided = true;
	if (e->marker)
		return 0;
	const char *name = s3_name_of(l->s, e->key);
	if (name && !s3_copies_set(l->s->copies, name, e->version))
		return err_no_memory(err);
	return visit_entry(l, e, err);
}

static int visit_versions(void *arg, struct s3_page *page, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < page->n && rc == 0; i++)
		rc = visit_version(arg, &page->entries[i], err);
	return rc;
}

int s3_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg, struct err *err)
{
	struct s3 *s = (struct s3 *)b;
	struct listing l = { .s = s, .visit = visit, .arg = arg };
	if (!s->as_of_s)
		return s3_list_objects(s, prefix, visit_objects, &l, err);
	int rc = s3_list_versions(s, prefix, visit_versions, &l, err);
	free(l.key);
	return rc;
}

/* ---- older copies ---- */

/* Where in the history the content stands that is read now; -1: before all of it. */
static ssize_t now_at(const struct s3_page *history, const char *version)
{
	if (!version)
		return history->n && history->entries[0].latest && !history->entries[0].marker ? 0 : -1;
	for (size_t i = 0; i < history->n; i++)
		if (strcmp(history->entries[i].version, version) == 0)
			return (ssize_t)i;
	return -1;
}

static const struct s3_entry *next_older(const struct s3_page *history, ssize_t at)
{
	for (size_t i = (size_t)(at + 1); i < history->n; i++)
		if (!history->entries[i].marker)
			return &history->entries[i];
	return NULL;
}

static int step(struct s3 *s, const char *name, const char *version, struct err *err)
{
	AUTO(s3_page) history = s3_history(s, name, err);
	/* what cannot list versions keeps none */
	if (!history && err->code != ERR_INVALID)
		return err->code;
	const struct s3_entry *e = history ? next_older(history, now_at(history, version)) : NULL;
	if (!e) {
		s3_copies_drop(s->copies, name);
		return err_set(err, ERR_ABSENT, "s3://%s keeps no older version of it", s->place.bucket);
	}
	return s3_copies_set(s->copies, name, e->version) ? 0 : err_no_memory(err);
}

int s3_next_copy(struct backend *b, const char *name, struct err *err)
{
	struct s3 *s = (struct s3 *)b;
	char *version = NULL;
	int rc = version_to_read(s, name, &version, err);
	if (rc == 0)
		rc = step(s, name, version, err);
	free(version);
	return rc;
}
