#include "s3_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "holdfast/err.h"
#include "s3_call.h"

enum {
	PAGE_BYTES_MAX = 16 << 20,
	QUERY_MAX = 16 << 10,
	HISTORY_MAX = 100000,   /* versions of one object */
};

const char *s3_name_of(const struct s3 *s, const char *key)
{
	size_t len = strlen(s->place.prefix);
	return strncmp(key, s->place.prefix, len) == 0 ? key + len : NULL;
}

/* Where to go on: what the last page ended with. */
struct cursor {
	char *token;              /* of objects */
	char *key, *version;      /* of versions */
};

static void cursor_clear(struct cursor *c)
{
	free(c->token);
	free(c->key);
	free(c->version);
	*c = (struct cursor){ 0 };
}

static int add_parameter(struct buf *q, const char *name, const char *value, struct err *err)
{
	if (q->len && buf_append(q, "&", 1, err) != 0)
		return err->code;
	return buf_printf(q, err, "%s=", name) != 0 ? err->code : s3_encode(q, value, false, err);
}

static int add_prefix(struct buf *q, const struct s3 *s, const char *name_prefix, struct err *err)
{
	if (add_parameter(q, "prefix", s->place.prefix, err) != 0)
		return err->code;
	return s3_encode(q, name_prefix, false, err);
}

/* Sorted by name: curl signs parameters in the order they have. */
static int objects_query(struct buf *q, const struct s3 *s, const char *name_prefix,
                         const struct cursor *c, struct err *err)
{
	if ((c->token && add_parameter(q, "continuation-token", c->token, err) != 0) ||
	    add_parameter(q, "encoding-type", "url", err) != 0 ||
	    add_parameter(q, "list-type", "2", err) != 0 ||
	    add_parameter(q, "max-keys", "1000", err) != 0)
		return err->code;
	return add_prefix(q, s, name_prefix, err);
}

static int versions_query(struct buf *q, const struct s3 *s, const char *name_prefix,
                          const struct cursor *c, struct err *err)
{
	if (add_parameter(q, "encoding-type", "url", err) != 0 ||
	    (c->key && add_parameter(q, "key-marker", c->key, err) != 0) ||
	    add_parameter(q, "max-keys", "1000", err) != 0 ||
	    add_prefix(q, s, name_prefix, err) != 0 ||
	    (c->version && add_parameter(q, "version-id-marker", c->version, err) != 0))
		return err->code;
	return add_parameter(q, "versions", "", err);
}

static int no_progress(struct err *err)
{
	return err_set(err, ERR_IO, "the storage's list of objects does not go on where it stopped");
}

static int advance_objects(struct cursor *c, struct s3_page *p, struct err *err)
{
	if (!p->next || (c->token && strcmp(c->token, p->next) == 0))
		return no_progress(err);
	cursor_clear(c);
	c->token = TAKE(p->next);
	return 0;
}

/* Servers differ in how they spell the markers that they give: the last entry is always good. */
static int advance_versions(struct cursor *c, const struct s3_page *p, struct err *err)
{
	const struct s3_entry *last = p->n ? &p->entries[p->n - 1] : NULL;
	if (!last || (c->key && strcmp(c->key, last->key) == 0 && strcmp(c->version, last->version) == 0))
		return no_progress(err);
	cursor_clear(c);
	c->key = strdup(last->key);
	c->version = strdup(last->version);
	return c->key && c->version ? 0 : err_no_memory(err);
}

/* One of the two kinds of listings. */
struct kind {
	const char *action;
	int (*query)(struct buf *q, const struct s3 *s, const char *name_prefix, const struct cursor *c,
	             struct err *err);
};

static const struct kind objects = { "s3:ListBucket", objects_query };
static const struct kind versions = { "s3:ListBucketVersions", versions_query };

static struct s3_page *get_page(struct s3 *s, const struct kind *kind, const char *name_prefix,
                                const struct cursor *c, struct err *err)
{
	AUTO(buf) query = buf_new(QUERY_MAX, err);
	AUTO(buf) text = buf_new(PAGE_BYTES_MAX, err);
	if (!query || !text || kind->query(query, s, name_prefix, c, err) != 0)
		return NULL;
	struct s3_request r = { .method = "GET", .action = kind->action,
		                .query = buf_text(query, err), .call = { .text = text } };
	int rc = r.query ? s3_do(s, &r, err) : err->code;
	s3_end(&r);
	return rc == 0 ? s3_page_parse(text->bytes, text->len, err) : NULL;
}

static int visit_page(struct s3 *s, const struct kind *kind, const char *name_prefix,
                      struct cursor *c, bool *more, s3_page_visit *visit, void *arg,
                      struct err *err)
{
	AUTO(s3_page) p = get_page(s, kind, name_prefix, c, err);
	if (!p)
		return err->code;
	*more = p->truncated;
	/* before the visit, which may take strings out of it */
	if (*more && (kind == &objects ? advance_objects(c, p, err) : advance_versions(c, p, err)) != 0)
		return err->code;
	return visit(arg, p, err);
}

static int list(struct s3 *s, const struct kind *kind, const char *name_prefix,
                s3_page_visit *visit, void *arg, struct err *err)
{
	struct cursor c = { 0 };
	bool more = true;
	int rc = 0;
	while (rc == 0 && more)
		rc = visit_page(s, kind, name_prefix, &c, &more, visit, arg, err);
	cursor_clear(&c);
	return rc;
}

int s3_list_objects(struct s3 *s, const char *name_prefix, s3_page_visit *visit, void *arg,
                    struct err *err)
{
	return list(s, &objects, name_prefix, visit, arg, err);
}

int s3_list_versions(struct s3 *s, const char *name_prefix, s3_page_visit *visit, void *arg,
                     struct err *err)
{
	return list(s, &versions, name_prefix, visit, arg, err);
}

/* ---- the versions of one object ---- */

struct history {
	const struct s3 *s;
	const char *name;
	struct s3_page *page;
};

enum { PAST_IT = 1 };   /* the keys that follow are others */

static int take_entry(struct s3_page *to, struct s3_entry *e, struct err *err)
{
	if (to->n == HISTORY_MAX)
		return err_set(err, ERR_LIMIT, "more than %d versions", HISTORY_MAX);
	if (to->n == to->cap) {
		size_t cap = to->cap ? to->cap * 2 : 16;
		struct s3_entry *more = reallocarray(to->entries, cap, sizeof *more);
		if (!more)
			return err_no_memory(err);
		to->entries = more;
		to->cap = cap;
	}
	to->entries[to->n++] = *e;
	e->key = e->version = NULL;
	return 0;
}

static int gather(void *arg, struct s3_page *page, struct err *err)
{
	struct history *h = arg;
	for (size_t i = 0; i < page->n; i++) {
		const char *name = s3_name_of(h->s, page->entries[i].key);
		if (!name || strcmp(name, h->name) != 0)
			return PAST_IT;
		if (take_entry(h->page, &page->entries[i], err) != 0)
			return err->code;
	}
	return 0;
}

struct s3_page *s3_history(struct s3 *s, const char *name, struct err *err)
{
	AUTO(s3_page) page = calloc(1, sizeof *page);
	struct history h = { s, name, page };
	if (!page) {
		err_no_memory(err);
		return NULL;
	}
	int rc = s3_list_versions(s, name, gather, &h, err);
	return rc == 0 || rc == PAST_IT ? TAKE(page) : NULL;
}
