/* dump - a snapshot, or a part of it, to standard output. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/choice.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "holdfast/err.h"
#include "holdfast/restore.h"
#include "source/sqlite_dump.h"

enum { TABLE, ARCHIVE, TEMP };

static const struct option_spec options[] = {
	[TABLE] = { "table", 0, "T", "one table of a SQLite store, as SQL" },
	[ARCHIVE] = { "archive", 0, "tar|zip", "the files as an archive" },
	[TEMP] = { "temp", 0, "DIR", "with --table: memory file system for the database in between" },
	{ 0 },
};

struct dump {
	struct cli *cli;
	struct choice choice;
	const char *path;
	bool degraded;
};

static inline void sink_scope_end(struct sink **k)
{
	if (*k)
		sink_free(*k);
}

static int stream(struct dump *d, struct sink *sink, struct err *err)
{
	struct restore_result result = { 0 };
	if (restore_to_sink(d->cli->vault, &d->choice.store->info, d->choice.snapshot.seq, d->path,
	                    sink, cli_progress(d->cli), &result, err) != 0)
		return choice_wrap(d->cli, d->choice.store->label, err);
	live_clear();
	if (result.warning.code != ERR_NONE) {
		choice_wrap(d->cli, d->choice.store->label, &result.warning);
		output_error(&result.warning);
		d->degraded = true;
	}
	return 0;
}

struct count {
	const char *path;
	size_t files, others;
};

static bool is_below(const char *path, const char *folder)
{
	size_t len = folder ? strlen(folder) : 0;
	while (len > 0 && folder[len - 1] == '/')
		len--;
	return len == 0 ||
	       (strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/'));
}

static int count_file(void *arg, const struct snapshot_file *file, struct err *err)
{
	struct count *c = arg;
	(void)err;
	if (!is_below(file->entry.path, c->path))
		return 0;
	/* dumps of commands have no type at all */
	if (S_ISREG(file->entry.mode) || (file->entry.mode & S_IFMT) == 0)
		c->files++;
	else
		c->others++;
	return 0;
}

/* Files run together would be of no use to anybody. */
static int check_single(struct dump *d, struct err *err)
{
	struct count c = { d->path, 0, 0 };
	const char *store = d->choice.store->label;
	if (snapshot_files(d->cli->vault, &d->choice.store->info, d->choice.snapshot.seq,
	                   count_file, &c, NULL, err) != 0)
		return choice_wrap(d->cli, store, err);
	if (c.files == 1 && c.others == 0)
		return 0;
	if (c.files + c.others == 0) {
		err_set(err, ERR_ABSENT, "dump %s: '%s' is not in snapshot", store,
		        d->path ? d->path : "");
		return err_hint(err, "'holdfast ls %s' lists the files", store);
	}
	err_set(err, ERR_INVALID, "dump %s: this means %zu files and folders", store,
	        c.files + c.others);
	return err_hint(err, "name one file, or add --archive tar");
}

static int dump_files(struct dump *d, const char *archive, struct err *err)
{
	if (!archive && check_single(d, err) != 0)
		return err->code;
	__attribute__((cleanup(sink_scope_end))) struct sink *sink =
	    archive ? sink_to_archive(STDOUT_FILENO, archive, err) : sink_to_fd(STDOUT_FILENO, err);
	return sink ? stream(d, sink, err) : err->code;
}

static int restore_into(struct dump *d, const char *file, struct err *err)
{
	IO_AUTO_FD fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s", file);
	__attribute__((cleanup(sink_scope_end))) struct sink *sink = sink_to_fd(fd, err);
	if (!sink)
		return err->code;
	int rc = stream(d, sink, err);
	if (rc == ERR_SPACE)
		err_hint(err, "--temp DIR names a larger memory file system (tmpfs)");
	return rc;
}

/* A database in clear may lie nowhere but in memory. */
static int check_memory(const char *folder, struct err *err)
{
	struct statfs fs;
	if (statfs(folder, &fs) != 0)
		return err_sys(err, "dump: %s", folder);
	if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
		return 0;
	err_set(err, ERR_INVALID, "dump: %s is on a disk, where the database would lie in clear",
	        folder);
	return err_hint(err, "--temp DIR on a tmpfs, or 'holdfast restore' and sqlite3");
}

static void drop_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	for (struct dirent *e; dir && (e = readdir(dir)) != NULL;)
		unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(folder);
}

static int dump_table(struct dump *d, const char *table, const char *temp, struct err *err)
{
	char folder[PATH_MAX], file[PATH_MAX + 8];
	snprintf(folder, sizeof folder, "%s/holdfast-dump-XXXXXX", temp ? temp : "/dev/shm");
	if (check_memory(temp ? temp : "/dev/shm", err) != 0 || check_single(d, err) != 0)
		return err->code;
	if (!mkdtemp(folder))
		return err_sys(err, "dump: %s", folder);
	snprintf(file, sizeof file, "%s/db", folder);
	stop_will_remove(file, folder);
	int rc = restore_into(d, file, err);
	if (rc == 0 && sqlite_dump_table(file, table, STDOUT_FILENO, err) != 0)
		rc = choice_wrap(d->cli, d->choice.store->label, err);
	drop_folder(folder);
	stop_will_remove(NULL, NULL);
	return rc;
}

static int check_terminal(const struct options *o, struct err *err)
{
	if (o->own[TABLE] || !isatty(STDOUT_FILENO))
		return 0;
	err_set(err, ERR_INVALID, "dump: standard output is a terminal");
	return err_hint(err, "add '> FILE' or '| command'");
}

static int run(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	struct dump d = { .cli = cli, .path = o->n_operands > 1 ? o->operands[1] : NULL };
	if (options_operands(o, &cmd_dump, 1, 2, err) != 0 || check_terminal(o, err) != 0)
		return err->code;
	if (o->own[TABLE] && o->own[ARCHIVE])
		return err_set(err, ERR_INVALID, "dump: --table and --archive exclude each other");
	if (choice_open(cli, o->operands[0], &d.choice, err) != 0)
		return err->code;
	int rc = o->own[TABLE] ? dump_table(&d, o->own[TABLE], o->own[TEMP], err)
	                       : dump_files(&d, o->own[ARCHIVE], err);
	choice_free(&d.choice);
	return rc != 0 ? rc : d.degraded ? EXIT_DEGRADED : EXIT_DONE;
}

const struct command cmd_dump = {
	.name = "dump",
	.summary = "write a snapshot, a file or a table to standard output",
	.usage = "STORE[@SNAPSHOT] [PATH] [--table T] [--archive tar|zip]",
	.about = "Write a file of a snapshot to standard output; a store of one file needs no PATH. Whole\n"
	         "trees and folders: --archive. One table of a SQLite store as SQL: --table, for example\n"
	         "  holdfast dump crm@yesterday --table orders > orders.sql\n"
	         "The database then lies in a memory file system while it is read (/dev/shm, or --temp).\n"
	         "What was written is the snapshot only if the exit status is 0 or 4.\n",
	.options = options,
	.reads = true,
	.falls_back = true,
	.reads_late = true,
	.run = run,
};
