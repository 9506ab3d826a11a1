#include "source/sqlite_stamp.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "holdfast/err.h"

/* A change within one tick of the file system's clock may leave its times as they were. */
static const int64_t fresh_ns = 2000000000;

static int64_t ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

struct text {
	char *at;
	size_t room;
};

static void add(struct text *t, const struct stat *st, const struct timespec *changed)
{
	int n = snprintf(t->at, t->room, " %llx.%llx.%llx.%llx", (unsigned long long)st->st_ino,
	                 (unsigned long long)st->st_size, (unsigned long long)ns(&st->st_mtim),
	                 (unsigned long long)ns(changed));
	t->at += n;
	t->room -= (size_t)n;
}

/*
 * An absent or empty log or journal is no part of the database: SQLite takes both alike, and
 * reading a database in WAL mode leaves an empty log beside it. Their ctime says nothing: run by
 * root, SQLite gives them to the database's owner whenever it opens them, also for us.
 */
static int add_side(struct text *t, const char *path, const char *label, const char *part,
                    int64_t *newest, struct err *err)
{
	char name[PATH_MAX + 16];
	snprintf(name, sizeof name, "%s%s", path, part);
	struct stat st;
	bool there = stat(name, &st) == 0;
	if (!there && errno != ENOENT)
		return err_sys(err, "%s%s", label, part);
	if (!there || st.st_size == 0)
		st = (struct stat){ 0 };
	add(t, &st, &st.st_mtim);
	if (ns(&st.st_mtim) > *newest)
		*newest = ns(&st.st_mtim);
	return 0;
}

int sqlite_stamp_take(const char *path, const char *label, char stamp[SOURCE_STAMP_MAX],
                      struct err *err)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	struct stat st;
	if (stat(path, &st) != 0)
		return err_sys(err, "%s", label);

	/* at most 7 + 17 + 3 * 68 characters */
	char all[SOURCE_STAMP_MAX];
	int n = snprintf(all, sizeof all, "sqlite1 %llx", (unsigned long long)st.st_dev);
	struct text t = { all + n, sizeof all - (size_t)n };
	int64_t newest = ns(&st.st_ctim);
	add(&t, &st, &st.st_ctim);
	if (add_side(&t, path, label, "-wal", &newest, err) != 0 ||
	    add_side(&t, path, label, "-journal", &newest, err) != 0)
		return err->code;
	snprintf(stamp, SOURCE_STAMP_MAX, "%s", newest > ns(&now) - fresh_ns ? "" : all);
	return 0;
}
