/* report_words - what a report says, in English and in Simplified Chinese. Pure. */
#ifndef REPORT_WORDS_H
#define REPORT_WORDS_H

#include <jansson.h>
#include <stdbool.h>

enum report_lang { REPORT_EN, REPORT_ZH, REPORT_LANGS };

enum { REPORT_LINE_MAX = 400 };

enum report_word {
	W_HTML_LANG, W_TITLE, W_SPAN, W_VAULT, W_MADE, W_MADE_BY, W_SEALED,
	W_DRILLS, W_PASSED, W_FAILED, W_UNVERIFIED, W_LOST, W_MISSED, W_RUNNING, W_STORES_DRILLED,
	W_BACKUPS_FAILED, W_ATTENTION, W_NOTHING_WRONG,
	W_RTO_CHART, W_RPO_CHART, W_OBJECTIVE, W_NO_VALUES, W_CALENDAR, W_NO_RUNS, W_DAY_GOOD, W_DAY_FAILED,
	W_DAY_NONE, W_MATRIX, W_CLAUSE, W_EVIDENCE, W_GAPS, W_NONE, W_MATRIX_NOTE,
	W_DRILL, W_MACHINE, W_STORE, W_STARTED, W_VERDICT, W_RTO, W_RPO, W_BY_SNAPSHOT, W_CHECKS, W_WHY,
	W_RETRY,
	W_FINDINGS, W_TICKET, W_TEXT, W_OPENED, W_DUE, W_CLOSED, W_OPEN,
	W_INVENTORY, W_ASSET, W_OWNER, W_NEWEST, W_LAST_DRILL, W_NEVER, W_NO_ASSET,
	W_KEYS, W_NAME, W_ROLES, W_ENROLLED, W_FINGERPRINT, W_EPOCHS, W_EPOCH, W_SINCE, W_UNTIL, W_FOOT,
	REPORT_WORDS
};

const char *report_word(enum report_word w, enum report_lang lang);

/* "en", "zh" */
bool report_lang_of(const char *text, enum report_lang *out);

/* A drill's state in words. */
const char *report_state(const char *state, enum report_lang lang);

/* One of "facts" (period_facts.h) as a sentence with its numbers. */
const char *report_fact_line(const json_t *fact, enum report_lang lang, char out[REPORT_LINE_MAX]);

#endif
