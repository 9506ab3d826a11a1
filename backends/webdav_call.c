#include "webdav_call.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int webdav_no_such_object(const struct webdav *w, struct err *err)
{
	return err_set(err, ERR_ABSENT, "no such object at %s", w->location.host);
}

void webdav_url_of(const struct webdav *w, const char *name, char out[LOCATION_URL_MAX])
{
	location_url(&w->location, w->scheme, name, out);
}

/* ---- requests ---- */

#define SET(option, value) (ok = ok && curl_easy_setopt(easy, (option), (value)) == CURLE_OK)

/* The server may still be busy with the attempt before. */
static int new_temporary(CURL *easy, const struct webdav_request *r, struct err *err)
{
	uint64_t random;
	char url[LOCATION_URL_MAX];
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return err_sys(err, "getrandom");
	snprintf(*r->temporary, WEBDAV_NAME_SIZE, "%s" WEBDAV_TEMPORARY "%016" PRIx64, r->folder,
	         random);
	webdav_url_of(r->dav, *r->temporary, url);
	if (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK)
		return err_no_memory(err);
	return 0;
}

static int prepare(CURL *easy, struct net_call *call, void *arg, struct err *err)
{
	const struct webdav_request *r = arg;
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

static bool wants_digest(struct webdav *w, const struct net_call *call)
{
	if (call->status != 401 || !w->password[0] || atomic_load(&w->auth) == (long)CURLAUTH_DIGEST ||
	    strncasecmp(net_wanted(call, "WWW-Authenticate"), "Digest", 6) != 0)
		return false;
	atomic_store(&w->auth, (long)CURLAUTH_DIGEST);
	return true;
}

void webdav_want(struct net_call *call, const char *name)
{
	for (size_t i = 0; i < NET_HEADERS_MAX; i++)
		if (!call->wanted[i].name) {
			call->wanted[i].name = name;
			return;
		}
}

int webdav_run_request(struct webdav *w, struct net_call *call, struct webdav_request *r,
                       struct err *err)
{
	r->dav = w;
	call->prepare = prepare;
	call->arg = r;
	webdav_want(call, "WWW-Authenticate");
	int rc = net_do(w->net, call, err);
	if (rc == 0 && wants_digest(w, call))
		rc = net_do(w->net, call, err);
	return rc;
}

int webdav_run(struct webdav *w, struct net_call *call, struct err *err)
{
	struct webdav_request r = { .dav = w };
	return webdav_run_request(w, call, &r, err);
}

bool webdav_is_good(const struct net_call *call)
{
	return call->status >= 200 && call->status < 300;
}

void webdav_delete_at_best(struct webdav *w, const char *name)
{
	char url[LOCATION_URL_MAX];
	struct err ignored;
	webdav_url_of(w, name, url);
	struct net_call call = { .url = url, .method = "DELETE" };
	(void)webdav_run(w, &call, &ignored);
	net_call_end(&call);
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
	{ 507, ERR_SPACE, "has no space left", "" },
};

int webdav_refused(const struct webdav *w, const struct net_call *call, struct err *err)
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
