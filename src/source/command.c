#include "source/command.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/launch.h"
#include "base/process.h"
#include "base/split.h"
#include "base/utf8.h"
#include "holdfast/err.h"
#include "source/command_line.h"
#include "source/dump_sink.h"

enum {
	DEFAULT_TIMEOUT_S = 3600,
	VERSION_TIMEOUT_MS = 30000,
	TAIL_BYTES = 1024,
	VERSION_MAX = 128,
	SERVER_SEARCH_MAX = 1 << 20,   /* of the dump's beginning */
};

struct command {
	struct source base;
	struct command_preset preset;
	char *user, *end_marker, *database;
	unsigned timeout_ms;
	char path[SOURCE_PATH_MAX];
	struct process *program;   /* from begin on */
	bool listed;
	uint64_t delivered;
	char tail[TAIL_BYTES];
	size_t tail_len;
	char version[VERSION_MAX], server_version[VERSION_MAX];
	struct buf *facts;
};

static unsigned to_ms(unsigned s)
{
	return s < INT_MAX / 1000 ? s * 1000 : INT_MAX;
}

/* tenants/acme is dumped as acme.dump: the store's name says the rest. */
static int set_path(struct command *c, const char *name, struct err *err)
{
	const char *slash = name ? strrchr(name, '/') : NULL;
	const char *base = slash ? slash + 1 : name;
	if (!base || !*base)
		base = "dump";
	int n = snprintf(c->path, sizeof c->path, "%s%s", base, c->preset.suffix);
	return n < (int)sizeof c->path ? 0 : err_set(err, ERR_INVALID, "the store's name is too long");
}

static int set_marker(struct command *c, const char *marker, struct err *err)
{
	if (!marker)
		return 0;
	if (!*marker || strlen(marker) > TAIL_BYTES)
		return err_set(err, ERR_INVALID, "end_marker: is empty or longer than %d bytes", TAIL_BYTES);
	c->end_marker = strdup(marker);
	return c->end_marker ? 0 : err_no_memory(err);
}

static int copy_text(char **to, const char *from, struct err *err)
{
	if (!from)
		return 0;
	*to = strdup(from);
	return *to ? 0 : err_no_memory(err);
}

static int check(struct command *c, const struct source_options *options, struct err *err)
{
	char path[PATH_MAX];
	const char *marker = options->end_marker ? options->end_marker : c->preset.end_marker;
	c->timeout_ms = to_ms(options->timeout_s ? options->timeout_s : DEFAULT_TIMEOUT_S);
	c->facts = buf_new(SOURCE_FACTS_MAX, err);
	if (!c->facts || set_path(c, options->name, err) != 0 || set_marker(c, marker, err) != 0)
		return err->code;
	if (copy_text(&c->user, options->user, err) != 0 ||
	    copy_text(&c->database, options->database, err) != 0)
		return err->code;
	if (c->user && launch_check_user(c->user, err) != 0)
		return err->code;
	return launch_find(c->preset.argv[0], path, err);
}

struct source *command_open(const struct source_ops *ops, const struct source_options *options,
                            const struct command_preset *preset, struct err *err)
{
	struct command *c = calloc(1, sizeof *c);
	if (!c) {
		err_no_memory(err);
		split_free(preset->argv);
		free(preset->set_env);
		return NULL;
	}
	c->base.ops = ops;
	c->preset = *preset;
	if (check(c, options, err) != 0) {
		command_free(&c->base);
		return NULL;
	}
	return (struct source *)c;
}

void command_free(struct source *s)
{
	struct command *c = (struct command *)s;
	process_free(c->program);
	buf_free(c->facts);
	split_free(c->preset.argv);
	free(c->preset.set_env);
	free(c->user);
	free(c->end_marker);
	free(c->database);
	free(c);
}

int command_stamp(struct source *s, char stamp[SOURCE_STAMP_MAX], struct err *err)
{
	(void)s;
	(void)err;
	stamp[0] = '\0';
	return 0;
}

static struct process *start(const struct command *c, const char *const *argv, struct err *err)
{
	struct process_options options = {
		.argv = argv,
		.user = c->user,
		.keep_env = command_line_env,
		.set_env = (const char *const[]){ c->preset.set_env, NULL },
		.output = true,
	};
	return process_start(&options, err);
}

/* Printable text up to the end of the line. */
static void copy_line(char out[VERSION_MAX], const char *from, const char *end)
{
	size_t n = 0;
	while (from < end && (*from == ' ' || *from == '\t'))
		from++;
	for (; from < end && n + 1 < VERSION_MAX && *from >= ' ' && *from <= '~'; from++)
		out[n++] = *from;
	out[n] = '\0';
}

static int ask_version(struct command *c, struct err *err)
{
	const char *argv[] = { c->preset.argv[0], "--version", NULL };
	AUTO(process) p = start(c, argv, err);
	if (!p)
		return err->code;
	char text[1024];
	size_t len;
	if (process_read(p, text, sizeof text, &len, VERSION_TIMEOUT_MS, err) != 0 ||
	    process_finish(p, VERSION_TIMEOUT_MS, err) != 0)
		return err_wrap(err, "--version");
	copy_line(c->version, text, text + len);
	return 0;
}

int command_begin(struct source *s, struct err *err)
{
	struct command *c = (struct command *)s;
	if (c->program)
		return err_set(err, ERR_INVALID, "the command was already started");
	if (c->preset.has_version && ask_version(c, err) != 0)
		return err->code;
	c->program = start(c, (const char *const *)c->preset.argv, err);
	return c->program ? 0 : (int)err->code;
}

int command_next(struct source *s, struct source_entry *entry, struct err *err)
{
	struct command *c = (struct command *)s;
	if (!c->program)
		return err_set(err, ERR_INVALID, "the command was not started");
	if (c->listed)
		return 0;
	c->listed = true;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	*entry = (struct source_entry){
		.path = c->path,
		.length_bytes = SOURCE_LENGTH_UNKNOWN,
		.mode = S_IFREG | 0600,
		.uid = getuid(),
		.gid = getgid(),
		.mtime_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec,
	};
	return 1;
}

static void keep_tail(struct command *c, const char *bytes, size_t len)
{
	if (len >= TAIL_BYTES) {
		memcpy(c->tail, bytes + len - TAIL_BYTES, TAIL_BYTES);
		c->tail_len = TAIL_BYTES;
		return;
	}
	size_t kept = c->tail_len < TAIL_BYTES - len ? c->tail_len : TAIL_BYTES - len;
	memmove(c->tail, c->tail + c->tail_len - kept, kept);
	memcpy(c->tail + kept, bytes, len);
	c->tail_len = kept + len;
}

/* Every dump of a database begins with comments that name the server's version. */
static void look_for_server(struct command *c, const char *bytes, size_t len)
{
	const char *mark = c->preset.server_mark;
	if (!mark || c->server_version[0] || c->delivered > SERVER_SEARCH_MAX)
		return;
	const char *at = memmem(bytes, len, mark, strlen(mark));
	if (at)
		copy_line(c->server_version, at + strlen(mark), bytes + len);
}

int command_read(struct source *s, void *out, size_t cap, size_t *len, struct err *err)
{
	struct command *c = (struct command *)s;
	if (!c->program)
		return err_set(err, ERR_INVALID, "the command was not started");
	size_t got;
	if (process_read(c->program, out, cap, &got, c->timeout_ms, err) != 0)
		return err->code;
	look_for_server(c, out, got);
	keep_tail(c, out, got);
	c->delivered += got;
	*len = got;
	return 0;
}

int command_reread(struct source *s, uint64_t offset, void *out, size_t len, struct err *err)
{
	(void)s;
	(void)offset;
	(void)out;
	(void)len;
	return err_set(err, ERR_INVALID, "a command's output cannot be read again");
}

/* A caller that knows a short read means the end does not read again; then there is no byte left. */
static int expect_end(struct command *c, struct err *err)
{
	char byte;
	size_t got;
	if (process_read(c->program, &byte, 1, &got, c->timeout_ms, err) != 0)
		return err->code;
	if (got == 0)
		return 0;
	return err_set(err, ERR_SOURCE, "%s was not read to its end", process_name(c->program));
}

static int check_end(const struct command *c, struct err *err)
{
	const char *name = process_name(c->program), *marker = c->end_marker;
	if (c->delivered == 0)
		return err_set(err, ERR_SOURCE, "%s exited 0 but wrote nothing", name);
	if (marker && !memmem(c->tail, c->tail_len, marker, strlen(marker)))
		return err_set(err, ERR_SOURCE, "%s ended without its end marker '%.200s'", name, marker);
	return 0;
}

/* Facts are texts of other programs: what is not UTF-8 is left out instead of failing a backup. */
static int add_text(json_t *facts, const char *key, const char *value, struct err *err)
{
	const char *at = value ? value : "";
	for (size_t n; *at; at += n) {
		n = utf8_printable(at);
		if (n == 0)
			return 0;
	}
	if (at == value || !value)
		return 0;
	return json_object_set_new(facts, key, json_string(value)) == 0
		       ? 0
		       : err_no_memory(err);
}

static int make_facts(struct command *c, struct err *err)
{
	JSON_AUTO facts = json_pack("{s:I}", "bytes", (json_int_t)c->delivered);
	if (!facts)
		return err_no_memory(err);
	if (add_text(facts, "engine", c->preset.engine, err) != 0 ||
	    add_text(facts, "program", process_name(c->program), err) != 0 ||
	    add_text(facts, "version", c->version, err) != 0 ||
	    add_text(facts, "server_version", c->server_version, err) != 0 ||
	    add_text(facts, "database", c->database, err) != 0)
		return err->code;
	buf_clear(c->facts);
	return json_encode(facts, c->facts, err);
}

int command_end(struct source *s, struct source_facts *facts, char stamp[SOURCE_STAMP_MAX],
                struct err *err)
{
	struct command *c = (struct command *)s;
	if (!c->program)
		return err_set(err, ERR_INVALID, "the command was not started");
	if (expect_end(c, err) != 0 || process_finish(c->program, c->timeout_ms, err) != 0 ||
	    check_end(c, err) != 0 || make_facts(c, err) != 0)
		return err->code;
	const char *json = buf_text(c->facts, err);
	if (!json)
		return err->code;
	facts->json = json;
	stamp[0] = '\0';
	return 0;
}

int command_settle(const struct settle_request *request, struct err *err)
{
	(void)request;
	return err_set(err, ERR_INVALID, "a command has no page files");
}

static struct source *open_plain(const struct source_options *options, struct err *err);

const struct source_ops source_command = COMMAND_SOURCE_OPS("command", open_plain);

static struct source *open_plain(const struct source_options *options, struct err *err)
{
	if (!options->command) {
		err_set(err, ERR_INVALID, "a command store needs 'command'");
		return NULL;
	}
	struct command_preset preset = { .engine = "command", .suffix = ".dump" };
	preset.argv = command_line_words(options->command, options->shell, err);
	if (!preset.argv) {
		err_wrap(err, "command");
		return NULL;
	}
	return command_open(&source_command, options, &preset, err);
}
