/* drill_verbs - the verbs of `holdfast drill`, and the options that they take. */
#ifndef DRILL_VERBS_H
#define DRILL_VERBS_H

struct cli;
struct err;

enum { DRILL_DUE, DRILL_TICKET, DRILL_TEXT, DRILL_BY, DRILL_CLOSE, DRILL_TO, DRILL_KEYS,
       DRILL_SIGNATURE };

/* Each as command.h has it for `run`. */
int drill_verb_run(struct cli *cli, struct err *err);
int drill_verb_plan(struct cli *cli, struct err *err);
int drill_verb_list(struct cli *cli, struct err *err);
int drill_verb_show(struct cli *cli, struct err *err);
int drill_verb_verify(struct cli *cli, struct err *err);
int drill_verb_keys(struct cli *cli, struct err *err);
int drill_verb_finding(struct cli *cli, struct err *err);
int drill_verb_approve(struct cli *cli, struct err *err);

#endif
