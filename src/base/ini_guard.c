#include "base/ini_guard.h"

#include <ctype.h>
#include <ini.h>
#include <string.h>

#include "holdfast/err.h"

/* inih's own limits, as Debian builds it; a line needs room for "\r\n" and a NUL */
enum { LINE_MAX_BYTES = 200 - 3, NAME_MAX_BYTES = 49 };

struct guard {
	const char *at, *end;
	struct ini_place place;
	const struct ini_visitor *visitor;
	struct err *err;
	int rc;
};

static int refuse(struct guard *g, const char *fact, const char *hint)
{
	g->rc = err_set(g->err, ERR_INVALID, "%s:%u: %s", g->place.file, g->place.line, fact);
	if (hint)
		err_hint(g->err, "%s", hint);
	return g->rc;
}

static size_t trimmed(const char **line, size_t len)
{
	while (len > 0 && isspace((unsigned char)**line)) {
		++*line;
		len--;
	}
	while (len > 0 && isspace((unsigned char)(*line)[len - 1]))
		len--;
	return len;
}

static int section_line(struct guard *g, const char *line, size_t len)
{
	const char *close = memchr(line, ']', len);
	char name[NAME_MAX_BYTES + 1];
	if (!close)
		return refuse(g, "']' is missing", NULL);
	if (close != line + len - 1)
		return refuse(g, "text behind ']'", "comments have lines of their own");
	if (len - 2 > NAME_MAX_BYTES)
		return refuse(g, "a section's name is longer than 49 bytes", g->visitor->long_name);
	memcpy(name, line + 1, len - 2);
	name[len - 2] = '\0';
	if (strstr(name, " ;") || strstr(name, "\t;"))
		return refuse(g, "' ;' in a section's name", NULL);
	g->rc = g->visitor->section(g->visitor->arg, &g->place, name, g->err);
	return g->rc;
}

static int check_comment(struct guard *g, const char *line, size_t len)
{
	for (size_t i = 1; i < len; i++)
		if (line[i] == ';' && isspace((unsigned char)line[i - 1]))
			return refuse(g, "everything from ' ;' on would be cut off",
			              "comments have lines of their own; a command that needs ' ;' "
			              "goes into a script");
	return 0;
}

static int entry_line(struct guard *g, const char *line, size_t len)
{
	size_t key_len = 0;
	while (key_len < len && line[key_len] != '=' && line[key_len] != ':')
		key_len++;
	if (key_len == len)
		return refuse(g, "not 'key = value'", NULL);
	if (line[key_len] == ':')
		return refuse(g, "':' where '=' is expected", NULL);
	while (key_len > 0 && isspace((unsigned char)line[key_len - 1]))
		key_len--;
	if (key_len == 0)
		return refuse(g, "a key is missing before '='", NULL);
	if (key_len > NAME_MAX_BYTES)
		return refuse(g, "a key is longer than 49 bytes", NULL);
	return check_comment(g, line, len);
}

static int check_line(struct guard *g, const char *line, size_t len)
{
	if (memchr(line, '\0', len))
		return refuse(g, "a NUL byte", "is this a text file?");
	if (len > LINE_MAX_BYTES)
		return refuse(g, "the line is longer than 197 bytes", g->visitor->long_line);
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)line[i]) && line[i] != '\t')
			return refuse(g, "a control character", NULL);
	return *line == '[' ? section_line(g, line, len) : entry_line(g, line, len);
}

static void next_line(struct guard *g, const char **line, size_t *len)
{
	const char *newline = memchr(g->at, '\n', (size_t)(g->end - g->at));
	*line = g->at;
	*len = (size_t)((newline ? newline : g->end) - g->at);
	g->at = newline ? newline + 1 : g->end;
	g->place.line++;
	*len = trimmed(line, *len);
}

/* fgets for inih: one checked line at a time, comments as empty lines, nothing after an error */
static char *read_line(char *out, int cap, void *stream)
{
	struct guard *g = stream;
	const char *line;
	size_t len;
	if (g->rc != 0 || g->at == g->end || cap < LINE_MAX_BYTES + 3)
		return NULL;
	next_line(g, &line, &len);
	if (len > 0 && (*line == '#' || *line == ';'))
		len = 0;
	if (len > 0 && check_line(g, line, len) != 0)
		return NULL;
	memcpy(out, line, len);
	memcpy(out + len, "\n", 2);
	return out;
}

static int on_entry(void *user, const char *section, const char *name, const char *value)
{
	struct guard *g = user;
	(void)section;
	if (g->rc == 0)
		g->rc = g->visitor->entry(g->visitor->arg, &g->place, name, value, g->err);
	return g->rc == 0;
}

int ini_guard_read(const char *file, const char *text, size_t len,
                   const struct ini_visitor *visitor, struct err *err)
{
	struct guard g = { text, text + len, { file, 0 }, visitor, err, 0 };
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		g.at += 3;
	int line = ini_parse_stream(read_line, &g, on_entry, &g);
	if (g.rc != 0)
		return g.rc;
	if (line != 0 || g.at != g.end)
		return err_set(err, ERR_INVALID, "%s:%d: cannot be understood", file, line);
	return 0;
}

int ini_guard_writable(const char *key, const char *value, struct err *err)
{
	struct guard g = { value, value, { key, 0 }, NULL, err, 0 };
	size_t len = strlen(value);
	const char *kept = value;
	for (const char *p = value; *p; p++)
		if (iscntrl((unsigned char)*p))
			return err_set(err, ERR_INVALID,
			               "%s: a control character cannot stand in the configuration", key);
	if (len == 0 || trimmed(&kept, len) != len)
		return err_set(err, ERR_INVALID,
		               "%s: a value can be neither empty nor begin or end with a blank", key);
	if (strlen(key) + 3 + len > LINE_MAX_BYTES)
		return err_set(err, ERR_INVALID, "%s: too long for a line of the configuration",
		               key);
	if (*value == ';')
		return err_set(err, ERR_INVALID, "%s: cannot begin with ';'", key);
	if (check_comment(&g, value, len) != 0)
		return err_set(err, ERR_INVALID, "%s: ' ;' cannot stand in the configuration", key);
	return 0;
}
