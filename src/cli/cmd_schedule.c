/* schedule - let systemd or cron run `holdfast run`, and show what is due when. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/process.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/due.h"
#include "cli/notify.h"
#include "cli/outcomes.h"
#include "cli/output.h"
#include "cli/schedule_files.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/units.h"
#include "cli/when.h"
#include "holdfast/err.h"
#include "holdfast/vault.h"

enum { CRON, USER, DELAY, ROOT, FORCE };

static const struct option_spec options[] = {
	[CRON] = { "cron", 0, NULL, "a file in /etc/cron.d instead of units of systemd" },
	[USER] = { "user", 0, NULL, "for your own manager of services; default unless you are root" },
	[DELAY] = { "delay", 0, "T", "start up to so much later, by chance: 30m" },
	[ROOT] = { "root", 0, "DIR", "write below DIR, and start nothing: for images" },
	[FORCE] = { "force", 0, NULL, "also replace or remove files that are not ours" },
	{ 0 },
};

enum { FILE_MAX_BYTES = 1 << 20, SYSTEMCTL_TIMEOUT_MS = 60000 };

/* ---- what was asked ---- */

static struct schedule_place place_of(const struct options *o)
{
	return (struct schedule_place){ .root = o->own[ROOT] ? o->own[ROOT] : "",
		                        .user = o->own[USER] || (geteuid() != 0 && !o->own[ROOT]) };
}

static int read_delay(const struct options *o, uint64_t *out, struct err *err)
{
	*out = 0;
	if (!o->own[DELAY])
		return 0;
	if (!when_duration(o->own[DELAY], out)) {
		err_set(err, ERR_INVALID, "schedule: '%s' is no duration", o->own[DELAY]);
		return err_hint(err, "for example --delay 30m");
	}
	return o->own[CRON] ? err_set(err, ERR_INVALID, "schedule: cron knows no --delay") : 0;
}

static bool is_booted_with_systemd(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

/* ---- install ---- */

typedef int compose_fn(const struct units *u, struct buf *out, struct err *err);

static const struct {
	enum schedule_file file;
	bool cron;
	compose_fn *compose;
} parts[] = {
	{ SCHEDULE_SERVICE, false, units_service },
	{ SCHEDULE_TIMER, false, units_timer },
	{ SCHEDULE_MAIL, false, units_mail },
	{ SCHEDULE_CRON, true, units_crontab },
};
enum { PARTS_N = sizeof parts / sizeof *parts };

static int install_part(const struct cli *cli, const struct units *u, size_t i, struct err *err)
{
	const struct options *o = &cli->options;
	const struct schedule_place at = place_of(o);
	char path[PATH_MAX];
	AUTO(buf) text = buf_new(FILE_MAX_BYTES, err);
	if (!text || schedule_file_path(&at, parts[i].file, path, err) != 0 ||
	    parts[i].compose(u, text, err) != 0)
		return err->code;
	if (o->dry_run) {
		printf("==> %s\n%.*s\n", path, (int)text->len, (const char *)text->bytes);
		return 0;
	}
	if (schedule_file_write(path, text->bytes, text->len, o->own[FORCE] != NULL, err) != 0)
		return err->code;
	if (!o->quiet)
		printf("wrote %s\n", path);
	return 0;
}

/* Nothing is written where one of several files is somebody else's. */
static int check_foreign(const struct cli *cli, bool cron, struct err *err)
{
	const struct schedule_place at = place_of(&cli->options);
	for (size_t i = 0; i < PARTS_N; i++) {
		char path[PATH_MAX];
		enum schedule_found found;
		if (parts[i].cron == cron &&
		    (schedule_file_path(&at, parts[i].file, path, err) != 0 ||
		     schedule_file_check(path, cli->options.own[FORCE] != NULL, &found, err) != 0))
			return err->code;
	}
	return 0;
}

static int systemctl(const struct cli *cli, const char *const *words, struct err *err)
{
	static const char *const keep[] = { "HOME", "XDG_*", "DBUS_SESSION_BUS_ADDRESS", NULL };
	const char *argv[8] = { "systemctl" };
	size_t n = 1;
	if (place_of(&cli->options).user)
		argv[n++] = "--user";
	while (*words && n < sizeof argv / sizeof *argv - 1)
		argv[n++] = *words++;
	argv[n] = NULL;
	const struct process_options o = { .argv = argv, .keep_env = keep };
	AUTO(process) p = process_start(&o, err);
	return p ? process_finish(p, SYSTEMCTL_TIMEOUT_MS, err) : err->code;
}

static int start_timer(const struct cli *cli, struct err *err)
{
	const char *const reload[] = { "daemon-reload", NULL };
	const char *const enable[] = { "enable", "--now", "holdfast.timer", NULL };
	const struct options *o = &cli->options;
	bool user = place_of(o).user;
	if (o->own[ROOT] || !is_booted_with_systemd()) {
		printf("Next: systemctl %sdaemon-reload && systemctl %senable --now holdfast.timer\n",
		       user ? "--user " : "", user ? "--user " : "");
		return EXIT_DONE;
	}
	if (systemctl(cli, reload, err) != 0 || systemctl(cli, enable, err) != 0)
		return err_wrap(err, "schedule: the files are written, but");
	if (user && !o->quiet)
		printf("Next: loginctl enable-linger, so that it runs while you are logged out\n");
	return EXIT_DONE;
}

static void warn_no_mailer(const struct cli *cli)
{
	const struct config *c = cli->config;
	bool told = config_run_value(c, "notify") || config_run_value(c, "notify-file") ||
	            config_run_value(c, "ping") || config_run_value(c, "ping-file") ||
	            config_run_value(c, "notify-command");
	if (access("/usr/sbin/sendmail", X_OK) == 0 || told)
		return;
	output_note("nobody will hear of failures: there is no /usr/sbin/sendmail, and [run] has no notify "
	            "and no ping");
}

static int prepare(const struct cli *cli, struct err *err)
{
	struct err why;
	if (cli->options.own[ROOT] || cli->options.dry_run)
		return 0;
	/* the service may write it, but not make it */
	if (cli->state && io_make_dirs(cli->state, 0700, err) != 0)
		return err->code;
	if (notify_check(cli->config, &why) != 0)
		output_error(&why);
	warn_no_mailer(cli);
	return 0;
}

static int install(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	struct units_options how = { .user = place_of(o).user };
	bool cron = o->own[CRON] != NULL;
	if (!cli->config->path) {
		err_set(err, ERR_INVALID, "schedule: there is no configuration yet");
		return err_hint(err, "begin with 'holdfast init --vault URL'");
	}
	if (read_delay(o, &how.delay_s, err) != 0)
		return err->code;
	if (cron && how.user) {
		err_set(err, ERR_INVALID, "schedule: /etc/cron.d is root's");
		return err_hint(err, "'holdfast schedule install --cron -n' shows the lines; add them with "
		                     "'crontab -e', without the user's name");
	}
	AUTO(units) u = units_new(cli, &how, err);
	if (!u || check_foreign(cli, cron, err) != 0 || prepare(cli, err) != 0)
		return err->code;
	for (size_t i = 0; i < PARTS_N; i++)
		if (parts[i].cron == cron && install_part(cli, u, i, err) != 0)
			return err->code;
	return cron || o->dry_run ? EXIT_DONE : start_timer(cli, err);
}

/* ---- remove ---- */

static int remove_files(const struct cli *cli, bool *any_unit, struct err *err)
{
	const struct options *o = &cli->options;
	const struct schedule_place at = place_of(o);
	bool any = false;
	for (size_t i = 0; i < PARTS_N; i++) {
		char path[PATH_MAX];
		bool removed = false;
		if ((at.user && parts[i].cron) || schedule_file_path(&at, parts[i].file, path, err) != 0)
			continue;
		enum schedule_found found;
		int rc = o->dry_run ? schedule_file_look(path, &found, err)
		                    : schedule_file_remove(path, o->own[FORCE] != NULL, &removed, err);
		if (rc != 0)
			return rc;
		removed |= o->dry_run && found == SCHEDULE_OURS;
		if (removed && !o->quiet)
			printf("%s %s\n", o->dry_run ? "would remove" : "removed", path);
		any |= removed;
		*any_unit |= removed && !parts[i].cron;
	}
	if (!any && !o->quiet)
		printf("nothing was installed\n");
	return 0;
}

static int uninstall(struct cli *cli, struct err *err)
{
	const char *const disable[] = { "disable", "--now", "holdfast.timer", NULL };
	const char *const reload[] = { "daemon-reload", NULL };
	const struct options *o = &cli->options;
	const struct schedule_place at = place_of(o);
	char timer[PATH_MAX];
	enum schedule_found found;
	bool live = !o->own[ROOT] && !o->dry_run && is_booted_with_systemd(), any_unit = false;
	if (schedule_file_path(&at, SCHEDULE_TIMER, timer, err) != 0 ||
	    schedule_file_look(timer, &found, err) != 0)
		return err->code;
	/* while its file is there */
	if (live && found == SCHEDULE_OURS && systemctl(cli, disable, err) != 0)
		return err->code;
	if (remove_files(cli, &any_unit, err) != 0)
		return err->code;
	return live && any_unit ? systemctl(cli, reload, err) : EXIT_DONE;
}

/* ---- show ---- */

static json_t *row_json(const char *kind, const char *name, const struct due *due,
                        const struct outcome *last, int64_t next)
{
	char text[DUE_TEXT_MAX];
	json_t *j = json_pack("{s:o, s:s, s:I, s:I}", kind, output_json_text(name), "schedule",
	                      due_text(due, text), "every_s", (json_int_t)due->every_s, "next",
	                      (json_int_t)next);
	if (j && last->good_s)
		json_object_set_new(j, "last_good", json_integer((json_int_t)last->good_s));
	return j;
}

static int show_section(const struct cli *cli, const struct outcomes *o, const struct config_section *s,
                        struct table *t, struct err *err)
{
	char schedule[DUE_TEXT_MAX], good[TEXT_MAX], next[TEXT_MAX], shown[VAULT_NAME_MAX + 8];
	struct outcome last;
	struct due due;
	int64_t now = (int64_t)time(NULL);
	bool drill = s->kind == CONFIG_DRILL, fleet = !drill && config_store_is_fleet(s);
	const char *name = fleet || drill ? s->name : config_store_name(s);
	config_store_due(cli->config, s, &due);
	outcomes_get(o, drill ? "drill" : fleet ? "fleet" : "backup", name, &last);
	/* a drill that did not pass is not repeated before its next turn */
	int64_t at = due_next(&due, drill && last.tried_s > last.good_s ? last.tried_s : last.good_s, now);
	if (cli->options.json)
		return output_json(row_json(drill ? "drill" : "store", name, &due, &last, at), err);
	snprintf(shown, sizeof shown, "%s%s", drill ? "drill " : "", name);
	return TABLE_ROW(t, err, shown, due_text(&due, schedule),
	                 last.good_s ? text_day(good, last.good_s, now) : "not known here",
	                 at <= now ? "now" : text_day(next, at, now));
}

static int show_installed(const struct cli *cli, struct err *err)
{
	const struct schedule_place at = place_of(&cli->options);
	static const enum schedule_file files[] = { SCHEDULE_TIMER, SCHEDULE_CRON };
	bool any = false;
	for (size_t i = 0; i < 2; i++) {
		char path[PATH_MAX];
		enum schedule_found found;
		if (schedule_file_path(&at, files[i], path, err) != 0 ||
		    schedule_file_look(path, &found, err) != 0)
			return err->code;
		any |= found != SCHEDULE_NONE;
		if (found != SCHEDULE_NONE)
			printf("run by %s%s\n", path, found == SCHEDULE_FOREIGN ? ", which is not ours" : "");
	}
	if (!any)
		printf("run by nothing that is known here: 'holdfast schedule install'\n");
	return 0;
}

static int show(struct cli *cli, struct err *err)
{
	const struct config *c = cli->config;
	AUTO(table) t = table_new("llll", err);
	AUTO(outcomes) o = cli->state ? outcomes_load(cli->state, false, NULL, err) : NULL;
	if (!t || !o)
		return cli->state ? err->code : err_set(err, ERR_INVALID, "schedule: no state folder");
	if (outcomes_of_vault(o, NULL, cli->url, err) != 0 ||
	    TABLE_ROW(t, err, "STORE", "SCHEDULE", "LAST GOOD", "NEXT") != 0)
		return err->code;
	for (size_t i = 0; i < c->n; i++)
		if (c->sections[i].kind & (CONFIG_STORE | CONFIG_DRILL) &&
		    show_section(cli, o, &c->sections[i], t, err) != 0)
			return err->code;
	if (cli->options.json)
		return EXIT_DONE;
	table_print(t);
	return show_installed(cli, err);
}

/* ---- the command ---- */

static int run(struct cli *cli, struct err *err)
{
	static const struct {
		const char *verb;
		int (*run)(struct cli *cli, struct err *err);
	} verbs[] = { { "show", show }, { "install", install }, { "remove", uninstall } };
	const struct options *o = &cli->options;
	if (options_operands(o, &cmd_schedule, 0, 1, err) != 0)
		return err->code;
	const char *asked = o->n_operands ? o->operands[0] : "show";
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(asked, verbs[i].verb) != 0)
			continue;
		/* to remove what is installed no configuration is needed */
		return verbs[i].run != uninstall && cli_place(cli, err) != 0 ? err->code
		                                                             : verbs[i].run(cli, err);
	}
	err_set(err, ERR_INVALID, "schedule: unknown verb '%s'", asked);
	return err_hint(err, "usage: holdfast schedule %s", cmd_schedule.usage);
}

const struct command cmd_schedule = {
	.name = "schedule",
	.summary = "let a timer or cron do what is due",
	.usage = "[show | install [--cron] [--delay T] | remove]",
	.about = "show (the default): when each store and drill is due, and what runs 'holdfast run'.\n"
	         "install: write a service, a timer and a mail unit for systemd, or with --cron a file for\n"
	         "cron, from 'every' and 'at' of the configuration; repeat it when these change. remove:\n"
	         "take them away again. Files that are not ours are left alone. -n prints what would be\n"
	         "written.\n",
	.options = options,
	.changes = true,
	.run = run,
};
