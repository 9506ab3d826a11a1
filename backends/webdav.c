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
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "webdav_call.h"
#include "webdav_look.h"
#include "webdav_put.h"
#include "webdav_read.h"
#include "webdav_walk.h"

/* ---- remove ---- */

static int webdav_remove(struct backend *b, const char *name, struct err *err)
{
	struct webdav *w = (struct webdav *)b;
	struct webdav_resource found;
	char url[LOCATION_URL_MAX];
	int kind = webdav_look(w, name, &found, err);
	if (kind < 0)
		return kind;
	if (kind != WEBDAV_OBJECT)
		return webdav_absent(w, err);
	webdav_url_of(w, name, url);
	struct net_call call = { .url = url, .method = "DELETE" };
	int rc = webdav_run(w, &call, err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	/* 404 after an attempt whose answer was lost is its success */
	if (webdav_is_good(&call) || (call.status == 404 && call.unheard))
		return 0;
	return webdav_refused(w, &call, err);
}

/* ---- what WebDAV does not have ---- */

static int webdav_next_copy(struct backend *b, const char *name, struct err *err)
{
	(void)name;
	return webdav_no_such_object((struct webdav *)b, err);
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
	webdav_url_of(w, "", url);
	struct net_call call = { .url = url, .method = "OPTIONS", .wanted = { { .name = "Server" } } };
	int rc = webdav_run(w, &call, err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	if (!webdav_is_good(&call) && call.status != 404)
		return webdav_refused(w, &call, err);
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
	if (strcmp(scheme, "webdavs") == 0 || location_is_loopback(w->location.host))
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
		err_no_memory(err);
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
