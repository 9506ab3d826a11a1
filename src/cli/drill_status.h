/* drill_status - how the drills of this configuration stand, for `status`. Nothing is printed here. */
#ifndef DRILL_STATUS_H
#define DRILL_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "cli/exit_code.h"
#include "holdfast/err.h"

struct cli;

enum { DRILL_STANDING_WORD_MAX = 24 };

/* A [drill], as this machine remembers it. */
struct drill_standing {
	const char *name;
	int64_t passed_s, tried_s;       /* 0: never, as far as is known here */
	uint64_t every_s, failures;      /* turns in a row that did not pass */
	char verdict[DRILL_STANDING_WORD_MAX];   /* of the last one; "none" where there was none */
	bool overdue;                    /* a whole turn was missed */
};

struct drill_status {
	int64_t now_s;
	struct drill_standing *all;      /* in the order of the configuration */
	size_t n, failed, late;
	size_t lost;                     /* begun and never finished, on any machine, in the last 90 days */
	struct err unread;               /* code not 0: a ledger is damaged, and that is not known */
};

/* With no [drill] nothing is asked. The vault may be away (then `lost` is not known, and 0). NULL with
 * ERR_NOMEM, errors of files and of asking the vault. The names are the configuration's. */
struct drill_status *drill_status_new(struct cli *cli, struct err *err);
void drill_status_free(struct drill_status *s);
AUTO_FREE(drill_status);

/* EXIT_DAMAGE, EXIT_DRILL (the last one did not pass, or one was killed), EXIT_OVERDUE or EXIT_DONE. */
enum exit_code drill_status_exit(const struct drill_status *s);

#endif
