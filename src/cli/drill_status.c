#include "cli/drill_status.h"

#include <stdio.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/drill_listing.h"
#include "cli/due.h"
#include "cli/outcomes.h"
#include "cli/text.h"
#include "holdfast/err.h"
#include "holdfast/vault.h"

enum { LOOK_BACK_S = 90 * 86400 };

struct standing {
	struct cli *cli;
	int64_t now_s;
	bool silent;
	size_t drills, failed, late;
};

static void tell(const struct standing *s, const struct config_section *section,
                 const struct outcome *last, bool late)
{
	char name[4 * 200], day[TEXT_MAX];
	if (s->silent)
		return;
	printf("drill   %s: %s%s%s%s\n", text_escape(name, sizeof name, section->name),
	       last->good_s ? "last passed " : "never passed here",
	       last->good_s ? text_day(day, last->good_s, s->now_s) : "",
	       last->failures ? "; the last one did NOT PASS" : "", late ? "; OVERDUE" : "");
}

static void look_at(struct standing *s, const struct outcomes *o, const struct config_section *section)
{
	struct outcome last;
	struct due due;
	outcomes_get(o, "drill", section->name, &last);
	config_store_due(s->cli->config, section, &due);
	bool late = due_is_late(&due, last.tried_s > last.good_s ? last.tried_s : last.good_s, s->now_s);
	s->drills++;
	s->failed += last.failures > 0;
	s->late += late;
	tell(s, section, &last, late);
}

/* Those of other machines too: whoever looks is told. */
static int count_lost(struct standing *s, struct err *err)
{
	size_t lost = 0;
	if (!s->cli->vault)
		return 0;
	AUTO(drill_listing) l = drill_listing_new(s->cli, (uint64_t)(s->now_s - LOOK_BACK_S), err);
	if (!l)
		return err->code;
	for (size_t i = 0; i < l->n; i++)
		lost += l->all[i].lost;
	s->failed += lost;
	if (lost > 0 && !s->silent)
		printf("drill   %zu started and NEVER FINISHED: holdfast drill list\n", lost);
	return 0;
}

int drill_status(struct cli *cli, bool silent, enum exit_code *exit, struct err *err)
{
	struct standing s = { .cli = cli, .now_s = (int64_t)time(NULL), .silent = silent };
	*exit = EXIT_DONE;
	AUTO(outcomes) o = cli->state ? outcomes_load(cli->state, false, NULL, err) : NULL;
	if (!o)
		return cli->state ? (int)err->code : 0;
	if (outcomes_of_vault(o, cli->vault ? vault_id_text(cli->vault) : NULL, cli->url, err) != 0)
		return err->code;
	for (size_t i = 0; i < cli->config->n; i++)
		if (cli->config->sections[i].kind == CONFIG_DRILL)
			look_at(&s, o, &cli->config->sections[i]);
	if (s.drills > 0 && count_lost(&s, err) != 0)
		return err->code;
	*exit = s.failed ? EXIT_DRILL : s.late ? EXIT_OVERDUE : EXIT_DONE;
	return 0;
}
