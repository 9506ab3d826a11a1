#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "vault/keyfile.h"

struct place {
	char root[SCRATCH_MAX], dir[SCRATCH_MAX + 10], path[SCRATCH_MAX + 60];
	uint8_t vault[16], root_pk[32], recovery[32], psk[32];
	struct charter_key pub;
	struct keyfile *key;
};

static int set_up(void **state)
{
	struct err err;
	char hex[33];
	struct place *p = calloc(1, sizeof *p);
	assert_non_null(p);
	assert_true(scratch_make(p->root));
	memset(p->vault, 1, 16);
	memset(p->root_pk, 2, 32);
	memset(p->recovery, 3, 32);
	memset(p->psk, 4, 32);
	snprintf(p->dir, sizeof p->dir, "%s/a/keys", p->root);
	snprintf(p->path, sizeof p->path, "%s/%s.key", p->dir, hex_encode(hex, p->vault, 16));
	p->key = keyfile_new(p->vault, p->root_pk, p->recovery, p->psk, ROLE_WRITER | ROLE_ADMIN, "db1",
	                     &p->pub, &err);
	assert_non_null(p->key);
	assert_int_equal(keyfile_store(p->key, p->dir, "file:///srv/vault", &err), 0);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	keyfile_free(p->key);
	scratch_remove(p->root);
	free(p);
	return 0;
}

static void a_key_file_comes_back(void **state)
{
	struct place *p = *state;
	struct err err;
	AUTO(keyfile) k = keyfile_load(p->dir, p->vault, &err);
	assert_non_null(k);
	assert_int_equal(k->roles, ROLE_WRITER | ROLE_ADMIN);
	assert_memory_equal(k->vault, p->vault, 16);
	assert_memory_equal(k->root, p->root_pk, 32);
	assert_memory_equal(k->recovery, p->recovery, 32);
	assert_memory_equal(k->psk->bytes, p->psk, 32);
	assert_memory_equal(k->seed->bytes, p->key->seed->bytes, 32);
	assert_memory_equal(k->record_sk->bytes, p->key->record_sk->bytes, 64);
	assert_memory_equal(k->naming->bytes, p->key->naming->bytes, 32);
	assert_memory_equal(k->state->bytes, p->key->state->bytes, 32);
	assert_memory_equal(k->id, p->key->id, 16);
}

static void the_report_key_is_the_one_that_the_charter_names(void **state)
{
	struct place *p = *state;
	struct err err;
	uint8_t pk[32];
	AUTO(secret) sk = keyfile_report_key(p->key, &err);
	assert_non_null(sk);
	sign_public(pk, sk->bytes);
	assert_memory_equal(pk, p->pub.report, 32);
}

static void public_keys_are_those_of_the_seed(void **state)
{
	struct place *p = *state;
	static const struct { const char *label; size_t at; } keys[] = {
		{ "hf1.record", offsetof(struct charter_key, record) },
		{ "hf1.log", offsetof(struct charter_key, log) },
		{ "hf1.report", offsetof(struct charter_key, report) },
	};
	for (size_t i = 0; i < 3; i++) {
		uint8_t seed[32], pk[32], sk[64];
		hash_labelled(seed, 32, keys[i].label, p->key->seed->bytes, 32, NULL, 0);
		sign_keypair(pk, sk, seed);
		assert_memory_equal((const uint8_t *)&p->pub + keys[i].at, pk, 32);
	}
	uint8_t box[32], pk[32], id[16];
	hash_labelled(box, 32, "hf1.box", p->key->seed->bytes, 32, NULL, 0);
	seal_public(pk, box);
	assert_memory_equal(p->pub.box, pk, 32);
	charter_key_id(id, p->pub.record);
	assert_memory_equal(p->pub.id, id, 16);
	assert_memory_equal(p->key->id, id, 16);
	assert_string_equal(p->pub.name, "db1");
	assert_int_equal(p->pub.roles, p->key->roles);
}

static void two_machines_have_different_keys(void **state)
{
	struct place *p = *state;
	struct err err;
	struct charter_key pub;
	AUTO(keyfile) k = keyfile_new(p->vault, p->root_pk, p->recovery, p->psk, ROLE_WRITER, "db2", &pub,
	                              &err);
	assert_memory_not_equal(k->id, p->key->id, 16);
	assert_memory_not_equal(k->naming->bytes, p->key->naming->bytes, 32);
}

/* ---- requests ---- */

static struct keyfile *ask(struct place *p, const char *name)
{
	struct err err;
	struct charter_key pub;
	assert_int_equal(unlink(p->path), 0);
	struct keyfile *k = keyfile_new(p->vault, p->root_pk, p->recovery, NULL, ROLE_DRILL, name, &pub,
	                                &err);
	assert_non_null(k);
	assert_int_equal(keyfile_store(k, p->dir, "file:///srv/vault", &err), 0);
	return k;
}

static void a_request_has_a_name_and_no_psk(void **state)
{
	struct place *p = *state;
	struct err err;
	char longest[REQUEST_NAME_MAX + 1];
	memset(longest, 'n', REQUEST_NAME_MAX);
	longest[REQUEST_NAME_MAX] = '\0';
	const char *const names[] = { "drill1", longest };
	for (size_t i = 0; i < 2; i++) {
		AUTO(keyfile) asked = ask(p, names[i]);
		AUTO(keyfile) k = keyfile_load(p->dir, p->vault, &err);
		assert_non_null(k);
		assert_true(k->requested);
		assert_null(k->psk);
		assert_string_equal(k->name, names[i]);
		assert_int_equal(k->roles, ROLE_DRILL);
		assert_memory_equal(k->seed->bytes, asked->seed->bytes, 32);
	}
}

/* What it asks today is what it asked yesterday, and the answer fits both. */
static void a_request_is_the_same_each_time_and_takes_its_psk(void **state)
{
	struct place *p = *state;
	struct err err;
	struct request first, again;
	AUTO(keyfile) asked = ask(p, "drill1");
	assert_int_equal(keyfile_request(asked, &first, &err), 0);
	AUTO(keyfile) k = keyfile_load(p->dir, p->vault, &err);
	assert_int_equal(keyfile_request(k, &again, &err), 0);
	assert_memory_equal(&first, &again, sizeof first);
	assert_int_equal(keyfile_take_psk(k, &again.key, &err), ERR_CORRUPT);
	assert_null(k->psk);
	assert_int_equal(request_seal_psk(&first, p->psk, &err), 0);
	assert_int_equal(keyfile_take_psk(k, &first.key, &err), 0);
	assert_memory_equal(k->psk->bytes, p->psk, 32);
}

/* Files from before there were requests end in 80 zeros; so do those that init makes. */
static void a_file_without_flags_is_no_request(void **state)
{
	struct place *p = *state;
	struct err err;
	AUTO(keyfile) k = keyfile_load(p->dir, p->vault, &err);
	assert_false(k->requested);
	assert_string_equal(k->name, "");
	AUTO(buf) b = buf_new(100000, &err);
	assert_int_equal(io_read_file(p->path, b, &err), 0);
	static const char zeros[] = "00000000000000000000000000000000000000000000000000000000\n";
	assert_non_null(memmem(b->bytes, b->len, zeros, sizeof zeros - 1));
}

static void nobody_else_can_read_it(void **state)
{
	struct place *p = *state;
	struct err err;
	struct stat st;
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(p->dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	static const mode_t wide[] = { 0640, 0604, 0660, 0601 };
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
		assert_int_equal(chmod(p->path, wide[i]), 0);
		assert_null(keyfile_load(p->dir, p->vault, &err));
		assert_int_equal(err.code, ERR_DENIED);
		assert_non_null(strstr(err.hint, "chmod 600"));
	}
	assert_int_equal(chmod(p->path, 0400), 0);
	AUTO(keyfile) k = keyfile_load(p->dir, p->vault, &err);
	assert_non_null(k);
}

static void an_existing_one_is_not_overwritten(void **state)
{
	struct place *p = *state;
	struct err err;
	assert_int_equal(keyfile_store(p->key, p->dir, "file:///srv/vault", &err), ERR_EXISTS);
	assert_non_null(strstr(err.msg, p->path));
}

static void absent_is_absent(void **state)
{
	struct place *p = *state;
	struct err err;
	uint8_t other[16] = { 9 };
	assert_null(keyfile_load(p->dir, other, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	assert_null(keyfile_load("/nonexistent/folder", p->vault, &err));
	assert_int_equal(err.code, ERR_ABSENT);
}

static struct buf *text_of(const struct place *p)
{
	struct err err;
	struct buf *b = buf_new(100000, &err);
	assert_int_equal(io_read_file(p->path, b, &err), 0);
	return b;
}

static void write_text(const struct place *p, const void *text, size_t len)
{
	struct err err;
	assert_int_equal(io_write_file(p->path, text, len, 0600, &err), 0);
}

static void it_says_what_it_is_in_plain_words(void **state)
{
	struct place *p = *state;
	struct err err;
	AUTO(buf) b = text_of(p);
	const char *text = buf_text(b, &err);
	assert_int_equal(text[0], '#');
	assert_non_null(strstr(text, "file:///srv/vault"));
	assert_non_null(strstr(text, "\n4846524f4c453100" "03000000" "01010101"));   /* HFROLE1, roles */
}

static void every_changed_digit_is_refused(void **state)
{
	struct place *p = *state;
	AUTO(buf) b = text_of(p);
	bool comment = false;
	unsigned digits = 0;
	for (size_t i = 0; i < b->len; i++) {
		struct err err;
		if (i == 0 || b->bytes[i - 1] == '\n')
			comment = b->bytes[i] == '#';
		if (comment || b->bytes[i] == '\n')
			continue;
		uint8_t was = b->bytes[i];
		b->bytes[i] = was == '7' ? '8' : '7';
		write_text(p, b->bytes, b->len);
		assert_null(keyfile_load(p->dir, p->vault, &err));
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_non_null(strstr(err.msg, p->path));
		b->bytes[i] = was;
		digits++;
	}
	assert_int_equal(digits, 2 * 268);
}

static void what_is_cut_or_longer_is_refused(void **state)
{
	struct place *p = *state;
	struct err err;
	AUTO(buf) b = text_of(p);
	for (size_t len = 0; len + 1 < b->len; len += 7) {
		write_text(p, b->bytes, len);
		assert_null(keyfile_load(p->dir, p->vault, &err));
		assert_int_equal(err.code, ERR_CORRUPT);
	}
	static const char *const more[] = { "00", "0", "x", "00000000000000000000000000000000" };
	for (size_t i = 0; i < 4; i++) {
		size_t len = b->len;
		assert_int_equal(buf_append(b, more[i], strlen(more[i]), &err), 0);
		write_text(p, b->bytes, b->len);
		assert_null(keyfile_load(p->dir, p->vault, &err));
		assert_int_equal(err.code, ERR_CORRUPT);
		b->len = len;
	}
	memset(b->bytes, '0', b->len);   /* one long line */
	write_text(p, b->bytes, b->len);
	assert_null(keyfile_load(p->dir, p->vault, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
}

static void a_huge_file_is_refused(void **state)
{
	struct place *p = *state;
	struct err err;
	char *text = malloc(1 << 20);
	assert_non_null(text);
	memset(text, '#', 1 << 20);
	write_text(p, text, 1 << 20);
	free(text);
	assert_null(keyfile_load(p->dir, p->vault, &err));
	assert_int_equal(err.code, ERR_LIMIT);
}

static void comments_and_a_missing_last_newline_do_no_harm(void **state)
{
	struct place *p = *state;
	struct err err;
	AUTO(buf) b = text_of(p);
	AUTO(buf) changed = buf_new(100000, &err);
	assert_int_equal(buf_printf(changed, &err, "# kept in the safe, second drawer\n\n"), 0);
	assert_int_equal(buf_append(changed, b->bytes, b->len - 1, &err), 0);
	write_text(p, changed->bytes, changed->len);
	AUTO(keyfile) k = keyfile_load(p->dir, p->vault, &err);
	assert_non_null(k);
}

static void the_file_of_another_vault_is_refused(void **state)
{
	struct place *p = *state;
	struct err err;
	uint8_t other[16];
	char path[SCRATCH_MAX + 60], hex[33];
	memset(other, 0x77, 16);
	snprintf(path, sizeof path, "%s/%s.key", p->dir, hex_encode(hex, other, 16));
	assert_int_equal(rename(p->path, path), 0);
	assert_null(keyfile_load(p->dir, other, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "another vault"));
}

static void freeing_nothing_is_legal(void **state)
{
	(void)state;
	keyfile_free(NULL);
}

int main(void)
{
	crypto_start();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_key_file_comes_back),
		TEST(public_keys_are_those_of_the_seed),
		TEST(the_report_key_is_the_one_that_the_charter_names),
		TEST(two_machines_have_different_keys),
		TEST(a_request_has_a_name_and_no_psk),
		TEST(a_request_is_the_same_each_time_and_takes_its_psk),
		TEST(a_file_without_flags_is_no_request),
		TEST(nobody_else_can_read_it),
		TEST(an_existing_one_is_not_overwritten),
		TEST(absent_is_absent),
		TEST(it_says_what_it_is_in_plain_words),
		TEST(every_changed_digit_is_refused),
		TEST(what_is_cut_or_longer_is_refused),
		TEST(a_huge_file_is_refused),
		TEST(comments_and_a_missing_last_newline_do_no_harm),
		TEST(the_file_of_another_vault_is_refused),
		cmocka_unit_test(freeing_nothing_is_legal),
	};
	return cmocka_run_group_tests_name("keyfile", tests, NULL, NULL);
}
