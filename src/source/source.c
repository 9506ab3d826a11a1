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

static const struct source_ops *registered[SOURCE_REGISTERED_MAX];
static size_t n_registered;

static const struct source_ops *find(const struct source_ops *const *list, size_t n,
                                     const char *type)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i]->type, type) == 0)
			return list[i];
	return NULL;
}

const struct source_ops *source_driver(const char *type)
{
	const struct source_ops *d = find(drivers, sizeof drivers / sizeof drivers[0], type);
	return d ? d : find(registered, n_registered, type);
}

int source_register(const struct source_ops *ops, struct err *err)
{
	if (source_driver(ops->type))
		return err_set(err, ERR_EXISTS, "there is a source of type '%s' already", ops->type);
	if (n_registered == SOURCE_REGISTERED_MAX)
		return err_set(err, ERR_LIMIT, "no more than %d sources can be added",
		               SOURCE_REGISTERED_MAX);
	registered[n_registered++] = ops;
	return 0;
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
