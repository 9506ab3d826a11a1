#include "webdav_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "webdav_look.h"

enum {
	CONFIRM_MAX = 256 << 10,   /* of an object that is looked at again after it was read */
	CONFIRM_TRIES = 100,
	WHOLE_MAX = 64 << 20,      /* of an object that is read whole where ranges are ignored */
};

struct reading {
	const char *name;
	uint64_t offset;
	void *out;
	size_t cap, len;
	uint64_t total;              /* of the object */
};

/* "bytes 3-6/10": is it the range that was asked for, as far as the object goes? */
static int check_range(const struct webdav *w, struct reading *r, const char *range, struct err *err)
{
	uint64_t first, last, total;
	char behind;
	if (sscanf(range, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64 "%c", &first, &last, &total,
	           &behind) != 3 || first != r->offset || last < first || last >= total)
		return err_set(err, ERR_IO, "%s answers with a range that was not asked for",
		               w->location.host);
	uint64_t left = total - first;
	r->total = total;
	if (r->len != (left < r->cap ? left : r->cap))
		return err_set(err, ERR_IO, "%s answers with less than was asked for", w->location.host);
	return 0;
}

/* The server ignores ranges, so what is before the wanted bytes comes too. */
static int get_whole(struct webdav *w, const char *url, struct reading *r, struct err *err)
{
	if (r->offset > WHOLE_MAX || r->cap > WHOLE_MAX)
		return err_set(err, ERR_IO, "%s ignores ranges, and the object is large", w->location.host);
	size_t skip = (size_t)r->offset, size = skip + r->cap;
	char *all = malloc(size);
	if (!all)
		return err_no_memory(err);
	struct net_call call = { .url = url, .method = "GET", .out = all, .cap = size };
	int rc = webdav_run(w, &call, err);
	net_call_end(&call);
	if (rc == 0 && call.status != 200)
		rc = webdav_refused(w, &call, err);
	r->len = rc == 0 && call.len > skip ? call.len - skip : 0;
	if (r->len > 0)
		memcpy(r->out, all + skip, r->len);
	free(all);
	return rc;
}

/* Collections are answered in any way too. */
static int get_refused(struct webdav *w, const struct net_call *call, struct reading *r,
                       struct err *err)
{
	struct webdav_resource found;
	struct err ignored;
	if (call->status == 416) {
		r->len = 0;
		return 0;
	}
	int rc = webdav_refused(w, call, err);
	if (rc != ERR_ABSENT && rc != ERR_IO)
		return rc;
	if (rc == ERR_IO) {
		int kind = webdav_look(w, r->name, &found, &ignored);
		if (kind != WEBDAV_NOT_THERE && kind != WEBDAV_FOLDER)
			return rc;
	}
	return webdav_absent(w, err);
}

static int get_answered(struct webdav *w, const struct net_call *call, struct reading *r,
                        struct err *err)
{
	r->len = call->len;
	r->total = call->total;
	if (!webdav_is_good(call))
		return get_refused(w, call, r, err);
	atomic_store(&w->seen, true);
	if (call->status == 206)
		return check_range(w, r, net_wanted(call, "Content-Range"), err);
	/* from the start, the object's begin is what was asked for */
	return r->offset == 0 ? 0 : get_whole(w, call->url, r, err);
}

/* ETag and time of what was read, and of what is there now. Not being told is no change. */
static bool has_changed(struct webdav *w, const struct net_call *read)
{
	struct err ignored;
	struct net_call call = { .url = read->url, .method = "HEAD",
		                 .wanted = { { .name = "ETag" }, { .name = "Last-Modified" } } };
	int rc = webdav_run(w, &call, &ignored);
	net_call_end(&call);
	if (rc != 0 || call.status != 200)
		return rc == 0 && call.status == 404;
	/* a weak tag becomes strong when it is a second old */
	const char *before = net_wanted(read, "ETag"), *after = net_wanted(&call, "ETag");
	before += strncmp(before, "W/", 2) == 0 ? 2 : 0;
	after += strncmp(after, "W/", 2) == 0 ? 2 : 0;
	return strcmp(before, after) != 0 ||
	       strcmp(net_wanted(read, "Last-Modified"), net_wanted(&call, "Last-Modified")) != 0;
}

static int get_range(struct webdav *w, struct reading *r, bool *again, struct err *err)
{
	char url[LOCATION_URL_MAX], range[80];
	snprintf(range, sizeof range, "Range: bytes=%" PRIu64 "-%" PRIu64, r->offset,
	         r->offset + (r->cap - 1));
	const char *const headers[] = { range, NULL };
	webdav_url_of(w, r->name, url);
	struct net_call call = { .url = url, .method = "GET", .headers = headers, .out = r->out,
		                 .cap = r->cap, .wanted = { { .name = "Content-Range" },
		                 { .name = "ETag" }, { .name = "Last-Modified" } } };
	int rc = webdav_run(w, &call, err);
	if (rc == 0)
		rc = get_answered(w, &call, r, err);
	/* a short answer may be that of a change, too */
	bool small = r->offset == 0 && r->total <= CONFIRM_MAX;
	*again = webdav_is_good(&call) && (rc == 0 || rc == ERR_IO) && small && has_changed(w, &call);
	net_call_end(&call);
	return rc;
}

static int get_confirmed(struct webdav *w, struct reading *r, struct err *err)
{
	bool again = true;
	int rc = 0;
	for (int i = 0; i < CONFIRM_TRIES && again; i++)
		rc = get_range(w, r, &again, err);
	if (again)
		return err_set(err, ERR_IO, "changes all the time");
	return rc;
}

int webdav_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
               size_t *len, struct err *err)
{
	struct reading r = { .name = name, .offset = offset, .out = out, .cap = cap };
	struct backend_object there;
	/* numbers that servers cannot read make them send everything */
	int rc = cap == 0 || offset > INT64_MAX - (uint64_t)cap
	                 ? webdav_stat(b, name, &there, err)
	                 : get_confirmed((struct webdav *)b, &r, err);
	if (rc == 0)
		*len = r.len;
	return rc;
}
