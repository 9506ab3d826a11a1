/*
 * notify - tell others of a run: pings for a watchdog, news as JSON to an address, a command.
 *
 * From [run] of the configuration: `ping` gets URL/start, and at the end URL or URL/fail with the summary
 * as its body; `notify` gets the news by POST and `notify-command` on its standard input, both only when
 * there is something to tell (notify-when). Addresses may come from files, since they may be secrets.
 * Nothing here can fail a backup: what went wrong is added to the summary.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <jansson.h>
#include <stdbool.h>

struct config;
struct err;

enum { NOTIFY_SUMMARY_MAX = 10000 };   /* bytes of a ping's body: what watchdogs keep */

/* Gets each thing that went wrong. */
typedef int notify_problem(void *arg, const struct err *problem, struct err *err);

struct notify {
	const struct config *config;
	notify_problem *problem;
	void *arg;
};

/* ERR_* only from the problem visitor. */
int notify_start(const struct notify *n, struct err *err);

/* summary: text; news: one object, or NULL where there is none but for the watchdog. */
int notify_end(const struct notify *n, bool good, const char *summary, const json_t *news,
               struct err *err);

/* Check what can be checked beforehand: files with addresses are there and private. */
int notify_check(const struct config *c, struct err *err);

#endif
