/* drill_world - a vault with one store and a drill of it, for tests. Include it from a program whose main
 * calls drill_world_inside first. */
#ifndef DRILL_WORLD_H
#define DRILL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "holdfast/backup.h"
#include "holdfast/drill.h"
#include "lab.h"

enum { WORLD_ROWS = 3000 };

struct world {
	struct lab lab;
	char db[LAB_PATH], sandboxes[LAB_PATH];
	struct backup_store source;
	struct drill_store store;
	struct drill_options options;
	struct drill_result result;
	json_t *report, *detail;
};

/* The half in the sandbox is this very program. */
static inline bool drill_world_inside(int argc, char **argv, int *status)
{
	if (argc < 2 || strcmp(argv[1], DRILL_TRIAL_WORD) != 0)
		return false;
	*status = drill_trial_main();
	return true;
}

static inline void world_sql(const char *path, const char *sql)
{
	sqlite3 *db;
	char *why = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(db);
}

static inline void world_backup(struct world *w)
{
	struct err err = { 0 };
	struct backup_options o = { .full = false };
	struct backup_result r = { .seq = 0 };
	if (backup_run(w->lab.writer, &w->source, 1, &o, &r, &err) != 0)
		fail_msg("%s", err.msg);
}

static inline void world_options(struct world *w)
{
	w->store = (struct drill_store){ .info = lab_store(&w->lab, "crm") };
	snprintf(w->sandboxes, sizeof w->sandboxes, "%s/sandboxes", w->lab.dir);
	w->options = (struct drill_options){
		.name = "weekly", .stores = &w->store, .n_stores = 1, .sandboxes = w->sandboxes,
		.due_s = 1795478400, .every_s = 7 * 86400, .timeout_s = 60,
		.disk_bytes = (uint64_t)4 << 30,
	};
}

/* A customer database, backed up once. */
static inline void world_begin(struct world *w)
{
	struct err err = { 0 };
	char sql[700];
	*w = (struct world){ 0 };
	if (lab_begin(&w->lab, "file", &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(chmod(w->lab.dir, 0711), 0);
	snprintf(w->db, sizeof w->db, "%s/crm.db", w->lab.dir);
	snprintf(sql, sizeof sql,
	         "PRAGMA journal_mode=WAL;"
	         "CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
	         "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INT REFERENCES customers(id), "
	         "total INT, at TEXT); CREATE INDEX by_customer ON orders(customer);"
	         "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
	         "INSERT INTO customers SELECT i, 'customer ' || i FROM n;"
	         "INSERT INTO orders SELECT id, id, id * 3, datetime('now', '-' || (%d - id) || ' minutes') "
	         "FROM customers", WORLD_ROWS, WORLD_ROWS);
	world_sql(w->db, sql);
	w->source = (struct backup_store){ .source = { .type = "sqlite", .name = "crm", .path = w->db } };
	world_backup(w);
	world_options(w);
}

static inline void world_forget(struct world *w)
{
	drill_result_clear(&w->result);
	json_drop(&w->report);
	json_drop(&w->detail);
}

static inline void world_end(struct world *w)
{
	world_forget(w);
	lab_end(&w->lab);
}

/* Run the drill through a handle; its report must be there. */
static inline enum drill_verdict world_drill_by(struct world *w, struct vault *v)
{
	struct err err = { 0 };
	world_forget(w);
	if (drill_run(v, &w->options, &w->result, &err) != 0)
		fail_msg("%s", err.msg);
	w->report = json_decode_canonical(w->result.report, strlen(w->result.report), "report", &err);
	w->detail = json_decode_canonical(w->result.detail, strlen(w->result.detail), "detail", &err);
	assert_non_null(w->report);
	assert_non_null(w->detail);
	assert_string_equal(json_string_value(json_object_get(w->report, "verdict")),
	                    drill_verdict_text(w->result.verdict));
	return w->result.verdict;
}

static inline enum drill_verdict world_drill(struct world *w)
{
	return world_drill_by(w, w->lab.reader);
}

/* The result of the first check of that kind (and name, unless NULL), or "none". */
static inline const char *world_check(const struct world *w, const char *kind, const char *name)
{
	const json_t *list = json_object_get(w->report, "checks"), *details, *c;
	details = json_object_get(w->detail, "checks");
	size_t i;
	json_array_foreach(list, i, c) {
		const char *n = json_string_value(json_object_get(json_array_get(details, i), "name"));
		if (strcmp(json_string_value(json_object_get(c, "kind")), kind) == 0 &&
		    (!name || (n && strcmp(n, name) == 0)))
			return json_string_value(json_object_get(c, "result"));
	}
	return "none";
}

/* A member of that check's detail, or "". */
static inline const char *world_said(const struct world *w, const char *kind, const char *member)
{
	const json_t *list = json_object_get(w->report, "checks"), *details, *c;
	details = json_object_get(w->detail, "checks");
	size_t i;
	json_array_foreach(list, i, c) {
		const char *said = json_string_value(json_object_get(json_array_get(details, i), member));
		if (strcmp(json_string_value(json_object_get(c, "kind")), kind) == 0)
			return said ? said : "";
	}
	return "";
}

/* The phase of an error that ended the drill, or "". */
static inline const char *world_stopped(const struct world *w)
{
	const char *phase = json_string_value(json_object_get(json_object_get(w->report, "stopped"),
	                                                      "phase"));
	return phase ? phase : "";
}

/* Names below a folder, without . and .. */
static inline size_t world_count(const char *dir)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, NULL);
	for (int i = 0; i < n; i++)
		free(list[i]);
	if (n >= 0)
		free(list);
	return n > 2 ? (size_t)n - 2 : 0;
}

/* The path of some pack of the store, in a vault that is a folder. */
static inline void world_pack(const struct world *w, char path[LAB_PATH + NAMES_MAX])
{
	struct lab_names names;
	struct err err;
	char prefix[NAMES_MAX];
	names_packs(prefix, w->store.info.writer, w->store.info.store);
	assert_int_equal(lab_list(&w->lab, prefix, &names, &err), 0);
	assert_true(names.n > 0);
	snprintf(path, LAB_PATH + NAMES_MAX, "%s/%s", w->lab.url + 7, names.names[0]);
	free(names.names);
}

/* The drill's verdict, or the beginning of what it said: cmocka loses the end of long messages, and with
 * it the line feed. */
#define EXPECT(w, verdict)                                                                         \
	do {                                                                                       \
		enum drill_verdict got_ = world_drill(w);                                          \
		if (got_ != (verdict))                                                             \
			fail_msg("verdict %s; %.300s; %.400s", drill_verdict_text(got_),            \
			         strstr((w)->result.report, "\"checks\""),                         \
			         strstr((w)->result.detail, "\"checks\""));                        \
	} while (0)

#endif
