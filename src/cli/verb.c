#include "cli/verb.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options.h"
#include "holdfast/err.h"

/* "run, plan or list" */
static int unknown(const struct command *command, const struct verb *verbs, const char *word,
                   struct err *err)
{
	char list[200] = "";
	size_t used = 0;
	for (const struct verb *v = verbs; v->name && used < sizeof list; v++)
		used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
		                         v == verbs ? "" : v[1].name ? ", " : " or ", v->name);
	err_set(err, ERR_INVALID, "%s: '%.100s' is not known", command->name, word);
	return err_hint(err, "%s", list);
}

static int unfit(const struct command *command, const struct verb *v, struct err *err)
{
	return err_hint(err, "usage: holdfast %s %s %s", command->name, v->name, v->usage);
}

static int check(const struct command *command, const struct verb *v, const struct options *o,
                 struct err *err)
{
	size_t n = o->n_operands - 1;
	if (n < v->min || n > v->max) {
		err_set(err, ERR_INVALID, "%s %s: %s", command->name, v->name,
		        n < v->min ? "an operand is missing" : "too many operands");
		return unfit(command, v, err);
	}
	for (size_t i = 0; command->options[i].name; i++)
		if (o->own[i] && !(v->takes & 1u << i)) {
			err_set(err, ERR_INVALID, "%s %s: --%s means nothing here", command->name, v->name,
			        command->options[i].name);
			return unfit(command, v, err);
		}
	return 0;
}

const struct verb *verb_choose(const struct command *command, const struct verb *verbs,
                               const struct options *o, struct err *err)
{
	if (options_operands(o, command, 1, SIZE_MAX, err) != 0)
		return NULL;
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, o->operands[0]) == 0)
			return check(command, v, o, err) == 0 ? v : NULL;
	unknown(command, verbs, o->operands[0], err);
	return NULL;
}
