/*
 * record - structs as canonical JSON, by a table of their members: one table for both ways. Pure.
 *
 * Every member has one spelling: an optional one is left out when it is zero or empty, all others are
 * always there, and what the table does not know is refused.
 */
#ifndef RECORD_H
#define RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum record_type {
	RECORD_NUMBER,   /* uint64_t, at most `max` */
	RECORD_FLAG,     /* bool */
	RECORD_HEX,      /* uint8_t[size] */
	RECORD_WORD,     /* char[size]: lower-case letters, digits, '-', '.'; not empty unless optional */
	RECORD_CHOICE,   /* unsigned: an index into `words` */
	RECORD_TEXT,     /* char *, allocated, UTF-8 of at most `max` bytes; NULL is "" */
	RECORD_PART,     /* a struct with `members` of its own */
	RECORD_LIST,     /* struct record_list: at most `max` structs of `size` bytes with `members` */
};

/* How lists stand in structs; items is allocated, zeroed memory. */
struct record_list {
	void *items;
	size_t n;
};

struct record_member {
	const char *key;            /* NULL ends a table */
	enum record_type type;
	size_t at;                  /* offsetof */
	bool optional;
	size_t size;
	uint64_t max;
	const char *const *words;   /* NULL-terminated */
	const struct record_member *members;
};

/* A new object; NULL with ERR_INVALID (a value that its member does not take), ERR_NOMEM. */
json_t *record_encode(const struct record_member *members, const void *record, const char *what,
                      struct err *err);

/* Into *record, which is all zeros, or holds what other tables have filled in: a list that is there
 * already must have the same length. What was decoded until an error stays for record_clear.
 * ERR_CORRUPT, ERR_NOMEM. */
int record_decode(const struct record_member *members, void *record, const json_t *j,
                  const char *what, struct err *err);

/* Free all texts and lists of this table. */
void record_clear(const struct record_member *members, void *record);

#endif
