#include "cli/known.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "holdfast/err.h"
#include "holdfast/fleet.h"

struct known {
	size_t n, cap;
	char **names;
};

void known_free(struct known *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++)
		free(k->names[i]);
	free(k->names);
	free(k);
}

static int add(struct known *k, const char *name, struct err *err)
{
	if (k->n + 1 >= k->cap) {
		size_t cap = k->cap * 2 + 16;
		char **grown = reallocarray(k->names, cap, sizeof *grown);
		if (!grown)
			return err_no_memory(err);
		k->names = grown;
		k->cap = cap;
	}
	k->names[k->n] = strdup(name);
	k->names[k->n + 1] = NULL;
	if (!k->names[k->n])
		return err_no_memory(err);
	k->n++;
	return 0;
}

static inline void fleet_scope_end(struct fleet **f)
{
	fleet_free(*f);
}

static int add_fleet(struct known *k, struct cli *cli, const struct config_section *section,
                     struct err *err)
{
	struct err why;
	__attribute__((cleanup(fleet_scope_end))) struct fleet *f =
		fleet_expand(cli->vault, section->name, config_get(cli->config, section, "path"),
	                     config_store_name(section), &why);
	for (size_t i = 0; f && i < f->n; i++)
		if (add(k, f->members[i].name, err) != 0)
			return err->code;
	for (size_t i = 0; f && i < f->n_vanished; i++)
		if (add(k, f->vanished[i], err) != 0)
			return err->code;
	return 0;
}

struct known *known_names(struct cli *cli, struct err *err)
{
	AUTO(known) k = calloc(1, sizeof *k);
	if (!k) {
		err_no_memory(err);
		return NULL;
	}
	for (size_t i = 0; i < cli->config->n; i++) {
		const struct config_section *section = &cli->config->sections[i];
		if (section->kind != CONFIG_STORE)
			continue;
		int rc = config_store_is_fleet(section) ? add_fleet(k, cli, section, err)
		                                        : add(k, config_store_name(section), err);
		if (rc != 0)
			return NULL;
	}
	return TAKE(k);
}

const char *const *known_list(const struct known *k)
{
	static const char *const none[] = { NULL };
	return k->n ? (const char *const *)k->names : none;
}
