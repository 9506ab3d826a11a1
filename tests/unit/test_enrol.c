#include "machines.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/hex.h"
#include "crypto/hash.h"

struct place {
	struct sample_vault v;   /* db1: writer and admin */
	struct machine m;        /* knows the address only */
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	assert_non_null(p);
	sample_make(&p->v, "memory://vault");
	machine_make(&p->m, p->v.url);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	machine_drop(&p->m);
	sample_drop(&p->v);
	free(p);
	return 0;
}

static void reopen(struct sample_vault *v)
{
	vault_free(v->vault);
	sample_open(v);
}

/* ---- asking and accepting ---- */

static void a_request_that_is_accepted_brings_the_psk(void **state)
{
	struct place *p = *state;
	struct err err;
	struct vault_abilities a;
	char request[ENROL_REQUEST_MAX], text[VAULT_ABILITIES_MAX];
	machine_ask(&p->m, ROLE_DRILL, "drill1", request);
	machine_open(&p->m);
	assert_null(vault_psk(p->m.vault));
	assert_null(vault_machine(p->m.vault));
	vault_abilities(p->m.vault, &a);
	assert_true(a.waiting);
	assert_string_equal(a.machine, "drill1");
	assert_int_equal(a.roles, 0);
	assert_non_null(strstr(vault_abilities_text(p->m.vault, text), "not accepted yet"));

	must(machine_accept(p->v.vault, request, &err));
	machine_open(&p->m);
	assert_memory_equal(vault_psk(p->m.vault), vault_psk(p->v.vault), 32);
	assert_string_equal(vault_machine(p->m.vault), "drill1");
	vault_abilities(p->m.vault, &a);
	assert_false(a.waiting || a.write || a.enrol);
	assert_int_equal(a.roles, ROLE_DRILL);
	assert_int_equal(a.read, READS_NOTHING);
	assert_int_equal(vault_need_writer(p->m.vault, &err), ERR_KEY);
	assert_non_null(strstr(err.msg, "no writer"));
}

/* Whoever stores the vault sees the charter: the psk is not in it as it is. */
static void the_psk_is_not_in_the_charter(void **state)
{
	struct place *p = *state;
	struct err err;
	struct machine other;
	machine_enrol(&other, &p->v, ROLE_WRITER, "db2");
	AUTO(buf) b = buf_new(1 << 20, &err);
	must(storage_get_all(vault_storage(p->v.vault), "charter/00000003", b, &err));
	char hex[65];
	hex_encode(hex, vault_psk(p->v.vault), 32);
	assert_null(memmem(b->bytes, b->len, hex, 16));
	machine_drop(&other);
}

static void an_accepted_writer_writes(void **state)
{
	struct place *p = *state;
	struct err err;
	struct machine db2;
	uint8_t store[16];
	struct vault_epoch made;
	struct storekey k;
	machine_enrol(&db2, &p->v, ROLE_WRITER, "db2");
	must(vault_need_writer(db2.vault, &err));
	must(vault_make_epoch(db2.vault, "web", 1, &made, &err));
	reopen(&p->v);
	sample_unlock(&p->v);
	vault_store_id(db2.vault, "web", store);
	must(vault_open_epoch(p->v.vault, vault_keyfile(db2.vault)->id, store, 1, &k, &err));
	assert_string_equal(k.name, "web");
	machine_drop(&db2);
}

static void asking_again_says_the_same(void **state)
{
	struct place *p = *state;
	struct err err;
	char first[ENROL_REQUEST_MAX], second[ENROL_REQUEST_MAX];
	bool again = true;
	must(enrol_request(p->m.vault, p->m.keys, ROLE_DRILL, "drill1", first, &again, &err));
	assert_false(again);
	machine_open(&p->m);
	must(enrol_request(p->m.vault, p->m.keys, ROLE_DRILL, "drill1", second, &again, &err));
	assert_true(again);
	assert_string_equal(first, second);
	must(enrol_pending(p->m.vault, second, &err));
	assert_string_equal(first, second);
	assert_int_equal(enrol_request(p->m.vault, p->m.keys, ROLE_DRILL, "drill2", second, &again, &err),
	                 ERR_EXISTS);
	assert_non_null(strstr(err.msg, "drill1 (drill)"));
	assert_non_null(strstr(err.hint, "remove"));
	assert_int_equal(enrol_request(p->m.vault, p->m.keys, ROLE_WRITER, "drill1", second, &again, &err),
	                 ERR_EXISTS);
	must(machine_accept(p->v.vault, first, &err));
	machine_open(&p->m);
	assert_int_equal(enrol_request(p->m.vault, p->m.keys, ROLE_DRILL, "drill1", second, &again, &err),
	                 ERR_EXISTS);
	assert_int_equal(enrol_pending(p->m.vault, second, &err), ERR_ABSENT);
	assert_int_equal(enrol_request(p->v.vault, p->v.keys, ROLE_DRILL, "x", second, &again, &err),
	                 ERR_EXISTS);
}

static void a_name_is_given_once(void **state)
{
	struct place *p = *state;
	struct err err;
	struct machine other;
	bool again;
	char first[ENROL_REQUEST_MAX], second[ENROL_REQUEST_MAX];
	assert_int_equal(enrol_request(p->m.vault, p->m.keys, ROLE_DRILL, "db1", first, &again, &err),
	                 ERR_EXISTS);
	machine_ask(&p->m, ROLE_DRILL, "drill1", first);
	machine_make(&other, p->v.url);
	machine_ask(&other, ROLE_DRILL, "drill1", second);
	must(machine_accept(p->v.vault, first, &err));
	assert_int_equal(machine_accept(p->v.vault, second, &err), ERR_EXISTS);
	assert_non_null(strstr(err.msg, "drill1"));
	assert_int_equal(machine_accept(p->v.vault, first, &err), ERR_EXISTS);
	assert_int_equal(vault_charter(p->v.vault)->n, 3);
	machine_drop(&other);
}

static void names_that_are_none_leave_no_key(void **state)
{
	struct place *p = *state;
	struct err err;
	bool again;
	char request[ENROL_REQUEST_MAX];
	assert_int_equal(enrol_request(p->m.vault, p->m.keys, ROLE_DRILL, "a b", request, &again, &err),
	                 ERR_INVALID);
	assert_string_not_equal(err.hint, "");
	machine_open(&p->m);
	assert_null(vault_keyfile(p->m.vault));
}

static void only_root_accepts_an_admin(void **state)
{
	struct place *p = *state;
	struct err err;
	struct enrol_machine m;
	char request[ENROL_REQUEST_MAX];
	machine_ask(&p->m, ROLE_ADMIN | ROLE_WRITER, "ops1", request);
	must(enrol_inspect(p->v.vault, request, strlen(request), &m, &err));
	assert_string_equal(m.name, "ops1");
	assert_true(enrol_takes_root(p->v.vault, &m));
	assert_int_equal(machine_accept(p->v.vault, request, &err), ERR_KEY);
	sample_unlock(&p->v);   /* the root key was not kept */
	assert_int_equal(machine_accept(p->v.vault, request, &err), ERR_KEY);
	assert_int_equal(vault_charter(p->v.vault)->n, 2);
	sample_unlock_root(&p->v);
	must(machine_accept(p->v.vault, request, &err));
	machine_open(&p->m);
	struct vault_abilities a;
	vault_abilities(p->m.vault, &a);
	assert_true(a.enrol && a.write);
}

static void a_machine_that_is_no_admin_accepts_nobody(void **state)
{
	struct place *p = *state;
	struct err err;
	struct machine db2;
	struct enrol_machine m;
	char request[ENROL_REQUEST_MAX];
	machine_enrol(&db2, &p->v, ROLE_WRITER | ROLE_DRILL | ROLE_RESTORER | ROLE_AUDITOR, "db2");
	machine_ask(&p->m, ROLE_DRILL, "drill1", request);
	must(enrol_inspect(db2.vault, request, strlen(request), &m, &err));
	assert_true(enrol_takes_root(db2.vault, &m));
	assert_int_equal(machine_accept(db2.vault, request, &err), ERR_KEY);
	vault_keep_root(db2.vault);
	must(vault_unlock(db2.vault, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), &err));
	must(machine_accept(db2.vault, request, &err));
	machine_drop(&db2);
}

static void a_machine_without_any_key_accepts_with_root(void **state)
{
	struct place *p = *state;
	struct err err;
	struct machine bare;
	char request[ENROL_REQUEST_MAX];
	machine_make(&bare, p->v.url);
	machine_ask(&p->m, ROLE_DRILL, "drill1", request);
	vault_keep_root(bare.vault);
	must(vault_unlock(bare.vault, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), &err));
	must(machine_accept(bare.vault, request, &err));
	machine_open(&p->m);
	assert_memory_equal(vault_psk(p->m.vault), vault_psk(p->v.vault), 32);
	machine_drop(&bare);
}

static void a_request_of_another_vault_is_refused(void **state)
{
	struct place *p = *state;
	struct err err;
	struct sample_vault other;
	struct machine m;
	char request[ENROL_REQUEST_MAX];
	sample_make(&other, "memory://other");
	machine_make(&m, other.url);
	machine_ask(&m, ROLE_DRILL, "drill1", request);
	assert_int_equal(machine_accept(p->v.vault, request, &err), ERR_INVALID);
	machine_drop(&m);
	sample_drop(&other);
}

/* The storage shows the new machine a vault.json of its own, with the same vault id. */
static void a_machine_that_was_shown_a_false_vault_is_not_enrolled(void **state)
{
	struct place *p = *state;
	struct err err;
	struct sample_vault real = p->v;
	uint8_t seed[32] = { 9 }, root_sk[SIGN_SECRET_BYTES], recovery[32] = { 9 };
	struct charter_anchor forged = *vault_anchor(real.vault);
	struct machine m;
	char request[ENROL_REQUEST_MAX];
	sign_keypair(forged.root, root_sk, seed);
	AUTO(buf) line = buf_new(CHARTER_LINE_MAX, &err);
	AUTO(buf) chain = buf_new(CHARTER_MAX_BYTES, &err);
	must(charter_encode_anchor(&forged, root_sk, line, &err));
	must(charter_append_vault(chain, &forged, recovery, root_sk, &err));
	memory_forget("false");
	AUTO(backend) b = storage_open("memory://false", NULL, &err);
	must(storage_put(b, "vault.json", line->bytes, line->len, BACKEND_NEW, &err));
	must(storage_put(b, "charter/00000001", chain->bytes, chain->len, BACKEND_NEW, &err));
	machine_make(&m, "memory://false");
	machine_ask(&m, ROLE_DRILL, "drill1", request);
	assert_int_equal(machine_accept(real.vault, request, &err), ERR_FORK);
	assert_int_equal(vault_charter(real.vault)->n, 2);
	machine_drop(&m);
	memory_forget("false");
}

/* ---- the charter under several hands ---- */

static void two_who_accept_at_once_both_succeed(void **state)
{
	struct place *p = *state;
	struct err err;
	struct machine other;
	char first[ENROL_REQUEST_MAX], second[ENROL_REQUEST_MAX];
	machine_ask(&p->m, ROLE_DRILL, "drill1", first);
	machine_make(&other, p->v.url);
	machine_ask(&other, ROLE_DRILL, "drill2", second);
	AUTO(vault) stale = vault_open(&p->v.options, &err);
	must(machine_accept(p->v.vault, first, &err));
	must(machine_accept(stale, second, &err));   /* knows two entries, and finds three */
	assert_int_equal(vault_charter(stale)->n, 4);
	machine_open(&p->m);
	machine_open(&other);
	assert_string_equal(vault_machine(p->m.vault), "drill1");
	assert_string_equal(vault_machine(other.vault), "drill2");
	machine_drop(&other);
}

struct race {
	struct place *p;
	const char *request;     /* that another admin's machine accepts meanwhile */
	unsigned calls;
};

static int enter_late(const struct charter *c, struct buf *chain, void *arg, struct err *err)
{
	struct race *r = arg;
	struct charter_key pub;
	const struct keyfile *k = vault_keyfile(r->p->v.vault);
	assert_int_equal(c->n, 2 + r->calls);
	if (r->calls++ == 0) {
		AUTO(vault) quicker = vault_open(&r->p->v.options, err);
		assert_int_equal(machine_accept(quicker, r->request, err), 0);
	}
	AUTO(keyfile) late = keyfile_new(k->vault, k->root, k->recovery, k->psk->bytes, ROLE_WRITER, "late",
	                                 &pub, err);
	assert_non_null(late);
	return charter_append_enroll(chain, &pub, 1, k->id, k->record_sk->bytes, err);
}

/* Between the look at the charter and the put. */
static void who_is_slower_looks_again(void **state)
{
	struct place *p = *state;
	struct err err;
	char request[ENROL_REQUEST_MAX];
	struct race r = { .p = p, .request = request };
	machine_ask(&p->m, ROLE_DRILL, "drill1", request);
	must(vault_append_entry(p->v.vault, enter_late, &r, &err));
	assert_int_equal(r.calls, 2);
	assert_int_equal(vault_charter(p->v.vault)->n, 4);
	assert_non_null(charter_find_name(vault_charter(p->v.vault), "drill1"));
	assert_non_null(charter_find_name(vault_charter(p->v.vault), "late"));
}

static void junk_in_the_way_is_named(void **state)
{
	struct place *p = *state;
	struct err err;
	char request[ENROL_REQUEST_MAX];
	machine_ask(&p->m, ROLE_DRILL, "drill1", request);
	must(storage_put(vault_storage(p->v.vault), "charter/00000003", "junk", 4, BACKEND_NEW, &err));
	assert_int_equal(machine_accept(p->v.vault, request, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "charter/00000003"));
	assert_string_not_equal(err.hint, "");
	must(storage_remove(vault_storage(p->v.vault), "charter/00000003", &err));
	must(machine_accept(p->v.vault, request, &err));
}

/* A longer charter that does not begin with what this machine knows, signed by the same admin. */
static void nothing_is_appended_to_another_history(void **state)
{
	struct place *p = *state;
	struct err err;
	struct machine a, b;
	char request[ENROL_REQUEST_MAX];
	AUTO(buf) two = buf_new(1 << 20, &err);
	must(storage_get_all(vault_storage(p->v.vault), "charter/00000002", two, &err));
	machine_enrol(&a, &p->v, ROLE_DRILL, "drill1");
	machine_make(&b, p->v.url);
	machine_ask(&b, ROLE_DRILL, "drill2", request);

	const struct keyfile *k = vault_keyfile(p->v.vault);
	for (int i = 0; i < 2; i++) {
		char name[20];
		struct charter_key pub;
		snprintf(name, sizeof name, "false%d", i);
		AUTO(keyfile) other = keyfile_new(k->vault, k->root, k->recovery, k->psk->bytes, ROLE_WRITER,
		                                  name, &pub, &err);
		assert_non_null(other);
		must(charter_append_enroll(two, &pub, 1, k->id, k->record_sk->bytes, &err));
	}
	must(storage_put(vault_storage(p->v.vault), "charter/00000004", two->bytes, two->len, BACKEND_NEW,
	                 &err));
	assert_int_equal(machine_accept(p->v.vault, request, &err), ERR_FORK);
	struct backend_object o;
	assert_int_equal(storage_stat(vault_storage(p->v.vault), "charter/00000005", &o, &err), ERR_ABSENT);
	/* and nobody who knows the first history opens the second */
	AUTO(vault) again = vault_open(&p->v.options, &err);
	assert_null(again);
	assert_int_equal(err.code, ERR_FORK);
	machine_drop(&a);
	machine_drop(&b);
}

/* ---- recovering ---- */

static void a_lost_writer_is_replaced(void **state)
{
	struct place *p = *state;
	struct err err;
	struct vault_epoch made;
	assert_int_equal(enrol_recover(p->m.vault, p->m.keys, "db1", true, &err), ERR_KEY);
	vault_keep_root(p->m.vault);
	must(vault_unlock(p->m.vault, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), &err));
	assert_int_equal(enrol_recover(p->m.vault, p->m.keys, "db1", false, &err), ERR_EXISTS);
	assert_null(vault_keyfile(p->m.vault));
	must(enrol_recover(p->m.vault, p->m.keys, "db1", true, &err));
	assert_string_equal(vault_machine(p->m.vault), "db1-2");
	must(vault_make_epoch(p->m.vault, "crm", 1, &made, &err));
	assert_int_equal(enrol_recover(p->m.vault, p->m.keys, "db1", true, &err), ERR_EXISTS);
	assert_non_null(strstr(err.msg, "db1-2"));
	machine_open(&p->m);   /* from its key file */
	struct vault_abilities a;
	vault_abilities(p->m.vault, &a);
	assert_true(a.write && a.enrol);
	assert_int_equal(a.read, READS_NOTHING);
}

static void an_interrupted_recovery_goes_on_with_its_key(void **state)
{
	struct place *p = *state;
	struct err err;
	struct backend *b = vault_storage(p->v.vault);
	uint8_t id[16];
	vault_keep_root(p->m.vault);
	must(vault_unlock(p->m.vault, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), &err));
	must(storage_put(b, "charter/00000003", "junk", 4, BACKEND_NEW, &err));
	assert_int_equal(enrol_recover(p->m.vault, p->m.keys, "db2", true, &err), ERR_CORRUPT);
	must(storage_remove(b, "charter/00000003", &err));
	machine_open(&p->m);
	memcpy(id, vault_keyfile(p->m.vault)->id, 16);
	assert_int_equal(vault_need_writer(p->m.vault, &err), ERR_KEY);
	assert_non_null(strstr(err.hint, "recover"));
	vault_keep_root(p->m.vault);
	must(vault_unlock(p->m.vault, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), &err));
	must(enrol_recover(p->m.vault, p->m.keys, "db2", true, &err));
	assert_string_equal(vault_machine(p->m.vault), "db2");
	assert_memory_equal(vault_keyfile(p->m.vault)->id, id, 16);
}

/* ---- who is there ---- */

static int list(void *arg, const struct enrol_machine *m, struct err *err)
{
	char line[400], roles[ROLES_TEXT_MAX];
	(void)err;
	snprintf(line, sizeof line, "%s%s(%s) by %s; ", m->self ? "*" : "", m->name,
	         roles_text(roles, m->roles), m->enrolled_s ? m->by : "nobody");
	strcat(arg, line);
	return 0;
}

static void machines_are_listed_with_who_let_them_in(void **state)
{
	struct place *p = *state;
	struct err err;
	char text[500] = "", request[ENROL_REQUEST_MAX];
	machine_ask(&p->m, ROLE_DRILL, "drill1", request);
	must(enrol_machines(p->m.vault, list, text, &err));
	assert_string_equal(text, "*drill1(drill) by nobody; db1(admin, writer) by root; ");
	must(machine_accept(p->v.vault, request, &err));
	text[0] = '\0';
	must(enrol_machines(p->v.vault, list, text, &err));
	assert_string_equal(text, "*db1(admin, writer) by root; drill1(drill) by db1; ");
}

int main(void)
{
	crypto_start();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_request_that_is_accepted_brings_the_psk),
		TEST(the_psk_is_not_in_the_charter),
		TEST(an_accepted_writer_writes),
		TEST(asking_again_says_the_same),
		TEST(a_name_is_given_once),
		TEST(names_that_are_none_leave_no_key),
		TEST(only_root_accepts_an_admin),
		TEST(a_machine_that_is_no_admin_accepts_nobody),
		TEST(a_machine_without_any_key_accepts_with_root),
		TEST(a_request_of_another_vault_is_refused),
		TEST(a_machine_that_was_shown_a_false_vault_is_not_enrolled),
		TEST(two_who_accept_at_once_both_succeed),
		TEST(who_is_slower_looks_again),
		TEST(junk_in_the_way_is_named),
		TEST(nothing_is_appended_to_another_history),
		TEST(a_lost_writer_is_replaced),
		TEST(an_interrupted_recovery_goes_on_with_its_key),
		TEST(machines_are_listed_with_who_let_them_in),
	};
	return cmocka_run_group_tests_name("enrol", tests, NULL, NULL);
}
