/* run_text - the whole summary of a run as text: head, lines (run_summary.h), exit status. */
#ifndef RUN_TEXT_H
#define RUN_TEXT_H

#include <stddef.h>

struct buf;
struct duty_run;
struct err;

enum { RUN_TEXT_HOST_MAX = 200 };

/* What this machine is called: in the vault, else by itself. */
const char *run_text_host(const struct duty_run *r, char out[RUN_TEXT_HOST_MAX]);

/* "holdfast run on db1, 2026-11-23 02:15-02:33 +08:00: 1 of 3 stores FAILED, 2 good\n" */
int run_text_head(const struct duty_run *r, struct buf *out, struct err *err);

/* Lines and "exit 3; log: holdfast log --run 8f21c03a\n". */
int run_text_rest(const struct duty_run *r, struct buf *out, struct err *err);

#endif
