/*
 * webdav - objects are resources below one collection: webdavs://user@host/dav/vault, which is https.
 * webdav:// is plain http, and only for this machine.
 *
 * 1. A new object is PUT as `.tmp-<random>` beside its place and moved there with "Overwrite: F", so it
 *    appears complete or not at all even where PUT is not atomic. RFC 4918 does not promise that of two
 *    racing moves only one succeeds (Apache looks, then renames): traits say so.
 * 2. To replace, the new content is PUT in place: servers do that atomically (Apache, nginx, Nextcloud
 *    write aside and rename), while a move onto a resource is by RFC 4918, 9.9.3 a DELETE before it.
 * 3. DELETE of a collection takes all that is in it, so what is removed is first asked for its kind.
 * 4. Apache takes size and tag of what it sends from another moment than the bytes, so a small object,
 *    as all are that are ever replaced, is looked at again after it was read: its tag must still be
 *    that.
 * 5. A top collection that was there and is gone is ERR_UNREACHABLE and is not made again, as in file.c.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/buf.h"
#include "base/scope.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "location.h"
#include "login.h"
#include "net.h"
#include "readback.h"
#include "webdav_xml.h"

#define TEMPORARY ".tmp-"

enum {
	STALE_AFTER_S = 24 * 60 * 60,
	ONE_TEXT_MAX = 64 << 10,
	FOLDER_TEXT_MAX = 128 << 20,   /* some 200,000 objects in one folder */
	CONFIRM_MAX = 256 << 10,       /* rule 4 */
	CONFIRM_TRIES = 20,
	WHOLE_MAX = 64 << 20,          /* of an object that is read whole where ranges are ignored */
	NAME_SIZE = BACKEND_NAME_MAX + 40,
};

struct webdav {
	struct backend base;
	struct location location;
	const char *scheme;             /* "http" or "https" */
	char password[LOGIN_PASSWORD_MAX];
	atomic_long auth;               /* CURLAUTH_BASIC until the server asks for CURLAUTH_DIGEST */
	atomic_bool seen;               /* the top collection was there */
	struct net *net;
};

static int no_such_object(const struct webdav *w, struct err *err)
{
	return err_set(err, ERR_ABSENT, "no such object at %s", w->location.host);
}

static void url_of(const struct webdav *w, const char *name, char out[LOCATION_URL_MAX])
{
	location_url(&w->location, w->scheme, name, out);
}

/* ---- requests ---- */

struct request {
	struct webdav *dav;
	char (*temporary)[NAME_SIZE];   /* a PUT to a new name every time, which stands here then */
	const char *folder;             /* where: "" or ends with '/' */
};

#define SET(option, value) (ok = ok && curl_easy_setopt(easy, (option), (value)) == CURLE_OK)

/* The server may still be busy with the attempt before. */
static int new_temporary(CURL *easy, const struct request *r, struct err *err)
{
	uint64_t random;
	char url[LOCATION_URL_MAX];
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return err_sys(err, "getrandom");
	snprintf(*r->temporary, NAME_SIZE, "%s" TEMPORARY "%016" PRIx64, r->folder, random);
	url_of(r->dav, *r->temporary, url);
	if (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK)
		return err_set(err, ERR_NOMEM, "out of memory");
	return 0;
}

static int prepare(CURL *easy, struct net_call *call, void *arg, struct err *err)
{
	const struct request *r = arg;
	const struct webdav *w = r->dav;
	bool ok = true;
	(void)call;
	if (w->password[0]) {
		SET(CURLOPT_HTTPAUTH, atomic_load(&w->auth));
		SET(CURLOPT_USERNAME, w->location.user);
		SET(CURLOPT_PASSWORD, w->password);
	}
	if (!ok)
		return err_set(err, ERR_NOMEM, "libcurl refuses an option, or is out of memory");
	return r->temporary ? new_temporary(easy, r, err) : 0;
}

/* Basic costs no challenge; a server that wants Digest says so once. */
static bool wants_digest(struct webdav *w, const struct net_call *call)
{
	if (call->status != 401 || !w->password[0] || atomic_load(&w->auth) == (long)CURLAUTH_DIGEST ||
	    strncasecmp(net_wanted(call, "WWW-Authenticate"), "Digest", 6) != 0)
		return false;
	atomic_store(&w->auth, (long)CURLAUTH_DIGEST);
	return true;
}

static void want(struct net_call *call, const char *name)
{
	for (size_t i = 0; i < NET_HEADERS_MAX; i++)
		if (!call->wanted[i].name) {
			call->wanted[i].name = name;
			return;
		}
}

static int run_request(struct webdav *w, struct net_call *call, struct request *r, struct err *err)
{
	r->dav = w;
	call->prepare = prepare;
	call->arg = r;
	want(call, "WWW-Authenticate");
	int rc = net_do(w->net, call, err);
	if (rc == 0 && wants_digest(w, call))
		rc = net_do(w->net, call, err);
	return rc;
}

static int run(struct webdav *w, struct net_call *call, struct err *err)
{
	struct request r = { .dav = w };
	return run_request(w, call, &r, err);
}

static bool is_good(const struct net_call *call)
{
	return call->status >= 200 && call->status < 300;
}

/* ---- what the server says ---- */

static const struct {
	long status;
	enum err_code code;
	const char *words, *hint;
} answers[] = {
	{ 401, ERR_DENIED, "refuses the user or the password", "look at the user in the URL and at "
	                   "password-file" },
	{ 403, ERR_DENIED, "forbids this to the user", "" },
	{ 404, ERR_ABSENT, "has no such object", "" },
	{ 410, ERR_ABSENT, "has no such object", "" },
	{ 412, ERR_EXISTS, "has this object already", "" },
	{ 413, ERR_IO, "takes no object so large", "allow request bodies of 32 MiB there" },
	{ 423, ERR_DENIED, "has this locked for somebody else", "" },
	{ 405, ERR_IO, "does not do this (405)", "is there WebDAV below this path?" },
	{ 501, ERR_IO, "does not do this (501)", "is there WebDAV below this path?" },
	{ 507, ERR_SPACE, "has no space left for this user", "" },
};

static int refused(const struct webdav *w, const struct net_call *call, struct err *err)
{
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		if (answers[i].status == call->status) {
			err_set(err, answers[i].code, "%s %s", w->location.host, answers[i].words);
			return answers[i].hint[0] ? err_hint(err, "%s", answers[i].hint) : err->code;
		}
	if (call->status >= 300 && call->status < 400) {
		err_set(err, ERR_IO, "%s sends us elsewhere (%ld)", w->location.host, call->status);
		return err_hint(err, "give the address that it finally has");
	}
	return err_set(err, ERR_IO, "%s answers %ld", w->location.host, call->status);
}

/* Absence is only said of an object (rule 2 of the design). */
static int refused_put(const struct webdav *w, const struct net_call *call, struct err *err)
{
	int rc = refused(w, call, err);
	return rc == ERR_ABSENT || rc == ERR_EXISTS ? err->code = ERR_IO : rc;
}

/* ---- PROPFIND ---- */

static const char propfind[] = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
	"<propfind xmlns=\"DAV:\"><prop><resourcetype/><getcontentlength/><getlastmodified/><getetag/>"
	"</prop></propfind>\n";

static int ask(struct webdav *w, struct net_call *call, const char *depth, struct err *err)
{
	const char *const headers[] = { depth, "Content-Type: application/xml; charset=utf-8", NULL };
	call->method = "PROPFIND";
	call->headers = headers;
	call->body = propfind;
	call->body_len = sizeof propfind - 1;
	want(call, "Location");
	int rc = run(w, call, err);
	call->headers = NULL;
	return rc;
}

enum { NOT_THERE, OBJECT, FOLDER };

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
	return found->missing ? NOT_THERE : found->folder ? FOLDER : OBJECT;
}

/* Some servers redirect from a collection without a slash at its end to that with one. */
static bool adds_slash(const struct net_call *call)
{
	const char *to = net_wanted(call, "Location");
	size_t len = strlen(to);
	return call->status / 100 == 3 && len > 0 && to[len - 1] == '/';
}

/* As look, from one answer, whose status *status gets. */
static int look_once(struct webdav *w, const char *url, struct webdav_resource *found, long *status,
                     struct err *err)
{
	AUTO(buf) text = buf_new(ONE_TEXT_MAX, err);
	if (!text)
		return err->code;
	struct net_call call = { .url = url, .text = text };
	int rc = ask(w, &call, "Depth: 0", err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	*status = call.status;
	if (call.status == 207)
		return read_one(w, text, found, err);
	if (call.status == 404 || call.status == 410)
		return NOT_THERE;
	if (adds_slash(&call))
		return FOLDER;
	return refused(w, &call, err);
}

static int look_for(struct webdav *w, const char *name, struct webdav_resource *found, long *status,
                    struct err *err)
{
	char url[LOCATION_URL_MAX];
	url_of(w, name, url);
	return look_once(w, url, found, status, err);
}

/* What is below an object is answered in any way (Apache: 400). */
static bool is_below_object(struct webdav *w, const char *name)
{
	char above[NAME_SIZE];
	struct err ignored;
	struct webdav_resource found;
	long status = 0;
	snprintf(above, sizeof above, "%s", name);
	for (char *slash; (slash = strrchr(above, '/')) != NULL;) {
		*slash = '\0';
		int rc = look_for(w, above, &found, &status, &ignored);
		if (rc == OBJECT)
			return true;
		if (rc == FOLDER)
			return false;
	}
	return false;
}

/* NOT_THERE, OBJECT, FOLDER, or an error. name has no '/' at its end; "" is the top. */
static int look(struct webdav *w, const char *name, struct webdav_resource *found, struct err *err)
{
	long status = 0;
	int rc = look_for(w, name, found, &status, err);
	if (rc == ERR_IO && status / 100 == 4 && is_below_object(w, name))
		return NOT_THERE;
	return rc;
}

/* Rule 5: where something is absent, is the whole vault? */
static int check_top(struct webdav *w, struct err *err)
{
	struct webdav_resource top;
	bool seen = atomic_load(&w->seen);
	int rc = look(w, "", &top, err);
	if (rc < 0)
		return rc;
	if (rc != NOT_THERE)
		atomic_store(&w->seen, true);
	if (rc != NOT_THERE || !seen)
		return 0;
	err_set(err, ERR_UNREACHABLE, "the collection %s of %s was there and is gone",
	        w->location.path[0] ? w->location.path : "/", w->location.host);
	return err_hint(err, "is the server's disk mounted?");
}

static int absent(struct webdav *w, struct err *err)
{
	return check_top(w, err) != 0 ? err->code : no_such_object(w, err);
}

static int webdav_stat(struct backend *b, const char *name, struct backend_object *object,
                       struct err *err)
{
	struct webdav *w = (struct webdav *)b;
	struct webdav_resource found;
	int rc = look(w, name, &found, err);
	if (rc < 0)
		return rc;
	if (rc != OBJECT)
		return absent(w, err);
	if (found.size_bytes == UINT64_MAX)
		return err_set(err, ERR_IO, "%s does not tell its size", w->location.host);
	atomic_store(&w->seen, true);
	*object = (struct backend_object){ .name = name, .size_bytes = found.size_bytes,
		                           .time_s = found.time_s };
	memcpy(object->tag, found.tag, sizeof object->tag);
	return 0;
}

/* ---- get ---- */

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
		return err_set(err, ERR_NOMEM, "out of memory");
	struct net_call call = { .url = url, .method = "GET", .out = all, .cap = size };
	int rc = run(w, &call, err);
	net_call_end(&call);
	if (rc == 0 && call.status != 200)
		rc = refused(w, &call, err);
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
	int rc = refused(w, call, err);
	if (rc != ERR_ABSENT && rc != ERR_IO)
		return rc;
	if (rc == ERR_IO) {
		int kind = look(w, r->name, &found, &ignored);
		if (kind != NOT_THERE && kind != FOLDER)
			return rc;
	}
	return absent(w, err);
}

static int get_answered(struct webdav *w, const struct net_call *call, struct reading *r,
                        struct err *err)
{
	r->len = call->len;
	r->total = call->total;
	if (!is_good(call))
		return get_refused(w, call, r, err);
	atomic_store(&w->seen, true);
	if (call->status == 206)
		return check_range(w, r, net_wanted(call, "Content-Range"), err);
	/* from the start, the object's begin is what was asked for */
	return r->offset == 0 ? 0 : get_whole(w, call->url, r, err);
}

/* ETag and time of what was read, and of what is there now (rule 4). Not being told is no change. */
static bool has_changed(struct webdav *w, const struct net_call *read)
{
	struct err ignored;
	struct net_call call = { .url = read->url, .method = "HEAD",
		                 .wanted = { { .name = "ETag" }, { .name = "Last-Modified" } } };
	int rc = run(w, &call, &ignored);
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
	url_of(w, r->name, url);
	struct net_call call = { .url = url, .method = "GET", .headers = headers, .out = r->out,
		                 .cap = r->cap, .wanted = { { .name = "Content-Range" },
		                 { .name = "ETag" }, { .name = "Last-Modified" } } };
	int rc = run(w, &call, err);
	if (rc == 0)
		rc = get_answered(w, &call, r, err);
	/* a short answer may be that of a change, too */
	bool small = r->offset == 0 && r->total <= CONFIRM_MAX;
	*again = is_good(&call) && (rc == 0 || rc == ERR_IO) && small && has_changed(w, &call);
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

static int webdav_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
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

/* ---- folders ---- */

enum { NOT_MADE, MADE };

/* MADE if it is there now, NOT_MADE if what is above it is not, or an error. */
static int make_one(struct webdav *w, const char *path, size_t len, struct err *err)
{
	struct location at = w->location;
	char url[LOCATION_URL_MAX];
	struct webdav_resource found;
	struct err ignored;
	long status;
	memcpy(at.path, path, len);
	at.path[len] = '\0';
	location_url(&at, w->scheme, "", url);
	struct net_call call = { .url = url, .method = "MKCOL" };
	int rc = run(w, &call, err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	if (is_good(&call) || call.status == 405)   /* 405: it exists */
		return MADE;
	if (call.status == 409 || call.status == 404)
		return NOT_MADE;
	/* Apache says 403 to the loser of a race */
	return look_once(w, url, &found, &status, &ignored) == FOLDER ? MADE : refused(w, &call, err);
}

/* From the deepest folder up until one is there, then down again. */
static int make_path(struct webdav *w, const char *path, struct err *err)
{
	size_t whole = strlen(path), len = whole;
	int rc;
	while ((rc = make_one(w, path, len, err)) == NOT_MADE && len > 0)
		do
			len--;
		while (len > 0 && path[len] != '/');
	while (rc == MADE && len < whole) {
		len += 1 + strcspn(path + len + 1, "/");
		rc = make_one(w, path, len, err);
	}
	if (rc == NOT_MADE)
		return err_set(err, ERR_IO, "%s makes no folders there", w->location.host);
	return rc < 0 ? rc : 0;
}

/* folder: "" or ends with '/'. Only once it is sure that the top's disk is there (rule 5). */
static int make_folders(struct webdav *w, const char *folder, struct err *err)
{
	char path[LOCATION_PATH_MAX];
	if (check_top(w, err) != 0)
		return err->code;
	int n = snprintf(path, sizeof path, "%s/%s", w->location.path, folder);
	if (n < 1 || n >= (int)sizeof path)
		return err_set(err, ERR_INVALID, "the path is too long");
	path[n - 1] = '\0';
	return make_path(w, path, err);
}

/* ---- put ---- */

static void folder_of(const char *name, char folder[NAME_SIZE])
{
	const char *slash = strrchr(name, '/');
	snprintf(folder, NAME_SIZE, "%.*s", slash ? (int)(slash + 1 - name) : 0, name);
}

/* Status 404 and 409 are of folders that are not there yet. */
static int upload(struct webdav *w, const struct backend_put *put, struct request *r,
                  struct net_call *call, struct err *err)
{
	static const char *const headers[] = { "Content-Type: application/octet-stream", NULL };
	char url[LOCATION_URL_MAX];
	url_of(w, put->name, url);
	for (int made = 0;; made++) {
		*call = (struct net_call){ .url = url, .method = "PUT", .headers = headers,
			                   .body = put->len ? put->data : "", .body_len = put->len };
		int rc = run_request(w, call, r, err);
		net_call_end(call);
		if (rc != 0)
			return rc;
		if (is_good(call))
			return 0;
		if (made || (call->status != 404 && call->status != 409))
			return refused_put(w, call, err);
		if (make_folders(w, r->folder, err) != 0)
			return err->code;
	}
}

static void delete_at_best(struct webdav *w, const char *name)
{
	char url[LOCATION_URL_MAX];
	struct err ignored;
	url_of(w, name, url);
	struct net_call call = { .url = url, .method = "DELETE" };
	(void)run(w, &call, &ignored);
	net_call_end(&call);
}

/* 412: the name is taken; after an attempt whose answer was lost, perhaps by that one, and then the
 * source is gone too. */
static int move_refused(struct webdav *w, const struct backend_put *put, const struct net_call *call,
                        struct err *err)
{
	bool taken = call->status == 412;
	if (call->unheard && (taken || call->status == 404 || call->status == 409)) {
		int same = readback_matches(&w->base, put, err);
		if (same != 0)
			return same < 0 ? same : 0;
	}
	if (taken)
		return err_set(err, ERR_EXISTS, "is in the vault already");
	return refused_put(w, call, err);
}

static int move(struct webdav *w, const struct backend_put *put, const char *temporary,
                struct err *err)
{
	char from[LOCATION_URL_MAX], to[LOCATION_URL_MAX + 20] = "Destination: ";
	const char *const headers[] = { to, "Overwrite: F", NULL };
	url_of(w, temporary, from);
	url_of(w, put->name, to + strlen(to));
	struct net_call call = { .url = from, .method = "MOVE", .headers = headers };
	int rc = run(w, &call, err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	return is_good(&call) ? 0 : move_refused(w, put, &call, err);
}

static int put_new(struct webdav *w, const struct backend_put *put, const char *folder,
                   struct err *err)
{
	char temporary[NAME_SIZE] = "";
	struct request r = { .temporary = &temporary, .folder = folder };
	struct net_call call;
	int rc = upload(w, put, &r, &call, err);
	if (rc == 0)
		rc = move(w, put, temporary, err);
	/* while the answer is unknown, a move may still come and needs it */
	if (rc != 0 && rc != ERR_UNREACHABLE && rc != ERR_STOPPED && temporary[0])
		delete_at_best(w, temporary);
	return rc;
}

static int webdav_put(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
                      struct err *err)
{
	struct webdav *w = (struct webdav *)b;
	char folder[NAME_SIZE];
	struct request r = { .folder = folder };
	struct net_call call;
	if (tag)
		tag[0] = '\0';
	folder_of(put->name, folder);
	int rc = put->mode == BACKEND_NEW ? put_new(w, put, folder, err) : upload(w, put, &r, &call, err);
	if (rc == 0)
		atomic_store(&w->seen, true);
	return rc;
}

/* ---- remove ---- */

static int webdav_remove(struct backend *b, const char *name, struct err *err)
{
	struct webdav *w = (struct webdav *)b;
	struct webdav_resource found;
	char url[LOCATION_URL_MAX];
	int kind = look(w, name, &found, err);
	if (kind < 0)
		return kind;
	if (kind != OBJECT)
		return absent(w, err);
	url_of(w, name, url);
	struct net_call call = { .url = url, .method = "DELETE" };
	int rc = run(w, &call, err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	/* 404 after an attempt whose answer was lost is its success */
	if (is_good(&call) || (call.status == 404 && call.unheard))
		return 0;
	return refused(w, &call, err);
}

/* ---- list ---- */

struct walk {
	struct webdav *dav;
	backend_visit *visit;
	void *arg;
	int64_t now_s;               /* by the server's clock */
	size_t len;                  /* of the folder's part of name, with its '/' */
	char name[BACKEND_NAME_MAX + 2];
};

/* The path of a href, which is a path or a whole URL. */
static const char *path_of_href(const char *href)
{
	const char *scheme = strstr(href, "://");
	if (!scheme || strcspn(href, "/?#") < (size_t)(scheme - href))
		return href;
	return scheme + 3 + strcspn(scheme + 3, "/");
}

/* What a href names below the folder, without '/' at its end; "" is the folder. False if it lies
 * elsewhere. */
static bool leaf_of(const struct walk *k, const char *href, char leaf[LOCATION_PATH_MAX])
{
	char path[LOCATION_PATH_MAX * 2], folder[LOCATION_PATH_MAX + NAME_SIZE];
	const char *text = path_of_href(href);
	size_t len = strcspn(text, "?#");
	if (!location_decode(path, sizeof path, text, len))
		return false;
	snprintf(folder, sizeof folder, "%s/%.*s", k->dav->location.path, (int)k->len, k->name);
	size_t folder_len = strlen(folder), path_len = strlen(path);
	if (path_len + 1 == folder_len && strncmp(path, folder, path_len) == 0) {
		leaf[0] = '\0';   /* the folder itself, without its '/' */
		return true;
	}
	if (strncmp(path, folder, folder_len) != 0 || path_len - folder_len >= LOCATION_PATH_MAX)
		return false;
	memcpy(leaf, path + folder_len, path_len - folder_len + 1);
	size_t end = strlen(leaf);
	if (end > 0 && leaf[end - 1] == '/')
		leaf[end - 1] = '\0';
	return true;
}

static int walk_folder(struct walk *k, struct err *err);

static int walk_below(struct walk *k, size_t len, struct err *err)
{
	size_t above = k->len;
	if (len >= BACKEND_NAME_MAX)
		return 0;
	k->name[len] = '/';
	k->name[len + 1] = '\0';
	k->len = len + 1;
	int rc = walk_folder(k, err);
	k->len = above;
	return rc;
}

static void sweep(struct walk *k, const struct webdav_resource *found, const char *leaf)
{
	char name[BACKEND_NAME_MAX + 2 + LOCATION_PATH_MAX];
	if (found->folder || found->time_s < 0 || found->time_s > k->now_s - STALE_AFTER_S)
		return;
	snprintf(name, sizeof name, "%.*s%s", (int)k->len, k->name, leaf);
	delete_at_best(k->dav, name);
}

static int visit_object(struct walk *k, const struct webdav_resource *found, struct err *err)
{
	struct backend_object o = { .name = k->name, .size_bytes = found->size_bytes,
		                    .time_s = found->time_s };
	if (o.size_bytes == UINT64_MAX)
		return err_set(err, ERR_IO, "%s does not tell the size of %s", k->dav->location.host,
		               k->name);
	memcpy(o.tag, found->tag, sizeof o.tag);
	return k->visit(k->arg, &o, err);
}

static int walk_found(void *arg, const struct webdav_resource *found, struct err *err)
{
	struct walk *k = arg;
	char leaf[LOCATION_PATH_MAX];
	if (!leaf_of(k, found->href, leaf))
		return err_set(err, ERR_IO, "%s lists what does not lie below its path",
		               k->dav->location.host);
	size_t more = strlen(leaf);
	if (strncmp(leaf, TEMPORARY, strlen(TEMPORARY)) == 0 && !strchr(leaf, '/'))
		sweep(k, found, leaf);
	/* "Depth: 1" shows no more; some servers do not care */
	if (more == 0 || leaf[0] == '.' || strchr(leaf, '/') || found->missing ||
	    more > BACKEND_NAME_MAX - k->len)
		return 0;
	memcpy(k->name + k->len, leaf, more + 1);
	return found->folder ? walk_below(k, k->len + more, err) : visit_object(k, found, err);
}

/* What is to be read of a folder is not there. */
static int no_folder(struct walk *k, const struct net_call *call, struct err *err)
{
	char name[BACKEND_NAME_MAX + 2];
	int rc = refused(k->dav, call, err);
	snprintf(name, sizeof name, "%.*s", k->len ? (int)k->len - 1 : 0, k->name);
	if (rc == ERR_ABSENT)
		return check_top(k->dav, err);
	if (rc == ERR_IO && *name) {
		struct webdav_resource found;
		struct err ignored;
		int kind = look(k->dav, name, &found, &ignored);
		if (kind == OBJECT || kind == NOT_THERE)
			return check_top(k->dav, err);
	}
	return rc;
}

static int walk_folder(struct walk *k, struct err *err)
{
	char url[LOCATION_URL_MAX];
	AUTO(buf) text = buf_new(FOLDER_TEXT_MAX, err);
	if (!text)
		return err->code;
	url_of(k->dav, k->name, url);
	struct net_call call = { .url = url, .text = text };
	int rc = ask(k->dav, &call, "Depth: 1", err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	if (call.status != 207)
		return no_folder(k, &call, err);
	atomic_store(&k->dav->seen, true);
	return webdav_xml_parse(text->bytes, text->len, walk_found, k, err);
}

static int webdav_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
                       struct err *err)
{
	struct walk k = { .dav = (struct webdav *)b, .visit = visit, .arg = arg };
	k.len = strlen(prefix);
	k.now_s = (int64_t)time(NULL) + net_clock_ahead_s(k.dav->net);
	memcpy(k.name, prefix, k.len + 1);
	return walk_folder(&k, err);
}

/* ---- what WebDAV does not have ---- */

static int webdav_next_copy(struct backend *b, const char *name, struct err *err)
{
	(void)name;
	return no_such_object((struct webdav *)b, err);
}

static int webdav_retain(struct backend *b, const char *name, struct err *err)
{
	(void)b;
	(void)name;
	return err_set(err, ERR_INVALID, "what lies on a WebDAV server cannot be locked");
}

static int webdav_traits(struct backend *b, struct backend_traits *traits, struct err *err)
{
	struct webdav *w = (struct webdav *)b;
	char url[LOCATION_URL_MAX];
	url_of(w, "", url);
	struct net_call call = { .url = url, .method = "OPTIONS", .wanted = { { .name = "Server" } } };
	int rc = run(w, &call, err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	if (!is_good(&call) && call.status != 404)
		return refused(w, &call, err);
	const char *server = net_wanted(&call, "Server");
	snprintf(traits->server, sizeof traits->server, "%.90s", *server ? server : "a WebDAV server");
	traits->clock_ahead_s = net_clock_ahead_s(w->net);
	return 0;
}

/* ---- open, free ---- */

static void webdav_free(struct backend *b)
{
	struct webdav *w = (struct webdav *)b;
	net_free(w->net);   /* first: its thread may use the rest */
	explicit_bzero(w->password, sizeof w->password);
	free(w);
}

static int check_options(const struct backend_options *o, struct err *err)
{
	if (!o->as_of_s && !o->lock_s)
		return 0;
	err_set(err, ERR_INVALID, "a WebDAV server keeps no older versions and no locks");
	return err_hint(err, "'lock' and '--as-of' are for s3:// with a versioned bucket");
}

static int find_login(struct webdav *w, const struct backend_options *o, struct err *err)
{
	const char *host = w->location.host, *user = w->location.user;
	if (!o->password_file && !*user)
		return 0;   /* a client certificate, or nobody needs to log in */
	if (!*user || !o->password_file) {
		err_set(err, ERR_INVALID, "%s: a user and a password are needed both", host);
		return err_hint(err, "the user stands in the URL, as in webdavs://user@host/folder, and the "
		                     "password in the file that password-file names");
	}
	return login_read_password(o->password_file, w->password, err);
}

static int check_plain(const struct webdav *w, const char *scheme, struct err *err)
{
	if (strcmp(scheme, "webdavs") == 0 || location_is_loopback(&w->location))
		return 0;
	err_set(err, ERR_INVALID, "webdav://%s would send the password unencrypted", w->location.host);
	return err_hint(err, "use webdavs://");
}

static int webdav_start(struct webdav *w, const char *scheme, const struct backend_options *o,
                        struct err *err)
{
	w->scheme = strcmp(scheme, "webdavs") == 0 ? "https" : "http";
	if (check_options(o, err) != 0 || location_parse(&w->location, scheme, o->location, err) != 0 ||
	    check_plain(w, scheme, err) != 0 || find_login(w, o, err) != 0)
		return err->code;
	w->net = net_new(o, w->scheme, w->location.host, err);
	return w->net ? 0 : err->code;
}

static struct backend *open_scheme(const struct backend_ops *ops, const struct backend_options *o,
                                   struct err *err)
{
	struct webdav *w = calloc(1, sizeof *w);
	if (!w) {
		err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	w->base = (struct backend){ .ops = ops, .remote = true };
	w->base.connections = o->connections ? o->connections : 4;
	atomic_store(&w->auth, (long)CURLAUTH_BASIC);
	if (webdav_start(w, ops->scheme, o, err) == 0)
		return &w->base;
	webdav_free(&w->base);
	return NULL;
}

extern const struct backend_ops backend_webdav, backend_webdavs;

static struct backend *webdav_open(const struct backend_options *options, struct err *err)
{
	return open_scheme(&backend_webdav, options, err);
}

static struct backend *webdavs_open(const struct backend_options *options, struct err *err)
{
	return open_scheme(&backend_webdavs, options, err);
}

#define WEBDAV_OPS                                                                                 \
	.free = webdav_free, .put = webdav_put, .get = webdav_get, .stat = webdav_stat,            \
	.list = webdav_list, .remove = webdav_remove, .next_copy = webdav_next_copy,               \
	.retain = webdav_retain, .traits = webdav_traits

const struct backend_ops backend_webdav = { .scheme = "webdav", .open = webdav_open, WEBDAV_OPS };
const struct backend_ops backend_webdavs = { .scheme = "webdavs", .open = webdavs_open, WEBDAV_OPS };
