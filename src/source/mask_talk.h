/*
 * mask_talk - what the half of a masked restore that runs in a sandbox says: a line of canonical JSON for
 * each thing, the last one "done" or "failed". Pure.
 *
 * Nothing that it says is believed beyond its form: names and messages are cleaned when they are read, and
 * numbers are only shown.
 */
#ifndef MASK_TALK_H
#define MASK_TALK_H

#include <jansson.h>
#include <stddef.h>

#include "holdfast/mask.h"

struct buf;

enum { MASK_TALK_MAX = 128 << 20, MASK_TALK_NAME_MAX = 300 };

enum mask_said { MASK_SAID_LACKS, MASK_SAID_SKELETON, MASK_SAID_DONE, MASK_SAID_FAILED };

struct mask_line {
	enum mask_said said;
	char table[MASK_TALK_NAME_MAX];      /* lacks a rule, or ... */
	char column[MASK_TALK_NAME_MAX];     /* ... "": the table as a whole */
	const char *text;                    /* skeleton; decoded: lives until mask_line_clear */
	struct mask_result result;           /* done */
	struct err why;                      /* failed */
	json_t *json;                        /* decoded */
};

/* Append the line. Names that are no UTF-8 are cleaned. ERR_LIMIT, ERR_NOMEM. */
int mask_line_encode(const struct mask_line *line, struct buf *out, struct err *err);

/* Read one, without its LF. ERR_CORRUPT, ERR_NOMEM; then there is nothing to clear. */
int mask_line_decode(struct mask_line *line, const char *text, size_t len, struct err *err);
void mask_line_clear(struct mask_line *line);

#endif
