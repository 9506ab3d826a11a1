/* restore - bring stores back; without a store: tell what there is. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/asking.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/mask_job.h"
#include "cli/output.h"
#include "cli/restore_all.h"
#include "cli/restore_job.h"
#include "cli/stores.h"
#include "cli/table.h"
#include "cli/text.h"
#include "holdfast/err.h"

enum { TO, PATH, OVERWRITE, MASK, TEMPLATE };

static const struct option_spec options[] = {
	[TO] = { "to", 0, "DIR", "the folder to restore into" },
	[PATH] = { "path", 0, "P", "only this file, or what is below this folder" },
	[OVERWRITE] = { "overwrite", 0, NULL, "keep an existing file as NAME.before-restore" },
	[MASK] = { "mask", 0, "RULES", "mask a SQLite store by these rules (holdfast-mask(5))" },
	[TEMPLATE] = { "mask-template", 0, NULL, "print rules to fill in, and restore nothing" },
	{ 0 },
};

static int overview_row(struct cli *cli, struct table *t, const struct asking_newest *of, struct err *err)
{
	const struct snapshot_info *newest = &of->newest;
	if (cli->options.json)
		return !of->found ? 0 : output_json(json_pack("{s:o, s:I, s:I, s:I, s:s}", "store",
		                                    output_json_text(of->label), "snapshot",
		                                    (json_int_t)newest->seq, "time",
		                                    (json_int_t)newest->time_s, "listed_bytes",
		                                    (json_int_t)newest->listed_bytes, "kind",
		                                    snapshot_kind_text(newest->kind)), err);
	char seq[TEXT_MAX] = "", when[TEXT_MAX] = "", age[TEXT_MAX] = "", size[TEXT_MAX] = "";
	snprintf(seq, sizeof seq, "%s", of->why.code == ERR_NONE ? "none" : "damaged");
	if (of->found) {
		snprintf(seq, sizeof seq, "%" PRIu64, newest->seq);
		text_time(when, newest->time_s);
		text_age(age, (int64_t)time(NULL) - newest->time_s);
		text_size(size, newest->listed_bytes);
	}
	return TABLE_ROW(t, err, of->label, seq, when, age, size);
}

/* A store whose key or newest snapshot is damaged hides no other. */
static size_t tell_damage(const struct stores *list, const struct asking_newest *all)
{
	size_t n = 0;
	for (size_t i = 0; i < list->n; i++) {
		const char *damage = list->entries[i].info.damage;
		struct err key;
		if (damage) {
			err_set(&key, ERR_CORRUPT, "%s", damage);
			output_error(&key);
		}
		if (all[i].why.code != ERR_NONE)
			output_error(&all[i].why);
		n += damage || all[i].why.code != ERR_NONE;
	}
	return n;
}

static int overview_rows(struct cli *cli, struct table *t, const struct stores *list, size_t *damaged,
                         struct err *err)
{
	struct asking_newest *all = calloc(list->n + 1, sizeof *all);
	if (!all)
		return err_no_memory(err);
	for (size_t i = 0; i < list->n; i++)
		all[i] = (struct asking_newest){ .store = &list->entries[i].info,
			                         .label = list->entries[i].label };
	int rc = asking_newest(cli->vault, all, list->n, err);
	for (size_t i = 0; i < list->n && rc == 0; i++)
		rc = overview_row(cli, t, &all[i], err);
	*damaged = tell_damage(list, all);
	free(all);
	return rc;
}

static void next_command(const struct cli *cli, const struct stores *list)
{
	const struct store_entry *e = &list->entries[0];
	bool named = cli->options.vault != NULL;
	printf("\nNext: holdfast restore %s%s%s%s --to DIR\n", named ? "--vault " : "",
	       named ? cli->options.vault : "", named ? " " : "",
	       e->info.name ? e->label : "STORE");
	if (!e->info.name)
		printf("The names of the stores need the passphrase: --passphrase-file FILE\n");
}

static int overview(struct cli *cli, struct err *err)
{
	if (cli_open(cli, err) != 0)
		return err->code;
	size_t damaged = 0;
	AUTO(stores) list = stores_load(cli, STORES_ASK, err);
	AUTO(table) t = table_new("lrlrr", err);
	if (!list || !t || TABLE_ROW(t, err, "STORE", "SNAPSHOT", "TIME", "AGE", "TO FETCH") != 0)
		return err->code;
	if (overview_rows(cli, t, list, &damaged, err) != 0)
		return err->code;
	int code = damaged ? EXIT_DAMAGE : EXIT_DONE;
	if (cli->options.json)
		return code;
	printf("Vault %s, %s, %zu store%s\n\n", vault_short_id(cli->vault), vault_url(cli->vault),
	       list->n, list->n == 1 ? "" : "s");
	if (list->n == 0)
		return code;
	table_print(t);
	next_command(cli, list);
	return code;
}

/* A masked store must not go back to its place, nor a part of it or a skeleton anywhere. */
static int check_mask(const struct options *o, struct err *err)
{
	if (o->own[MASK] && o->own[TEMPLATE])
		return err_set(err, ERR_INVALID, "restore: --mask and --mask-template are two things");
	if ((o->own[MASK] || o->own[TEMPLATE]) && o->own[PATH])
		return err_set(err, ERR_INVALID, "restore: a database is masked as a whole, without --path");
	if (o->own[MASK] && !o->own[TO]) {
		err_set(err, ERR_INVALID, "restore: --mask needs a folder to restore into");
		return err_hint(err, "add --to DIR");
	}
	if ((o->own[MASK] || o->own[TEMPLATE]) && o->n_operands == 0)
		return err_set(err, ERR_INVALID, "restore: which store is to be masked?");
	return 0;
}

static int run_jobs(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	struct mask_job mask = { .template_only = o->own[TEMPLATE] != NULL,
	                         .overwrite = o->own[OVERWRITE] != NULL };
	AUTO(mask_rules) rules = o->own[MASK] ? mask_rules_load(o->own[MASK], err) : NULL;
	if (o->own[MASK] && !rules)
		return err->code;
	const struct restore_all_options how = { .path = o->own[PATH],
	                                         .overwrite = o->own[OVERWRITE] != NULL };
	mask.rules = rules;
	const char *to = mask.template_only && !o->own[TO] ? mask_job_scratch() : o->own[TO];
	AUTO(restore_jobs) jobs = restore_jobs_new(cli, o->operands[0], to, err);
	return jobs ? restore_all(cli, jobs, &mask, &how, err) : err->code;
}

static int run(struct cli *cli, struct err *err)
{
	if (options_operands(&cli->options, &cmd_restore, 0, 1, err) != 0 ||
	    check_mask(&cli->options, err) != 0)
		return err->code;
	return cli->options.n_operands == 0 ? overview(cli, err) : run_jobs(cli, err);
}

const struct command cmd_restore = {
	.name = "restore",
	.summary = "bring stores back",
	.usage = "[STORE|PATTERN][@SNAPSHOT] [--to DIR] [--path P] [--overwrite] [--mask RULES]",
	.about = "Without a store: list what is there, and the next command to type. With one: restore\n"
	         "it into DIR; without --to a SQLite store of the configuration goes back to its place,\n"
	         "and a store with a restore-command is piped into that. Several stores each go to\n"
	         "DIR, or to DIR/STORE where their files have the same names. An existing file is never\n"
	         "replaced without --overwrite. A restore that was interrupted goes on when repeated.\n"
	         "With --mask a SQLite store is written anew with every value masked by its rule; what no\n"
	         "rule names is refused. --mask-template prints rules to fill in.\n"
	         "SNAPSHOT is a number, 'latest', 'yesterday' or a time (2026-11-22T02:15).\n",
	.options = options,
	.changes = true,
	.reads = true,
	.falls_back = true,
	.reads_late = true,
	.run = run,
};
