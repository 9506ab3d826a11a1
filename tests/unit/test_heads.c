/* Snapshots' heads against the charter, which grows while a vault is open. */
#include "lab_alone.h"

#include "holdfast/check.h"

/* The charter has one entry more than the reader knows, and a snapshot was made under it. */
static struct store_info backed_up_under_a_newer_charter(void)
{
	vault_free(enroll(&lab, "db2", ROLE_WRITER));
	assert_int_equal(vault_charter(lab.writer)->n, vault_charter(lab.reader)->n + 1);
	return backed_up("crm");
}

static int load(const struct store_info *s)
{
	AUTO(heads_entry) e = heads_load(lab.reader, s->writer, s->store, 1, false, &err);
	return e ? 0 : err.code;
}

static void fail_on_problem(void *arg, const struct err *problem)
{
	(void)arg;
	fail_msg("%s", problem->msg);
}

static void a_snapshot_under_a_charter_that_grew_since_is_no_rollback(void **state)
{
	const struct check_options how = { .read_data = true };
	struct check_result r;
	(void)state;
	struct store_info crm = backed_up_under_a_newer_charter();
	must(load(&crm));
	must(check_run(lab.reader, &crm, &how, fail_on_problem, NULL, &r, &err));
	struct verdict verdict = verify(lab.reader);
	assert_string_equal(verdict.text, "");
}

static void a_snapshot_under_a_charter_that_is_gone_is_a_rollback(void **state)
{
	char name[NAMES_MAX];
	(void)state;
	struct store_info crm = backed_up_under_a_newer_charter();
	names_charter(name, vault_charter(lab.writer)->n);
	must(lab_remove(&lab, name, &err));
	assert_int_equal(load(&crm), ERR_FORK);
	assert_non_null(strstr(err.msg, "the vault was rolled back"));
}

/* Signed by the same root, with other entries. */
static void a_charter_of_another_history_vouches_for_nothing(void **state)
{
	char name[NAMES_MAX];
	struct charter_key key = { 0 };
	AUTO(buf) chain = buf_new(CHARTER_MAX_BYTES, &err);
	(void)state;
	names_charter(name, vault_charter(lab.reader)->n);
	must(storage_get_all(vault_storage(lab.reader), name, chain, &err));
	struct store_info crm = backed_up_under_a_newer_charter();
	const struct keyfile *admin = vault_keyfile(lab.writer);
	AUTO(keyfile) k = keyfile_new(admin->vault, admin->root, admin->recovery, admin->psk->bytes,
	                              ROLE_WRITER, "db3", &key, &err);
	assert_non_null(k);
	must(charter_append_enroll(chain, &key, (uint64_t)time(NULL), admin->id, admin->record_sk->bytes,
	                           &err));
	names_charter(name, vault_charter(lab.writer)->n);
	must(storage_put(vault_storage(lab.reader), name, chain->bytes, chain->len, BACKEND_REPLACE, &err));
	assert_int_equal(load(&crm), ERR_FORK);
}

static void a_charter_that_cannot_be_asked_for_is_no_rollback(void **state)
{
	char url[LAB_PATH + 40];
	(void)state;
	snprintf(url, sizeof url, "faulty://get=4+:unreachable/%s", lab.url);
	vault_free(lab.reader);
	const struct vault_options o = { .url = url };
	lab.reader = vault_open(&o, &err);
	assert_non_null(lab.reader);
	struct store_info crm = backed_up_under_a_newer_charter();
	assert_int_equal(load(&crm), ERR_UNREACHABLE);
}

int main(void)
{
#define WITH_LAB(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		WITH_LAB(a_snapshot_under_a_charter_that_grew_since_is_no_rollback),
		WITH_LAB(a_snapshot_under_a_charter_that_is_gone_is_a_rollback),
		WITH_LAB(a_charter_of_another_history_vouches_for_nothing),
		WITH_LAB(a_charter_that_cannot_be_asked_for_is_no_rollback),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
