#include "webdav_put.h"

#include <stdio.h>
#include <string.h>

#include "readback.h"
#include "webdav_look.h"

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
	int rc = webdav_run(w, &call, err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	if (webdav_is_good(&call) || call.status == 405)   /* 405: it exists */
		return MADE;
	if (call.status == 409 || call.status == 404)
		return NOT_MADE;
	/* Apache says 403 to the loser of a race */
	if (webdav_look_at(w, url, &found, &status, &ignored) == WEBDAV_FOLDER)
		return MADE;
	return webdav_refused(w, &call, err);
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

/* folder: "" or ends with '/'. Only once it is sure that the top's disk is there. */
static int make_folders(struct webdav *w, const char *folder, struct err *err)
{
	char path[LOCATION_PATH_MAX];
	if (webdav_check_top(w, err) != 0)
		return err->code;
	int n = snprintf(path, sizeof path, "%s/%s", w->location.path, folder);
	if (n < 1 || n >= (int)sizeof path)
		return err_set(err, ERR_INVALID, "the path is too long");
	path[n - 1] = '\0';
	return make_path(w, path, err);
}

/* ---- put ---- */

static void folder_of(const char *name, char folder[WEBDAV_NAME_SIZE])
{
	const char *slash = strrchr(name, '/');
	snprintf(folder, WEBDAV_NAME_SIZE, "%.*s", slash ? (int)(slash + 1 - name) : 0, name);
}

/* Absence is only said of an object (rule 2 of the design). */
static int refused_put(const struct webdav *w, const struct net_call *call, struct err *err)
{
	int rc = webdav_refused(w, call, err);
	return rc == ERR_ABSENT || rc == ERR_EXISTS ? err->code = ERR_IO : rc;
}

/* Status 404 and 409 are of folders that are not there yet. */
static int upload(struct webdav *w, const struct backend_put *put, struct webdav_request *r,
                  struct net_call *call, struct err *err)
{
	static const char *const headers[] = { "Content-Type: application/octet-stream", NULL };
	char url[LOCATION_URL_MAX];
	webdav_url_of(w, put->name, url);
	for (int made = 0;; made++) {
		*call = (struct net_call){ .url = url, .method = "PUT", .headers = headers,
			                   .body = put->len ? put->data : "", .body_len = put->len };
		int rc = webdav_run_request(w, call, r, err);
		net_call_end(call);
		if (rc != 0)
			return rc;
		if (webdav_is_good(call))
			return 0;
		if (made || (call->status != 404 && call->status != 409))
			return refused_put(w, call, err);
		if (make_folders(w, r->folder, err) != 0)
			return err->code;
	}
}

/* 412: the name is taken; after an attempt whose answer was lost, perhaps by that one, and then the
 * source is gone too. */
static int move_refused(struct webdav *w, const struct backend_put *put, const struct net_call *call,
                        struct err *err)
{
	if (call->status == 412)
		return readback_taken(&w->base, put, call->unheard, NULL, err);
	if (call->unheard && (call->status == 404 || call->status == 409)) {
		int same = readback_matches(&w->base, put, NULL, err);
		if (same != 0)
			return same < 0 ? same : 0;
	}
	return refused_put(w, call, err);
}

static int move(struct webdav *w, const struct backend_put *put, const char *temporary,
                struct err *err)
{
	char from[LOCATION_URL_MAX], to[LOCATION_URL_MAX + 20] = "Destination: ";
	const char *const headers[] = { to, "Overwrite: F", NULL };
	webdav_url_of(w, temporary, from);
	webdav_url_of(w, put->name, to + strlen(to));
	struct net_call call = { .url = from, .method = "MOVE", .headers = headers };
	int rc = webdav_run(w, &call, err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	return webdav_is_good(&call) ? 0 : move_refused(w, put, &call, err);
}

static int put_new(struct webdav *w, const struct backend_put *put, const char *folder,
                   struct err *err)
{
	char temporary[WEBDAV_NAME_SIZE] = "";
	struct webdav_request r = { .temporary = &temporary, .folder = folder };
	struct net_call call;
	int rc = upload(w, put, &r, &call, err);
	if (rc == 0)
		rc = move(w, put, temporary, err);
	/* while the answer is unknown, a move may still come and needs it */
	if (rc != 0 && rc != ERR_UNREACHABLE && rc != ERR_STOPPED && temporary[0])
		webdav_delete_at_best(w, temporary);
	return rc;
}

int webdav_put(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
               struct err *err)
{
	struct webdav *w = (struct webdav *)b;
	char folder[WEBDAV_NAME_SIZE];
	struct webdav_request r = { .folder = folder };
	struct net_call call;
	if (tag)
		tag[0] = '\0';
	folder_of(put->name, folder);
	int rc = put->mode == BACKEND_NEW ? put_new(w, put, folder, err)
	                                  : upload(w, put, &r, &call, err);
	if (rc == 0)
		atomic_store(&w->seen, true);
	return rc;
}
