/*
 * Nothing in a vault's metadata can be changed unnoticed: random edits of a vault with two keys, each of
 * which `ledger verify` must find, on a machine that verified it once before.
 *
 *   HOLDFAST_TEST_EDITS=N   so many edits (10000; a tenth of it with HOLDFAST_TEST_SHORT=1)
 *
 * What is no subject here: packs, keys/, slots/ and the bodies of snapshots, which `check` looks at;
 * texts; charters that a newer one contains; partial tiles that a larger one has replaced.
 */
#include "ledger_make.h"

#include "base/wire.h"
#include "crypto/sha256.h"
#include "vault/tlog.h"

enum { STORES = 3, NIGHTS = 6, EDITS = 10000, TIMES_MAX = 64 };

static struct lab lab;
static struct err err;
static struct vault *drill;

/* ---- the vault as it is, and as it was ---- */

struct object { char name[NAMES_MAX]; uint8_t *bytes; size_t len; };
struct picture { struct object *list; size_t n; };

static struct picture now, past[TIMES_MAX];
static size_t times;

static struct backend *storage(void) { return vault_storage(lab.reader); }

static struct picture take(void)
{
	struct lab_names names;
	struct picture p = { 0 };
	assert_int_equal(lab_list(&lab, "", &names, &err), 0);
	p.list = calloc(names.n + 1, sizeof *p.list);
	for (size_t i = 0; i < names.n; i++) {
		struct object *o = &p.list[p.n++];
		AUTO(buf) b = buf_new(LAB_OBJECT_MAX, &err);
		snprintf(o->name, sizeof o->name, "%s", names.names[i]);
		assert_int_equal(storage_get_all(storage(), o->name, b, &err), 0);
		o->bytes = malloc(b->len + 1);
		o->len = b->len;
		if (b->len)
			memcpy(o->bytes, b->bytes, b->len);
	}
	free(names.names);
	return p;
}

static void drop(struct picture *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->list[i].bytes);
	free(p->list);
}

static void put(const char *name, const void *bytes, size_t len)
{
	assert_int_equal(storage_put(storage(), name, bytes, len, BACKEND_REPLACE, &err), 0);
}

static const struct object *find(const struct picture *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->list[i].name, name) == 0)
			return &p->list[i];
	return NULL;
}

/* ---- what happened in it ---- */

static void night(unsigned number)
{
	struct backup_store stores[STORES] = { 0 };
	struct backup_result results[STORES];
	char paths[STORES][LAB_PATH], names[STORES][16], command[STORES][64];
	const struct backup_options options = { .warning = &err };
	err.code = ERR_NONE;
	for (int i = 0; i < STORES; i++) {
		snprintf(paths[i], sizeof paths[i], "%s/data", lab.dir);
		snprintf(names[i], sizeof names[i], "store%d", i);
		snprintf(command[i], sizeof command[i], "echo store %d night %u", i, number);
		stores[i].source = (struct source_options){ .name = names[i], .type = "command",
		                                            .path = NULL, .command = command[i] };
	}
	struct err why = { 0 };
	if (backup_run(lab.writer, stores, STORES, &options, results, &why) != 0)
		fail_msg("%s", why.msg);
	if (err.code != ERR_NONE)
		fail_msg("%s", err.msg);
}

static void hold_drill(unsigned number, enum entry_verdict verdict)
{
	char name[NAMES_MAX], prefix[NAMES_MAX], report[100], hex[33];
	struct entry e = { .kind = ENTRY_DRILL_STARTED, .time_s = (uint64_t)time(NULL) };
	memset(e.drill, (int)number + 1, sizeof e.drill);
	assert_int_equal(ledger_write(drill, &e, &err), 0);
	size_t len = (size_t)snprintf(report, sizeof report, "{\"drill\":%u,\"verdict\":\"%s\"}", number,
	                              entry_verdict_word(verdict));
	snprintf(name, sizeof name, "%.60s%s/report.json", names_drills(prefix, vault_keyfile(drill)->id),
	         hex_encode(hex, e.drill, 16));
	put(name, report, len);
	e.kind = ENTRY_DRILL_FINISHED;
	e.verdict = verdict;
	sha256(e.report, report, len);
	assert_int_equal(ledger_write(drill, &e, &err), 0);
	assert_int_equal(ledger_write_seen(drill, &err), 0);
}

/* A run whose list is an object of its own: what the others did once more. */
static int collect(void *arg, const struct ledger_line *line, struct err *e)
{
	struct entry *into = arg, entry;
	assert_int_equal(entry_decode(&entry, (const uint8_t *)line->json, line->json_len, e), 0);
	for (size_t i = 0; i < entry.n_items; i++)
		into->items[into->n_items++] = entry.items[i];
	entry_clear(&entry);
	return 0;
}

static void write_long_run(void)
{
	struct entry_item items[STORES * NIGHTS * 4];
	struct entry e = { .kind = ENTRY_ADOPTED, .time_s = 1, .items = items };
	const struct ledger_show_options all = { .key = "lab" };
	assert_int_equal(ledger_show(lab.writer, &all, collect, &e, &err), 0);
	assert_true(e.n_items > ENTRY_INLINE_MAX);
	AUTO(ledger) l = ledger_open(lab.writer, &err);
	assert_int_equal(ledger_put_items(l, &e, &err), 0);
	assert_int_equal(ledger_append(l, &e, 1, &err), 0);
}

static int make(void **state)
{
	(void)state;
	if (lab_begin(&lab, "memory", &err) != 0)
		return -1;
	drill = enroll(&lab, "drill", ROLE_DRILL);
	past[times++] = take();
	for (unsigned i = 0; i < NIGHTS; i++) {
		night(i);
		past[times++] = take();
		hold_drill(i, i == 2 ? VERDICT_FAILED : VERDICT_PASSED);
		past[times++] = take();
	}
	write_long_run();
	now = take();
	return 0;
}

static int end(void **state)
{
	(void)state;
	drop(&now);
	while (times > 0)
		drop(&past[--times]);
	vault_free(drill);
	lab_end(&lab);
	return 0;
}

/* ---- the judge ---- */

/* The machine that verified once: it has a state folder and no key. */
static bool is_noticed(char text[2000])
{
	char state[LAB_PATH + 20], keys[LAB_PATH + 20];
	struct err why = { 0 };
	snprintf(state, sizeof state, "%s/auditor", lab.dir);
	snprintf(keys, sizeof keys, "%s/none", lab.dir);
	struct vault *v = lab_open(&lab, NULL, state, keys, &why);
	if (!v) {
		snprintf(text, 2000, "%s", why.msg);
		return true;
	}
	struct verdict r = verify(v);
	vault_free(v);
	snprintf(text, 2000, "%s", r.text);
	return r.rc != 0 || r.found.damages || r.found.forks || r.found.notes;
}

/* ---- edits ---- */

static uint64_t seed = 88172645463325252u;

static size_t dice(size_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (size_t)(seed % n);
}

static bool has(const char *name, const char *part) { return strstr(name, part) != NULL; }

/* Is it metadata that counts today? */
static bool counts(const struct object *o)
{
	static char newest[NAMES_MAX];
	struct note note;
	struct tile t;
	uint8_t key[16];
	char hex[33];
	names_charter(newest, 3);
	if (strcmp(o->name, NAMES_ANCHOR) == 0 || strcmp(o->name, newest) == 0)
		return true;
	if (has(o->name, "/snapshots/") || has(o->name, "/runs/") || has(o->name, "/drills/") ||
	    has(o->name, "/log/checkpoint"))
		return true;
	const char *tile = strstr(o->name, "/log/tile/");
	if (!tile || !tiles_parse(tile + 5, &t))
		return false;
	snprintf(hex, sizeof hex, "%.32s", o->name);
	assert_true(hex_decode(key, 16, hex));
	assert_int_equal(tlog_checkpoint(lab.writer, key, &note, NULL, &err), 0);
	return tiles_of(note.size, t.level, t.n).width == t.width;
}

static size_t *subjects, n_subjects;

static const struct object *any(void) { return &now.list[subjects[dice(n_subjects)]]; }

/* Objects that an edit touches, to be put back. */
static const char *touched[400];
static size_t n_touched;

static void touch(const char *name) { touched[n_touched++] = name; }

static void put_back(void)
{
	struct err ignored;
	while (n_touched > 0) {
		const char *name = touched[--n_touched];
		const struct object *o = find(&now, name);
		if (o)
			put(name, o->bytes, o->len);
		else
			storage_remove(storage(), name, &ignored);
	}
}

/* Each returns false if nothing changed by it. */

static bool edit_remove(void)
{
	const struct object *o = any();
	touch(o->name);
	return storage_remove(storage(), o->name, &err) == 0;
}

/* Bodies and their length are for `check` to look at. */
static size_t length_that_counts(const struct object *o)
{
	if (!has(o->name, "/snapshots/"))
		return o->len;
	return 16 + ((size_t)o->bytes[8] | (size_t)o->bytes[9] << 8 | (size_t)o->bytes[10] << 16) + 64;
}

static bool edit_flip(void)
{
	const struct object *o = any();
	size_t at = dice(length_that_counts(o));
	if (has(o->name, "/snapshots/") && at >= 12 && at < 16)
		return false;
	uint8_t *copy = malloc(o->len);
	memcpy(copy, o->bytes, o->len);
	copy[at] ^= (uint8_t)(1u << dice(8));
	touch(o->name);
	put(o->name, copy, o->len);
	free(copy);
	return true;
}

static bool edit_cut(void)
{
	const struct object *o = any();
	touch(o->name);
	put(o->name, o->bytes, dice(length_that_counts(o)));
	return true;
}

/* An older content of the same name. */
static bool edit_replay(void)
{
	const struct object *o = any(), *old = find(&past[dice(times)], o->name);
	if (!old || (old->len == o->len && memcmp(old->bytes, o->bytes, o->len) == 0))
		return false;
	touch(o->name);
	put(o->name, old->bytes, old->len);
	return true;
}

/* What lies under two names, exchanged: between stores, nights, logs. */
static bool edit_swap(void)
{
	const struct object *a = any(), *b = any();
	if (a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0)
		return false;
	touch(a->name);
	touch(b->name);
	put(a->name, b->bytes, b->len);
	put(b->name, a->bytes, a->len);
	return true;
}

/* One over another. */
static bool edit_overwrite(void)
{
	const struct object *a = any(), *b = any();
	if (a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0)
		return false;
	touch(a->name);
	put(a->name, b->bytes, b->len);
	return true;
}

/* Digits of a time, wherever one stands. */
static bool edit_date(void)
{
	static const char mark[] = "\"time\":1";
	const struct object *o = any();
	const uint8_t *at = memmem(o->bytes, length_that_counts(o), mark, sizeof mark - 1);
	if (!at)
		return false;
	uint8_t *copy = malloc(o->len);
	memcpy(copy, o->bytes, o->len);
	uint8_t *digit = copy + (at - o->bytes) + sizeof mark - 1 + dice(9);
	*digit = (uint8_t)('0' + (*digit - '0' + 1 + (int)dice(9)) % 10);
	touch(o->name);
	put(o->name, copy, o->len);
	free(copy);
	return true;
}

/* Two entries of a tile change places, or one of them goes. */
static bool edit_reorder(void)
{
	const struct object *o = any();
	const uint8_t *entries[TILES_WIDTH];
	size_t lens[TILES_WIDTH], n = 0;
	if (!has(o->name, "/tile/entries/"))
		return false;
	struct wire w = wire_over(o->bytes, o->len);
	while (tiles_next_entry(&w, &entries[n], &lens[n]))
		n++;
	size_t a = dice(n), b = dice(n);
	if (lens[a] == lens[b] && memcmp(entries[a], entries[b], lens[a]) == 0)
		b = n;   /* leave a out */
	AUTO(buf) copy = buf_new(TILES_BUNDLE_MAX, &err);
	for (size_t i = 0; i < n; i++) {
		size_t from = i == a ? b : i == b ? a : i;
		if (from < n)
			assert_int_equal(tiles_add_entry(copy, entries[from], lens[from], &err), 0);
	}
	touch(o->name);
	put(o->name, copy->bytes, copy->len);
	return true;
}

/* All that one key has of a kind, as it was once: gone, or set back. */
static bool edit_set_back(void)
{
	static const char *const kinds[] = { "/log/", "/snapshots/", "/drills/", "/" };
	const struct vault *who = dice(2) ? lab.writer : drill;
	const char *kind = kinds[dice(4)];
	const struct picture *to = &past[dice(times)];
	char prefix[NAMES_MAX];
	bool changed = false;
	names_writer(prefix, vault_keyfile(who)->id);
	for (size_t i = 0; i < now.n; i++) {
		const struct object *o = &now.list[i], *old = find(to, o->name);
		if (strncmp(o->name, prefix, strlen(prefix)) != 0 || !has(o->name, kind))
			continue;
		if (old && old->len == o->len && memcmp(old->bytes, o->bytes, o->len) == 0)
			continue;
		touch(o->name);
		changed = true;
		if (old)
			put(o->name, old->bytes, old->len);
		else
			assert_int_equal(storage_remove(storage(), o->name, &err), 0);
	}
	return changed;
}

/* The whole vault as it was: only who remembers can tell. */
static bool edit_set_all_back(void)
{
	const struct picture *to = &past[dice(times)];
	for (size_t i = 0; i < now.n; i++) {
		const struct object *o = &now.list[i], *old = find(to, o->name);
		if (old && old->len == o->len && memcmp(old->bytes, o->bytes, o->len) == 0)
			continue;
		touch(o->name);
		if (old)
			put(o->name, old->bytes, old->len);
		else
			assert_int_equal(storage_remove(storage(), o->name, &err), 0);
	}
	return n_touched > 0;
}

static const struct { const char *name; bool (*edit)(void); } edits[] = {
	{ "remove", edit_remove }, { "flip", edit_flip }, { "cut", edit_cut }, { "replay", edit_replay },
	{ "swap", edit_swap }, { "overwrite", edit_overwrite }, { "date", edit_date },
	{ "reorder", edit_reorder }, { "set back", edit_set_back }, { "set all back", edit_set_all_back },
};
enum { KINDS = sizeof edits / sizeof *edits };

static unsigned wanted(void)
{
	const char *n = getenv("HOLDFAST_TEST_EDITS");
	if (n)
		return (unsigned)strtoul(n, NULL, 10);
	return getenv("HOLDFAST_TEST_SHORT") ? EDITS / 10 : EDITS;
}

static void no_edit_goes_unnoticed(void **state)
{
	char text[2000];
	unsigned done[KINDS] = { 0 };
	(void)state;
	subjects = calloc(now.n, sizeof *subjects);
	for (size_t i = 0; i < now.n; i++)
		if (counts(&now.list[i]))
			subjects[n_subjects++] = i;
	if (is_noticed(text))
		fail_msg("before any edit: %s", text);
	for (unsigned n = wanted(); n > 0;) {
		size_t kind = dice(KINDS);
		if (!edits[kind].edit()) {
			put_back();
			continue;
		}
		if (!is_noticed(text))
			fail_msg("%s of %s and %zu more went unnoticed", edits[kind].name, touched[0],
			         n_touched - 1);
		put_back();
		done[kind]++;
		n--;
	}
	if (is_noticed(text))
		fail_msg("after all edits: %s", text);
	for (size_t i = 0; i < KINDS; i++) {
		print_message("%s: %u found\n", edits[i].name, done[i]);
		assert_true(done[i] > 0);
	}
	free(subjects);
}

/* ---- a failed drill ---- */

static void remove_all(const char *part, const uint8_t key[16])
{
	char prefix[NAMES_MAX];
	names_writer(prefix, key);
	for (size_t i = 0; i < now.n; i++)
		if (strncmp(now.list[i].name, prefix, strlen(prefix)) == 0 && has(now.list[i].name, part)) {
			touch(now.list[i].name);
			assert_int_equal(storage_remove(storage(), now.list[i].name, &err), 0);
		}
}

static void a_failed_drill_cannot_be_hidden(void **state)
{
	static const char *const parts[] = { "/drills/03030303", "/log/tile/entries/", "/log/tile/", "/log/",
	                                     "/" };
	char text[2000];
	(void)state;
	assert_false(is_noticed(text));
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		remove_all(parts[i], vault_keyfile(drill)->id);
		if (!is_noticed(text))
			fail_msg("%s", parts[i]);
		if (i == 0)
			assert_non_null(strstr(text, "its report is gone; it said 'failed'"));
		put_back();
	}
	assert_false(is_noticed(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_drill_cannot_be_hidden),
		cmocka_unit_test(no_edit_goes_unnoticed),
	};
	return cmocka_run_group_tests(tests, make, end);
}
