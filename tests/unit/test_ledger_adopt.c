/* What a run takes over that no entry of its machine's ledger tells of. */
#include "lab_alone.h"

#include "engine/ledger_adopt.h"
#include "vault/pending.h"

/* No entry is in the vault, and nothing is remembered: a first run that was cut off. */
static void forget_ledger(void)
{
	char folder[LAB_PATH + 80], prefix[NAMES_MAX];
	ledger_folder(&lab, folder);
	scratch_remove(folder);
	names_log(prefix, vault_keyfile(lab.writer)->id, "");
	must(lab_remove_all(&lab, prefix, &err));
}

static void note_epoch(const struct store_info *s, uint64_t number)
{
	static const uint8_t run[16] = { 5 };
	struct entry_item item = { .did = DID_EPOCH, .number = number };
	memcpy(item.store, s->store, sizeof item.store);
	AUTO(pending) p = pending_begin(lab.writer, run, &err);
	if (!p)
		fail_msg("%s", err.msg);
	must(pending_add(p, &item, &err));
}

/* The line for its snapshot was torn by a power cut, the one for its epoch was not. */
static void an_epoch_that_is_adopted_hides_no_snapshot_of_the_same_number(void **state)
{
	(void)state;
	struct store_info crm = backed_up("crm");
	forget_ledger();
	note_epoch(&crm, 1);
	AUTO(pending_left) left = pending_left(lab.writer, &err);
	AUTO(ledger) l = ledger_open(lab.writer, &err);
	assert_true(left && left->n == 1 && l && ledger_is_new(l));
	AUTO(adopted) a = ledger_adopt(lab.writer, l, left, NULL, 0, &err);
	if (!a)
		fail_msg("%s", err.msg);
	assert_int_equal(a->n, 2);
	assert_int_equal(a->items[0].did, DID_EPOCH);
	assert_int_equal(a->items[1].did, DID_FULL);
	assert_int_equal(a->items[1].number, 1);
}

static void after_the_next_run_the_ledger_tells_of_all(void **state)
{
	(void)state;
	struct store_info crm = backed_up("crm");
	forget_ledger();
	note_epoch(&crm, 1);
	backed_up("crm");
	assert_whole(lab.reader, 2);
}

int main(void)
{
#define WITH_LAB(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		WITH_LAB(an_epoch_that_is_adopted_hides_no_snapshot_of_the_same_number),
		WITH_LAB(after_the_next_run_the_ledger_tells_of_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
