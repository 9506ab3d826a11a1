/* Lines of SFTP servers' folders, as OpenSSH, ProFTPD and others write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../../backends/sftp_list.h"

enum { NOW = 1795702710 };   /* 2026-11-26 14:18:30 */

static struct sftp_list_entry one(const char *line)
{
	struct sftp_list_entry e;
	const char *at = line;
	assert_true(sftp_list_next(&at, line + strlen(line), NOW, &e));
	assert_false(sftp_list_next(&at, line + strlen(line), NOW, &e) && e.kind != SFTP_LIST_OTHER);
	return e;
}

static void files_have_size_and_time(void **state)
{
	(void)state;
	struct sftp_list_entry e = one("-rw-r--r--    1 root     root      16777216 Nov 26 14:18 9f-3c.x\n");
	assert_int_equal(e.kind, SFTP_LIST_FILE);
	assert_string_equal(e.name, "9f-3c.x");
	assert_int_equal(e.size_bytes, 16777216);
	assert_int_equal(e.time_s, NOW - 30);
	assert_true(e.minutes);
	e = one("-rw-r--r--    1 0 0 0 Mar  4  2019 old\r\n");
	assert_int_equal(e.kind, SFTP_LIST_FILE);
	assert_int_equal(e.time_s, 1551657600);
	assert_false(e.minutes);
}

static void a_date_without_year_is_the_last_one_that_fits(void **state)
{
	(void)state;
	assert_int_equal(one("-rw------- 1 a b 1 Nov 27 02:00 f\n").time_s, NOW - 30 + 42120);
	assert_int_equal(one("-rw------- 1 a b 1 Dec 31 00:00 f\n").time_s, 1767139200);
}

static void owners_may_have_blanks(void **state)
{
	(void)state;
	struct sftp_list_entry e = one("-rw-r--r--+ 1 CORP\\domain admin domain users 12 Jan  1 00:00 f\n");
	assert_int_equal(e.kind, SFTP_LIST_FILE);
	assert_int_equal(e.size_bytes, 12);
}

static void folders_links_and_dots_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(one("drwx------ 2 a b 4096 Nov 26 14:18 packs\n").kind, SFTP_LIST_FOLDER);
	assert_int_equal(one("lrwxrwxrwx 1 a b 1 Nov 26 14:18 link -> a\n").kind, SFTP_LIST_OTHER);
	assert_int_equal(one("drwx------ 2 a b 4096 Nov 26 14:18 ..\n").kind, SFTP_LIST_OTHER);
	assert_int_equal(one("prw------- 2 a b 0 Nov 26 14:18 pipe\n").kind, SFTP_LIST_OTHER);
	assert_int_equal(one("-rw------- 2 a b 0 Nov 26 14:18 a:b\n").kind, SFTP_LIST_OTHER);
	assert_int_equal(one("\n").kind, SFTP_LIST_OTHER);
}

static void what_is_not_understood_leaves_a_name_to_ask_for(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"name\n", "-rw-r--r-- 1 a b 12 2026-11-26 14:18 name\n",
		"-rw-r--r-- 1 a b 12 Nob 26 14:18 name\n", "-rw-r--r-- 1 a b x Nov 26 14:18 name\n",
		"-rw-r--r-- 1 a b 9999999999999999999 Nov 26 14:18 name\n",
		"-rw-r--r-- 1 a b 12 Nov 26 24:00 name\n", "11-26-26 02:18PM 12 name\n",
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct sftp_list_entry e = one(lines[i]);
		assert_int_equal(e.kind, SFTP_LIST_UNCLEAR);
		assert_string_equal(e.name, "name");
	}
}

static void the_last_line_needs_no_end(void **state)
{
	(void)state;
	static const char text[] = "-rw-r--r-- 1 a b 1 Nov 26 14:18 a\n-rw-r--r-- 1 a b 2 Nov 26 14:18 b";
	struct sftp_list_entry e;
	const char *at = text, *end = text + sizeof text - 1;
	assert_true(sftp_list_next(&at, end, NOW, &e));
	assert_true(sftp_list_next(&at, end, NOW, &e));
	assert_string_equal(e.name, "b");
	assert_false(sftp_list_next(&at, end, NOW, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_have_size_and_time),
		cmocka_unit_test(a_date_without_year_is_the_last_one_that_fits),
		cmocka_unit_test(owners_may_have_blanks),
		cmocka_unit_test(folders_links_and_dots_are_told_apart),
		cmocka_unit_test(what_is_not_understood_leaves_a_name_to_ask_for),
		cmocka_unit_test(the_last_line_needs_no_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
