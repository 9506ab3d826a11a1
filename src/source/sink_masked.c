#include "source/sink_masked.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/lines.h"
#include "base/sandbox.h"
#include "holdfast/source.h"
#include "source/mask_inside.h"
#include "source/mask_rules.h"
#include "source/mask_talk.h"
#include "source/sqlite_settle.h"
#include "source/veiled.h"

enum { TIMEOUT_MS = 7 * 86400 * 1000 };

struct masked_sink {
	struct sink base;
	const struct sink_masked_options *o;
	struct sandbox *box;
	struct veiled *original;
	bool made_boxes, begun;
	char boxes[PATH_MAX], path[PATH_MAX], out[PATH_MAX];
};

static struct masked_sink *of(struct sink *k) { return (struct masked_sink *)k; }

static int join(char out[PATH_MAX], const char *folder, const char *name, struct err *err)
{
	if (snprintf(out, PATH_MAX, "%s/%s", folder, name) < PATH_MAX)
		return 0;
	return err_set(err, ERR_LIMIT, "path is too long: %.100s/%.100s", folder, name);
}

/* ---- the sandbox ---- */

/* Whoever else may write into the folder could have put one of their own there. */
static int check_own(const char *path, struct err *err)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return err_sys(err, "%.300s", path);
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 022) == 0)
		return 0;
	err_set(err, ERR_EXISTS, "%.300s: is there, and is not ours", path);
	return err_hint(err, "remove it, or restore into a folder that nobody else can write to");
}

/* Sandboxes lie in a folder of their own, so that a sweep looks at nothing else. */
static int make_boxes(struct masked_sink *s, struct err *err)
{
	unsigned swept;
	if (join(s->boxes, s->o->folder, SINK_MASKED_BOXES, err) != 0)
		return err->code;
	if (mkdir(s->boxes, 0700) != 0 && errno != EEXIST)
		return err_sys(err, "%.300s", s->boxes);
	if (check_own(s->boxes, err) != 0)
		return err->code;
	s->made_boxes = true;
	return sandbox_sweep(s->boxes, &swept, err);
}

static int make_box(struct masked_sink *s, struct err *err)
{
	char name[SANDBOX_NAME_MAX], path[PATH_MAX];
	uint64_t number = 0;
	if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
		return err_sys(err, "random bytes");
	snprintf(name, sizeof name, "mask-%016llx", (unsigned long long)number);
	const struct sandbox_options options = { .parent = s->boxes, .name = name, .hidden = s->o->hidden,
	                                         .stop = s->o->stop };
	s->box = sandbox_new(&options, err);
	if (!s->box || join(path, sandbox_folder(s->box), MASK_INSIDE_ORIGINAL, err) != 0 ||
	    join(s->out, sandbox_folder(s->box), MASK_INSIDE_MASKED, err) != 0)
		return err->code;
	s->original = veiled_new(path, err);
	return s->original ? 0 : (int)err->code;
}

/* ---- the original comes ---- */

static int set_path(struct masked_sink *s, const char *name, struct err *err)
{
	const char *slash = strrchr(name, '/');
	return join(s->path, s->o->folder, slash ? slash + 1 : name, err);
}

/* Before hours of work; when the file gets its name this is looked at again. */
static int refuse_existing(const struct masked_sink *s, struct err *err)
{
	struct stat st;
	if (!s->o->rules || s->o->overwrite)
		return 0;
	if (lstat(s->path, &st) == 0)
		return err_set(err, ERR_EXISTS, "%s exists; nothing was changed", s->path);
	return errno == ENOENT ? 0 : err_sys(err, "%s", s->path);
}

static int masked_entry(struct sink *k, const struct source_entry *entry, struct err *err)
{
	struct masked_sink *s = of(k);
	if (s->begun || entry->page_bytes == 0)
		return err_set(err, ERR_INVALID, "only a store of one SQLite database can be masked");
	s->begun = true;
	return set_path(s, entry->path, err) == 0 ? refuse_existing(s, err) : (int)err->code;
}

static int masked_data(struct sink *k, const void *data, size_t len, struct err *err)
{
	return veiled_write(of(k)->original, data, len, err);
}

/* ---- and is masked inside ---- */

static int run_inside(struct masked_sink *s, struct buf *output, struct err *err)
{
	uint8_t input[MASK_INSIDE_INPUT] = { s->o->rules ? MASK_INSIDE_MASK : MASK_INSIDE_SKELETON };
	memcpy(input + 1, veiled_key(s->original), VEIL_KEY_BYTES);
	const char *program = s->o->program ? s->o->program : "/proc/self/exe";
	const struct sandbox_program p = {
		.argv = (const char *const[]){ program, MASK_INSIDE_WORD, NULL },
		.input = input, .input_len = sizeof input, .timeout_ms = TIMEOUT_MS,
	};
	int rc = sandbox_run(s->box, &p, output, err);
	sodium_memzero(input, sizeof input);
	return rc == 0 ? 0 : err_wrap(err, "masking");
}

/* 1: it was the last line. */
static int take_line(struct masked_sink *s, const struct mask_line *line, struct err *err)
{
	switch (line->said) {
	case MASK_SAID_LACKS:
		if (s->o->missing)
			s->o->missing(s->o->arg, line->table, line->column[0] ? line->column : NULL);
		return 0;
	case MASK_SAID_SKELETON:
		return s->o->rules ? err_set(err, ERR_CORRUPT, "the sandbox's answer: to no question")
		                   : s->o->skeleton(s->o->arg, line->text, err);
	case MASK_SAID_DONE: *s->o->result = line->result; return 1;
	case MASK_SAID_FAILED: break;
	}
	*err = line->why;
	return err->code;
}

static int read_answer(struct masked_sink *s, const struct buf *output, struct err *err)
{
	struct wire w = wire_over(output->bytes, output->len);
	struct line text;
	int rc = 0;
	while (rc == 0 && lines_next(&w, &text)) {
		struct mask_line line;
		rc = mask_line_decode(&line, text.text, text.len, err);
		if (rc != 0)
			break;
		rc = take_line(s, &line, err);
		mask_line_clear(&line);
	}
	return rc == 1 ? 0 : rc != 0 ? rc : err_set(err, ERR_CORRUPT, "the sandbox's answer: has no end");
}

static int ask(struct masked_sink *s, struct err *err)
{
	AUTO(buf) output = buf_new(MASK_TALK_MAX, err);
	if (!output || (s->o->rules && mask_rules_store(s->o->rules, sandbox_folder(s->box), err) != 0) ||
	    sandbox_give(s->box, err) != 0 || run_inside(s, output, err) != 0)
		return err->code;
	return read_answer(s, output, err);
}

/* ---- what came out gets its name ---- */

/* It comes from where anybody may have been: a file, and no other name for one. */
static int check_out(const struct masked_sink *s, struct err *err)
{
	struct stat st;
	if (lstat(s->out, &st) != 0)
		return err_sys(err, "the masked database");
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return err_set(err, ERR_CORRUPT, "the masked database is no file");
	s->o->result->bytes = (uint64_t)st.st_size;
	return 0;
}

/* Its owner is who restores, and not who had the original. */
static int settle(const struct masked_sink *s, struct err *err)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	const struct source_entry entry = {
		.path = s->path, .mode = S_IFREG | 0600, .uid = geteuid(), .gid = getegid(),
		.mtime_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec,
	};
	const struct settle_request r = { .temporary = s->out, .target = s->path, .entry = &entry,
	                                  .overwrite = s->o->overwrite };
	if (sqlite_settle(&r, err) != 0)
		return err->code;
	if (s->o->target)
		snprintf(s->o->target, s->o->target_size, "%s", s->path);
	return 0;
}

static int masked_close(struct sink *k, struct err *err)
{
	struct masked_sink *s = of(k);
	if (!s->begun)
		return err_set(err, ERR_INVALID, "there is no database to mask");
	if (ask(s, err) != 0)
		return err->code;
	if (!s->o->rules)
		return 0;
	if (check_out(s, err) != 0)
		return err->code;
	return s->o->dry_run ? 0 : settle(s, err);
}

static void masked_free(struct sink *k)
{
	struct masked_sink *s = of(k);
	veiled_free(s->original);
	sandbox_free(s->box);
	/* unless another restore is in it */
	if (s->made_boxes)
		rmdir(s->boxes);
	free(s);
}

static const struct sink_ops masked_ops = {
	.entry = masked_entry,
	.data = masked_data,
	.close = masked_close,
	.free = masked_free,
};

struct sink *sink_masked(const struct sink_masked_options *options, struct err *err)
{
	struct masked_sink *s = calloc(1, sizeof *s);
	if (!s) {
		err_no_memory(err);
		return NULL;
	}
	s->base.ops = &masked_ops;
	s->o = options;
	if (make_boxes(s, err) == 0 && make_box(s, err) == 0)
		return &s->base;
	masked_free(&s->base);
	return NULL;
}
