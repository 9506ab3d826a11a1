#include "sftp_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sftp_look.h"

enum {
	TWICE_MAX = 256 << 10,   /* of an object that is read twice */
	TWICE_TRIES = 20,
};

static int read_refused(struct sftp *s, const char *folder, const char *leaf, struct net_call *call,
                        struct err *err)
{
	struct err ignored;
	if (call->curl == CURLE_BAD_DOWNLOAD_RESUME) {
		call->len = 0;   /* it begins beyond the end */
		return SFTP_THERE;
	}
	int rc = sftp_refused(s, call, err);
	if (rc == ERR_ABSENT)
		return SFTP_NOT_THERE;
	bool folder_there = rc == ERR_UNREACHABLE &&
	                    sftp_leaf_is_folder(s, folder, leaf, &ignored) == SFTP_THERE;
	return folder_there ? SFTP_NOT_THERE : rc;
}

/* SFTP_NOT_THERE, SFTP_THERE, or an error. */
static int get_leaf(struct sftp *s, const char *folder, const char *mark, const char *leaf,
                    struct net_call *call, uint64_t offset, struct err *err)
{
	char url[LOCATION_URL_MAX];
	uint64_t last = offset + (call->cap - 1);
	struct sftp_request r = { .no_content = false };
	snprintf(r.range, sizeof r.range, "%" PRIu64 "-%" PRIu64, offset,
	         last <= INT64_MAX ? last : INT64_MAX);
	sftp_url_of(s, folder, mark, leaf, url);
	*call = (struct net_call){ .url = url, .out = call->out, .cap = call->cap };
	if (sftp_run(s, call, &r, err) != 0)
		return err->code;
	if (call->curl != CURLE_OK)
		return read_refused(s, folder, leaf, call, err);
	atomic_store(&s->seen, true);
	/* libcurl obeys the range only where it knows the size */
	if (offset > 0 && call->len > 0 && call->total == UINT64_MAX)
		return err_set(err, ERR_IO, "%s does not tell the sizes of files", s->location.host);
	return SFTP_THERE;
}

/* What a name means: its leaf, or what a replacement put aside (rule 2 of sftp.c), which may be over
 * by the time we look. */
struct reading {
	int (*try)(void *arg, const char *mark, struct err *err);
	void *arg;
};

static int read_once(const struct reading *r, struct err *err)
{
	static const char *const marks[] = { "", SFTP_REPLACED, "" };
	int rc = SFTP_NOT_THERE;
	for (size_t i = 0; i < sizeof marks / sizeof *marks && rc == SFTP_NOT_THERE; i++)
		rc = r->try(r->arg, marks[i], err);
	return rc;
}

static int read_locked(struct sftp *s, const struct reading *r, struct err *err)
{
	pthread_mutex_lock(&s->replacing);
	int rc = read_once(r, err);
	pthread_mutex_unlock(&s->replacing);
	return rc;
}

/* held: the caller has s->replacing, so that no replacement of ours comes in between. */
static int read_either(struct sftp *s, const struct reading *r, bool held, struct err *err)
{
	int rc = held ? read_once(r, err) : r->try(r->arg, "", err);
	if (rc == SFTP_NOT_THERE && !held)
		rc = read_locked(s, r, err);
	if (rc < 0)
		return rc;
	return rc == SFTP_THERE ? 0 : sftp_absent(s, err);
}

struct getting {
	struct sftp *sftp;
	struct sftp_place place;
	uint64_t offset;
	void *out;
	size_t cap, len;
};

static int try_get(void *arg, const char *mark, struct err *err)
{
	struct getting *g = arg;
	struct net_call call = { .out = g->out, .cap = g->cap };
	int rc = get_leaf(g->sftp, g->place.folder, mark, g->place.leaf, &call, g->offset, err);
	g->len = call.len;
	net_call_end(&call);
	return rc;
}

struct looking {
	struct sftp *sftp;
	struct sftp_place place;
	struct backend_object object;
};

static int try_stat(void *arg, const char *mark, struct err *err)
{
	struct looking *l = arg;
	return sftp_stat_leaf(l->sftp, l->place.folder, mark, l->place.leaf, &l->object, err);
}

int sftp_stat(struct backend *b, const char *name, struct backend_object *object,
              struct err *err)
{
	struct sftp *s = (struct sftp *)b;
	struct looking l = { .sftp = s, .place = sftp_place_of(name), .object = { .name = name } };
	if (read_either(s, &(struct reading){ try_stat, &l }, false, err) != 0)
		return err->code;
	*object = l.object;
	return 0;
}

static int get_once(struct getting *g, bool held, struct err *err)
{
	return read_either(g->sftp, &(struct reading){ try_get, g }, held, err);
}

/* Is it still what was read (rule 4 of sftp.c)? 1, 0, or an error. */
static int is_same(const struct getting *g, bool held, struct err *err)
{
	struct getting again = *g;
	again.cap = g->len + 1;
	again.out = malloc(again.cap);
	if (!again.out)
		return err_no_memory(err);
	int rc = get_once(&again, held, err);
	if (rc == 0)
		rc = again.len == g->len && memcmp(again.out, g->out, g->len) == 0;
	free(again.out);
	return rc;
}

/* 1 when what was read is whole, 0 when it changed meanwhile, or an error. */
static int get_checked(struct getting *g, bool held, struct err *err)
{
	int rc = get_once(g, held, err);
	if (rc != 0)
		return rc;
	bool ended = g->len < g->cap && g->len <= TWICE_MAX;
	return g->offset == 0 && ended ? is_same(g, held, err) : 1;
}

static int get_while_replaced(struct getting *g, struct err *err)
{
	int rc = 0;
	pthread_mutex_lock(&g->sftp->replacing);
	for (int i = 0; i < TWICE_TRIES && rc == 0; i++)
		rc = get_checked(g, true, err);
	pthread_mutex_unlock(&g->sftp->replacing);
	return rc == 0 ? err_set(err, ERR_IO, "changes all the time") : rc;
}

static int get_whole(struct getting *g, struct err *err)
{
	int rc = get_checked(g, false, err);
	if (rc == 0)
		rc = get_while_replaced(g, err);
	return rc < 0 ? rc : 0;
}

int sftp_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
             size_t *len, struct err *err)
{
	struct sftp *s = (struct sftp *)b;
	struct getting g = { .sftp = s, .place = sftp_place_of(name), .offset = offset, .out = out,
		             .cap = cap };
	struct backend_object there;
	int rc = cap == 0 || offset > INT64_MAX - (uint64_t)cap
	                 ? sftp_stat(b, name, &there, err)
	                 : get_whole(&g, err);
	if (rc == 0)
		*len = g.len;
	return rc;
}
