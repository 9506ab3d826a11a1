/*
 * Every call that a copy makes, of the vault it reads and of the place it writes, fails once in every
 * way, and the process is killed before and after each: what is in the target is whole so far as it
 * goes, nothing damaged is spread, and repeating the copy makes the two the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/wait.h>

#include "../../backends/faulty.h"
#include "holdfast/check.h"
#include "holdfast/copy.h"
#include "history.h"

enum { PAGE = 4096, CALLS_MAX = 300, URL = LAB_PATH + 120, NIGHTS = 3, STORES = 7 };

static const char *const kinds[] = {
	"any=%u:io", "any=%u:denied", "any=%u:unreachable", "any=%u:space", "put=%u:lost",
	"get=%u:torn", "get=%u:flip",
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static struct lab lab;
static struct history h, fleet[STORES];
static size_t n_fleet;                 /* 0: only the store of h */
static size_t told;                    /* stores that have ended */
static struct err err;
static char target[LAB_PATH + 8];     /* address of the place to copy to */
static struct err last_problem;

/* What the copy has named as damaged may be absent, but never a pack of a snapshot that is there. */
static bool named;

static void must(int rc)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, err.msg);
}

/* ---- scenes ---- */

static int begin_with(const char *scheme)
{
	err = (struct err){ 0 };
	named = false;
	if (lab_begin(&lab, scheme, &err) != 0 || !history_begin(&h, &lab, "crm"))
		return -1;
	snprintf(target, sizeof target, "%s://%s/target", scheme, lab.dir);
	struct pages_file *f = pages_add(&h.store.now, "a.db", PAGE, 100 * PAGE);
	if (!f)
		return -1;
	for (uint64_t night = 1; night <= NIGHTS; night++) {
		pages_noise(f->bytes, (size_t)(night == 1 ? 100 * PAGE : 9 * PAGE), night);
		h.store.version++;
		must(history_backup(&h, &err));
	}
	return 0;
}

/* So that several stores are copied at once. */
static int begin_fleet_with(const char *scheme)
{
	char name[20];
	if (begin_with(scheme) != 0)
		return -1;
	for (n_fleet = 0; n_fleet < STORES; n_fleet++) {
		struct history *one = &fleet[n_fleet];
		snprintf(name, sizeof name, "tenant%zu", n_fleet);
		if (!history_begin(one, &lab, name) || !pages_add(&one->store.now, "a.db", PAGE, 9 * PAGE))
			return -1;
		pages_noise(one->store.now.files[0].bytes, 9 * PAGE, n_fleet + 1);
		must(history_backup(one, &err));
	}
	return 0;
}

static int begin_fleet(void **state) { (void)state; return begin_fleet_with("memory"); }
static int begin_fleet_on_disk(void **state) { (void)state; return begin_fleet_with("file"); }
static int begin(void **state) { (void)state; return begin_with("memory"); }
static int begin_on_disk(void **state) { (void)state; return begin_with("file"); }

static void empty_target(void)
{
	if (strncmp(target, "memory://", 9) == 0)
		memory_forget(target + 9);
	else
		scratch_remove(target + strlen("file://"));
}

static int end(void **state)
{
	(void)state;
	empty_target();
	while (n_fleet > 0)
		history_end(&fleet[--n_fleet]);
	history_end(&h);
	lab_end(&lab);
	return 0;
}

/* ---- copying ---- */

static void on_problem(void *arg, const struct err *why)
{
	(void)arg;
	last_problem = *why;
}

static void on_finished(void *arg, size_t store, bool failed, const struct copy_result *r)
{
	struct copy_result *sum = arg;
	if (store != told++)
		fail_msg("store %zu told as number %zu", store, told);
	(void)failed;
	sum->objects += r->objects;
	sum->bytes += r->bytes;
	sum->skipped += r->skipped;
	sum->problems += r->problems;
}

static int run(struct copy *c, struct copy_result *r, struct err *why)
{
	if (copy_vault(c, r, why) != 0)
		return why->code;
	const struct store_info *stores[1 + STORES] = { &h.info };
	for (size_t i = 0; i < n_fleet; i++)
		stores[1 + i] = &fleet[i].info;
	told = 0;
	return copy_stores(c, stores, 1 + n_fleet, why) == 0 ? copy_ledgers(c, r, why) : why->code;
}

/* Without any key. */
static int copy_between(const char *from, const char *to, bool dry_run, struct copy_result *r,
                        struct err *why)
{
	const struct vault_options o = { .url = from };
	const struct copy_options how = { .dry_run = dry_run, .problem = on_problem,
	                                  .finished = on_finished, .arg = r };
	*r = (struct copy_result){ 0 };
	AUTO(vault) v = vault_open(&o, why);
	/* as if a network lay between */
	if (v)
		vault_storage(v)->remote = n_fleet > 0;
	struct copy *c = v ? copy_open(v, to, NULL, &how, why) : NULL;
	int rc = c ? run(c, r, why) : why->code;
	copy_free(c);
	return rc;
}

static void copy_whole(struct copy_result *r)
{
	must(copy_between(lab.url, target, false, r, &err));
	if (r->problems)
		fail_msg("%s", last_problem.msg);
}

/* ---- looking at the target ---- */

static struct backend *open_place(const char *url)
{
	struct backend *b = storage_open(url, NULL, &err);
	if (!b)
		fail_msg("%s", err.msg);
	return b;
}

/* A partial tile of a ledger that a larger one has replaced: not in a copy. */
static bool is_replaced(const struct lab_names *names, const char *name)
{
	const char *width = strstr(name, ".p/");
	for (size_t i = 0; width && i < names->n; i++)
		if (strncmp(names->names[i], name, (size_t)(width - name) + 3) == 0 &&
		    strtoul(names->names[i] + (width - name) + 3, NULL, 10) > strtoul(width + 3, NULL, 10))
			return true;
	return false;
}

static struct lab_names list(const char *url, const char *prefix)
{
	struct lab_names all = { 0 }, names;
	AUTO(backend) b = open_place(url);
	must(storage_list(b, prefix, lab_add_name, &all, &err));
	names = (struct lab_names){ calloc(all.n + 1, sizeof *names.names), 0 };
	for (size_t i = 0; i < all.n; i++)
		if (!is_replaced(&all, all.names[i]))
			memcpy(names.names[names.n++], all.names[i], sizeof *names.names);
	free(all.names);
	if (names.n)
		qsort(names.names, names.n, sizeof *names.names, lab_name_order);
	return names;
}

static size_t snapshots_of(const struct history *one, const char *url)
{
	char prefix[NAMES_MAX];
	struct lab_names names = list(url, names_snapshots(prefix, one->info.writer, one->info.store));
	free(names.names);
	return names.n;
}

static bool any_snapshot(void)
{
	size_t n = snapshots_of(&h, target);
	for (size_t i = 0; i < n_fleet; i++)
		n += snapshots_of(&fleet[i], target);
	return n > 0;
}

static void fail_on_problem(void *arg, const struct err *problem)
{
	bool pack = strncmp(problem->msg, "pack ", 5) == 0 || strstr(problem->msg, "/packs/");
	if (!named || pack)
		fail_msg("%s: %s", (const char *)arg, problem->msg);
}

/* Whatever has arrived: where a snapshot is, all that it needs is there and is good. */
static void is_consistent(char *after)
{
	struct lab_names all = list(target, "");
	struct check_options o = { .read_data = true };
	struct check_result r;
	bool anchored = false;
	for (size_t i = 0; i < all.n; i++)
		anchored |= strcmp(all.names[i], NAMES_ANCHOR) == 0;
	if (all.n > 0 && !anchored)
		fail_msg("%s: objects but no vault.json, %s", after, all.names[0]);
	free(all.names);
	if (!any_snapshot())
		return;
	const struct vault_options place = { .url = target };
	AUTO(vault) v = vault_open(&place, &err);
	if (!v)
		fail_msg("%s: %s", after, err.msg);
	if (!named)
		must(vault_unlock(v, lab_passphrase, strlen(lab_passphrase), &err));
	must(check_run(v, NULL, &o, fail_on_problem, after, &r, &err));
	if (snapshots_of(&h, target) > 0)
		must(check_run(v, &h.info, &o, fail_on_problem, after, &r, &err));
	for (size_t i = 0; i < n_fleet; i++)
		if (snapshots_of(&fleet[i], target) > 0)
			must(check_run(v, &fleet[i].info, &o, fail_on_problem, after, &r, &err));
}

static void are_the_same(void)
{
	struct lab_names a = list(lab.url, ""), b = list(target, "");
	AUTO(backend) from = open_place(lab.url);
	AUTO(backend) to = open_place(target);
	assert_int_equal(a.n, b.n);
	for (size_t i = 0; i < a.n; i++) {
		AUTO(buf) x = buf_new(LAB_OBJECT_MAX, &err);
		AUTO(buf) y = buf_new(LAB_OBJECT_MAX, &err);
		assert_string_equal(a.names[i], b.names[i]);
		must(storage_get_all(from, a.names[i], x, &err));
		must(storage_get_all(to, b.names[i], y, &err));
		assert_int_equal(x->len, y->len);
		assert_memory_equal(x->bytes, y->bytes, x->len);
	}
	free(a.names);
	free(b.names);
}

/* faulty://RULE/url with the Nth call failing. */
static void spoil(char out[URL], const char *rule, unsigned n, const char *url)
{
	char rules[60];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(rules, sizeof rules, rule, n);
#pragma GCC diagnostic pop
	snprintf(out, URL, "faulty://%s/%s", rules, url);
}

/* ---- the tests ---- */

static void a_copy_is_the_vault(void **state)
{
	(void)state;
	struct copy_result r, again;
	struct lab_names all = list(lab.url, "");
	copy_whole(&r);
	assert_int_equal(r.objects, all.n);
	assert_int_equal(r.skipped, 0);
	are_the_same();
	is_consistent((char[]){ "copy" });
	copy_whole(&again);
	assert_int_equal(again.objects, 0);
	assert_int_equal(again.bytes, 0);
	assert_int_equal(again.skipped, all.n);
	free(all.names);
}

static void a_dry_run_tells_the_same_and_puts_nothing(void **state)
{
	(void)state;
	struct copy_result dry, r;
	must(copy_between(lab.url, target, true, &dry, &err));
	struct lab_names none = list(target, "");
	assert_int_equal(none.n, 0);
	free(none.names);
	copy_whole(&r);
	assert_int_equal(dry.objects, r.objects);
	assert_int_equal(dry.bytes, r.bytes);
}

static void a_copy_of_another_vault_is_refused(void **state)
{
	(void)state;
	struct lab other;
	struct copy_result r;
	uint8_t before[32], after[32];
	must(lab_begin(&other, "memory", &err));
	must(lab_print_vault(&other, before, &err));
	assert_int_equal(copy_between(lab.url, other.url, false, &r, &err), ERR_FORK);
	must(lab_print_vault(&other, after, &err));
	assert_memory_equal(before, after, 32);
	lab_end(&other);
}

/* One round of a fault at the Nth call; false once no call is left to fail. */
static bool round_of(const char *rule, unsigned n, bool at_source)
{
	char url[URL], after[40];
	struct copy_result r;
	struct err why = { 0 };
	empty_target();
	spoil(url, rule, n, at_source ? lab.url : target);
	snprintf(after, sizeof after, "%.20s %s %u", rule, at_source ? "source" : "target", n);
	faulty_reset(url);
	int rc = copy_between(at_source ? url : lab.url, at_source ? target : url, false, &r, &why);
	bool fired = faulty_fired(url);
	if (!fired && rc != 0)
		fail_msg("%s: %s", after, why.msg);
	if (rc != 0 && !why.msg[0])
		fail_msg("%s: failed without a word", after);
	named = r.problems > 0;
	is_consistent(after);
	copy_whole(&r);
	are_the_same();
	return fired;
}

static void every_failing_call_leaves_a_whole_target(void **state)
{
	(void)state;
	unsigned rounds = 0;
	for (int at_source = 0; at_source < 2; at_source++)
		for (size_t k = 0; k < KINDS; k++) {
			unsigned n = 1;
			while (n < CALLS_MAX && round_of(kinds[k], n, at_source))
				n++;
			assert_true(n < CALLS_MAX);
			rounds += n;
		}
	print_message("%u copies with a fault\n", rounds);
	assert_true(rounds > 150);
}

/* The same in a child that is killed; true if it was. */
static bool is_killed(const char *url)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct copy_result r;
		struct err why = { 0 };
		_exit(copy_between(lab.url, url, false, &r, &why) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status);
}

static void a_killed_copy_leaves_a_whole_target(void **state)
{
	(void)state;
	static const char *const kills[] = { "put=%u:kill", "put=%u:killafter" };
	for (size_t k = 0; k < 2; k++) {
		unsigned n = 1;
		for (bool killed = true; killed; n++) {
			char url[URL], after[40];
			struct copy_result r;
			empty_target();
			spoil(url, kills[k], n, target);
			snprintf(after, sizeof after, "%s %u", kills[k], n);
			killed = is_killed(url);
			is_consistent(after);
			copy_whole(&r);
			are_the_same();
		}
		assert_true(n > 10);
	}
}

static void what_is_damaged_is_not_spread(void **state)
{
	(void)state;
	struct copy_result r;
	struct lab_names all = list(lab.url, "");
	AUTO(backend) from = open_place(lab.url);
	for (size_t i = 0; i < all.n; i++) {
		/* a vault without these cannot be opened; what a slot holds only a passphrase tells */
		const char *name = all.names[i];
		if (strcmp(name, NAMES_ANCHOR) == 0 || strncmp(name, NAMES_CHARTERS, 8) == 0 ||
		    strncmp(name, NAMES_SLOTS, 6) == 0)
			continue;
		AUTO(buf) good = buf_new(LAB_OBJECT_MAX, &err);
		must(storage_get_all(from, name, good, &err));
		good->bytes[good->len / 2] ^= 4;
		must(storage_put(from, name, good->bytes, good->len, BACKEND_REPLACE, &err));
		empty_target();
		must(copy_between(lab.url, target, false, &r, &err));
		assert_true(r.problems > 0);
		struct lab_names there = list(target, "");
		for (size_t k = 0; k < there.n; k++)
			assert_string_not_equal(there.names[k], name);
		free(there.names);
		good->bytes[good->len / 2] ^= 4;
		must(storage_put(from, name, good->bytes, good->len, BACKEND_REPLACE, &err));
	}
	free(all.names);
	copy_whole(&r);
	are_the_same();
}

static void many_stores_at_once_make_the_same_vault(void **state)
{
	(void)state;
	struct copy_result r, again;
	struct lab_names all = list(lab.url, "");
	copy_whole(&r);
	assert_int_equal(told, 1 + STORES);
	assert_int_equal(r.objects, all.n);
	are_the_same();
	is_consistent((char[]){ "a fleet's copy" });
	copy_whole(&again);
	assert_int_equal(again.objects, 0);
	assert_int_equal(again.skipped, all.n);
	free(all.names);
}

/* It is the one that is told, and what the others were doing is whole so far as it goes. */
static void the_failure_of_one_store_ends_all(void **state)
{
	(void)state;
	struct copy_result r;
	char url[URL], after[40];
	for (unsigned n = 8; n < 33; n += 3) {
		struct err why = { 0 };
		empty_target();
		spoil(url, "put=%u+:space", n, target);
		snprintf(after, sizeof after, "put %u failed", n);
		assert_int_equal(copy_between(lab.url, url, false, &r, &why), ERR_SPACE);
		assert_true(r.objects <= n);
		is_consistent(after);
	}
	copy_whole(&r);
	are_the_same();
}

static void a_killed_copy_of_many_stores_leaves_a_whole_target(void **state)
{
	(void)state;
	struct copy_result r;
	char url[URL], after[40];
	for (unsigned n = 8; n < 33; n += 3) {
		empty_target();
		spoil(url, n % 2 ? "put=%u:kill" : "put=%u:killafter", n, target);
		snprintf(after, sizeof after, "killed at put %u", n);
		assert_true(is_killed(url));
		is_consistent(after);
		copy_whole(&r);
		are_the_same();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_copy_is_the_vault, begin, end),
		cmocka_unit_test_setup_teardown(a_dry_run_tells_the_same_and_puts_nothing, begin, end),
		cmocka_unit_test_setup_teardown(a_copy_of_another_vault_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(what_is_damaged_is_not_spread, begin, end),
		cmocka_unit_test_setup_teardown(every_failing_call_leaves_a_whole_target, begin, end),
		cmocka_unit_test_setup_teardown(a_killed_copy_leaves_a_whole_target, begin_on_disk, end),
		cmocka_unit_test_setup_teardown(many_stores_at_once_make_the_same_vault, begin_fleet, end),
		cmocka_unit_test_setup_teardown(the_failure_of_one_store_ends_all, begin_fleet, end),
		cmocka_unit_test_setup_teardown(a_killed_copy_of_many_stores_leaves_a_whole_target,
		                                begin_fleet_on_disk, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
