#include "cli/plan.h"

#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/nearest.h"
#include "holdfast/fleet.h"

struct maker {
	struct cli *cli;
	struct plan *plan;
	bool *used;   /* which operands meant something */
};

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_groups; i++)
		if (p->groups[i].fleet)
			fleet_free(p->groups[i].fleet);
	free(p->groups);
	free(p->stores);
	free(p);
}

static bool is_asked(struct maker *m, const struct config_section *section, const char *name)
{
	const struct options *o = &m->cli->options;
	bool asked = o->n_operands == 0;
	for (size_t i = 0; i < o->n_operands; i++)
		if (strcmp(o->operands[i], section->name) == 0 ||
		    strcmp(o->operands[i], name) == 0 || fnmatch(o->operands[i], name, 0) == 0)
			asked = m->used[i] = true;
	return asked;
}

static int add_store(struct maker *m, const struct config_section *section, const char *name,
                     const char *path, struct err *err)
{
	struct plan *p = m->plan;
	if (!is_asked(m, section, name))
		return 0;
	struct backup_store *grown = reallocarray(p->stores, p->n + 1, sizeof *grown);
	if (!grown)
		return err_no_memory(err);
	p->stores = grown;
	config_backup_store(m->cli->config, section, name, path, &grown[p->n++]);
	p->groups[p->n_groups - 1].n++;
	return 0;
}

/* Of a fleet without a file there are no names to compare: an operand that begins as they would. */
static bool is_fleet_asked(struct maker *m, const struct config_section *section)
{
	const char *template = config_store_name(section);
	const struct options *o = &m->cli->options;
	size_t len = strcspn(template, "{");
	bool asked = is_asked(m, section, section->name);
	for (size_t i = 0; len > 0 && i < o->n_operands; i++)
		if (strncmp(o->operands[i], template, len) == 0)
			asked = m->used[i] = true;
	return asked;
}

static const char *template_of(const struct config_section *section, char out[256])
{
	const char *name = config_store_name(section);
	if (strchr(name, '{'))
		return name;
	snprintf(out, 256, "%s/{stem}", name);
	return out;
}

static int add_fleet(struct maker *m, struct plan_group *g, struct err *err)
{
	struct config *c = m->cli->config;
	char template[256];
	g->fleet = fleet_expand(m->cli->vault, g->section->name,
	                        config_get(c, g->section, "path"),
	                        template_of(g->section, template), &g->err);
	if (!g->fleet) {
		/* with no one asking for it there is no group at all */
		if (!is_fleet_asked(m, g->section))
			m->plan->n_groups--;
		return 0;
	}
	g->err.code = ERR_NONE;
	for (size_t i = 0; i < g->fleet->n; i++)
		if (add_store(m, g->section, g->fleet->members[i].name, g->fleet->members[i].path,
		              err) != 0)
			return err->code;
	for (size_t i = 0; i < g->fleet->n_vanished; i++)
		g->missing += is_asked(m, g->section, g->fleet->vanished[i]);
	g->too_many_missing = g->missing > config_get_number(c, g->section, "max-missing");
	g->whole = g->n == g->fleet->n && g->missing == g->fleet->n_vanished;
	return 0;
}

static int add_section(struct maker *m, const struct config_section *section, struct err *err)
{
	struct plan *p = m->plan;
	struct plan_group *grown = reallocarray(p->groups, p->n_groups + 1, sizeof *grown);
	if (!grown)
		return err_no_memory(err);
	p->groups = grown;
	struct plan_group *g = &grown[p->n_groups++];
	*g = (struct plan_group){ .section = section, .first = p->n };
	return config_store_is_fleet(section)
	               ? add_fleet(m, g, err)
	               : add_store(m, section, config_store_name(section), NULL, err);
}

static int unknown(const struct cli *cli, const char *operand, struct err *err)
{
	const char *best = NULL;
	size_t distance = SIZE_MAX;
	err_set(err, ERR_INVALID, "%s: no such store in the configuration", operand);
	for (size_t i = 0; i < cli->config->n; i++)
		if (cli->config->sections[i].kind == CONFIG_STORE)
			best = nearest_better(operand, cli->config->sections[i].name, best,
			                      &distance);
	return best ? err_hint(err, "did you mean '%s'?", best)
	            : err_hint(err, "'holdfast add NAME PATH' adds one");
}

static int fill(struct maker *m, struct err *err)
{
	const struct cli *cli = m->cli;
	bool any = false;
	for (size_t i = 0; i < cli->config->n; i++) {
		if (cli->config->sections[i].kind != CONFIG_STORE)
			continue;
		any = true;
		if (add_section(m, &cli->config->sections[i], err) != 0)
			return err->code;
	}
	for (size_t i = 0; i < cli->options.n_operands; i++)
		if (!m->used[i])
			return unknown(cli, cli->options.operands[i], err);
	if (any)
		return 0;
	err_set(err, ERR_INVALID, "%s: there is no store to back up",
	        cli->config->path ? cli->config->path : "no configuration");
	return err_hint(err, "'holdfast add NAME PATH' adds one");
}

struct plan *plan_make(struct cli *cli, struct err *err)
{
	AUTO(plan) p = calloc(1, sizeof *p);
	bool *used = calloc(cli->options.n_operands + 1, sizeof *used);
	struct maker m = { cli, p, used };
	int rc = p && used ? fill(&m, err) : err_no_memory(err);
	free(used);
	return rc == 0 ? TAKE(p) : NULL;
}

void plan_keep(struct plan *p, plan_wants *keep, void *arg)
{
	size_t kept = 0;
	for (size_t i = 0; i < p->n_groups; i++) {
		struct plan_group *g = &p->groups[i];
		size_t first = kept;
		for (size_t k = g->first; k < g->first + g->n; k++)
			if (keep(arg, g, &p->stores[k]))
				p->stores[kept++] = p->stores[k];
		g->first = first;
		g->n = kept - first;
		g->too_many_missing = g->too_many_missing && g->n > 0;
	}
	p->n = kept;
}

static int remember(const struct plan_group *g, struct cli *cli, bool accept, struct err *err)
{
	const struct fleet *f = g->fleet;
	if (!g->too_many_missing || accept)
		return fleet_remember(cli->vault, g->section->name, f, err);
	struct fleet all = { .n = f->n + f->n_vanished };
	all.members = calloc(all.n + 1, sizeof *all.members);
	if (!all.members)
		return err_no_memory(err);
	memcpy(all.members, f->members, f->n * sizeof *f->members);
	for (size_t i = 0; i < f->n_vanished; i++)
		all.members[f->n + i].name = f->vanished[i];
	int rc = fleet_remember(cli->vault, g->section->name, &all, err);
	free(all.members);
	return rc;
}

int plan_remember(const struct plan *p, struct cli *cli, bool accept, struct err *err)
{
	for (size_t i = 0; i < p->n_groups; i++) {
		const struct plan_group *g = &p->groups[i];
		/* part of a fleet says nothing of the rest */
		if (g->fleet && g->whole && remember(g, cli, accept, err) != 0)
			return err->code;
	}
	return 0;
}
