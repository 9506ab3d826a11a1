#include "source/trial.h"

#include <string.h>

#include "holdfast/err.h"

extern const struct trial_ops trial_command, trial_files, trial_mariadb_dump, trial_postgres_dump,
	trial_sqlite;

static const struct trial_ops *const kinds[] = {
	&trial_command,
	&trial_files,
	&trial_mariadb_dump,
	&trial_postgres_dump,
	&trial_sqlite,
};

struct trial *trial_start(const struct trial_options *options, struct err *err)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i]->type, options->type) == 0)
			return kinds[i]->start(options, err);
	err_set(err, ERR_INVALID, "stores of type '%.50s' cannot be tried", options->type);
	return NULL;
}

void trial_free(struct trial *t)
{
	if (t)
		t->ops->free(t);
}
