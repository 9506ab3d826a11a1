/*
 * A check finds every kind of damage and names the object; a restore from a damaged vault gives the
 * right bytes or none.
 */
#include "vault_make.h"

#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "crypto/slot.h"
#include "engine/check_packs.h"
#include "format/head.h"
#include "format/names.h"
#include "holdfast/backup.h"
#include "holdfast/check.h"
#include "holdfast/restore.h"
#include "vault/storage.h"

enum { OBJECTS_MAX = 32, OBJECT_CAP = 4 << 20 };

/* Positions tried in a larger object, and steps in a small one: fewer where sanitizers slow it down. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { SAMPLES = 5, STRIDE = 7 };
#else
enum { SAMPLES = 16, STRIDE = 1 };
#endif

static struct made made;
static struct err err;
static char database[SCRATCH_MAX + 20], target[SCRATCH_MAX + 20];

/* A store with its two snapshots, and what the database held at each. */
static struct kept {
	struct store_info info;
	struct buf *image[2];
} crm, shop;

struct object {
	char name[NAMES_MAX];
	struct buf *bytes;
};
static struct object objects[OBJECTS_MAX];
static size_t n_objects;

/* ---- a small vault ---- */

static void sql(const char *text)
{
	sqlite3 *db;
	char *why = NULL;
	assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	sqlite3_close(db);
}

static void back_up(struct vault *v, const char *name, bool full)
{
	struct backup_store s = { .source = { .type = "sqlite", .name = name, .path = database } };
	struct backup_options o = { .full = full };
	struct backup_result r;
	if (backup_run(v, &s, 1, &o, &r, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(r.warning.code, ERR_NONE);
}

static struct buf *read_file(const char *path)
{
	struct buf *b = buf_new(OBJECT_CAP, &err);
	if (!b || io_read_file(path, b, &err) != 0)
		fail_msg("%s", err.msg);
	return b;
}

static void name_store(struct kept *k, const char *name)
{
	memcpy(k->info.writer, vault_keyfile(made.vault)->id, 16);
	vault_store_id(made.vault, name, k->info.store);
	k->info.name = name;
}

static void make_store(struct kept *k, const char *name)
{
	name_store(k, name);
	sql("drop table if exists customer; create table customer(id integer primary key, name, note);"
	    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)"
	    "insert into customer select i, hex(randomblob(20)), hex(randomblob(20)) from n");
	back_up(made.vault, name, false);
	k->image[0] = read_file(database);
	sql("update customer set note = hex(randomblob(20)) where id % 50 = 7");
	back_up(made.vault, name, false);
	k->image[1] = read_file(database);
}

static int take_object(void *arg, const struct backend_object *o, struct err *e)
{
	(void)arg, (void)e;
	if (strstr(o->name, "/log/"))
		return 0;   /* `ledger verify` looks at these: test_ledger_edits */
	assert_true(n_objects < OBJECTS_MAX);
	struct object *to = &objects[n_objects++];
	snprintf(to->name, sizeof to->name, "%s", o->name);
	to->bytes = buf_new(OBJECT_CAP, &err);
	return storage_get_all(vault_storage(made.vault), o->name, to->bytes, &err);
}

static void take_objects(void)
{
	n_objects = 0;
	if (storage_list(vault_storage(made.vault), "", take_object, NULL, &err) != 0)
		fail_msg("%s", err.msg);
}

static int set_up(void **state)
{
	(void)state;
	make_vault(&made, "memory://test-check");
	snprintf(database, sizeof database, "%s/crm.db", made.folder);
	snprintf(target, sizeof target, "%s/out", made.folder);
	make_store(&crm, "crm");
	make_store(&shop, "shop");
	take_objects();
	return 0;
}

static void drop_store(struct kept *k)
{
	buf_free(k->image[0]);
	buf_free(k->image[1]);
}

static int tear_down(void **state)
{
	(void)state;
	drop_store(&crm);
	drop_store(&shop);
	for (size_t i = 0; i < n_objects; i++)
		buf_free(objects[i].bytes);
	drop_vault(&made);
	return 0;
}

/* ---- damaging it ---- */

static void put(const char *name, const void *bytes, size_t len)
{
	if (storage_put(vault_storage(made.vault), name, bytes, len, BACKEND_REPLACE, &err) != 0)
		fail_msg("%s", err.msg);
}

static void discard(const char *name)
{
	if (storage_remove(vault_storage(made.vault), name, &err) != 0)
		fail_msg("%s", err.msg);
}

static void put_back(const struct object *o)
{
	put(o->name, o->bytes->bytes, o->bytes->len);
}

static void put_flipped(const struct object *o, size_t at)
{
	o->bytes->bytes[at] ^= (uint8_t)(1u << (at % 8));
	put_back(o);
	o->bytes->bytes[at] ^= (uint8_t)(1u << (at % 8));
}

static bool is_in(const struct object *o, const char *part)
{
	return strstr(o->name, part) != NULL;
}

static struct object *first_in(const char *part)
{
	for (size_t i = 0; i < n_objects; i++)
		if (is_in(&objects[i], part))
			return &objects[i];
	fail_msg("no object in %s", part);
	return NULL;
}

static size_t step(const struct object *o)
{
	return o->bytes->len <= SAMPLES ? 1 : o->bytes->len / SAMPLES;
}

/* ---- looking at it ---- */

struct heard {
	const char *about;       /* text that problems are looked through for */
	unsigned problems, named;
	char all[4000];
};

static void hear(void *arg, const struct err *problem)
{
	struct heard *h = arg;
	size_t len = strlen(h->all);
	h->problems++;
	h->named += strstr(problem->msg, h->about) != NULL;
	assert_true(problem->code < 0);
	assert_null(strchr(problem->msg, '\n'));
	snprintf(h->all + len, sizeof h->all - len, "%s\n", problem->msg);
}

static const char *tail(const char *name)
{
	const char *slash = strrchr(name, '/');
	return slash && strlen(slash) > 60 ? slash + 1 : name;   /* packs go by their id alone */
}

static struct check_result check_one(struct vault *v, const struct store_info *store,
                                     bool read_data, struct heard *h)
{
	struct check_options o = { .read_data = read_data };
	struct check_result r;
	if (check_run(v, store, &o, hear, h, &r, &err) != 0)
		fail_msg("%s", err.msg);
	return r;
}

/* The vault, and both stores: what 'holdfast check' does. */
static struct heard check_everything(struct vault *v, bool read_data, const char *about)
{
	struct heard h = { .about = about };
	unsigned problems = (unsigned)check_one(v, NULL, read_data, &h).problems;
	problems += (unsigned)check_one(v, &crm.info, read_data, &h).problems;
	problems += (unsigned)check_one(v, &shop.info, read_data, &h).problems;
	assert_int_equal(problems, h.problems);
	return h;
}

/* A slot opens only with its passphrase: what a look at it cannot tell, unlocking does. */
static bool unlocks(void)
{
	struct vault_options o = { .url = made.url, .keys_dir = made.keys };
	AUTO(vault) v = vault_open(&o, &err);
	return v && vault_unlock(v, vault_pass, sizeof vault_pass - 1, &err) == 0;
}

static void expect_named(const struct object *o, const char *about, const char *what, size_t at)
{
	struct heard h = check_everything(made.vault, true, about);
	bool is_there = strcmp(what, "deletion") != 0;
	if (h.named > 0 || (is_there && is_in(o, NAMES_SLOTS) && !unlocks()))
		return;
	fail_msg("%s of %s at %zu: not named; heard: %s", what, o->name, at, h.all);
}

static struct buf *restored(const struct kept *k, uint64_t seq)
{
	struct restore_options o = { .to = target };
	struct restore_result r;
	if (restore_snapshot(made.vault, &k->info, seq, &o, &r, &err) != 0)
		return NULL;
	return read_file(r.target);
}

/* No file under a name that does not begin with a dot. */
static bool left_nothing(void)
{
	bool nothing = true;
	DIR *d = opendir(target);
	for (struct dirent *e; d && (e = readdir(d)) != NULL;)
		nothing &= e->d_name[0] == '.';
	if (d)
		closedir(d);
	return nothing;
}

/* True: the right bytes came back; false: none did. Anything else fails the test. */
static bool restores(const struct kept *k, uint64_t seq, const char *what)
{
	struct buf *b = restored(k, seq);
	const struct buf *image = k->image[seq - 1];
	bool right = b && b->len == image->len && memcmp(b->bytes, image->bytes, b->len) == 0;
	if (b && !right)
		fail_msg("%s: wrong bytes were restored", what);
	if (!b && !left_nothing())
		fail_msg("%s: a failed restore left a file", what);
	buf_free(b);
	scratch_remove(target);
	return right;
}

static bool belongs_to(const struct object *o, const struct kept *k)
{
	char id[33];
	return is_in(o, hex_encode(id, k->info.store, 16));
}

/* What belongs to one store is not looked at when the other one is restored. */
static void restores_or_fails(const struct object *o)
{
	const struct kept *k = belongs_to(o, &shop) ? &shop : &crm;
	restores(k, 1, o->name);
	restores(k, 2, o->name);
}

/* ---- tests ---- */

static void a_whole_vault_has_no_problems(void **state)
{
	struct heard h = { .about = "" };
	(void)state;
	struct check_result r = check_one(made.vault, &crm.info, true, &h);
	assert_string_equal(h.all, "");
	assert_int_equal(r.problems, 0);
	assert_int_equal(r.snapshots, 2);
	assert_int_equal(r.packs, 2);
	assert_int_equal(r.packs_read, 2);
	assert_int_equal(r.unreferenced, 0);
	assert_true(r.decrypted);
	assert_true(r.bytes_read > crm.image[0]->len / 3);
	r = check_one(made.vault, &crm.info, false, &h);
	assert_int_equal(r.packs_read, 0);
	r = check_one(made.vault, NULL, true, &h);
	assert_int_equal(r.problems, 0);
	assert_true(restores(&crm, 1, "whole") && restores(&crm, 2, "whole"));
	assert_true(restores(&shop, 1, "whole") && restores(&shop, 2, "whole"));
}

static void every_flipped_byte_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_objects; i++) {
		const struct object *o = &objects[i];
		for (size_t at = 0; at < o->bytes->len; at += step(o)) {
			put_flipped(o, at);
			expect_named(o, tail(o->name), "flip", at);
			restores_or_fails(o);
		}
		put_flipped(o, o->bytes->len - 1);
		expect_named(o, tail(o->name), "flip", o->bytes->len - 1);
		put_back(o);
	}
}

static void a_cut_off_object_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_objects; i++) {
		const struct object *o = &objects[i];
		for (size_t len = 0; len < o->bytes->len; len += step(o) * 6) {
			put(o->name, o->bytes->bytes, len);
			expect_named(o, tail(o->name), "cut", len);
			restores_or_fails(o);
		}
		put(o->name, o->bytes->bytes, o->bytes->len - 1);
		expect_named(o, tail(o->name), "cut", o->bytes->len - 1);
		put_back(o);
	}
}

static void bytes_behind_the_end_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_objects; i++) {
		const struct object *o = &objects[i];
		AUTO(buf) longer = buf_new(OBJECT_CAP, &err);
		assert_int_equal(buf_append(longer, o->bytes->bytes, o->bytes->len, &err), 0);
		assert_int_equal(buf_append(longer, "x", 1, &err), 0);
		put(o->name, longer->bytes, longer->len);
		expect_named(o, tail(o->name), "longer", 0);
		restores_or_fails(o);
		put_back(o);
	}
}

/* Objects that could be mistaken for one another; 0: like no other. */
static int kind(const struct object *o)
{
	return is_in(o, "/packs/") ? 1 : is_in(o, "/snapshots/") ? 2 : is_in(o, NAMES_KEYS) ? 3
	     : strcmp(o->name, NAMES_FORMAT) == 0 || strcmp(o->name, NAMES_RECOVERY) == 0 ? 4 : 0;
}

static void a_swapped_object_is_found(void **state)
{
	unsigned swaps = 0;
	(void)state;
	for (size_t i = 0; i < n_objects; i++)
		for (size_t j = 0; j < n_objects; j++) {
			const struct object *o = &objects[i], *other = &objects[j];
			if (i <= j || kind(o) == 0 || kind(o) != kind(other))
				continue;
			put(o->name, other->bytes->bytes, other->bytes->len);
			put(other->name, o->bytes->bytes, o->bytes->len);
			expect_named(o, tail(o->name), "swap", j);
			expect_named(other, tail(other->name), "swap", i);
			restores_or_fails(o);
			restores_or_fails(other);
			put_back(o);
			put_back(other);
			swaps++;
		}
	assert_int_equal(swaps, 6 + 6 + 1 + 1);
}

/* Snapshots that are not the newest may be deleted: that is what expiring them is. */
static bool may_vanish(const struct object *o)
{
	return is_in(o, "/snapshots/00000001");
}

static void a_deleted_object_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_objects; i++) {
		const struct object *o = &objects[i];
		discard(o->name);
		const char *about = is_in(o, NAMES_SLOTS) ? NAMES_SLOTS : tail(o->name);
		if (!may_vanish(o))
			expect_named(o, about, "deletion", 0);
		restores_or_fails(o);
		put_back(o);
	}
}

static void problems_name_snapshots_and_files(void **state)
{
	struct heard h = { .about = "affects snapshots 1 to 2, file 'crm.db'" };
	char old[NAMES_MAX];
	(void)state;
	/* the first pack is the larger one: both snapshots need it */
	const struct object *large = NULL;
	hex_encode(old, crm.info.store, 16);
	for (size_t i = 0; i < n_objects; i++)
		if (is_in(&objects[i], old) && is_in(&objects[i], "/packs/") &&
		    (!large || objects[i].bytes->len > large->bytes->len))
			large = &objects[i];
	put_flipped(large, 1000);
	check_one(made.vault, &crm.info, true, &h);
	if (h.named == 0)
		fail_msg("heard: %s", h.all);
	discard(large->name);
	h = (struct heard){ .about = "is not in the vault; affects snapshots 1 to 2, file 'crm.db'" };
	check_one(made.vault, &crm.info, false, &h);
	if (h.named == 0)
		fail_msg("heard: %s", h.all);
	put_back(large);
}

static void a_lost_key_is_two_problems(void **state)
{
	char id[33];
	const struct object *o = NULL;
	(void)state;
	for (size_t i = 0; i < n_objects; i++)
		if (is_in(&objects[i], NAMES_KEYS) && belongs_to(&objects[i], &crm))
			o = &objects[i];
	discard(o->name);
	struct heard h = { .about = hex_encode(id, crm.info.store, 16) };
	check_one(made.vault, &crm.info, true, &h);
	if (h.problems != 2 || !strstr(h.all, "; 1 more pack likewise; ") ||
	    !strstr(h.all, "affects snapshots 1 to 2"))
		fail_msg("heard: %s", h.all);
	/* a store without any key is in no list of stores: the vault's own check names it */
	h = (struct heard){ .about = "its keys are gone" };
	check_one(made.vault, NULL, false, &h);
	assert_int_equal(h.named, 1);
	put_back(o);
}

/* Signed by the writer, and still not what belongs there. */
static unsigned problems_with_key(const struct object *o, const struct storekey *k,
                                  const uint8_t recipient[32])
{
	struct heard h = { .about = o->name };
	AUTO(buf) bytes = buf_new(STOREKEY_MAX_BYTES, &err);
	assert_int_equal(storekey_encode(k, recipient, vault_psk(made.vault),
	                                 vault_keyfile(made.vault)->record_sk->bytes, bytes, &err), 0);
	put(o->name, bytes->bytes, bytes->len);
	check_one(made.vault, NULL, false, &h);
	put_back(o);
	assert_int_equal(h.named, h.problems);
	return h.named;
}

static void a_key_object_that_is_another_is_found(void **state)
{
	const struct object *o = first_in(NAMES_KEYS);
	const struct kept *mine = belongs_to(o, &crm) ? &crm : &shop;
	const uint8_t *recovery = vault_charter(made.vault)->recovery;
	struct storekey right = { .epoch = 1 }, k;
	uint8_t pk[32], sk[32];
	(void)state;
	memcpy(right.vault, vault_id(made.vault), 16);
	memcpy(right.writer, mine->info.writer, 16);
	memcpy(right.store, mine->info.store, 16);
	snprintf(right.name, sizeof right.name, "%s", mine->info.name);
	seal_keypair(right.pk, right.sk);
	seal_keypair(pk, sk);
	assert_int_equal(problems_with_key(o, &right, recovery), 0);
	assert_int_equal(problems_with_key(o, &right, pk), 1);   /* sealed to nobody */
	k = right;
	k.epoch = 2;
	assert_int_equal(problems_with_key(o, &k, recovery), 1);
	k = right;
	k.store[0] ^= 1;
	assert_int_equal(problems_with_key(o, &k, recovery), 1);
	k = right;
	k.vault[0] ^= 1;
	assert_int_equal(problems_with_key(o, &k, recovery), 1);
	k = right;
	k.sk[7] ^= 1;                                            /* not of its public key */
	assert_int_equal(problems_with_key(o, &k, recovery), 1);
	k = right;
	snprintf(k.name, sizeof k.name, "another");
	assert_int_equal(problems_with_key(o, &k, recovery), 1);
}

/* Without the secret: signatures, links, presence, lengths, hashes, and names of snapshots. */
static void a_locked_check_finds_what_hashes_tell(void **state)
{
	(void)state;
	AUTO(vault) locked = must_open_vault(&made, false);
	struct heard h = check_everything(locked, true, "");
	assert_string_equal(h.all, "");
	for (size_t i = 0; i < n_objects; i++) {
		const struct object *o = &objects[i];
		if (is_in(o, NAMES_SLOTS))
			continue;
		for (size_t at = 0; at < o->bytes->len; at += step(o)) {
			put_flipped(o, at);
			h = check_everything(locked, true, tail(o->name));
			if (h.named == 0)
				fail_msg("flip of %s at %zu; heard: %s", o->name, at, h.all);
		}
		put(o->name, o->bytes->bytes, o->bytes->len - 1);
		h = check_everything(locked, false, tail(o->name));
		if (h.named == 0)
			fail_msg("%s cut off; heard: %s", o->name, h.all);
		put_back(o);
	}
}

static void every_byte_of_small_objects_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_objects; i++) {
		const struct object *o = &objects[i];
		bool in_vault = is_in(o, NAMES_KEYS) || is_in(o, NAMES_CHARTERS) || is_in(o, ".json");
		if ((!in_vault && !is_in(o, "/snapshots/")) || belongs_to(o, &shop))
			continue;
		for (size_t at = 0; at < o->bytes->len; at += STRIDE) {
			struct heard h = { .about = o->name };
			put_flipped(o, at);
			check_one(made.vault, in_vault ? NULL : &crm.info, false, &h);
			if (h.named == 0)
				fail_msg("flip of %s at %zu; heard: %s", o->name, at, h.all);
		}
		put_back(o);
	}
}

static void a_slot_is_looked_at_without_its_passphrase(void **state)
{
	const struct object *o = first_in(NAMES_SLOTS);
	(void)state;
	/* magic, version, reserved, passes and memory out of bounds */
	static const size_t head[] = { 0, 7, 8, 9, 10, 11, 14, 15, 19 };
	for (size_t i = 0; i < sizeof head / sizeof *head; i++) {
		struct heard h = { .about = o->name };
		put_flipped(o, head[i]);
		check_one(made.vault, NULL, false, &h);
		if (h.named != 1)
			fail_msg("byte %zu; heard: %s", head[i], h.all);
	}
	put_back(o);
}

static void strange_objects_are_reported(void **state)
{
	char in_packs[NAMES_MAX], in_snapshots[NAMES_MAX], zero[NAMES_MAX], other[] =
		"00000000000000000000000000000000/00000000000000000000000000000000/packs/x";
	const char *const names[] = { "notes.txt", "keys/x", "charter/2", "slots/1234",
	                              "charter/00000002.bak", other, in_packs, in_snapshots, zero };
	(void)state;
	snprintf(in_packs, sizeof in_packs, "%sx",
	         names_packs(zero, crm.info.writer, crm.info.store));
	snprintf(in_snapshots, sizeof in_snapshots, "%s000000001",
	         names_snapshots(zero, crm.info.writer, crm.info.store));
	snprintf(zero, sizeof zero, "%.33sdoomed/1234", in_packs);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *about = names[i] == other ? "00000000000000000000000000000000/" : names[i];
		put(names[i], "x", 1);
		struct heard h = check_everything(made.vault, false, about);
		if (h.named == 0)
			fail_msg("%s was not reported; heard: %s", names[i], h.all);
		discard(names[i]);
	}
}

static void what_the_design_allows_is_not_reported(void **state)
{
	char prefix[NAMES_MAX], id[33], name[NAMES_MAX];
	static const char *const tails[] = { "log/checkpoint", "log/tile/0/000", "drills/1/report.json",
	                                     "%s/wal/000001", "%s/seals/1" };
	(void)state;
	names_writer(prefix, crm.info.writer);
	hex_encode(id, crm.info.store, 16);
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		const char *inner = strncmp(tails[i], "%s", 2) == 0 ? tails[i] + 2 : NULL;
		snprintf(name, sizeof name, "%.40s%s%s", prefix, inner ? id : "",
		         inner ? inner : tails[i]);
		put(name, "x", 1);
		struct heard h = check_everything(made.vault, false, "");
		assert_string_equal(h.all, "");
		discard(name);
	}
}

static void a_doomed_pack_in_use_is_reported(void **state)
{
	const struct object *o = first_in("/packs/");
	char name[NAMES_MAX], prefix[NAMES_MAX];
	(void)state;
	snprintf(name, sizeof name, "%.60s%.100s", names_doomed(prefix, crm.info.writer), tail(o->name));
	put(name, "x", 1);
	struct heard h = check_everything(made.vault, false, tail(o->name));
	assert_int_equal(h.named, 1);
	assert_non_null(strstr(h.all, "marked for deletion"));
	discard(name);
}

static void left_overs_are_counted_and_are_no_problem(void **state)
{
	char name[NAMES_MAX];
	uint8_t id[32] = { 1 };
	struct heard h = { .about = "" };
	(void)state;
	names_pack(name, crm.info.writer, crm.info.store, id);
	put(name, "left over", 9);
	struct check_result r = check_one(made.vault, &crm.info, true, &h);
	assert_string_equal(h.all, "");
	assert_int_equal(r.unreferenced, 1);
	assert_int_equal(r.packs, 2);
	discard(name);
}

static void all_days_together_read_every_pack(void **state)
{
	unsigned chosen[7] = { 0 }, never = 0, same = 0;
	(void)state;
	for (unsigned p = 0; p < 1000; p++) {
		uint8_t id[32];
		bool any = false;
		hash_plain(id, &p, sizeof p);
		for (unsigned day = 0; day < 7; day++) {
			bool c = check_packs_chosen(id, 20000 + day, 30);
			chosen[day] += c;
			any |= c;
		}
		same += check_packs_chosen(id, 20000, 30) == check_packs_chosen(id, 20001, 30);
		never += !any;
		assert_true(check_packs_chosen(id, 5, 100) && check_packs_chosen(id, 5, 0));
	}
	for (unsigned day = 0; day < 7; day++)
		assert_in_range(chosen[day], 230, 370);
	assert_in_range(never, 40, 130);       /* 0.7 to the seventh: 82 */
	assert_in_range(same, 500, 660);       /* 0.58 of them */
}

static void a_stop_ends_the_check(void **state)
{
	volatile sig_atomic_t stop = 1;
	struct progress progress = { .stop = &stop };
	struct check_options o = { .read_data = true, .progress = &progress };
	struct check_result r;
	struct heard h = { .about = "" };
	(void)state;
	assert_int_equal(check_run(made.vault, &crm.info, &o, hear, &h, &r, &err), ERR_STOPPED);
	assert_int_equal(h.problems, 0);
}

/* ---- hashes and signatures right, contents not: a writer that errs ---- */

/* Sign the snapshot anew over another list of packs. */
static void relist(uint64_t seq, void (*change)(struct head *))
{
	char name[NAMES_MAX];
	struct head_parts parts;
	struct head head;
	AUTO(buf) old = buf_new(OBJECT_CAP, &err);
	AUTO(buf) new = buf_new(OBJECT_CAP, &err);
	names_snapshot(name, crm.info.writer, crm.info.store, seq);
	assert_int_equal(storage_get_all(vault_storage(made.vault), name, old, &err), 0);
	assert_int_equal(head_split(&parts, old->bytes, old->len, &err), 0);
	assert_int_equal(head_decode(&head, &parts, &err), 0);
	change(&head);
	assert_int_equal(head_encode(&head, parts.body, parts.body_len,
	                             vault_keyfile(made.vault)->record_sk->bytes, new, &err), 0);
	head_clear(&head);
	put(name, new->bytes, new->len);
}

static void drop_first(struct head *h)
{
	memmove(h->packs, h->packs + 1, --h->n_packs * sizeof *h->packs);
}

static void turn_round(struct head *h)
{
	struct head_pack first = h->packs[0];
	assert_int_equal(h->n_packs, 2);
	h->packs[0] = h->packs[1];
	h->packs[1] = first;
}

static void expect_told(uint64_t seq, void (*change)(struct head *), const char *what)
{
	struct heard h = { .about = what };
	relist(seq, change);
	check_one(made.vault, &crm.info, true, &h);
	if (h.named == 0)
		fail_msg("'%s' was not said; heard: %s", what, h.all);
	assert_false(restores(&crm, seq, what));
	for (size_t i = 0; i < n_objects; i++)
		if (belongs_to(&objects[i], &crm) && is_in(&objects[i], "/snapshots/"))
			put_back(&objects[i]);
}

static void contents_are_held_against_the_snapshot(void **state)
{
	(void)state;
	expect_told(2, drop_first, "snapshot 2: file 'crm.db'");
	expect_told(1, drop_first, "snapshot 1: file 'crm.db'");
	/* the older pack wins: all units are there, but not the newest ones */
	expect_told(2, turn_round, "snapshot 2: file 'crm.db'");
}

/* ---- a file tree ---- */

static struct kept tree;
static const char *const tree_files[] = { "big", "below/small", "below/empty" };

static const char *in(const char *folder, const char *name)
{
	static char path[SCRATCH_MAX + 300];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void write_file(const char *folder, const char *name, size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	assert_non_null(bytes);
	randombytes_buf(bytes, len);
	assert_int_equal(io_write_file(in(folder, name), bytes, len, 0644, &err), 0);
	free(bytes);
}

static void back_up_tree(const char *folder)
{
	struct backup_store s = { .source = { .type = "files", .name = "tree", .path = folder } };
	struct backup_options o = { .full = false };
	struct backup_result r;
	if (backup_run(made.vault, &s, 1, &o, &r, &err) != 0)
		fail_msg("%s", err.msg);
}

static void make_tree(char folder[SCRATCH_MAX + 20])
{
	snprintf(folder, SCRATCH_MAX + 20, "%s/tree", made.folder);
	assert_int_equal(io_make_dirs(in(folder, "below"), 0700, &err), 0);
	write_file(folder, "big", 400000);
	write_file(folder, "below/small", 1000);
	write_file(folder, "below/empty", 0);
	name_store(&tree, "tree");
	back_up_tree(folder);
	write_file(folder, "below/small", 1001);
	back_up_tree(folder);
}

/* What is there is right; what is not there was reported. */
static void restore_tree(const char *folder, const struct object *o)
{
	struct restore_options options = { .to = target };
	struct restore_result r;
	int rc = restore_snapshot(made.vault, &tree.info, 2, &options, &r, &err);
	for (size_t i = 0; i < sizeof tree_files / sizeof *tree_files; i++) {
		if (access(in(target, tree_files[i]), F_OK) != 0) {
			assert_int_not_equal(rc, 0);
			continue;
		}
		AUTO(buf) got = read_file(in(target, tree_files[i]));
		AUTO(buf) want = read_file(in(folder, tree_files[i]));
		if (got->len != want->len || memcmp(got->bytes, want->bytes, got->len) != 0)
			fail_msg("%s: wrong bytes in %s", o ? o->name : "whole", tree_files[i]);
	}
	if (!o)
		assert_int_equal(rc, 0);
	scratch_remove(target);
}

static void damage_tree(const char *folder, const struct object *o)
{
	for (size_t at = 0; at < o->bytes->len; at += step(o)) {
		struct heard h = { .about = tail(o->name) };
		put_flipped(o, at);
		check_one(made.vault, &tree.info, true, &h);
		if (h.named == 0)
			fail_msg("flip of %s at %zu; heard: %s", o->name, at, h.all);
		restore_tree(folder, o);
	}
	put_back(o);
}

static void files_of_a_tree_are_named(const struct object *big)
{
	struct heard h = { .about = "file 'big'" };
	discard(big->name);
	check_one(made.vault, &tree.info, false, &h);
	if (h.named == 0)
		fail_msg("heard: %s", h.all);
	put_back(big);
}

static void a_file_tree_is_checked_too(void **state)
{
	char folder[SCRATCH_MAX + 20];
	struct heard h = { .about = "" };
	const struct object *big = NULL;
	(void)state;
	make_tree(folder);
	for (size_t i = 0; i < n_objects; i++)
		buf_free(objects[i].bytes);
	take_objects();
	assert_int_equal(check_one(made.vault, &tree.info, true, &h).problems, 0);
	assert_string_equal(h.all, "");
	restore_tree(folder, NULL);
	for (size_t i = 0; i < n_objects; i++) {
		const struct object *o = &objects[i];
		if (!belongs_to(o, &tree) || is_in(o, NAMES_KEYS))
			continue;
		damage_tree(folder, o);
		if (!big || o->bytes->len > big->bytes->len)
			big = o;
	}
	files_of_a_tree_are_named(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_vault_has_no_problems),
		cmocka_unit_test(every_flipped_byte_is_found),
		cmocka_unit_test(every_byte_of_small_objects_counts),
		cmocka_unit_test(a_cut_off_object_is_found),
		cmocka_unit_test(bytes_behind_the_end_are_found),
		cmocka_unit_test(a_swapped_object_is_found),
		cmocka_unit_test(a_deleted_object_is_found),
		cmocka_unit_test(problems_name_snapshots_and_files),
		cmocka_unit_test(a_lost_key_is_two_problems),
		cmocka_unit_test(a_key_object_that_is_another_is_found),
		cmocka_unit_test(a_locked_check_finds_what_hashes_tell),
		cmocka_unit_test(a_slot_is_looked_at_without_its_passphrase),
		cmocka_unit_test(strange_objects_are_reported),
		cmocka_unit_test(what_the_design_allows_is_not_reported),
		cmocka_unit_test(a_doomed_pack_in_use_is_reported),
		cmocka_unit_test(left_overs_are_counted_and_are_no_problem),
		cmocka_unit_test(all_days_together_read_every_pack),
		cmocka_unit_test(a_stop_ends_the_check),
		cmocka_unit_test(contents_are_held_against_the_snapshot),
		cmocka_unit_test(a_file_tree_is_checked_too),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
