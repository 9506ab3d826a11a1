#include "cli/drill_listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "cli/cli.h"
#include "holdfast/drill.h"
#include "holdfast/err.h"
#include "holdfast/ledger.h"

static struct listed_drill *find_or_add(struct drill_listing *l, const char *id, const char *machine)
{
	for (size_t i = l->n; i-- > 0;)
		if (strcmp(l->all[i].id, id) == 0 && strcmp(l->all[i].machine, machine) == 0)
			return &l->all[i];
	struct listed_drill *grown = reallocarray(l->all, l->n + 1, sizeof *grown);
	if (!grown)
		return NULL;
	l->all = grown;
	struct listed_drill *added = &grown[l->n++];
	*added = (struct listed_drill){ .due_s = 0 };
	snprintf(added->id, sizeof added->id, "%.32s", id);
	snprintf(added->machine, sizeof added->machine, "%s", machine);
	return added;
}

static int take_entry(void *arg, const struct ledger_line *line, struct err *err)
{
	struct drill_listing *l = arg;
	if (strncmp(line->kind, "drill-", 6) != 0)
		return 0;
	JSON_AUTO j = json_decode(line->json, line->json_len, "entry", err);
	const char *id = json_string_value(json_object_get(j, "drill"));
	const char *verdict = json_string_value(json_object_get(j, "verdict"));
	struct listed_drill *one = id ? find_or_add(l, id, line->key_name) : NULL;
	if (!one)
		return j ? err_no_memory(err) : (int)err->code;
	if (strcmp(line->kind, "drill-planned") == 0) {
		one->due_s = json_int(j, "due");
		one->retry = json_int(j, "attempt") > 1;
	}
	if (strcmp(line->kind, "drill-started") == 0)
		one->started_s = (int64_t)line->time_s;
	if (strcmp(line->kind, "drill-finished") == 0) {
		one->finished_s = (int64_t)line->time_s;
		snprintf(one->verdict, sizeof one->verdict, "%s", verdict ? verdict : "?");
		snprintf(one->report, sizeof one->report, "%s", json_text(j, "report"));
	}
	return 0;
}

/* It is under way while it may take longer, and as long as no other was started on its machine. */
static void judge(struct drill_listing *l, int64_t now_s)
{
	for (size_t i = 0; i < l->n; i++) {
		struct listed_drill *d = &l->all[i];
		bool old = d->started_s + DRILL_TAKES_MAX_S < now_s;
		for (size_t k = i + 1; k < l->n; k++)
			old |= l->all[k].started_s && strcmp(l->all[k].machine, d->machine) == 0;
		d->lost = d->started_s && !d->finished_s && old;
	}
}

struct drill_listing *drill_listing_new(struct cli *cli, uint64_t since_s, struct err *err)
{
	const struct ledger_show_options o = { .since_s = since_s };
	AUTO(drill_listing) l = calloc(1, sizeof *l);
	if (!l) {
		err_no_memory(err);
		return NULL;
	}
	if (ledger_show(cli->vault, &o, take_entry, l, err) != 0)
		return NULL;
	judge(l, (int64_t)time(NULL));
	return TAKE(l);
}

void drill_listing_free(struct drill_listing *l)
{
	if (!l)
		return;
	free(l->all);
	free(l);
}

const char *drill_listing_state(const struct listed_drill *d)
{
	return d->finished_s ? d->verdict : d->lost ? "NOT FINISHED" : d->started_s ? "running" : "planned";
}
