#include "webdav_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/scope.h"
#include "webdav_look.h"

enum {
	STALE_AFTER_S = 24 * 60 * 60,
	FOLDER_TEXT_MAX = 128 << 20,   /* some 200,000 objects in one folder */
};

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
	char path[LOCATION_PATH_MAX * 2], folder[LOCATION_PATH_MAX + WEBDAV_NAME_SIZE];
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
	webdav_delete_at_best(k->dav, name);
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
	if (strncmp(leaf, WEBDAV_TEMPORARY, strlen(WEBDAV_TEMPORARY)) == 0 && !strchr(leaf, '/'))
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
	int rc = webdav_refused(k->dav, call, err);
	snprintf(name, sizeof name, "%.*s", k->len ? (int)k->len - 1 : 0, k->name);
	if (rc == ERR_ABSENT)
		return webdav_check_top(k->dav, err);
	if (rc == ERR_IO && *name) {
		struct webdav_resource found;
		struct err ignored;
		int kind = webdav_look(k->dav, name, &found, &ignored);
		if (kind == WEBDAV_OBJECT || kind == WEBDAV_NOT_THERE)
			return webdav_check_top(k->dav, err);
	}
	return rc;
}

static int walk_folder(struct walk *k, struct err *err)
{
	char url[LOCATION_URL_MAX];
	AUTO(buf) text = buf_new(FOLDER_TEXT_MAX, err);
	if (!text)
		return err->code;
	webdav_url_of(k->dav, k->name, url);
	struct net_call call = { .url = url, .text = text };
	int rc = webdav_ask(k->dav, &call, "Depth: 1", err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	if (call.status != 207)
		return no_folder(k, &call, err);
	atomic_store(&k->dav->seen, true);
	return webdav_xml_parse(text->bytes, text->len, walk_found, k, err);
}

int webdav_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
                struct err *err)
{
	struct walk k = { .dav = (struct webdav *)b, .visit = visit, .arg = arg };
	k.len = strlen(prefix);
	k.now_s = (int64_t)time(NULL) + net_clock_ahead_s(k.dav->net);
	memcpy(k.name, prefix, k.len + 1);
	return walk_folder(&k, err);
}
