/*
 * drill_talk - what a drill asks of the program in its sandbox, and what that answers. Pure.
 *
 * The question is one JSON object. The answer is lines of JSON, each written when it is known, so that
 * what was found before a deadline counts. It comes from where foreign data was opened, and is bounded
 * and checked like everything that is received; that it is true, nothing can prove.
 */
#ifndef DRILL_TALK_H
#define DRILL_TALK_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "holdfast/err.h"
#include "source/trial.h"

struct buf;

enum {
	DRILL_REQUEST_MAX = 1 << 20,
	DRILL_REPLY_MAX = 4 << 20,
	DRILL_QUERIES_MAX = 500,
	DRILL_PHASE_MAX = 32,
};

struct drill_query {
	const char *database, *sql;      /* database may be NULL */
};

struct drill_request {
	struct trial_options trial;
	const char *check_command;       /* of the user; NULL: none */
	bool check_shell;
	struct drill_query *queries;
	size_t n_queries;
	json_t *json;                    /* of a decoded one, whose texts are its */
};

/* Append the JSON. ERR_LIMIT, ERR_NOMEM. */
int drill_request_encode(const struct drill_request *r, struct buf *out, struct err *err);

/* ERR_CORRUPT, ERR_NOMEM. */
struct drill_request *drill_request_decode(const char *text, size_t len, struct err *err);
void drill_request_free(struct drill_request *r);
AUTO_FREE(drill_request);

enum drill_said {
	SAID_PHASE,      /* a phase is done: phase, ms */
	SAID_CHECK,      /* something was checked: name, verdict, expected, actual */
	SAID_FACTS,      /* facts */
	SAID_VALUE,      /* the answer to a query: number, and null or text */
	SAID_NO_VALUE,   /* a query without answer: number, code, message */
	SAID_STOPPED,    /* the rest was not done: phase, code, message */
	SAID_END,        /* nothing more will come */
};

struct drill_line {
	enum drill_said said;
	char phase[DRILL_PHASE_MAX];
	uint64_t ms, number;
	enum trial_verdict verdict;
	enum err_code code;
	bool null;
	char name[100], expected[TRIAL_TEXT_MAX], text[TRIAL_TEXT_MAX];   /* text: actual, or the message */
	json_t *facts;                   /* of SAID_FACTS; to be released with json_decref */
};

/* Append one line. Texts are cut and made UTF-8 where they are not. ERR_LIMIT, ERR_NOMEM. */
int drill_line_encode(const struct drill_line *line, struct buf *out, struct err *err);

/* The next line at *at, which moves behind it: 1; 0 at the end. What is behind the last line feed was cut
 * off and does not count. ERR_CORRUPT. */
int drill_line_next(struct drill_line *line, const char **at, const char *end, struct err *err);

#endif
