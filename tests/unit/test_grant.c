#include "machines.h"

#include <stdlib.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "format/names.h"
#include "holdfast/grant.h"

struct place {
	struct sample_vault v;   /* db1 with the stores crm and shop, root at hand */
	struct machine drill;    /* drill1 */
	struct grant_store crm, shop;
};

static void fill(struct place *p, struct grant_store *s, const char *name)
{
	memcpy(s->writer, vault_keyfile(p->v.vault)->id, 16);
	vault_store_id(p->v.vault, name, s->store);
}

static int set_up(void **state)
{
	struct err err;
	struct vault_epoch e;
	struct place *p = calloc(1, sizeof *p);
	assert_non_null(p);
	sample_make(&p->v, "memory://vault");
	must(vault_make_epoch(p->v.vault, "crm", 1, &e, &err));
	must(vault_make_epoch(p->v.vault, "crm", 2, &e, &err));
	must(vault_make_epoch(p->v.vault, "shop", 1, &e, &err));
	fill(p, &p->crm, "crm");
	fill(p, &p->shop, "shop");
	machine_enrol(&p->drill, &p->v, ROLE_DRILL, "drill1");
	sample_unlock_root(&p->v);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	machine_drop(&p->drill);
	sample_drop(&p->v);
	free(p);
	return 0;
}

static void grant(struct place *p, const struct grant_store *s, size_t n, bool all,
                  struct grant_result *r)
{
	struct err err;
	must(grant_stores(p->v.vault, "drill1", s, n, all, r, &err));
	machine_open(&p->drill);
}

static int open_epoch(const struct place *p, const struct grant_store *s, uint32_t epoch,
                      struct storekey *k, struct err *err)
{
	return vault_open_epoch(p->drill.vault, s->writer, s->store, epoch, k, err);
}

static void a_granted_store_can_be_read_and_no_other(void **state)
{
	struct place *p = *state;
	struct err err;
	struct storekey k, by_root;
	struct grant_result r;
	struct vault_abilities a;
	assert_int_equal(open_epoch(p, &p->crm, 1, &k, &err), ERR_KEY);
	grant(p, &p->crm, 1, false, &r);
	assert_int_equal(r.stores, 1);
	assert_int_equal(r.keys, 2);
	assert_int_equal(r.keys_before, 0);
	for (uint32_t epoch = 1; epoch <= 2; epoch++) {
		must(open_epoch(p, &p->crm, epoch, &k, &err));
		must(vault_open_epoch(p->v.vault, p->crm.writer, p->crm.store, epoch, &by_root, &err));
		assert_memory_equal(k.sk, by_root.sk, 32);
		assert_string_equal(k.name, "crm");
	}
	assert_int_equal(open_epoch(p, &p->shop, 1, &k, &err), ERR_KEY);
	assert_non_null(strstr(err.msg, "not granted to this machine (drill1)"));
	assert_non_null(strstr(err.hint, "key grant drill1"));
	assert_true(vault_reads_store(p->drill.vault, p->crm.writer, p->crm.store));
	assert_false(vault_reads_store(p->drill.vault, p->shop.writer, p->shop.store));
	assert_false(vault_can_read(p->drill.vault));
	vault_abilities(p->drill.vault, &a);
	assert_int_equal(a.read, READS_GRANTED);
}

/* Not because the program asks the charter: the key does not open it. */
static void a_stolen_box_key_opens_no_other_store(void **state)
{
	struct place *p = *state;
	struct err err;
	struct storekey k;
	struct grant_result r;
	uint8_t recipient[16];
	char name[NAMES_MAX];
	grant(p, &p->crm, 1, false, &r);
	seal_key_id(recipient, vault_charter(p->v.vault)->recovery);
	AUTO(buf) b = buf_new(STOREKEY_MAX_BYTES, &err);
	names_key(name, p->shop.writer, p->shop.store, 1, recipient);
	must(vault_read_key(p->drill.vault, name, &k, b, &err));
	assert_int_equal(storekey_open(&k, b->bytes, b->len, vault_keyfile(p->drill.vault)->box_sk->bytes,
	                               vault_psk(p->drill.vault), &err), ERR_KEY);
	/* nor is there an object of shop for it */
	seal_key_id(recipient, vault_self(p->drill.vault)->box);
	assert_int_equal(vault_read_key(p->drill.vault,
	                                names_key(name, p->shop.writer, p->shop.store, 1, recipient), &k, b,
	                                &err), ERR_ABSENT);
}

static void what_is_sealed_for_one_store_opens_no_other(void **state)
{
	struct place *p = *state;
	struct err err;
	struct storekey k;
	struct grant_result r;
	uint8_t recipient[16];
	char name[NAMES_MAX];
	const struct grant_store both[] = { p->shop, p->crm };
	grant(p, both, 2, false, &r);
	assert_int_equal(r.keys, 3);
	seal_key_id(recipient, vault_self(p->drill.vault)->box);
	AUTO(buf) b = buf_new(STOREKEY_MAX_BYTES, &err);
	must(storage_get_all(vault_storage(p->v.vault),
	                     names_key(name, p->crm.writer, p->crm.store, 1, recipient), b, &err));
	must(storage_put(vault_storage(p->v.vault),
	                 names_key(name, p->shop.writer, p->shop.store, 1, recipient), b->bytes, b->len,
	                 BACKEND_REPLACE, &err));
	assert_int_equal(open_epoch(p, &p->shop, 1, &k, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, name));
}

static void new_epochs_are_sealed_to_every_grant(void **state)
{
	struct place *p = *state;
	struct err err;
	struct storekey k;
	struct grant_result r;
	uint8_t mine[32];
	struct vault_epoch e;
	grant(p, &p->crm, 1, false, &r);
	vault_free(p->v.vault);
	sample_open(&p->v);      /* the writer, without any passphrase */
	must(vault_make_epoch(p->v.vault, "crm", 3, &e, &err));
	must(vault_make_epoch(p->v.vault, "shop", 2, &e, &err));
	must(open_epoch(p, &p->crm, 3, &k, &err));
	seal_public(mine, k.sk);
	assert_memory_equal(mine, k.pk, 32);
	assert_int_equal(open_epoch(p, &p->shop, 2, &k, &err), ERR_KEY);
	must(vault_newest_epoch(p->v.vault, p->crm.store, 1, NULL, &e, &err));
	assert_int_equal(e.number, 3);
	assert_true(e.whole && e.granted);
}

/* A run that had opened the vault before the grant makes an epoch that lacks it. */
static void an_epoch_that_was_not_passed_on_is_noticed(void **state)
{
	struct place *p = *state;
	struct err err;
	struct storekey k;
	struct grant_result r;
	struct vault_epoch e;
	AUTO(vault) before = vault_open(&p->v.options, &err);
	grant(p, &p->crm, 1, false, &r);
	must(vault_make_epoch(before, "crm", 3, &e, &err));
	assert_int_equal(open_epoch(p, &p->crm, 3, &k, &err), ERR_KEY);
	assert_non_null(strstr(err.msg, "epoch 3 was not sealed"));
	assert_non_null(strstr(err.hint, "key grant drill1"));
	/* the writer sees it at its next run, and whoever repeats the grant mends it */
	must(vault_newest_epoch(p->v.vault, p->crm.store, 1, NULL, &e, &err));
	assert_true(e.whole);
	assert_false(e.granted);
	grant(p, &p->crm, 1, false, &r);
	assert_int_equal(r.keys, 1);
	must(open_epoch(p, &p->crm, 3, &k, &err));
	must(vault_newest_epoch(p->v.vault, p->crm.store, 1, NULL, &e, &err));
	assert_true(e.granted);
}

static void an_epoch_that_is_shredded_is_absent(void **state)
{
	struct place *p = *state;
	struct err err;
	struct storekey k;
	struct grant_result r;
	grant(p, &p->crm, 1, false, &r);
	assert_int_equal(open_epoch(p, &p->crm, 9, &k, &err), ERR_ABSENT);
}

static void granting_again_changes_nothing(void **state)
{
	struct place *p = *state;
	struct grant_result r;
	grant(p, &p->crm, 1, false, &r);
	uint64_t n = vault_charter(p->v.vault)->n;
	grant(p, &p->crm, 1, false, &r);
	assert_int_equal(r.stores, 0);
	assert_int_equal(r.keys, 0);
	assert_int_equal(r.keys_before, 2);
	assert_int_equal(vault_charter(p->v.vault)->n, n);
	const struct grant_store twice[] = { p->shop, p->crm };
	grant(p, twice, 2, false, &r);
	assert_int_equal(r.stores, 1);
	assert_int_equal(r.keys, 1);
}

static void what_another_granted_meanwhile_is_not_granted_again(void **state)
{
	struct place *p = *state;
	struct err err;
	struct grant_result r;
	AUTO(vault) stale = vault_open(&p->v.options, &err);
	vault_keep_root(stale);
	must(vault_unlock(stale, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), &err));
	grant(p, &p->crm, 1, false, &r);
	uint64_t n = vault_charter(p->v.vault)->n;
	must(grant_stores(stale, "drill1", &p->crm, 1, false, &r, &err));
	assert_int_equal(r.stores, 0);
	assert_int_equal(vault_charter(stale)->n, n);
}

static void everything_is_also_what_comes_later(void **state)
{
	struct place *p = *state;
	struct err err;
	struct storekey k;
	struct grant_result r;
	struct grant_store later;
	struct vault_epoch e;
	grant(p, NULL, 0, true, &r);
	assert_int_equal(r.keys, 3);
	must(open_epoch(p, &p->shop, 1, &k, &err));
	assert_true(grant_covers_all(p->v.vault, "drill1"));
	assert_false(grant_covers_all(p->v.vault, "db1"));
	must(vault_make_epoch(p->v.vault, "later", 1, &e, &err));
	fill(p, &later, "later");
	must(open_epoch(p, &later, 1, &k, &err));
	assert_string_equal(k.name, "later");
	grant(p, NULL, 0, true, &r);
	assert_int_equal(r.keys, 0);
}

static void granting_takes_root(void **state)
{
	struct place *p = *state;
	struct err err;
	struct grant_result r;
	vault_free(p->v.vault);
	sample_open(&p->v);
	assert_int_equal(grant_stores(p->v.vault, "drill1", &p->crm, 1, false, &r, &err), ERR_KEY);
	sample_unlock(&p->v);   /* reads, but the root key was not kept */
	assert_int_equal(grant_stores(p->v.vault, "drill1", &p->crm, 1, false, &r, &err), ERR_KEY);
	assert_int_equal(vault_charter(p->v.vault)->n, 3);
}

static void only_readers_are_granted_anything(void **state)
{
	struct place *p = *state;
	struct err err;
	struct grant_result r;
	assert_int_equal(grant_stores(p->v.vault, "db1", &p->crm, 1, false, &r, &err), ERR_INVALID);
	assert_int_equal(grant_stores(p->v.vault, "drill9", &p->crm, 1, false, &r, &err), ERR_ABSENT);
	assert_string_not_equal(err.hint, "");
	assert_int_equal(vault_charter(p->v.vault)->n, 3);
}

static void more_stores_than_an_entry_holds_take_several(void **state)
{
	struct place *p = *state;
	struct grant_result r;
	enum { MANY = 2 * CHARTER_GRANT_MAX + 1 };
	struct grant_store *many = calloc(MANY, sizeof *many);
	assert_non_null(many);
	for (uint32_t i = 0; i < MANY; i++) {
		many[i] = p->crm;
		memcpy(many[i].store, &i, 4);
	}
	uint64_t n = vault_charter(p->v.vault)->n;
	grant(p, many, MANY, false, &r);
	assert_int_equal(r.stores, MANY);
	assert_int_equal(vault_charter(p->v.vault)->n, n + 3);
	for (uint32_t i = 0; i < MANY; i++)
		assert_true(vault_reads_store(p->drill.vault, many[i].writer, many[i].store));
	free(many);
}

static int note(void *arg, const struct store_info *info, struct err *err)
{
	(void)err;
	strcat(arg, info->name ? info->name : "?");
	strcat(arg, " ");
	return 0;
}

static void names_are_those_of_granted_stores(void **state)
{
	struct place *p = *state;
	struct err err;
	struct grant_result r;
	char text[100] = "";
	must(vault_stores(p->drill.vault, NULL, note, text, &err));
	assert_string_equal(text, "? ? ");
	grant(p, &p->crm, 1, false, &r);
	text[0] = '\0';
	must(vault_stores(p->drill.vault, NULL, note, text, &err));
	assert_true(strcmp(text, "crm ? ") == 0 || strcmp(text, "? crm ") == 0);
}

/* A drill's key signs a store key for a store of its own. */
static void a_machine_that_is_no_writer_makes_no_store_keys(void **state)
{
	struct place *p = *state;
	struct err err;
	const struct keyfile *key = vault_keyfile(p->drill.vault);
	struct storekey k = { .epoch = 1, .name = "crm" };
	uint8_t recipient[16];
	char name[NAMES_MAX];
	memcpy(k.vault, vault_id(p->v.vault), 16);
	memcpy(k.writer, key->id, 16);
	seal_keypair(k.pk, k.sk);
	AUTO(buf) b = buf_new(STOREKEY_MAX_BYTES, &err);
	must(storekey_encode(&k, vault_charter(p->v.vault)->recovery, vault_psk(p->drill.vault),
	                     key->record_sk->bytes, b, &err));
	seal_key_id(recipient, vault_charter(p->v.vault)->recovery);
	names_key(name, key->id, k.store, 1, recipient);
	must(storage_put(vault_storage(p->v.vault), name, b->bytes, b->len, BACKEND_NEW, &err));
	buf_clear(b);
	assert_int_equal(vault_read_key(p->v.vault, name, &k, b, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "no writer"));
}

int main(void)
{
	crypto_start();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_granted_store_can_be_read_and_no_other),
		TEST(a_stolen_box_key_opens_no_other_store),
		TEST(what_is_sealed_for_one_store_opens_no_other),
		TEST(new_epochs_are_sealed_to_every_grant),
		TEST(an_epoch_that_was_not_passed_on_is_noticed),
		TEST(an_epoch_that_is_shredded_is_absent),
		TEST(granting_again_changes_nothing),
		TEST(what_another_granted_meanwhile_is_not_granted_again),
		TEST(everything_is_also_what_comes_later),
		TEST(granting_takes_root),
		TEST(only_readers_are_granted_anything),
		TEST(more_stores_than_an_entry_holds_take_several),
		TEST(names_are_those_of_granted_stores),
		TEST(a_machine_that_is_no_writer_makes_no_store_keys),
	};
	return cmocka_run_group_tests_name("grant", tests, NULL, NULL);
}
