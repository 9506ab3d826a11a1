/* A dump of MariaDB, loaded into a server of its own. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "holdfast/err.h"
#include "source/trial.h"
#include "source/trial_dump.h"
#include "source/trial_server.h"

extern const struct trial_ops trial_mariadb_dump;

enum {
	START_MS = 120000,
	SMALL_MS = 60000,
	ARGUMENT_MAX = 100000,           /* the kernel takes 128 KiB */
};

struct mariadb_trial {
	struct trial base;
	char data[PATH_MAX], dump[PATH_MAX], tmp[PATH_MAX];
	char socket[PATH_MAX];
	char database[200];             /* empty: the dump is of a whole server */
	unsigned timeout_ms;
	struct trial_server *server;
	char socket_env[PATH_MAX + 32];
	const char *env[2];
};

static struct mariadb_trial *of(struct trial *t)
{
	return (struct mariadb_trial *)t;
}

static void mariadb_free(struct trial *base)
{
	trial_server_free(of(base)->server);
	free(base);
}

/* ---- start ---- */

static int install(const struct mariadb_trial *t, struct err *err)
{
	char datadir[PATH_MAX + 16];
	snprintf(datadir, sizeof datadir, "--datadir=%s", t->data);
	const char *const argv[] = { "mariadb-install-db", "--no-defaults", datadir, "--skip-test-db",
	                             "--auth-root-authentication-method=normal", NULL };
	const struct trial_program p = { .argv = argv, .timeout_ms = START_MS };
	if (trial_program_run(&p, NULL, err) == 0)
		return 0;
	/* the data was not even looked at */
	if (err->code == ERR_SOURCE)
		err->code = ERR_UNREACHABLE;
	if (err->code == ERR_ABSENT)
		err_hint(err, "install the package mariadb-server-core on this machine");
	return err->code;
}

static int start_server(struct mariadb_trial *t, struct err *err)
{
	char datadir[PATH_MAX + 16], socket[PATH_MAX + 16], tmpdir[PATH_MAX + 16], pid[PATH_MAX + 32];
	snprintf(datadir, sizeof datadir, "--datadir=%s", t->data);
	snprintf(socket, sizeof socket, "--socket=%s", t->socket);
	snprintf(tmpdir, sizeof tmpdir, "--tmpdir=%s", t->tmp);
	snprintf(pid, sizeof pid, "--pid-file=%s.pid", t->socket);
	const char *const argv[] = {
		"mariadbd", "--no-defaults", datadir, socket, tmpdir, pid, "--skip-networking",
		"--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=OFF",
		"--event-scheduler=DISABLED", "--local-infile=0", "--max-allowed-packet=1G",
		"--character-set-server=utf8mb4", "--log-warnings=0", NULL,
	};
	const char *const ping[] = { "mariadb-admin", "--no-defaults", socket, "-u", "root", "--silent",
	                             "ping", NULL };
	const struct trial_program p = { .argv = ping, .timeout_ms = SMALL_MS };
	t->server = trial_server_new(argv, &p, START_MS, err);
	return t->server ? 0 : (int)err->code;
}

static int set_places(struct mariadb_trial *t, const struct trial_options *o, struct err *err)
{
	if (strlen(o->scratch) > PATH_MAX - 20)
		return err_set(err, ERR_INVALID, "%.100s...: path is too long", o->scratch);
	snprintf(t->data, sizeof t->data, "%.4070s/data", o->scratch);
	snprintf(t->tmp, sizeof t->tmp, "%.4070s", o->scratch);
	snprintf(t->socket, sizeof t->socket, "%.4070s/s", o->scratch);
	snprintf(t->database, sizeof t->database, "%s", o->database ? o->database : "");
	snprintf(t->socket_env, sizeof t->socket_env, "MYSQL_UNIX_PORT=%s", t->socket);
	t->env[0] = t->socket_env;
	t->timeout_ms = o->timeout_ms;
	return trial_dump_path(o, t->dump, err);
}

/* The client would come as the user that it runs as, whom the server does not know. */
static int write_client_options(const struct mariadb_trial *t, struct err *err)
{
	char path[PATH_MAX], text[PATH_MAX + 60];
	const char *home = getenv("HOME");
	if (!home || snprintf(path, sizeof path, "%s/.my.cnf", home) >= (int)sizeof path)
		return err_set(err, ERR_INVALID, "HOME is not set");
	int n = snprintf(text, sizeof text, "[client]\nuser=root\nsocket=%s\n", t->socket);
	return io_write_file(path, text, (size_t)n, 0600, err);
}

static struct trial *mariadb_start(const struct trial_options *options, struct err *err)
{
	struct mariadb_trial *t = calloc(1, sizeof *t);
	if (!t) {
		err_no_memory(err);
		return NULL;
	}
	t->base.ops = &trial_mariadb_dump;
	if (set_places(t, options, err) == 0 && write_client_options(t, err) == 0 &&
	    install(t, err) == 0 && start_server(t, err) == 0)
		return &t->base;
	mariadb_free(&t->base);
	return NULL;
}

/* ---- SQL ---- */

struct asked {
	const char *database;            /* NULL or "": none */
	const char *sql, *input;         /* one of them */
};

static int ask(struct mariadb_trial *t, const struct asked *a, struct buf *out, struct err *err)
{
	char socket[PATH_MAX + 16];
	snprintf(socket, sizeof socket, "--socket=%s", t->socket);
	const char *argv[20] = { "mariadb", "--no-defaults", socket, "-u", "root", "-N", "-B", "-r",
	                         "--default-character-set=utf8mb4", "--max-allowed-packet=1G" };
	size_t n = 10;
	if (a->sql) {
		argv[n++] = "-e";
		argv[n++] = a->sql;
	} else {
		argv[n++] = "--binary-mode";
	}
	if (a->database && *a->database)
		argv[n++] = a->database;
	const struct trial_program p = { .argv = argv, .input = a->input, .timeout_ms = t->timeout_ms };
	return trial_program_run(&p, out, err);
}

/* ---- load ---- */

static int make_database(struct mariadb_trial *t, struct err *err)
{
	char sql[600], name[420];
	size_t n = 0;
	for (const char *c = t->database; *c; c++) {
		if (*c == '`')
			name[n++] = '`';
		name[n++] = *c;
	}
	name[n] = '\0';
	snprintf(sql, sizeof sql, "CREATE DATABASE `%s`", name);
	const struct asked a = { .sql = sql };
	return *t->database ? ask(t, &a, NULL, err) : 0;
}

static int mariadb_load(struct trial *base, trial_found *found, void *arg, struct err *err)
{
	struct mariadb_trial *t = of(base);
	if (make_database(t, err) != 0)
		return err_wrap(err, "load");
	const struct asked a = { .database = t->database, .input = t->dump };
	return trial_dump_told(ask(t, &a, NULL, err), found, arg, err);
}

/* ---- structure and facts ---- */

#define OF_THE_USER "table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"
#define QUOTED(column) "'`', REPLACE(" column ", '`', '``'), '`'"

/* Each gives one statement a line, for every table of the user. */
static const char check_sql[] =
	"SELECT CONCAT('CHECK TABLE ', " QUOTED("table_schema") ", '.', " QUOTED("table_name") ", ';') "
	"FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND " OF_THE_USER;

static const char count_sql[] =
	"SELECT CONCAT('SELECT ', QUOTE(CONCAT(table_schema, '.', table_name)), ', COUNT(*) FROM ', "
	QUOTED("table_schema") ", '.', " QUOTED("table_name") ", ';') FROM information_schema.tables "
	"WHERE table_type = 'BASE TABLE' AND " OF_THE_USER;

typedef int statements_said(void *arg, struct buf *said, struct err *err);

/* As many whole lines as an argument takes. 0: not even one. */
static size_t batch_bytes(const char *lines)
{
	size_t n = strnlen(lines, ARGUMENT_MAX);
	if (n < ARGUMENT_MAX)
		return n;
	/* a name may hold any character */
	while (n > 1 && (lines[n - 1] != '\n' || lines[n - 2] != ';'))
		n--;
	return n > 1 ? n : 0;
}

static int run_batch(struct mariadb_trial *t, const char *batch, size_t bytes, statements_said *said,
                     void *arg, struct err *err)
{
	AUTO(buf) out = buf_new(TRIAL_OUTPUT_MAX, err);
	char *sql = out ? strndup(batch, bytes) : NULL;
	if (!sql)
		return err_no_memory(err);
	const struct asked a = { .sql = sql };
	int rc = ask(t, &a, out, err);
	free(sql);
	return rc == 0 && buf_text(out, err) ? said(arg, out, err) : (int)err->code;
}

/* Run the statements that a statement gives, each on a line. */
static int run_statements(struct mariadb_trial *t, const char *sql, statements_said *said, void *arg,
                          struct err *err)
{
	AUTO(buf) lines = buf_new(TRIAL_LIST_MAX, err);
	const struct asked a = { .sql = sql };
	if (!lines || ask(t, &a, lines, err) != 0 || !buf_text(lines, err))
		return err->code;
	size_t bytes;
	for (char *at = (char *)lines->bytes; *at; at += bytes) {
		bytes = batch_bytes(at);
		if (bytes == 0)
			return err_set(err, ERR_LIMIT, "the name of a table is too long");
		if (run_batch(t, at, bytes, said, arg, err) != 0)
			return err->code;
	}
	return 0;
}

struct checked {
	size_t good;
	char bad[TRIAL_TEXT_MAX];        /* the first line that says so, or empty */
};

/* CHECK TABLE says "status OK" for each table, and any number of other lines. */
static int read_checks(void *arg, struct buf *said, struct err *err)
{
	struct checked *c = arg;
	char *rest = (char *)said->bytes;
	(void)err;
	for (char *line; (line = strsep(&rest, "\n"));)
		if (strstr(line, "\tstatus\tOK"))
			c->good++;
		else if (*line && !strstr(line, "\tnote\t") && !*c->bad)
			snprintf(c->bad, sizeof c->bad, "%s", line);
	return 0;
}

static int mariadb_structure(struct trial *base, trial_found *found, void *arg, struct err *err)
{
	struct checked c = { .good = 0 };
	char all[40];
	if (run_statements(of(base), check_sql, read_checks, &c, err) != 0)
		return err->code;
	snprintf(all, sizeof all, "all %zu are", c.good);
	return found(arg, "CHECK TABLE", *c.bad ? TRIAL_FAILED : TRIAL_PASSED, "all are OK",
	             *c.bad ? c.bad : all, err);
}

static int read_counts(void *arg, struct buf *said, struct err *err)
{
	return trial_server_add_rows(arg, "", said, err);
}

static int mariadb_facts(struct trial *base, struct buf *out, struct err *err)
{
	struct mariadb_trial *t = of(base);
	long long bytes;
	JSON_AUTO rows = json_object();
	if (!rows)
		return err_no_memory(err);
	if (trial_dump_bytes(t->dump, &bytes, err) != 0 ||
	    run_statements(t, count_sql, read_counts, rows, err) != 0)
		return err->code;
	JSON_AUTO facts = json_pack("{s:s, s:I, s:O}", "engine", "mariadb", "bytes", (json_int_t)bytes,
	                            "rows", rows);
	return facts ? json_encode(facts, out, err) : err_no_memory(err);
}

/* ---- queries ---- */

/* The client writes NULL for it and for the text alike: a second column tells them apart. */
static char *query_text(const struct mariadb_trial *t, const char *sql, struct err *err)
{
	char *text = NULL, *scalar = trial_server_scalar(sql, err);
	if (!scalar)
		return NULL;
	int n = asprintf(&text, "SET SESSION max_statement_time=%u; START TRANSACTION READ ONLY; "
	                 "SELECT v IS NULL, v FROM (%s AS v) AS q", t->timeout_ms / 1000 + 1, scalar);
	free(scalar);
	if (n >= 0)
		return text;
	err_no_memory(err);
	return NULL;
}

static int mariadb_query(struct trial *base, const char *database, const char *sql,
                         struct trial_value *value, struct err *err)
{
	struct mariadb_trial *t = of(base);
	AUTO(buf) out = buf_new(TRIAL_OUTPUT_MAX, err);
	char *text = out ? query_text(t, sql, err) : NULL;
	if (!text)
		return err->code;
	const struct asked a = { .database = database ? database : t->database, .sql = text };
	int rc = ask(t, &a, out, err);
	free(text);
	if (rc != 0 || !buf_text(out, err))
		return err->code;
	size_t len = out->len > 0 && out->bytes[out->len - 1] == '\n' ? out->len - 1 : out->len;
	if (len < 2)
		return err_set(err, ERR_SOURCE, "gives no value");
	value->null = out->bytes[0] == '1';
	snprintf(value->text, sizeof value->text, "%.*s", value->null ? 0 : (int)len - 2,
	         (const char *)out->bytes + 2);
	return 0;
}

static const char *const *mariadb_env(struct trial *base)
{
	return of(base)->env;
}

static int mariadb_stop(struct trial *base, struct err *err)
{
	(void)err;
	trial_server_free(TAKE(of(base)->server));
	return 0;
}

const struct trial_ops trial_mariadb_dump = {
	.type = "mariadb-dump",
	.start = mariadb_start,
	.free = mariadb_free,
	.load = mariadb_load,
	.structure = mariadb_structure,
	.facts = mariadb_facts,
	.query = mariadb_query,
	.env = mariadb_env,
	.stop = mariadb_stop,
};
