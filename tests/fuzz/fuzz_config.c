/* fuzz_config - every value arrives exactly as it stands in its line, or the file is refused. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config.h"
#include "base/ini_guard.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct input {
	const char *text;
	size_t len;
};

/* The text of a line, numbered from 1, without blanks around it. */
static size_t line_at(const struct input *in, unsigned number, const char **line)
{
	const char *at = in->text, *end = in->text + in->len;
	while (--number > 0)
		at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
	const char *newline = memchr(at, '\n', (size_t)(end - at));
	if (newline)
		end = newline;
	while (at < end && isspace((unsigned char)*at))
		at++;
	while (end > at && isspace((unsigned char)end[-1]))
		end--;
	*line = at;
	return (size_t)(end - at);
}

static int on_section(void *arg, const struct ini_place *at, const char *section, struct err *err)
{
	const char *line;
	size_t len = line_at(arg, at->line, &line), name = strlen(section);
	(void)err;
	/* a byte order mark may stand before it */
	if (len < name + 2 || memcmp(line + len - 1 - name, section, name) != 0 ||
	    line[len - 2 - name] != '[')
		abort();
	return 0;
}

static int on_entry(void *arg, const struct ini_place *at, const char *key, const char *value,
                    struct err *err)
{
	const char *line;
	size_t len = line_at(arg, at->line, &line), value_len = strlen(value);
	(void)err;
	if (len < value_len || memcmp(line + len - value_len, value, value_len) != 0)
		abort();
	size_t left = len - value_len;
	while (left > 0 && isspace((unsigned char)line[left - 1]))
		left--;
	if (left == 0 || line[left - 1] != '=' || !memmem(line, left, key, strlen(key)))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	struct input in = { (const char *)data, len };
	const struct ini_visitor visitor = { .section = on_section, .entry = on_entry, .arg = &in };
	int rc = ini_guard_read("fuzz", in.text, len, &visitor, &err);
	if (rc != 0 && rc != ERR_INVALID)
		abort();

	AUTO(config) c = config_new(&err);
	if (!c)
		return 0;
	if (config_add(c, "fuzz", in.text, len, &err) == 0 && rc != 0)
		abort();
	(void)config_complete(c, &err);
	return 0;
}
