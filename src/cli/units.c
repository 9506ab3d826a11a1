#include "cli/units.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/paths.h"
#include "cli/turns.h"
#include "cli/unit_needs.h"
#include "holdfast/err.h"

struct units {
	struct units_options options;
	struct turns turns;
	struct unit_needs *needs;
	char *program, *config, *home;
	const char *mail;
	bool log_is_journal;
};

void units_free(struct units *u)
{
	if (!u)
		return;
	unit_needs_free(u->needs);
	free(u->program);
	free(u->config);
	free(u->home);
	free(u);
}

/* ---- looking around ---- */

static int find_program(struct units *u, struct err *err)
{
	u->program = realpath("/proc/self/exe", NULL);
	return u->program ? 0 : err_sys(err, "/proc/self/exe");
}

/* cron and user managers set HOME, the system's manager does not; credentials are looked for there. */
static int find_home(struct units *u, struct err *err)
{
	const struct passwd *user = getpwuid(geteuid());
	u->home = strdup(user && user->pw_dir ? user->pw_dir : "/root");
	return u->home ? 0 : err_no_memory(err);
}

static int look_around(struct units *u, const struct cli *cli, struct err *err)
{
	const char *log = config_run_value(cli->config, "log");
	if (!turns_of(cli->config, &u->turns)) {
		err_set(err, ERR_INVALID, "schedule: there is no store to back up, and no drill");
		return err_hint(err, "'holdfast add NAME PATH' adds one");
	}
	u->mail = config_run_value(cli->config, "mail");
	u->log_is_journal = log && strcmp(log, "journal") == 0;
	u->config = paths_absolute(cli->config->path, err);
	if (!u->config || find_program(u, err) != 0 || find_home(u, err) != 0)
		return err->code;
	u->needs = unit_needs_of(cli, err);
	return u->needs ? 0 : err->code;
}

struct units *units_new(const struct cli *cli, const struct units_options *options, struct err *err)
{
	AUTO(units) u = calloc(1, sizeof *u);
	if (!u) {
		err_no_memory(err);
		return NULL;
	}
	u->options = *options;
	return look_around(u, cli, err) == 0 ? TAKE(u) : NULL;
}

/* ---- words ---- */

int units_word(struct buf *out, const char *text, bool in_command, struct err *err)
{
	if (buf_append(out, "\"", 1, err) != 0)
		return err->code;
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(err, ERR_INVALID,
			               "schedule: a unit cannot hold control characters: %s", text);
		char prefix = *p == '"' || *p == '\\' ? '\\'
		              : *p == '%' || (*p == '$' && in_command) ? *p : 0;
		if ((prefix && buf_append(out, &prefix, 1, err) != 0) || buf_append(out, p, 1, err) != 0)
			return err->code;
	}
	return buf_append(out, "\"", 1, err);
}

static int put_command(const struct units *u, struct buf *out, struct err *err)
{
	/* systemd replaces no variables in the program's path, and refuses these in it */
	if (strpbrk(u->program, "\"'\\")) {
		err_set(err, ERR_INVALID, "schedule: systemd runs no program of this name: %s", u->program);
		return err_hint(err, "put it where no quotes are in its path");
	}
	if (buf_printf(out, err, "ExecStart=") != 0 || units_word(out, u->program, false, err) != 0 ||
	    buf_printf(out, err, " -c ") != 0 || units_word(out, u->config, true, err) != 0)
		return err->code;
	/* the journal has the run's own lines then */
	return buf_printf(out, err, " run%s\n", u->log_is_journal ? " -q" : "");
}

/* ---- the service ---- */

static int put_head(const char *description, struct buf *out, struct err *err)
{
	return buf_printf(out, err, "%s; repeating that replaces this file.\n"
	                  "[Unit]\nDescription=%s\nDocumentation=man:holdfast(1)\n", UNITS_MARK, description);
}

static int put_variable(const char *name, const char *value, struct buf *out, struct err *err)
{
	char *pair = NULL;
	if (asprintf(&pair, "%s=%s", name, value) < 0)
		return err_no_memory(err);
	int rc = buf_printf(out, err, "Environment=");
	if (rc == 0)
		rc = units_word(out, pair, false, err);
	free(pair);
	return rc == 0 ? buf_printf(out, err, "\n") : rc;
}

/* What holds for any program that has no business with the kernel. */
static const char modest[] =
	"LockPersonality=yes\n"
	"RestrictRealtime=yes\n"
	"UMask=0077\n";

static const char modest_system[] =
	"ProtectClock=yes\n"
	"ProtectKernelModules=yes\n";

/* What hides parts of /proc and /sys, so that the kernel refuses a drill's sandbox its own. */
static const char modest_mounts[] =
	"PrivateDevices=yes\n"
	"ProtectControlGroups=yes\n"
	"ProtectHostname=yes\n"
	"ProtectKernelLogs=yes\n"
	"ProtectKernelTunables=yes\n";

/* What holds for us, but not for any command. */
static const char strict[] =
	"NoNewPrivileges=yes\n"
	"MemoryDenyWriteExecute=yes\n"
	"RestrictNamespaces=yes\n"
	"RestrictSUIDSGID=yes\n"
	"SystemCallArchitectures=native\n"
	"SystemCallFilter=@system-service\n"
	"SystemCallErrorNumber=EPERM\n"
	"KeyringMode=private\n";

static const char strict_system[] =
	"ProtectHome=read-only\n"
	"ProtectProc=invisible\n"
	"RemoveIPC=yes\n";

static int put_families(const struct units *u, struct buf *out, struct err *err)
{
	if (u->needs->network)
		return buf_printf(out, err, "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n");
	return buf_printf(out, err, "RestrictAddressFamilies=AF_UNIX\n%s",
	                  u->options.user ? "" : "PrivateNetwork=yes\n");
}

static int put_writable(const struct units *u, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < u->needs->n_writable; i++) {
		/* '-': a disk that is away must not keep the others from being backed up */
		if (buf_printf(out, err, "ReadWritePaths=-") != 0 ||
		    units_word(out, u->needs->writable[i], false, err) != 0 ||
		    buf_printf(out, err, "\n") != 0)
			return err->code;
	}
	return 0;
}

/* Root without any other of its rights. */
static int put_capabilities(const struct units *u, struct buf *out, struct err *err)
{
	const struct unit_needs *n = u->needs;
	return buf_printf(out, err, "CapabilityBoundingSet=CAP_DAC_READ_SEARCH%s%s\n",
	                  n->writes_others ? " CAP_DAC_OVERRIDE CAP_CHOWN" : "",
	                  n->other_users ? " CAP_SETUID CAP_SETGID CAP_KILL" : "");
}

static int put_strict_system(const struct units *u, struct buf *out, struct err *err)
{
	if (buf_printf(out, err, "%s%s%sProtectSystem=strict\nPrivateTmp=%s\n", modest_system, modest_mounts,
	               strict_system, u->needs->in_tmp ? "no" : "yes") != 0 || put_writable(u, out, err) != 0)
		return err->code;
	return put_capabilities(u, out, err);
}

static int put_loose(const struct units *u, struct buf *out, struct err *err)
{
	if (buf_printf(out, err, "# %s: who knows what that needs? So less is forbidden here.\n",
	               u->needs->commands) != 0)
		return err->code;
	if (u->options.user)
		return 0;
	if (buf_printf(out, err, "%s%sProtectSystem=full\n", modest_system,
	               u->needs->drills ? "" : modest_mounts) != 0)
		return err->code;
	return put_writable(u, out, err);
}

static int put_sandbox(const struct units *u, struct buf *out, struct err *err)
{
	if (buf_printf(out, err, "%s", modest) != 0)
		return err->code;
	if (u->needs->commands)
		return put_loose(u, out, err);
	if (buf_printf(out, err, "%s", strict) != 0 || put_families(u, out, err) != 0)
		return err->code;
	return u->options.user ? 0 : put_strict_system(u, out, err);
}

int units_service(const struct units *u, struct buf *out, struct err *err)
{
	if (put_head("Holdfast: backups that are due", out, err) != 0 ||
	    buf_printf(out, err, "OnFailure=holdfast-mail.service\n") != 0)
		return err->code;
	if (u->needs->network && !u->options.user &&
	    buf_printf(out, err, "Wants=network-online.target\nAfter=network-online.target\n") != 0)
		return err->code;
	if (buf_printf(out, err, "\n[Service]\nType=oneshot\n") != 0 || put_command(u, out, err) != 0)
		return err->code;
	/* variables for credentials, such as AWS_PROFILE */
	if (!u->options.user &&
	    (buf_printf(out, err, "EnvironmentFile=-/etc/default/holdfast\n") != 0 ||
	     put_variable("HOME", u->home, out, err) != 0))
		return err->code;
	if (buf_printf(out, err, "Nice=10\nIOSchedulingClass=best-effort\nIOSchedulingPriority=7\n\n") != 0)
		return err->code;
	return put_sandbox(u, out, err);
}

/* ---- timer and mail ---- */

int units_timer(const struct units *u, struct buf *out, struct err *err)
{
	if (put_head("Holdfast: when backups may be due", out, err) != 0 ||
	    buf_printf(out, err, "\n[Timer]\n# from every and at; run decides what is due\n") != 0 ||
	    turns_calendar(&u->turns, out, err) != 0)
		return err->code;
	if (u->options.delay_s &&
	    buf_printf(out, err, "RandomizedDelaySec=%llu\n", (unsigned long long)u->options.delay_s) != 0)
		return err->code;
	return buf_printf(out, err, "Persistent=true\n\n[Install]\nWantedBy=timers.target\n");
}

/* The failed run's own lines; systemd tells which it was (since version 251). */
int units_mail(const struct units *u, struct buf *out, struct err *err)
{
	const char *to = u->mail ? u->mail : "root";
	if (put_head("Holdfast: mail about a run that failed", out, err) != 0 ||
	    buf_printf(out, err, "ConditionFileIsExecutable=/usr/sbin/sendmail\n\n[Service]\n"
	                         "Type=oneshot\n") != 0 || put_variable("MAIL_TO", to, out, err) != 0)
		return err->code;
	return buf_printf(out, err,
		"ExecStart=/bin/sh -c '{ "
		"printf \"To: %%%%s\\\\nSubject: holdfast run on %%%%s: exit %%%%s\\\\n"
		"Auto-Submitted: auto-generated\\\\nContent-Type: text/plain; charset=utf-8\\\\n\\\\n\" "
		"\"$$MAIL_TO\" \"$$(uname -n)\" \"$${MONITOR_EXIT_STATUS:-unknown}\"; "
		"journalctl%s -o cat --no-pager _SYSTEMD_INVOCATION_ID=\"$$MONITOR_INVOCATION_ID\"; "
		"} | /usr/sbin/sendmail -t -i'\n", u->options.user ? " --user" : "");
}

/* ---- cron ---- */

/* For the shell in single quotes, and for cron, to which % is the end of a line. */
static int put_shell_word(struct buf *out, const char *text, struct err *err)
{
	if (buf_append(out, "'", 1, err) != 0)
		return err->code;
	for (const char *p = text; *p; p++) {
		const char *as = *p == '\'' ? "'\\''" : *p == '%' ? "\\%" : NULL;
		int rc = as ? buf_append(out, as, strlen(as), err) : buf_append(out, p, 1, err);
		if (rc != 0)
			return rc;
	}
	return buf_append(out, "'", 1, err);
}

int units_crontab(const struct units *u, struct buf *out, struct err *err)
{
	AUTO(buf) run = buf_new(2 * 4096 + 64, err);
	if (!run || put_shell_word(run, u->program, err) != 0 || buf_printf(run, err, " -c ") != 0 ||
	    put_shell_word(run, u->config, err) != 0 || buf_printf(run, err, " run -q") != 0)
		return err->code;
	const char *command = buf_text(run, err);
	char *line = NULL;
	if (!command || asprintf(&line, "root %s", command) < 0)
		return err_no_memory(err);
	int rc = buf_printf(out, err, "%s --cron; repeating that replaces this file.\n"
	                    "# mails only on trouble; what was missed is caught up after a start\n"
	                    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
	                    UNITS_MARK);
	if (rc == 0 && u->mail)
		rc = buf_printf(out, err, "MAILTO=%s\n", u->mail);
	if (rc == 0)
		rc = turns_cron(&u->turns, line, out, err);
	if (rc == 0)
		rc = buf_printf(out, err, "@reboot root sleep 120 && %s\n", command);
	free(line);
	return rc;
}
