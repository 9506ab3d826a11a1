#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "holdfast/err.h"

/* jansson calls some failed allocations syntax errors, and reads on after others, so its allocations
 * are watched. */
static _Thread_local bool starved;

static void *watched_malloc(size_t len)
{
	void *p = malloc(len);
	starved |= !p;
	return p;
}

/* before any thread uses jansson */
__attribute__((constructor)) static void watch_allocations(void)
{
	json_set_alloc_funcs(watched_malloc, free);
}

void json_drop(json_t **j)
{
	json_decref(*j);
}

static bool has_real(const json_t *j)
{
	if (json_is_real(j))
		return true;
	const char *key;
	json_t *member;
	json_object_foreach((json_t *)(uintptr_t)j, key, member)
		if (has_real(member))
			return true;
	for (size_t i = 0; i < json_array_size(j); i++)
		if (has_real(json_array_get(j, i)))
			return true;
	return false;
}

struct dump {
	struct buf *out;
	struct err *err;
};

static int dump_part(const char *text, size_t len, void *arg)
{
	struct dump *d = arg;
	return buf_append(d->out, text, len, d->err);
}

int json_encode(const json_t *j, struct buf *out, struct err *err)
{
	if (!j)
		return err_no_memory(err);
	if (has_real(j))
		return err_set(err, ERR_INVALID, "canonical JSON holds no real numbers");
	struct dump d = { out, err };
	err->code = ERR_NONE;
	starved = false;
	int rc = json_dump_callback(j, dump_part, &d,
	                            JSON_SORT_KEYS | JSON_COMPACT | JSON_ENSURE_ASCII);
	/* jansson goes on when a key could not be written */
	if (err->code != ERR_NONE)
		return err->code;
	return rc == 0 && !starved ? 0 : err_no_memory(err);
}

json_t *json_decode(const char *text, size_t len, const char *what, struct err *err)
{
	json_error_t why;
	starved = false;
	JSON_AUTO j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (starved)
		err_no_memory(err);
	else if (!j)
		err_set(err, ERR_CORRUPT, "%s: not valid JSON: %s", what, why.text);
	else if (!json_is_object(j))
		err_set(err, ERR_CORRUPT, "%s: not a JSON object", what);
	else
		return json_incref(j);
	return NULL;
}

json_t *json_decode_canonical(const char *text, size_t len, const char *what, struct err *err)
{
	JSON_AUTO j = json_decode(text, len, what, err);
	if (!j)
		return NULL;
	/* escapes make the canonical form at most six times longer */
	AUTO(buf) again = buf_new(len * 6 + 64, err);
	if (!again)
		return NULL;
	if (json_encode(j, again, err) != 0) {
		if (err->code == ERR_INVALID)
			err->code = ERR_CORRUPT;
		err_wrap(err, "%s", what);
		return NULL;
	}
	if (again->len != len || memcmp(again->bytes, text, len) != 0) {
		err_set(err, ERR_CORRUPT, "%s: JSON is not in canonical form", what);
		return NULL;
	}
	return json_incref(j);
}

int json_get_u64(const json_t *j, const char *key, uint64_t max, uint64_t *out, const char *what,
                 struct err *err)
{
	const json_t *v = json_object_get(j, key);
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max)
		return err_set(err, ERR_CORRUPT, "%s: '%s' is missing or out of range", what, key);
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

int json_get_text(const json_t *j, const char *key, const char **out, const char *what,
                  struct err *err)
{
	const json_t *v = json_object_get(j, key);
	if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
		return err_set(err, ERR_CORRUPT, "%s: '%s' is missing or not text", what, key);
	*out = json_string_value(v);
	return 0;
}

int json_get_hex(const json_t *j, const char *key, void *out, size_t len, const char *what,
                 struct err *err)
{
	const char *text;
	if (json_get_text(j, key, &text, what, err) != 0)
		return err->code;
	if (!hex_decode(out, len, text))
		return err_set(err, ERR_CORRUPT, "%s: '%s' is not %zu bytes in hex", what, key, len);
	return 0;
}

const char *json_text(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));
	return text ? text : "";
}

int64_t json_int(const json_t *j, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(j, key));
}

uint64_t json_count(const json_t *j, const char *key)
{
	int64_t n = json_int(j, key);
	return n > 0 ? (uint64_t)n : 0;
}

json_t *json_hex(const void *data, size_t len)
{
	char text[2 * JSON_HEX_MAX + 1];
	return len <= JSON_HEX_MAX ? json_string(hex_encode(text, data, len)) : NULL;
}
