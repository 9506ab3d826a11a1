#include "cli/notify.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/post.h"
#include "base/process.h"
#include "base/split.h"
#include "cli/config.h"
#include "cli/config_value.h"
#include "holdfast/err.h"

enum { NEWS_MAX_BYTES = 4 << 20, COMMAND_TIMEOUT_MS = 60000, FILE_MAX_BYTES = 4096 };

/* ---- addresses ---- */

/* The first line of a file that nobody else may read. */
static int read_secret_url(const char *path, char out[POST_URL_MAX], struct err *err)
{
	struct stat st;
	AUTO(buf) text = buf_new(FILE_MAX_BYTES, err);
	if (!text || io_read_file(path, text, err) != 0)
		return err->code;
	if (stat(path, &st) != 0)
		return err_sys(err, "%s", path);
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		err_set(err, ERR_DENIED, "%s: others can read this file, and it holds a secret", path);
		return err_hint(err, "chmod 600 '%s'", path);
	}
	const char *url = buf_text(text, err);
	if (!url)
		return err->code;
	size_t len = strcspn(url, "\r\n");
	if (len == 0 || len >= POST_URL_MAX)
		return err_set(err, ERR_INVALID, "%s: its first line is no address", path);
	memcpy(out, url, len);
	out[len] = '\0';
	struct err ignored;
	return config_value_check(VALUE_WEB, out, &ignored) == 0
	           ? 0 : err_set(err, ERR_INVALID, "%s: its first line is no address of the web", path);
}

/* "" where none is configured. */
static int url_of(const struct config *c, const char *key, char out[POST_URL_MAX], struct err *err)
{
	char file_key[32];
	const char *plain = config_run_value(c, key);
	snprintf(file_key, sizeof file_key, "%s-file", key);
	const char *file = config_run_value(c, file_key);
	snprintf(out, POST_URL_MAX, "%s", plain ? plain : "");
	return file ? read_secret_url(file, out, err) : 0;
}

int notify_check(const struct config *c, struct err *err)
{
	char url[POST_URL_MAX];
	if (url_of(c, "ping", url, err) != 0 || url_of(c, "notify", url, err) != 0)
		return err->code;
	return 0;
}

/* ---- pings ---- */

/* The suffix belongs to the path; a query may follow. */
static int with_suffix(const char *url, const char *suffix, char out[POST_URL_MAX], struct err *err)
{
	size_t path = strcspn(url, "?#");
	const char *rest = url + path;
	while (*suffix && path > 0 && url[path - 1] == '/')
		path--;
	if (snprintf(out, POST_URL_MAX, "%.*s%s%s", (int)path, url, suffix, rest) < POST_URL_MAX)
		return 0;
	return err_set(err, ERR_LIMIT, "the address is too long");
}

static int ping(const struct notify *n, const char *suffix, const char *body, struct err *err)
{
	char base[POST_URL_MAX], url[POST_URL_MAX];
	size_t len = strlen(body);
	struct post post = { .url = url, .type = "text/plain; charset=utf-8", .body = body,
		             .len = len < NOTIFY_SUMMARY_MAX ? len : NOTIFY_SUMMARY_MAX };
	struct err why;
	int rc = url_of(n->config, "ping", base, &why);
	if (rc == 0 && !*base)
		return 0;
	if (rc == 0)
		rc = with_suffix(base, suffix, url, &why);
	if (rc == 0)
		rc = post_send(&post, &why);
	if (rc == 0)
		return 0;
	err_wrap(&why, "ping");
	return n->problem(n->arg, &why, err);
}

/* ---- news ---- */

static int post_news(const struct notify *n, const struct buf *news, struct err *err)
{
	char url[POST_URL_MAX];
	struct post post = { .url = url, .type = "application/json", .body = news->bytes,
		             .len = news->len };
	struct err why;
	int rc = url_of(n->config, "notify", url, &why);
	if (rc == 0 && *url)
		rc = post_send(&post, &why);
	if (rc == 0)
		return 0;
	err_wrap(&why, "notify");
	return n->problem(n->arg, &why, err);
}

static int run_command(char **argv, const struct buf *news, struct err *err)
{
	static const char *const keep[] = { "HOME", "USER", "LOGNAME", "LANG", "LC_*", "TZ", NULL };
	const struct process_options o = { .argv = (const char *const *)argv, .keep_env = keep,
		                           .input = true };
	AUTO(process) p = process_start(&o, err);
	if (!p)
		return err->code;
	/* one that does not want to read it may end well all the same */
	struct err unread;
	if (process_write(p, news->bytes, news->len, COMMAND_TIMEOUT_MS, &unread) == 0)
		process_end_input(p, COMMAND_TIMEOUT_MS, &unread);
	return process_finish(p, COMMAND_TIMEOUT_MS, err);
}

static int command_news(const struct notify *n, const struct buf *news, struct err *err)
{
	const char *line = config_run_value(n->config, "notify-command");
	struct err why;
	if (!line)
		return 0;
	char **argv = split_words(line, &why);
	int rc = argv ? run_command(argv, news, &why) : why.code;
	split_free(argv);
	if (rc == 0)
		return 0;
	err_wrap(&why, "notify-command");
	return n->problem(n->arg, &why, err);
}

static bool is_told(const struct config *c, bool good)
{
	const char *when = config_run_value(c, "notify-when");
	return !good || (when && config_value_number(VALUE_WHEN, when) != 0);
}

int notify_start(const struct notify *n, struct err *err)
{
	return ping(n, "/start", "", err);
}

int notify_end(const struct notify *n, bool good, const char *summary, const json_t *news,
               struct err *err)
{
	AUTO(buf) text = buf_new(NEWS_MAX_BYTES, err);
	if (ping(n, good ? "" : "/fail", summary, err) != 0)
		return err->code;
	if (!news || !is_told(n->config, good))
		return 0;
	if (!text || json_encode(news, text, err) != 0 || post_news(n, text, err) != 0)
		return err->code;
	return command_news(n, text, err);
}
