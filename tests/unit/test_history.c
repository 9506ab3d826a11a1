/*
 * The state against the vault: whichever of the two is older, damaged, copied or somebody else's,
 * a run stores a full or refuses, says what it found, and never commits a snapshot that does not
 * come back.
 *
 * wrap: time
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../backends/faulty.h"
#include "holdfast/ledger.h"
#include "holdfast/snapshot.h"
#include "history.h"
#include "vault/tagfile.h"

enum { DAY = 86400, PAGE = 4096, MIB = 1 << 20, FOLDER = LAB_PATH + 80 };

static struct lab lab;
static struct history h;
static struct err err;
static const char *lab_url;     /* of the writer's handle, after reopen_as */
static char folder[FOLDER];     /* the store's state */

/* ---- a clock that can be put forward ---- */

static time_t later_s;
time_t __real_time(time_t *t);
time_t __wrap_time(time_t *t);
time_t __wrap_time(time_t *t)
{
	time_t now = __real_time(NULL) + later_s;
	if (t)
		*t = now;
	return now;
}

/* ---- what most tests do ---- */

static void must(int rc)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, err.msg);
}

static struct pages_file *add_noise(struct pages_image *to, const char *path, size_t len,
                                    uint64_t value)
{
	struct pages_file *f = pages_add(to, path, 512, len);
	if (!f)
		abort();
	pages_noise(f->bytes, len, value);
	return f;
}

static struct pages_file *file(size_t i) { return &h.store.now.files[i]; }

/* Unlike all nights before. */
static void change(size_t i, size_t at, size_t len, uint64_t value)
{
	assert_true(at + len <= file(i)->len);
	pages_noise(file(i)->bytes + at, len, value);
	h.store.version++;
}

static void write_folder(const char *name, char out[FOLDER])
{
	snprintf(out, FOLDER, "%s/%s", lab.dir, name);
}

static void state_path(const char *name, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/%s", folder, name);
}

static bool state_has(const char *name)
{
	char path[PATH_MAX];
	state_path(name, path);
	return access(path, F_OK) == 0;
}

static int begin(void **state)
{
	(void)state;
	err = (struct err){ 0 };
	later_s = 0;
	if (lab_begin(&lab, "memory", &err) != 0 || !history_begin(&h, &lab, "crm"))
		return -1;
	lab_state_folder(&lab, &h.info, folder);
	h.store.version = 1;
	struct pages_file *big = pages_add(&h.store.now, "a.db", PAGE, MIB + 5 * PAGE + 100);
	if (!big)
		return -1;
	pages_noise(big->bytes, big->len, 1);
	memset(big->bytes + 300000, 0, 100000);
	add_noise(&h.store.now, "b.db", 40 * 512, 2);
	return 0;
}

static int end(void **state)
{
	(void)state;
	history_end(&h);
	lab_end(&lab);
	return 0;
}

static void expect(enum snapshot_kind kind, enum err_code warning, const char *words)
{
	const struct backup_result *r = &h.result;
	if (r->kind != kind || r->warning.code != warning || !strstr(r->warning.msg, words))
		fail_msg("snapshot %" PRIu64 " is %s, warning %d: %s", r->seq, snapshot_kind_text(r->kind),
		         r->warning.code, r->warning.msg);
}

/* One night; every snapshot so far comes back. */
static void night(enum snapshot_kind kind, enum err_code warning, const char *words)
{
	must(history_backup(&h, &err));
	expect(kind, warning, words);
	must(history_verify(&h, &err));
}

/* A night on which something changed and nothing is amiss. */
static void good_night(void)
{
	static uint64_t value = 100;
	value++;
	change(0, (value % 50) * PAGE, 3 * PAGE, value);
	change(1, (value % 30) * 512, 700, value);
	night(h.n == 0 ? SNAPSHOT_FULL : SNAPSHOT_INCREMENTAL, ERR_NONE, "");
}

static void nights(unsigned n)
{
	while (n-- > 0)
		good_night();
}

static void remove_snapshot(uint64_t seq)
{
	char name[NAMES_MAX];
	names_snapshot(name, h.info.writer, h.info.store, seq);
	must(lab_remove(&lab, name, &err));
	for (size_t i = h.n; i-- > 0;)
		if (h.moments[i].seq == seq)
			history_forget(&h, i);
}

static struct heads_entry *load(uint64_t seq)
{
	struct heads_entry *e = heads_load(lab.reader, h.info.writer, h.info.store, seq, false, &err);
	if (!e)
		fail_msg("%s", err.msg);
	return e;
}

/* The next run's Nth put fails so; what it committed or not is the caller's to know. */
static void failing_run(unsigned put, const char *fault)
{
	char url[2 * LAB_PATH];
	struct err why = { 0 };
	snprintf(url, sizeof url, "faulty://put=%u:%s/%s", put, fault, lab.url);
	faulty_reset(url);
	struct vault *v = lab_open(&lab, url, NULL, NULL, &err);
	assert_non_null(v);
	assert_int_not_equal(backup_run(v, &h.spec, 1, &h.options, &h.result, &why), 0);
	vault_free(v);
}

/* ---- old, newer, other, copied ---- */

static void an_old_state_is_told_and_followed_by_a_full(void **state)
{
	char old[FOLDER];
	(void)state;
	nights(2);
	write_folder("old", old);
	must(lab_copy_folder(folder, old, &err));
	nights(2);
	must(lab_copy_folder(old, folder, &err));
	change(0, 0, PAGE, 7);
	night(SNAPSHOT_FULL, ERR_EXISTS, "was set back");
	assert_int_equal(h.result.seq, 5);
	nights(2);
}

static void a_vault_rolled_back_is_told_and_followed_by_a_full(void **state)
{
	(void)state;
	nights(4);
	remove_snapshot(4);
	remove_snapshot(3);
	change(0, 0, PAGE, 7);
	night(SNAPSHOT_FULL, ERR_FORK, "older than this machine remembers");
	assert_non_null(strstr(h.result.warning.msg, "newest snapshot is 2, not 4"));
	/* no number is given twice */
	assert_int_equal(h.result.seq, 5);
	nights(2);
}

static void a_roll_back_is_told_again_after_a_run_that_failed(void **state)
{
	(void)state;
	nights(3);
	remove_snapshot(3);
	for (unsigned long i = 1; i <= 3; i++) {
		h.store.fail_read = i;
		assert_int_equal(history_backup(&h, &err), ERR_SOURCE);
	}
	h.store.fail_read = 0;
	failing_run(1, "io");
	failing_run(2, "io");
	night(SNAPSHOT_FULL, ERR_FORK, "older than this machine remembers");
	assert_int_equal(h.result.seq, 4);
	nights(1);
}

static void all_snapshots_gone_are_told(void **state)
{
	(void)state;
	nights(2);
	remove_snapshot(2);
	remove_snapshot(1);
	night(SNAPSHOT_FULL, ERR_FORK, "newest snapshot is 0, not 2");
}

static void another_snapshot_under_our_number_is_told(void **state)
{
	char ours[FOLDER], older[FOLDER];
	(void)state;
	nights(2);
	write_folder("older", older);
	must(lab_copy_folder(folder, older, &err));
	nights(1);
	write_folder("ours", ours);
	must(lab_copy_folder(folder, ours, &err));
	/* the vault of yesterday, and a copy of this machine writes first */
	remove_snapshot(3);
	must(lab_copy_folder(older, folder, &err));
	nights(1);
	assert_int_equal(h.result.seq, 3);
	must(lab_copy_folder(ours, folder, &err));
	night(SNAPSHOT_FULL, ERR_FORK, "is not the one this machine wrote");
	assert_int_equal(h.result.seq, 4);
}

static void a_lost_state_costs_a_full_and_no_word(void **state)
{
	(void)state;
	nights(3);
	scratch_remove(folder);
	night(SNAPSHOT_FULL, ERR_NONE, "");
	nights(2);
}

static void the_state_of_another_vault_is_not_taken(void **state)
{
	struct lab elsewhere;
	char theirs[FOLDER];
	(void)state;
	must(lab_begin(&elsewhere, "memory", &err));
	struct store_info there = lab_store(&elsewhere, "crm");
	lab_state_folder(&elsewhere, &there, theirs);
	struct lab *mine = h.lab;
	nights(2);
	/* the same store goes to both, the states are exchanged */
	h.lab = &elsewhere;
	must(backup_run(elsewhere.writer, &h.spec, 1, &h.options, &h.result, &err));
	h.lab = mine;
	must(lab_copy_folder(theirs, folder, &err));
	night(SNAPSHOT_FULL, ERR_CORRUPT, "local state was damaged");
	lab_end(&elsewhere);
	nights(1);
}

static void the_state_of_another_store_is_not_taken(void **state)
{
	char theirs[FOLDER];
	(void)state;
	nights(1);
	struct store_info other = lab_store(&lab, "wiki");
	lab_state_folder(&lab, &other, theirs);
	struct backup_store spec = h.spec;
	spec.source.name = "wiki";
	must(backup_run(lab.writer, &spec, 1, &h.options, &h.result, &err));
	must(lab_copy_folder(theirs, folder, &err));
	night(SNAPSHOT_FULL, ERR_CORRUPT, "local state was damaged");
}

/* Two machines with one key file take turns. */
static void a_cloned_host_is_told_each_time_and_loses_nothing(void **state)
{
	char clone[FOLDER];
	(void)state;
	char theirs[2 * FOLDER];
	nights(2);
	write_folder("clone", clone);
	snprintf(theirs, sizeof theirs, "%s%s", clone, folder + strlen(lab.state));
	must(lab_copy_folder(folder, theirs, &err));
	struct vault *other = lab_open(&lab, NULL, clone, NULL, &err);
	assert_non_null(other);
	nights(1);
	for (int turn = 0; turn < 3; turn++) {
		change(0, 0, PAGE, 1000 + (uint64_t)turn);
		must(history_backup_by(&h, other, &err));
		expect(SNAPSHOT_FULL, ERR_EXISTS, "a copy of it writes the same store");
		change(1, 0, 512, 2000 + (uint64_t)turn);
		night(SNAPSHOT_FULL, ERR_EXISTS, "a copy of it writes the same store");
	}
	vault_free(other);
}

static struct vault *rival;

static void rival_backs_up(void *arg)
{
	struct err why = { 0 };
	struct backup_result r;
	(void)arg;
	h.store.on_read = NULL;   /* once */
	assert_int_equal(backup_run(rival, &h.spec, 1, &h.options, &r, &why), 0);
	assert_true(history_remember(&h, r.seq));
}

static void a_snapshot_that_takes_our_number_meanwhile_is_a_fork(void **state)
{
	char clone[FOLDER];
	(void)state;
	nights(2);
	write_folder("clone", clone);
	rival = lab_open(&lab, NULL, clone, NULL, &err);
	assert_non_null(rival);
	h.store.on_read = rival_backs_up;
	change(0, 0, PAGE, 7);
	assert_int_equal(history_backup(&h, &err), ERR_FORK);
	assert_non_null(strstr(err.msg, "somebody else wrote snapshot 3"));
	assert_non_null(strstr(err.hint, "key file"));
	must(history_verify(&h, &err));
	assert_int_equal(h.n, 3);
	night(SNAPSHOT_FULL, ERR_EXISTS, "a copy of it writes the same store");
	vault_free(rival);
	nights(1);
}

/* ---- packs ---- */

typedef void harm(const char *pack, const uint8_t id[32]);

static void delete_pack(const char *pack, const uint8_t id[32])
{
	(void)id;
	must(lab_remove(&lab, pack, &err));
}

static void doom_pack(const char *pack, const uint8_t id[32])
{
	char name[NAMES_MAX], hex[65];
	(void)pack;
	names_doomed(name, h.info.writer);
	snprintf(name + strlen(name), sizeof hex, "%s", hex_encode(hex, id, 32));
	must(storage_put(vault_storage(lab.reader), name, "x", 1, BACKEND_NEW, &err));
}

static void shorten_pack(const char *pack, const uint8_t id[32])
{
	(void)id;
	must(storage_put(vault_storage(lab.reader), pack, "x", 1, BACKEND_REPLACE, &err));
}

/* The run that would list the pack stores a full instead, whether or not anything changed. */
static void a_base_pack_suffers(harm *how, bool changed, bool failed_before)
{
	char name[NAMES_MAX];
	nights(3);
	AUTO(heads_entry) e = load(3);
	assert_true(e->head.n_packs >= 2);
	names_pack(name, h.info.writer, h.info.store, e->head.packs[0].id);
	if (failed_before) {
		change(0, 0, PAGE, 8);
		failing_run(2, "io");
	}
	how(name, e->head.packs[0].id);
	if (changed)
		change(0, 0, PAGE, 9);
	struct moment lost = h.moments[0];
	while (h.n > 0 && how != doom_pack) {   /* they listed it too */
		if (h.n == 1)
			assert_int_not_equal(history_verify_one(&h, &lost, &err), 0);
		history_forget(&h, h.n - 1);
	}
	night(SNAPSHOT_FULL, ERR_ABSENT, "is gone from the vault, or is to be deleted");
	nights(2);
}

static void a_base_pack_that_is_gone_gives_a_full(void **state)
{
	(void)state;
	a_base_pack_suffers(delete_pack, true, false);
}

static void a_base_pack_gone_is_noticed_though_nothing_changed(void **state)
{
	(void)state;
	a_base_pack_suffers(delete_pack, false, false);
}

static void a_base_pack_gone_is_noticed_by_a_resumed_run(void **state)
{
	(void)state;
	a_base_pack_suffers(delete_pack, true, true);
}

static void a_doomed_base_pack_gives_a_full(void **state)
{
	(void)state;
	a_base_pack_suffers(doom_pack, true, false);
}

static void a_base_pack_of_another_length_gives_a_full(void **state)
{
	(void)state;
	a_base_pack_suffers(shorten_pack, true, false);
}

static void a_stored_pack_that_is_gone_is_not_reused(void **state)
{
	struct lab_names before, packs;
	char prefix[NAMES_MAX];
	(void)state;
	nights(2);
	names_packs(prefix, h.info.writer, h.info.store);
	must(lab_list(&lab, prefix, &before, &err));
	change(0, 0, 10 * PAGE, 7);
	failing_run(2, "io");
	must(lab_list(&lab, prefix, &packs, &err));
	assert_int_equal(packs.n, before.n + 1);
	for (size_t i = 0; i < packs.n; i++)
		if (!bsearch(packs.names[i], before.names, before.n, NAMES_MAX, lab_name_order))
			must(lab_remove(&lab, packs.names[i], &err));
	free(before.names);
	free(packs.names);
	change(1, 0, 512, 8);
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	assert_int_equal(h.result.packs, 1);
	nights(2);
}

/* ---- the state's own files ---- */

/* The largest or the smallest of the arrays: those of a.db or of b.db. */
static void arrays_path(bool largest, char out[PATH_MAX])
{
	struct dirent **list;
	off_t best = -1;
	int n = scandir(folder, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];
		struct stat st;
		state_path(list[i]->d_name, path);
		if (strncmp(list[i]->d_name, "tags-", 5) == 0 && stat(path, &st) == 0 &&
		    (best < 0 || (largest ? st.st_size > best : st.st_size < best))) {
			best = st.st_size;
			snprintf(out, PATH_MAX, "%s", path);
		}
		free(list[i]);
	}
	free(list);
	assert_true(best >= 0);
}

/* With failed_before the arrays are looked at when a run is resumed, else while it reads. */
static void flip_in_arrays(uint64_t offset, unsigned bit, bool failed_before)
{
	char path[PATH_MAX];
	nights(1);
	if (failed_before) {
		change(0, 0, PAGE, h.result.seq * 1000);
		failing_run(2, "io");
	}
	arrays_path(true, path);
	assert_true(lab_flip(path, offset, bit));
	change(1, 0, 100, offset);
	night(SNAPSHOT_FULL, ERR_CORRUPT, "did not belong to the newest snapshot");
}

/* One array record: 512 tags of 16 bytes, then 512 packs of 4, for 512-byte units. */
static void a_flipped_bit_in_the_arrays_gives_a_full(void **state)
{
	static const struct { uint64_t offset; unsigned bit; } cases[] = {
		{ 0, 0 }, { 5000, 3 }, { 8191, 7 },                     /* tags of the first block */
		{ 8192, 0 }, { 8193, 1 }, { 8195, 6 }, { 8195, 7 },     /* its packs; 7: "zero" */
		{ 10239, 5 }, { 10240, 0 }, { 3 * 10240 + 700, 2 }, { 4 * 10240 + 15 * 40, 1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		flip_in_arrays(cases[i].offset, cases[i].bit, false);
		flip_in_arrays(cases[i].offset, cases[i].bit, true);
	}
}

static void arrays_cut_short_or_gone_give_a_full(void **state)
{
	char path[PATH_MAX];
	(void)state;
	nights(2);
	arrays_path(true, path);
	assert_int_equal(truncate(path, 10240), 0);
	change(1, 0, 100, 1);
	night(SNAPSHOT_FULL, ERR_CORRUPT, "did not belong to the newest snapshot");
	arrays_path(true, path);
	assert_int_equal(unlink(path), 0);
	change(1, 0, 100, 2);
	night(SNAPSHOT_FULL, ERR_CORRUPT, "did not belong to the newest snapshot");
	nights(1);
}

static void arrays_of_a_file_that_is_gone_are_verified_too(void **state)
{
	char path[PATH_MAX];
	(void)state;
	nights(2);
	arrays_path(false, path);
	assert_true(lab_flip(path, 8192, 1));
	pages_remove(&h.store.now, 1);
	h.store.version++;
	night(SNAPSHOT_FULL, ERR_CORRUPT, "did not belong to the newest snapshot");
}

/* What an older night left in the arrays, though base and vault agree. */
static void arrays_of_another_night_give_a_full(void **state)
{
	char path[PATH_MAX], saved[PATH_MAX];
	struct err ignored;
	(void)state;
	nights(2);
	arrays_path(true, path);
	snprintf(saved, sizeof saved, "%s/saved", lab.dir);
	AUTO(buf) b = buf_new(LAB_OBJECT_MAX, &err);
	must(io_read_file(path, b, &ignored));
	nights(1);
	must(lab_copy_one(folder, strrchr(path, '/') + 1, b, &err));
	night(SNAPSHOT_UNCHANGED, ERR_NONE, "");   /* nobody looks at them */
	change(1, 0, 100, 2);
	night(SNAPSHOT_FULL, ERR_CORRUPT, "did not belong to the newest snapshot");
}

static void a_damaged_base_gives_a_full_and_an_absent_one_too(void **state)
{
	char path[PATH_MAX];
	(void)state;
	nights(2);
	state_path("base", path);
	for (uint64_t at = 0; at < 400; at += 57) {
		assert_true(lab_flip(path, at, 2));
		night(SNAPSHOT_FULL, ERR_CORRUPT, "local state was damaged");
	}
	assert_int_equal(truncate(path, 100), 0);
	night(SNAPSHOT_FULL, ERR_CORRUPT, "local state was damaged");
	assert_int_equal(unlink(path), 0);
	night(SNAPSHOT_FULL, ERR_NONE, "");
	nights(2);
}

static void a_damaged_base_is_told_again_after_a_run_that_failed(void **state)
{
	char path[PATH_MAX];
	(void)state;
	nights(2);
	state_path("base", path);
	assert_true(lab_flip(path, 50, 2));
	failing_run(2, "io");
	failing_run(1, "io");
	night(SNAPSHOT_FULL, ERR_CORRUPT, "local state was damaged");
	nights(1);
}

/* ---- a crash around the commit ---- */

static void a_snapshot_whose_acknowledgement_was_lost_is_taken_up(void **state)
{
	(void)state;
	nights(2);
	change(0, 0, 10 * PAGE, 7);
	failing_run(2, "lost");
	assert_true(history_remember(&h, 3));
	assert_true(state_has("base.new") && state_has("journal"));
	must(history_verify(&h, &err));
	/* seen as unchanged: the state was brought up to date */
	night(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	assert_int_equal(h.result.seq, 4);
	assert_false(state_has("base.new") || state_has("journal"));
	nights(2);
}

static void a_crash_amid_bringing_the_state_up_to_date_is_repeated(void **state)
{
	char path[PATH_MAX];
	(void)state;
	nights(2);
	change(0, 0, 10 * PAGE, 7);
	change(0, 80 * PAGE, 10 * PAGE, 8);
	failing_run(2, "lost");
	assert_true(history_remember(&h, 3));
	/* some of the units that the journal names are written already, some not */
	arrays_path(true, path);
	for (uint64_t at = 0; at < 16 * 8 * 4; at += 16)
		assert_true(lab_flip(path, at, 0));
	change(1, 0, 512, 9);
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	nights(2);
}

static void a_snapshot_that_was_not_put_is_made_again_with_the_same_packs(void **state)
{
	(void)state;
	nights(2);
	change(0, 0, 10 * PAGE, 7);
	failing_run(2, "io");
	assert_true(state_has("base.new") && state_has("journal"));
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	assert_int_equal(h.result.seq, 3);
	assert_int_equal(h.result.packs, 0);
	assert_int_equal(h.result.bytes_stored, 0);
	assert_false(state_has("base.new") || state_has("journal"));
	nights(2);
}

static void a_killed_full_is_continued_by_a_full(void **state)
{
	(void)state;
	failing_run(3, "io");   /* the first put is the epoch's key */
	change(1, 0, 512, 9);
	night(SNAPSHOT_FULL, ERR_NONE, "");
	assert_true(h.result.bytes_stored < 10000);
	h.options.full = true;
	failing_run(2, "io");
	night(SNAPSHOT_FULL, ERR_NONE, "");
	assert_int_equal(h.result.packs, 0);
	h.options.full = false;
	nights(2);
}

static void units_turned_back_meanwhile_are_those_of_the_base(void **state)
{
	uint8_t was[4 * PAGE];
	(void)state;
	nights(2);
	memcpy(was, file(0)->bytes, sizeof was);
	change(0, 0, 10 * PAGE, 7);
	failing_run(2, "io");
	memcpy(file(0)->bytes, was, sizeof was);
	h.store.version++;
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	nights(2);
}

/* Units beyond a file's end stay in the rest of its last record. */
static void a_file_that_grows_back_in_a_resumed_run_has_new_units(void **state)
{
	size_t was = file(1)->len;
	(void)state;
	nights(1);
	assert_true(pages_resize(file(1), 10 * 512));
	pages_fill(file(0)->bytes, file(0)->len, 5);
	pages_fill(file(1)->bytes, file(1)->len, 6);
	h.store.version++;
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	change(0, 0, PAGE, 8);
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	change(0, 0, PAGE, 9);
	failing_run(2, "io");
	/* exactly what it was on the first night */
	assert_true(pages_resize(file(1), was));
	memcpy(file(1)->bytes + 10 * 512, h.moments[0].image.files[1].bytes + 10 * 512, was - 10 * 512);
	h.store.version++;
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	nights(2);
}

static void a_journal_torn_at_any_byte_harms_nothing(void **state)
{
	char saved[FOLDER], path[PATH_MAX];
	struct stat st;
	unsigned reused = 0;
	(void)state;
	nights(2);
	change(0, 0, PAGE, 7);
	change(1, 0, 512, 8);
	failing_run(2, "io");
	write_folder("saved", saved);
	must(lab_copy_folder(folder, saved, &err));
	state_path("journal", path);
	assert_int_equal(stat(path, &st), 0);
	for (off_t len = 0; len <= st.st_size; len += len + 3 < st.st_size ? 3 : 1) {
		must(lab_copy_folder(saved, folder, &err));
		assert_int_equal(truncate(path, len), 0);
		must(history_backup(&h, &err));
		expect(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
		reused += h.result.packs == 0;
		must(history_verify_one(&h, &h.moments[h.n - 1], &err));
		remove_snapshot(3);
	}
	assert_true(reused > 0 && reused < 5);
}

static void a_journal_of_another_session_is_not_taken(void **state)
{
	char path[PATH_MAX];
	(void)state;
	nights(2);
	change(0, 0, 10 * PAGE, 7);
	failing_run(2, "io");
	state_path("journal", path);
	AUTO(buf) journal = buf_new(LAB_OBJECT_MAX, &err);
	must(io_read_file(path, journal, &err));
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	/* that of the session before: its packs are in the vault still */
	must(lab_copy_one(folder, "journal", journal, &err));
	change(0, 0, 10 * PAGE, 8);
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	assert_int_equal(h.result.packs, 1);
	/* that of an incremental, before a full */
	change(0, 0, 10 * PAGE, 9);
	failing_run(2, "io");
	h.options.full = true;
	night(SNAPSHOT_FULL, ERR_NONE, "");
	assert_true(h.result.bytes_stored > MIB / 2);
	h.options.full = false;
	nights(2);
}

/* More files than are open at once when a journal is written into the arrays. */
static void many_files_are_committed_and_resumed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		char name[PAGES_NAME];
		snprintf(name, sizeof name, "many/%03u.db", i);
		add_noise(&h.store.now, name, (1 + i % 7) * 512, 100 + i);
	}
	night(SNAPSHOT_FULL, ERR_NONE, "");
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < h.store.now.n; i += 1 + round)
			change(i, 0, 512, 10 * i + round);
		if (round > 0)
			failing_run(2, round == 1 ? "io" : "lost");
		if (round == 2)
			assert_true(history_remember(&h, 4));
		night(round == 2 ? SNAPSHOT_UNCHANGED : SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	}
	nights(1);
}

/* ---- keys ---- */

static void key_object(uint32_t epoch, char out[NAMES_MAX])
{
	struct lab_names keys;
	char prefix[NAMES_MAX], number[16];
	must(lab_list(&lab, names_keys(prefix, h.info.writer, h.info.store), &keys, &err));
	snprintf(number, sizeof number, "/%08u-", epoch);
	out[0] = '\0';
	for (size_t i = 0; i < keys.n; i++)
		if (strstr(keys.names[i], number))
			snprintf(out, NAMES_MAX, "%s", keys.names[i]);
	free(keys.names);
	assert_true(out[0]);
}

static void lose_key(uint32_t epoch)
{
	char name[NAMES_MAX];
	key_object(epoch, name);
	must(lab_remove(&lab, name, &err));
}

static void damage_key(uint32_t epoch)
{
	char name[NAMES_MAX];
	struct backend *b = vault_storage(lab.reader);
	AUTO(buf) bytes = buf_new(1 << 20, &err);
	key_object(epoch, name);
	must(storage_get_all(b, name, bytes, &err));
	bytes->bytes[bytes->len / 2] ^= 1;
	must(storage_put(b, name, bytes->bytes, bytes->len, BACKEND_REPLACE, &err));
}

static void forget_all(void)
{
	while (h.n > 0)
		history_forget(&h, h.n - 1);
}

static void an_epoch_whose_key_is_gone_is_followed_by_another(void **state)
{
	(void)state;
	nights(2);
	lose_key(1);
	assert_int_not_equal(history_verify_one(&h, &h.moments[1], &err), 0);
	assert_non_null(strstr(err.msg, "the key of epoch 1 is not in the vault"));
	forget_all();
	change(0, 0, PAGE, 7);
	night(SNAPSHOT_FULL, ERR_ABSENT, "is gone from the vault");
	AUTO(heads_entry) e = load(3);
	assert_int_equal(e->head.epoch, 2);
	change(0, 0, PAGE, 8);
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
}

static void an_epoch_whose_key_is_damaged_is_followed_by_another(void **state)
{
	(void)state;
	nights(2);
	damage_key(1);
	forget_all();
	change(0, 0, PAGE, 7);
	night(SNAPSHOT_FULL, ERR_CORRUPT, "the key of its epoch 1 is damaged in the vault");
	AUTO(heads_entry) e = load(3);
	assert_int_equal(e->head.epoch, 2);
	change(0, 0, PAGE, 8);
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
}

static void a_lost_key_is_told_again_after_a_run_that_failed(void **state)
{
	(void)state;
	nights(2);
	lose_key(1);
	forget_all();
	change(0, 0, PAGE, 7);
	failing_run(2, "io");   /* the first put is the new epoch's key */
	failing_run(3, "io");
	night(SNAPSHOT_FULL, ERR_ABSENT, "is gone from the vault");
	change(0, 0, PAGE, 8);
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
}

static void rotate(void)
{
	later_s += 2 * DAY;
	h.spec.rotate_s = DAY;
	good_night();
	h.spec.rotate_s = 0;
}

static void the_key_of_an_older_epoch_in_use_is_missed_too(void **state)
{
	(void)state;
	nights(2);
	rotate();
	lose_key(1);
	forget_all();
	change(0, 0, PAGE, 7);
	night(SNAPSHOT_FULL, ERR_ABSENT, "is gone from the vault");
	AUTO(heads_entry) e = load(4);
	assert_int_equal(e->head.epoch, 3);
	/* epochs that no pack in use is of, may go */
	lose_key(2);
	change(0, 0, PAGE, 8);
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
}

static void a_due_rotation_starts_an_epoch_and_all_epochs_restore(void **state)
{
	(void)state;
	nights(2);
	rotate();
	rotate();
	AUTO(heads_entry) e = load(4);
	assert_int_equal(e->head.epoch, 3);
	nights(1);
	AUTO(heads_entry) f = load(5);
	assert_int_equal(f->head.epoch, 3);
	/* also where nothing changed */
	later_s += 2 * DAY;
	h.spec.rotate_s = DAY;
	night(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	AUTO(heads_entry) g = load(6);
	assert_int_equal(g->head.epoch, 4);
	/* and after the state was lost the newest is gone on with */
	scratch_remove(folder);
	night(SNAPSHOT_FULL, ERR_NONE, "");
	AUTO(heads_entry) last = load(7);
	assert_int_equal(last->head.epoch, 4);
}

static void a_key_file_of_another_vault_opens_nothing(void **state)
{
	struct lab elsewhere;
	char from[FOLDER], to[FOLDER];
	(void)state;
	nights(1);
	must(lab_begin(&elsewhere, "memory", &err));
	snprintf(from, sizeof from, "%s/%s.key", elsewhere.keys, vault_id_text(elsewhere.writer));
	snprintf(to, sizeof to, "%s/%s.key", lab.keys, vault_id_text(lab.writer));
	assert_int_equal(rename(from, to), 0);
	assert_null(lab_open(&lab, NULL, NULL, NULL, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "another vault"));
	lab_end(&elsewhere);
	/* none at all: it opens, and cannot write */
	assert_int_equal(unlink(to), 0);
	struct vault *v = lab_open(&lab, NULL, NULL, NULL, &err);
	assert_non_null(v);
	assert_int_equal(backup_run(v, &h.spec, 1, &h.options, &h.result, &err), ERR_KEY);
	vault_free(v);
}

static void a_charter_that_is_not_the_one_seen_last_is_a_fork(void **state)
{
	char path[FOLDER];
	char text[200];
	(void)state;
	nights(1);
	snprintf(path, sizeof path, "%s/%s/charter", lab.state, vault_id_text(lab.writer));
	AUTO(buf) seen = buf_new(4096, &err);
	must(io_read_file(path, seen, &err));
	const char *was = buf_text(seen, &err);
	assert_non_null(strstr(was, "\"n\":2"));
	/* the vault of before the third entry */
	snprintf(text, sizeof text, "%.*s\"n\":3}\n", (int)(strstr(was, "\"n\":") - was), was);
	must(io_write_file(path, text, strlen(text), 0600, &err));
	assert_null(lab_open(&lab, NULL, NULL, NULL, &err));
	assert_int_equal(err.code, ERR_FORK);
	/* another second entry */
	snprintf(text, sizeof text, "%s", was);
	char *hash = strstr(text, "\"hash\":\"") + 8;
	*hash = *hash == '0' ? '1' : '0';
	must(io_write_file(path, text, strlen(text), 0600, &err));
	assert_null(lab_open(&lab, NULL, NULL, NULL, &err));
	assert_int_equal(err.code, ERR_FORK);
	must(io_write_file(path, was, strlen(was), 0600, &err));
	must(lab_reopen(&lab, NULL, &err));
	nights(1);
}

static void a_writer_alone_cannot_restore_and_is_told_why(void **state)
{
	struct pages_image image = { .n = 0 };
	struct pages_sink sink = pages_sink_to(&image);
	struct restore_result result;
	(void)state;
	nights(1);
	AUTO(heads_entry) e = load(1);
	assert_non_null(e);
	assert_int_equal(restore_to_sink(lab.writer, &h.info, 1, NULL, &sink.base, NULL, &result, &err),
	                 ERR_KEY);
	assert_non_null(strstr(err.msg, "this machine holds only the writer key"));
	assert_non_null(strstr(err.hint, "recovery code"));
	assert_int_equal(image.n, 0);
	struct storekey k;
	assert_int_equal(vault_open_epoch(lab.writer, h.info.writer, h.info.store, 1, &k, &err), ERR_KEY);
}

/* ---- storage that takes its time ---- */

enum { LEDGER_CALLS = 4 };   /* its checkpoint is read; two tiles and the next checkpoint are put */

static unsigned long calls_of_a_night(const char *url)
{
	faulty_reset(url);
	must(history_backup(&h, &err));
	return faulty_calls(url);
}

static void reopen_as(const char *rules)
{
	static char url[LAB_PATH + 32];
	snprintf(url, sizeof url, "faulty://%s/%s", rules, lab.url);
	const struct vault_options o = { .url = url, .state_dir = lab.state, .keys_dir = lab.keys,
	                                 .brief = true };
	vault_free(lab.writer);
	faulty_reset(url);
	lab.writer = vault_open(&o, &err);
	if (!lab.writer)
		fail_msg("%s", err.msg);
	lab_url = url;
}

static void a_night_asks_little_of_a_local_storage(void **state)
{
	(void)state;
	nights(2);
	reopen_as("");
	/* the store is listed, and doom marks are */
	assert_int_equal(calls_of_a_night(lab_url), 2 + LEDGER_CALLS);
	expect(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	assert_int_equal(h.result.seq, 2);
	/* and keys are listed, a pack is put, the store is listed again, a snapshot is put */
	change(0, 0, PAGE, 77);
	assert_int_equal(calls_of_a_night(lab_url), 6 + LEDGER_CALLS);
	expect(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	must(history_verify(&h, &err));
}

/* Over a network each of them is a round trip. */
static void a_night_asks_less_of_a_remote_storage(void **state)
{
	(void)state;
	nights(2);
	reopen_as("delay=1");
	/* of the store nothing is asked, and nothing is put */
	assert_int_equal(calls_of_a_night(lab_url), LEDGER_CALLS);
	expect(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	assert_int_equal(h.result.seq, 2);
	assert_int_equal(h.result.bytes_read, 0);
	/* keys are listed, a pack is put; the store is listed, and doom marks; the snapshot is put */
	change(0, 0, PAGE, 77);
	assert_int_equal(calls_of_a_night(lab_url), 5 + LEDGER_CALLS);
	expect(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	/* opening it: vault.json, and the charter listed and read; once they are known, listed */
	reopen_as("delay=1");
	unsigned long opening = faulty_calls(lab_url);
	reopen_as("delay=1");
	assert_int_equal(faulty_calls(lab_url), 1);
	assert_true(opening <= 3);
	must(history_verify(&h, &err));
	/* all of it is looked at when the store is read again */
	later_s = 8 * DAY;
	reopen_as("delay=1");
	assert_int_equal(faulty_calls(lab_url), 3);
	assert_true(calls_of_a_night(lab_url) > LEDGER_CALLS + 2);
	expect(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	assert_int_equal(h.result.seq, 4);
}

/* What the ledger does not prove is looked at, as ever. */
static void a_remote_storage_that_was_set_back_is_looked_at(void **state)
{
	(void)state;
	nights(2);
	char checkpoint[NAMES_MAX];
	names_log(checkpoint, h.info.writer, NAMES_CHECKPOINT);
	AUTO(buf) old = buf_new(LAB_OBJECT_MAX, &err);
	must(storage_get_all(vault_storage(lab.reader), checkpoint, old, &err));
	nights(1);
	must(storage_put(vault_storage(lab.reader), checkpoint, old->bytes, old->len, BACKEND_REPLACE,
	                 &err));
	remove_snapshot(3);
	reopen_as("delay=1");
	struct err warning = { 0 };
	h.options.warning = &warning;
	night(SNAPSHOT_FULL, ERR_FORK, "the vault is older than this machine remembers");
	h.options.warning = NULL;
	assert_int_equal(warning.code, ERR_FORK);
	assert_non_null(strstr(warning.msg, "set back"));
	/* from then on it is believed again */
	assert_int_equal(calls_of_a_night(lab_url), LEDGER_CALLS);
	expect(SNAPSHOT_UNCHANGED, ERR_NONE, "");
}

/* The checkpoint stands, but a snapshot or pack is gone: that is found when something is to be put on
 * top of it, or after a week at the latest. */
static void what_is_gone_behind_the_ledgers_back_is_found_before_anything_builds_on_it(void **state)
{
	(void)state;
	nights(2);
	remove_snapshot(2);
	reopen_as("delay=1");
	must(history_backup(&h, &err));
	expect(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	history_forget(&h, h.n - 1);
	change(0, 0, PAGE, 5);
	night(SNAPSHOT_FULL, ERR_FORK, "the vault is older than this machine remembers");
	remove_snapshot(3);
	later_s = 8 * DAY;
	night(SNAPSHOT_FULL, ERR_FORK, "the vault is older than this machine remembers");
	later_s = 0;
	nights(1);
	struct lab_names packs;
	char prefix[NAMES_MAX];
	must(lab_list(&lab, names_packs(prefix, h.info.writer, h.info.store), &packs, &err));
	for (size_t i = 0; i < packs.n; i++)
		must(lab_remove(&lab, packs.names[i], &err));
	free(packs.names);
	forget_all();
	change(0, 0, PAGE, 6);
	night(SNAPSHOT_FULL, ERR_ABSENT, "is gone from the vault");
}

static void hear(void *arg, enum ledger_severity severity, const struct err *problem)
{
	(void)severity;
	*(struct err *)arg = *problem;
}

/* Each snapshot is told of by an entry. */
static int ledger_is_whole(void)
{
	const struct ledger_verify_options o = { .problem = hear, .arg = &err };
	struct ledger_verify_result r;
	int rc = ledger_verify(lab.reader, &o, &r, &err);
	return rc ? rc : r.damages || r.forks ? err.code : 0;
}

/* A run that was killed behind its put has no entry: the ledger does not prove its stores. */
static void what_a_killed_run_put_is_looked_at(void **state)
{
	(void)state;
	nights(2);
	change(0, 0, PAGE, 7);
	reopen_as("delay=1,put=2:lost");
	assert_int_not_equal(history_backup(&h, &err), 0);
	assert_true(history_remember(&h, 3));
	reopen_as("delay=1");
	night(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	assert_int_equal(h.result.seq, 4);
	assert_int_equal(calls_of_a_night(lab_url), LEDGER_CALLS);
	must(ledger_is_whole());
}

static void a_snapshot_that_somebody_replaced_is_not_taken_for_ours(void **state)
{
	(void)state;
	char first[NAMES_MAX], second[NAMES_MAX];
	nights(2);
	names_snapshot(first, h.info.writer, h.info.store, 1);
	names_snapshot(second, h.info.writer, h.info.store, 2);
	AUTO(buf) object = buf_new(LAB_OBJECT_MAX, &err);
	assert_non_null(object);
	must(storage_get_all(vault_storage(lab.reader), first, object, &err));
	must(storage_put(vault_storage(lab.reader), second, object->bytes, object->len, BACKEND_REPLACE,
	                 &err));
	must(history_backup(&h, &err));
	expect(SNAPSHOT_FULL, ERR_CORRUPT, "the newest snapshot is damaged");
}

/* Where every call takes long, trailers and packs are asked for by several threads at once. */
static void a_remote_chain_comes_back(void **state)
{
	(void)state;
	char url[LAB_PATH + 32];
	snprintf(url, sizeof url, "faulty://delay=2/%s", lab.url);
	nights(1);
	for (size_t i = 0; i < 30; i++) {
		change(0, i * PAGE, PAGE + 100, i);
		must(history_backup(&h, &err));
	}
	const struct vault_options o = { .url = url };
	vault_free(lab.reader);
	lab.reader = vault_open(&o, &err);
	assert_non_null(lab.reader);
	must(vault_unlock(lab.reader, lab_passphrase, strlen(lab_passphrase), &err));
	must(history_verify(&h, &err));
}

/* ---- when a run reads, stores anew, or does nothing ---- */

static void an_unchanged_store_is_not_read(void **state)
{
	(void)state;
	nights(2);
	night(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	assert_true(h.result.bytes_read == 0 && h.result.packs == 0 && h.store.reads > 0);
	h.store.reads = 0;
	night(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	assert_int_equal(h.store.reads, 0);
	h.options.reread = true;
	night(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	assert_true(h.result.bytes_read > MIB && h.result.bytes_changed == 0);
	assert_int_equal(h.result.packs, 0);
	h.options.reread = false;
	/* a source that cannot tell */
	h.store.version = 0;
	night(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	assert_true(h.result.bytes_read > MIB);
	nights(2);
}

static void a_store_is_read_again_when_that_is_due(void **state)
{
	(void)state;
	nights(1);
	/* what the source does not see: the stamp stays */
	file(0)->bytes[12345] ^= 1;
	later_s = 6 * DAY;
	must(history_backup(&h, &err));
	expect(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	history_forget(&h, h.n - 1);
	later_s = 7 * DAY + 60;
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	assert_int_equal(h.result.bytes_changed, 512);
	h.spec.rehash_s = DAY;
	later_s += DAY / 2;
	night(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	assert_int_equal(h.result.bytes_read, 0);
	later_s += DAY;
	night(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	assert_true(h.result.bytes_read > MIB);
	/* a clock set back must not put it off for ever */
	later_s -= 30 * DAY;
	night(SNAPSHOT_UNCHANGED, ERR_NONE, "");
	assert_true(h.result.bytes_read > MIB);
}

static void a_full_is_taken_when_it_is_due_or_asked_for(void **state)
{
	(void)state;
	nights(2);
	h.spec.full_every_s = 30 * DAY;
	later_s = 29 * DAY;
	good_night();
	later_s = 31 * DAY;
	night(SNAPSHOT_FULL, ERR_NONE, "");
	assert_true(h.result.bytes_stored > MIB / 2);
	good_night();
	h.options.full = true;
	night(SNAPSHOT_FULL, ERR_NONE, "");
	AUTO(heads_entry) e = load(6);
	AUTO(heads_entry) before = load(5);
	for (uint32_t i = 0; i < e->head.n_packs; i++)
		for (uint32_t k = 0; k < before->head.n_packs; k++)
			assert_memory_not_equal(e->head.packs[i].id, before->head.packs[k].id, 32);
	h.options.full = false;
	nights(2);
}

static void dry(enum snapshot_kind kind, uint64_t seq)
{
	uint8_t vault[32], local[32], after[32];
	must(lab_print_vault(&lab, vault, &err));
	bool had_state = access(folder, F_OK) == 0;
	if (had_state)
		must(lab_print_folder(folder, local, &err));
	h.options.dry_run = true;
	must(history_backup(&h, &err));
	h.options.dry_run = false;
	assert_int_equal(h.result.kind, kind);
	assert_int_equal(h.result.seq, seq);
	must(lab_print_vault(&lab, after, &err));
	assert_memory_equal(vault, after, 32);
	if (!had_state)
		return;
	must(lab_print_folder(folder, after, &err));
	assert_memory_equal(local, after, 32);
}

static void a_dry_run_changes_nothing_and_foretells(void **state)
{
	(void)state;
	dry(SNAPSHOT_FULL, 1);
	assert_true(h.result.bytes_read > MIB);
	nights(2);
	change(0, 0, PAGE, 7);
	dry(SNAPSHOT_INCREMENTAL, 3);
	uint64_t changed = h.result.bytes_changed;
	assert_int_equal(changed, PAGE);
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	assert_int_equal(h.result.bytes_changed, changed);
	dry(SNAPSHOT_UNCHANGED, 4);
	h.options.full = true;
	dry(SNAPSHOT_FULL, 4);
	h.options.full = false;
	/* nor where the two do not agree, nor in front of what a killed run left */
	remove_snapshot(3);
	dry(SNAPSHOT_FULL, 4);
	assert_int_equal(h.result.warning.code, ERR_FORK);
	night(SNAPSHOT_FULL, ERR_FORK, "");
	change(0, 0, PAGE, 8);
	failing_run(2, "io");
	must(history_verify(&h, &err));
	nights(1);
}

/* ---- several at once ---- */

static enum err_code second_code;
static char second_words[sizeof err.msg];

static void second_backs_up(void *arg)
{
	struct err why = { 0 };
	struct backup_result r;
	(void)arg;
	h.store.on_read = NULL;
	second_code = (enum err_code)backup_run(lab.writer, &h.spec, 1, &h.options, &r, &why);
	snprintf(second_words, sizeof second_words, "%s", why.msg);
}

static void a_second_backup_of_one_store_is_turned_away(void **state)
{
	(void)state;
	nights(1);
	change(0, 0, PAGE, 7);
	h.store.on_read = second_backs_up;
	night(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
	assert_int_equal(second_code, ERR_BUSY);
	assert_non_null(strstr(second_words, "crm: a backup by pid"));
	nights(1);
}

/* Stores whose path is a small file are backed up by several threads. */
static void many_stores_at_once_do_not_mix(void **state)
{
	enum { STORES = 6, ROUNDS = 4 };
	static struct history all[STORES];
	static struct backup_store specs[STORES];
	struct backup_result results[STORES];
	char path[STORES][FOLDER], name[STORES][16];
	(void)state;
	for (unsigned i = 0; i < STORES; i++) {
		snprintf(path[i], FOLDER, "%.200s/store-%u", lab.dir, i);
		snprintf(name[i], sizeof name[i], "tenant %u", i);
		must(io_write_file(path[i], "", 0, 0600, &err));
		assert_true(history_begin(&all[i], &lab, path[i]));
		all[i].spec.source.name = name[i];
		all[i].info = lab_store(&lab, name[i]);
		add_noise(&all[i].store.now, "t.db", 300 * 1024 + i * 512, i);
		specs[i] = all[i].spec;
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		must(backup_run(lab.writer, specs, STORES, &h.options, results, &err));
		for (unsigned i = 0; i < STORES; i++) {
			assert_int_equal(results[i].seq, round + 1);
			assert_true(history_remember(&all[i], results[i].seq));
			must(history_verify(&all[i], &err));
			pages_noise(all[i].store.now.files[0].bytes + 1000 * round, 2000, 7 * round + i);
		}
	}
	/* one that fails keeps no other back */
	all[2].store.fail_read = 1;
	assert_int_equal(backup_run(lab.writer, specs, STORES, &h.options, results, &err), ERR_SOURCE);
	for (unsigned i = 0; i < STORES; i++)
		assert_int_equal(results[i].err.code, i == 2 ? ERR_SOURCE : ERR_NONE);
	for (unsigned i = 0; i < STORES; i++)
		history_end(&all[i]);
}

/* ---- evacuation ---- */

static void a_month_of_churn_keeps_what_a_restore_fetches_within_bounds(void **state)
{
	uint64_t evacuated = 0, all = 0;
	(void)state;
	nights(1);
	AUTO(heads_entry) first = load(1);
	for (uint32_t i = 0; i < first->head.n_packs; i++)
		all += first->head.packs[i].size;
	for (unsigned n = 2; n <= 30; n++) {
		for (unsigned k = 0; k < 12; k++)
			change(0, ((n * 97 + k * 31) % 250) * PAGE, PAGE, n * 100 + k);
		must(history_backup(&h, &err));
		expect(SNAPSHOT_INCREMENTAL, ERR_NONE, "");
		evacuated += h.result.bytes_evacuated;
		AUTO(heads_entry) e = load(n);
		uint64_t listed = 0;
		for (uint32_t i = 0; i < e->head.n_packs; i++)
			listed += e->head.packs[i].size;
		if (listed >= all * 17 / 10)
			fail_msg("night %u: %" PRIu64 " of %" PRIu64, n, listed, all);
		history_verify_one(&h, &h.moments[h.n - 1], &err);
	}
	assert_true(evacuated > 0);
	must(history_verify(&h, &err));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_old_state_is_told_and_followed_by_a_full),
		CASE(a_vault_rolled_back_is_told_and_followed_by_a_full),
		CASE(a_roll_back_is_told_again_after_a_run_that_failed),
		CASE(all_snapshots_gone_are_told),
		CASE(another_snapshot_under_our_number_is_told),
		CASE(a_lost_state_costs_a_full_and_no_word),
		CASE(the_state_of_another_vault_is_not_taken),
		CASE(the_state_of_another_store_is_not_taken),
		CASE(a_cloned_host_is_told_each_time_and_loses_nothing),
		CASE(a_snapshot_that_takes_our_number_meanwhile_is_a_fork),
		CASE(a_base_pack_that_is_gone_gives_a_full),
		CASE(a_base_pack_gone_is_noticed_though_nothing_changed),
		CASE(a_base_pack_gone_is_noticed_by_a_resumed_run),
		CASE(a_doomed_base_pack_gives_a_full),
		CASE(a_base_pack_of_another_length_gives_a_full),
		CASE(a_stored_pack_that_is_gone_is_not_reused),
		CASE(a_flipped_bit_in_the_arrays_gives_a_full),
		CASE(arrays_cut_short_or_gone_give_a_full),
		CASE(arrays_of_a_file_that_is_gone_are_verified_too),
		CASE(arrays_of_another_night_give_a_full),
		CASE(a_damaged_base_gives_a_full_and_an_absent_one_too),
		CASE(a_damaged_base_is_told_again_after_a_run_that_failed),
		CASE(a_snapshot_whose_acknowledgement_was_lost_is_taken_up),
		CASE(a_crash_amid_bringing_the_state_up_to_date_is_repeated),
		CASE(a_snapshot_that_was_not_put_is_made_again_with_the_same_packs),
		CASE(a_killed_full_is_continued_by_a_full),
		CASE(units_turned_back_meanwhile_are_those_of_the_base),
		CASE(a_file_that_grows_back_in_a_resumed_run_has_new_units),
		CASE(a_journal_torn_at_any_byte_harms_nothing),
		CASE(a_journal_of_another_session_is_not_taken),
		CASE(many_files_are_committed_and_resumed),
		CASE(an_epoch_whose_key_is_gone_is_followed_by_another),
		CASE(an_epoch_whose_key_is_damaged_is_followed_by_another),
		CASE(a_lost_key_is_told_again_after_a_run_that_failed),
		CASE(the_key_of_an_older_epoch_in_use_is_missed_too),
		CASE(a_due_rotation_starts_an_epoch_and_all_epochs_restore),
		CASE(a_key_file_of_another_vault_opens_nothing),
		CASE(a_charter_that_is_not_the_one_seen_last_is_a_fork),
		CASE(a_writer_alone_cannot_restore_and_is_told_why),
		CASE(a_night_asks_little_of_a_local_storage),
		CASE(a_night_asks_less_of_a_remote_storage),
		CASE(a_remote_storage_that_was_set_back_is_looked_at),
		CASE(what_is_gone_behind_the_ledgers_back_is_found_before_anything_builds_on_it),
		CASE(what_a_killed_run_put_is_looked_at),
		CASE(a_snapshot_that_somebody_replaced_is_not_taken_for_ours),
		CASE(a_remote_chain_comes_back),
		CASE(an_unchanged_store_is_not_read),
		CASE(a_store_is_read_again_when_that_is_due),
		CASE(a_full_is_taken_when_it_is_due_or_asked_for),
		CASE(a_dry_run_changes_nothing_and_foretells),
		CASE(a_second_backup_of_one_store_is_turned_away),
		CASE(many_stores_at_once_do_not_mix),
		CASE(a_month_of_churn_keeps_what_a_restore_fetches_within_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
