/*
 * A copy of some stores, and one where others enrol, append, drill and copy to the same place meanwhile: what
 * its ledgers and its charter say.
 *
 * wrap: copying_folder copying_put ledger_match
 */
#include "ledger_make.h"

#include "crypto/sha256.h"
#include "engine/copying.h"
#include "engine/ledger_match.h"
#include "holdfast/copy.h"
#include "vault/tlog.h"

static struct lab lab;
static struct err err;
static char target[LAB_PATH];
static struct err problem;            /* the last that a copy told */

static void must(int rc)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, err.msg);
}

static int begin(void **state)
{
	(void)state;
	err = problem = (struct err){ 0 };
	if (lab_begin(&lab, "memory", &err) != 0)
		return -1;
	snprintf(target, sizeof target, "memory://%s/target", lab.dir);
	return 0;
}

static int end(void **state)
{
	(void)state;
	memory_forget(target + strlen("memory://"));
	lab_end(&lab);
	return 0;
}

/* ---- what happens meanwhile ---- */

static void (*act)(void);              /* once, just before a name with `moment` in it is dealt with */
static const char *moment;

static void meanwhile(const char *name)
{
	void (*now)(void) = act;
	if (!now || !strstr(name, moment))
		return;
	act = NULL;
	now();
}

int __real_copying_folder(struct copying *c, const char *prefix, struct err *e);
int __wrap_copying_folder(struct copying *c, const char *prefix, struct err *e);
int __wrap_copying_folder(struct copying *c, const char *prefix, struct err *e)
{
	meanwhile(prefix);
	return __real_copying_folder(c, prefix, e);
}

int __real_copying_put(struct copying *c, const char *name, const void *data, size_t len, bool replace,
                       struct err *e);
int __wrap_copying_put(struct copying *c, const char *name, const void *data, size_t len, bool replace,
                       struct err *e);
int __wrap_copying_put(struct copying *c, const char *name, const void *data, size_t len, bool replace,
                       struct err *e)
{
	meanwhile(name);
	return __real_copying_put(c, name, data, len, replace, e);
}

int __real_ledger_match(const struct vault *v, struct ledger_facts *facts, const struct ledger_match_how *how,
                        struct ledger_verify_result *result, struct err *e);
int __wrap_ledger_match(const struct vault *v, struct ledger_facts *facts, const struct ledger_match_how *how,
                        struct ledger_verify_result *result, struct err *e);
int __wrap_ledger_match(const struct vault *v, struct ledger_facts *facts, const struct ledger_match_how *how,
                        struct ledger_verify_result *result, struct err *e)
{
	meanwhile("ledger_match");
	return __real_ledger_match(v, facts, how, result, e);
}

/* ---- a drill ---- */

static void start_drill(uint64_t ago_s)
{
	struct entry e = { .kind = ENTRY_DRILL_STARTED, .time_s = (uint64_t)time(NULL) - ago_s };
	memset(e.drill, 7, sizeof e.drill);
	must(ledger_write(lab.writer, &e, &err));
}

static void end_drill(void)
{
	static const char report[] = "{\"verdict\":\"failed\"}";
	char name[NAMES_MAX], prefix[NAMES_MAX], hex[33];
	struct entry e = { .kind = ENTRY_DRILL_FINISHED, .verdict = VERDICT_FAILED,
	                   .time_s = (uint64_t)time(NULL) };
	memset(e.drill, 7, sizeof e.drill);
	sha256(e.report, report, sizeof report - 1);
	must(ledger_write(lab.writer, &e, &err));
	names_drills(prefix, vault_keyfile(lab.writer)->id);
	snprintf(name, sizeof name, "%.60s%s/report.json", prefix, hex_encode(hex, e.drill, 16));
	must(storage_put(vault_storage(lab.reader), name, report, sizeof report - 1, BACKEND_NEW, &err));
}

/* ---- copying ---- */

static void on_problem(void *arg, const struct err *why)
{
	(void)arg;
	problem = *why;
}

/* All ledgers, and some stores; without any key. */
static struct copy_result copy_with(const struct store_info *const *stores, size_t n)
{
	const struct vault_options o = { .url = lab.url };
	const struct copy_options how = { .problem = on_problem };
	struct copy_result r = { 0 };
	AUTO(vault) v = vault_open(&o, &err);
	struct copy *c = v ? copy_open(v, target, NULL, &how, &err) : NULL;
	if (!c)
		fail_msg("%s", err.msg);
	must(copy_vault(c, &r, &err));
	must(copy_stores(c, stores, n, &err));
	must(copy_ledgers(c, &r, &err));
	copy_free(c);
	return r;
}

static struct copy_result copy_all(void)
{
	return copy_with(NULL, 0);
}

static void append_and_copy(void)
{
	must_write(lab.writer, 1);
	struct copy_result r = copy_all();
	assert_int_equal(r.problems, 0);
}

/* How many entries the target has. */
static uint64_t target_size(void)
{
	struct note note;
	AUTO(vault) v = lab_open(&lab, target, NULL, NULL, &err);
	if (!v)
		fail_msg("%s", err.msg);
	must(tlog_checkpoint(v, vault_keyfile(lab.writer)->id, &note, NULL, &err));
	return note.size;
}

static void target_is_whole(uint64_t entries)
{
	const struct vault_options o = { .url = target };
	AUTO(vault) v = vault_open(&o, &err);
	if (!v)
		fail_msg("%s", err.msg);
	assert_whole(v, entries);
}

static struct verdict verify_at(const char *url, bool as_copy)
{
	struct verdict r = { .text = "" };
	const struct vault_options place = { .url = url };
	const struct ledger_verify_options o = { .problem = hear, .arg = &r, .copy = as_copy };
	AUTO(vault) v = vault_open(&place, &err);
	if (!v)
		fail_msg("%s", err.msg);
	must(ledger_verify(v, &o, &r.found, &err));
	return r;
}

static struct verdict verify_target(bool as_copy)
{
	return verify_at(target, as_copy);
}

static struct store_info backed_up(const char *name)
{
	const struct backup_store store = { .source = { .name = name, .type = "command", .path = NULL,
	                                                .command = "date +%N" } };
	const struct backup_options options = { .full = false };
	struct backup_result result;
	must(backup_run(lab.writer, &store, 1, &options, &result, &err));
	return lab_store(&lab, name);
}

static void enroll_and_back_up(void)
{
	vault_free(enroll(&lab, "db2", ROLE_WRITER));
	backed_up("crm");
}

/* ---- the tests ---- */

static void what_another_copy_brought_meanwhile_is_no_fork(void **state)
{
	(void)state;
	for (uint64_t n = 0; n < 300; n++)
		must_write(lab.writer, n);
	copy_all();
	act = append_and_copy;
	moment = "/drills/";
	struct copy_result r = copy_all();
	assert_null(act);
	if (r.problems)
		fail_msg("%s", problem.msg);
	assert_int_equal(target_size(), 301);
	target_is_whole(301);
}

static void what_another_copy_put_meanwhile_is_not_set_back(void **state)
{
	(void)state;
	must_write(lab.writer, 0);
	copy_all();
	must_write(lab.writer, 2);
	act = append_and_copy;
	moment = "/log/tile/";
	struct copy_result r = copy_all();
	assert_null(act);
	assert_int_equal(r.problems, 0);
	assert_int_equal(target_size(), 3);
	target_is_whole(3);
}

/* Longer, and not from here. */
static void a_target_with_entries_that_are_nowhere_here_is_told_and_left(void **state)
{
	(void)state;
	must_write(lab.writer, 0);
	copy_all();
	AUTO(vault) away = lab_open(&lab, target, NULL, NULL, &err);
	assert_non_null(away);
	must_write(away, 2);
	struct copy_result r = copy_all();
	assert_int_equal(r.problems, 1);
	assert_int_equal(problem.code, ERR_FORK);
	assert_non_null(strstr(problem.msg, "has 2 entries of this ledger, here are 1"));
	assert_int_equal(target_size(), 2);
}

static void stores_that_a_copy_never_got_are_one_note(void **state)
{
	const struct store_info crm = backed_up("crm"), *one = &crm;
	(void)state;
	backed_up("shop");
	backed_up("shop");
	backed_up("mail");
	assert_int_equal(copy_with(&one, 1).problems, 0);
	struct verdict r = verify_target(true);
	if (r.found.damages || r.found.forks)
		fail_msg("%s", r.text);
	assert_int_equal(r.found.notes, 1);
	assert_non_null(strstr(r.text, "3 snapshots of 2 stores that ledgers tell of are not in this copy"));
	/* of a vault that is none, each snapshot is missed */
	assert_int_equal(verify_target(false).found.damages, 3);
}

static void what_is_removed_from_a_store_of_a_copy_is_damage(void **state)
{
	char prefix[NAMES_MAX];
	const struct store_info crm = backed_up("crm"), *one = &crm;
	(void)state;
	assert_int_equal(copy_with(&one, 1).problems, 0);
	assert_int_equal(verify_target(true).found.damages, 0);
	AUTO(backend) to = storage_open(target, NULL, &err);
	assert_non_null(to);
	must(storage_remove(to, names_snapshot(prefix, crm.writer, crm.store, 1), &err));
	struct verdict r = verify_target(true);
	assert_int_equal(r.found.damages, 1);
	assert_int_equal(r.found.notes, 0);
	assert_non_null(strstr(r.text, "is gone from the vault"));
}

static void a_drill_that_ends_while_ledgers_are_verified_is_no_damage(void **state)
{
	(void)state;
	start_drill(60);
	act = end_drill;
	moment = "ledger_match";
	struct verdict r = verify_at(lab.url, false);
	assert_null(act);
	if (r.found.damages)
		fail_msg("%s", r.text);
	assert_int_equal(r.found.notes, 1);
	assert_non_null(strstr(r.text, "its ledger does not tell of this drill's end yet"));
	assert_int_equal(verify_at(lab.url, false).found.notes, 0);
}

static void a_drill_that_ends_while_it_is_copied_is_no_damage_of_the_copy(void **state)
{
	(void)state;
	start_drill(60);
	act = end_drill;
	moment = "/drills/";
	assert_int_equal(copy_all().problems, 0);
	assert_null(act);
	struct verdict r = verify_target(false);
	if (r.found.damages)
		fail_msg("%s", r.text);
	assert_int_equal(r.found.notes, 1);
	copy_all();
	target_is_whole(2);
}

/* As if the log had been cut. */
static void a_report_of_long_ago_without_an_end_is_damage_but_in_a_copy(void **state)
{
	(void)state;
	start_drill(3 * 86400);
	act = end_drill;
	moment = "/drills/";
	copy_all();
	assert_int_equal(verify_target(false).found.damages, 1);
	assert_int_equal(verify_target(true).found.damages, 0);
}

static void a_charter_that_grew_while_it_was_copied_is_there_before_its_snapshots(void **state)
{
	const struct store_info crm = backed_up("crm"), *one = &crm;
	(void)state;
	act = enroll_and_back_up;
	moment = NAMES_SLOTS;   /* after the charters */
	assert_int_equal(copy_with(&one, 1).problems, 0);
	assert_null(act);
	const struct vault_options place = { .url = target };
	AUTO(vault) v = vault_open(&place, &err);
	if (!v)
		fail_msg("%s", err.msg);
	AUTO(heads_entry) e = heads_load(v, crm.writer, crm.store, 2, false, &err);
	if (!e)
		fail_msg("%s", err.msg);
}

int main(void)
{
#define WITH_LAB(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		WITH_LAB(what_another_copy_brought_meanwhile_is_no_fork),
		WITH_LAB(what_another_copy_put_meanwhile_is_not_set_back),
		WITH_LAB(a_target_with_entries_that_are_nowhere_here_is_told_and_left),
		WITH_LAB(stores_that_a_copy_never_got_are_one_note),
		WITH_LAB(what_is_removed_from_a_store_of_a_copy_is_damage),
		WITH_LAB(a_drill_that_ends_while_ledgers_are_verified_is_no_damage),
		WITH_LAB(a_drill_that_ends_while_it_is_copied_is_no_damage_of_the_copy),
		WITH_LAB(a_report_of_long_ago_without_an_end_is_damage_but_in_a_copy),
		WITH_LAB(a_charter_that_grew_while_it_was_copied_is_there_before_its_snapshots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
