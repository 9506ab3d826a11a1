/* The configuration is read whole and right, or refused with file, line and the likely remedy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/config.h"
#include "cli/config_file.h"
#include "cli/config_edit.h"
#include "cli/due.h"
#include "base/ini_guard.h"
#include "holdfast/backup.h"
#include "holdfast/err.h"

static const char sample[] =
	"# the sample of holdfast.conf(5)\n"
	"[vault]\n"
	"url   = file:///srv/vault\n"
	"state = /var/lib/holdfast\n"
	"[vault second]\n"
	"url = file:///mnt/second\n"
	"[defaults]\n"
	"rotate = 90d\n"
	"level = 3\n"
	"[store crm]\n"
	"  type = sqlite\n"
	"  path = /srv/crm/crm.db\n"
	"  level = 7\n"
	"  unit = 4k\n"
	"[store tenants]\n"
	"type = sqlite\n"
	"path = /srv/tenants/*.db\n"
	"name = tenants/{stem}\n"
	"max-missing = 5\n"
	"[store www]\n"
	"type = files\n"
	"path = /srv/www\n"
	"exclude = *.tmp, cache\n"
	"exclude = /srv/www/a b\n"
	"one-file-system = yes\n";

static struct config *parse(const char *text, size_t len, struct err *err)
{
	struct config *c = config_new(err);
	assert_non_null(c);
	if (config_add(c, "t.conf", text, len, err) == 0 && config_complete(c, err) == 0)
		return c;
	config_free(c);
	return NULL;
}

static void expect_refused(const char *text, const char *message, const char *hint)
{
	struct err err = { 0 };
	assert_null(parse(text, strlen(text), &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_string_equal(err.msg, message);
	if (hint)
		assert_string_equal(err.hint, hint);
}

static void the_sample_is_understood(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(config) c = parse(sample, strlen(sample), &err);
	assert_non_null(c);
	const struct config_section *vault = config_find(c, CONFIG_VAULT, "");
	assert_non_null(vault);
	assert_string_equal(config_get(c, vault, "url"), "file:///srv/vault");
	assert_null(config_get(c, vault, "keys"));
	assert_non_null(config_find(c, CONFIG_VAULT, "second"));
	assert_null(config_find(c, CONFIG_STORE, "second"));
	const struct config_section *fleet = config_find(c, CONFIG_STORE, "tenants");
	assert_true(config_store_is_fleet(fleet));
	assert_string_equal(config_store_name(fleet), "tenants/{stem}");
	assert_int_equal(config_get_number(c, fleet, "max-missing"), 5);
}

static void times_have_one_grammar_and_a_default(void **state)
{
	(void)state;
	struct err err = { 0 };
	static const char text[] = "[defaults]\nat = sun 03:00\nrpo = 26h\n"
	                           "[store a]\ntype = files\npath = /a\n"
	                           "[store b]\ntype = files\npath = /b\nevery = 6h\nat = 01:00\nrpo = 8h\n";
	struct due due;
	AUTO(config) c = parse(text, strlen(text), &err);
	assert_non_null(c);
	config_store_due(c, config_find(c, CONFIG_STORE, "a"), &due);
	assert_int_equal(due.at.days, 1);
	assert_int_equal(due.at.minute, 180);
	assert_int_equal(due.every_s, 86400);
	assert_int_equal(config_get_number(c, config_find(c, CONFIG_STORE, "a"), "rpo"), 26 * 3600);
	config_store_due(c, config_find(c, CONFIG_STORE, "b"), &due);
	assert_int_equal(due.every_s, 6 * 3600);
	assert_int_equal(due.at.minute, 60);
	assert_int_equal(config_get_number(c, config_find(c, CONFIG_STORE, "b"), "rpo"), 8 * 3600);
	AUTO(config) bare = parse(sample, strlen(sample), &err);
	config_store_due(bare, config_find(bare, CONFIG_STORE, "crm"), &due);
	assert_int_equal(due.at.minute, 135);
	expect_refused("[store a]\ntype = files\npath = /a\nat = mon 03:00\nevery = 6h\n",
	               "t.conf:1: [store a] is 'every' 6h, and 'at' mon 03:00 names days",
	               "leave the days away, or make 'every' a day");
	expect_refused("[defaults]\nat = 3 pm\n",
	               "t.conf:2: 'at' in [defaults]: '3 pm' is not a time such as 02:15, sun 03:00 or "
	               "mon-fri 22:30", NULL);
	expect_refused("[defaults]\nevery = 36h\n",
	               "t.conf:2: 'every' in [defaults]: '36h' is not a duration of whole days, or of whole "
	               "minutes below a day: 1d, 6h, 30m", NULL);
}

static void what_runs_tell_stands_in_a_section_of_its_own(void **state)
{
	(void)state;
	struct err err = { 0 };
	static const char text[] = "[run]\nlog = journal\nping = https://hc.example/x\n";
	AUTO(config) c = parse(text, strlen(text), &err);
	assert_non_null(c);
	assert_string_equal(config_run_value(c, "log"), "journal");
	assert_null(config_run_value(c, "notify"));
	expect_refused("[run]\nlog = syslog\n",
	               "t.conf:2: 'log' in [run]: 'syslog' is not journal, or an absolute path", NULL);
	expect_refused("[run]\nping = https://a/\nping-file = /a\n",
	               "t.conf:3: 'ping' and 'ping-file' exclude each other", NULL);
	expect_refused("[defaults]\nlog = journal\n", "t.conf:2: unknown key 'log' in [defaults]",
	               "'log' belongs into a [run] section");
	/* an address may be a secret, and is not repeated */
	expect_refused("[run]\nnotify = ftp://secret\n",
	               "t.conf:2: 'notify' in [run]: is not an address that begins with https:// or http://",
	               NULL);
}

static void a_store_takes_what_it_does_not_say_from_the_defaults(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct backup_store b;
	AUTO(config) c = parse(sample, strlen(sample), &err);
	config_backup_store(c, config_find(c, CONFIG_STORE, "crm"), "crm", NULL, &b);
	assert_int_equal(b.rotate_s, 90 * 86400);
	assert_int_equal(b.level, 7);
	assert_int_equal(b.unit_bytes, 4096);
	assert_string_equal(b.source.path, "/srv/crm/crm.db");
	assert_string_equal(b.source.name, "crm");
	config_backup_store(c, config_find(c, CONFIG_STORE, "tenants"), "tenants/a", "/srv/a", &b);
	assert_int_equal(b.level, 3);
	assert_int_equal(b.unit_bytes, 0);
	assert_string_equal(b.source.path, "/srv/a");
}

static void exclude_may_be_repeated_and_be_a_list(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(config) c = parse(sample, strlen(sample), &err);
	char **exclude = config_find(c, CONFIG_STORE, "www")->exclude;
	assert_string_equal(exclude[0], "*.tmp");
	assert_string_equal(exclude[1], "cache");
	assert_string_equal(exclude[2], "/srv/www/a b");
	assert_null(exclude[3]);
}

static void an_unknown_key_names_file_line_and_the_nearest(void **state)
{
	(void)state;
	expect_refused("[store crm]\ntype = sqlite\npaht = /x\n",
	               "t.conf:3: unknown key 'paht' in [store crm]", "did you mean 'path'?");
	expect_refused("[vault]\nurl = file:///v\nrotat = 9d\n",
	               "t.conf:3: unknown key 'rotat' in [vault]", NULL);
	expect_refused("[defaults]\nurl = file:///v\n", "t.conf:2: unknown key 'url' in [defaults]",
	               "'url' belongs into a [vault] section");
}

static void an_unknown_section_names_the_nearest(void **state)
{
	(void)state;
	expect_refused("[stor crm]\ntype = sqlite\n", "t.conf:1: unknown section [stor crm]",
	               "did you mean [store crm]?");
	expect_refused("[store]\ntype = sqlite\n", "t.conf:1: [store] needs a name",
	               "for example [store crm]");
}

static void what_stands_twice_is_refused(void **state)
{
	(void)state;
	expect_refused("[store a]\ntype = sqlite\npath = /x\n[store a]\ntype = sqlite\n",
	               "t.conf:4: [store a] is already at t.conf:1", NULL);
	expect_refused("[store a]\npath = /x\npath = /y\n",
	               "t.conf:3: 'path' is already given in line 2", NULL);
}

static void a_value_that_inih_would_cut_is_refused(void **state)
{
	(void)state;
	expect_refused("[store a]\ntype = command\ncommand = psql -c \"select 1 ; \"\n",
	               "t.conf:3: everything from ' ;' on would be cut off", NULL);
	expect_refused("[store a]\ntype = command\ncommand = x\t;y\n",
	               "t.conf:3: everything from ' ;' on would be cut off", NULL);
}

static void a_semicolon_without_a_blank_is_part_of_the_value(void **state)
{
	(void)state;
	static const char text[] = "[store a]\ntype = command\ncommand = sh -c 'a;b'\n";
	struct err err = { 0 };
	AUTO(config) c = parse(text, strlen(text), &err);
	assert_string_equal(config_get(c, config_find(c, CONFIG_STORE, "a"), "command"),
	                    "sh -c 'a;b'");
}

/* `before` text, then n times x, then `after` */
static int add_long(const char *before, size_t n, const char *after, struct err *err)
{
	char text[1024];
	AUTO(config) c = config_new(err);
	size_t used = (size_t)snprintf(text, sizeof text, "%s", before);
	memset(text + used, 'x', n);
	snprintf(text + used + n, sizeof text - used - n, "%s", after);
	return config_add(c, "t.conf", text, strlen(text), err);
}

static void lines_are_whole_up_to_the_limit_and_refused_beyond(void **state)
{
	(void)state;
	struct err err = { 0 };
	const size_t rest = strlen("command = ");
	assert_int_equal(add_long("[store a]\ncommand = ", 197 - rest, "\r\n", &err), 0);
	assert_int_equal(add_long("[store a]\ncommand = ", 198 - rest, "\n", &err), ERR_INVALID);
	assert_string_equal(err.msg, "t.conf:2: the line is longer than 197 bytes");
	assert_int_equal(add_long("[store a]\n# ", 600, "\ntype = sqlite\n", &err), 0);
}

static void a_long_value_arrives_whole(void **state)
{
	(void)state;
	char text[256] = "[store a]\ntype = command\ncommand = ";
	size_t used = strlen(text);
	memset(text + used, 'y', 187);
	struct err err = { 0 };
	AUTO(config) c = parse(text, strlen(text), &err);
	assert_non_null(c);
	assert_int_equal(strlen(config_get(c, config_find(c, CONFIG_STORE, "a"), "command")), 187);
}

static void names_are_whole_up_to_the_limit_and_refused_beyond(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(add_long("[store ", 49 - strlen("store "), "]\n", &err), 0);
	assert_int_equal(add_long("[store ", 50 - strlen("store "), "]\n", &err), ERR_INVALID);
	assert_string_equal(err.msg, "t.conf:1: a section's name is longer than 49 bytes");
	assert_int_equal(add_long("[store a]\n", 50, " = 1\n", &err), ERR_INVALID);
	assert_string_equal(err.msg, "t.conf:2: a key is longer than 49 bytes");
}

static void line_numbers_stay_right_behind_long_comments(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(add_long("[store a]\n;", 700, "\n\nnope = 1\n", &err), ERR_INVALID);
	assert_string_equal(err.msg, "t.conf:4: unknown key 'nope' in [store a]");
}

static void an_empty_section_is_noticed(void **state)
{
	(void)state;
	expect_refused("[vault]\n", "t.conf:1: 'url' is missing in [vault]", NULL);
	expect_refused("[store a]\n[store b]\ntype = sqlite\npath = /x\n",
	               "t.conf:1: 'type' is missing in [store a]", NULL);
}

static void an_indented_line_is_a_line_of_its_own(void **state)
{
	(void)state;
	expect_refused("[store a]\ntype = sqlite\n  /more\n", "t.conf:3: not 'key = value'", NULL);
}

static void a_byte_order_mark_is_skipped_and_a_nul_refused(void **state)
{
	(void)state;
	static const char bom[] = "\xef\xbb\xbf[vault]\nurl = file:///v\n";
	static const char nul[] = "[vault]\nurl = file:///v\0x\n";
	struct err err = { 0 };
	AUTO(config) c = parse(bom, strlen(bom), &err);
	assert_non_null(c);
	assert_null(parse(nul, sizeof nul - 1, &err));
	assert_string_equal(err.msg, "t.conf:2: a NUL byte");
}

static void what_is_no_section_and_no_entry_is_refused(void **state)
{
	(void)state;
	expect_refused("[vault\nurl = x\n", "t.conf:1: ']' is missing", NULL);
	expect_refused("[vault] # main\nurl = x\n", "t.conf:1: text behind ']'", NULL);
	expect_refused("url = x\n", "t.conf:1: 'url' stands before any section", NULL);
	expect_refused("[vault]\nurl: x\n", "t.conf:2: ':' where '=' is expected", NULL);
	expect_refused("[vault]\n= x\n", "t.conf:2: a key is missing before '='", NULL);
	expect_refused("[store a]\nuser =\n", "t.conf:2: 'user' in [store a]: '' is not some text", NULL);
	expect_refused("[vault]\nurl = a\033[2Jb\n", "t.conf:2: a control character", NULL);
}

static void values_are_checked_where_they_stand(void **state)
{
	(void)state;
	expect_refused("[defaults]\nlevel = 20\n",
	               "t.conf:2: 'level' in [defaults]: '20' is not a number from 1 to 19", NULL);
	expect_refused("[defaults]\nunit = 300\n", "t.conf:2: 'unit' in [defaults]: '300' is not auto, "
	               "or a power of two from 256 to 64k", NULL);
	expect_refused("[defaults]\nrotate = 90\n", "t.conf:2: 'rotate' in [defaults]: '90' is not a "
	               "duration such as 90d, 12h 30m or never", NULL);
	expect_refused("[defaults]\nparanoid = maybe\n",
	               "t.conf:2: 'paranoid' in [defaults]: 'maybe' is not yes or no", NULL);
	expect_refused("[store a]\ntype = sqllite\n", "t.conf:2: 'type' in [store a]: 'sqllite' is not "
	               "sqlite, files, command, mariadb-dump or postgres-dump", "did you mean 'sqlite'?");
	expect_refused("[store a]\npath = crm.db\n",
	               "t.conf:2: 'path' in [store a]: 'crm.db' is not an absolute path", NULL);
}

static void store_names_that_commands_could_not_say_are_refused(void **state)
{
	(void)state;
	assert_true(config_name_ok("crm"));
	assert_true(config_name_ok("tenants/acme"));
	assert_true(config_name_ok("客户 数据"));
	assert_false(config_name_ok(""));
	assert_false(config_name_ok("a@b"));
	assert_false(config_name_ok("a*"));
	assert_false(config_name_ok("a\nb"));
	assert_false(config_name_ok("\xff"));
	assert_false(config_name_ok("/abs"));
	expect_refused("[store a@1]\ntype = sqlite\n", "t.conf:1: a store cannot be called 'a@1'", NULL);
}

static void a_fleet_needs_a_template_that_tells_its_files_apart(void **state)
{
	(void)state;
	expect_refused("[store t]\ntype = sqlite\npath = /srv/*.db\nname = same\n",
	               "t.conf:4: 'name' gives every file the same store name",
	               "for example 'name = t/{stem}'");
}

static char *scratch_file(const char *name)
{
	static char path[256];
	static char folder[64];
	if (!folder[0]) {
		snprintf(folder, sizeof folder, "/tmp/test_config.XXXXXX");
		assert_non_null(mkdtemp(folder));
	}
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void a_file_that_everybody_may_write_is_refused(void **state)
{
	(void)state;
	struct err err = { 0 };
	const char *path = scratch_file("open.conf");
	write_file(path, "[vault]\nurl = file:///v\n", 0666);
	assert_null(config_file_load(path, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "everybody may write this file"));
	unlink(path);
}

static void files_beside_the_configuration_are_read_too(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(mkdir(scratch_file("conf.d"), 0700), 0);
	write_file(scratch_file("conf.d/10-a.conf"), "[store a]\ntype = files\npath = /a\n", 0600);
	write_file(scratch_file("holdfast.conf"), "[vault]\nurl = file:///v\n", 0600);
	AUTO(config) c = config_file_load(scratch_file("holdfast.conf"), &err);
	assert_non_null(c);
	assert_non_null(config_find(c, CONFIG_STORE, "a"));

	/* a key before any section must not end up in the last section of the file before */
	write_file(scratch_file("conf.d/20-b.conf"), "path = /b\n", 0600);
	assert_null(config_file_load(scratch_file("holdfast.conf"), &err));
	assert_non_null(strstr(err.msg, "20-b.conf:1: 'path' stands before any section"));
	unlink(scratch_file("conf.d/20-b.conf"));
	unlink(scratch_file("conf.d/10-a.conf"));
	unlink(scratch_file("holdfast.conf"));
	rmdir(scratch_file("conf.d"));
}

static void an_appended_section_is_checked_before_the_file_changes(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct stat st;
	const char *path = scratch_file("edit.conf");
	write_file(path, "[vault]\nurl = file:///v", 0640);
	assert_int_equal(config_edit_append(path, "[store a]\ntype = files\npath = /a\n", &err), 0);
	assert_int_equal(config_edit_append(path, "[store a]\ntype = files\npath = /b\n", &err),
	                 ERR_INVALID);
	AUTO(config) c = config_file_load(path, &err);
	assert_non_null(c);
	assert_string_equal(config_get(c, config_find(c, CONFIG_STORE, "a"), "path"), "/a");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	unlink(path);
}

static void values_that_could_not_be_read_back_are_not_written(void **state)
{
	(void)state;
	struct err err = { 0 };
	char longer[256];
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(ini_guard_writable("path", "/srv/a b;c", &err), 0);
	assert_int_equal(ini_guard_writable("path", "/srv/a ;c", &err), ERR_INVALID);
	assert_int_equal(ini_guard_writable("path", "/srv/a\nb", &err), ERR_INVALID);
	assert_int_equal(ini_guard_writable("path", "/srv/a ", &err), ERR_INVALID);
	assert_int_equal(ini_guard_writable("path", "", &err), ERR_INVALID);
	assert_int_equal(ini_guard_writable("path", longer, &err), ERR_INVALID);
}

static int remove_scratch(void **state)
{
	(void)state;
	return rmdir(scratch_file("")) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sample_is_understood),
		cmocka_unit_test(times_have_one_grammar_and_a_default),
		cmocka_unit_test(what_runs_tell_stands_in_a_section_of_its_own),
		cmocka_unit_test(a_store_takes_what_it_does_not_say_from_the_defaults),
		cmocka_unit_test(exclude_may_be_repeated_and_be_a_list),
		cmocka_unit_test(an_unknown_key_names_file_line_and_the_nearest),
		cmocka_unit_test(an_unknown_section_names_the_nearest),
		cmocka_unit_test(what_stands_twice_is_refused),
		cmocka_unit_test(a_value_that_inih_would_cut_is_refused),
		cmocka_unit_test(a_semicolon_without_a_blank_is_part_of_the_value),
		cmocka_unit_test(lines_are_whole_up_to_the_limit_and_refused_beyond),
		cmocka_unit_test(a_long_value_arrives_whole),
		cmocka_unit_test(names_are_whole_up_to_the_limit_and_refused_beyond),
		cmocka_unit_test(line_numbers_stay_right_behind_long_comments),
		cmocka_unit_test(an_empty_section_is_noticed),
		cmocka_unit_test(an_indented_line_is_a_line_of_its_own),
		cmocka_unit_test(a_byte_order_mark_is_skipped_and_a_nul_refused),
		cmocka_unit_test(what_is_no_section_and_no_entry_is_refused),
		cmocka_unit_test(values_are_checked_where_they_stand),
		cmocka_unit_test(store_names_that_commands_could_not_say_are_refused),
		cmocka_unit_test(a_fleet_needs_a_template_that_tells_its_files_apart),
		cmocka_unit_test(a_file_that_everybody_may_write_is_refused),
		cmocka_unit_test(files_beside_the_configuration_are_read_too),
		cmocka_unit_test(an_appended_section_is_checked_before_the_file_changes),
		cmocka_unit_test(values_that_could_not_be_read_back_are_not_written),
	};
	return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
