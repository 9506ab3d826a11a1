/* A database goes in, and only a masked one is ever a file with a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <ftw.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "crypto/hash.h"
#include "holdfast/source.h"
#include "mask_make.h"
#include "source/mask_rules.h"
#include "source/sink_masked.h"

struct place {
	char folder[SCRATCH_MAX], out[MASK_MAKE_PATH], from[MASK_MAKE_PATH];
	char target[MASK_MAKE_PATH + 100], boxes[MASK_MAKE_PATH + 40];
	struct buf *image;
	struct mask_rules *rules;
	struct mask_result result;
	struct sink_masked_options options;
	struct err err;
};

static int set_up(void **state)
{
	static const char text[] = "[t]\nname = hash\n";
	struct place *p = calloc(1, sizeof *p);
	if (!p || !scratch_make(p->folder) || chmod(p->folder, 0711) != 0)
		return -1;
	snprintf(p->out, sizeof p->out, "%s/out", p->folder);
	snprintf(p->from, sizeof p->from, "%s/from.db", p->folder);
	snprintf(p->boxes, sizeof p->boxes, "%s/" SINK_MASKED_BOXES, p->out);
	p->image = buf_new(16 << 20, &p->err);
	p->rules = mask_rules_parse("rules", ".", text, sizeof text - 1, &p->err);
	if (!p->image || !p->rules || mkdir(p->out, 0711) != 0 ||
	    !mask_make(p->from, "CREATE TABLE t(name); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
	               "SELECT i + 1 FROM n LIMIT 2000) INSERT INTO t SELECT 'SECRET' || i FROM n") ||
	    io_read_file(p->from, p->image, &p->err) != 0 || unlink(p->from) != 0)
		return -1;
	p->options = (struct sink_masked_options){
		.folder = p->out, .rules = p->rules, .arg = p, .result = &p->result, .target = p->target,
		.target_size = sizeof p->target,
	};
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	int rc = scratch_remove(p->folder);
	buf_free(p->image);
	mask_rules_free(p->rules);
	free(p);
	return rc;
}

static unsigned found;

static int look(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)at;
	if (type == FTW_F) {
		found++;
		assert_false(mask_file_holds(path, MASK_SECRET));
	}
	return 0;
}

/* Files in the folder and below; none of them holds a secret. */
static unsigned files(const struct place *p)
{
	found = 0;
	assert_int_equal(nftw(p->out, look, 16, FTW_PHYS), 0);
	return found;
}

static bool is_empty(const char *folder)
{
	return rmdir(folder) == 0 && mkdir(folder, 0700) == 0;
}

static int restore(struct place *p)
{
	const struct source_entry entry = { .path = "data/crm.db", .page_bytes = 4096,
	                                    .length_bytes = p->image->len, .mode = 0100644 };
	struct sink *k = sink_masked(&p->options, &p->err);
	assert_non_null(k);
	int rc = k->ops->entry(k, &entry, &p->err);
	if (rc == 0)
		rc = k->ops->data(k, p->image->bytes, p->image->len, &p->err);
	/* the original is there, and nobody can read it */
	if (rc == 0)
		assert_true(files(p) > 0);
	if (rc == 0)
		rc = k->ops->close(k, &p->err);
	k->ops->free(k);
	return rc;
}

static void only_the_masked_file_is_left_and_only_its_owner_reads_it(void **state)
{
	struct place *p = *state;
	struct stat st;
	umask(0);
	assert_int_equal(restore(p), 0);
	assert_int_equal(files(p), 1);
	assert_int_equal(stat(p->target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, (off_t)p->result.bytes);
	assert_non_null(strstr(p->target, "/out/crm.db"));
	assert_int_equal(mask_number_of(p->target, "SELECT count(DISTINCT name) FROM t"), 2000);
}

static void what_is_there_is_not_replaced(void **state)
{
	struct place *p = *state;
	struct err err;
	char path[MASK_MAKE_PATH + 10];
	snprintf(path, sizeof path, "%s/crm.db", p->out);
	assert_int_equal(io_write_file(path, "MINE", 4, 0644, &err), 0);
	assert_int_equal(restore(p), ERR_EXISTS);
	assert_int_equal(files(p), 1);
	assert_true(mask_file_holds(path, "MINE"));
	p->options.overwrite = true;
	assert_int_equal(restore(p), 0);
	assert_int_equal(files(p), 2);
	assert_false(mask_file_holds(path, "MINE"));
}

static void a_dry_run_leaves_nothing(void **state)
{
	struct place *p = *state;
	p->options.dry_run = true;
	assert_int_equal(restore(p), 0);
	assert_int_equal(files(p), 0);
	assert_int_equal(p->result.rows, 2000);
}

static void rules_that_do_not_fit_leave_nothing(void **state)
{
	struct place *p = *state;
	struct mask_rules *none = mask_rules_parse("rules", ".", "", 0, &p->err);
	p->options.rules = none;
	assert_int_equal(restore(p), ERR_INVALID);
	mask_rules_free(none);
	assert_int_equal(files(p), 0);
}

static void what_a_killed_run_left_is_swept(void **state)
{
	struct place *p = *state;
	const struct source_entry entry = { .path = "crm.db", .page_bytes = 4096 };
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct sink *k = sink_masked(&p->options, &p->err);
		if (k && k->ops->entry(k, &entry, &p->err) == 0)
			k->ops->data(k, p->image->bytes, p->image->len, &p->err);
		raise(SIGKILL);
	}
	waitpid(child, NULL, 0);
	/* a lock and the original, which nobody can read any more */
	assert_true(files(p) >= 2);
	assert_int_equal(restore(p), 0);
	assert_int_equal(files(p), 1);
	assert_int_not_equal(access(p->boxes, F_OK), 0);
}

static void what_is_not_ours_is_neither_used_nor_swept(void **state)
{
	struct place *p = *state;
	char inside[MASK_MAKE_PATH + 60], empty[MASK_MAKE_PATH + 60];
	assert_int_equal(symlink(p->folder, p->boxes), 0);
	assert_null(sink_masked(&p->options, &p->err));
	assert_int_equal(p->err.code, ERR_EXISTS);
	assert_int_equal(unlink(p->boxes), 0);
	assert_int_equal(mkdir(p->boxes, 0700), 0);
	assert_int_equal(chmod(p->boxes, 0777), 0);
	assert_null(sink_masked(&p->options, &p->err));
	assert_int_equal(chmod(p->boxes, 0700), 0);
	/* folders and files that are no sandboxes */
	snprintf(inside, sizeof inside, "%s/other", p->boxes);
	snprintf(empty, sizeof empty, "%s/empty", p->out);
	assert_int_equal(io_write_file(inside, "MINE", 4, 0600, &p->err), 0);
	assert_int_equal(mkdir(empty, 0700), 0);
	assert_int_equal(restore(p), 0);
	assert_true(mask_file_holds(inside, "MINE"));
	assert_int_equal(access(empty, F_OK), 0);
}

static void an_answer_without_an_end_is_refused(void **state)
{
	struct place *p = *state;
	p->options.program = "/bin/false";
	assert_int_not_equal(restore(p), 0);
	assert_int_equal(files(p), 0);
	/* what says nothing has not masked: it did not listen, or had no end */
	p->options.program = "/bin/true";
	int rc = restore(p);
	assert_true(rc == ERR_SOURCE || rc == ERR_CORRUPT);
	assert_true(is_empty(p->out));
}

static void only_one_page_file_is_taken(void **state)
{
	struct place *p = *state;
	const struct source_entry tree = { .path = "a", .page_bytes = 0 };
	const struct source_entry pages = { .path = "a", .page_bytes = 4096 };
	struct sink *k = sink_masked(&p->options, &p->err);
	assert_non_null(k);
	assert_int_equal(k->ops->close(k, &p->err), ERR_INVALID);
	assert_int_equal(k->ops->entry(k, &tree, &p->err), ERR_INVALID);
	assert_int_equal(k->ops->entry(k, &pages, &p->err), 0);
	assert_int_equal(k->ops->entry(k, &pages, &p->err), ERR_INVALID);
	k->ops->free(k);
}

static int take_skeleton(void *arg, const char *text, struct err *err)
{
	struct place *p = arg;
	(void)err;
	snprintf(p->target, sizeof p->target, "%s", strstr(text, "[t]"));
	return 0;
}

static void a_skeleton_is_told_and_nothing_written(void **state)
{
	struct place *p = *state;
	p->options.rules = NULL;
	p->options.skeleton = take_skeleton;
	assert_int_equal(restore(p), 0);
	assert_string_equal(p->target, "[t]\n@rows = ?\nname = ?\n");
	assert_int_equal(files(p), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
	/* the half in the sandbox is this very program */
	if (argc > 1 && strcmp(argv[1], MASK_INSIDE_WORD) == 0)
		return mask_inside_main();
	const struct CMUnitTest tests[] = {
		TEST(only_the_masked_file_is_left_and_only_its_owner_reads_it),
		TEST(what_is_there_is_not_replaced),
		TEST(a_dry_run_leaves_nothing),
		TEST(rules_that_do_not_fit_leave_nothing),
		TEST(what_a_killed_run_left_is_swept),
		TEST(what_is_not_ours_is_neither_used_nor_swept),
		TEST(an_answer_without_an_end_is_refused),
		TEST(only_one_page_file_is_taken),
		TEST(a_skeleton_is_told_and_nothing_written),
	};
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
