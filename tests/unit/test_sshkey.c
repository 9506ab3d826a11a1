#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "format/sshsig.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "shell.h"

/* 2026-03-01 12:00:00 UTC */
enum { NOON = 1772366400 };

static char dir[SCRATCH_MAX], key_text[200];
static struct sshkey key;

static int set_up(void **state)
{
	struct err err;
	struct sshsig s;
	(void)state;
	if (crypto_start() != 0 || !scratch_make(dir) ||
	    shell(dir, "ssh-keygen -q -t ed25519 -N '' -C '' -f key && "
	               "ssh-keygen -q -t rsa -N '' -C '' -f rsa && printf message >m && "
	               "ssh-keygen -q -Y sign -n ns -f key m") != 0)
		return -1;
	AUTO(buf) b = buf_new(SSHSIG_MAX, &err);
	AUTO(buf) line = buf_new(sizeof key_text - 1, &err);
	if (!shell_get(dir, "m.sig", b) || !shell_get(dir, "key.pub", line) ||
	    sshsig_decode(&s, b->bytes, b->len, &err) != 0)
		return -1;
	key = s.key;
	memcpy(key_text, line->bytes, line->len);
	key_text[strcspn(key_text, "\n")] = '\0';
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove(dir);
}

static int ask(const char *list, const char *namespace, uint64_t time_s, char who[SSHKEY_NAME_MAX],
               struct err *err)
{
	return sshkey_signer((const uint8_t *)list, strlen(list), &key, namespace, time_s, who, err);
}

/* Does Debian's ssh-keygen let `me` sign? */
static bool debian_says(const char *list, uint64_t time_s)
{
	assert_true(shell_put(dir, "signers", list, strlen(list)));
	return shell(dir, "ssh-keygen -Y verify -f signers -I me -n ns -s m.sig "
	                  "-O verify-time=$(date -u -d @%" PRIu64 " +%%Y%%m%%d%%H%%M%%SZ) <m", time_s) == 0;
}

static void a_key_is_written_as_ssh_keygen_writes_it(void **state)
{
	struct err err;
	char expected[200];
	(void)state;
	AUTO(buf) b = buf_new(1000, &err);
	assert_int_equal(sshkey_encode_line(&key, b, &err), 0);
	snprintf(expected, sizeof expected, "%s ", buf_text(b, &err));
	/* ssh-keygen leaves a blank before an empty comment */
	assert_memory_equal(expected, key_text, b->len);
}

static void who_may_sign_when_is_what_ssh_keygen_says(void **state)
{
	static const char *const options[] = {
		"", "namespaces=\"ns\" ", "namespaces=\"git,ns\" ", "namespaces=\"ns2\" ",
		"namespaces=\"n\" ", "valid-after=\"20260301Z\" ", "valid-after=\"202603011200Z\" ",
		"valid-after=\"20260301120001Z\" ",
		"valid-before=\"20260301Z\" ", "valid-before=\"20260301120000Z\" ",
		"valid-before=\"20260301115959Z\" ", "valid-after=\"20260101Z\",valid-before=\"20260401Z\" ",
		"namespaces=\"ns\",valid-after=\"20260302Z\" ",
	};
	static const uint64_t times[] = { NOON - 43200, NOON - 1, NOON, NOON + 1, NOON + 86400 };
	(void)state;
	size_t both[2] = { 0, 0 };
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		for (size_t t = 0; t < sizeof times / sizeof *times; t++) {
			char list[1000], who[SSHKEY_NAME_MAX] = "";
			struct err err;
			snprintf(list, sizeof list, "# people\n\nme %s%s\n", options[i], key_text);
			bool expected = debian_says(list, times[t]);
			int rc = ask(list, "ns", times[t], who, &err);
			if ((rc == 0) != expected)
				fail_msg("%s at %" PRIu64 ": we say %d, ssh-keygen %d", options[i], times[t],
				         rc, expected);
			if (rc == 0)
				assert_string_equal(who, "me");
			else
				assert_int_equal(rc, ERR_DENIED);
			both[expected]++;
		}
	/* the table has both kinds */
	assert_true(both[0] > 10 && both[1] > 10);
}

static void a_key_that_is_not_listed_is_nobodys(void **state)
{
	char list[3000], who[SSHKEY_NAME_MAX];
	struct err err;
	(void)state;
	AUTO(buf) rsa = buf_new(2000, &err);
	assert_true(shell_get(dir, "rsa.pub", rsa));
	snprintf(list, sizeof list, "you %s", buf_text(rsa, &err));
	assert_int_equal(ask(list, "ns", NOON, who, &err), ERR_KEY);
	assert_int_equal(ask("", "ns", NOON, who, &err), ERR_KEY);
	/* nor is it that of somebody else with a key of the same kind */
	struct sshkey other = key;
	other.pk[0] ^= 1;
	AUTO(buf) line = buf_new(1000, &err);
	assert_int_equal(buf_printf(line, &err, "you "), 0);
	assert_int_equal(sshkey_encode_line(&other, line, &err), 0);
	snprintf(list, sizeof list, "%s\n", buf_text(line, &err));
	assert_int_equal(ask(list, "ns", NOON, who, &err), ERR_KEY);
	/* and a key of a kind that is not known does no harm */
	snprintf(list, sizeof list, "you %sme %s\n", buf_text(rsa, &err), key_text);
	assert_int_equal(ask(list, "ns", NOON, who, &err), 0);
	assert_string_equal(who, "me");
}

static void a_later_line_of_the_same_key_counts_too(void **state)
{
	char list[1000], who[SSHKEY_NAME_MAX];
	struct err err;
	(void)state;
	snprintf(list, sizeof list, "old valid-before=\"20250101Z\" %s\nnew %s\n", key_text, key_text);
	assert_int_equal(ask(list, "ns", NOON, who, &err), 0);
	assert_string_equal(who, "new");
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
	static const char *const before[] = {
		"me,you ", "m* ", "\"me\" ", "me namespaces=\"n*\" ", "me namespaces=\"ns ",
		"me valid-after=\"20260301\" ", "me valid-after=\"20260230Z\" ",
		"me valid-after=\"202603012400Z\" ", "me valid-after=\"20260301120060Z\" ",
		"me valid-after=\"20260301T12Z\" ", "me valid-after=\"99999999Z\" ",
		"me cert-authority ", "me cert-authority,namespaces=\"ns\" ",
		"me no-touch-required=\"1\" ", "me namespaces=\"ns\",namespaces=\"x\" ",
		"me namespaces=\"ns\", ",
		"me ssh-rsa ",
	};
	(void)state;
	for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
		char list[1000], who[SSHKEY_NAME_MAX];
		struct err err;
		snprintf(list, sizeof list, "# ok\n%s%s\n", before[i], key_text);
		int rc = ask(list, "ns", NOON, who, &err);
		if (rc != ERR_CORRUPT && strcmp(before[i], "me ssh-rsa ") != 0)
			fail_msg("'%s' gives %d", before[i], rc);
		if (rc == ERR_CORRUPT)
			assert_non_null(strstr(err.msg, "line 2"));
		assert_int_not_equal(rc, 0);
	}
	char unended[1000], who[SSHKEY_NAME_MAX];
	struct err err;
	snprintf(unended, sizeof unended, "me %s", key_text);
	assert_int_equal(ask(unended, "ns", NOON, who, &err), ERR_CORRUPT);
}

static void strings_never_leave_their_bounds(void **state)
{
	uint8_t bytes[16] = { 0, 0, 0, 4, 'a', 'b', 'c', 'd' };
	char text[5], tight[4];
	size_t len;
	struct wire w = wire_over(bytes, 8);
	(void)state;
	assert_true(sshkey_text(&w, text, sizeof text) && wire_done(&w));
	assert_string_equal(text, "abcd");
	w = wire_over(bytes, 8);
	assert_false(sshkey_text(&w, tight, sizeof tight));
	w = wire_over(bytes, 7);
	assert_null(sshkey_string(&w, 100, &len));
	bytes[0] = 0x80;
	w = wire_over(bytes, 8);
	assert_null(sshkey_string(&w, SIZE_MAX, &len));
	assert_false(wire_ok(&w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_written_as_ssh_keygen_writes_it),
		cmocka_unit_test(who_may_sign_when_is_what_ssh_keygen_says),
		cmocka_unit_test(a_key_that_is_not_listed_is_nobodys),
		cmocka_unit_test(a_later_line_of_the_same_key_counts_too),
		cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
		cmocka_unit_test(strings_never_leave_their_bounds),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
