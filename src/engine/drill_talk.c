#include "engine/drill_talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"

static const char what_request[] = "the drill's request", what_reply[] = "the sandbox's answer";

/* ---- the request ---- */

static int out_of_memory(struct err *err)
{
	return err_no_memory(err);
}

/* Absent texts are left out. Returns false when out of memory. */
static bool set_text(json_t *to, const char *key, const char *text)
{
	return !text || json_object_set_new(to, key, json_string(text)) == 0;
}

static bool add_query(json_t *to, const struct drill_query *q)
{
	json_t *one = json_object();
	bool good = one && set_text(one, "database", q->database) && set_text(one, "sql", q->sql);
	return good ? json_array_append_new(to, one) == 0 : (json_decref(one), false);
}

int drill_request_encode(const struct drill_request *r, struct buf *out, struct err *err)
{
	const struct trial_options *t = &r->trial;
	JSON_AUTO j = json_pack("{s:b, s:b, s:b, s:I}", "any_keys", t->any_keys, "check_shell",
	                        r->check_shell, "shell", t->shell, "timeout_ms",
	                        (json_int_t)t->timeout_ms);
	JSON_AUTO queries = json_array();
	bool good = j && queries && set_text(j, "check", r->check_command) &&
	            set_text(j, "database", t->database) && set_text(j, "file", t->file) &&
	            set_text(j, "folder", t->folder) && set_text(j, "restore", t->restore_command) &&
	            set_text(j, "scratch", t->scratch) && set_text(j, "type", t->type);
	for (size_t i = 0; good && i < r->n_queries; i++)
		good = add_query(queries, &r->queries[i]);
	if (!good || json_object_set(j, "queries", queries) != 0)
		return err_set(err, ERR_INVALID, "%s: a text in it is no UTF-8", what_request);
	return json_encode(j, out, err);
}

static const char *text_or_null(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static int read_queries(struct drill_request *r, struct err *err)
{
	const json_t *list = json_object_get(r->json, "queries"), *one;
	size_t i;
	if (json_array_size(list) > DRILL_QUERIES_MAX)
		return err_set(err, ERR_CORRUPT, "%s: too many queries", what_request);
	r->queries = calloc(json_array_size(list) + 1, sizeof *r->queries);
	if (!r->queries)
		return out_of_memory(err);
	json_array_foreach(list, i, one) {
		struct drill_query *q = &r->queries[r->n_queries++];
		q->database = text_or_null(one, "database");
		if (json_get_text(one, "sql", &q->sql, what_request, err) != 0)
			return err->code;
	}
	return 0;
}

static int read_request(struct drill_request *r, struct err *err)
{
	struct trial_options *t = &r->trial;
	uint64_t timeout;
	r->check_command = text_or_null(r->json, "check");
	r->check_shell = json_is_true(json_object_get(r->json, "check_shell"));
	t->any_keys = json_is_true(json_object_get(r->json, "any_keys"));
	t->database = text_or_null(r->json, "database");
	t->file = text_or_null(r->json, "file");
	t->restore_command = text_or_null(r->json, "restore");
	t->shell = json_is_true(json_object_get(r->json, "shell"));
	if (json_get_text(r->json, "folder", &t->folder, what_request, err) != 0 ||
	    json_get_text(r->json, "scratch", &t->scratch, what_request, err) != 0 ||
	    json_get_text(r->json, "type", &t->type, what_request, err) != 0 ||
	    json_get_u64(r->json, "timeout_ms", UINT32_MAX, &timeout, what_request, err) != 0)
		return err->code;
	t->timeout_ms = (unsigned)timeout;
	return read_queries(r, err);
}

struct drill_request *drill_request_decode(const char *text, size_t len, struct err *err)
{
	AUTO(drill_request) r = calloc(1, sizeof *r);
	if (!r) {
		out_of_memory(err);
		return NULL;
	}
	r->json = json_decode(text, len, what_request, err);
	return r->json && read_request(r, err) == 0 ? TAKE(r) : NULL;
}

void drill_request_free(struct drill_request *r)
{
	if (!r)
		return;
	free(r->queries);
	json_drop(&r->json);
	free(r);
}

/* ---- lines ---- */

static const char *const said_words[] = {
	[SAID_PHASE] = "phase", [SAID_CHECK] = "check", [SAID_FACTS] = "facts", [SAID_VALUE] = "value",
	[SAID_NO_VALUE] = "no-value", [SAID_STOPPED] = "stopped", [SAID_END] = "end",
};
enum { SAID_N = sizeof said_words / sizeof said_words[0] };

/* What engines say is in any encoding: a byte that is none becomes a question mark. */
static json_t *printable(const char *text)
{
	char out[TRIAL_TEXT_MAX];
	utf8_clean(out, sizeof out, text);
	return json_string(out);
}

int drill_line_encode(const struct drill_line *line, struct buf *out, struct err *err)
{
	JSON_AUTO j = json_pack("{s:s}", "said", said_words[line->said]);
	bool good = j != NULL;
	if (good && (line->said == SAID_PHASE || line->said == SAID_STOPPED))
		good = json_object_set_new(j, "phase", printable(line->phase)) == 0;
	if (good && line->said == SAID_PHASE)
		good = json_object_set_new(j, "ms", json_integer((json_int_t)line->ms)) == 0;
	if (good && line->said == SAID_CHECK)
		good = json_object_set_new(j, "name", printable(line->name)) == 0 &&
		       json_object_set_new(j, "verdict", json_integer(line->verdict)) == 0 &&
		       json_object_set_new(j, "expected", printable(line->expected)) == 0 &&
		       json_object_set_new(j, "text", printable(line->text)) == 0;
	if (good && line->said == SAID_FACTS)
		good = json_object_set(j, "facts", line->facts) == 0;
	if (good && (line->said == SAID_VALUE || line->said == SAID_NO_VALUE))
		good = json_object_set_new(j, "number", json_integer((json_int_t)line->number)) == 0;
	if (good && line->said == SAID_VALUE && !line->null)
		good = json_object_set_new(j, "text", printable(line->text)) == 0;
	if (good && (line->said == SAID_NO_VALUE || line->said == SAID_STOPPED))
		good = json_object_set_new(j, "code", json_integer(-(json_int_t)line->code)) == 0 &&
		       json_object_set_new(j, "text", printable(line->text)) == 0;
	if (!good)
		return out_of_memory(err);
	return json_encode(j, out, err) == 0 ? buf_append(out, "\n", 1, err) : (int)err->code;
}

static int take_text(const json_t *j, const char *key, char *out, size_t cap, struct err *err)
{
	const char *text;
	if (json_get_text(j, key, &text, what_reply, err) != 0)
		return err->code;
	if (strlen(text) >= cap)
		return err_set(err, ERR_CORRUPT, "%s: %s is too long", what_reply, key);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static int take_code(const json_t *j, struct drill_line *line, struct err *err)
{
	uint64_t code;
	if (json_get_u64(j, "code", -(int)ERR_STOPPED, &code, what_reply, err) != 0)
		return err->code;
	if (code == 0)
		return err_set(err, ERR_CORRUPT, "%s: a failure without a code", what_reply);
	line->code = -(int)code;
	return take_text(j, "text", line->text, sizeof line->text, err);
}

static int take_check(const json_t *j, struct drill_line *line, struct err *err)
{
	uint64_t verdict;
	if (json_get_u64(j, "verdict", TRIAL_SKIPPED, &verdict, what_reply, err) != 0 ||
	    take_text(j, "name", line->name, sizeof line->name, err) != 0 ||
	    take_text(j, "expected", line->expected, sizeof line->expected, err) != 0)
		return err->code;
	line->verdict = (enum trial_verdict)verdict;
	return take_text(j, "text", line->text, sizeof line->text, err);
}

static int take_value(const json_t *j, struct drill_line *line, struct err *err)
{
	if (json_get_u64(j, "number", DRILL_QUERIES_MAX - 1, &line->number, what_reply, err) != 0)
		return err->code;
	if (line->said == SAID_NO_VALUE)
		return take_code(j, line, err);
	line->null = !json_object_get(j, "text");
	return line->null ? 0 : take_text(j, "text", line->text, sizeof line->text, err);
}

static int take_members(const json_t *j, struct drill_line *line, struct err *err)
{
	json_t *facts = json_object_get(j, "facts");
	switch (line->said) {
	case SAID_PHASE:
		if (json_get_u64(j, "ms", UINT32_MAX, &line->ms, what_reply, err) != 0)
			return err->code;
		return take_text(j, "phase", line->phase, sizeof line->phase, err);
	case SAID_CHECK: return take_check(j, line, err);
	case SAID_FACTS:
		if (!json_is_object(facts))
			return err_set(err, ERR_CORRUPT, "%s: facts without facts", what_reply);
		line->facts = json_incref(facts);
		return 0;
	case SAID_VALUE:
	case SAID_NO_VALUE: return take_value(j, line, err);
	case SAID_STOPPED:
		if (take_text(j, "phase", line->phase, sizeof line->phase, err) != 0)
			return err->code;
		return take_code(j, line, err);
	case SAID_END: return 0;
	}
	return err_set(err, ERR_CORRUPT, "%s: of no kind", what_reply);
}

static int decode_line(struct drill_line *line, const char *text, size_t len, struct err *err)
{
	const char *word;
	JSON_AUTO j = json_decode(text, len, what_reply, err);
	if (!j || json_get_text(j, "said", &word, what_reply, err) != 0)
		return err->code;
	unsigned said = 0;
	while (said < SAID_N && strcmp(said_words[said], word) != 0)
		said++;
	if (said == SAID_N)
		return err_set(err, ERR_CORRUPT, "%s: a line of no known kind", what_reply);
	struct drill_line decoded = { .said = (enum drill_said)said };
	if (take_members(j, &decoded, err) != 0)
		return err->code;
	*line = decoded;
	return 0;
}

int drill_line_next(struct drill_line *line, const char **at, const char *end, struct err *err)
{
	const char *stop = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
	if (!stop)
		return 0;
	if (decode_line(line, *at, (size_t)(stop - *at), err) != 0)
		return err->code;
	*at = stop + 1;
	return 1;
}
