#include "sftp_put.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "readback.h"
#include "sftp_look.h"

struct upload {
	struct sftp_request request;         /* first: prepare takes it for one */
	const struct backend_put *put;
	struct sftp_place place;
	char from[SFTP_PATH_SIZE], to[SFTP_PATH_SIZE], aside[SFTP_PATH_SIZE];
	char lines[5][SFTP_QUOTE_SIZE];
	struct net_call call;
};

/* Where the object is replaced: what a crashed writer left aside is put back or dropped, the old is
 * put aside, and is dropped when the new is in its place. */
static void plan_renames(struct upload *u)
{
	size_t n = 0;
	if (u->put->mode == BACKEND_REPLACE) {
		sftp_quote(u->lines[n++], "*rename", u->aside, u->to);
		sftp_quote(u->lines[n++], "*rm", u->aside, NULL);
		sftp_quote(u->lines[n++], "*rename", u->to, u->aside);
	}
	sftp_quote(u->lines[n++], "rename", u->from, u->to);
	if (u->put->mode == BACKEND_REPLACE)
		sftp_quote(u->lines[n++], "*rm", u->aside, NULL);
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
	snprintf(temporary, sizeof temporary, SFTP_TEMPORARY "%016" PRIx64, random);
	sftp_path_of(u->request.sftp, u->place.folder, "", temporary, u->from);
	sftp_url_of(u->request.sftp, u->place.folder, "", temporary, url);
	plan_renames(u);
	if (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK)
		return err_no_memory(err);
	return sftp_prepare(easy, call, &u->request, err);
}

static int upload_once(struct upload *u, struct err *err)
{
	struct sftp *s = u->request.sftp;
	char url[LOCATION_URL_MAX];
	location_url(&s->location, "sftp", "", url);
	u->call = (struct net_call){ .url = url, .body = u->put->len ? u->put->data : "",
		                     .body_len = u->put->len, .prepare = prepare_upload,
		                     .unheard = u->call.unheard };
	int rc = sftp_run(s, &u->call, &u->request, err);
	net_call_end(&u->call);
	return rc;
}

/* Folders are made only once it is sure that the top's disk is there (rule 5 of sftp.c). */
static int upload(struct sftp *s, struct upload *u, struct err *err)
{
	if (upload_once(u, err) != 0)
		return err->code;
	if (u->call.curl == CURLE_OK || u->call.curl == CURLE_QUOTE_ERROR ||
	    sftp_code_of(&u->call) != ERR_ABSENT)
		return 0;
	if (sftp_check_top(s, err) != 0)
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
	struct sftp_request request;   /* first: prepare takes it for one */
	uint64_t values[2];
};

static int prepare_measuring(CURL *easy, struct net_call *call, void *arg, struct err *err)
{
	struct measuring *m = arg;   /* its request is its first member */
	if (sftp_prepare(easy, call, &m->request, err) != 0)
		return err->code;
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, note_free);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, m->values);
	return 0;
}

/* SFTP 3 has no status for a full disk: OpenSSH says "failure". Its statvfs tells. */
static bool is_full(struct sftp *s, size_t need)
{
	char url[LOCATION_URL_MAX], path[SFTP_PATH_SIZE], line[SFTP_QUOTE_SIZE];
	struct err ignored;
	struct measuring m = { .request = { .no_content = true, .before = { line } },
		               .values = { UINT64_MAX, 0 } };
	sftp_path_of(s, "", "", "", path);
	sftp_quote(line, "statvfs", path, NULL);
	location_url(&s->location, "sftp", "", url);
	struct net_call call = { .url = url, .prepare = prepare_measuring };
	bool answered = sftp_run(s, &call, &m.request, &ignored) == 0 && call.curl == CURLE_OK;
	net_call_end(&call);
	return answered && m.values[1] > 0 && m.values[0] <= need / m.values[1];
}

/* The name is taken: by this attempt, if its temporary went there; or by an earlier one of this call? */
static int name_taken(struct sftp *s, struct upload *u, struct err *err)
{
	struct backend_object temporary;
	struct err ignored;
	const char *random = strrchr(u->from, '/') + 1 + strlen(SFTP_TEMPORARY);
	if (sftp_stat_leaf(s, u->place.folder, SFTP_TEMPORARY, random, &temporary, &ignored) ==
	    SFTP_NOT_THERE)
		return 0;
	return readback_taken(&s->base, u->put, u->call.unheard, NULL, err);
}

/* The rename was refused, or its answer was lost: libcurl then gives the last one it had (rule 6 of
 * sftp.c), so what is there decides. */
static int rename_refused(struct sftp *s, struct upload *u, struct err *err)
{
	struct backend_object there;
	struct err why;
	int rc = sftp_refused(s, &u->call, err);
	if (u->put->mode == BACKEND_NEW &&
	    sftp_stat_leaf(s, u->place.folder, "", u->place.leaf, &there, &why) == SFTP_THERE)
		return name_taken(s, u, err);
	return rc == ERR_EXISTS ? err->code = ERR_IO : rc;
}

static int upload_refused(struct sftp *s, struct upload *u, struct err *err)
{
	int rc = sftp_refused(s, &u->call, err);
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
		sftp_command_at_best(s, "*rename", u->aside, u->to);
	if (rc != 0)
		sftp_command_at_best(s, "*rm", u->from, NULL);
	return rc;
}

static int put_once(struct sftp *s, struct upload *u, struct err *err)
{
	u->place = sftp_place_of(u->put->name);
	sftp_path_of(s, u->place.folder, "", u->place.leaf, u->to);
	sftp_path_of(s, u->place.folder, SFTP_REPLACED, u->place.leaf, u->aside);
	int rc = ERR_ABSENT;
	/* what was just uploaded into the same folder is not absent: the answer is an old one (rule 6) */
	for (int i = 0; i < SFTP_LOST_TRIES && rc == ERR_ABSENT; i++) {
		if (upload(s, u, err) != 0)
			return err->code;
		rc = put_uploaded(s, u, err);
		u->call.unheard = true;
	}
	if (rc == 0)
		atomic_store(&s->seen, true);
	return rc == ERR_ABSENT ? err->code = ERR_UNREACHABLE : rc;
}

int sftp_put(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
             struct err *err)
{
	struct sftp *s = (struct sftp *)b;
	struct upload *u = calloc(1, sizeof *u);
	if (!u)
		return err_no_memory(err);
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
