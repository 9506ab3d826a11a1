/*
 * What is left of a drill: entries, evidence, and what kills and cuts do to them.
 *
 * wrap: drilling_trial stamp_ask
 */
#include "drill_world.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "engine/stamp.h"
#include "holdfast/evidence.h"
#include "holdfast/ledger.h"

/* The writer's handle, unlocked: a machine with a key that can read. */
static int set_up(void **state)
{
	static struct world w;
	struct err err = { 0 };
	world_begin(&w);
	if (vault_unlock(w.lab.writer, lab_passphrase, strlen(lab_passphrase), &err) != 0)
		fail_msg("%s", err.msg);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	world_end(*state);
	return 0;
}

struct told { unsigned planned, started, finished; };

static int count(void *arg, const struct ledger_line *line, struct err *err)
{
	struct told *t = arg;
	(void)err;
	t->planned += strcmp(line->kind, "drill-planned") == 0;
	t->started += strcmp(line->kind, "drill-started") == 0;
	t->finished += strcmp(line->kind, "drill-finished") == 0;
	return 0;
}

static struct told told(const struct world *w)
{
	struct told t = { 0 };
	struct err err = { 0 };
	const struct ledger_show_options o = { .since_s = 0 };
	if (ledger_show(w->lab.reader, &o, count, &t, &err) != 0)
		fail_msg("%s", err.msg);
	return t;
}

static void note_problem(void *arg, enum ledger_severity severity, const struct err *problem)
{
	(void)severity;
	snprintf(arg, 700, "%s", problem->msg);
}

/* How many damages and forks; `said` gets the last. */
static uint64_t damages(const struct world *w, char said[700])
{
	struct err err = { 0 };
	struct ledger_verify_result r;
	const struct ledger_verify_options o = { .problem = note_problem, .arg = said };
	said[0] = '\0';
	if (ledger_verify(w->lab.reader, &o, &r, &err) != 0)
		fail_msg("%s", err.msg);
	return r.damages + r.forks;
}

static void a_drill_is_in_the_ledger_and_its_evidence_is_sound(void **state)
{
	struct world *w = *state;
	char said[700], keys[LAB_PATH + 20], fetched[LAB_PATH + 20];
	struct err err = { 0 };
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	assert_int_equal(w->result.unrecorded.code, ERR_NONE);
	/* nothing is left to be done by the next one */
	char left[LAB_PATH + 120];
	snprintf(left, sizeof left, "%s.report", w->result.evidence);
	assert_int_not_equal(access(left, F_OK), 0);
	struct told t = told(w);
	assert_int_equal(t.planned, 1);
	assert_int_equal(t.started, 1);
	assert_int_equal(t.finished, 1);
	assert_int_equal(damages(w, said), 0);

	snprintf(keys, sizeof keys, "%s/auditor", w->lab.dir);
	snprintf(fetched, sizeof fetched, "%s/fetched", w->lab.dir);
	assert_int_equal(drill_write_keys(w->lab.writer, keys, NULL, NULL, &err), 0);
	assert_int_equal(drill_fetch_evidence(w->lab.reader, w->result.id, fetched, &err), 0);
	struct evidence_result e;
	const char *const folders[] = { w->result.evidence, fetched };
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(evidence_verify(folders[i], keys, &e, &err), 0);
		assert_true(e.sound && e.anchored);
		assert_string_equal(e.verdict, "passed");
		assert_string_equal(e.drill, w->result.id);
	}
}

static const struct world *asked_in;   /* whose ledger is verified when the authority is asked */

int __wrap_stamp_ask(const struct stamp_authority *a, const void *bytes, size_t len, struct buf *answer,
                     struct buf *certificates, struct err *err);
int __wrap_stamp_ask(const struct stamp_authority *a, const void *bytes, size_t len, struct buf *answer,
                     struct buf *certificates, struct err *err)
{
	char said[700];
	(void)a, (void)bytes, (void)len, (void)answer, (void)certificates;
	if (told(asked_in).finished != 1 || damages(asked_in, said) != 0)
		fail_msg("while its evidence is made: %s", said);
	asked_in = NULL;
	return err_set(err, ERR_UNREACHABLE, "no authority is here");
}

/* A slow authority is asked between the drill's end in the ledger and its evidence in the vault. */
static void who_verifies_while_evidence_is_made_misses_nothing(void **state)
{
	struct world *w = *state;
	w->options.tsa = "http://127.0.0.1:1/";
	w->options.tsa_ca = "/dev/null";
	asked_in = w;
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	assert_null(asked_in);
	assert_int_equal(w->result.unstamped.code, ERR_UNREACHABLE);
}

static void a_failed_drill_is_recorded_like_any_other(void **state)
{
	struct world *w = *state;
	char pack[LAB_PATH + NAMES_MAX], said[700];
	world_pack(w, pack);
	assert_int_equal(unlink(pack), 0);
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_FAILED);
	assert_int_equal(told(w).finished, 1);
	/* the missing pack's snapshot is whole as far as a ledger knows */
	damages(w, said);
	assert_null(strstr(said, "drill"));
}

static void a_second_attempt_for_a_date_is_a_retry(void **state)
{
	struct world *w = *state;
	for (int attempt = 1; attempt <= 3; attempt++) {
		assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
		const json_t *s = json_object_get(w->report, "selection");
		assert_int_equal(json_integer_value(json_object_get(s, "attempt")), attempt);
	}
	w->options.due_s += 86400;
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(w->report, "selection"),
	                                                    "attempt")), 1);
	w->options.due_s -= 86400;
	w->options.name = "another";
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(w->report, "selection"),
	                                                    "attempt")), 1);
}

static void without_a_record_nothing_is_restored(void **state)
{
	struct world *w = *state;
	struct err err = { 0 };
	char log[LAB_PATH + NAMES_MAX], name[NAMES_MAX];
	names_log(name, w->store.info.writer, "checkpoint");
	snprintf(log, sizeof log, "%s/%s", w->lab.url + 7, name);
	/* a folder in the checkpoint's place: it can be neither read nor put */
	unlink(log);
	assert_int_equal(mkdir(log, 0700), 0);
	assert_int_not_equal(drill_run(w->lab.writer, &w->options, &w->result, &err), 0);
	assert_null(w->result.report);
	assert_int_equal(world_count(w->sandboxes), 0);
}

static void a_machine_without_a_key_says_that_nothing_is_recorded(void **state)
{
	struct world *w = *state;
	assert_int_equal(world_drill(w), DRILL_PASSED);
	assert_int_equal(w->result.unrecorded.code, ERR_KEY);
	assert_null(w->result.evidence);
	assert_int_equal(told(w).planned, 0);
}

/* A vault's checkpoint as it was, to be put back as if by a copy of an older day. */
struct older { struct world *w; struct buf *checkpoint; };

static struct older remember(struct world *w)
{
	struct err err = { 0 };
	char name[NAMES_MAX];
	struct older o = { w, buf_new(4096, &err) };
	names_log(name, w->store.info.writer, NAMES_CHECKPOINT);
	if (storage_get_all(vault_storage(w->lab.reader), name, o.checkpoint, &err) != 0)
		fail_msg("%s", err.msg);
	return o;
}

static int put_back(void *arg, struct err *err)
{
	const struct older *o = arg;
	char name[NAMES_MAX];
	names_log(name, o->w->store.info.writer, NAMES_CHECKPOINT);
	return storage_put(vault_storage(o->w->lab.reader), name, o->checkpoint->bytes, o->checkpoint->len,
	                   BACKEND_REPLACE, err);
}

/* Three drills of one date, each by itself, although the vault was set back once. */
static void all_three_are_recorded(const struct world *w)
{
	char said[700];
	struct told t = told(w);
	assert_int_equal(w->result.set_back.code, ERR_FORK);
	assert_non_null(strstr(w->result.set_back.msg, "was set back"));
	assert_int_equal(w->result.unrecorded.code, ERR_NONE);
	assert_int_equal(t.planned, 3);
	assert_int_equal(t.started, 3);
	assert_int_equal(t.finished, 3);
	if (damages(w, said) != 0)
		fail_msg("%s", said);
}

/* Also what was planned and is in the ledger no more is counted: no two drills have one id. */
static void in_a_vault_that_was_set_back_a_drill_is_recorded_and_that_is_told(void **state)
{
	struct world *w = *state;
	struct err err = { 0 };
	char second[33];
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	struct older o = remember(w);
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	assert_int_equal(w->result.set_back.code, ERR_NONE);
	memcpy(second, w->result.id, sizeof second);
	assert_int_equal(put_back(&o, &err), 0);
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	assert_string_not_equal(w->result.id, second);
	all_three_are_recorded(w);
	buf_free(o.checkpoint);
}

static const struct older *before_trial;   /* to be put back after the restore; NULL: nothing */

struct drilling;
int __real_drilling_trial(struct drilling *d, struct err *err);
int __wrap_drilling_trial(struct drilling *d, struct err *err);
int __wrap_drilling_trial(struct drilling *d, struct err *err)
{
	struct older o = before_trial ? *before_trial : (struct older){ 0 };
	before_trial = NULL;
	if (o.w && put_back(&o, err) != 0)
		return err->code;
	return __real_drilling_trial(d, err);
}

static void in_a_vault_that_is_set_back_during_a_drill_its_end_is_recorded(void **state)
{
	struct world *w = *state;
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	struct older o = remember(w);
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	before_trial = &o;
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	all_three_are_recorded(w);
	buf_free(o.checkpoint);
}

/* The restore's own entry finds it first. */
static void that_a_vault_is_set_back_before_the_restore_of_a_drill_is_told(void **state)
{
	struct world *w = *state;
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	struct older o = remember(w);
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	w->options.unlock = put_back;
	w->options.arg = &o;
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	all_three_are_recorded(w);
	buf_free(o.checkpoint);
}

/* Nothing of the report says in clear what the store holds or is called. */
static void names_statements_and_values_are_sealed(void **state)
{
	struct world *w = *state;
	struct err err = { 0 };
	static const struct drill_assertion a = { .name = "secret-assertion", .expect = "= 'customer 7'",
	                                          .sql = "SELECT name FROM customers WHERE id = 7" };
	static const char *const words[] = { "crm", "weekly", "secret-assertion", "customer", "SELECT",
	                                     "Asset", "Owner" };
	w->store.assertions = &a;
	w->store.n_assertions = 1;
	w->options.asset = "Asset";
	w->options.owner = "Owner";
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		assert_null(strstr(w->result.report, words[i]));
	/* the recovery secret opens it elsewhere, and without it the rest can be read */
	struct drill_result r;
	assert_int_equal(drill_load(w->lab.reader, w->result.id, NULL, &r, &err), 0);
	assert_string_equal(r.detail, w->result.detail);
	assert_string_equal(r.report, w->result.report);
	drill_result_clear(&r);
	const struct vault_options plain = { .url = w->lab.url };
	struct vault *locked = vault_open(&plain, &err);
	assert_int_equal(drill_load(locked, w->result.id, NULL, &r, &err), 0);
	assert_null(r.detail);
	assert_string_equal(r.report, w->result.report);
	drill_result_clear(&r);
	vault_free(locked);
}

static void a_finding_is_told_until_it_is_closed(void **state)
{
	struct world *w = *state;
	struct err err = { 0 };
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	struct drill_finding_note n = { .drill = w->result.id, .ticket = "OPS-311", .text = "slow",
	                                .due_s = 1795900000 };
	assert_int_equal(drill_note_finding(w->lab.writer, &n, &err), 0);
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	const json_t *f = json_array_get(json_object_get(w->report, "findings"), 0);
	assert_int_equal(json_integer_value(json_object_get(f, "due")), 1795900000);
	assert_null(json_object_get(f, "closed"));
	n = (struct drill_finding_note){ .drill = w->result.id, .ticket = "OPS-311", .close = true };
	assert_int_equal(drill_note_finding(w->lab.writer, &n, &err), 0);
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	const json_t *list = json_object_get(w->report, "findings");
	assert_int_equal(json_array_size(list), 1);
	assert_non_null(json_object_get(json_array_get(list, 0), "closed"));
	const json_t *d = json_array_get(json_object_get(w->detail, "findings"), 0);
	assert_string_equal(json_string_value(json_object_get(d, "ticket")), "OPS-311");
	n.ticket = "NONE-1";
	assert_int_equal(drill_note_finding(w->lab.writer, &n, &err), ERR_ABSENT);
}

/* ---- kill -9 ---- */

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* In a process of its own, which is killed after so long; true if it was still at it. */
static bool killed_after(struct world *w, uint64_t us)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct err err = { 0 };
		struct vault *v = lab_open(&w->lab, NULL, NULL, NULL, &err);
		struct drill_result r;
		if (!v || vault_unlock(v, lab_passphrase, strlen(lab_passphrase), &err) != 0)
			_exit(2);
		_exit(drill_run(v, &w->options, &r, &err) == 0 ? 0 : 1);
	}
	nanosleep(&(struct timespec){ (time_t)(us / 1000000), (long)(us % 1000000) * 1000 }, NULL);
	kill(pid, SIGKILL);
	int status;
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

/*
 * However far a drill had come: the next one sweeps what it left, records what it could not, and says
 * what became of it; nothing is left over, and the ledger agrees with the vault.
 */
static void a_killed_drill_is_swept_and_stays_visible(void **state)
{
	struct world *w = *state;
	char said[700];
	unsigned kills = 0, points = getenv("HOLDFAST_TEST_SHORT") ? 6 : 24;
	w->store.check_command = "sleep 0.1";
	/* how long one takes here and now */
	uint64_t begun = now_us();
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
	uint64_t whole = now_us() - begun + 300000;
	for (unsigned i = 0; i < points; i++) {
		struct told before = told(w);
		kills += killed_after(w, whole * (i + 1) / points);
		struct told killed = told(w);
		assert_int_equal(killed.planned, killed.started);
		assert_true(killed.planned - before.planned <= 1);
		if (damages(w, said) != 0)
			fail_msg("killed, after %u of %u: %s", i + 1, points, said);
		assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_PASSED);
		assert_int_equal(w->result.unrecorded.code, ERR_NONE);
		assert_int_equal(world_count(w->sandboxes), 0);
		struct told after = told(w);
		/* one more of its own, and the killed one's if its report was made */
		assert_in_range(after.finished - killed.finished, 1, 2);
		if (damages(w, said) != 0)
			fail_msg("after %u of %u: %s", i + 1, points, said);
	}
	assert_true(kills > points / 3);
}

int main(int argc, char **argv)
{
	int status;
	if (drill_world_inside(argc, argv, &status))
		return status;
#define WITH_WORLD(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_WORLD(a_drill_is_in_the_ledger_and_its_evidence_is_sound),
		WITH_WORLD(who_verifies_while_evidence_is_made_misses_nothing),
		WITH_WORLD(a_failed_drill_is_recorded_like_any_other),
		WITH_WORLD(a_second_attempt_for_a_date_is_a_retry),
		WITH_WORLD(without_a_record_nothing_is_restored),
		WITH_WORLD(a_machine_without_a_key_says_that_nothing_is_recorded),
		WITH_WORLD(names_statements_and_values_are_sealed),
		WITH_WORLD(in_a_vault_that_was_set_back_a_drill_is_recorded_and_that_is_told),
		WITH_WORLD(in_a_vault_that_is_set_back_during_a_drill_its_end_is_recorded),
		WITH_WORLD(that_a_vault_is_set_back_before_the_restore_of_a_drill_is_told),
		WITH_WORLD(a_finding_is_told_until_it_is_closed),
		WITH_WORLD(a_killed_drill_is_swept_and_stays_visible),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
