#include "sftp_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sftp_login.h"

enum { SSH_ANSWERED = -31 };   /* LIBSSH2_ERROR_SFTP_PROTOCOL: the server gave a status */

int sftp_no_such_object(const struct sftp *s, struct err *err)
{
	return err_set(err, ERR_ABSENT, "no such object at %s", s->location.host);
}

/* ---- names ---- */

struct sftp_place sftp_place_of(const char *name)
{
	struct sftp_place p = { .leaf = name };
	const char *slash = strrchr(name, '/');
	if (slash) {
		memcpy(p.folder, name, (size_t)(slash + 1 - name));
		p.leaf = slash + 1;
	}
	return p;
}

/* SFTP resolves a relative path against the home. */
void sftp_path_of(const struct sftp *s, const char *folder, const char *mark, const char *leaf,
                  char out[SFTP_PATH_SIZE])
{
	const char *top = s->location.path;
	bool home = strcmp(top, "/~") == 0 || strncmp(top, "/~/", 3) == 0;
	const char *base = !home ? top : top[2] ? top + 3 : ".";
	snprintf(out, SFTP_PATH_SIZE, "%s/%s%s%s", base, folder, mark, leaf);
}

void sftp_url_of(const struct sftp *s, const char *folder, const char *mark, const char *leaf,
                 char out[LOCATION_URL_MAX])
{
	char name[SFTP_PATH_SIZE];
	snprintf(name, sizeof name, "%s%s%s", folder, mark, leaf);
	location_url(&s->location, "sftp", name, out);
}

/* ---- calls ---- */

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

void sftp_quote(char out[SFTP_QUOTE_SIZE], const char *verb, const char *from, const char *to)
{
	int n = snprintf(out, SFTP_QUOTE_SIZE, "%s", verb);
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

int sftp_prepare(CURL *easy, struct net_call *call, void *arg, struct err *err)
{
	struct sftp_request *r = arg;
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

/* What libcurl says of a command whose answer did not come. */
static const char *const unanswered[] = {
	"Unknown error in libssh2", "Connection to SFTP server lost", "Not connected to SFTP server",
};

/* An upload's message ends with two numbers, SFTP's status, which may be an old one, and libssh2's. */
static bool is_upload_lost(const char *said)
{
	const char *numbers = strstr(said, "/-");
	return numbers && strtol(numbers + 1, NULL, 10) != SSH_ANSWERED;
}

/* CURLE_SSH without a word of the server's is a connection lost, and a folder that was read as a file. */
static bool is_lost(const struct net_call *call)
{
	if (is_upload_lost(call->said))
		return true;
	if (call->curl == CURLE_SSH)
		return !strstr(call->said, "failed: ");
	for (size_t i = 0; i < sizeof unanswered / sizeof *unanswered; i++)
		if (call->curl == CURLE_QUOTE_ERROR && strstr(call->said, unanswered[i]))
			return true;
	return false;
}

static bool lost(const struct net_call *call, void *arg)
{
	(void)arg;
	return is_lost(call) && call->attempts < SFTP_LOST_TRIES;
}

int sftp_run(struct sftp *s, struct net_call *call, struct sftp_request *r, struct err *err)
{
	r->sftp = s;
	if (!call->prepare)
		call->prepare = sftp_prepare;
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

enum err_code sftp_code_of(const struct net_call *call)
{
	if (is_lost(call))
		return ERR_UNREACHABLE;
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
	return ERR_IO;
}

int sftp_refused(const struct sftp *s, const struct net_call *call, struct err *err)
{
	const char *said = call->said[0] ? call->said : curl_easy_strerror(call->curl);
	return err_set(err, sftp_code_of(call), "%s: %s", s->location.host, said);
}

/* ---- commands alone ---- */

/* On the top folder, or whatever is in its place. */
int sftp_command(struct sftp *s, struct net_call *call, struct sftp_request *r, struct err *err)
{
	char url[LOCATION_URL_MAX];
	location_url(&s->location, "sftp", "", url);
	r->no_content = true;
	*call = (struct net_call){ .url = url };
	return sftp_run(s, call, r, err);
}

void sftp_command_at_best(struct sftp *s, const char *verb, const char *from, const char *to)
{
	char line[SFTP_QUOTE_SIZE];
	struct err ignored;
	struct net_call call;
	struct sftp_request r = { .before = { line } };
	sftp_quote(line, verb, from, to);
	(void)sftp_command(s, &call, &r, &ignored);
	net_call_end(&call);
}
