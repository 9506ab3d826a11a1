/* A command's output is a store only if the command finished its work (DESIGN.md 9, rule 1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holdfast/err.h"
#include "holdfast/source.h"
#include "scratch.h"

extern const struct source_ops source_command, source_mariadb_dump, source_postgres_dump;

enum { BLOCK = 65536, OUT_MAX = 4 << 20 };

static char out[OUT_MAX];
static size_t out_len;
static char facts_json[1000];
static struct err err;

static int read_to_end(struct source *s)
{
	for (size_t got = 1; got > 0; out_len += got) {
		assert_true(out_len + BLOCK < OUT_MAX);
		if (s->ops->read(s, out + out_len, BLOCK, &got, &err) != 0)
			return err.code;
	}
	out[out_len] = '\0';
	return 0;
}

/* A whole backup; the result of its first failing call. */
static int back_up(const struct source_options *options)
{
	struct source_entry entry;
	struct source_facts facts = { 0 };
	char stamp[SOURCE_STAMP_MAX];
	out_len = 0;
	memset(&err, 0, sizeof err);
	struct source *s = source_command.open(options, &err);
	if (!s)
		return err.code;
	int rc = s->ops->stamp(s, stamp, &err);
	if (rc == 0)
		rc = s->ops->begin(s, &err);
	if (rc == 0)
		rc = s->ops->next(s, &entry, &err) == 1 ? read_to_end(s) : (int)err.code;
	if (rc == 0)
		rc = s->ops->end(s, &facts, stamp, &err);
	if (rc == 0)
		snprintf(facts_json, sizeof facts_json, "%s", facts.json);
	s->ops->free(s);
	return rc;
}

static int back_up_script(const char *script, const char *end_marker)
{
	struct source_options options = {
		.type = "command", .name = "crm", .command = script, .shell = true,
		.end_marker = end_marker, .timeout_s = 20,
	};
	return back_up(&options);
}

static void a_finished_dump_is_delivered_whole(void **state)
{
	(void)state;
	assert_int_equal(back_up_script("seq 1 200000; echo '-- Dump completed'", "-- Dump completed"), 0);
	assert_int_equal(out_len, 1288895 + 18);
	assert_int_equal(strncmp(out, "1\n2\n3\n", 6), 0);
	assert_non_null(strstr(out + out_len - 40, "200000\n-- Dump completed\n"));
	assert_string_equal(facts_json, "{\"bytes\":1288913,\"engine\":\"command\",\"program\":\"sh\"}");
}

static void the_entry_is_one_private_file_named_after_the_store(void **state)
{
	(void)state;
	struct source_options options = { .type = "command", .name = "tenants/acme", .command = "true" };
	struct source_entry entry;
	char stamp[SOURCE_STAMP_MAX] = "x", bytes[1];
	struct source *s = source_command.open(&options, &err);
	assert_non_null(s);
	assert_int_equal(s->ops->stamp(s, stamp, &err), 0);
	assert_string_equal(stamp, "");
	assert_int_equal(s->ops->next(s, &entry, &err), ERR_INVALID);
	assert_int_equal(s->ops->begin(s, &err), 0);
	assert_int_equal(s->ops->next(s, &entry, &err), 1);
	assert_string_equal(entry.path, "acme.dump");
	assert_int_equal(entry.page_bytes, 0);
	assert_true(entry.length_bytes == SOURCE_LENGTH_UNKNOWN);
	assert_int_equal(entry.mode, S_IFREG | 0600);
	assert_int_equal(entry.uid, getuid());
	assert_string_equal(entry.stamp, "");
	assert_null(entry.extra);
	assert_int_equal(s->ops->next(s, &entry, &err), 0);
	assert_int_equal(s->ops->reread(s, 0, bytes, 1, &err), ERR_INVALID);
	assert_int_equal(s->ops->settle(NULL, &err), ERR_INVALID);
	s->ops->free(s);
}

static void a_failing_command_is_no_backup(void **state)
{
	(void)state;
	static const char denied[] = "seq 1 9; echo \"Access denied for user 'backup'\" >&2; exit 2";
	assert_int_equal(back_up_script(denied, NULL), ERR_SOURCE);
	assert_string_equal(err.msg, "sh exited 2: \"Access denied for user 'backup'\"");
	assert_int_equal(back_up_script("seq 1 9; kill -9 $$", NULL), ERR_SOURCE);
	assert_string_equal(err.msg, "sh was killed by signal 9");
}

static void status_0_without_the_end_marker_is_no_backup(void **state)
{
	(void)state;
	assert_int_equal(back_up_script("seq 1 9", "-- Dump completed"), ERR_SOURCE);
	assert_string_equal(err.msg, "sh ended without its end marker '-- Dump completed'");
	/* at the beginning it proves nothing */
	assert_int_equal(back_up_script("echo '-- Dump completed'; seq 1 1000", "-- Dump completed"),
	                 ERR_SOURCE);
}

static void a_marker_across_two_reads_is_found(void **state)
{
	(void)state;
	for (int before = BLOCK - 17; before <= BLOCK; before += 4) {
		char script[200];
		snprintf(script, sizeof script, "head -c %d /dev/zero; echo '-- Dump completed'", before);
		assert_int_equal(back_up_script(script, "-- Dump completed"), 0);
		assert_int_equal(out_len, before + 18);
	}
	assert_int_equal(back_up_script("printf END; sleep 0.1; printf MARK", "ENDMARK"), 0);
}

static void an_empty_dump_is_no_backup(void **state)
{
	(void)state;
	assert_int_equal(back_up_script("exit 0", NULL), ERR_SOURCE);
	assert_string_equal(err.msg, "sh exited 0 but wrote nothing");
}

static void a_silent_command_is_killed(void **state)
{
	(void)state;
	struct source_options options = { .type = "command", .command = "sleep 60", .timeout_s = 1 };
	assert_int_equal(back_up(&options), ERR_SOURCE);
	assert_string_equal(err.msg, "sleep sent nothing for 1 s and was killed");
}

static void a_failure_after_stdout_ended_counts(void **state)
{
	(void)state;
	assert_int_equal(back_up_script("echo data; exec >&-; sleep 0.3; exit 5", NULL), ERR_SOURCE);
	assert_string_equal(err.msg, "sh exited 5");
}

static void output_that_was_not_read_is_no_backup(void **state)
{
	(void)state;
	struct source_options options = { .type = "command", .command = "seq 1 9" };
	struct source_facts facts;
	char stamp[SOURCE_STAMP_MAX];
	struct source *s = source_command.open(&options, &err);
	assert_non_null(s);
	assert_int_equal(s->ops->begin(s, &err), 0);
	assert_int_equal(s->ops->end(s, &facts, stamp, &err), ERR_SOURCE);
	assert_string_equal(err.msg, "seq was not read to its end");
	s->ops->free(s);
}

static void an_absent_program_is_told_before_anything_starts(void **state)
{
	(void)state;
	struct source_options options = { .type = "command", .command = "no-such-dump --all" };
	assert_null(source_command.open(&options, &err));
	assert_int_equal(err.code, ERR_SOURCE);
	assert_string_equal(err.msg, "no-such-dump: not found in PATH");
}

static void wrong_options_are_refused(void **state)
{
	(void)state;
	struct source_options options = { .type = "command" };
	assert_null(source_command.open(&options, &err));
	assert_int_equal(err.code, ERR_INVALID);
	options.command = "echo 'x";
	assert_null(source_command.open(&options, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_string_equal(err.msg, "command: a ' is not closed");
	options.command = "true";
	options.end_marker = "";
	assert_null(source_command.open(&options, &err));
	assert_int_equal(err.code, ERR_INVALID);
	options.end_marker = NULL;
	options.user = "no-such-user";
	assert_null(source_command.open(&options, &err));
	assert_int_equal(err.code, ERR_INVALID);
}

static void only_shell_makes_a_shell(void **state)
{
	(void)state;
	struct source_options options = { .type = "command", .command = "echo a;id $(id -u) 'b c' *" };
	assert_int_equal(back_up(&options), 0);
	assert_string_equal(out, "a;id $(id -u) b c *\n");
	options.command = "printf '%s.' 'one arg' \"two \\\"args\\\"\" th\\ ree";
	assert_int_equal(back_up(&options), 0);
	assert_string_equal(out, "one arg.two \"args\".th ree.");
	options.shell = true;
	options.command = "echo a; echo $((40+2))";
	assert_int_equal(back_up(&options), 0);
	assert_string_equal(out, "a\n42\n");
}

static void the_command_runs_as_the_user(void **state)
{
	(void)state;
	struct source_options options = { .type = "command", .command = "id -un", .user = "nobody" };
	if (geteuid() != 0) {
		assert_int_equal(back_up(&options), ERR_DENIED);
		return;
	}
	assert_int_equal(back_up(&options), 0);
	assert_string_equal(out, "nobody\n");
}

static struct sink *restore(const char *command, const char *dir, bool overwrite)
{
	struct source_options options = { .type = "command", .restore_command = command, .shell = true,
		.timeout_s = 20 };
	return source_command.restore(&options, dir, overwrite, &err);
}

static int fill(struct sink *k, const char *path, const char *text)
{
	struct source_entry entry = { .path = path, .length_bytes = SOURCE_LENGTH_UNKNOWN,
		.mode = S_IFREG | 0600 };
	if (k->ops->entry(k, &entry, &err) != 0)
		return err.code;
	return k->ops->data(k, text, strlen(text), &err);
}

static int restore_text(const char *command, const char *dir, bool overwrite, const char *text)
{
	struct sink *k = restore(command, dir, overwrite);
	assert_non_null(k);
	int rc = fill(k, "crm.dump", text);
	if (rc == 0)
		rc = k->ops->close(k, &err);
	k->ops->free(k);
	return rc;
}

static char folder[SCRATCH_MAX];

static int set_up(void **state)
{
	(void)state;
	return scratch_make(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove(folder);
}

/* A file of the scratch folder; absent gives NULL. */
static const char *content(const char *name)
{
	static char text[200];
	char path[SCRATCH_MAX + 100];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "r");
	if (!f)
		return NULL;
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	return text;
}

static bool is_alive(long pid)
{
	char path[64], line[256] = "";
	snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return false;
	const char *got = fgets(line, sizeof line, f);
	fclose(f);
	const char *state = got ? strrchr(line, ')') : NULL;
	return state && state[2] != 'Z' && state[2] != 'X';
}

static void an_aborted_backup_leaves_no_process(void **state)
{
	(void)state;
	char script[3 * SCRATCH_MAX + 100];
	snprintf(script, sizeof script, "sleep 600 & echo $! $$ >%s/new; mv %s/new %s/pids; wait", folder,
	         folder, folder);
	struct source_options options = { .type = "command", .shell = true, .command = script };
	struct source *s = source_command.open(&options, &err);
	assert_non_null(s);
	assert_int_equal(s->ops->begin(s, &err), 0);
	for (int i = 0; i < 500 && !content("pids"); i++)
		usleep(10000);
	char *rest;
	assert_non_null(content("pids"));
	long child = strtol(content("pids"), &rest, 10), shell = strtol(rest, NULL, 10);
	assert_true(is_alive(child) && is_alive(shell));
	s->ops->free(s);
	for (int i = 0; i < 500 && (is_alive(child) || is_alive(shell)); i++)
		usleep(10000);
	assert_false(is_alive(child) || is_alive(shell));
}

static void a_restore_command_gets_the_dump(void **state)
{
	(void)state;
	char command[SCRATCH_MAX + 40];
	snprintf(command, sizeof command, "cat >%s/got", folder);
	assert_int_equal(restore_text(command, folder, false, "the dump"), 0);
	assert_string_equal(content("got"), "the dump");
}

static void a_failing_restore_command_fails_the_restore(void **state)
{
	(void)state;
	assert_int_equal(restore_text("cat >/dev/null; echo syntax error >&2; exit 3", folder, false, "x"),
	                 ERR_SOURCE);
	assert_string_equal(err.msg, "sh exited 3: \"syntax error\"");
	assert_int_equal(restore_text("sleep 0.2; exit 0", folder, false, "x"), ERR_SOURCE);
	assert_string_equal(err.msg, "sh ended without reading everything");
	assert_null(source_command.restore(&(struct source_options){ .restore_command = "no-such-load" },
	                                   folder, false, &err));
	assert_int_equal(err.code, ERR_SOURCE);
}

static void without_a_restore_command_a_private_file_appears(void **state)
{
	(void)state;
	char dir[SCRATCH_MAX + 20], path[SCRATCH_MAX + 40];
	struct stat st;
	snprintf(dir, sizeof dir, "%s/a/b", folder);
	assert_int_equal(restore_text(NULL, dir, false, "the dump"), 0);
	assert_string_equal(content("a/b/crm.dump"), "the dump");
	snprintf(path, sizeof path, "%s/crm.dump", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void what_is_there_is_kept(void **state)
{
	(void)state;
	assert_int_equal(restore_text(NULL, folder, false, "first"), 0);
	assert_int_equal(restore_text(NULL, folder, false, "second"), ERR_EXISTS);
	assert_string_equal(content("crm.dump"), "first");
	assert_int_equal(restore_text(NULL, folder, true, "second"), 0);
	assert_string_equal(content("crm.dump"), "second");
	assert_string_equal(content("crm.dump.before-restore"), "first");
	assert_int_equal(restore_text(NULL, folder, true, "third"), ERR_EXISTS);
	assert_string_equal(content("crm.dump"), "second");
	assert_string_equal(content("crm.dump.before-restore"), "first");
}

static void an_aborted_restore_leaves_nothing(void **state)
{
	(void)state;
	char command[SCRATCH_MAX + 80];
	struct sink *k = restore(NULL, folder, false);
	assert_non_null(k);
	assert_int_equal(fill(k, "crm.dump", "half"), 0);
	k->ops->free(k);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(mkdir(folder, 0700), 0);

	snprintf(command, sizeof command, "cat >/dev/null && echo committed >%s/got", folder);
	k = restore(command, folder, false);
	assert_non_null(k);
	assert_int_equal(fill(k, "crm.dump", "half"), 0);
	k->ops->free(k);
	assert_null(content("got"));
}

static void stored_names_do_not_lead_out_of_the_folder(void **state)
{
	(void)state;
	static const char *const names[] = { "../x", "/x", "a/../../x", "..", ".", "", "a/x" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct sink *k = restore(NULL, folder, true);
		assert_non_null(k);
		assert_int_equal(fill(k, names[i], "x"), ERR_CORRUPT);
		k->ops->free(k);
	}
}

static void a_password_that_others_can_read_is_refused(void **state)
{
	(void)state;
	static const struct source_ops *const presets[] = { &source_mariadb_dump, &source_postgres_dump };
	static const char *const programs[] = { "/mariadb-dump", "/pg_dump", "/pg_dumpall" };
	char path[SCRATCH_MAX + 40];
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", folder, programs[i]);
		fclose(fopen(path, "w"));
		assert_int_equal(chmod(path, 0755), 0);
	}
	setenv("PATH_BEFORE", getenv("PATH"), 1);
	setenv("PATH", folder, 1);
	snprintf(path, sizeof path, "%s/secret", folder);
	fclose(fopen(path, "w"));
	for (size_t i = 0; i < 2; i++) {
		struct source_options options = { .type = presets[i]->type, .name = "shop",
			.defaults_file = path };
		assert_int_equal(chmod(path, 0640), 0);
		assert_null(presets[i]->open(&options, &err));
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.hint, "chmod 600"));
		assert_int_equal(chmod(path, 0600), 0);
		struct source *s = presets[i]->open(&options, &err);
		assert_non_null(s);
		s->ops->free(s);
		options.defaults_file = "/no/such/file";
		assert_null(presets[i]->open(&options, &err));
		assert_int_equal(err.code, ERR_INVALID);
	}
	setenv("PATH", getenv("PATH_BEFORE"), 1);
}

static void a_password_in_a_command_line_is_refused(void **state)
{
	(void)state;
	static const char *const databases[] = { "host=db password=x", "postgresql://joe:x@db/crm", "" };
	for (size_t i = 0; i < sizeof databases / sizeof databases[0]; i++) {
		struct source_options options = { .type = "postgres-dump", .database = databases[i] };
		assert_null(source_postgres_dump.open(&options, &err));
		assert_int_equal(err.code, ERR_INVALID);
	}
}

int main(void)
{
#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_finished_dump_is_delivered_whole),
		cmocka_unit_test(the_entry_is_one_private_file_named_after_the_store),
		cmocka_unit_test(a_failing_command_is_no_backup),
		cmocka_unit_test(status_0_without_the_end_marker_is_no_backup),
		cmocka_unit_test(a_marker_across_two_reads_is_found),
		cmocka_unit_test(an_empty_dump_is_no_backup),
		cmocka_unit_test(a_silent_command_is_killed),
		cmocka_unit_test(a_failure_after_stdout_ended_counts),
		cmocka_unit_test(output_that_was_not_read_is_no_backup),
		cmocka_unit_test(an_absent_program_is_told_before_anything_starts),
		cmocka_unit_test(wrong_options_are_refused),
		cmocka_unit_test(only_shell_makes_a_shell),
		cmocka_unit_test(the_command_runs_as_the_user),
		IN_FOLDER(an_aborted_backup_leaves_no_process),
		IN_FOLDER(a_restore_command_gets_the_dump),
		IN_FOLDER(a_failing_restore_command_fails_the_restore),
		IN_FOLDER(without_a_restore_command_a_private_file_appears),
		IN_FOLDER(what_is_there_is_kept),
		IN_FOLDER(an_aborted_restore_leaves_nothing),
		IN_FOLDER(stored_names_do_not_lead_out_of_the_folder),
		IN_FOLDER(a_password_that_others_can_read_is_refused),
		cmocka_unit_test(a_password_in_a_command_line_is_refused),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
