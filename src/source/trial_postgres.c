/* A dump of PostgreSQL, loaded into a server of its own. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "holdfast/err.h"
#include "source/postgres_roles.h"
#include "source/trial.h"
#include "source/trial_dump.h"
#include "source/trial_none.h"
#include "source/trial_server.h"

extern const struct trial_ops trial_postgres_dump;

/* No name that a dump would create. */
#define SUPERUSER "holdfast_drill"
#define NULL_MARK "\001null"

enum { START_MS = 60000, SMALL_MS = 60000, PORT = 5432 };

static const char installed[] = "/usr/lib/postgresql";   /* VERSION/bin, as Debian has it */

struct postgres_trial {
	struct trial base;
	char bin[64];                       /* with a '/' at its end, or empty: in PATH */
	char data[PATH_MAX], dump[PATH_MAX];
	char database[128];                 /* where queries go that name none */
	bool whole;                         /* the dump is of a whole server */
	unsigned timeout_ms;
	struct trial_server *server;
	char host[PATH_MAX + 8], db_env[140];
	const char *env[8];
};

static struct postgres_trial *of(struct trial *t)
{
	return (struct postgres_trial *)t;
}

static void postgres_free(struct trial *base)
{
	trial_server_free(of(base)->server);
	free(base);
}

/* ---- start ---- */

/* The newest: it reads the dumps of all older ones. */
static void find_bin(struct postgres_trial *t)
{
	long best = 0;
	DIR *dir = opendir(installed);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		long version = strtol(e->d_name, NULL, 10);
		char path[200];
		snprintf(path, sizeof path, "%s/%.8s/bin/postgres", installed, e->d_name);
		if (version <= best || access(path, X_OK) != 0)
			continue;
		best = version;
		snprintf(t->bin, sizeof t->bin, "%s/%.8s/bin/", installed, e->d_name);
	}
	if (dir)
		closedir(dir);
}

static const char *program(const struct postgres_trial *t, const char *name, char out[100])
{
	snprintf(out, 100, "%s%s", t->bin, name);
	return out;
}

static int run_initdb(const struct postgres_trial *t, struct err *err)
{
	char initdb[100];
	const char *const argv[] = {
		program(t, "initdb", initdb), "-D", t->data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8",
		"--locale=C.UTF-8", "-N", "--no-instructions", NULL,
	};
	const struct trial_program p = { .argv = argv, .timeout_ms = START_MS };
	if (trial_program_run(&p, NULL, err) == 0)
		return 0;
	/* the data was not even looked at */
	if (err->code == ERR_SOURCE)
		err->code = ERR_UNREACHABLE;
	if (err->code == ERR_ABSENT)
		err_hint(err, "install the package postgresql-15 on this machine");
	return err->code;
}

static int start_server(struct postgres_trial *t, const char *scratch, struct err *err)
{
	char postgres[100], ready[100];
	const char *const argv[] = {
		program(t, "postgres", postgres), "-D", t->data, "-k", scratch, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off",
		"-c", "wal_level=minimal", "-c", "max_wal_senders=0", "-c", "max_wal_size=4GB",
		"-c", "dynamic_shared_memory_type=mmap", "-c", "log_min_messages=fatal", "-c", "jit=off",
		"-c", "logging_collector=off", NULL,
	};
	const char *const ping[] = { program(t, "pg_isready", ready), "-q", "-h", scratch, NULL };
	const struct trial_program p = { .argv = ping, .timeout_ms = SMALL_MS };
	t->server = trial_server_new(argv, &p, START_MS, err);
	return t->server ? 0 : (int)err->code;
}

static int set_env(struct postgres_trial *t, const char *scratch, struct err *err)
{
	if (snprintf(t->host, sizeof t->host, "PGHOST=%s", scratch) >= (int)sizeof t->host ||
	    snprintf(t->data, sizeof t->data, "%s/data", scratch) >= (int)sizeof t->data)
		return err_set(err, ERR_INVALID, "%.100s...: path is too long", scratch);
	snprintf(t->db_env, sizeof t->db_env, "PGDATABASE=%s", t->database);
	size_t n = 0;
	t->env[n++] = t->host;
	t->env[n++] = "PGUSER=" SUPERUSER;
	t->env[n++] = t->db_env;
	t->env[n] = NULL;
	return 0;
}

static int begin(struct postgres_trial *t, const struct trial_options *o, struct err *err)
{
	t->timeout_ms = o->timeout_ms;
	t->whole = o->database == NULL;
	snprintf(t->database, sizeof t->database, "%s", t->whole ? "postgres" : "restored");
	find_bin(t);
	if (trial_dump_path(o, t->dump, err) != 0 || set_env(t, o->scratch, err) != 0 ||
	    run_initdb(t, err) != 0)
		return err->code;
	return start_server(t, o->scratch, err);
}

static struct trial *postgres_start(const struct trial_options *options, struct err *err)
{
	struct postgres_trial *t = calloc(1, sizeof *t);
	if (!t) {
		err_no_memory(err);
		return NULL;
	}
	t->base.ops = &trial_postgres_dump;
	if (begin(t, options, err) == 0)
		return &t->base;
	postgres_free(&t->base);
	return NULL;
}

/* ---- SQL ---- */

struct asked {
	const char *database, *sql;      /* sql NULL: from input */
	const char *input;
	bool reads;                      /* nothing but that */
};

static int ask(struct postgres_trial *t, const struct asked *a, struct buf *out, struct err *err)
{
	char psql[100], options[120];
	const char *argv[24] = {
		program(t, "psql", psql), "-X", "-A", "-t", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-F", "\t",
		"-P", "null=" NULL_MARK, "-d", a->database,
	};
	size_t n = 14;
	argv[n++] = a->sql ? "-c" : "-f";
	argv[n++] = a->sql ? a->sql : "-";
	snprintf(options, sizeof options, "PGOPTIONS=-c default_transaction_read_only=%s -c "
	         "statement_timeout=%u", a->reads ? "on" : "off", a->reads ? t->timeout_ms : 0);
	const char *const env[] = { t->host, "PGUSER=" SUPERUSER, options, NULL };
	const struct trial_program p = { .argv = argv, .set_env = env, .input = a->input,
	                                 .timeout_ms = t->timeout_ms };
	return trial_program_run(&p, out, err);
}

static int change(struct postgres_trial *t, const char *sql, struct err *err)
{
	const struct asked a = { .database = "postgres", .sql = sql };
	return ask(t, &a, NULL, err);
}

/* ---- load ---- */

static int make_role(void *arg, const char *role, struct err *err)
{
	char sql[300];
	snprintf(sql, sizeof sql, "CREATE ROLE %s", role);
	/* what cannot be made is told by the load, where it is missed */
	return change(arg, sql, err) == 0 || err->code == ERR_SOURCE ? 0 : (int)err->code;
}

static int postgres_load(struct trial *base, trial_found *found, void *arg, struct err *err)
{
	struct postgres_trial *t = of(base);
	/* a dump of one database speaks of roles that only a whole server's makes */
	if (!t->whole && (change(t, "CREATE DATABASE restored", err) != 0 ||
	                  postgres_roles(t->dump, make_role, t, err) != 0))
		return err_wrap(err, "load");
	const struct asked a = { .database = t->database, .input = t->dump };
	return trial_dump_told(ask(t, &a, NULL, err), found, arg, err);
}

/* ---- structure and facts ---- */

static const char databases_sql[] =
	"SELECT datname FROM pg_database WHERE datallowconn AND datname !~ '[\\n]' AND "
	"datname <> 'template1' ORDER BY 1";

static const char rows_sql[] =
	"SELECT format('%s.%s', table_schema, table_name), (xpath('/row/c/text()', query_to_xml(format("
	"'SELECT count(*) AS c FROM %I.%I', table_schema, table_name), false, true, '')))[1]::text "
	"FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND "
	"table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1";

typedef int database_visit(struct postgres_trial *t, const char *database, void *arg, struct err *err);

static int each_database(struct postgres_trial *t, database_visit *visit, void *arg, struct err *err)
{
	AUTO(buf) names = buf_new(TRIAL_LIST_MAX, err);
	const struct asked a = { .database = "postgres", .sql = databases_sql, .reads = true };
	if (!t->whole)
		return visit(t, t->database, arg, err);
	if (!names || ask(t, &a, names, err) != 0 || !buf_text(names, err))
		return err->code;
	char *rest = (char *)names->bytes;
	for (char *name; (name = strsep(&rest, "\n"));)
		if (*name && visit(t, name, arg, err) != 0)
			return err->code;
	return 0;
}

static int add_invalid(struct postgres_trial *t, const char *database, void *arg, struct err *err)
{
	AUTO(buf) out = buf_new(TRIAL_OUTPUT_MAX, err);
	const struct asked a = { .database = database, .reads = true,
	                         .sql = "SELECT count(*) FROM pg_index WHERE NOT indisvalid" };
	if (!out || ask(t, &a, out, err) != 0 || !buf_text(out, err))
		return err->code;
	*(long long *)arg += strtoll((const char *)out->bytes, NULL, 10);
	return 0;
}

static int postgres_structure(struct trial *base, trial_found *found, void *arg, struct err *err)
{
	long long invalid = 0;
	char text[40];
	if (each_database(of(base), add_invalid, &invalid, err) != 0)
		return err->code;
	snprintf(text, sizeof text, "%lld", invalid);
	return found(arg, "invalid indexes", invalid ? TRIAL_FAILED : TRIAL_PASSED, "0", text, err);
}

static int add_rows(struct postgres_trial *t, const char *database, void *arg, struct err *err)
{
	AUTO(buf) out = buf_new(TRIAL_LIST_MAX, err);
	char prefix[140] = "";
	const struct asked a = { .database = database, .sql = rows_sql, .reads = true };
	if (!out || ask(t, &a, out, err) != 0)
		return err->code;
	if (t->whole)
		snprintf(prefix, sizeof prefix, "%.120s.", database);
	return trial_server_add_rows(arg, prefix, out, err);
}

static int postgres_facts(struct trial *base, struct buf *out, struct err *err)
{
	struct postgres_trial *t = of(base);
	long long bytes;
	JSON_AUTO rows = json_object();
	if (!rows)
		return err_no_memory(err);
	if (trial_dump_bytes(t->dump, &bytes, err) != 0 || each_database(t, add_rows, rows, err) != 0)
		return err->code;
	JSON_AUTO facts = json_pack("{s:s, s:I, s:O}", "engine", "postgres", "bytes", (json_int_t)bytes,
	                            "rows", rows);
	return facts ? json_encode(facts, out, err) : err_no_memory(err);
}

/* ---- queries ---- */

static int postgres_query(struct trial *base, const char *database, const char *sql,
                          struct trial_value *value, struct err *err)
{
	struct postgres_trial *t = of(base);
	AUTO(buf) out = buf_new(TRIAL_OUTPUT_MAX, err);
	char *scalar = out ? trial_server_scalar(sql, err) : NULL;
	if (!scalar)
		return err->code;
	const struct asked a = { .database = database ? database : t->database, .sql = scalar,
	                         .reads = true };
	int rc = ask(t, &a, out, err);
	free(scalar);
	if (rc != 0 || !buf_text(out, err))
		return err->code;
	size_t len = out->len > 0 && out->bytes[out->len - 1] == '\n' ? out->len - 1 : out->len;
	value->null = len == sizeof NULL_MARK - 1 && memcmp(out->bytes, NULL_MARK, len) == 0;
	snprintf(value->text, sizeof value->text, "%.*s", value->null ? 0 : (int)len,
	         (const char *)out->bytes);
	return 0;
}

static const char *const *postgres_env(struct trial *base)
{
	return of(base)->env;
}

static int postgres_stop(struct trial *base, struct err *err)
{
	(void)err;
	trial_server_free(TAKE(of(base)->server));
	return 0;
}

const struct trial_ops trial_postgres_dump = {
	.type = "postgres-dump",
	.start = postgres_start,
	.free = postgres_free,
	.load = postgres_load,
	.structure = postgres_structure,
	.facts = postgres_facts,
	.query = postgres_query,
	.env = postgres_env,
	.stop = postgres_stop,
};
