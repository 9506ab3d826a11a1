#include "source/mask_talk.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"

static const char what[] = "the sandbox's answer";
static const char *const words[] = {
	[MASK_SAID_LACKS] = "lacks", [MASK_SAID_SKELETON] = "skeleton", [MASK_SAID_DONE] = "done",
	[MASK_SAID_FAILED] = "failed",
};

/* The counts of a result, by name. */
static const struct { const char *name; size_t offset; } counts[] = {
	{ "tables", offsetof(struct mask_result, tables) },
	{ "empty", offsetof(struct mask_result, empty_tables) },
	{ "rebuilt", offsetof(struct mask_result, rebuilt_tables) },
	{ "left_out", offsetof(struct mask_result, left_out) },
	{ "rows", offsetof(struct mask_result, rows) },
	{ "bytes", offsetof(struct mask_result, bytes) },
	{ "unused", offsetof(struct mask_result, unused) },
	{ "orphans", offsetof(struct mask_result, orphans) },
};
enum { COUNTS = sizeof counts / sizeof *counts };

/* ---- encoding ---- */

static json_t *done_json(const struct mask_result *r)
{
	JSON_AUTO j = json_object();
	JSON_AUTO columns = json_array();
	for (int i = 0; i < COUNTS; i++)
		json_object_set_new(j, counts[i].name, json_integer((json_int_t)
		                    *(const uint64_t *)(const void *)((const char *)r + counts[i].offset)));
	for (int i = 0; i < MASK_KINDS; i++)
		json_array_append_new(columns, json_integer((json_int_t)r->columns[i]));
	return json_object_set(j, "columns", columns) == 0 ? json_incref(j) : NULL;
}

static json_t *clean_text(const char *text, size_t cap)
{
	char clean[sizeof ((struct err *)0)->msg];
	utf8_clean(clean, cap < sizeof clean ? cap : sizeof clean, text);
	return json_string(clean);
}

static json_t *failed_json(const struct err *why)
{
	return json_pack("{s:i, s:o, s:o}", "code", -(int)why->code, "message",
	                 clean_text(why->msg, sizeof why->msg), "hint",
	                 clean_text(why->hint, sizeof why->hint));
}

static json_t *line_json(const struct mask_line *line)
{
	switch (line->said) {
	case MASK_SAID_LACKS:
		return json_pack("{s:o, s:o}", "table", clean_text(line->table, MASK_TALK_NAME_MAX), "column",
		                 clean_text(line->column, MASK_TALK_NAME_MAX));
	case MASK_SAID_SKELETON: return json_pack("{s:s}", "text", line->text);
	case MASK_SAID_DONE: return done_json(&line->result);
	case MASK_SAID_FAILED: return failed_json(&line->why);
	}
	return NULL;
}

int mask_line_encode(const struct mask_line *line, struct buf *out, struct err *err)
{
	JSON_AUTO j = line_json(line);
	if (!j || json_object_set_new(j, "said", json_string(words[line->said])) != 0)
		return err_no_memory(err);
	return json_encode(j, out, err) == 0 ? buf_append(out, "\n", 1, err) : (int)err->code;
}

/* ---- decoding ---- */

static int take_text(const json_t *j, const char *key, char *out, size_t cap, struct err *err)
{
	const char *text;
	if (json_get_text(j, key, &text, what, err) != 0)
		return err->code;
	utf8_clean(out, cap, text);
	return 0;
}

static int take_done(struct mask_result *r, const json_t *j, struct err *err)
{
	const json_t *columns = json_object_get(j, "columns");
	for (int i = 0; i < COUNTS; i++)
		if (json_get_u64(j, counts[i].name, INT64_MAX, (uint64_t *)(void *)
		                 ((char *)r + counts[i].offset), what, err) != 0)
			return err->code;
	if (json_array_size(columns) != MASK_KINDS)
		return err_set(err, ERR_CORRUPT, "%s: 'columns' is malformed", what);
	for (size_t i = 0; i < MASK_KINDS; i++) {
		json_int_t n = json_integer_value(json_array_get(columns, i));
		r->columns[i] = n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

static int take_failed(struct err *why, const json_t *j, struct err *err)
{
	uint64_t code;
	if (json_get_u64(j, "code", -(int64_t)ERR_STOPPED, &code, what, err) != 0 ||
	    take_text(j, "message", why->msg, sizeof why->msg, err) != 0 ||
	    take_text(j, "hint", why->hint, sizeof why->hint, err) != 0)
		return err->code;
	if (code == 0)
		return err_set(err, ERR_CORRUPT, "%s: fails without a reason", what);
	why->code = (enum err_code)-(int)code;
	return 0;
}

/* It is printed as it is. */
static int take_skeleton(struct mask_line *line, const json_t *j, struct err *err)
{
	if (json_get_text(j, "text", &line->text, what, err) != 0)
		return err->code;
	for (const char *at = line->text; *at;) {
		size_t n = *at == '\n' ? 1 : utf8_printable(at);
		if (n == 0)
			return err_set(err, ERR_CORRUPT, "%s: a skeleton with control characters", what);
		at += n;
	}
	return 0;
}

static int take(struct mask_line *line, const char *said, const json_t *j, struct err *err)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i], said) == 0) {
			line->said = (enum mask_said)i;
			switch (line->said) {
			case MASK_SAID_LACKS:
				return take_text(j, "table", line->table, sizeof line->table, err) != 0 ||
				       take_text(j, "column", line->column, sizeof line->column, err) != 0
				       ? (int)err->code : 0;
			case MASK_SAID_SKELETON: return take_skeleton(line, j, err);
			case MASK_SAID_DONE: return take_done(&line->result, j, err);
			case MASK_SAID_FAILED: return take_failed(&line->why, j, err);
			}
		}
	return err_set(err, ERR_CORRUPT, "%s: says what nothing means", what);
}

int mask_line_decode(struct mask_line *line, const char *text, size_t len, struct err *err)
{
	const char *said;
	*line = (struct mask_line){ .said = MASK_SAID_FAILED };
	JSON_AUTO j = json_decode(text, len, what, err);
	if (!j || json_get_text(j, "said", &said, what, err) != 0 || take(line, said, j, err) != 0)
		return err->code;
	line->json = json_incref(j);
	return 0;
}

void mask_line_clear(struct mask_line *line)
{
	json_drop(&line->json);
}
