#include "cli/drill_status.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/asking.h"
#include "cli/cli.h"
#include "cli/drill_listing.h"
#include "cli/due.h"
#include "cli/outcomes.h"
#include "holdfast/vault.h"

enum { LOOK_BACK_S = 90 * 86400 };

void drill_status_free(struct drill_status *s)
{
	if (!s)
		return;
	free(s->all);
	free(s);
}

static void look_at(struct drill_status *s, const struct config *c, const struct outcomes *o,
                    const struct config_section *section)
{
	struct drill_standing *d = &s->all[s->n++];
	struct outcome last;
	struct due due;
	outcomes_get(o, "drill", section->name, &last);
	config_store_due(c, section, &due);
	*d = (struct drill_standing){ .name = section->name, .passed_s = last.good_s,
	                              .tried_s = last.tried_s, .every_s = due.every_s,
	                              .failures = last.failures };
	snprintf(d->verdict, sizeof d->verdict, "%.23s",
	         last.failures ? last.error : last.good_s ? "passed" : "none");
	d->overdue = due_is_late(&due, last.tried_s > last.good_s ? last.tried_s : last.good_s, s->now_s);
	s->failed += last.failures > 0;
	s->late += d->overdue;
}

/* Those of other machines too: whoever looks is told. */
static int count_lost(struct drill_status *s, struct cli *cli, struct err *err)
{
	if (!cli->vault || s->n == 0)
		return 0;
	AUTO(drill_listing) l = drill_listing_new(cli, (uint64_t)(s->now_s - LOOK_BACK_S), err);
	if (!l && asking_concerns_one((int)err->code)) {
		s->unread = *err;
		return 0;
	}
	if (!l)
		return err->code;
	for (size_t i = 0; i < l->n; i++)
		s->lost += l->all[i].lost;
	return 0;
}

static int look_around(struct drill_status *s, struct cli *cli, struct err *err)
{
	AUTO(outcomes) o = outcomes_load(cli->state, false, NULL, err);
	if (!o || outcomes_of_vault(o, cli->vault ? vault_id_text(cli->vault) : NULL, cli->url, err) != 0)
		return err->code;
	for (size_t i = 0; i < cli->config->n; i++)
		if (cli->config->sections[i].kind == CONFIG_DRILL)
			look_at(s, cli->config, o, &cli->config->sections[i]);
	return count_lost(s, cli, err);
}

struct drill_status *drill_status_new(struct cli *cli, struct err *err)
{
	AUTO(drill_status) s = calloc(1, sizeof *s);
	if (s)
		s->all = calloc(cli->config->n + 1, sizeof *s->all);
	if (!s || !s->all) {
		err_no_memory(err);
		return NULL;
	}
	s->now_s = (int64_t)time(NULL);
	return !cli->state || look_around(s, cli, err) == 0 ? TAKE(s) : NULL;
}

enum exit_code drill_status_exit(const struct drill_status *s)
{
	if (s->unread.code != ERR_NONE)
		return EXIT_DAMAGE;
	return s->failed || s->lost ? EXIT_DRILL : s->late ? EXIT_OVERDUE : EXIT_DONE;
}
