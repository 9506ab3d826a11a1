/*
 * run_summary - what a run says: what failed, what is to be known, and what to do next.
 *
 *   holdfast run on db1, 2026-11-23 02:15-02:33 +08:00: 1 of 3 stores FAILED, 2 good
 *   FAILED  shop   mariadb-dump exited 2: "Access denied for user 'backup'@'localhost'"
 *                  no snapshot made; second night; last good Sat 21 Nov 02:15
 *                  next: holdfast backup shop
 *   NOTE    vault second: no answer
 *   exit 3; log: holdfast log --run 8f21c03a
 *
 * Of what fails in one group (a fleet) after the third only the number is told.
 */
#ifndef RUN_SUMMARY_H
#define RUN_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/scope.h"
#include "cli/exit_code.h"

struct buf;
struct err;
struct run_summary;

enum run_line_kind { RUN_FAILED, RUN_NOTE };

struct run_line {
	enum run_line_kind kind;
	const char *object;       /* store or vault; "" for none */
	const char *fact;         /* one sentence */
	const char *more;         /* further facts; "" for none */
	const char *next;         /* a command to try; "" for none */
	const char *group;        /* lines of one group are folded; NULL: stands alone */
};

struct run_summary *run_summary_new(struct err *err);
void run_summary_free(struct run_summary *s);
AUTO_FREE(run_summary);

/* Everything is copied. ERR_NOMEM. */
int run_summary_add(struct run_summary *s, const struct run_line *line, struct err *err);

/* Is there a line with this fact? */
bool run_summary_has(const struct run_summary *s, const char *fact);

typedef void run_summary_visit(void *arg, const struct run_line *line);
void run_summary_each(const struct run_summary *s, run_summary_visit *visit, void *arg);

/* The lines as text, failures first, made safe for a terminal. ERR_NOMEM, ERR_LIMIT. */
int run_summary_text(const struct run_summary *s, struct buf *out, struct err *err);

#endif
