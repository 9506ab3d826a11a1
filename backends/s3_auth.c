#include "s3_auth.h"

#include <ini.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "login.h"
#include "s3_role.h"

enum {
	FILE_MAX = 256 << 10,
	PATH_BYTES = 4096,
	PROFILE_MAX = 49,      /* of a section's name, as Debian builds inih */
	PIECE = 150,           /* its lines hold 200 bytes, session tokens a thousand */
	RENEW_BEFORE_S = 300,
};

enum source { FROM_FILE, FROM_ENVIRONMENT, FROM_CONTAINER, FROM_MACHINE };

struct s3_auth {
	enum source source;
	char *path;                    /* FROM_FILE */
	char profile[PROFILE_MAX + 1];
	const volatile sig_atomic_t *stop;
	pthread_mutex_t lock;          /* over keys */
	struct s3_keys keys;           /* id "": none yet */
};

static const char *environment(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

/* ---- the file ---- */

struct lines {
	const char *at, *end;
	bool in_line;    /* the rest of a line too long for inih */
};

/* The rest of a long one would pass for the rest of the value above it. */
static bool is_comment(const char *line, size_t len)
{
	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	return len > 0 && (*line == '#' || *line == ';');
}

/* fgets for inih. What is too long for one of its lines goes on in an indented one, as it knows it. */
static char *next_line(char *out, int cap, void *arg)
{
	struct lines *l = arg;
	if (l->at == l->end || cap < PIECE + 3)
		return NULL;
	const char *newline = memchr(l->at, '\n', (size_t)(l->end - l->at));
	size_t left = (size_t)((newline ? newline : l->end) - l->at);
	if (!l->in_line && is_comment(l->at, left)) {
		l->at += left;
		left = 0;
	}
	size_t take = left < PIECE ? left : PIECE;
	size_t indent = l->in_line ? 1 : 0;
	out[0] = ' ';
	memcpy(out + indent, l->at, take);
	memcpy(out + indent + take, "\n", 2);
	l->in_line = take < left;
	l->at += take + (take == left && newline);
	return out;
}

struct profile {
	const char *name;
	bool found;
	bool too_long;
	struct s3_keys *keys;
};

static bool append(char *out, size_t cap, const char *value)
{
	size_t used = strlen(out), len = strlen(value);
	if (len >= cap - used)
		return false;
	memcpy(out + used, value, len + 1);
	return true;
}

static int on_entry(void *arg, const char *section, const char *name, const char *value)
{
	struct profile *p = arg;
	struct s3_keys *k = p->keys;
	bool fits = true;
	if (strcmp(section, p->name) != 0)
		return 1;
	p->found = true;
	if (strcmp(name, "aws_access_key_id") == 0)
		fits = append(k->id, sizeof k->id, value);
	else if (strcmp(name, "aws_secret_access_key") == 0)
		fits = append(k->secret, sizeof k->secret, value);
	else if (strcmp(name, "aws_session_token") == 0)
		fits = append(k->token, sizeof k->token, value);
	p->too_long = p->too_long || !fits;
	return 1;
}

/* They become parts of a header line. */
static bool printable(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static int check_keys(const struct s3_keys *k, const char *where, struct err *err)
{
	if (!k->id[0] || !k->secret[0])
		return err_set(err, ERR_INVALID, "%s: access key and secret key are not both there", where);
	if (!printable(k->id) || !printable(k->secret) || !printable(k->token))
		return err_set(err, ERR_INVALID, "%s: a blank or other strange character in a key", where);
	return 0;
}

static int parse(struct s3_keys *keys, const struct buf *text, const char *path, const char *profile,
                 struct err *err)
{
	struct profile p = { .name = profile, .keys = keys };
	struct lines lines = { .at = (const char *)text->bytes };
	lines.end = lines.at + text->len;
	if (text->len && memchr(text->bytes, '\0', text->len))
		return err_set(err, ERR_INVALID, "%s: is not a text file", path);
	int line = ini_parse_stream(next_line, &lines, on_entry, &p);
	if (line != 0)
		return err_set(err, ERR_INVALID, "%s: a line cannot be understood (%d or near it)", path,
		               line);
	if (!p.found) {
		err_set(err, ERR_ABSENT, "%s: there is no profile [%s]", path, profile);
		return err_hint(err, "name one with 'profile', or AWS_PROFILE");
	}
	if (p.too_long)
		return err_set(err, ERR_INVALID, "%s: a key in [%s] is too long for one", path, profile);
	return check_keys(keys, path, err);
}

int s3_keys_read(struct s3_keys *keys, const char *path, const char *profile, struct err *err)
{
	struct s3_keys found = { 0 };
	AUTO(buf) text = buf_new(FILE_MAX, err);
	if (!text)
		return err->code;
	int rc = login_read_private(path, "credentials file", text, err);
	if (rc == 0)
		rc = parse(&found, text, path, profile, err);
	if (rc == 0)
		*keys = found;
	explicit_bzero(&found, sizeof found);
	return rc;
}

/* ---- the environment ---- */

static int from_environment(struct s3_keys *k, struct err *err)
{
	const char *secret = environment("AWS_SECRET_ACCESS_KEY");
	const char *token = environment("AWS_SESSION_TOKEN");
	bool fit = append(k->id, sizeof k->id, environment("AWS_ACCESS_KEY_ID")) &&
	           append(k->secret, sizeof k->secret, secret ? secret : "") &&
	           append(k->token, sizeof k->token, token ? token : "");
	if (!fit)
		return err_set(err, ERR_INVALID, "AWS_ACCESS_KEY_ID and its like: too long for keys");
	return check_keys(k, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY", err);
}

/* ---- which of them ---- */

static char *default_path(void)
{
	const char *path = environment("AWS_SHARED_CREDENTIALS_FILE"), *home = environment("HOME");
	char text[PATH_BYTES];
	if (path)
		return strdup(path);
	int n = home ? snprintf(text, sizeof text, "%s/.aws/credentials", home) : -1;
	return n > 0 && (size_t)n < sizeof text ? strdup(text) : NULL;
}

static int use_file(struct s3_auth *a, const char *path, struct err *err)
{
	a->source = FROM_FILE;
	if (!a->path)
		a->path = path ? strdup(path) : default_path();
	if (!a->path)
		return err_set(err, ERR_ABSENT, "there is no file with credentials");
	return s3_keys_read(&a->keys, a->path, a->profile, err);
}

static int nothing_found(struct err *err)
{
	err_set(err, ERR_DENIED, "no credentials for s3:// were found");
	return err_hint(err, "set 'credentials' to a file with aws_access_key_id and "
	                     "aws_secret_access_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
}

static int choose(struct s3_auth *a, const struct backend_options *o, bool amazon, struct err *err)
{
	if (o->credentials || o->profile)
		return use_file(a, o->credentials, err);
	if (environment("AWS_ACCESS_KEY_ID")) {
		a->source = FROM_ENVIRONMENT;
		return from_environment(&a->keys, err);
	}
	int rc = use_file(a, NULL, err);
	if (rc != ERR_ABSENT || environment("AWS_PROFILE"))
		return rc;
	a->source = s3_role_in_container() ? FROM_CONTAINER : FROM_MACHINE;
	if (a->source == FROM_CONTAINER || s3_role_in_machine(amazon))
		return 0;
	return nothing_found(err);
}

static int set_profile(struct s3_auth *a, const char *profile, struct err *err)
{
	if (!profile)
		profile = environment("AWS_PROFILE");
	if (!profile)
		profile = "default";
	if (strlen(profile) > PROFILE_MAX)
		return err_set(err, ERR_INVALID, "the profile's name is longer than %d bytes", PROFILE_MAX);
	memcpy(a->profile, profile, strlen(profile) + 1);
	return 0;
}

struct s3_auth *s3_auth_new(const struct backend_options *options, bool amazon, struct err *err)
{
	AUTO(s3_auth) a = calloc(1, sizeof *a);
	if (!a) {
		err_no_memory(err);
		return NULL;
	}
	pthread_mutex_init(&a->lock, NULL);
	a->stop = options->stop;
	if (set_profile(a, options->profile, err) != 0 || choose(a, options, amazon, err) != 0)
		return NULL;
	return TAKE(a);
}

void s3_auth_free(struct s3_auth *a)
{
	if (!a)
		return;
	pthread_mutex_destroy(&a->lock);
	free(a->path);
	explicit_bzero(a, sizeof *a);
	free(a);
}

/* ---- keeping them fresh ---- */

static int fetch(const struct s3_auth *a, struct s3_keys *keys, struct err *err)
{
	const struct backend_options options = { .stop = a->stop };
	if (a->source == FROM_FILE)
		return s3_keys_read(keys, a->path, a->profile, err);
	if (a->source == FROM_CONTAINER)
		return s3_role_of_container(keys, &options, err);
	return s3_role_of_machine(keys, &options, err);
}

static int refresh(struct s3_auth *a, struct err *err)
{
	struct s3_keys fresh = { 0 };
	int rc = fetch(a, &fresh, err);
	if (rc == 0)
		a->keys = fresh;
	explicit_bzero(&fresh, sizeof fresh);
	return rc;
}

int s3_auth_keys(struct s3_auth *a, struct s3_keys *keys, struct err *err)
{
	int rc = 0;
	pthread_mutex_lock(&a->lock);
	int64_t left = a->keys.expires_s ? a->keys.expires_s - (int64_t)time(NULL) : INT64_MAX;
	if (!a->keys.id[0] || left < RENEW_BEFORE_S) {
		rc = refresh(a, err);
		/* what still holds for a while is better than nothing */
		if (rc != 0 && a->keys.id[0] && left > 0)
			rc = 0;
	}
	if (rc == 0)
		*keys = a->keys;
	pthread_mutex_unlock(&a->lock);
	return rc;
}

bool s3_auth_renew(struct s3_auth *a)
{
	struct err ignored;
	if (a->source == FROM_ENVIRONMENT)
		return false;
	pthread_mutex_lock(&a->lock);
	bool renewed = refresh(a, &ignored) == 0;
	pthread_mutex_unlock(&a->lock);
	return renewed;
}
