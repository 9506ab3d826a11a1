#include "source/trial_server.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/launch.h"
#include "base/process.h"
#include "holdfast/err.h"
#include "source/trial_rows.h"

enum { PING_EVERY_MS = 50, END_MS = 5000, NAME_MAX_BYTES = 600 };

struct trial_server {
	struct process *process;
};

void trial_server_free(struct trial_server *s)
{
	if (!s)
		return;
	process_free(s->process);
	free(s);
}

/* Its stdout ends when it does. */
static bool has_ended(struct trial_server *s)
{
	char block[4096];
	size_t got;
	bool ended = false;
	struct err ignored;
	return process_read_some(s->process, block, sizeof block, &got, &ended, PING_EVERY_MS,
	                         &ignored) == 0 && ended;
}

static int wait_for(struct trial_server *s, const struct trial_program *ping, unsigned timeout_ms,
                    struct err *err)
{
	int64_t deadline = clock_ms() + timeout_ms;
	while (clock_left_ms(deadline) > 0) {
		if (has_ended(s)) {
			process_finish(s->process, END_MS, err);
			err->code = ERR_UNREACHABLE;
			return err_wrap(err, "did not start");
		}
		if (trial_program_run(ping, NULL, err) == 0)
			return 0;
		if (err->code == ERR_ABSENT)
			return err->code;
	}
	return err_set(err, ERR_UNREACHABLE, "%s does not answer after %u s", process_name(s->process),
	               timeout_ms / 1000);
}

struct trial_server *trial_server_new(const char *const *argv, const struct trial_program *ping,
                                      unsigned timeout_ms, struct err *err)
{
	char path[PATH_MAX];
	if (launch_find(argv[0], path, err) != 0) {
		err->code = ERR_ABSENT;
		return NULL;
	}
	AUTO(trial_server) s = calloc(1, sizeof *s);
	if (!s) {
		err_no_memory(err);
		return NULL;
	}
	const char *const keep[] = { "PATH", "HOME", "TMPDIR", "LANG", "USER", NULL };
	const struct process_options options = { .argv = argv, .keep_env = keep, .output = true,
	                                         .dies_with_parent = true };
	s->process = process_start(&options, err);
	return s->process && wait_for(s, ping, timeout_ms, err) == 0 ? TAKE(s) : NULL;
}

int trial_server_add_rows(json_t *rows, const char *prefix, const struct buf *lines, struct err *err)
{
	const char *at = (const char *)lines->bytes, *end = at ? at + lines->len : at;
	for (const char *next; at && at < end; at = next) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		next = stop ? stop + 1 : end;
		const char *tab = memchr(at, '\t', (size_t)(next - at));
		char name[NAME_MAX_BYTES], number[24];
		if (!tab || !stop)
			continue;
		snprintf(name, sizeof name, "%s%.*s", prefix, (int)(tab - at), at);
		snprintf(number, sizeof number, "%.*s", (int)(stop - tab - 1), tab + 1);
		if (trial_rows_add(rows, name, (json_int_t)strtoll(number, NULL, 10), err) != 0)
			return err->code;
	}
	return 0;
}

char *trial_server_scalar(const char *sql, struct err *err)
{
	size_t len = strlen(sql);
	while (len > 0 && strchr("; \t\r\n", sql[len - 1]))
		len--;
	char *out = NULL;
	/* on lines of its own, so that a comment at its end takes nothing with it */
	if (asprintf(&out, "SELECT (\n%.*s\n)", (int)(len < INT_MAX ? len : INT_MAX), sql) >= 0)
		return out;
	err_no_memory(err);
	return NULL;
}
