/*
 * The dump commands of MariaDB (MySQL) and PostgreSQL, with the options that make a dump whole and
 * the end marker that proves it. Passwords never stand in a command line: every user of the machine
 * can read it.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/launch.h"
#include "base/split.h"
#include "holdfast/err.h"
#include "source/command.h"
#include "source/command_line.h"
#include "source/dump_sink.h"

enum {
	WORDS_MAX = 20,
	LOCK_WAIT_S = 300,   /* pg_dump's wait for tables that are being altered */
};

struct words {
	const char *at[WORDS_MAX + 1];
	size_t n;
};

static void add_word(struct words *w, const char *word)
{
	if (w->n < WORDS_MAX)
		w->at[w->n++] = word;
}

static int check_options(const struct source_options *options, struct err *err)
{
	if (!options->command)
		return 0;
	err_set(err, ERR_INVALID, "type %s makes its own command", options->type);
	return err_hint(err, "remove 'command', or use type = command");
}

/* The file's absolute path behind `prefix`, in out (of PATH_MAX + 40). It holds a password. */
static int check_secret_file(const char *file, const char *prefix, char *out, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;
	if (!realpath(file, path) || stat(path, &st) != 0) {
		err_sys(err, "defaults_file %.200s", file);
		/* only stores may be absent */
		return err->code == ERR_ABSENT ? (int)(err->code = ERR_INVALID) : (int)err->code;
	}
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "defaults_file %.200s: not a file", file);
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		err_set(err, ERR_INVALID, "defaults_file %.200s: others than its owner can use it", file);
		return err_hint(err, "chmod 600 %.200s", file);
	}
	snprintf(out, PATH_MAX + 40, "%s%s", prefix, path);
	return 0;
}

static struct source *open_words(const struct source_ops *ops, const struct source_options *options,
                                 struct command_preset *preset, const struct words *w,
                                 const char *set_env, struct err *err)
{
	preset->suffix = ".sql";
	preset->has_version = true;
	preset->argv = command_line_pack(w->at, err);
	if (!preset->argv)
		return NULL;
	preset->set_env = set_env ? strdup(set_env) : NULL;
	if (set_env && !preset->set_env) {
		split_free(preset->argv);
		err_no_memory(err);
		return NULL;
	}
	return command_open(ops, options, preset, err);
}

static struct source *open_mariadb(const struct source_options *options, struct err *err);
static struct source *open_postgres(const struct source_options *options, struct err *err);

extern const struct source_ops source_mariadb_dump, source_postgres_dump;
const struct source_ops source_mariadb_dump = COMMAND_SOURCE_OPS("mariadb-dump", open_mariadb);
const struct source_ops source_postgres_dump = COMMAND_SOURCE_OPS("postgres-dump", open_postgres);

static const char *mariadb_program(struct err *err)
{
	char path[PATH_MAX];
	struct err ignored;
	if (launch_find("mariadb-dump", path, err) == 0)
		return "mariadb-dump";
	if (launch_find("mysqldump", path, &ignored) == 0)
		return "mysqldump";
	err_hint(err, "install the package mariadb-client");
	return NULL;
}

/*
 * No locks: one transaction with a consistent snapshot. Tables of other engines than InnoDB are read
 * as they are. A day's date at the end would make equal dumps differ. One database is dumped without
 * CREATE DATABASE and USE, so that feeding it to a scratch database cannot hit the live one.
 */
static void mariadb_words(struct words *w, const char *database)
{
	static const char *const fixed[] = {
		"--single-transaction", "--quick", "--routines", "--events", "--triggers", "--hex-blob",
		"--tz-utc", "--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--comments",
		"--skip-dump-date",
	};
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
		add_word(w, fixed[i]);
	add_word(w, database ? database : "--all-databases");
}

static struct source *open_mariadb(const struct source_options *options, struct err *err)
{
	struct words w = { .n = 0 };
	char file[PATH_MAX + 40];
	const char *program = check_options(options, err) == 0 ? mariadb_program(err) : NULL;
	if (!program)
		return NULL;
	if (options->database && (!*options->database || *options->database == '-')) {
		err_set(err, ERR_INVALID, "database '%.100s': not a name", options->database);
		return NULL;
	}
	add_word(&w, program);
	if (options->defaults_file) {
		/* the program takes this one only as its first option */
		if (check_secret_file(options->defaults_file, "--defaults-extra-file=", file, err) != 0)
			return NULL;
		add_word(&w, file);
	}
	mariadb_words(&w, options->database);
	struct command_preset preset = {
		.engine = "mariadb",
		.end_marker = "-- Dump completed",
		.server_mark = "-- Server version\t",
	};
	return open_words(&source_mariadb_dump, options, &preset, &w, NULL, err);
}

/* A connection string is allowed (service=..., host=...), a password in it is not. */
static int check_postgres_database(const char *database, struct err *err)
{
	const char *user = strstr(database, "://"), *at = user ? strchr(user, '@') : NULL;
	const char *colon = user ? strchr(user + 3, ':') : NULL;
	if (!*database)
		return err_set(err, ERR_INVALID, "database: is empty");
	if (!strcasestr(database, "password") && !(at && colon && colon < at))
		return 0;
	err_set(err, ERR_INVALID, "database: holds a password, which every user could then see");
	return err_hint(err, "put it into a password file (chmod 600) and name that in defaults_file");
}

/* No --create, for the same reason as above; a cluster's dump has to create its databases. */
static struct source *open_postgres(const struct source_options *options, struct err *err)
{
	const char *database = options->database;
	char file[PATH_MAX + 40], dbname[1024], wait[60];
	if (check_options(options, err) != 0 ||
	    (database && check_postgres_database(database, err) != 0))
		return NULL;
	if (options->defaults_file &&
	    check_secret_file(options->defaults_file, "PGPASSFILE=", file, err) != 0)
		return NULL;
	unsigned wait_s = options->timeout_s ? options->timeout_s : LOCK_WAIT_S;
	snprintf(wait, sizeof wait, "--lock-wait-timeout=%us", wait_s);
	if (snprintf(dbname, sizeof dbname, "--dbname=%s", database ? database : "") >=
	    (int)sizeof dbname) {
		err_set(err, ERR_INVALID, "database: is too long");
		return NULL;
	}

	struct words w = { .n = 0 };
	add_word(&w, database ? "pg_dump" : "pg_dumpall");
	add_word(&w, "--no-password");
	add_word(&w, wait);
	if (database) {
		add_word(&w, "--format=plain");
		add_word(&w, dbname);
	}
	struct command_preset preset = {
		.engine = "postgres",
		.end_marker = database ? "-- PostgreSQL database dump complete"
				       : "-- PostgreSQL database cluster dump complete",
		.server_mark = "-- Dumped from database version ",
	};
	return open_words(&source_postgres_dump, options, &preset, &w,
			  options->defaults_file ? file : NULL, err);
}
