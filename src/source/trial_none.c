#include "source/trial_none.h"

#include "holdfast/err.h"

int trial_none_load(struct trial *t, trial_found *found, void *arg, struct err *err)
{
	(void)t, (void)found, (void)arg, (void)err;
	return 0;
}

int trial_none_structure(struct trial *t, trial_found *found, void *arg, struct err *err)
{
	(void)t, (void)found, (void)arg, (void)err;
	return 0;
}

int trial_none_stop(struct trial *t, struct err *err)
{
	(void)t, (void)err;
	return 0;
}

const char *const *trial_none_env(struct trial *t)
{
	static const char *const none[] = { NULL };
	(void)t;
	return none;
}

int trial_none_query(struct trial *t, const char *database, const char *sql,
                     struct trial_value *value, struct err *err)
{
	(void)database, (void)sql, (void)value;
	return err_set(err, ERR_INVALID, "a store of type '%s' answers no SQL", t->ops->type);
}
