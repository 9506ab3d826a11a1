#include "webdav_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/scope.h"

enum { ONE_TEXT_MAX = 64 << 10 };

static const char propfind[] = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
	"<propfind xmlns=\"DAV:\"><prop><resourcetype/><getcontentlength/><getlastmodified/><getetag/>"
	"</prop></propfind>\n";

int webdav_ask(struct webdav *w, struct net_call *call, const char *depth, struct err *err)
{
	const char *const headers[] = { depth, "Content-Type: application/xml; charset=utf-8", NULL };
	call->method = "PROPFIND";
	call->headers = headers;
	call->body = propfind;
	call->body_len = sizeof propfind - 1;
	webdav_want(call, "Location");
	int rc = webdav_run(w, call, err);
	call->headers = NULL;
	return rc;
}

static int keep_first(void *arg, const struct webdav_resource *found, struct err *err)
{
	struct webdav_resource *first = arg;
	(void)err;
	if (!first->href[0])
		*first = *found;
	return 0;
}

static int read_one(struct webdav *w, const struct buf *text, struct webdav_resource *found,
                    struct err *err)
{
	found->href[0] = '\0';
	if (webdav_xml_parse(text->bytes, text->len, keep_first, found, err) != 0)
		return err_wrap(err, "%s", w->location.host);
	if (!found->href[0])
		return err_set(err, ERR_CORRUPT, "%s says nothing of what it was asked", w->location.host);
	return found->missing ? WEBDAV_NOT_THERE : found->folder ? WEBDAV_FOLDER : WEBDAV_OBJECT;
}

/* Some servers redirect from a collection without a slash at its end to that with one. */
static bool adds_slash(const struct net_call *call)
{
	const char *to = net_wanted(call, "Location");
	size_t len = strlen(to);
	return call->status / 100 == 3 && len > 0 && to[len - 1] == '/';
}

int webdav_look_at(struct webdav *w, const char *url, struct webdav_resource *found, long *status,
                   struct err *err)
{
	AUTO(buf) text = buf_new(ONE_TEXT_MAX, err);
	if (!text)
		return err->code;
	struct net_call call = { .url = url, .text = text };
	int rc = webdav_ask(w, &call, "Depth: 0", err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	*status = call.status;
	if (call.status == 207)
		return read_one(w, text, found, err);
	if (call.status == 404 || call.status == 410)
		return WEBDAV_NOT_THERE;
	if (adds_slash(&call))
		return WEBDAV_FOLDER;
	return webdav_refused(w, &call, err);
}

static int look_for(struct webdav *w, const char *name, struct webdav_resource *found, long *status,
                    struct err *err)
{
	char url[LOCATION_URL_MAX];
	webdav_url_of(w, name, url);
	return webdav_look_at(w, url, found, status, err);
}

/* What is below an object is answered in any way (Apache: 400). */
static bool is_below_object(struct webdav *w, const char *name)
{
	char above[WEBDAV_NAME_SIZE];
	struct err ignored;
	struct webdav_resource found;
	long status = 0;
	snprintf(above, sizeof above, "%s", name);
	for (char *slash; (slash = strrchr(above, '/')) != NULL;) {
		*slash = '\0';
		int rc = look_for(w, above, &found, &status, &ignored);
		if (rc == WEBDAV_OBJECT)
			return true;
		if (rc == WEBDAV_FOLDER)
			return false;
	}
	return false;
}

int webdav_look(struct webdav *w, const char *name, struct webdav_resource *found, struct err *err)
{
	long status = 0;
	int rc = look_for(w, name, found, &status, err);
	if (rc == ERR_IO && status / 100 == 4 && is_below_object(w, name))
		return WEBDAV_NOT_THERE;
	return rc;
}

/* Rule 5 of webdav.c: where something is absent, is the whole vault? */
int webdav_check_top(struct webdav *w, struct err *err)
{
	struct webdav_resource top;
	bool seen = atomic_load(&w->seen);
	int rc = webdav_look(w, "", &top, err);
	if (rc < 0)
		return rc;
	if (rc != WEBDAV_NOT_THERE)
		atomic_store(&w->seen, true);
	if (rc != WEBDAV_NOT_THERE || !seen)
		return 0;
	err_set(err, ERR_UNREACHABLE, "the collection %s of %s was there and is gone",
	        w->location.path[0] ? w->location.path : "/", w->location.host);
	return err_hint(err, "is the server's disk mounted?");
}

int webdav_absent(struct webdav *w, struct err *err)
{
	return webdav_check_top(w, err) != 0 ? err->code : webdav_no_such_object(w, err);
}

int webdav_stat(struct backend *b, const char *name, struct backend_object *object,
                struct err *err)
{
	struct webdav *w = (struct webdav *)b;
	struct webdav_resource found;
	int rc = webdav_look(w, name, &found, err);
	if (rc < 0)
		return rc;
	if (rc != WEBDAV_OBJECT)
		return webdav_absent(w, err);
	if (found.size_bytes == UINT64_MAX)
		return err_set(err, ERR_IO, "%s does not tell its size", w->location.host);
	atomic_store(&w->seen, true);
	*object = (struct backend_object){ .name = name, .size_bytes = found.size_bytes,
		                           .time_s = found.time_s };
	memcpy(object->tag, found.tag, sizeof object->tag);
	return 0;
}
