/*
 * A log of one's own: appended to, killed at every change of a file, set back, copied, verified.
 *
 * wrap: open64 write pwrite64 rename unlink unlinkat ftruncate64 mkdir
 *
 *   HOLDFAST_TEST_ENTRIES=N   entries of the log that is timed (20000)
 */
#include "ledger_make.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include "strike.h"
#include "vault/logedge.h"
#include "vault/tlog.h"

static struct lab lab;
static struct err err;

static int begin(const char *scheme)
{
	int rc = lab_begin(&lab, scheme, &err);
	if (rc != 0)
		print_error("%s\n", err.msg);
	return rc;
}

static int begin_memory(void **state) { (void)state; return begin("memory"); }
static int begin_file(void **state) { (void)state; return begin("file"); }
static int end(void **state) { (void)state; lab_end(&lab); return 0; }

/* ---- growing ---- */

static void a_log_grows_over_tiles_and_verifies_at_every_size(void **state)
{
	(void)state;
	for (uint64_t n = 0; n < 520; n++) {
		must_write(lab.writer, n);
		if (n < 4 || (n > 250 && n < 262) || n > 508)
			assert_whole(lab.reader, n + 1);
	}
}

static void many_entries_at_once_are_one_checkpoint(void **state)
{
	enum { N = 700 };
	struct entry *all = calloc(N, sizeof *all);
	struct note note;
	(void)state;
	for (uint64_t n = 0; n < N; n++)
		all[n] = numbered(n);
	AUTO(ledger) l = ledger_open(lab.writer, &err);
	assert_non_null(l);
	assert_true(ledger_is_new(l));
	assert_int_equal(ledger_append(l, all, N, &err), 0);
	assert_int_equal(tlog_checkpoint(lab.reader, vault_keyfile(lab.writer)->id, &note, NULL, &err), 0);
	assert_int_equal(note.size, N);
	assert_whole(lab.reader, N);
	free(all);
}

static void without_local_state_a_log_goes_on_from_the_vault(void **state)
{
	char folder[LAB_PATH + 80];
	(void)state;
	ledger_folder(&lab, folder);
	for (uint64_t n = 0; n < 300; n++) {
		if (n % 37 == 0)
			scratch_remove(folder);
		must_write(lab.writer, n);
	}
	assert_whole(lab.reader, 300);
}

static void full_tiles_leave_no_partial_ones(void **state)
{
	char prefix[NAMES_MAX];
	struct lab_names names;
	(void)state;
	for (uint64_t n = 0; n < 256; n++)
		must_write(lab.writer, n);
	names_log(prefix, vault_keyfile(lab.writer)->id, "");
	assert_int_equal(lab_list(&lab, prefix, &names, &err), 0);
	/* checkpoint, entries, hashes of level 0, and one hash of level 1 */
	assert_int_equal(names.n, 4);
	free(names.names);
}

/* ---- kills ---- */

static bool killed_writing(enum strike_how how, unsigned long at, uint64_t n)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		struct entry e = numbered(n);
		strike_at(how, at);
		int rc = ledger_write(lab.writer, &e, &err);
		_exit(rc == 0 ? 0 : 1);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		return true;
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

struct numbers { unsigned count[5000]; uint64_t n; };

static int count_number(void *arg, const struct ledger_line *line, struct err *e)
{
	struct numbers *s = arg;
	struct entry entry;
	assert_int_equal(entry_decode(&entry, (const uint8_t *)line->json, line->json_len, e), 0);
	s->count[entry.code]++;
	s->n++;
	entry_clear(&entry);
	return 0;
}

/* Each entry once; odd ones, of killed appends, at most once, or once if they are promised. Number 0 is of
 * no account. */
static void assert_once(const bool *promised, uint64_t last, uint64_t entries)
{
	static struct numbers s;
	const struct ledger_show_options all = { 0 };
	s = (struct numbers){ .n = 0 };
	assert_int_equal(ledger_show(lab.reader, &all, count_number, &s, &err), 0);
	assert_int_equal(s.n, entries);
	for (uint64_t i = 1; i <= last; i++)
		if (s.count[i] > 1 || ((i % 2 == 0 || (promised && promised[i])) && s.count[i] != 1))
			fail_msg("entry %llu is there %u times", (unsigned long long)i, s.count[i]);
}

static uint64_t log_size(void)
{
	struct note note;
	int rc = tlog_checkpoint(lab.reader, vault_keyfile(lab.writer)->id, &note, NULL, &err);
	if (rc != 0 && rc != ERR_ABSENT)
		fail_msg("%s", err.msg);
	return rc == 0 ? note.size : 0;
}

/* Entries without a number, until the next one fills a tile. */
static void fill_up(void)
{
	size_t n = TILES_WIDTH - 1 - log_size() % TILES_WIDTH;
	struct entry *all = calloc(n + 1, sizeof *all);
	for (size_t i = 0; i < n; i++)
		all[i] = numbered(0);
	AUTO(ledger) l = ledger_open(lab.writer, &err);
	if (!l || ledger_append(l, all, n, &err) != 0)
		fail_msg("%s", err.msg);
	free(all);
}

/* Even numbers are written in peace, odd ones by processes that are killed, just where a tile becomes
 * full. */
static void kill_everywhere(enum strike_how how, bool lose_state)
{
	char folder[LAB_PATH + 80], intent[LAB_PATH + 90];
	static bool promised[sizeof ((struct numbers *)0)->count / sizeof(unsigned)];
	uint64_t n = 0;
	unsigned long at = 1, promises = 0;
	bool killed = true;
	memset(promised, 0, sizeof promised);
	ledger_folder(&lab, folder);
	snprintf(intent, sizeof intent, "%s/intent", folder);
	for (; killed; at++) {
		fill_up();
		killed = killed_writing(how, at, n + 1);
		if (lose_state)
			scratch_remove(folder);
		/* from the intent on it will be written, whatever happens */
		promised[n + 1] = access(intent, F_OK) == 0;
		promises += promised[n + 1];
		n += 2;
		must_write(lab.writer, n);
		assert_whole(lab.reader, log_size());
	}
	assert_true(at > 15);
	assert_true(lose_state || promises > 5);
	assert_once(promised, n, log_size());
}

static void a_kill_before_any_change_loses_no_entry_and_doubles_none(void **state)
{
	(void)state;
	kill_everywhere(STRIKE_KILL, false);
}

static void a_kill_after_any_change_loses_no_entry_and_doubles_none(void **state)
{
	(void)state;
	kill_everywhere(STRIKE_KILL_AFTER, false);
}

static void a_kill_and_the_loss_of_the_state_leave_a_whole_log(void **state)
{
	(void)state;
	kill_everywhere(STRIKE_KILL, true);
}

static void what_could_not_be_put_is_put_by_the_next(void **state)
{
	struct entry e = numbered(2);
	char folder[LAB_PATH + 80], intent[LAB_PATH + 90];
	(void)state;
	must_write(lab.writer, 0);
	ledger_folder(&lab, folder);
	snprintf(intent, sizeof intent, "%s/intent", folder);
	for (unsigned long at = 1; access(intent, F_OK) != 0; at++) {
		strike_at(STRIKE_FAIL, at);
		assert_int_not_equal(ledger_write(lab.writer, &e, &err), 0);
		strike_end();
	}
	must_write(lab.writer, 4);
	assert_whole(lab.reader, 3);
	assert_once(NULL, 4, 3);
}

/* ---- kept for the next append ---- */

static void must_defer(uint64_t n)
{
	struct entry e = numbered(n);
	if (ledger_defer(lab.writer, &e, &err) != 0)
		fail_msg("entry %llu: %s", (unsigned long long)n, err.msg);
}

static void kept_entries_come_with_the_next_append(void **state)
{
	(void)state;
	must_write(lab.writer, 0);
	must_defer(2);
	must_defer(4);
	assert_int_equal(log_size(), 1);
	must_write(lab.writer, 6);
	assert_int_equal(log_size(), 4);
	must_defer(8);
	assert_int_equal(ledger_settle(lab.writer, &err), 0);
	must_defer(10);
	assert_int_equal(ledger_settle_seeing(lab.writer, &err), 0);
	assert_once(NULL, 0, 6);
	assert_whole(lab.reader, 6);
}

static void a_thousand_kept_entries_are_sixteen_appends(void **state)
{
	uint64_t appends = 0, before = 1;
	(void)state;
	must_write(lab.writer, 0);
	for (uint64_t n = 0; n < 1000; n++) {
		must_defer(2 * n + 2);
		appends += log_size() != before;
		before = log_size();
	}
	assert_int_equal(ledger_settle(lab.writer, &err), 0);
	assert_int_equal(appends, 15);
	assert_once(NULL, 2000, 1001);
	assert_whole(lab.reader, 1001);
}

static void where_nothing_is_remembered_an_entry_is_appended_at_once(void **state)
{
	char folder[LAB_PATH + 80];
	(void)state;
	must_defer(2);
	assert_int_equal(log_size(), 1);
	ledger_folder(&lab, folder);
	scratch_remove(folder);
	must_defer(4);
	assert_once(NULL, 4, 2);
	struct entry e = numbered(6);
	assert_int_equal(ledger_defer(lab.reader, &e, &err), ERR_KEY);
}

/* After a power cut the edge may be an older one. */
static void what_was_kept_on_an_older_memory_is_not_lost(void **state)
{
	(void)state;
	must_write(lab.writer, 0);
	AUTO(logedge) old = logedge_load(lab.writer, &err);
	assert_non_null(old);
	must_write(lab.writer, 2);
	assert_int_equal(logedge_store(lab.writer, old, &err), 0);
	must_defer(4);
	must_write(lab.writer, 6);
	assert_once(NULL, 6, 4);
	assert_whole(lab.reader, 4);
}

/* So many without a number, as if by ledger_defer. */
static void keep(size_t n)
{
	struct entry e = numbered(0);
	AUTO(logedge) edge = logedge_load(lab.writer, &err);
	AUTO(logintent) i = logintent_new(&err);
	AUTO(buf) text = buf_new(ENTRY_MAX, &err);
	assert_true(edge && i && text && entry_encode(&e, text, &err) == 0);
	for (size_t k = 0; k < n; k++)
		assert_int_equal(tiles_add_entry(i->entries, text->bytes, text->len, &err), 0);
	i->kept = true;
	i->size = edge->tiles.size;
	memcpy(i->root, edge->root, sizeof i->root);
	assert_int_equal(logintent_store(lab.writer, i, &err), 0);
}

enum { KEPT_BY_CHILD = 3 };

/* *kept: how many of the three next odd ones were promised to be written. The second fills the intent. */
static bool killed_deferring(enum strike_how how, unsigned long at, uint64_t n, unsigned *kept)
{
	int status;
	unsigned *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                        -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	pid_t child = fork();
	if (child == 0) {
		strike_at(how, at);
		for (*shared = 0; *shared < KEPT_BY_CHILD; ++*shared) {
			struct entry e = numbered(n + 1 + 2 * *shared);
			if (ledger_defer(lab.writer, &e, &err) != 0)
				_exit(1);
		}
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	*kept = *shared;
	munmap(shared, sizeof *shared);
	if (WIFSIGNALED(status))
		return true;
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

static void kill_where_entries_are_kept(enum strike_how how)
{
	static bool promised[sizeof ((struct numbers *)0)->count / sizeof(unsigned)];
	uint64_t n = 0;
	bool killed = true;
	memset(promised, 0, sizeof promised);
	must_write(lab.writer, 0);
	for (unsigned long at = 1; killed; at++) {
		unsigned kept;
		assert_int_equal(ledger_settle(lab.writer, &err), 0);
		keep(LEDGER_KEPT_MAX - 2);
		killed = killed_deferring(how, at, n, &kept);
		for (unsigned i = 0; i < KEPT_BY_CHILD; i++)
			promised[n + 1 + 2 * i] = i < kept;
		for (unsigned i = 0; i < KEPT_BY_CHILD; i++)
			must_defer(n += 2);
		assert_true(killed || (at > 20 && kept == KEPT_BY_CHILD));
	}
	assert_int_equal(ledger_settle(lab.writer, &err), 0);
	assert_whole(lab.reader, log_size());
	assert_once(promised, n, log_size());
}

static void a_kill_before_any_change_loses_nothing_that_was_kept(void **state)
{
	(void)state;
	kill_where_entries_are_kept(STRIKE_KILL);
}

static void a_kill_after_any_change_loses_nothing_that_was_kept(void **state)
{
	(void)state;
	kill_where_entries_are_kept(STRIKE_KILL_AFTER);
}

static void what_a_killed_append_left_is_not_taken_for_what_was_kept(void **state)
{
	uint64_t n = 0;
	bool killed = true;
	(void)state;
	must_write(lab.writer, 0);
	for (unsigned long at = 1; killed; at++) {
		killed = killed_writing(STRIKE_KILL_AFTER, at, n + 1);
		must_defer(n += 2);
	}
	assert_int_equal(ledger_settle(lab.writer, &err), 0);
	assert_once(NULL, n, log_size());
}

/* ---- set back, copied ---- */

static void save_log(struct lab_names *names, struct buf ***bytes)
{
	char prefix[NAMES_MAX];
	names_log(prefix, vault_keyfile(lab.writer)->id, "");
	assert_int_equal(lab_list(&lab, prefix, names, &err), 0);
	*bytes = calloc(names->n + 1, sizeof **bytes);
	for (size_t i = 0; i < names->n; i++) {
		(*bytes)[i] = buf_new(LAB_OBJECT_MAX, &err);
		int rc = storage_get_all(vault_storage(lab.reader), names->names[i], (*bytes)[i], &err);
		assert_int_equal(rc, 0);
	}
}

static void put_back_log(struct lab_names *names, struct buf **bytes)
{
	char prefix[NAMES_MAX];
	names_log(prefix, vault_keyfile(lab.writer)->id, "");
	assert_int_equal(lab_remove_all(&lab, prefix, &err), 0);
	for (size_t i = 0; i < names->n; i++) {
		assert_int_equal(storage_put(vault_storage(lab.reader), names->names[i], bytes[i]->bytes,
		                             bytes[i]->len, BACKEND_REPLACE, &err), 0);
		buf_free(bytes[i]);
	}
	free(names->names);
	free(bytes);
}

static void a_log_that_is_set_back_is_told_and_goes_on(void **state)
{
	struct lab_names names;
	struct buf **bytes;
	struct entry e = numbered(8);
	(void)state;
	must_write(lab.writer, 0);
	must_write(lab.writer, 2);
	save_log(&names, &bytes);
	must_write(lab.writer, 4);
	must_write(lab.writer, 6);
	put_back_log(&names, bytes);
	assert_int_equal(ledger_write(lab.writer, &e, &err), ERR_FORK);
	assert_non_null(strstr(err.msg, "the vault has 2 entries, root "));
	assert_non_null(strstr(err.msg, "remembers 4, root "));
	assert_whole(lab.writer, 5);
	must_write(lab.writer, 10);
}

static void a_log_that_is_set_back_is_put_forward_by_a_settle(void **state)
{
	struct lab_names names;
	struct buf **bytes;
	(void)state;
	must_write(lab.writer, 0);
	save_log(&names, &bytes);
	must_write(lab.writer, 2);
	must_write(lab.writer, 4);
	put_back_log(&names, bytes);
	assert_int_equal(ledger_settle(lab.writer, &err), ERR_FORK);
	assert_int_equal(log_size(), 3);
	assert_whole(lab.writer, 3);
	assert_int_equal(ledger_settle(lab.writer, &err), 0);
	assert_int_equal(log_size(), 3);
}

static void a_log_that_was_removed_is_told_and_put_back_as_far_as_it_is_known(void **state)
{
	char prefix[NAMES_MAX];
	struct entry e = numbered(4);
	(void)state;
	must_write(lab.writer, 0);
	must_write(lab.writer, 2);
	names_log(prefix, vault_keyfile(lab.writer)->id, "");
	assert_int_equal(lab_remove_all(&lab, prefix, &err), 0);
	assert_int_equal(ledger_write(lab.writer, &e, &err), ERR_FORK);
	assert_non_null(strstr(err.msg, "is gone from the vault; it had 2 entries"));
	assert_whole(lab.writer, 3);
}

static void a_copy_of_the_machine_forks_and_adds_nothing(void **state)
{
	char folder[LAB_PATH + 80], copy[LAB_PATH + 80];
	struct entry e = numbered(6);
	(void)state;
	ledger_folder(&lab, folder);
	snprintf(copy, sizeof copy, "%s/copy", lab.dir);
	must_write(lab.writer, 0);
	char seen[LAB_PATH + 90];
	snprintf(seen, sizeof seen, "%s/seen", folder);
	scratch_remove(seen);
	snprintf(seen, sizeof seen, "%s/lock", folder);
	assert_int_equal(lab_copy_folder(folder, copy, &err), 0);
	must_write(lab.writer, 2);
	struct lab_names names;
	struct buf **bytes;
	save_log(&names, &bytes);
	/* the copy, which remembers one entry, writes another second one */
	char prefix[NAMES_MAX], mine[LAB_PATH + 80];
	snprintf(mine, sizeof mine, "%s/mine", lab.dir);
	snprintf(seen, sizeof seen, "%s/seen", folder);
	scratch_remove(seen);
	assert_int_equal(lab_copy_folder(folder, mine, &err), 0);
	names_log(prefix, vault_keyfile(lab.writer)->id, "");
	assert_int_equal(lab_remove_all(&lab, prefix, &err), 0);
	assert_int_equal(lab_copy_folder(copy, folder, &err), 0);
	assert_int_equal(ledger_write(lab.writer, &e, &err), ERR_FORK);
	snprintf(seen, sizeof seen, "%s/seen", folder);
	scratch_remove(seen);
	/* the first machine sees two entries that are not its two */
	assert_int_equal(lab_copy_folder(mine, folder, &err), 0);
	e = numbered(8);
	assert_int_equal(ledger_write(lab.writer, &e, &err), ERR_FORK);
	assert_non_null(strstr(err.msg, "another history"));
	struct note note;
	assert_int_equal(tlog_checkpoint(lab.reader, vault_keyfile(lab.writer)->id, &note, NULL, &err), 0);
	assert_int_equal(note.size, 2);
	put_back_log(&names, bytes);
}

/* ---- several keys ---- */

static void what_one_log_saw_of_another_holds_without_any_memory(void **state)
{
	struct lab_names names;
	struct buf **bytes;
	(void)state;
	struct vault *drill = enroll(&lab, "drill", ROLE_DRILL);
	must_write(lab.writer, 0);
	save_log(&names, &bytes);
	must_write(lab.writer, 2);
	assert_int_equal(ledger_write_seen(drill, &err), 0);
	assert_int_equal(lab_unlock(&lab, &err), 0);
	assert_whole(lab.reader, 3);
	put_back_log(&names, bytes);
	struct verdict v = verify(lab.reader);   /* it remembers nothing */
	assert_int_equal(v.found.forks, 1);
	assert_non_null(strstr(v.text, "drill (its entry 0) saw 2, root "));
	vault_free(drill);
}

static void a_checkpoint_by_another_key_is_no_checkpoint(void **state)
{
	char from[NAMES_MAX], to[NAMES_MAX];
	(void)state;
	struct vault *drill = enroll(&lab, "drill", ROLE_DRILL);
	must_write(lab.writer, 0);
	must_write(drill, 2);
	assert_int_equal(lab_unlock(&lab, &err), 0);
	AUTO(buf) b = buf_new(NOTE_MAX, &err);
	names_log(from, vault_keyfile(lab.writer)->id, NAMES_CHECKPOINT);
	names_log(to, vault_keyfile(drill)->id, NAMES_CHECKPOINT);
	assert_int_equal(storage_get_all(vault_storage(lab.reader), from, b, &err), 0);
	assert_int_equal(storage_put(vault_storage(lab.reader), to, b->bytes, b->len, BACKEND_REPLACE, &err),
	                 0);
	struct verdict v = verify(lab.reader);
	assert_int_equal(v.found.damages, 1);
	assert_non_null(strstr(v.text, "is not signed by holdfast/"));
	vault_free(drill);
}

static void a_machine_without_a_key_keeps_no_ledger(void **state)
{
	struct entry e = numbered(0);
	(void)state;
	assert_int_equal(ledger_write(lab.reader, &e, &err), ERR_KEY);
}

/* ---- size ---- */

static double seconds(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Nights of a machine with twelve stores; `told` of them have something that must be decoded. */
static void append_nights(uint64_t n, bool told)
{
	enum { BATCH = 2000 };
	uint8_t covers[12][16] = { { 1 } };
	struct entry_item item = { .did = DID_FAIL, .number = 4 };
	struct entry *batch = calloc(BATCH, sizeof *batch);
	AUTO(ledger) l = ledger_open(lab.writer, &err);
	assert_non_null(l);
	for (size_t i = 0; i < BATCH; i++)
		batch[i] = (struct entry){ .kind = ENTRY_RUN, .time_s = 1700000000 + i, .stores = 12,
		                           .unchanged = 12, .covers = covers, .n_covers = 12,
		                           .items = &item, .n_items = told };
	for (uint64_t done = 0; done < n; done += BATCH)
		if (ledger_append(l, batch, n - done < BATCH ? n - done : BATCH, &err) != 0)
			fail_msg("%s", err.msg);
	free(batch);
}

static void time_log(uint64_t n, bool told)
{
	double best = 1e9;
	append_nights(n, told);
	for (int i = 0; i < 20; i++) {
		double start = seconds(CLOCK_MONOTONIC);
		append_nights(1, told);
		double took = seconds(CLOCK_MONOTONIC) - start;
		best = took < best ? took : best;
	}
	double began = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	struct verdict v = verify(lab.reader);
	print_message("%s: one append %.1f ms; verify of %llu entries %.2f s, %.2f s of CPU\n",
	              told ? "every entry decoded" : "nothing to decode", best * 1e3,
	              (unsigned long long)v.found.entries, seconds(CLOCK_MONOTONIC) - began,
	              seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	assert_int_equal(v.found.entries, n + 20);
	assert_string_equal(v.text, "");
}

static uint64_t entries_wanted(void)
{
	const char *n = getenv("HOLDFAST_TEST_ENTRIES");
	return n ? strtoull(n, NULL, 10) : 20000;
}

static void a_long_log_is_appended_to_and_verified_in_time(void **state)
{
	(void)state;
	time_log(entries_wanted(), false);
}

static void a_long_log_whose_entries_all_count_is_verified_in_time(void **state)
{
	(void)state;
	time_log(entries_wanted(), true);
}

#define FRESH(test, scheme) cmocka_unit_test_setup_teardown(test, begin_##scheme, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(a_log_grows_over_tiles_and_verifies_at_every_size, memory),
		FRESH(many_entries_at_once_are_one_checkpoint, memory),
		FRESH(without_local_state_a_log_goes_on_from_the_vault, memory),
		FRESH(full_tiles_leave_no_partial_ones, memory),
		FRESH(a_kill_before_any_change_loses_no_entry_and_doubles_none, file),
		FRESH(a_kill_after_any_change_loses_no_entry_and_doubles_none, file),
		FRESH(a_kill_and_the_loss_of_the_state_leave_a_whole_log, file),
		FRESH(what_could_not_be_put_is_put_by_the_next, file),
		FRESH(kept_entries_come_with_the_next_append, memory),
		FRESH(a_thousand_kept_entries_are_sixteen_appends, memory),
		FRESH(where_nothing_is_remembered_an_entry_is_appended_at_once, memory),
		FRESH(what_was_kept_on_an_older_memory_is_not_lost, memory),
		FRESH(a_kill_before_any_change_loses_nothing_that_was_kept, file),
		FRESH(a_kill_after_any_change_loses_nothing_that_was_kept, file),
		FRESH(what_a_killed_append_left_is_not_taken_for_what_was_kept, file),
		FRESH(a_log_that_is_set_back_is_told_and_goes_on, memory),
		FRESH(a_log_that_is_set_back_is_put_forward_by_a_settle, memory),
		FRESH(a_log_that_was_removed_is_told_and_put_back_as_far_as_it_is_known, memory),
		FRESH(a_copy_of_the_machine_forks_and_adds_nothing, memory),
		FRESH(what_one_log_saw_of_another_holds_without_any_memory, memory),
		FRESH(a_checkpoint_by_another_key_is_no_checkpoint, memory),
		FRESH(a_machine_without_a_key_keeps_no_ledger, memory),
		FRESH(a_long_log_is_appended_to_and_verified_in_time, file),
		FRESH(a_long_log_whose_entries_all_count_is_verified_in_time, file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
