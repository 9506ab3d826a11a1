/* ls - the files of a snapshot. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/choice.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/text.h"
#include "holdfast/err.h"

static char type_letter(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR: return 'd';
	case S_IFLNK: return 'l';
	case S_IFIFO: return 'p';
	case S_IFSOCK: return 's';
	case S_IFCHR: return 'c';
	case S_IFBLK: return 'b';
	default: return '-';
	}
}

static const char *mode_text(char out[11], uint32_t mode)
{
	static const char letters[] = "rwxrwxrwx";
	out[0] = type_letter(mode);
	for (int i = 0; i < 9; i++)
		out[1 + i] = mode & (0400u >> i) ? letters[i] : '-';
	if (mode & S_ISUID)
		out[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		out[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		out[9] = mode & S_IXOTH ? 't' : 'T';
	out[10] = '\0';
	return out;
}

static json_t *as_json(const struct source_entry *e)
{
	json_t *length = e->length_bytes == SOURCE_LENGTH_UNKNOWN
	                         ? json_null() : json_integer((json_int_t)e->length_bytes);
	return json_pack("{s:o, s:o, s:i, s:i, s:i, s:I, s:i}", "path", output_json_text(e->path),
	                 "bytes", length, "mode", (int)e->mode, "uid", (int)e->uid, "gid",
	                 (int)e->gid, "mtime_ns", (json_int_t)e->mtime_ns, "page_bytes",
	                 (int)e->page_bytes);
}

struct listing {
	struct table *table;   /* NULL: JSON */
};

static int visit(void *arg, const struct snapshot_file *file, struct err *err)
{
	const struct listing *l = arg;
	const struct source_entry *e = &file->entry;
	char mode[11], owner[32], size[TEXT_MAX] = "", when[TEXT_MAX];
	if (!l->table)
		return output_json(as_json(e), err);
	snprintf(owner, sizeof owner, "%" PRIu32 ":%" PRIu32, e->uid, e->gid);
	if (e->length_bytes != SOURCE_LENGTH_UNKNOWN)
		text_size(size, e->length_bytes);
	return TABLE_ROW(l->table, err, mode_text(mode, e->mode), owner, size,
	                 text_time(when, e->mtime_ns / 1000000000), e->path);
}

static int print_facts(const struct cli *cli, char *facts, struct err *err)
{
	if (!facts || !cli->options.verbose)
		return 0;
	if (!cli->options.json) {
		printf("facts: %s\n", facts);
		return 0;
	}
	return output_json(json_pack("{s:o}", "facts", json_loads(facts, 0, NULL)), err);
}

static int run(struct cli *cli, struct err *err)
{
	CHOICE_AUTO choice = { 0 };
	char *facts = NULL;
	if (options_operands(&cli->options, &cmd_ls, 1, 1, err) != 0 ||
	    choice_open(cli, cli->options.operands[0], &choice, err) != 0)
		return err->code;
	AUTO(table) t = table_new("llrll", err);
	if (!t)
		return err->code;
	struct listing l = { cli->options.json ? NULL : t };
	if (snapshot_files(cli->vault, &choice.store->info, choice.snapshot.seq, visit, &l, &facts,
	                   err) != 0)
		return choice_wrap(cli, choice.store->label, err);
	table_print(t);
	int rc = print_facts(cli, facts, err);
	free(facts);
	return rc;
}

const struct command cmd_ls = {
	.name = "ls",
	.summary = "list the files of a snapshot",
	.usage = "STORE[@SNAPSHOT]",
	.about = "List the files of a snapshot: mode, owner, size, time, path. -v adds the recorded facts.\n"
	         "SNAPSHOT is a number, 'latest' (the default), 'yesterday' or a time such as 2026-11-22\n"
	         "or 2026-11-22T02:15: the newest snapshot not younger than it.\n",
	.reads = true,
	.falls_back = true,
	.reads_late = true,
	.run = run,
};
