/* trial_none - the operations of a trial that a kind without an engine has no use for. */
#ifndef TRIAL_NONE_H
#define TRIAL_NONE_H

#include "source/trial.h"

/* Done, with nothing done. */
int trial_none_load(struct trial *t, trial_found *found, void *arg, struct err *err);
int trial_none_structure(struct trial *t, trial_found *found, void *arg, struct err *err);
int trial_none_stop(struct trial *t, struct err *err);
const char *const *trial_none_env(struct trial *t);

/* ERR_INVALID */
int trial_none_query(struct trial *t, const char *database, const char *sql,
                     struct trial_value *value, struct err *err);

#endif
