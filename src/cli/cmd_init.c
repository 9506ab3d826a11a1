/* init - make a vault, its configuration, and the recovery sheet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/new_place.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "crypto/secret.h"
#include "crypto/words.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "holdfast/vault.h"

enum { SLOT_COST };

static const struct option_spec options[] = {
	[SLOT_COST] = { "slot-cost", 0, "OPS:KIB",
	                "Argon2id passes and memory of the passphrase slot (default 3:65536 for "
	                "a generated code, 3:262144 else)" },
	{ 0 },
};

struct init {
	struct cli *cli;
	struct new_place place;
	struct secret *passphrase;
	bool generated;
	struct vault_init_options how;
};

static int parse_cost(const char *text, struct vault_init_options *out, struct err *err)
{
	int used = 0;
	if (!text)
		return 0;
	if (sscanf(text, "%9u:%9u%n", &out->slot_ops, &out->slot_mem_kib, &used) == 2 &&
	    text[used] == '\0' && out->slot_ops >= 1 && out->slot_ops <= 16 &&
	    out->slot_mem_kib >= 8192 && out->slot_mem_kib <= 2 << 20)
		return 0;
	err_set(err, ERR_INVALID,
	        "init: '%s' is not OPS:KIB with 1 to 16 passes and 8192 to 2097152 KiB", text);
	return err_hint(err, "the default is 3:65536 for a generated code, 3:262144 else");
}

static int generate(struct init *in, struct err *err)
{
	char code[WORDS_CODE_MAX];
	words_random_code(code);
	in->passphrase = secret_copy(code, strlen(code), err);
	in->generated = true;
	in->how.generated = true;
	explicit_bzero(code, sizeof code);
	return in->passphrase ? 0 : err->code;
}

static int type_twice(struct init *in, struct err *err)
{
	for (;;) {
		struct secret *first = passphrase_prompt("New passphrase: ", err);
		if (!first)
			return err->code;
		struct secret *again = passphrase_prompt("The same again: ", err);
		bool same = again && first->len == again->len &&
		            memcmp(first->bytes, again->bytes, first->len) == 0;
		secret_free(again);
		if (same) {
			in->passphrase = first;
			return 0;
		}
		secret_free(first);
		if (!again)
			return err->code;
		terminal_tell("The two differ; once more.\n");
	}
}

static void warn_if_weak(const struct secret *p)
{
	char code[WORDS_CODE_MAX];
	bool seen[256] = { false };
	size_t different = 0;
	for (size_t i = 0; i < p->len; i++) {
		different += !seen[p->bytes[i]];
		seen[p->bytes[i]] = true;
	}
	if ((p->len < 16 || different < 8) &&
	    !words_normalise(code, (const char *)p->bytes, p->len))
		output_note(
		    "this passphrase is weak: whoever copies the vault can try guesses at leisure");
	explicit_bzero(code, sizeof code);
}

static int get_passphrase(struct init *in, struct err *err)
{
	struct passphrase_source source = cli_passphrase_source(in->cli);
	bool use_code = true;
	if (passphrase_is_given(&source)) {
		in->passphrase = passphrase_given(&source, err);
		if (in->passphrase)
			warn_if_weak(in->passphrase);
		return in->passphrase ? 0 : err->code;
	}
	if (terminal_is_there() && isatty(STDIN_FILENO) &&
	    terminal_confirm("Use a generated recovery code of six words? [Y/n] ", &use_code,
	                     err) != 0)
		return err->code;
	if (use_code)
		return generate(in, err);
	if (type_twice(in, err) != 0)
		return err->code;
	warn_if_weak(in->passphrase);
	return 0;
}

static void print_sheet(const struct init *in, const struct vault *v)
{
	char now[64];
	time_t t = time(NULL);
	struct tm tm;
	strftime(now, sizeof now, "%Y-%m-%d %H:%M %z", localtime_r(&t, &tm));
	printf("HOLDFAST RECOVERY SHEET                                  %s\n"
	       "Print it or write it down. Keep it away from the machine and from the vault.\n\n"
	       "  Vault          %s\n  Vault id       %s (%s)\n  Fingerprint    %s\n", now,
	       vault_url(v), vault_id_text(v), vault_short_id(v), vault_fingerprint(v));
	if (in->generated)
		printf("  Recovery code  %.*s\n", (int)in->passphrase->len,
		       (const char *)in->passphrase->bytes);
	else
		printf("  Passphrase     the one you chose; it is not printed\n");
	printf("\nIn a disaster you need the address above, the credentials of that storage, and "
	       "the %s.\n"
	       "On any Linux with holdfast:\n"
	       "  holdfast restore --vault %s\n"
	       "  holdfast restore --vault %s STORE --to DIR\n\n"
	       "Whoever has the %s and can read the vault can read every backup. Without it\n"
	       "nobody can restore anything. It is shown this once.\n",
	       in->generated ? "recovery code" : "passphrase", vault_url(v), vault_url(v),
	       in->generated ? "code" : "passphrase");
}

static int print_json(const struct init *in, const struct vault *v, struct err *err)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:o}", "vault", vault_id_text(v), "url",
	                      vault_url(v), "fingerprint", vault_fingerprint(v), "config",
	                      output_json_text(in->place.config_path));
	if (j && in->generated)
		json_object_set_new(j, "recovery_code",
		                    json_stringn((const char *)in->passphrase->bytes,
		                                 in->passphrase->len));
	return output_json(j, err);
}

/* A code that did not reach its reader is lost, and with it the vault. */
static int show_sheet(const struct init *in, const struct vault *v, struct err *err)
{
	int rc = 0;
	if (in->cli->options.json)
		rc = print_json(in, v, err);
	else
		print_sheet(in, v);
	if (rc == 0)
		rc = output_flush(err);
	if (rc == 0)
		return 0;
	err_wrap(err, "init: the recovery sheet could not be printed");
	return err_hint(err,
	                "its code is lost: remove the new vault %s and its key file, and repeat",
	                vault_url(v));
}

static int make_vault(struct init *in, struct err *err)
{
	struct cli *cli = in->cli;
	char machine[NEW_PLACE_NAME_MAX];
	struct backend_options storage;
	struct vault_options place = { .url = cli->url, .storage = &storage,
		                       .state_dir = cli->state, .keys_dir = cli->keys };
	cli_storage_options(cli, cli->place, &storage);
	in->how.machine = new_place_machine(machine);
	in->how.passphrase = (const char *)in->passphrase->bytes;
	in->how.passphrase_len = in->passphrase->len;
	if (vault_init(&place, &in->how, err) != 0)
		return err_wrap(err, "init");
	cli->vault = vault_open(&place, err);
	/* whatever this failure is, the code must not be lost with it */
	if (!cli->vault && in->generated)
		printf("Recovery code of %s: %.*s\n", cli->url, (int)in->passphrase->len,
		       (const char *)in->passphrase->bytes);
	if (!cli->vault || show_sheet(in, cli->vault, err) != 0)
		return err->code;
	if (new_place_write(&in->place, err) != 0)
		return err_wrap(err, "init: the vault is made, its configuration is not");
	if (!cli->options.json && !cli->options.quiet)
		output_note("the configuration is %s; next: holdfast add NAME PATH",
		            in->place.config_path);
	return 0;
}

static int run(struct cli *cli, struct err *err)
{
	struct init in = { .cli = cli, .place.cli = cli };
	int rc = options_operands(&cli->options, &cmd_init, 0, 0, err);
	if (rc == 0)
		rc = parse_cost(cli->options.own[SLOT_COST], &in.how, err);
	if (rc == 0)
		rc = new_place_choose(&in.place, err);
	if (rc == 0)
		rc = get_passphrase(&in, err);
	if (rc == 0)
		rc = make_vault(&in, err);
	secret_free(in.passphrase);
	new_place_free(&in.place);
	return rc;
}

const struct command cmd_init = {
	.name = "init",
	.summary = "make a vault and its configuration",
	.usage = "[--vault URL]",
	.about = "Make a new vault, this machine's key file and the configuration, and print the recovery\n"
	         "sheet, once. URL may be a plain path. A recovery code of six words is generated unless\n"
	         "another passphrase is given (--passphrase-file and the other sources) or chosen at the\n"
	         "terminal. --slot-cost is for machines with little memory.\n",
	.options = options,
	.run = run,
};
