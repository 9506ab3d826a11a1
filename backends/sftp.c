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
 * 6. Where a command's answer is lost with the connection, libcurl tells the status of an older answer,
 *    mostly that something is absent. So that is not believed of commands: what is there decides.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "sftp_call.h"
#include "sftp_login.h"
#include "sftp_look.h"
#include "sftp_put.h"
#include "sftp_read.h"
#include "sftp_walk.h"

/* ---- remove ---- */

static int remove_once(struct sftp *s, const struct sftp_place *p, struct err *err)
{
	char path[SFTP_PATH_SIZE], aside[SFTP_PATH_SIZE], drop[SFTP_QUOTE_SIZE], line[SFTP_QUOTE_SIZE];
	struct net_call call;
	sftp_path_of(s, p->folder, "", p->leaf, path);
	sftp_path_of(s, p->folder, SFTP_REPLACED, p->leaf, aside);
	/* first, or it would take the place of what is removed */
	sftp_quote(drop, "*rm", aside, NULL);
	sftp_quote(line, "rm", path, NULL);
	struct sftp_request r = { .before = { drop, line } };
	int rc = sftp_command(s, &call, &r, err);
	net_call_end(&call);
	if (rc != 0 || call.curl == CURLE_OK)
		return rc;
	return sftp_refused(s, &call, err);
}

/* SFTP_NOT_THERE, SFTP_THERE, or an error. */
static int is_there(struct sftp *s, const struct sftp_place *p, struct err *err)
{
	struct backend_object o;
	int rc = sftp_stat_leaf(s, p->folder, "", p->leaf, &o, err);
	return rc == SFTP_NOT_THERE ? sftp_stat_leaf(s, p->folder, SFTP_REPLACED, p->leaf, &o, err) : rc;
}

static int sftp_remove(struct backend *b, const char *name, struct err *err)
{
	struct sftp *s = (struct sftp *)b;
	struct sftp_place p = sftp_place_of(name);
	int there = is_there(s, &p, err);
	if (there != SFTP_THERE)
		return there < 0 ? there : sftp_absent(s, err);
	for (int i = 0; i < SFTP_LOST_TRIES && there == SFTP_THERE; i++) {
		int rc = remove_once(s, &p, err);
		if (rc != ERR_ABSENT)
			return rc;
		there = is_there(s, &p, err);   /* rule 6 */
	}
	if (there == SFTP_NOT_THERE)
		return 0;
	return there < 0 ? there : err_set(err, ERR_UNREACHABLE, "%s: connections are lost again and "
	                                   "again", s->location.host);
}

/* ---- what SFTP does not have ---- */

static int sftp_next_copy(struct backend *b, const char *name, struct err *err)
{
	(void)name;
	return sftp_no_such_object((struct sftp *)b, err);
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
	int rc = sftp_look_for_folder(s, "", err);
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
		err_no_memory(err);
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
