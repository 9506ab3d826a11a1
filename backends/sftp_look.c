#include "sftp_look.h"

#include <stdio.h>

/* SFTP_NOT_THERE, SFTP_THERE, or an error. For a folder, url ends with '/'. */
static int look(struct sftp *s, const char *url, struct net_call *call, struct err *err)
{
	struct sftp_request r = { .head = true };
	*call = (struct net_call){ .url = url };
	if (sftp_run(s, call, &r, err) != 0)
		return err->code;
	if (call->curl != CURLE_OK)
		return sftp_refused(s, call, err) == ERR_ABSENT ? SFTP_NOT_THERE : err->code;
	return call->time_s == -1 ? SFTP_NOT_THERE : SFTP_THERE;
}

/* A path with '/' behind it is there only if it is a folder. */
int sftp_look_for_folder(struct sftp *s, const char *folder, struct err *err)
{
	char url[LOCATION_URL_MAX];
	struct net_call call;
	sftp_url_of(s, folder, "", "", url);
	int rc = look(s, url, &call, err);
	net_call_end(&call);
	return rc;
}

/* Rule 5 of sftp.c: where something is absent, is the whole vault? */
int sftp_check_top(struct sftp *s, struct err *err)
{
	bool seen = atomic_load(&s->seen);
	int rc = sftp_look_for_folder(s, "", err);
	if (rc < 0)
		return rc;
	if (rc == SFTP_THERE)
		atomic_store(&s->seen, true);
	if (rc == SFTP_THERE || !seen)
		return 0;
	err_set(err, ERR_UNREACHABLE, "the folder %s of %s was there and is gone",
	        s->location.path[0] ? s->location.path : "/", s->location.host);
	return err_hint(err, "is the server's disk mounted?");
}

int sftp_absent(struct sftp *s, struct err *err)
{
	if (sftp_check_top(s, err) != 0)
		return err->code;
	return sftp_no_such_object(s, err);
}

int sftp_leaf_is_folder(struct sftp *s, const char *folder, const char *leaf, struct err *err)
{
	char name[SFTP_PATH_SIZE];
	snprintf(name, sizeof name, "%s%s/", folder, leaf);
	return sftp_look_for_folder(s, name, err);
}

/* SFTP_NOT_THERE, SFTP_THERE, or an error. */
int sftp_stat_leaf(struct sftp *s, const char *folder, const char *mark, const char *leaf,
                   struct backend_object *o, struct err *err)
{
	char url[LOCATION_URL_MAX];
	struct net_call call;
	sftp_url_of(s, folder, mark, leaf, url);
	int rc = look(s, url, &call, err);
	uint64_t size = call.total == UINT64_MAX ? 0 : call.total;   /* libcurl does not tell 0 */
	int64_t time_s = call.time_s;
	net_call_end(&call);
	if (rc != SFTP_THERE)
		return rc;
	if (*mark == '\0') {
		rc = sftp_leaf_is_folder(s, folder, leaf, err);
		if (rc != SFTP_NOT_THERE)
			return rc < 0 ? rc : SFTP_NOT_THERE;
	}
	atomic_store(&s->seen, true);
	o->size_bytes = size;
	o->time_s = time_s;
	return SFTP_THERE;
}
