/* What sinks must hold: nothing wrong under a final name, nothing outside the folder, nothing lost
 * that was there; archives that other programs read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/scope.h"
#include "scratch.h"
#include "source/sink.h"
#include "tree.h"
#include "tree_make.h"

enum { NOBODY = 65534 };

struct place {
	char scratch[SCRATCH_MAX];
	char from[SCRATCH_MAX + 10], to[SCRATCH_MAX + 10];
	struct source_options options;
	struct sink *sink;
	struct tree tree;
	struct err err;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	if (!p || !scratch_make(p->scratch) || chmod(p->scratch, 0755) != 0)
		return -1;
	snprintf(p->from, sizeof p->from, "%s/from", p->scratch);
	snprintf(p->to, sizeof p->to, "%s/to", p->scratch);
	p->options = (struct source_options){ .type = "files", .path = p->from };
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	sink_free(p->sink);
	tree_drop(&p->tree);
	umount2(p->to, MNT_DETACH);
	char command[SCRATCH_MAX + 20];
	snprintf(command, sizeof command, "rm -rf '%s'", p->scratch);
	if (system(command) != 0)
		fprintf(stderr, "%s: left behind\n", p->scratch);
	free(p);
	return 0;
}

static void need_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("needs root\n");
	skip();
}

/* A shell command with the folders as $1 (from), $2 (to), $3 (scratch). */
static int run(const struct place *p, const char *script)
{
	char command[4 * SCRATCH_MAX + 2000];
	snprintf(command, sizeof command, "set -- '%s' '%s' '%s'; %s", p->from, p->to, p->scratch,
	         script);
	return system(command);
}

static void record(struct place *p)
{
	if (tree_record(&p->tree, &p->options, &p->err) != 0)
		fail_msg("%s", p->err.msg);
}

static void record_everything(struct place *p)
{
	assert_true(tree_make(p->from));
	record(p);
}

static struct sink *to_disk(struct place *p, bool overwrite)
{
	struct sink *k = sink_to_disk(p->to, overwrite, &p->err);
	if (!k)
		fail_msg("%s", p->err.msg);
	return k;
}

static void play(struct place *p, struct sink *k)
{
	if (tree_play(&p->tree, k, &p->err) != 0)
		fail_msg("%s", p->err.msg);
}

static int give(struct place *p, const struct source_entry *entry)
{
	return p->sink->ops->entry(p->sink, entry, &p->err);
}

static int give_text(struct place *p, const char *text)
{
	return p->sink->ops->data(p->sink, text, strlen(text), &p->err);
}

static struct source_entry a_file(const char *path, size_t len)
{
	return (struct source_entry){ .path = path, .length_bytes = len, .mode = S_IFREG | 0640 };
}

/* The entries up to `path`, and half of that file. */
static void play_half(struct place *p, struct sink *k, const char *path)
{
	for (size_t i = 0; i < p->tree.n; i++) {
		const struct tree_entry *e = &p->tree.entries[i];
		if (strcmp(e->entry.path, path) != 0) {
			assert_int_equal(tree_play_one(e, k, &p->err), 0);
			continue;
		}
		assert_int_equal(k->ops->entry(k, &e->entry, &p->err), 0);
		assert_int_equal(k->ops->data(k, e->data, e->len / 2, &p->err), 0);
		return;
	}
	fail();
}

static void a_restore_that_ended_early_leaves_no_half_file(void **state)
{
	struct place *p = *state;
	record_everything(p);
	struct sink *k = to_disk(p, false);
	play_half(p, k, "noise");
	sink_free(k);
	assert_int_equal(run(p, "test ! -e \"$2/noise\""), 0);
	assert_int_equal(run(p, "test $(ls -A \"$2\" | grep -c holdfast-part) = 1"), 0);
}

static void an_interrupted_restore_goes_on_when_repeated(void **state)
{
	struct place *p = *state;
	record_everything(p);
	struct sink *k = to_disk(p, false);
	play_half(p, k, "sparse");
	sink_free(k);
	play(p, to_disk(p, false));
	assert_true(tree_equal(p->from, p->to));
	play(p, to_disk(p, false));
	assert_true(tree_equal(p->from, p->to));
}

static void a_killed_restore_goes_on_and_its_part_file_goes(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir \"$1\" && seq 200000 > \"$1/a\" && seq 300000 > \"$1/b\""), 0);
	record(p);
	pid_t pid = fork();
	if (pid == 0) {
		play_half(p, to_disk(p, false), "b");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(run(p, "test -e \"$2/.b.holdfast-part\""), 0);
	play(p, to_disk(p, false));
	assert_true(tree_equal(p->from, p->to));
}

static void another_file_in_the_way_is_refused_and_left(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir \"$1\" \"$2\"; echo new > \"$1/f\"; echo other > \"$2/f\""), 0);
	record(p);
	assert_int_equal(tree_play(&p->tree, to_disk(p, false), &p->err), ERR_EXISTS);
	assert_non_null(strstr(p->err.msg, "to/f"));
	assert_non_null(strstr(p->err.hint, "--overwrite"));
	assert_int_equal(run(p, "test \"$(cat \"$2/f\")\" = other && test $(ls -A \"$2\" | wc -l) = 1"), 0);
}

static void a_file_of_the_same_length_is_compared_to_its_end(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir \"$1\" \"$2\"; head -c 700000 /dev/zero | tr '\\0' x > \"$1/f\";"
	                        "cp -p \"$1/f\" \"$2/f\"; printf y | dd of=\"$2/f\" bs=1 seek=699999 "
	                        "conv=notrunc status=none; touch -r \"$1/f\" \"$2/f\""), 0);
	record(p);
	assert_int_equal(tree_play(&p->tree, to_disk(p, false), &p->err), ERR_EXISTS);
	assert_int_equal(run(p, "test $(tail -c 1 \"$2/f\") = y"), 0);
	play(p, to_disk(p, true));
	assert_int_equal(run(p, "cmp \"$1/f\" \"$2/f\" && test $(tail -c 1 \"$2/f.before-restore\") = y"), 0);
}

static void overwriting_keeps_what_was_there(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir -p \"$1/d\" \"$2\"; echo new > \"$1/f\"; ln -s f \"$1/l\"; mkfifo "
	                        "\"$1/p\"; ln \"$1/f\" \"$1/h\"; cd \"$2\"; mkdir f l; for i in d p h; do "
	                        "echo $i > $i; done; touch f/x"), 0);
	record(p);
	play(p, to_disk(p, true));
	assert_int_equal(run(p, "cd \"$2\" && for i in d p h; do grep -q $i $i.before-restore || exit 1; "
	                        "rm $i.before-restore; done; rm f.before-restore/x && "
	                        "rmdir f.before-restore l.before-restore"), 0);
	assert_int_equal(run(p, "touch -r \"$1\" \"$2\"; chmod --reference=\"$1\" \"$2\""), 0);
	assert_true(tree_equal(p->from, p->to));
}

static void what_was_kept_once_is_never_replaced(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir \"$1\" \"$2\"; echo new > \"$1/f\"; cd \"$2\"; echo precious > "
	                        "f.before-restore; echo other > f"), 0);
	record(p);
	assert_int_equal(tree_play(&p->tree, to_disk(p, true), &p->err), ERR_EXISTS);
	assert_int_equal(run(p, "cd \"$2\"; grep -q precious f.before-restore && grep -q other f"), 0);
}

static void an_equal_file_is_accepted_as_it_is(void **state)
{
	struct place *p = *state;
	struct stat before, after;
	char path[SCRATCH_MAX + 20];
	assert_int_equal(run(p, "mkdir \"$1\" \"$2\"; seq 100000 > \"$1/f\"; cp \"$1/f\" \"$2/f\""), 0);
	snprintf(path, sizeof path, "%s/f", p->to);
	assert_int_equal(stat(path, &before), 0);
	record(p);
	play(p, to_disk(p, false));
	assert_int_equal(stat(path, &after), 0);
	assert_true(before.st_ino == after.st_ino);
}

static void nothing_is_written_through_a_restored_link(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir \"$1\" \"$3/outside\" && ln -s \"$3/outside\" \"$1/a\""), 0);
	record(p);
	p->sink = to_disk(p, true);
	assert_int_equal(tree_play_one(tree_find(&p->tree, "a"), p->sink, &p->err), 0);
	struct source_entry evil = a_file("a/evil", 4);
	assert_int_equal(give(p, &evil), ERR_EXISTS);
	struct source_entry folder = { .path = "a/b", .mode = S_IFDIR | 0755 };
	assert_int_equal(give(p, &folder), ERR_EXISTS);
	assert_int_equal(run(p, "test -z \"$(ls -A \"$3/outside\")\""), 0);
}

static void a_link_in_place_of_a_folder_is_refused(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir -p \"$1/a\" \"$2\" \"$3/outside\" && touch \"$1/a/f\" && "
	                        "ln -s \"$3/outside\" \"$2/a\""), 0);
	record(p);
	assert_int_equal(tree_play(&p->tree, to_disk(p, false), &p->err), ERR_EXISTS);
	assert_int_equal(run(p, "test -z \"$(ls -A \"$3/outside\")\""), 0);
}

static void no_path_leads_out_of_the_folder(void **state)
{
	struct place *p = *state;
	p->sink = to_disk(p, true);
	const char *const paths[] = { "../x", "/x", "a/../../x", "a/..", "a//b", "./a", "a/", "", ".." };
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct source_entry entry = a_file(paths[i], 1);
		assert_int_equal(give(p, &entry), ERR_CORRUPT);
	}
}

/* Take a recorded hard link and change its target in place, in the header's link field. */
static void a_hard_link_leads_nowhere_else(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir -p \"$1\" && echo x > \"$1/aaaaaaaa\" && ln \"$1/aaaaaaaa\" "
	                        "\"$1/b\" && echo secret > \"$3/x\" && ln -s \"$3\" \"$1/L\""), 0);
	record(p);
	const char *const targets[] = { "../x", "/etc/hosts", "L/x" };
	for (size_t i = 0; i < 3; i++) {
		struct tree_entry *e = tree_find(&p->tree, "b");
		char *header = (char *)(uintptr_t)e->entry.extra;
		assert_int_equal(e->entry.extra_len, 512);
		memset(header + 157, 0, 100);
		snprintf(header + 157, 100, "%s", targets[i]);
		unsigned sum = 8 * ' ';
		for (size_t j = 0; j < 512; j++)
			sum += j >= 148 && j < 156 ? 0 : (unsigned char)header[j];
		snprintf(header + 148, 8, "%06o", sum & 0777777);
		p->sink = to_disk(p, false);
		assert_int_equal(tree_play_one(tree_find(&p->tree, "L"), p->sink, &p->err), 0);
		assert_int_equal(give(p, &e->entry), i < 2 ? ERR_CORRUPT : ERR_EXISTS);
		sink_free(TAKE(p->sink));
	}
	assert_int_equal(run(p, "test ! -e \"$2/b\""), 0);
}

static void a_link_without_its_first_name_says_what_to_restore(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir \"$1\" && echo x > \"$1/a\" && ln \"$1/a\" \"$1/b\""), 0);
	record(p);
	p->sink = to_disk(p, false);
	assert_int_equal(give(p, &tree_find(&p->tree, "b")->entry), ERR_ABSENT);
	assert_non_null(strstr(p->err.msg, "'a'"));
}

static void a_full_disk_is_no_space_and_leaves_no_part(void **state)
{
	struct place *p = *state;
	need_root();
	assert_int_equal(run(p, "mkdir \"$1\" \"$2\" && head -c 3000000 /dev/urandom > \"$1/f\""), 0);
	record(p);
	if (mount("none", p->to, "tmpfs", 0, "size=1m") != 0) {
		print_message("cannot mount\n");
		skip();
	}
	assert_int_equal(tree_play(&p->tree, to_disk(p, false), &p->err), ERR_SPACE);
	assert_non_null(strstr(p->err.msg, "to/f"));
	assert_int_equal(run(p, "test -z \"$(ls -A \"$2\")\""), 0);
}

static void a_file_that_came_short_is_not_made_final(void **state)
{
	struct place *p = *state;
	p->sink = to_disk(p, false);
	struct source_entry entry = a_file("f", 10), next = a_file("g", 0);
	assert_int_equal(give(p, &entry), 0);
	assert_int_equal(give_text(p, "short"), 0);
	assert_int_equal(give(p, &next), ERR_CORRUPT);
	assert_int_equal(run(p, "test -z \"$(ls -A \"$2\")\""), 0);
}

static void contents_of_something_else_than_a_file_are_refused(void **state)
{
	struct place *p = *state;
	p->sink = to_disk(p, false);
	struct source_entry folder = { .path = "d", .mode = S_IFDIR | 0755 };
	assert_int_equal(give(p, &folder), 0);
	assert_int_equal(give_text(p, "x"), ERR_CORRUPT);
}

static void metadata_of_another_kind_is_refused(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir -p \"$1/d\""), 0);
	record(p);
	struct source_entry entry = tree_find(&p->tree, "d")->entry;
	p->sink = to_disk(p, false);
	entry.mode = S_IFREG | 0644;
	assert_int_equal(give(p, &entry), ERR_CORRUPT);
	entry = tree_find(&p->tree, "d")->entry;
	entry.extra_len = 300;
	assert_int_equal(give(p, &entry), ERR_CORRUPT);
}

static void an_entry_without_metadata_gets_mode_and_time(void **state)
{
	struct place *p = *state;
	struct stat st;
	char path[SCRATCH_MAX + 20];
	p->sink = to_disk(p, false);
	struct source_entry entry = a_file("sub/f", 0);
	entry.length_bytes = SOURCE_LENGTH_UNKNOWN;
	entry.mtime_ns = -1500000000;
	entry.uid = geteuid();
	entry.gid = getegid();
	assert_int_equal(give(p, &entry), 0);
	assert_int_equal(give_text(p, "text"), 0);
	assert_int_equal(p->sink->ops->close(p->sink, &p->err), 0);
	snprintf(path, sizeof path, "%s/sub/f", p->to);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_mode == (S_IFREG | 0640) && st.st_size == 4);
	assert_true(st.st_mtim.tv_sec == -2 && st.st_mtim.tv_nsec == 500000000);
}

static void a_folder_that_was_in_use_keeps_its_own_mode(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir -m 700 \"$1\"; mkdir -m 755 \"$2\"; touch \"$1/f\" \"$2/mine\""), 0);
	record(p);
	play(p, to_disk(p, false));
	assert_int_equal(run(p, "test $(stat -c %a \"$2\") = 755"), 0);
}

static void an_empty_folder_gets_the_recorded_mode(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir -m 711 \"$1\"; mkdir -m 755 \"$2\"; touch \"$1/f\""), 0);
	record(p);
	play(p, to_disk(p, false));
	assert_true(tree_equal(p->from, p->to));
}

static void another_user_restores_all_contents_and_hears_what_is_missing(void **state)
{
	struct place *p = *state;
	need_root();
	assert_int_equal(run(p, "mkdir \"$1\" && cd \"$1\" && echo x > f && cp f suid && chown 12:12 suid && "
	                        "chmod 6755 suid && mknod null c 1 3 && echo z > zz && "
	                        "install -d -o 65534 -g 65534 \"$2\""), 0);
	record(p);
	assert_int_equal(seteuid(NOBODY), 0);
	int rc = tree_play(&p->tree, sink_to_disk(p->to, false, &p->err), &p->err);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(rc, ERR_DENIED);
	assert_non_null(strstr(p->err.msg, "to/null"));
	assert_non_null(strstr(p->err.hint, "1 files"));
	assert_int_equal(run(p, "cd \"$2\" && cmp \"$1/zz\" zz && test $(stat -c %a%u suid) = 75565534"), 0);
}

static void a_descriptor_gets_all_bytes_in_order(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir \"$1\" && seq 99999 > \"$1/a\" && echo end > \"$1/b\""), 0);
	record(p);
	int fd = open(p->to, O_WRONLY | O_CREAT, 0600);
	play(p, sink_to_fd(fd, &p->err));
	assert_int_equal(close(fd), 0);
	assert_int_equal(run(p, "cat \"$1/a\" \"$1/b\" | cmp - \"$2\""), 0);
}

static void a_full_or_broken_output_is_an_error(void **state)
{
	struct place *p = *state;
	int ends[2], full = open("/dev/full", O_WRONLY);
	signal(SIGPIPE, SIG_IGN);
	p->sink = sink_to_fd(full, &p->err);
	assert_int_equal(give_text(p, "x"), ERR_SPACE);
	sink_free(p->sink);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	p->sink = sink_to_fd(ends[1], &p->err);
	assert_int_equal(give_text(p, "x"), ERR_IO);
	assert_int_equal(p->err.sys, EPIPE);
	sink_free(p->sink);

	p->sink = sink_to_archive(full, "tar", &p->err);
	struct source_entry entry = a_file("f", 3);
	int rc = give(p, &entry);
	if (rc == 0)
		rc = give_text(p, "abc");
	if (rc == 0)
		rc = p->sink->ops->close(p->sink, &p->err);
	assert_int_equal(rc, ERR_SPACE);
	close(full);
	close(ends[1]);
}

static void archive(struct place *p, const char *format)
{
	char path[SCRATCH_MAX + 20];
	snprintf(path, sizeof path, "%s/archive", p->scratch);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct sink *k = sink_to_archive(fd, format, &p->err);
	assert_non_null(k);
	play(p, k);
	assert_int_equal(close(fd), 0);
}

/* -S, because a tar archive holds zeros as zeros */
static void tar_extracts_what_was_archived(void **state)
{
	struct place *p = *state;
	assert_true(tree_make(p->from));
	assert_int_equal(run(p, "setfattr -x user.a=b \"$1/attributes\"; rm -r \"$1\"/dddd*; "
	                        "touch -d @1700000000.5 \"$1\""), 0);
	record(p);
	archive(p, "tar");
	assert_int_equal(run(p, "mkdir \"$2\" && cd \"$2\" && LC_ALL=C tar --numeric-owner --xattrs "
	                        "--xattrs-include='*' --acls -xpf ../archive 2>\"$3/log\" && "
	                        "fallocate -d sparse && fallocate -d zeros && "
	                        "touch -r \"$1/sparse\" sparse && "
	                        "touch -r \"$1/zeros\" zeros && touch -r \"$1\" ."), 0);
	assert_true(tree_equal(p->from, p->to));
}

static void a_utf8_name_is_marked_as_such_in_any_locale(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir \"$1\" && printf x > \"$1/Stra\303\237e\""), 0);
	record(p);
	archive(p, "tar");
	assert_int_equal(run(p, "! grep -aq hdrcharset \"$3/archive\""), 0);
	archive(p, "zip");
	assert_int_equal(run(p, "python3 -c 'import sys, zipfile; sys.exit(\"Stra\\u00dfe\" not in "
	                        "zipfile.ZipFile(sys.argv[1]).namelist())' \"$3/archive\""), 0);
}

static void unzip_extracts_what_was_archived(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir -p \"$1/sub/deep\" && cd \"$1\" && seq 99999 > a && touch empty && "
	                        "ln -s a link && chmod 750 a && ln a sub/deep/hard && ln -s ../a sub/up"), 0);
	record(p);
	archive(p, "zip");
	assert_int_equal(run(p, "mkdir \"$2\" && cd \"$2\" && unzip -q ../archive && diff -r \"$1\" . && "
	                        "test $(stat -c %a a) = 750 && test $(readlink sub/deep/hard) = ../../a "
	                        "&& test $(readlink link) = a"), 0);
}

static void a_pipe_does_not_fit_a_zip(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, "mkdir \"$1\" && mkfifo \"$1/pipe\""), 0);
	record(p);
	int fd = open("/dev/null", O_WRONLY);
	assert_int_equal(tree_play(&p->tree, sink_to_archive(fd, "zip", &p->err), &p->err), ERR_INVALID);
	assert_non_null(strstr(p->err.hint, "tar"));
	close(fd);
}

static void an_archive_without_close_has_no_end(void **state)
{
	struct place *p = *state;
	char path[SCRATCH_MAX + 20];
	snprintf(path, sizeof path, "%s/archive", p->scratch);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	p->sink = sink_to_archive(fd, "zip", &p->err);
	struct source_entry entry = a_file("f", 3);
	assert_int_equal(give(p, &entry), 0);
	assert_int_equal(give_text(p, "abc"), 0);
	sink_free(TAKE(p->sink));
	close(fd);
	assert_int_not_equal(run(p, "unzip -tq \"$3/archive\" >\"$3/log\" 2>&1"), 0);
}

static void an_archive_refuses_wrong_lengths_and_formats(void **state)
{
	struct place *p = *state;
	int fd = open("/dev/null", O_WRONLY);
	assert_null(sink_to_archive(fd, "rar", &p->err));
	assert_int_equal(p->err.code, ERR_INVALID);
	p->sink = sink_to_archive(fd, "tar", &p->err);
	struct source_entry entry = a_file("f", 3);
	assert_int_equal(give(p, &entry), 0);
	assert_int_equal(give_text(p, "abcd"), ERR_CORRUPT);
	assert_int_equal(p->sink->ops->close(p->sink, &p->err), ERR_CORRUPT);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_restore_that_ended_early_leaves_no_half_file),
		TEST(an_interrupted_restore_goes_on_when_repeated),
		TEST(a_killed_restore_goes_on_and_its_part_file_goes),
		TEST(another_file_in_the_way_is_refused_and_left),
		TEST(a_file_of_the_same_length_is_compared_to_its_end),
		TEST(overwriting_keeps_what_was_there),
		TEST(what_was_kept_once_is_never_replaced),
		TEST(an_equal_file_is_accepted_as_it_is),
		TEST(nothing_is_written_through_a_restored_link),
		TEST(a_link_in_place_of_a_folder_is_refused),
		TEST(no_path_leads_out_of_the_folder),
		TEST(a_hard_link_leads_nowhere_else),
		TEST(a_link_without_its_first_name_says_what_to_restore),
		TEST(a_full_disk_is_no_space_and_leaves_no_part),
		TEST(a_file_that_came_short_is_not_made_final),
		TEST(contents_of_something_else_than_a_file_are_refused),
		TEST(metadata_of_another_kind_is_refused),
		TEST(an_entry_without_metadata_gets_mode_and_time),
		TEST(a_folder_that_was_in_use_keeps_its_own_mode),
		TEST(an_empty_folder_gets_the_recorded_mode),
		TEST(another_user_restores_all_contents_and_hears_what_is_missing),
		TEST(a_descriptor_gets_all_bytes_in_order),
		TEST(a_full_or_broken_output_is_an_error),
		TEST(tar_extracts_what_was_archived),
		TEST(a_utf8_name_is_marked_as_such_in_any_locale),
		TEST(unzip_extracts_what_was_archived),
		TEST(a_pipe_does_not_fit_a_zip),
		TEST(an_archive_without_close_has_no_end),
		TEST(an_archive_refuses_wrong_lengths_and_formats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
