#include "cli/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err_word.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"
#include "cli/live.h"
#include "cli/text.h"
#include "holdfast/err.h"

enum { JSON_LINE_MAX = 64 << 20 };

void output_error(const struct err *err)
{
	char text[4 * sizeof err->msg];
	live_clear();
	fprintf(stderr, "holdfast: %s\n", text_escape(text, sizeof text, err->msg));
	if (err->hint[0])
		fprintf(stderr, "  hint: %s\n", text_escape(text, sizeof text, err->hint));
}

void output_name(struct err *err, const char *name)
{
	size_t len = strlen(name);
	if (strncmp(err->msg, name, len) != 0 || err->msg[len] != ':')
		err_wrap(err, "%s", name);
}

void output_note(const char *fmt, ...)
{
	struct err line = { 0 };
	va_list args;
	va_start(args, fmt);
	vsnprintf(line.msg, sizeof line.msg, fmt, args);
	va_end(args);
	output_error(&line);
}

int output_json(json_t *object, struct err *err)
{
	JSON_AUTO line = object;
	AUTO(buf) text = buf_new(JSON_LINE_MAX, err);
	if (!text || json_encode(line, text, err) != 0)
		return err->code;
	live_clear();
	fwrite(text->bytes, 1, text->len, stdout);
	putchar('\n');
	return 0;
}

json_t *output_json_text(const char *text)
{
	json_t *plain = json_string(text);
	if (plain)
		return plain;
	char copy[4 * 4096 + 1];
	size_t used = 0;
	while (*text && used + 5 < sizeof copy) {
		size_t len = (unsigned char)*text < 0x80 ? 1 : utf8_printable(text);
		memcpy(copy + used, text, len);
		used += len ? len
		            : (size_t)snprintf(copy + used, 5, "\\x%02x", (unsigned char)*text);
		text += len ? len : 1;
	}
	copy[used] = '\0';
	return json_string(copy);
}

json_t *output_json_error(const struct err *err, const char *store)
{
	json_t *j = json_pack("{s:o, s:s}", "error", output_json_text(err->msg), "code",
	                      err_word(err->code));
	if (j && err->hint[0])
		json_object_set_new(j, "hint", output_json_text(err->hint));
	if (j && store)
		json_object_set_new(j, "store", output_json_text(store));
	return j;
}

int output_flush(struct err *err)
{
	if (fflush(stdout) != 0)
		return err_sys(err, "standard output");
	return ferror(stdout) ? err_set(err, ERR_IO, "standard output: could not be written") : 0;
}
