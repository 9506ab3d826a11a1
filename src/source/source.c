#include "holdfast/source.h"

#include <string.h>

#include "holdfast/err.h"

extern const struct source_ops source_command, source_files, source_mariadb_dump,
	source_postgres_dump, source_sqlite;

static const struct source_ops *const drivers[] = {
	&source_command,
	&source_files,
	&source_mariadb_dump,
	&source_postgres_dump,
	&source_sqlite,
};

const struct source_ops *source_driver(const char *type)
{
	for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++)
		if (strcmp(drivers[i]->type, type) == 0)
			return drivers[i];
	return NULL;
}

struct source *source_open(const struct source_options *options, struct err *err)
{
	const char *name = options->name ? options->name : "store";
	if (!options->type) {
		err_set(err, ERR_INVALID, "%s: has no type", name);
		return NULL;
	}
	const struct source_ops *driver = source_driver(options->type);
	if (!driver) {
		err_set(err, ERR_INVALID, "%s: unknown type '%s'", name, options->type);
		return NULL;
	}
	return driver->open(options, err);
}

void source_free(struct source *s)
{
	if (s)
		s->ops->free(s);
}

void sink_free(struct sink *k)
{
	if (k)
		k->ops->free(k);
}
