#include "sftp_walk.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/scope.h"
#include "sftp_list.h"
#include "sftp_look.h"

enum {
	STALE_AFTER_S = 24 * 60 * 60,
	FOLDER_TEXT_MAX = 64 << 20,   /* some 800,000 objects in one folder */
	ZONE_STEP_S = 15 * 60,
};

struct walk {
	struct sftp *sftp;
	backend_visit *visit;
	void *arg;
	struct err *err;
	int64_t now_s;
	char name[BACKEND_NAME_MAX + 1];
};

static bool has_mark(const char *name, const char *mark)
{
	return strncmp(name, mark, strlen(mark)) == 0;
}

/* Listings give local time, so one object's exact time is asked for, once, to know what that is. */
static int64_t zone(struct walk *w, const char *folder, const struct sftp_list_entry *e)
{
	struct sftp *s = w->sftp;
	struct err ignored;
	struct backend_object exact;
	pthread_mutex_lock(&s->lock);
	bool known = s->zone_known;
	int64_t zone_s = s->zone_s;
	pthread_mutex_unlock(&s->lock);
	if (known || !e->minutes ||
	    sftp_stat_leaf(s, folder, "", e->name, &exact, &ignored) != SFTP_THERE)
		return zone_s;
	int64_t off = exact.time_s - e->time_s;
	zone_s = (off + (off < 0 ? -ZONE_STEP_S : ZONE_STEP_S) / 2) / ZONE_STEP_S * ZONE_STEP_S;
	pthread_mutex_lock(&s->lock);
	s->zone_known = true;
	s->zone_s = zone_s;
	pthread_mutex_unlock(&s->lock);
	return zone_s;
}

/* The listing gives the candidate; the exact time decides. */
static void sweep(struct walk *w, const char *folder, const struct sftp_list_entry *e)
{
	struct err ignored;
	struct backend_object exact;
	char path[SFTP_PATH_SIZE];
	if (e->kind != SFTP_LIST_FILE || e->time_s > w->now_s - STALE_AFTER_S ||
	    sftp_stat_leaf(w->sftp, folder, "", e->name, &exact, &ignored) != SFTP_THERE ||
	    exact.time_s > w->now_s - STALE_AFTER_S)
		return;
	sftp_path_of(w->sftp, folder, "", e->name, path);
	sftp_command_at_best(w->sftp, "*rm", path, NULL);
}

static int visit_file(struct walk *w, const char *folder, struct sftp_list_entry *e)
{
	struct backend_object o = { .name = w->name, .size_bytes = e->size_bytes };
	o.time_s = e->time_s + zone(w, folder, e);
	return w->visit(w->arg, &o, w->err);
}

static int walk_folder(struct walk *w, size_t len);

static int walk_below(struct walk *w, size_t len)
{
	if (len >= BACKEND_NAME_MAX)
		return 0;
	w->name[len] = '/';
	w->name[len + 1] = '\0';
	return walk_folder(w, len + 1);
}

static int visit_unclear(struct walk *w, size_t len, const char *folder,
                         const struct sftp_list_entry *e)
{
	struct backend_object o = { .name = w->name };
	int rc = sftp_stat_leaf(w->sftp, folder, "", e->name, &o, w->err);
	if (rc == SFTP_THERE)
		return w->visit(w->arg, &o, w->err);
	if (rc == SFTP_NOT_THERE)
		rc = sftp_leaf_is_folder(w->sftp, folder, e->name, w->err);
	return rc == SFTP_THERE ? walk_below(w, len) : rc;
}

static int visit_replaced(struct walk *w, const char *folder, const char *leaf)
{
	struct backend_object o = { .name = w->name };
	int rc = sftp_stat_leaf(w->sftp, folder, "", leaf, &o, w->err);
	if (rc != SFTP_NOT_THERE)
		return rc < 0 ? rc : 0;   /* it is listed itself */
	rc = sftp_stat_leaf(w->sftp, folder, SFTP_REPLACED, leaf, &o, w->err);
	return rc == SFTP_THERE ? w->visit(w->arg, &o, w->err) : rc;
}

static int walk_entry(struct walk *w, size_t len, struct sftp_list_entry *e)
{
	char folder[BACKEND_NAME_MAX + 2];
	const char *leaf = has_mark(e->name, SFTP_REPLACED) ? e->name + strlen(SFTP_REPLACED) : e->name;
	size_t more = strlen(leaf);
	memcpy(folder, w->name, len);
	folder[len] = '\0';
	if (has_mark(e->name, SFTP_TEMPORARY))
		sweep(w, folder, e);
	if (e->kind == SFTP_LIST_OTHER || leaf[0] == '.' || more > BACKEND_NAME_MAX - len)
		return 0;
	memcpy(w->name + len, leaf, more + 1);
	if (leaf != e->name)
		return visit_replaced(w, folder, leaf);
	if (e->kind == SFTP_LIST_FOLDER)
		return walk_below(w, len + more);
	return e->kind == SFTP_LIST_FILE ? visit_file(w, folder, e)
	                                 : visit_unclear(w, len + more, folder, e);
}

/* SFTP_NOT_THERE, SFTP_THERE, or an error. */
static int read_folder(struct walk *w, struct buf *text)
{
	char url[LOCATION_URL_MAX];
	struct sftp_request r = { .no_content = false };
	sftp_url_of(w->sftp, w->name, "", "", url);
	struct net_call call = { .url = url, .text = text };
	int rc = sftp_run(w->sftp, &call, &r, w->err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	if (call.curl == CURLE_OK)
		return SFTP_THERE;
	rc = sftp_refused(w->sftp, &call, w->err);
	return rc == ERR_ABSENT ? SFTP_NOT_THERE : rc;
}

/* len is that of the folder's own part of w->name, with its '/'. */
static int walk_folder(struct walk *w, size_t len)
{
	AUTO(buf) text = buf_new(FOLDER_TEXT_MAX, w->err);
	if (!text)
		return w->err->code;
	int rc = read_folder(w, text);
	if (rc == SFTP_NOT_THERE)
		return sftp_check_top(w->sftp, w->err);
	if (rc < 0)
		return rc;
	atomic_store(&w->sftp->seen, true);
	const char *at = (const char *)text->bytes, *end = at ? at + text->len : at;
	struct sftp_list_entry e;
	rc = 0;
	while (rc == 0 && sftp_list_next(&at, end, w->now_s, &e))
		rc = walk_entry(w, len, &e);
	return rc;
}

int sftp_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
              struct err *err)
{
	struct walk w = { .sftp = (struct sftp *)b, .visit = visit, .arg = arg, .err = err };
	size_t len = strlen(prefix);
	w.now_s = (int64_t)time(NULL);
	memcpy(w.name, prefix, len + 1);
	return walk_folder(&w, len);
}
