/* lab_alone - one lab in memory for each test of a program, and stores that are backed up at a word. */
#ifndef LAB_ALONE_H
#define LAB_ALONE_H

#include "ledger_make.h"

#include "holdfast/backup.h"

static struct lab lab;
static struct err err;

static inline void must(int rc)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, err.msg);
}

static inline int begin(void **state)
{
	(void)state;
	err = (struct err){ 0 };
	return lab_begin(&lab, "memory", &err);
}

static inline int end(void **state)
{
	(void)state;
	lab_end(&lab);
	return 0;
}

/* A store whose content is another one each time. */
static inline struct store_info backed_up(const char *name)
{
	const struct backup_store store = { .source = { .name = name, .type = "command", .path = NULL,
	                                                .command = "date +%N" } };
	const struct backup_options options = { .full = false };
	struct backup_result result;
	must(backup_run(lab.writer, &store, 1, &options, &result, &err));
	return lab_store(&lab, name);
}

#endif
