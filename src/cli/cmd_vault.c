/* vault - what a place for vaults is like: `holdfast vault test`. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/text.h"
#include "holdfast/err.h"
#include "holdfast/probe.h"

static const struct right {
	const char *name, *for_what;
	size_t offset;
} rights[] = {
	{ "put", "backup, copy to it", offsetof(struct probe_result, put) },
	{ "get", "backup, restore, check, copy", offsetof(struct probe_result, get) },
	{ "list", "backup, restore, check, copy", offsetof(struct probe_result, list) },
	{ "remove", "expiring old snapshots only", offsetof(struct probe_result, remove) },
};
enum { RIGHTS = sizeof rights / sizeof *rights, NEEDED = RIGHTS - 1 };

static const struct err *right_of(const struct probe_result *r, size_t i)
{
	return (const struct err *)(const void *)((const char *)r + rights[i].offset);
}

static const char *answer(bool yes)
{
	return yes ? "yes" : "no";
}

static int right_rows(struct table *t, const struct probe_result *r, struct err *err)
{
	for (size_t i = 0; i < RIGHTS; i++) {
		const struct err *e = right_of(r, i);
		char note[sizeof e->msg + 40];
		snprintf(note, sizeof note, "%s%s%s", rights[i].for_what, e->code ? ": " : "",
		         e->code ? e->msg : "");
		const char *word = e->code == ERR_NONE ? "yes" : e->code == ERR_STOPPED ? "?" : "NO";
		if (TABLE_ROW(t, err, rights[i].name, word, note) != 0)
			return err->code;
	}
	return 0;
}

static int trait_rows(struct table *t, const struct probe_result *r, struct err *err)
{
	const struct backend_traits *x = &r->traits;
	if (r->traits_failed.code != ERR_NONE)
		return TABLE_ROW(t, err, "properties", "?", r->traits_failed.msg);
	char clock[40];
	snprintf(clock, sizeof clock, "%+" PRId64 " s", x->clock_ahead_s);
	if (TABLE_ROW(t, err, "server", "", x->server) != 0 ||
	    TABLE_ROW(t, err, "exclusive", answer(r->exclusive && x->conditional),
	              r->exclusive && x->conditional ? "a name that is taken is refused"
	              : r->exclusive ? "a name that is taken is refused, but not to two at the same moment"
	                             : "a name that is taken is overwritten") != 0 ||
	    TABLE_ROW(t, err, "versions", answer(x->versions), "what is replaced or removed is kept") != 0 ||
	    TABLE_ROW(t, err, "locks", answer(x->locks),
	              r->lock_configured ? "configured" : "none configured") != 0)
		return err->code;
	return TABLE_ROW(t, err, "clock", clock, "ahead of this machine's");
}

static int speed_rows(struct table *t, const struct probe_result *r, struct err *err)
{
	char up[TEXT_MAX + 4] = "?", down[TEXT_MAX + 4] = "?", latency[40] = "?", size[TEXT_MAX];
	if (r->up_bytes_per_s)
		snprintf(up, sizeof up, "%s/s", text_size(size, r->up_bytes_per_s));
	if (r->down_bytes_per_s)
		snprintf(down, sizeof down, "%s/s", text_size(size, r->down_bytes_per_s));
	if (r->latency_us)
		snprintf(latency, sizeof latency, "%.1f ms", (double)r->latency_us / 1000);
	if (TABLE_ROW(t, err, "latency", latency, "one small read") != 0 ||
	    TABLE_ROW(t, err, "up", up, "one object of 16 MiB") != 0)
		return err->code;
	return TABLE_ROW(t, err, "down", down, "the same, back");
}

static size_t rights_missing(const struct probe_result *r)
{
	size_t n = 0;
	for (size_t i = 0; i < NEEDED; i++)
		n += right_of(r, i)->code != ERR_NONE;
	return n;
}

/* A line of its own: it is longer than any word of the table. */
static void print_key_id(const struct probe_result *r)
{
	if (r->key_failed.code == ERR_NONE)
		printf("A policy that confines this machine names its key id: %s\n", r->key_id);
	else if (r->key_failed.code == ERR_ABSENT)
		printf("No vault is here yet: 'holdfast init' makes the key id that a policy names.\n");
	else
		printf("The key id that a policy names is not known: %s\n", r->key_failed.msg);
}

static int print(const struct cli *cli, const struct probe_result *r, struct err *err)
{
	const char *why;
	bool can = probe_can_destroy(r, &why);
	AUTO(table) t = table_new("lll", err);
	if (!t || right_rows(t, r, err) != 0 || trait_rows(t, r, err) != 0 || speed_rows(t, r, err) != 0)
		return err->code;
	printf("%s\n\n", cli->url);
	table_print(t);
	printf("\nCan whoever steals these credentials destroy the history? %s: %s\n", answer(can), why);
	print_key_id(r);
	if (r->left)
		printf("What was stored below probe/ could not be removed again.\n");
	return 0;
}

static json_t *rights_json(const struct probe_result *r)
{
	json_t *j = json_object();
	for (size_t i = 0; i < RIGHTS; i++) {
		const struct err *e = right_of(r, i);
		json_object_set_new(j, rights[i].name, e->code == ERR_NONE ? json_true()
		                    : e->code == ERR_STOPPED ? json_null() : output_json_error(e, NULL));
	}
	return j;
}

static int as_json(const struct cli *cli, const struct probe_result *r, struct err *err)
{
	const char *why;
	bool can = probe_can_destroy(r, &why);
	const struct backend_traits *x = &r->traits;
	return output_json(json_pack("{s:o, s:o, s:o, s:b, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:b, s:s,"
	                             " s:s?}",
	                             "url", output_json_text(cli->url), "rights", rights_json(r),
	                             "server", output_json_text(x->server), "exclusive",
	                             r->exclusive && x->conditional, "versions", x->versions, "locks",
	                             x->locks, "lock_configured", r->lock_configured,
	                             "clock_ahead_s", (json_int_t)x->clock_ahead_s, "latency_us",
	                             (json_int_t)r->latency_us, "up_bytes_per_s",
	                             (json_int_t)r->up_bytes_per_s, "down_bytes_per_s",
	                             (json_int_t)r->down_bytes_per_s, "credential_can_destroy", can,
	                             "why", why, "key_id",
	                             r->key_failed.code == ERR_NONE ? r->key_id : NULL), err);
}

/* Where nothing at all worked, that is one failure and no table. */
static int run_test(struct cli *cli, struct err *err)
{
	struct backend_options storage;
	struct probe_result r;
	if (cli_place(cli, err) != 0)
		return err->code;
	cli_storage_options(cli, cli->place, &storage);
	if (probe_run(cli->url, &storage, cli->keys, &r, err) != 0)
		return err_wrap(err, "vault test");
	if (r.put.code != ERR_NONE && r.put.code != ERR_DENIED) {
		*err = r.put;
		return err_wrap(err, "vault test: %.150s", cli->url);
	}
	if (!(cli->options.quiet && rights_missing(&r) == 0) &&
	    (cli->options.json ? as_json(cli, &r, err) : print(cli, &r, err)) != 0)
		return err->code;
	return rights_missing(&r) ? EXIT_FAILED : EXIT_DONE;
}

static int run(struct cli *cli, struct err *err)
{
	if (options_operands(&cli->options, &cmd_vault, 1, 1, err) != 0)
		return err->code;
	if (strcmp(cli->options.operands[0], "test") == 0)
		return run_test(cli, err);
	err_set(err, ERR_INVALID, "vault: '%.100s' is not known", cli->options.operands[0]);
	return err_hint(err, "usage: holdfast vault test");
}

const struct command cmd_vault = {
	.name = "vault",
	.summary = "try a place for vaults: rights, speed, protection",
	.usage = "test [--vault VAULT]",
	.about = "Try what the credentials at hand may do in a place, vault or not, how fast it is, and\n"
	         "whether a stolen credential could destroy what is stored there. Small objects and one of\n"
	         "16 MiB are stored below probe/ and removed again. The key id that a bucket policy for\n"
	         "this machine must name is shown. Exit status 1: a right that backups need is missing.\n",
	.run = run,
};
