#include "format/record.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/json.h"
#include "holdfast/err.h"

static const void *place(const struct record_member *m, const void *record)
{
	return (const uint8_t *)record + m->at;
}

static void *place_in(const struct record_member *m, void *record)
{
	return (uint8_t *)record + m->at;
}

static const void *item_of(const struct record_list *l, const struct record_member *m, size_t i)
{
	return (const uint8_t *)l->items + i * m->size;
}

static size_t words_count(const char *const *words)
{
	size_t n = 0;
	while (words[n])
		n++;
	return n;
}

static bool is_word(const char *text, size_t cap)
{
	size_t len = strnlen(text, cap);
	return len > 0 && len < cap && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") == len;
}

/* Is it what an optional member stands for when it is left out? */
static bool is_empty(const struct record_member *m, const void *record)
{
	const void *at = place(m, record);
	switch (m->type) {
	case RECORD_NUMBER:
		return *(const uint64_t *)at == 0;
	case RECORD_FLAG:
		return !*(const bool *)at;
	case RECORD_HEX:
		return sodium_is_zero(at, m->size);
	case RECORD_WORD:
		return !*(const char *)at;
	case RECORD_CHOICE:
		return *(const unsigned *)at == 0;
	case RECORD_TEXT:
		return !*(char *const *)at || !**(char *const *)at;
	case RECORD_LIST:
		return ((const struct record_list *)at)->n == 0;
	case RECORD_PART:
		for (const struct record_member *in = m->members; in->key; in++)
			if (!is_empty(in, at))
				return false;
		return true;
	}
	return false;
}

/* ---- encoding ---- */

static json_t *encode_list(const struct record_member *m, const struct record_list *l,
                           const char *what, struct err *err)
{
	JSON_AUTO list = json_array();
	for (size_t i = 0; i < l->n; i++) {
		json_t *item = record_encode(m->members, item_of(l, m, i), what, err);
		if (!item)
			return NULL;
		if (json_array_append_new(list, item) != 0)
			break;
	}
	return json_array_size(list) == l->n ? json_incref(list) : NULL;
}

/* False: no value of this member. */
static bool is_valid(const struct record_member *m, const void *at)
{
	switch (m->type) {
	case RECORD_NUMBER:
		return *(const uint64_t *)at <= m->max;
	case RECORD_WORD:
		return is_word(at, m->size);
	case RECORD_CHOICE:
		return *(const unsigned *)at < words_count(m->words);
	case RECORD_TEXT:
		return !*(char *const *)at || strlen(*(char *const *)at) <= m->max;
	case RECORD_LIST:
		return ((const struct record_list *)at)->n <= m->max;
	case RECORD_FLAG:
	case RECORD_HEX:
	case RECORD_PART:
		break;
	}
	return true;
}

static json_t *encode_value(const struct record_member *m, const void *at, const char *what,
                            struct err *err)
{
	switch (m->type) {
	case RECORD_NUMBER:
		return json_integer((json_int_t)*(const uint64_t *)at);
	case RECORD_FLAG:
		return json_boolean(*(const bool *)at);
	case RECORD_HEX:
		return json_hex(at, m->size);
	case RECORD_WORD:
		return json_string(at);
	case RECORD_CHOICE:
		return json_string(m->words[*(const unsigned *)at]);
	case RECORD_TEXT:
		return json_string(*(char *const *)at ? *(char *const *)at : "");
	case RECORD_LIST:
		return encode_list(m, at, what, err);
	case RECORD_PART:
		return record_encode(m->members, at, what, err);
	}
	return NULL;
}

json_t *record_encode(const struct record_member *members, const void *record, const char *what,
                      struct err *err)
{
	JSON_AUTO j = json_object();
	err->code = ERR_NONE;
	for (const struct record_member *m = members; m->key; m++) {
		if (m->optional && is_empty(m, record))
			continue;
		const void *at = place(m, record);
		if (!is_valid(m, at)) {
			err_set(err, ERR_INVALID, "%s: '%s' cannot be so", what, m->key);
			return NULL;
		}
		if (json_object_set_new(j, m->key, encode_value(m, at, what, err)) != 0) {
			if (err->code == ERR_NONE)
				err_no_memory(err);
			return NULL;
		}
	}
	return json_incref(j);
}

/* ---- decoding ---- */

static int refuse(const char *what, const char *key, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "%s: '%s' is missing or not valid", what, key);
}

static int decode_word(const struct record_member *m, char *out, const json_t *v, const char *what,
                       struct err *err)
{
	const char *text = json_string_value(v);
	if (!text || json_string_length(v) >= m->size || !is_word(text, m->size))
		return refuse(what, m->key, err);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static int decode_choice(const struct record_member *m, unsigned *out, const json_t *v,
                         const char *what, struct err *err)
{
	const char *text = json_string_value(v);
	for (unsigned i = 0; text && m->words[i]; i++)
		if (strcmp(text, m->words[i]) == 0) {
			*out = i;
			return 0;
		}
	return refuse(what, m->key, err);
}

static int decode_text(const struct record_member *m, char **out, const json_t *v, const char *what,
                       struct err *err)
{
	const char *text = json_string_value(v);
	if (!text || json_string_length(v) > m->max || strlen(text) != json_string_length(v) || *out)
		return refuse(what, m->key, err);
	*out = strdup(text);
	return *out ? 0 : err_no_memory(err);
}

static int decode_list(const struct record_member *m, struct record_list *out, const json_t *v,
                       const char *what, struct err *err)
{
	size_t n = json_array_size(v);
	if (!json_is_array(v) || n > m->max || (out->items && out->n != n))
		return refuse(what, m->key, err);
	if (!out->items && n > 0) {
		out->items = calloc(n, m->size);
		if (!out->items)
			return err_no_memory(err);
		out->n = n;
	}
	for (size_t i = 0; i < n; i++)
		if (record_decode(m->members, (uint8_t *)out->items + i * m->size,
		                  json_array_get(v, i), what, err) != 0)
			return err->code;
	return 0;
}

static int decode_value(const struct record_member *m, void *at, const json_t *j, const char *what,
                        struct err *err)
{
	const json_t *v = json_object_get(j, m->key);
	switch (m->type) {
	case RECORD_NUMBER:
		return json_get_u64(j, m->key, m->max, at, what, err);
	case RECORD_FLAG:
		*(bool *)at = json_is_true(v);
		return json_is_boolean(v) ? 0 : refuse(what, m->key, err);
	case RECORD_HEX:
		return json_get_hex(j, m->key, at, m->size, what, err);
	case RECORD_WORD:
		return decode_word(m, at, v, what, err);
	case RECORD_CHOICE:
		return decode_choice(m, at, v, what, err);
	case RECORD_TEXT:
		return decode_text(m, at, v, what, err);
	case RECORD_LIST:
		return decode_list(m, at, v, what, err);
	case RECORD_PART:
		return record_decode(m->members, at, v, what, err);
	}
	return refuse(what, m->key, err);
}

int record_decode(const struct record_member *members, void *record, const json_t *j,
                  const char *what, struct err *err)
{
	size_t known = 0;
	if (!json_is_object(j))
		return err_set(err, ERR_CORRUPT, "%s: not an object where one must be", what);
	for (const struct record_member *m = members; m->key; m++) {
		if (m->optional && !json_object_get(j, m->key))
			continue;
		known++;
		if (decode_value(m, place_in(m, record), j, what, err) != 0)
			return err->code;
		if (m->optional && is_empty(m, record))
			return refuse(what, m->key, err);
	}
	if (known != json_object_size(j))
		return err_set(err, ERR_CORRUPT, "%s: has members that this program does not know", what);
	return 0;
}

void record_clear(const struct record_member *members, void *record)
{
	for (const struct record_member *m = members; m->key; m++) {
		void *at = place_in(m, record);
		if (m->type == RECORD_TEXT) {
			free(*(char **)at);
			*(char **)at = NULL;
		} else if (m->type == RECORD_PART) {
			record_clear(m->members, at);
		} else if (m->type == RECORD_LIST) {
			struct record_list *l = at;
			for (size_t i = 0; i < l->n; i++)
				record_clear(m->members, (uint8_t *)l->items + i * m->size);
			free(l->items);
			*l = (struct record_list){ NULL, 0 };
		}
	}
}
