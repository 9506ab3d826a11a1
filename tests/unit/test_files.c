/* What a file tree as a store must hold: every kind of file, whole, or an error that names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/json.h"
#include "scratch.h"
#include "source/sink.h"
#include "tree.h"
#include "tree_make.h"

enum { NOBODY = 65534 };

struct place {
	char scratch[SCRATCH_MAX];
	char from[SCRATCH_MAX + 10], to[SCRATCH_MAX + 10];
	int fd;                      /* of from */
	struct source_options options;
	struct source *source;
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
	p->fd = -1;
	*state = p;
	return 0;
}

/* nftw stops at paths of more than PATH_MAX */
static void remove_scratch(const char *path)
{
	char command[SCRATCH_MAX + 20];
	snprintf(command, sizeof command, "rm -rf '%s'", path);
	if (system(command) != 0)
		fprintf(stderr, "%s: left behind\n", path);
}

static int tear_down(void **state)
{
	struct place *p = *state;
	source_free(p->source);
	tree_drop(&p->tree);
	if (p->fd >= 0)
		close(p->fd);
	remove_scratch(p->scratch);
	free(p);
	return 0;
}

static void make_root(struct place *p)
{
	assert_int_equal(mkdir(p->from, 0755), 0);
	p->fd = open(p->from, O_RDONLY | O_DIRECTORY);
	assert_true(p->fd >= 0);
}

static void record(struct place *p)
{
	tree_drop(&p->tree);
	if (tree_record(&p->tree, &p->options, &p->err) != 0)
		fail_msg("%s", p->err.msg);
}

static void begin(struct place *p)
{
	p->source = source_open(&p->options, &p->err);
	assert_non_null(p->source);
	assert_int_equal(p->source->ops->begin(p->source, &p->err), 0);
}

/* Go on to the entry of that path. */
static struct source_entry advance(struct place *p, const char *path)
{
	struct source_entry entry;
	do
		assert_int_equal(p->source->ops->next(p->source, &entry, &p->err), 1);
	while (strcmp(entry.path, path) != 0);
	return entry;
}

/* Read to the end of the tree, and get one number from the facts. */
static json_int_t finish(struct place *p, const char *fact)
{
	struct source_entry entry;
	struct source_facts facts = { NULL };
	char stamp[SOURCE_STAMP_MAX];
	int rc;
	while ((rc = p->source->ops->next(p->source, &entry, &p->err)) > 0)
		;
	assert_int_equal(rc, 0);
	assert_int_equal(p->source->ops->end(p->source, &facts, stamp, &p->err), 0);
	assert_string_equal(stamp, "");
	JSON_AUTO j = json_decode_canonical(facts.json, strlen(facts.json), "facts", &p->err);
	assert_non_null(j);
	return json_integer_value(json_object_get(j, fact));
}

static void need_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("needs root\n");
	skip();
}

static void every_kind_of_file_comes_back(void **state)
{
	struct place *p = *state;
	assert_true(tree_make(p->from));
	record(p);
	if (tree_play(&p->tree, sink_to_disk(p->to, false, &p->err), &p->err) != 0)
		fail_msg("%s", p->err.msg);
	assert_true(tree_equal(p->from, p->to));
}

static void parents_come_first_and_siblings_in_order(void **state)
{
	struct place *p = *state;
	make_root(p);
	assert_int_equal(mkdirat(p->fd, "b", 0755), 0);
	assert_true(tree_text(p->fd, "c", "") && tree_text(p->fd, "a", "") && tree_text(p->fd, "b/z", "") &&
	            tree_text(p->fd, "b/A", "") && tree_text(p->fd, "b-", ""));
	record(p);
	const char *expected[] = { ".", "a", "b", "b/A", "b/z", "b-", "c" };
	assert_int_equal(p->tree.n, 7);
	for (size_t i = 0; i < 7; i++)
		assert_string_equal(p->tree.entries[i].entry.path, expected[i]);
}

static void only_the_first_name_of_a_file_has_its_bytes(void **state)
{
	struct place *p = *state;
	make_root(p);
	assert_true(tree_make_links(p->fd));
	record(p);
	assert_int_equal(tree_find(&p->tree, "one")->entry.length_bytes, 6);
	assert_int_equal(tree_find(&p->tree, "one")->len, 6);
	assert_int_equal(tree_find(&p->tree, "two")->entry.length_bytes, 0);
	assert_int_equal(tree_find(&p->tree, "two")->len, 0);
}

static void excluded_names_are_left_out_with_all_below(void **state)
{
	struct place *p = *state;
	make_root(p);
	for (const char *const *d = (const char *const[]){ "cache", "sub", "sub/cache", "sub/top", "top",
	                                                   NULL }; *d; d++)
		assert_int_equal(mkdirat(p->fd, *d, 0755), 0);
	assert_true(tree_text(p->fd, "cache/x", "") && tree_text(p->fd, "a.log", "") &&
	            tree_text(p->fd, "sub/b.log", "") && tree_text(p->fd, "sub/b.logs", "") &&
	            tree_text(p->fd, "top/y", "") && tree_text(p->fd, "sub/top/y", ""));
	p->options.exclude = (const char *const[]){ "cache", "*.log", "/top", NULL };
	record(p);
	const char *expected[] = { ".", "sub", "sub/b.logs", "sub/top", "sub/top/y" };
	assert_int_equal(p->tree.n, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(p->tree.entries[i].entry.path, expected[i]);
	assert_non_null(strstr(p->tree.facts, "\"excluded\":5"));
}

static void a_file_that_vanishes_is_counted(void **state)
{
	struct place *p = *state;
	make_root(p);
	assert_true(tree_text(p->fd, "a", "1") && tree_text(p->fd, "b", "2"));
	begin(p);
	advance(p, "a");
	assert_int_equal(unlinkat(p->fd, "b", 0), 0);
	assert_int_equal(finish(p, "vanished"), 1);
}

static void a_socket_is_counted_and_skipped(void **state)
{
	struct place *p = *state;
	make_root(p);
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	snprintf(name.sun_path, sizeof name.sun_path, "%.90s/s", p->from);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
	close(fd);
	begin(p);
	assert_int_equal(finish(p, "sockets"), 1);
}

/* Read a 200000-byte file in two halves and do something to it in between. */
static size_t read_around(struct place *p, const char *append, off_t cut)
{
	static char block[1 << 17];
	size_t total = 0, got;
	make_root(p);
	assert_true(tree_file(p->fd, "f", (char[200000]){ 1 }, 200000));
	begin(p);
	assert_int_equal(advance(p, "f").length_bytes, 200000);
	do {
		assert_int_equal(p->source->ops->read(p->source, block, sizeof block, &got, &p->err), 0);
		int fd = openat(p->fd, "f", O_WRONLY | O_APPEND);
		assert_true(write(fd, append, strlen(append)) == (ssize_t)strlen(append));
		assert_true(cut < 0 || ftruncate(fd, cut) == 0);
		close(fd);
		total += got;
	} while (got > 0);
	return total;
}

static void a_file_that_grows_is_stored_as_listed_and_named(void **state)
{
	struct place *p = *state;
	assert_int_equal(read_around(p, "more", -1), 200000);
	assert_int_equal(finish(p, "changed_while_read"), 1);
}

static void a_file_that_shrinks_gives_what_is_there_and_is_named(void **state)
{
	struct place *p = *state;
	assert_int_equal(read_around(p, "", 150000), 150000);
	assert_int_equal(finish(p, "changed_while_read"), 1);
}

static void an_untouched_file_is_not_named(void **state)
{
	struct place *p = *state;
	assert_int_equal(read_around(p, "", -1), 200000);
	assert_int_equal(finish(p, "changed_while_read"), 0);
}

static void an_unreadable_file_fails_the_backup_by_name(void **state)
{
	struct place *p = *state;
	need_root();
	make_root(p);
	assert_true(tree_text(p->fd, "secret", "x") && fchmodat(p->fd, "secret", 0600, 0) == 0);
	assert_int_equal(seteuid(NOBODY), 0);
	int rc = tree_record(&p->tree, &p->options, &p->err);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(rc, ERR_DENIED);
	assert_non_null(strstr(p->err.msg, "from/secret"));
	assert_non_null(strstr(p->err.hint, "exclude"));
}

static void an_unreadable_folder_fails_the_backup_by_name(void **state)
{
	struct place *p = *state;
	need_root();
	make_root(p);
	assert_int_equal(mkdirat(p->fd, "closed", 0700), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	int rc = tree_record(&p->tree, &p->options, &p->err);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(rc, ERR_DENIED);
	assert_non_null(strstr(p->err.msg, "from/closed"));
}

static void an_absent_root_asks_whether_it_is_mounted(void **state)
{
	struct place *p = *state;
	assert_null(source_open(&p->options, &p->err));
	assert_int_equal(p->err.code, ERR_ABSENT);
	assert_non_null(strstr(p->err.hint, "mounted"));
}

static void a_root_that_is_a_file_is_refused(void **state)
{
	struct place *p = *state;
	assert_true(tree_text(AT_FDCWD, p->from, "x"));
	assert_null(source_open(&p->options, &p->err));
	assert_int_equal(p->err.code, ERR_SOURCE);
}

static void a_store_without_a_path_is_refused(void **state)
{
	struct place *p = *state;
	p->options.path = NULL;
	assert_null(source_open(&p->options, &p->err));
	assert_int_equal(p->err.code, ERR_INVALID);
}

static void a_path_that_is_too_long_is_an_error(void **state)
{
	struct place *p = *state;
	make_root(p);
	assert_true(tree_make_deep(p->fd));
	char command[SCRATCH_MAX + 100];
	snprintf(command, sizeof command, "cd '%s' && mkdir above-it-all && mv d* above-it-all/", p->from);
	assert_int_equal(system(command), 0);
	assert_int_equal(tree_record(&p->tree, &p->options, &p->err), ERR_LIMIT);
}

static void other_file_systems_can_be_left_out(void **state)
{
	struct place *p = *state;
	need_root();
	make_root(p);
	assert_int_equal(mkdirat(p->fd, "mounted", 0755), 0);
	char path[SCRATCH_MAX + 40];
	snprintf(path, sizeof path, "%s/mounted", p->from);
	if (mount("none", path, "tmpfs", 0, "size=1m") != 0) {
		print_message("cannot mount\n");
		skip();
	}
	bool made = tree_text(p->fd, "mounted/inside", "x");
	int with = tree_record(&p->tree, &p->options, &p->err);
	size_t n_with = p->tree.n;
	tree_drop(&p->tree);
	p->options.one_file_system = true;
	int without = tree_record(&p->tree, &p->options, &p->err);
	umount2(path, MNT_DETACH);
	assert_true(made);
	assert_int_equal(with, 0);
	assert_int_equal(without, 0);
	assert_int_equal(n_with, 3);
	assert_int_equal(p->tree.n, 2);
}

static void the_stamp_changes_with_the_file_and_is_empty_while_fresh(void **state)
{
	struct place *p = *state;
	char old[SOURCE_STAMP_MAX];
	make_root(p);
	assert_true(tree_text(p->fd, "f", "one"));
	record(p);
	assert_string_equal(tree_find(&p->tree, "f")->entry.stamp, "");
	sleep(4);
	record(p);
	snprintf(old, sizeof old, "%s", tree_find(&p->tree, "f")->entry.stamp);
	assert_string_not_equal(old, "");
	record(p);
	assert_string_equal(tree_find(&p->tree, "f")->entry.stamp, old);
	assert_string_equal(tree_find(&p->tree, ".")->entry.stamp, "");

	/* same length, same modification time: only the change time tells */
	struct stat st;
	assert_int_equal(fstatat(p->fd, "f", &st, 0), 0);
	assert_true(tree_text(p->fd, "f", "two"));
	struct timespec times[2] = { st.st_atim, st.st_mtim };
	assert_int_equal(utimensat(p->fd, "f", times, 0), 0);
	record(p);
	assert_string_not_equal(tree_find(&p->tree, "f")->entry.stamp, old);
}

static void a_name_that_becomes_a_link_is_not_followed(void **state)
{
	struct place *p = *state;
	make_root(p);
	assert_true(tree_text(p->fd, "a", "") && mkdirat(p->fd, "b", 0755) == 0);
	begin(p);
	advance(p, "a");
	assert_int_equal(unlinkat(p->fd, "b", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("/etc", p->fd, "b"), 0);
	assert_true(S_ISLNK(advance(p, "b").mode));
	assert_int_equal(finish(p, "entries"), 3);
}

static void an_image_that_was_not_read_to_its_end_is_no_image(void **state)
{
	struct place *p = *state;
	struct source_facts facts;
	char stamp[SOURCE_STAMP_MAX];
	make_root(p);
	assert_true(tree_text(p->fd, "a", ""));
	begin(p);
	advance(p, ".");
	assert_int_equal(p->source->ops->end(p->source, &facts, stamp, &p->err), ERR_SOURCE);
}

static void page_file_calls_are_refused(void **state)
{
	struct place *p = *state;
	char byte;
	make_root(p);
	begin(p);
	assert_int_equal(p->source->ops->reread(p->source, 0, &byte, 1, &p->err), ERR_INVALID);
	struct settle_request request = { .target = "x" };
	assert_int_equal(p->source->ops->settle(&request, &p->err), ERR_INVALID);
}

/* The metadata is a standard pax header: add the end of an archive, and tar lists the file. */
static void tar_reads_the_metadata_of_an_entry(void **state)
{
	struct place *p = *state;
	make_root(p);
	assert_true(tree_text(p->fd, "latin\xe9 f", "x") && fchmodat(p->fd, "latin\xe9 f", 0640, 0) == 0);
	record(p);
	const struct source_entry *e = &tree_find(&p->tree, "latin\xe9 f")->entry;
	char command[3 * SCRATCH_MAX];
	FILE *tar = fopen(p->to, "w");
	assert_true(fwrite(e->extra, 1, e->extra_len, tar) == e->extra_len &&
	            fwrite((char[1024]){ 0 }, 1, 1024, tar) == 1024 && fclose(tar) == 0);
	snprintf(command, sizeof command,
	         "LC_ALL=C tar --quoting-style=escape -tvf %s 2>&1 | grep -q '^-rw-r-----.* latin.351 f$'",
	         p->to);
	assert_int_equal(system(command), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_kind_of_file_comes_back),
		TEST(parents_come_first_and_siblings_in_order),
		TEST(only_the_first_name_of_a_file_has_its_bytes),
		TEST(excluded_names_are_left_out_with_all_below),
		TEST(a_file_that_vanishes_is_counted),
		TEST(a_socket_is_counted_and_skipped),
		TEST(a_file_that_grows_is_stored_as_listed_and_named),
		TEST(a_file_that_shrinks_gives_what_is_there_and_is_named),
		TEST(an_untouched_file_is_not_named),
		TEST(an_unreadable_file_fails_the_backup_by_name),
		TEST(an_unreadable_folder_fails_the_backup_by_name),
		TEST(an_absent_root_asks_whether_it_is_mounted),
		TEST(a_root_that_is_a_file_is_refused),
		TEST(a_store_without_a_path_is_refused),
		TEST(a_path_that_is_too_long_is_an_error),
		TEST(other_file_systems_can_be_left_out),
		TEST(the_stamp_changes_with_the_file_and_is_empty_while_fresh),
		TEST(a_name_that_becomes_a_link_is_not_followed),
		TEST(an_image_that_was_not_read_to_its_end_is_no_image),
		TEST(page_file_calls_are_refused),
		TEST(tar_reads_the_metadata_of_an_entry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
