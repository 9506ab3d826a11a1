/*
 * sftp - objects are files below one folder of an SSH server: sftp://user@host/srv/vault; a path that
 * begins with /~/ is relative to the user's home.
 *
 * 1. An object appears under its name complete or not at all: it is uploaded as `.tmp-<random>` into
 *    its folder and renamed. SFTP 3 renames only onto names that are free, so exactly one of several
 *    writers of a new object wins (OpenSSH: link and unlink).
 * 2. To replace, the old object is first renamed to `.old-<leaf>`. Whoever finds no <leaf> looks
 *    there: at every moment the old or the new content is to be had, after a crash too.
 * 3. Protocol and libcurl offer no fsync: how soon an upload survives a power cut of the server is up
 *    to its file system.
 * 4. libcurl asks for the size of what it has opened by its name again, so a replacement in between cuts
 *    the old content to the length of the new. A small object read to its end, as all are that are ever
 *    replaced, is therefore read twice, until it is the same.
 * 5. A top folder that was there and is gone is ERR_UNREACHABLE and is not made again, as in file.c.
 */
#include <inttypes.h>
#include <pthread.h>
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
#include "net.h"
#include "readback.h"
#include "sftp_list.h"
#include "sftp_login.h"

#define TEMPORARY ".tmp-"
#define REPLACED ".old-"

enum {
	STALE_AFTER_S = 24 * 60 * 60,
	FOLDER_TEXT_MAX = 64 << 20,     /* some 800,000 objects in one folder */
	LOST_TRIES = 4,
	TWICE_MAX = 256 << 10,          /* rule 4 */
	TWICE_TRIES = 20,
	PATH_SIZE = LOCATION_PATH_MAX + BACKEND_NAME_MAX + 40,
	QUOTE_SIZE = 2 * (2 * PATH_SIZE) + 40,
	ZONE_STEP_S = 15 * 60,
};

struct sftp {
	struct backend base;
	struct location location;
	struct sftp_login *login;
	struct net *net;
	atomic_bool seen;               /* the top folder was there */
	pthread_mutex_t replacing;
	pthread_mutex_t lock;           /* over the next two */
	bool zone_known;
	int64_t zone_s;                 /* what to add to the local times of listings */
};

/* What prepare sets on the handle of a call. */
struct request {
	struct sftp *sftp;
	char range[48];                 /* "": all */
	bool head;                      /* no content, but size and time */
	bool no_content;                /* only the quotes */
	bool make_folders;
	const char *before[2];          /* quotes, NULL where there is none */
	const char *after[5];
};

static int no_such_object(const struct sftp *s, struct err *err)
{
	return err_set(err, ERR_ABSENT, "no such object at %s", s->location.host);
}

/* ---- names ---- */

struct place {
	char folder[BACKEND_NAME_MAX + 2];   /* "" for the top, else ends with '/' */
	const char *leaf;
};

static struct place place_of(const char *name)
{
	struct place p = { .leaf = name };
	const char *slash = strrchr(name, '/');
	if (slash) {
		memcpy(p.folder, name, (size_t)(slash + 1 - name));
		p.leaf = slash + 1;
	}
	return p;
}

/* The path as the server wants it; SFTP resolves a relative one against the home. */
static void path_of(const struct sftp *s, const char *folder, const char *mark, const char *leaf,
                    char out[PATH_SIZE])
{
	const char *top = s->location.path;
	bool home = strcmp(top, "/~") == 0 || strncmp(top, "/~/", 3) == 0;
	const char *base = !home ? top : top[2] ? top + 3 : ".";
	snprintf(out, PATH_SIZE, "%s/%s%s%s", base, folder, mark, leaf);
}

static void url_of(const struct sftp *s, const char *folder, const char *mark, const char *leaf,
                   char out[LOCATION_URL_MAX])
{
	char name[PATH_SIZE];
	snprintf(name, sizeof name, "%s%s%s", folder, mark, leaf);
	location_url(&s->location, "sftp", name, out);
}

/* ---- quotes: commands beside a transfer ---- */

static char *add_quoted(char *to, const char *path)
{
	*to++ = ' ';
	*to++ = '"';
	for (; *path; path++) {
		if (*path == '"' || *path == '\\')
			*to++ = '\\';
		*to++ = *path;
	}
	*to++ = '"';
	*to = '\0';
	return to;
}

/* verb: "*rm" goes on where it fails, "rm" does not. to may be NULL. */
static void quote(char out[QUOTE_SIZE], const char *verb, const char *from, const char *to)
{
	int n = snprintf(out, QUOTE_SIZE, "%s", verb);
	char *end = add_quoted(out + n, from);
	if (to)
		add_quoted(end, to);
}

static bool add_quotes(struct curl_slist **list, const char *const *quotes, size_t n)
{
	for (size_t i = 0; i < n && quotes[i]; i++) {
		struct curl_slist *more = curl_slist_append(*list, quotes[i]);
		if (!more)
			return false;
		*list = more;
	}
	return true;
}

#define SET(option, value) (ok = ok && curl_easy_setopt(easy, (option), (value)) == CURLE_OK)

static int prepare(CURL *easy, struct net_call *call, void *arg, struct err *err)
{
	struct request *r = arg;
	bool ok = add_quotes(&call->lists[0], r->before, sizeof r->before / sizeof *r->before) &&
	          add_quotes(&call->lists[1], r->after, sizeof r->after / sizeof *r->after);
	SET(CURLOPT_QUOTE, call->lists[0]);
	SET(CURLOPT_POSTQUOTE, call->lists[1]);
	SET(CURLOPT_NOBODY, r->head || r->no_content ? 1L : 0L);
	SET(CURLOPT_FILETIME, r->head ? 1L : 0L);
	SET(CURLOPT_RANGE, r->range[0] ? r->range : NULL);
	SET(CURLOPT_FTP_CREATE_MISSING_DIRS, r->make_folders ? 1L : 0L);
	SET(CURLOPT_NEW_FILE_PERMS, 0600L);
	SET(CURLOPT_NEW_DIRECTORY_PERMS, 0700L);
	if (call->body)   /* setting NOBODY to 0 made a download of it */
		SET(CURLOPT_UPLOAD, 1L);
	if (!ok)
		return err_set(err, ERR_NOMEM, "libcurl refuses an option, or is out of memory");
	return sftp_login_set(r->sftp->login, easy, err);
}

/* CURLE_SSH without a word of the server's is a connection lost, and a folder that was read as a file. */
static bool is_lost(const struct net_call *call)
{
	return call->curl == CURLE_SSH && !strstr(call->said, "failed: ");
}

static bool lost(const struct net_call *call, void *arg)
{
	(void)arg;
	return is_lost(call) && call->attempts < LOST_TRIES;
}

static int run(struct sftp *s, struct net_call *call, struct request *r, struct err *err)
{
	r->sftp = s;
	if (!call->prepare)
		call->prepare = prepare;
	call->again = lost;
	call->arg = r;
	if (net_do(s->net, call, err) != 0)
		return sftp_login_explain(s->login, err);
	return 0;
}

/* ---- what the server says ---- */

/* libcurl's own words for the status of an SFTP answer, at the end of its message. */
static const struct {
	const char *words;
	enum err_code code;
} statuses[] = {
	{ "File not found", ERR_ABSENT },
	{ "No such file or directory", ERR_ABSENT },
	{ "This is not a directory", ERR_ABSENT },
	{ "Permission denied", ERR_DENIED },
	{ "File is write protected", ERR_DENIED },
	{ "File already exists", ERR_EXISTS },
	{ "Disk full", ERR_SPACE },
	{ "User quota exceeded", ERR_SPACE },
};

static enum err_code code_of(const struct net_call *call)
{
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		if (strstr(call->said, statuses[i].words))
			return statuses[i].code;
	if (call->curl == CURLE_REMOTE_FILE_NOT_FOUND)
		return ERR_ABSENT;
	if (call->curl == CURLE_REMOTE_ACCESS_DENIED)
		return ERR_DENIED;
	if (call->curl == CURLE_REMOTE_DISK_FULL)
		return ERR_SPACE;
	if (call->curl == CURLE_REMOTE_FILE_EXISTS)
		return ERR_EXISTS;
	return is_lost(call) ? ERR_UNREACHABLE : ERR_IO;
}

static int refused(const struct sftp *s, const struct net_call *call, struct err *err)
{
	const char *said = call->said[0] ? call->said : curl_easy_strerror(call->curl);
	return err_set(err, code_of(call), "%s: %s", s->location.host, said);
}

/* ---- what is there ---- */

enum { NOT_THERE, THERE };

/* NOT_THERE, THERE, or an error. For a folder, url ends with '/'. */
static int look(struct sftp *s, const char *url, struct net_call *call, struct err *err)
{
	struct request r = { .head = true };
	*call = (struct net_call){ .url = url };
	if (run(s, call, &r, err) != 0)
		return err->code;
	if (call->curl != CURLE_OK)
		return refused(s, call, err) == ERR_ABSENT ? NOT_THERE : err->code;
	return call->time_s == -1 ? NOT_THERE : THERE;
}

/* A path with '/' behind it is there only if it is a folder. */
static int look_for_folder(struct sftp *s, const char *folder, struct err *err)
{
	char url[LOCATION_URL_MAX];
	struct net_call call;
	url_of(s, folder, "", "", url);
	int rc = look(s, url, &call, err);
	net_call_end(&call);
	return rc;
}

/* Rule 5: where something is absent, is the whole vault? */
static int check_top(struct sftp *s, struct err *err)
{
	bool seen = atomic_load(&s->seen);
	int rc = look_for_folder(s, "", err);
	if (rc < 0)
		return rc;
	if (rc == THERE)
		atomic_store(&s->seen, true);
	if (rc == THERE || !seen)
		return 0;
	err_set(err, ERR_UNREACHABLE, "the folder %s of %s was there and is gone",
	        s->location.path[0] ? s->location.path : "/", s->location.host);
	return err_hint(err, "is the server's disk mounted?");
}

static int absent(struct sftp *s, struct err *err)
{
	if (check_top(s, err) != 0)
		return err->code;
	return no_such_object(s, err);
}

static int leaf_is_folder(struct sftp *s, const char *folder, const char *leaf, struct err *err)
{
	char name[PATH_SIZE];
	snprintf(name, sizeof name, "%s%s/", folder, leaf);
	return look_for_folder(s, name, err);
}

/* NOT_THERE, THERE, or an error. */
static int stat_leaf(struct sftp *s, const char *folder, const char *mark, const char *leaf,
                     struct backend_object *o, struct err *err)
{
	char url[LOCATION_URL_MAX];
	struct net_call call;
	url_of(s, folder, mark, leaf, url);
	int rc = look(s, url, &call, err);
	uint64_t size = call.total == UINT64_MAX ? 0 : call.total;   /* libcurl does not tell 0 */
	int64_t time_s = call.time_s;
	net_call_end(&call);
	if (rc != THERE)
		return rc;
	if (*mark == '\0') {
		rc = leaf_is_folder(s, folder, leaf, err);
		if (rc != NOT_THERE)
			return rc < 0 ? rc : NOT_THERE;
	}
	atomic_store(&s->seen, true);
	o->size_bytes = size;
	o->time_s = time_s;
	return THERE;
}

/* ---- get ---- */

static int read_refused(struct sftp *s, const char *folder, const char *leaf, struct net_call *call,
                        struct err *err)
{
	struct err ignored;
	if (call->curl == CURLE_BAD_DOWNLOAD_RESUME) {
		call->len = 0;   /* it begins beyond the end */
		return THERE;
	}
	int rc = refused(s, call, err);
	if (rc == ERR_ABSENT)
		return NOT_THERE;
	return rc == ERR_UNREACHABLE && leaf_is_folder(s, folder, leaf, &ignored) == THERE ? NOT_THERE : rc;
}

/* NOT_THERE, THERE, or an error. */
static int get_leaf(struct sftp *s, const char *folder, const char *mark, const char *leaf,
                    struct net_call *call, uint64_t offset, struct err *err)
{
	char url[LOCATION_URL_MAX];
	uint64_t last = offset + (call->cap - 1);
	struct request r = { .no_content = false };
	snprintf(r.range, sizeof r.range, "%" PRIu64 "-%" PRIu64, offset,
	         last <= INT64_MAX ? last : INT64_MAX);
	url_of(s, folder, mark, leaf, url);
	*call = (struct net_call){ .url = url, .out = call->out, .cap = call->cap };
	if (run(s, call, &r, err) != 0)
		return err->code;
	if (call->curl != CURLE_OK)
		return read_refused(s, folder, leaf, call, err);
	atomic_store(&s->seen, true);
	/* libcurl obeys the range only where it knows the size */
	if (offset > 0 && call->len > 0 && call->total == UINT64_MAX)
		return err_set(err, ERR_IO, "%s does not tell the sizes of files", s->location.host);
	return THERE;
}

/* What a name means: its leaf, or what a replacement put aside (rule 2), which may be over by the
 * time we look. */
struct reading {
	int (*try)(void *arg, const char *mark, struct err *err);
	void *arg;
};

static int read_once(const struct reading *r, struct err *err)
{
	static const char *const marks[] = { "", REPLACED, "" };
	int rc = NOT_THERE;
	for (size_t i = 0; i < sizeof marks / sizeof *marks && rc == NOT_THERE; i++)
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
	if (rc == NOT_THERE && !held)
		rc = read_locked(s, r, err);
	if (rc < 0)
		return rc;
	return rc == THERE ? 0 : absent(s, err);
}

struct getting {
	struct sftp *sftp;
	struct place place;
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
	struct place place;
	struct backend_object object;
};

static int try_stat(void *arg, const char *mark, struct err *err)
{
	struct looking *l = arg;
	return stat_leaf(l->sftp, l->place.folder, mark, l->place.leaf, &l->object, err);
}

static int sftp_stat(struct backend *b, const char *name, struct backend_object *object,
                     struct err *err)
{
	struct sftp *s = (struct sftp *)b;
	struct looking l = { .sftp = s, .place = place_of(name), .object = { .name = name } };
	if (read_either(s, &(struct reading){ try_stat, &l }, false, err) != 0)
		return err->code;
	*object = l.object;
	return 0;
}

static int get_once(struct getting *g, bool held, struct err *err)
{
	return read_either(g->sftp, &(struct reading){ try_get, g }, held, err);
}

/* Is it still what was read (rule 4)? 1, 0, or an error. */
static int is_same(const struct getting *g, bool held, struct err *err)
{
	struct getting again = *g;
	again.cap = g->len + 1;
	again.out = malloc(again.cap);
	if (!again.out)
		return err_set(err, ERR_NOMEM, "out of memory");
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

static int sftp_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
                    size_t *len, struct err *err)
{
	struct sftp *s = (struct sftp *)b;
	struct getting g = { .sftp = s, .place = place_of(name), .offset = offset, .out = out,
		             .cap = cap };
	struct backend_object there;
	int rc = cap == 0 || offset > INT64_MAX - (uint64_t)cap
	                 ? sftp_stat(b, name, &there, err)
	                 : get_whole(&g, err);
	if (rc == 0)
		*len = g.len;
	return rc;
}

/* ---- put ---- */

/* Commands alone, on the top folder or whatever is in its place. */
static int command(struct sftp *s, struct net_call *call, struct request *r, struct err *err)
{
	char url[LOCATION_URL_MAX];
	location_url(&s->location, "sftp", "", url);
	r->no_content = true;
	*call = (struct net_call){ .url = url };
	return run(s, call, r, err);
}

static void command_at_best(struct sftp *s, const char *verb, const char *from, const char *to)
{
	char line[QUOTE_SIZE];
	struct err ignored;
	struct net_call call;
	struct request r = { .before = { line } };
	quote(line, verb, from, to);
	(void)command(s, &call, &r, &ignored);
	net_call_end(&call);
}

struct upload {
	struct request request;         /* first: prepare takes it for one */
	const struct backend_put *put;
	struct place place;
	char from[PATH_SIZE], to[PATH_SIZE], aside[PATH_SIZE];
	char lines[5][QUOTE_SIZE];
	struct net_call call;
};

/* Where the object is replaced: what a crashed writer left aside is put back or dropped, the old is
 * put aside, and is dropped when the new is in its place. */
static void plan_renames(struct upload *u)
{
	size_t n = 0;
	if (u->put->mode == BACKEND_REPLACE) {
		quote(u->lines[n++], "*rename", u->aside, u->to);
		quote(u->lines[n++], "*rm", u->aside, NULL);
		quote(u->lines[n++], "*rename", u->to, u->aside);
	}
	quote(u->lines[n++], "rename", u->from, u->to);
	if (u->put->mode == BACKEND_REPLACE)
		quote(u->lines[n++], "*rm", u->aside, NULL);
	for (size_t i = 0; i < n; i++)
		u->request.after[i] = u->lines[i];
}

/* Every attempt has a temporary of its own: the server may still be busy with the one before. */
static int prepare_upload(CURL *easy, struct net_call *call, void *arg, struct err *err)
{
	struct upload *u = arg;
	char temporary[40], url[LOCATION_URL_MAX];
	uint64_t random;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return err_sys(err, "getrandom");
	snprintf(temporary, sizeof temporary, TEMPORARY "%016" PRIx64, random);
	path_of(u->request.sftp, u->place.folder, "", temporary, u->from);
	url_of(u->request.sftp, u->place.folder, "", temporary, url);
	plan_renames(u);
	if (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK)
		return err_set(err, ERR_NOMEM, "out of memory");
	return prepare(easy, call, &u->request, err);
}

static int upload_once(struct upload *u, struct err *err)
{
	struct sftp *s = u->request.sftp;
	char url[LOCATION_URL_MAX];
	location_url(&s->location, "sftp", "", url);
	u->call = (struct net_call){ .url = url, .body = u->put->len ? u->put->data : "",
		                     .body_len = u->put->len, .prepare = prepare_upload,
		                     .unheard = u->call.unheard };
	int rc = run(s, &u->call, &u->request, err);
	net_call_end(&u->call);
	return rc;
}

/* Folders are made only once it is sure that the top's disk is there (rule 5). */
static int upload(struct sftp *s, struct upload *u, struct err *err)
{
	if (upload_once(u, err) != 0)
		return err->code;
	if (u->call.curl == CURLE_OK || u->call.curl == CURLE_QUOTE_ERROR ||
	    code_of(&u->call) != ERR_ABSENT)
		return 0;
	if (check_top(s, err) != 0)
		return err->code;
	u->request.make_folders = true;
	return upload_once(u, err);
}

static size_t note_free(char *line, size_t size, size_t count, void *arg)
{
	uint64_t *values = arg;   /* blocks, bytes of one */
	char text[512];
	size_t len = size * count < sizeof text ? size * count : sizeof text - 1;
	memcpy(text, line, len);
	text[len] = '\0';
	const char *blocks = strstr(text, "f_bavail: "), *bytes = strstr(text, "f_frsize: ");
	if (blocks)
		values[0] = strtoull(blocks + strlen("f_bavail: "), NULL, 10);
	if (bytes)
		values[1] = strtoull(bytes + strlen("f_frsize: "), NULL, 10);
	return size * count;
}

struct measuring {
	struct request request;   /* first: prepare takes it for one */
	uint64_t values[2];
};

static int prepare_measuring(CURL *easy, struct net_call *call, void *arg, struct err *err)
{
	struct measuring *m = arg;   /* its request is its first member */
	if (prepare(easy, call, &m->request, err) != 0)
		return err->code;
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, note_free);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, m->values);
	return 0;
}

/* SFTP 3 has no status for a full disk: OpenSSH says "failure". Its statvfs tells. */
static bool is_full(struct sftp *s, size_t need)
{
	char url[LOCATION_URL_MAX], path[PATH_SIZE], line[QUOTE_SIZE];
	struct err ignored;
	struct measuring m = { .request = { .no_content = true, .before = { line } },
		               .values = { UINT64_MAX, 0 } };
	path_of(s, "", "", "", path);
	quote(line, "statvfs", path, NULL);
	location_url(&s->location, "sftp", "", url);
	struct net_call call = { .url = url, .prepare = prepare_measuring };
	bool answered = run(s, &call, &m.request, &ignored) == 0 && call.curl == CURLE_OK;
	net_call_end(&call);
	return answered && m.values[1] > 0 && m.values[0] <= need / m.values[1];
}

static int already_there(struct err *err)
{
	return err_set(err, ERR_EXISTS, "is in the vault already");
}

/* The rename was refused. That the name is taken by an earlier attempt of this call is success. */
static int rename_refused(struct sftp *s, struct upload *u, struct err *err)
{
	struct backend_object there;
	struct err why;
	int rc = refused(s, &u->call, err);
	if (u->put->mode == BACKEND_NEW &&
	    stat_leaf(s, u->place.folder, "", u->place.leaf, &there, &why) == THERE) {
		int same = u->call.unheard ? readback_matches(&s->base, u->put, err) : 0;
		return same < 0 ? same : same ? 0 : already_there(err);
	}
	return rc == ERR_ABSENT || rc == ERR_EXISTS ? err->code = ERR_IO : rc;
}

static int upload_refused(struct sftp *s, struct upload *u, struct err *err)
{
	int rc = refused(s, &u->call, err);
	if (rc == ERR_ABSENT || rc == ERR_EXISTS)
		rc = err->code = ERR_IO;   /* its folder cannot be made */
	if ((rc == ERR_IO || rc == ERR_UNREACHABLE) && is_full(s, u->put->len))
		rc = err_set(err, ERR_SPACE, "the disk of %s is full", s->location.host);
	return rc;
}

static int put_uploaded(struct sftp *s, struct upload *u, struct err *err)
{
	if (u->call.curl == CURLE_OK)
		return 0;
	int rc = u->call.curl == CURLE_QUOTE_ERROR ? rename_refused(s, u, err)
	                                           : upload_refused(s, u, err);
	if (u->put->mode == BACKEND_REPLACE)
		command_at_best(s, "*rename", u->aside, u->to);
	command_at_best(s, "*rm", u->from, NULL);
	return rc;
}

static int put_once(struct sftp *s, struct upload *u, struct err *err)
{
	u->place = place_of(u->put->name);
	path_of(s, u->place.folder, "", u->place.leaf, u->to);
	path_of(s, u->place.folder, REPLACED, u->place.leaf, u->aside);
	if (upload(s, u, err) != 0)
		return err->code;
	int rc = put_uploaded(s, u, err);
	if (rc == 0)
		atomic_store(&s->seen, true);
	return rc;
}

static int sftp_put(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
                    struct err *err)
{
	struct sftp *s = (struct sftp *)b;
	struct upload *u = calloc(1, sizeof *u);
	if (!u)
		return err_set(err, ERR_NOMEM, "out of memory");
	u->request.sftp = s;
	u->put = put;
	if (tag)
		tag[0] = '\0';
	bool replace = put->mode == BACKEND_REPLACE;
	if (replace)
		pthread_mutex_lock(&s->replacing);
	int rc = put_once(s, u, err);
	if (replace)
		pthread_mutex_unlock(&s->replacing);
	free(u);
	return rc;
}

/* ---- remove ---- */

static int sftp_remove(struct backend *b, const char *name, struct err *err)
{
	struct sftp *s = (struct sftp *)b;
	struct place p = place_of(name);
	char path[PATH_SIZE], aside[PATH_SIZE], drop[QUOTE_SIZE], line[QUOTE_SIZE];
	struct net_call call;
	path_of(s, p.folder, "", p.leaf, path);
	path_of(s, p.folder, REPLACED, p.leaf, aside);
	/* first, or it would take the place of what is removed */
	quote(drop, "*rm", aside, NULL);
	quote(line, "rm", path, NULL);
	struct request r = { .before = { drop, line } };
	if (command(s, &call, &r, err) != 0)
		return err->code;
	net_call_end(&call);
	if (call.curl == CURLE_OK)
		return 0;
	int rc = refused(s, &call, err);
	struct err ignored;
	if (rc == ERR_ABSENT && call.unheard)
		return 0;   /* gone by an attempt whose answer was lost */
	if (rc == ERR_ABSENT || leaf_is_folder(s, p.folder, p.leaf, &ignored) == THERE)
		return absent(s, err);
	return rc;
}

/* ---- list ---- */

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
	    stat_leaf(s, folder, "", e->name, &exact, &ignored) != THERE)
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
	char path[PATH_SIZE];
	if (e->kind != SFTP_LIST_FILE || e->time_s > w->now_s - STALE_AFTER_S ||
	    stat_leaf(w->sftp, folder, "", e->name, &exact, &ignored) != THERE ||
	    exact.time_s > w->now_s - STALE_AFTER_S)
		return;
	path_of(w->sftp, folder, "", e->name, path);
	command_at_best(w->sftp, "*rm", path, NULL);
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
	int rc = stat_leaf(w->sftp, folder, "", e->name, &o, w->err);
	if (rc == THERE)
		return w->visit(w->arg, &o, w->err);
	if (rc == NOT_THERE)
		rc = leaf_is_folder(w->sftp, folder, e->name, w->err);
	return rc == THERE ? walk_below(w, len) : rc;
}

static int visit_replaced(struct walk *w, const char *folder, const char *leaf)
{
	struct backend_object o = { .name = w->name };
	int rc = stat_leaf(w->sftp, folder, "", leaf, &o, w->err);
	if (rc != NOT_THERE)
		return rc < 0 ? rc : 0;   /* it is listed itself */
	rc = stat_leaf(w->sftp, folder, REPLACED, leaf, &o, w->err);
	return rc == THERE ? w->visit(w->arg, &o, w->err) : rc;
}

static int walk_entry(struct walk *w, size_t len, struct sftp_list_entry *e)
{
	char folder[BACKEND_NAME_MAX + 2];
	const char *leaf = has_mark(e->name, REPLACED) ? e->name + strlen(REPLACED) : e->name;
	size_t more = strlen(leaf);
	memcpy(folder, w->name, len);
	folder[len] = '\0';
	if (has_mark(e->name, TEMPORARY))
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

/* NOT_THERE, THERE, or an error. */
static int read_folder(struct walk *w, struct buf *text)
{
	char url[LOCATION_URL_MAX];
	struct request r = { .no_content = false };
	url_of(w->sftp, w->name, "", "", url);
	struct net_call call = { .url = url, .text = text };
	int rc = run(w->sftp, &call, &r, w->err);
	net_call_end(&call);
	if (rc != 0)
		return rc;
	if (call.curl == CURLE_OK)
		return THERE;
	rc = refused(w->sftp, &call, w->err);
	return rc == ERR_ABSENT ? NOT_THERE : rc;
}

/* len is that of the folder's own part of w->name, with its '/'. */
static int walk_folder(struct walk *w, size_t len)
{
	AUTO(buf) text = buf_new(FOLDER_TEXT_MAX, w->err);
	if (!text)
		return w->err->code;
	int rc = read_folder(w, text);
	if (rc == NOT_THERE)
		return check_top(w->sftp, w->err);
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

static int sftp_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
                     struct err *err)
{
	struct walk w = { .sftp = (struct sftp *)b, .visit = visit, .arg = arg, .err = err };
	size_t len = strlen(prefix);
	w.now_s = (int64_t)time(NULL);
	memcpy(w.name, prefix, len + 1);
	return walk_folder(&w, len);
}

/* ---- what SFTP does not have ---- */

static int sftp_next_copy(struct backend *b, const char *name, struct err *err)
{
	(void)name;
	return no_such_object((struct sftp *)b, err);
}

static int sftp_retain(struct backend *b, const char *name, struct err *err)
{
	(void)b;
	(void)name;
	return err_set(err, ERR_INVALID, "what lies on an SFTP server cannot be locked");
}

static int sftp_traits(struct backend *b, struct backend_traits *traits, struct err *err)
{
	struct sftp *s = (struct sftp *)b;
	int rc = look_for_folder(s, "", err);
	if (rc < 0)
		return rc;
	traits->conditional = true;
	snprintf(traits->server, sizeof traits->server, "an SFTP server at %.60s", s->location.host);
	return 0;
}

/* ---- open, free ---- */

static void sftp_free(struct backend *b)
{
	struct sftp *s = (struct sftp *)b;
	net_free(s->net);   /* first: its thread uses the login */
	sftp_login_free(s->login);
	pthread_mutex_destroy(&s->replacing);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static int check_options(const struct backend_options *o, struct err *err)
{
	if (!o->as_of_s && !o->lock_s)
		return 0;
	err_set(err, ERR_INVALID, "an SFTP server keeps no older versions and no locks");
	return err_hint(err, "'lock' and '--as-of' are for s3:// with a versioned bucket");
}

static int sftp_start(struct sftp *s, const struct backend_options *o, struct err *err)
{
	if (check_options(o, err) != 0 || location_parse(&s->location, "sftp", o->location, err) != 0)
		return err->code;
	if (!s->location.user[0]) {
		err_set(err, ERR_INVALID, "sftp://%s: who is to log in there?", s->location.host);
		return err_hint(err, "it is written sftp://user@host/folder");
	}
	s->login = sftp_login_new(o, &s->location, err);
	if (!s->login)
		return err->code;
	s->net = net_new(o, "sftp", s->location.host, err);
	return s->net ? 0 : err->code;
}

extern const struct backend_ops backend_sftp;

static struct backend *sftp_open(const struct backend_options *options, struct err *err)
{
	struct sftp *s = calloc(1, sizeof *s);
	if (!s) {
		err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	s->base = (struct backend){ .ops = &backend_sftp, .remote = true };
	s->base.connections = options->connections ? options->connections : 4;
	pthread_mutex_init(&s->replacing, NULL);
	pthread_mutex_init(&s->lock, NULL);
	if (sftp_start(s, options, err) == 0)
		return &s->base;
	sftp_free(&s->base);
	return NULL;
}

const struct backend_ops backend_sftp = {
	.scheme = "sftp",
	.open = sftp_open,
	.free = sftp_free,
	.put = sftp_put,
	.get = sftp_get,
	.stat = sftp_stat,
	.list = sftp_list,
	.remove = sftp_remove,
	.next_copy = sftp_next_copy,
	.retain = sftp_retain,
	.traits = sftp_traits,
};
