#include "sample_vault.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "format/names.h"
#include "vault/heads.h"
#include "vault/inventory.h"
#include "vault/texts.h"

static int set_up(void **state)
{
	struct sample_vault *v = malloc(sizeof *v);
	assert_non_null(v);
	sample_make(v, "memory://vault");
	*state = v;
	return 0;
}

static int tear_down(void **state)
{
	sample_drop(*state);
	free(*state);
	return 0;
}

static struct buf *object(const struct sample_vault *v, const char *name)
{
	struct err err;
	struct buf *b = buf_new(1 << 20, &err);
	must(storage_get_all(vault_storage(v->vault), name, b, &err));
	return b;
}

static void put(const struct sample_vault *v, const char *name, const void *data, size_t len)
{
	struct err err;
	must(storage_put(vault_storage(v->vault), name, data, len, BACKEND_REPLACE, &err));
}

/* Opening anew must fail like this; the message names what it is about. */
static void assert_opens_not(const struct sample_vault *v, enum err_code code, const char *named)
{
	struct err err = { 0 };
	AUTO(vault) again = vault_open(&v->options, &err);
	assert_null(again);
	if (err.code != code || !strstr(err.msg, named))
		fail_msg("%d: %s", err.code, err.msg);
}

static void assert_opens(const struct sample_vault *v)
{
	struct err err;
	AUTO(vault) again = vault_open(&v->options, &err);
	if (!again)
		fail_msg("%s", err.msg);
}

/* ---- init ---- */

static int list_name(void *arg, const struct backend_object *o, struct err *err)
{
	(void)err;
	strcat(arg, o->name);
	strcat(arg, " ");
	return 0;
}

static void a_new_vault_holds_what_the_format_lists(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	char names[1000] = "";
	must(storage_list(vault_storage(v->vault), "", list_name, names, &err));
	assert_non_null(strstr(names, "vault.json "));
	assert_non_null(strstr(names, "charter/00000002 "));
	assert_non_null(strstr(names, "slots/"));
	assert_non_null(strstr(names, "RECOVERY.txt "));
	assert_non_null(strstr(names, "FORMAT.md "));
	unsigned n = 0;
	for (const char *p = names; *p; p++)
		n += *p == ' ';
	assert_int_equal(n, 5);
}

static void the_texts_are_those_that_vault_json_vouches_for(void **state)
{
	struct sample_vault *v = *state;
	uint8_t hash[32];
	AUTO(buf) format = object(v, "FORMAT.md");
	AUTO(buf) recovery = object(v, "RECOVERY.txt");
	hash_plain(hash, format->bytes, format->len);
	assert_memory_equal(hash, vault_anchor(v->vault)->format_md, 32);
	hash_plain(hash, recovery->bytes, recovery->len);
	assert_memory_equal(hash, vault_anchor(v->vault)->recovery_txt, 32);
	size_t len;
	assert_memory_equal(format->bytes, texts_format(&len), format->len);
	assert_int_equal(len, format->len);
	assert_non_null(memmem(recovery->bytes, recovery->len, vault_fingerprint(v->vault), 39));
}

static void its_handle_says_what_it_is(void **state)
{
	struct sample_vault *v = *state;
	char hex[33];
	assert_string_equal(vault_url(v->vault), "memory://vault");
	assert_string_equal(vault_id_text(v->vault), hex_encode(hex, vault_id(v->vault), 16));
	assert_int_equal(strlen(vault_short_id(v->vault)), 9);
	assert_int_equal(vault_short_id(v->vault)[4], '-');
	assert_memory_equal(vault_short_id(v->vault), hex, 4);
	assert_int_equal(strlen(vault_fingerprint(v->vault)), 39);
	assert_string_equal(vault_machine(v->vault), "db1");
}

static void a_writer_cannot_read_until_it_is_unlocked(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	assert_true(vault_can_write(v->vault));
	assert_false(vault_can_read(v->vault));
	assert_null(vault_recovery_sk(v->vault));
	must(vault_need_writer(v->vault, &err));
	assert_int_equal(vault_need_reader(v->vault, &err), ERR_KEY);
	assert_string_not_equal(err.hint, "");
	sample_unlock(v);
	must(vault_need_reader(v->vault, &err));
	uint8_t pk[32];
	seal_public(pk, vault_recovery_sk(v->vault));
	assert_memory_equal(pk, vault_charter(v->vault)->recovery, 32);
	sample_unlock(v);   /* again */
}

static void a_bare_machine_reads_with_the_passphrase_alone(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	const struct vault_options bare = { .url = v->url };
	AUTO(vault) b = vault_open(&bare, &err);
	assert_non_null(b);
	assert_false(vault_can_write(b));
	assert_null(vault_machine(b));
	assert_null(vault_psk(b));
	assert_null(vault_state_dir(b));
	assert_int_equal(vault_need_writer(b, &err), ERR_KEY);
	assert_int_equal(vault_state_make(b, &err), ERR_INVALID);
	must(vault_unlock(b, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), &err));
	assert_memory_equal(vault_psk(b), vault_psk(v->vault), 32);
}

static void no_second_vault_is_made_in_the_same_place(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	AUTO(buf) before = object(v, "vault.json");
	assert_int_equal(sample_init(&v->options, &err), ERR_EXISTS);
	assert_string_not_equal(err.hint, "");
	AUTO(buf) after = object(v, "vault.json");
	assert_memory_equal(before->bytes, after->bytes, before->len);
	assert_opens(v);
}

static void no_vault_is_made_where_something_else_lies(void **state)
{
	(void)state;
	struct err err;
	struct sample_vault v;
	sample_place(&v, "memory://occupied");
	AUTO(backend) b = storage_open(v.url, NULL, &err);
	must(storage_put(b, "photos/cat.jpg", "x", 1, BACKEND_NEW, &err));
	assert_int_equal(sample_init(&v.options, &err), ERR_EXISTS);
	assert_non_null(strstr(err.msg, "photos/cat.jpg"));
	struct stat st;
	assert_int_not_equal(stat(v.keys, &st), 0);
	sample_drop(&v);
}

static void init_refuses_what_makes_no_sense(void **state)
{
	(void)state;
	struct err err;
	struct sample_vault v;
	char long_name[CHARTER_NAME_MAX + 1];
	memset(long_name, 'm', CHARTER_NAME_MAX);
	long_name[CHARTER_NAME_MAX] = '\0';
	sample_place(&v, "memory://nonsense");
	struct vault_init_options good = { .machine = "db1", .passphrase = "p", .passphrase_len = 1,
	                                   .slot_ops = 1, .slot_mem_kib = SLOT_MEM_KIB_MIN };
	struct vault_init_options bad[6] = { good, good, good, good, good, good };
	bad[0].machine = NULL;
	bad[1].machine = "";
	bad[2].machine = long_name;
	bad[3].passphrase_len = 0;
	bad[4].passphrase_len = SLOT_PASSPHRASE_MAX + 1;
	bad[5].machine = "not\xfftext";
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(vault_init(&v.options, &bad[i], &err), ERR_INVALID);
	struct vault_options no_keys = v.options;
	no_keys.keys_dir = NULL;
	assert_int_equal(vault_init(&no_keys, &good, &err), ERR_INVALID);
	AUTO(backend) b = storage_open(v.url, NULL, &err);
	char names[1000] = "";
	must(storage_list(b, "", list_name, names, &err));
	assert_string_equal(names, "");
	sample_drop(&v);
}

/* ---- open ---- */

static void no_vault_is_absent_with_a_hint(void **state)
{
	(void)state;
	struct err err;
	const struct vault_options o = { .url = "memory://nothing-here" };
	assert_null(vault_open(&o, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	assert_non_null(strstr(err.msg, "memory://nothing-here"));
	assert_non_null(strstr(err.hint, "init"));
}

static void every_changed_byte_of_vault_json_is_noticed(void **state)
{
	struct sample_vault *v = *state;
	AUTO(buf) b = object(v, "vault.json");
	for (size_t i = 0; i < b->len; i++) {
		struct err err;
		b->bytes[i] ^= 4;
		put(v, "vault.json", b->bytes, b->len);
		AUTO(vault) again = vault_open(&v->options, &err);
		assert_null(again);
		assert_true(err.code == ERR_CORRUPT || err.code == ERR_NEWER);
		b->bytes[i] ^= 4;
	}
	put(v, "vault.json", b->bytes, b->len / 2);
	assert_opens_not(v, ERR_CORRUPT, "vault.json");
	put(v, "vault.json", "", 0);
	assert_opens_not(v, ERR_CORRUPT, "vault.json");
	put(v, "vault.json", b->bytes, b->len);
	assert_opens(v);
}

static void every_changed_byte_of_the_charter_is_noticed(void **state)
{
	struct sample_vault *v = *state;
	AUTO(buf) b = object(v, "charter/00000002");
	for (size_t i = 0; i < b->len; i += 3) {
		b->bytes[i] ^= 4;
		put(v, "charter/00000002", b->bytes, b->len);
		assert_opens_not(v, ERR_CORRUPT, "charter");
		b->bytes[i] ^= 4;
	}
}

static void a_missing_charter_is_damage(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	must(storage_remove(vault_storage(v->vault), "charter/00000002", &err));
	assert_opens_not(v, ERR_CORRUPT, "charter");
}

/* This machine is an admin: it may enrol another. */
static void enrol_another(const struct sample_vault *v, struct buf *chain)
{
	struct err err;
	struct charter_key pub;
	const struct keyfile *k = vault_keyfile(v->vault);
	AUTO(keyfile) other = keyfile_new(k->vault, k->root, k->recovery, k->psk->bytes, ROLE_WRITER,
	                                  "db2", &pub, &err);
	assert_non_null(other);
	must(charter_append_enroll(chain, &pub, 1, k->id, k->record_sk->bytes, &err));
}

static void a_charter_that_was_rolled_back_is_a_fork(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	AUTO(buf) chain = object(v, "charter/00000002");
	enrol_another(v, chain);
	put(v, "charter/00000003", chain->bytes, chain->len);
	assert_opens(v);   /* and remembers */
	must(storage_remove(vault_storage(v->vault), "charter/00000003", &err));
	assert_opens_not(v, ERR_FORK, "charter");

	/* another entry of the same number */
	AUTO(buf) forked = object(v, "charter/00000002");
	enrol_another(v, forked);
	put(v, "charter/00000003", forked->bytes, forked->len);
	assert_opens_not(v, ERR_FORK, "charter");
	put(v, "charter/00000003", chain->bytes, chain->len);
	assert_opens(v);
}

static void strangers_beside_the_charter_stop_nothing(void **state)
{
	struct sample_vault *v = *state;
	AUTO(buf) b = object(v, "charter/00000002");
	put(v, "charter/00000009", "junk", 4);
	put(v, "charter/00000010", b->bytes, b->len);        /* says it has ten entries */
	put(v, "charter/old/00000099", b->bytes, b->len);
	put(v, "charter/README", "junk", 4);
	assert_opens(v);
}

static void a_vault_with_another_root_is_a_fork(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	uint8_t seed[32] = { 9 }, root_sk[SIGN_SECRET_BYTES], recovery[32] = { 9 };
	struct charter_anchor forged = *vault_anchor(v->vault);   /* the same vault id */
	sign_keypair(forged.root, root_sk, seed);
	AUTO(buf) line = buf_new(CHARTER_LINE_MAX, &err);
	AUTO(buf) chain = buf_new(CHARTER_MAX_BYTES, &err);
	must(charter_encode_anchor(&forged, root_sk, line, &err));
	must(charter_append_vault(chain, &forged, recovery, root_sk, &err));
	put(v, "vault.json", line->bytes, line->len);
	assert_opens_not(v, ERR_CORRUPT, "charter");   /* of the old root still */
	put(v, "charter/00000001", chain->bytes, chain->len);
	must(storage_remove(vault_storage(v->vault), "charter/00000002", &err));
	assert_opens_not(v, ERR_FORK, v->url);
	/* without the key file only the passphrase tells */
	const struct vault_options bare = { .url = v->url };
	AUTO(vault) b = vault_open(&bare, &err);
	assert_non_null(b);
	assert_int_equal(vault_unlock(b, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), &err), ERR_FORK);
	assert_false(vault_can_read(b));
}

/* ---- unlock ---- */

static int first_name(void *arg, const struct backend_object *o, struct err *err)
{
	(void)err;
	snprintf(arg, NAMES_MAX, "%s", o->name);
	return 1;
}

static void slot_name(const struct sample_vault *v, char name[NAMES_MAX])
{
	struct err err;
	assert_int_equal(storage_list(vault_storage(v->vault), "slots/", first_name, name, &err), 1);
}

static void a_wrong_passphrase_is_said_to_be_wrong(void **state)
{
	struct sample_vault *v = *state;
	static const char *const wrong[] = { "", "correct horsf", "correct horse ", "Correct horse" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct err err;
		assert_int_equal(vault_unlock(v->vault, wrong[i], strlen(wrong[i]), &err), ERR_KEY);
		assert_non_null(strstr(err.msg, "wrong passphrase"));
		assert_string_not_equal(err.hint, "");
		assert_false(vault_can_read(v->vault));
	}
}

static void a_slot_that_is_gone_or_damaged_is_not_a_wrong_passphrase(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	char name[NAMES_MAX];
	slot_name(v, name);
	put(v, name, "short", 5);
	assert_int_equal(vault_unlock(v->vault, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), &err),
	                 ERR_CORRUPT);
	assert_non_null(strstr(err.msg, name));
	must(storage_remove(vault_storage(v->vault), name, &err));
	assert_int_equal(vault_unlock(v->vault, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), &err),
	                 ERR_ABSENT);
}

static void junk_among_slots_stops_nobody(void **state)
{
	struct sample_vault *v = *state;
	char huge[5000] = "HFSLOT1";
	put(v, "slots/00000000000000000000000000000000", "junk", 4);
	put(v, "slots/0", huge, sizeof huge);
	put(v, "slots/ffffffffffffffffffffffffffffffff", huge, SLOT_BYTES);
	sample_unlock(v);
	assert_true(vault_can_read(v->vault));
}

static void a_slot_of_another_vault_is_a_fork(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	struct sample_vault other;
	char name[NAMES_MAX];
	sample_make(&other, "memory://another-vault");
	slot_name(&other, name);
	AUTO(buf) slot = object(&other, name);
	slot_name(v, name);
	put(v, name, slot->bytes, slot->len);
	assert_int_equal(vault_unlock(v->vault, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), &err),
	                 ERR_FORK);
	assert_false(vault_can_read(v->vault));
	sample_drop(&other);
}

/* ---- epochs ---- */

static void an_epochs_key_can_be_opened_with_the_recovery_secret_only(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	uint8_t store[16], pk[32];
	struct storekey k;
	struct vault_epoch made, found;
	const uint8_t *writer = vault_keyfile(v->vault)->id;
	vault_store_id(v->vault, "crm", store);
	must(vault_newest_epoch(v->vault, store, 1, NULL, &found, &err));
	assert_int_equal(found.number, 0);
	must(vault_make_epoch(v->vault, "crm", 1, &made, &err));
	assert_int_equal(vault_make_epoch(v->vault, "crm", 1, &found, &err), ERR_EXISTS);
	must(vault_newest_epoch(v->vault, store, 1, NULL, &found, &err));
	assert_int_equal(found.number, 1);
	assert_true(found.whole);
	assert_memory_equal(found.pk, made.pk, 32);
	assert_int_equal(vault_open_epoch(v->vault, writer, store, 1, &k, &err), ERR_KEY);
	sample_unlock(v);
	must(vault_open_epoch(v->vault, writer, store, 1, &k, &err));
	seal_public(pk, k.sk);
	assert_memory_equal(pk, made.pk, 32);
	assert_string_equal(k.name, "crm");
	assert_int_equal(vault_open_epoch(v->vault, writer, store, 2, &k, &err), ERR_ABSENT);
}

static void a_missing_epoch_in_between_is_noticed(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	uint8_t store[16], recipient[16];
	char name[NAMES_MAX];
	struct vault_epoch found;
	vault_store_id(v->vault, "crm", store);
	for (uint32_t e = 1; e <= 4; e++)
		must(vault_make_epoch(v->vault, "crm", e, &found, &err));
	must(vault_newest_epoch(v->vault, store, 1, NULL, &found, &err));
	assert_int_equal(found.number, 4);
	assert_true(found.whole);
	seal_key_id(recipient, vault_charter(v->vault)->recovery);
	names_key(name, vault_keyfile(v->vault)->id, store, 2, recipient);
	must(storage_remove(vault_storage(v->vault), name, &err));
	must(vault_newest_epoch(v->vault, store, 1, NULL, &found, &err));
	assert_false(found.whole);
	must(vault_newest_epoch(v->vault, store, 3, NULL, &found, &err));
	assert_true(found.whole);
}

static void an_epochs_key_is_read_again_only_where_its_object_is_another(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	uint8_t store[16], recipient[16];
	char name[NAMES_MAX];
	struct vault_epoch made, found;
	vault_store_id(v->vault, "crm", store);
	must(vault_make_epoch(v->vault, "crm", 1, &made, &err));
	assert_true(made.tag[0] && made.whole && made.granted);
	seal_key_id(recipient, vault_charter(v->vault)->recovery);
	AUTO(buf) b = object(v, names_key(name, vault_keyfile(v->vault)->id, store, 1, recipient));
	/* what is believed is what was verified */
	made.pk[0] ^= 1;
	must(vault_newest_epoch(v->vault, store, 1, &made, &found, &err));
	assert_memory_equal(found.pk, made.pk, 32);
	made.tag[0] ^= 1;
	must(vault_newest_epoch(v->vault, store, 1, &made, &found, &err));
	assert_memory_not_equal(found.pk, made.pk, 32);
	made = found;
	b->bytes[b->len - 1] ^= 1;
	put(v, name, b->bytes, b->len);
	must(vault_newest_epoch(v->vault, store, 1, &made, &found, &err));
	assert_true(found.damaged);
	/* nor where it is of another epoch, or the storage has no fingerprints */
	b->bytes[b->len - 1] ^= 1;
	put(v, name, b->bytes, b->len);
	must(vault_newest_epoch(v->vault, store, 1, NULL, &found, &err));
	assert_false(found.damaged);
	found.pk[0] ^= 1;
	made = found;
	made.number = 2;
	must(vault_newest_epoch(v->vault, store, 1, &made, &found, &err));
	assert_memory_not_equal(found.pk, made.pk, 32);
	made.number = 1;
	made.tag[0] = '\0';
	must(vault_newest_epoch(v->vault, store, 1, &made, &found, &err));
	assert_memory_not_equal(found.pk, made.pk, 32);
}

/* ---- what is remembered of its beginning ---- */

static void what_is_remembered_gives_way_to_another_charter(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	char name[NAMES_MAX];
	v->options.brief = true;
	vault_free(v->vault);
	sample_open(v);
	uint64_t n = vault_charter(v->vault)->n;
	/* not even vault.json is needed, as long as the charter is the same */
	AUTO(buf) anchor = object(v, NAMES_ANCHOR);
	put(v, NAMES_ANCHOR, "junk", 4);
	vault_free(v->vault);
	sample_open(v);
	assert_int_equal(vault_charter(v->vault)->n, n);
	/* who asks for all of it gets all of it */
	v->options.brief = false;
	assert_null(vault_open(&v->options, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	v->options.brief = true;
	/* the same bytes put again, or others: both are read */
	AUTO(buf) chain = object(v, names_charter(name, n));
	put(v, name, chain->bytes, chain->len);
	assert_null(vault_open(&v->options, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	put(v, NAMES_ANCHOR, anchor->bytes, anchor->len);
	vault_free(v->vault);
	sample_open(v);
	chain->bytes[chain->len / 2] ^= 1;
	put(v, name, chain->bytes, chain->len);
	assert_null(vault_open(&v->options, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	must(storage_remove(vault_storage(v->vault), name, &err));
	assert_null(vault_open(&v->options, &err));
	assert_int_not_equal(err.code, ERR_NONE);
}

static void key_objects_that_were_swapped_or_changed_are_refused(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	uint8_t crm[16], shop[16], recipient[16];
	char of_crm[NAMES_MAX], of_shop[NAMES_MAX];
	struct storekey k;
	struct vault_epoch e;
	const uint8_t *writer = vault_keyfile(v->vault)->id;
	sample_unlock(v);
	vault_store_id(v->vault, "crm", crm);
	vault_store_id(v->vault, "shop", shop);
	must(vault_make_epoch(v->vault, "crm", 1, &e, &err));
	must(vault_make_epoch(v->vault, "shop", 1, &e, &err));
	seal_key_id(recipient, vault_charter(v->vault)->recovery);
	AUTO(buf) b = object(v, names_key(of_shop, writer, shop, 1, recipient));
	put(v, names_key(of_crm, writer, crm, 1, recipient), b->bytes, b->len);
	assert_int_equal(vault_open_epoch(v->vault, writer, crm, 1, &k, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, of_crm));
	must(vault_newest_epoch(v->vault, crm, 1, NULL, &e, &err));
	assert_true(e.damaged);
	for (size_t i = 0; i < b->len; i += 5) {
		b->bytes[i] ^= 1;
		put(v, of_shop, b->bytes, b->len);
		assert_int_equal(vault_open_epoch(v->vault, writer, shop, 1, &k, &err), ERR_CORRUPT);
		assert_non_null(strstr(err.msg, of_shop));
		b->bytes[i] ^= 1;
	}
}

/* ---- stores ---- */

static int note_store(void *arg, const struct store_info *info, struct err *err)
{
	(void)err;
	char *text = arg;
	assert_string_equal(info->writer_name, "db1");
	strcat(text, info->name ? info->name : "?");
	strcat(text, " ");
	return 0;
}

static void stores_are_named_to_those_who_may_know(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	struct vault_epoch e;
	static const char *const known[] = { "nothing", "crm", NULL };
	char text[200] = "";
	must(vault_make_epoch(v->vault, "crm", 1, &e, &err));
	must(vault_make_epoch(v->vault, "crm", 2, &e, &err));
	must(vault_make_epoch(v->vault, "tenants/m\xc3\xbcller", 1, &e, &err));
	put(v, "keys/README", "junk", 4);
	must(vault_stores(v->vault, NULL, note_store, text, &err));
	assert_string_equal(text, "? ? ");
	text[0] = '\0';
	must(vault_stores(v->vault, known, note_store, text, &err));
	assert_true(strcmp(text, "crm ? ") == 0 || strcmp(text, "? crm ") == 0);
	text[0] = '\0';
	sample_unlock(v);
	must(vault_stores(v->vault, NULL, note_store, text, &err));
	assert_non_null(strstr(text, "crm "));
	assert_non_null(strstr(text, "tenants/m\xc3\xbcller "));
	assert_int_equal(strlen(text), strlen("crm tenants/m\xc3\xbcller "));
}

static void a_store_keeps_its_id_and_tells_nobody_its_name(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	uint8_t a[16], b[16];
	struct vault_epoch e;
	vault_store_id(v->vault, "crm", a);
	vault_free(v->vault);
	sample_open(v);
	vault_store_id(v->vault, "crm", b);
	assert_memory_equal(a, b, 16);
	vault_store_id(v->vault, "crn", b);
	assert_memory_not_equal(a, b, 16);
	must(vault_make_epoch(v->vault, "a-very-telling-name", 1, &e, &err));
	char names[1000] = "";
	must(storage_list(vault_storage(v->vault), "keys/", list_name, names, &err));
	names[strlen(names) - 1] = '\0';
	AUTO(buf) key = object(v, names);
	assert_null(strstr(names, "telling"));
	assert_null(memmem(key->bytes, key->len, "telling", 7));
}

/* ---- what is listed ---- */

static void a_copy_in_another_folder_is_not_the_object(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	char name[NAMES_MAX];
	uint8_t store[16] = { 1 }, id[32] = { 2 }, hidden[32] = { 3 };
	const uint8_t *writer = vault_keyfile(v->vault)->id;
	char hex[65];
	uint64_t *seqs;
	size_t n;
	put(v, names_pack(name, writer, store, id), "12345", 5);
	snprintf(name + strlen(names_packs(name, writer, store)), 100, "old/%s",
	         hex_encode(hex, hidden, 32));
	put(v, name, "12345", 5);
	AUTO(inventory) i = inventory_load(v->vault, writer, store, NULL, &err);
	assert_non_null(i);
	assert_non_null(inventory_find(i, id, 5));
	assert_null(inventory_find(i, id, 6));
	assert_null(inventory_find(i, hidden, 5));

	put(v, names_snapshot(name, writer, store, 4), "x", 1);
	put(v, names_snapshot(name, writer, store, 2), "x", 1);
	snprintf(name + strlen(names_snapshots(name, writer, store)), 100, "old/00000009");
	put(v, name, "x", 1);
	must(heads_list(v->vault, writer, store, &seqs, &n, &err));
	assert_int_equal(n, 2);
	assert_int_equal(seqs[0], 2);
	assert_int_equal(seqs[1], 4);
	free(seqs);
}

static void a_doomed_pack_is_not_to_be_relied_on(void **state)
{
	struct sample_vault *v = *state;
	struct err err;
	char name[NAMES_MAX], hex[65];
	uint8_t store[16] = { 1 }, id[32] = { 2 };
	const uint8_t *writer = vault_keyfile(v->vault)->id;
	put(v, names_pack(name, writer, store, id), "12345", 5);
	names_doomed(name, writer);
	strcat(name, hex_encode(hex, id, 32));
	put(v, name, "", 0);
	AUTO(inventory) i = inventory_load(v->vault, writer, store, NULL, &err);
	assert_non_null(i);
	assert_null(inventory_find(i, id, 5));
}

int main(void)
{
	crypto_start();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_new_vault_holds_what_the_format_lists),
		TEST(the_texts_are_those_that_vault_json_vouches_for),
		TEST(its_handle_says_what_it_is),
		TEST(a_writer_cannot_read_until_it_is_unlocked),
		TEST(a_bare_machine_reads_with_the_passphrase_alone),
		TEST(no_second_vault_is_made_in_the_same_place),
		cmocka_unit_test(no_vault_is_made_where_something_else_lies),
		cmocka_unit_test(init_refuses_what_makes_no_sense),
		cmocka_unit_test(no_vault_is_absent_with_a_hint),
		TEST(every_changed_byte_of_vault_json_is_noticed),
		TEST(every_changed_byte_of_the_charter_is_noticed),
		TEST(a_missing_charter_is_damage),
		TEST(a_charter_that_was_rolled_back_is_a_fork),
		TEST(strangers_beside_the_charter_stop_nothing),
		TEST(a_vault_with_another_root_is_a_fork),
		TEST(a_wrong_passphrase_is_said_to_be_wrong),
		TEST(a_slot_that_is_gone_or_damaged_is_not_a_wrong_passphrase),
		TEST(junk_among_slots_stops_nobody),
		TEST(a_slot_of_another_vault_is_a_fork),
		TEST(an_epochs_key_can_be_opened_with_the_recovery_secret_only),
		TEST(a_missing_epoch_in_between_is_noticed),
		TEST(what_is_remembered_gives_way_to_another_charter),
		TEST(an_epochs_key_is_read_again_only_where_its_object_is_another),
		TEST(key_objects_that_were_swapped_or_changed_are_refused),
		TEST(stores_are_named_to_those_who_may_know),
		TEST(a_store_keeps_its_id_and_tells_nobody_its_name),
		TEST(a_copy_in_another_folder_is_not_the_object),
		TEST(a_doomed_pack_is_not_to_be_relied_on),
	};
	return cmocka_run_group_tests_name("vault", tests, NULL, NULL);
}
