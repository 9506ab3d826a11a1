/* ledger - what every enrolled key signed that it did: show, verify, prove, take away. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/stores.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verb.h"
#include "cli/when.h"
#include "holdfast/err.h"
#include "holdfast/ledger.h"

enum { SINCE, KEY, AGAINST, SNAPSHOT, COSIGNER, SIGNER, NAME };

static const struct option_spec options[] = {
	[SINCE] = { "since", 0, "T", "show: yesterday, today, 7d, 2026-11-22, 2026-11-22T02:15" },
	[KEY] = { "key", 0, "KEY", "the ledger of this key (its name, or its id's beginning)" },
	[AGAINST] = { "against", 0, "FILE", "verify: a checkpoint that was kept elsewhere" },
	[SNAPSHOT] = { "snapshot", 0, "STORE@N", "proof: of the entry that tells of this snapshot" },
	[COSIGNER] = { "cosigner", 0, "KEY", "verify: who must have cosigned that; a key or its file" },
	[SIGNER] = { "signer", 0, "FILE", "cosign: your key (openssl genpkey -algorithm ed25519)" },
	[NAME] = { "name", 0, "NAME", "cosign: who you are, such as auditor.example/2026" },
	{ 0 },
};

enum { CHECKPOINT_MAX = 64 << 10, KEY_MAX = 4096 };

/* ---- show ---- */

struct listing {
	struct table *table;         /* NULL: JSON */
	size_t n;
};

/* What a person wants to know of it first. */
static void describe(const struct ledger_line *line, const json_t *j, char *out, size_t cap)
{
	if (strcmp(line->kind, "run") == 0)
		snprintf(out, cap, "%" PRId64 " stores: %" PRId64 " made, %"
		         PRId64 " unchanged, %" PRId64 " failed",
		         json_int(j, "stores"), json_int(j, "made"), json_int(j, "unchanged"),
		         json_int(j, "failed"));
	else if (json_object_get(j, "drill"))
		snprintf(out, cap, "%.12s... %s", json_text(j, "drill"), json_text(j, "verdict"));
	else if (json_object_get(j, "store"))
		snprintf(out, cap, "store %.12s... %s%s%s", json_text(j, "store"), json_text(j, "verdict"),
		         json_text(j, "act"), json_object_get(j, "mask") ? ", masked" : "");
	else if (json_object_get(j, "logs"))
		snprintf(out, cap, "%zu ledgers", json_array_size(json_object_get(j, "logs")));
	else
		snprintf(out, cap, "%.32s", json_text(j, "key"));
}

static int show_json(const struct ledger_line *line, const json_t *entry, struct err *err)
{
	char hex[33];
	for (size_t i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", line->key[i]);
	return output_json(json_pack("{s:s, s:o, s:I, s:O}", "key", hex, "name",
	                             output_json_text(line->key_name), "index",
	                             (json_int_t)line->index, "entry", entry), err);
}

static int show_line(void *arg, const struct ledger_line *line, struct err *err)
{
	struct listing *l = arg;
	char when[TEXT_MAX], index[24], what[120];
	JSON_AUTO j = json_decode(line->json, line->json_len, "ledger", err);
	if (!j)
		return err->code;
	l->n++;
	if (!l->table)
		return show_json(line, j, err);
	snprintf(index, sizeof index, "%" PRIu64, line->index);
	describe(line, j, what, sizeof what);
	return TABLE_ROW(l->table, err, text_time(when, (int64_t)line->time_s), line->key_name, index,
	                 line->kind, what);
}

static int run_show(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	struct ledger_show_options how = { .key = o->own[KEY] };
	int64_t since = 0;
	if (o->own[SINCE] && !when_since(o->own[SINCE], (int64_t)time(NULL), &since))
		return err_set(err, ERR_INVALID, "ledger: '%s' is not understood as a time", o->own[SINCE]);
	how.since_s = since > 0 ? (uint64_t)since : 0;
	AUTO(table) t = table_new("llrll", err);
	if (!t || TABLE_ROW(t, err, "TIME", "KEY", "ENTRY", "KIND", "") != 0 || cli_open(cli, err) != 0)
		return err->code;
	struct listing l = { .table = o->json ? NULL : t };
	if (ledger_show(cli->vault, &how, show_line, &l, err) != 0)
		return err->code;
	if (l.n == 0 && !o->json)
		output_note("no entries");
	else if (!o->json)
		table_print(t);
	return EXIT_DONE;
}

/* ---- verify ---- */

static void on_problem(void *arg, enum ledger_severity severity, const struct err *problem)
{
	static const char *const words[] = { "note", "damage", "fork" };
	const struct cli *cli = arg;
	struct err ignored;
	live_clear();
	output_error(problem);
	json_t *j = cli->options.json ? output_json_error(problem, NULL) : NULL;
	if (j && json_object_set_new(j, "severity", json_string(words[severity])) == 0)
		output_json(j, &ignored);
}

static void tell_cosigned(const struct ledger_verify_result *r)
{
	char when[TEXT_MAX];
	if (r->cosigned_s)
		printf("; what it was held against was seen by the cosigner %s",
		       text_time(when, (int64_t)r->cosigned_s));
}

static int tell_result(const struct cli *cli, const struct ledger_verify_result *r, struct err *err)
{
	uint64_t problems = r->damages + r->forks;
	if (cli->options.json)
		return output_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "logs",
		                             (json_int_t)r->logs, "entries", (json_int_t)r->entries,
		                             "snapshots", (json_int_t)r->snapshots, "drills",
		                             (json_int_t)r->drills, "notes", (json_int_t)r->notes,
		                             "damages", (json_int_t)r->damages, "forks",
		                             (json_int_t)r->forks, "cosigned",
		                             (json_int_t)r->cosigned_s), err);
	if (cli->options.quiet && problems == 0 && r->notes == 0)
		return 0;
	if (problems)
		printf("%" PRIu64 " problem%s", problems, problems == 1 ? "" : "s");
	else
		printf("no problems");
	printf(" found in %" PRIu64 " ledger%s, %" PRIu64 " entr%s; %" PRIu64 " snapshot%s and %" PRIu64
	       " drill%s compared", r->logs, r->logs == 1 ? "" : "s", r->entries,
	       r->entries == 1 ? "y" : "ies", r->snapshots, r->snapshots == 1 ? "" : "s", r->drills,
	       r->drills == 1 ? "" : "s");
	tell_cosigned(r);
	putchar('\n');
	return 0;
}

/* What --against and --cosigner say; the buffers are the caller's. */
static int read_options(struct cli *cli, struct buf *against, struct buf *cosigner,
                        struct ledger_verify_options *how, struct err *err)
{
	const char *file = cli->options.own[AGAINST], *key = cli->options.own[COSIGNER];
	*how = (struct ledger_verify_options){ .problem = on_problem, .arg = cli,
		                               .progress = cli_progress(cli) };
	if (key && !file)
		return err_set(err, ERR_INVALID, "ledger: --cosigner needs --against");
	if (file && io_read_file(file, against, err) != 0)
		return err->code;
	if (key && access(key, F_OK) == 0 && io_read_file(key, cosigner, err) != 0)
		return err->code;
	if (file) {
		how->against = against->bytes ? against->bytes : (const uint8_t *)"";
		how->against_len = against->len;
	}
	how->cosigner = key && cosigner->len > 0 ? buf_text(cosigner, err) : key;
	return key && !how->cosigner ? err->code : 0;
}

static int run_verify(struct cli *cli, struct err *err)
{
	const char *file = cli->options.own[AGAINST];
	AUTO(buf) against = buf_new(CHECKPOINT_MAX, err);
	AUTO(buf) cosigner = against ? buf_new(KEY_MAX, err) : NULL;
	struct ledger_verify_options how;
	struct ledger_verify_result r;
	if (!cosigner || read_options(cli, against, cosigner, &how, err) != 0 || cli_open(cli, err) != 0)
		return err->code;
	how.copy = cli_is_copy(cli);
	int rc = ledger_verify(cli->vault, &how, &r, err);
	live_clear();
	if (rc != 0)
		return rc == ERR_INVALID && file ? err_wrap(err, "%s", file) : rc;
	if (tell_result(cli, &r, err) != 0)
		return err->code;
	return r.forks || r.damages ? EXIT_DAMAGE : r.notes ? EXIT_DEGRADED : EXIT_DONE;
}

/* ---- proof ---- */

static int find_entry_of_snapshot(struct cli *cli, uint8_t key[16], uint64_t *index, struct err *err)
{
	struct store_spec spec;
	struct snapshot_info info;
	if (stores_parse_spec(cli->options.own[SNAPSHOT], &spec, err) != 0)
		return err->code;
	AUTO(stores) list = stores_load(cli, STORES_ASK, err);
	const struct store_entry *store = list ? stores_one(list, spec.store, err) : NULL;
	if (!store || snapshot_select(cli->vault, &store->info, spec.snapshot, &info, err) != 0)
		return err->code;
	memcpy(key, store->info.writer, 16);
	return ledger_find_snapshot(cli->vault, key, store->info.store, info.seq, index, err);
}

static int parse_index(const char *text, uint64_t *out, struct err *err)
{
	char *end;
	*out = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0')
		return 0;
	return err_set(err, ERR_INVALID, "ledger proof: '%.60s' is no entry's number", text);
}

/* --key, or this machine's. */
static int choose_key(struct cli *cli, uint8_t key[16], struct err *err)
{
	const struct options *o = &cli->options;
	const char *name = o->own[KEY] ? o->own[KEY] : vault_machine(cli->vault);
	if (!name)
		return err_set(err, ERR_INVALID, "ledger %.20s: from whose ledger? Give --key KEY",
		               o->operands[0]);
	return ledger_find_key(cli->vault, name, key, err);
}

static int find_entry(struct cli *cli, uint8_t key[16], uint64_t *index, struct err *err)
{
	const struct options *o = &cli->options;
	if (o->own[SNAPSHOT] && o->n_operands == 1)
		return find_entry_of_snapshot(cli, key, index, err);
	if (o->own[SNAPSHOT] || o->n_operands != 2) {
		err_set(err, ERR_INVALID, "ledger proof: of one entry: its number, or --snapshot STORE@N");
		return err_hint(err, "'holdfast ledger show' lists entries");
	}
	return parse_index(o->operands[1], index, err) == 0 ? choose_key(cli, key, err) : (int)err->code;
}

static int run_proof(struct cli *cli, struct err *err)
{
	uint8_t key[16];
	uint64_t index;
	char *proof;
	size_t len;
	if (cli_open(cli, err) != 0 || find_entry(cli, key, &index, err) != 0 ||
	    ledger_prove(cli->vault, key, index, &proof, &len, err) != 0)
		return err->code;
	fwrite(proof, 1, len, stdout);
	free(proof);
	return output_flush(err) == 0 ? EXIT_DONE : err->code;
}

/* ---- export ---- */

static int run_export(struct cli *cli, struct err *err)
{
	uint64_t logs, entries;
	const char *dir = cli->options.operands[1];
	if (cli_open(cli, err) != 0 || ledger_export(cli->vault, dir, &logs, &entries, err) != 0)
		return err->code;
	if (cli->options.json)
		return output_json(json_pack("{s:I, s:I}", "logs", (json_int_t)logs, "entries",
		                             (json_int_t)entries), err);
	if (!cli->options.quiet)
		printf("%" PRIu64 " ledger%s, %" PRIu64 " entr%s; verify with: cd %s && sh COMPLETE.txt\n",
		       logs, logs == 1 ? "" : "s", entries, entries == 1 ? "y" : "ies", dir);
	return EXIT_DONE;
}

/* ---- cosign ---- */

static int read_signer(const char *path, struct buf *out, struct err *err)
{
	struct stat st;
	if (io_read_file(path, out, err) != 0)
		return err->code;
	if (stat(path, &st) != 0)
		return err_sys(err, "%s", path);
	if (!(st.st_mode & (S_IRWXG | S_IRWXO)))
		return 0;
	err_set(err, ERR_DENIED, "%s: others can read this key", path);
	return err_hint(err, "chmod 600 '%s'", path);
}

static int write_cosigned(struct cli *cli, const char *path, const struct ledger_cosigned *c, struct err *err)
{
	char safe[4 * 1200];
	if (io_write_file(path, c->checkpoint, c->len, 0644, err) != 0)
		return err->code;
	if (cli->options.json)
		return output_json(json_pack("{s:o, s:s}", "file", output_json_text(path), "cosigner",
		                             c->witness), err);
	if (!cli->options.quiet)
		printf("%s: cosigned; verify with: holdfast ledger verify --against %s --cosigner '%s'\n",
		       text_escape(safe, sizeof safe, path), safe, c->witness);
	return EXIT_DONE;
}

static int check_cosign(const struct options *o, struct err *err)
{
	if (!o->own[SIGNER] || !o->own[NAME]) {
		err_set(err, ERR_INVALID, "ledger cosign: --signer and --name say with which key, and whose");
		return err_hint(err, "openssl genpkey -algorithm ed25519 -out cosign.pem makes a key");
	}
	if (access(o->operands[1], F_OK) != 0)
		return 0;
	err_set(err, ERR_EXISTS, "%s: exists", o->operands[1]);
	return err_hint(err, "each cosigned checkpoint is kept in a file of its own");
}

static int run_cosign(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	AUTO(buf) against = buf_new(CHECKPOINT_MAX, err);
	AUTO(buf) cosigner = against ? buf_new(KEY_MAX, err) : NULL;
	AUTO(buf) pem = cosigner ? buf_new(KEY_MAX, err) : NULL;
	struct ledger_verify_options how;
	struct ledger_verify_result r;
	struct ledger_cosigned c;
	uint8_t key[16];
	if (!pem || check_cosign(o, err) != 0 || read_options(cli, against, cosigner, &how, err) != 0 ||
	    read_signer(o->own[SIGNER], pem, err) != 0 || cli_open(cli, err) != 0 ||
	    choose_key(cli, key, err) != 0)
		return err->code;
	const struct ledger_witness who = { o->own[NAME], pem->bytes, pem->len, (uint64_t)time(NULL) };
	how.copy = cli_is_copy(cli);
	int rc = ledger_cosign(cli->vault, &how, key, &who, &r, &c, err);
	live_clear();
	if (rc != 0)
		return err_wrap(err, "ledger cosign");
	if (!c.checkpoint)
		return tell_result(cli, &r, err) == 0 ? EXIT_DAMAGE : (int)err->code;
	rc = write_cosigned(cli, o->operands[1], &c, err);
	free(c.checkpoint);
	return rc;
}

/* ---- timestamp ---- */

static int tell_stamp(const struct cli *cli, const char *dir, const struct ledger_stamp *s, struct err *err)
{
	char when[TEXT_MAX], safe[4 * 1200];
	if (cli->options.json)
		return output_json(json_pack("{s:o, s:I, s:I}", "folder", output_json_text(dir), "entries",
		                             (json_int_t)s->entries, "time", (json_int_t)s->time_s), err);
	if (!cli->options.quiet)
		printf("%s: a checkpoint of %" PRIu64 " entr%s, seen %s; verify with: cd %s &&\n"
		       "openssl ts -verify -data checkpoint -in checkpoint.tsr -CAfile tsa-ca.pem\n",
		       text_escape(safe, sizeof safe, dir), s->entries, s->entries == 1 ? "y" : "ies",
		       text_time(when, (int64_t)s->time_s), safe);
	return EXIT_DONE;
}

static int run_timestamp(struct cli *cli, struct err *err)
{
	uint8_t key[16];
	struct ledger_stamp s;
	const char *dir = cli->options.operands[1];
	if (cli_open(cli, err) != 0)
		return err->code;
	const char *tsa = cli_place_value(cli, "tsa"), *ca = cli_place_value(cli, "tsa-ca");
	if (!tsa || !ca) {
		err_set(err, ERR_INVALID, "ledger timestamp: no timestamp authority is configured");
		return err_hint(err, "set 'tsa' and 'tsa-ca' in [vault] (holdfast.conf(5))");
	}
	if (choose_key(cli, key, err) != 0 ||
	    ledger_timestamp(cli->vault, key, tsa, ca, dir, &s, err) != 0)
		return err->code;
	return tell_stamp(cli, dir, &s, err);
}

/* ---- which ---- */

static const struct verb verbs[] = {
	{ "show", 0, 0, TAKES(SINCE) | TAKES(KEY), run_show, "[--since T] [--key KEY]" },
	{ "verify", 0, 0, TAKES(AGAINST) | TAKES(COSIGNER), run_verify, "[--against FILE [--cosigner KEY]]" },
	{ "proof", 0, 1, TAKES(SNAPSHOT) | TAKES(KEY), run_proof, "N|--snapshot STORE@N [--key KEY]" },
	{ "export", 1, 1, 0, run_export, "DIR" },
	{ "timestamp", 1, 1, TAKES(KEY), run_timestamp, "DIR [--key KEY]" },
	{ "cosign", 1, 1, TAKES(SIGNER) | TAKES(NAME) | TAKES(KEY) | TAKES(AGAINST) | TAKES(COSIGNER),
	  run_cosign, "FILE --signer FILE --name NAME [--key KEY] [--against FILE [--cosigner KEY]]" },
	{ .name = NULL },
};

static int run(struct cli *cli, struct err *err)
{
	const struct verb *v = verb_choose(&cmd_ledger, verbs, &cli->options, err);
	return v ? v->run(cli, err) : (int)err->code;
}

const struct command cmd_ledger = {
	.name = "ledger",
	.summary = "the signed record of everything that was done",
	.usage = "show|verify|proof|export|timestamp|cosign [OPERANDS]",
	.about = "  ledger show [--since T] [--key KEY]   what was done\n"
	         "  ledger verify [--against FILE [--cosigner KEY]]\n"
	         "                                        is anything missing or changed\n"
	         "  ledger proof N|--snapshot STORE@N [--key KEY]\n"
	         "                                        a proof that one entry is in a ledger\n"
	         "  ledger export DIR                     all of them, with a script that verifies them\n"
	         "  ledger timestamp DIR [--key KEY]      a checkpoint, signed by a timestamp authority\n"
	         "  ledger cosign FILE --signer FILE --name NAME [--key KEY] [--against FILE]\n"
	         "                                        for an auditor: verify, and sign what it was\n"
	         "\n"
	         "Every key of a vault signs what it does into a ledger that only grows. show lists it.\n"
	         "verify reads all ledgers and holds them against each other, against what this machine saw\n"
	         "last, against a checkpoint that was kept elsewhere, and against the snapshots and drills\n"
	         "in the vault. proof prints a proof that one entry is in a ledger. export writes all of\n"
	         "them into a new folder, with a script that verifies them with openssl and a shell.\n"
	         "timestamp has the authority of the configuration (tsa) sign a checkpoint. cosign is for\n"
	         "an auditor: it verifies, and signs what the ledger was with a key of your own.\n"
	         "No passphrase is needed. Exit status of verify 20: something is missing or changed, or a\n"
	         "ledger was set back, cut or has two histories; 4: something is to be known.\n",
	.options = options,
	.reads = true,
	.reads_late = true,
	.run = run,
};
