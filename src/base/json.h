/*
 * json - canonical JSON on top of jansson: keys sorted, no white space, ASCII, integers only.
 *
 * Everything that is signed or hashed is in this form, and a document is accepted only if encoding
 * it again gives the same bytes (a subset of RFC 8785), so that no second spelling exists.
 */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

#define JSON_AUTO __attribute__((cleanup(json_drop))) json_t *
void json_drop(json_t **j);

/* Append the canonical encoding. ERR_INVALID if j holds a real number, ERR_LIMIT, ERR_NOMEM. */
int json_encode(const json_t *j, struct buf *out, struct err *err);

/* Parse one object of at most 64 levels. NULL with ERR_CORRUPT; `what` names it in messages. */
json_t *json_decode(const char *text, size_t len, const char *what, struct err *err);

/* As json_decode, but also refuses bytes that are not canonical. */
json_t *json_decode_canonical(const char *text, size_t len, const char *what, struct err *err);

/* Members of an object; ERR_CORRUPT with `what: key` in the message if missing or of another kind. */
int json_get_u64(const json_t *j, const char *key, uint64_t max, uint64_t *out, const char *what,
                 struct err *err);
int json_get_text(const json_t *j, const char *key, const char **out, const char *what,
                  struct err *err);
int json_get_hex(const json_t *j, const char *key, void *out, size_t len, const char *what,
                 struct err *err);

/* Members that are only shown: "", 0 and 0 where one is missing or of another kind; a count is 0 also where
 * the number is negative. */
const char *json_text(const json_t *j, const char *key);
int64_t json_int(const json_t *j, const char *key);
uint64_t json_count(const json_t *j, const char *key);

/* A new string of hex digits, for building objects. NULL when out of memory, or beyond the maximum. */
enum { JSON_HEX_MAX = 256 };   /* bytes */
json_t *json_hex(const void *data, size_t len);

#endif
