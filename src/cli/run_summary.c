#include "cli/run_summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/text.h"
#include "holdfast/err.h"

enum { GROUP_TOLD_MAX = 3, INDENT_MAX = 24 };

struct run_summary {
	struct run_line *lines;   /* their texts are ours */
	size_t n;
};

static void line_drop(struct run_line *l)
{
	const char *const texts[] = { l->object, l->fact, l->more, l->next, l->group };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free((char *)(uintptr_t)texts[i]);
}

void run_summary_free(struct run_summary *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		line_drop(&s->lines[i]);
	free(s->lines);
	free(s);
}

struct run_summary *run_summary_new(struct err *err)
{
	struct run_summary *s = calloc(1, sizeof *s);
	if (!s)
		err_no_memory(err);
	return s;
}

int run_summary_add(struct run_summary *s, const struct run_line *line, struct err *err)
{
	struct run_line *grown = reallocarray(s->lines, s->n + 1, sizeof *grown);
	if (!grown)
		return err_no_memory(err);
	s->lines = grown;
	grown[s->n] = (struct run_line){
		.kind = line->kind,
		.object = strdup(line->object),
		.fact = strdup(line->fact),
		.more = strdup(line->more),
		.next = strdup(line->next),
		.group = line->group ? strdup(line->group) : NULL,
	};
	const struct run_line *l = &grown[s->n++];
	bool whole = l->object && l->fact && l->more && l->next && (l->group || !line->group);
	return whole ? 0 : err_no_memory(err);
}

bool run_summary_has(const struct run_summary *s, const char *fact)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->lines[i].fact, fact) == 0)
			return true;
	return false;
}

void run_summary_each(const struct run_summary *s, run_summary_visit *visit, void *arg)
{
	for (size_t i = 0; i < s->n; i++)
		visit(arg, &s->lines[i]);
}

/* ---- as text ---- */

static int put(struct buf *out, struct err *err, const char *before, const char *text)
{
	char safe[4 * sizeof err->msg];
	return *text ? buf_printf(out, err, "%s%s\n", before, text_escape(safe, sizeof safe, text)) : 0;
}

static int put_line(const struct run_line *l, struct buf *out, struct err *err)
{
	char safe[4 * 300], before[sizeof safe + 16], indent[INDENT_MAX + 1];
	bool failed = l->kind == RUN_FAILED;
	snprintf(before, sizeof before, "%-8s%s%s", failed ? "FAILED" : "NOTE",
	         text_escape(safe, sizeof safe, l->object), *l->object ? (failed ? "   " : ": ") : "");
	size_t columns = failed ? text_columns(before) : 8;
	snprintf(indent, sizeof indent, "%*s", columns < INDENT_MAX ? (int)columns : INDENT_MAX, "");
	if (put(out, err, before, l->fact) != 0 || put(out, err, indent, l->more) != 0)
		return err->code;
	return *l->next ? buf_printf(out, err, "%snext: %s\n", indent,
	                             text_escape(safe, sizeof safe, l->next)) : 0;
}

static bool same_group(const struct run_line *a, const struct run_line *b)
{
	return a->kind == b->kind && a->group && b->group && strcmp(a->group, b->group) == 0;
}

/* How many of its group come before it, and, where it is the last that is told, how many behind it. */
static size_t place_in_group(const struct run_summary *s, size_t at, size_t *behind)
{
	size_t before = 0;
	*behind = 0;
	for (size_t i = 0; i < s->n; i++) {
		before += i < at && same_group(&s->lines[i], &s->lines[at]);
		*behind += i > at && same_group(&s->lines[i], &s->lines[at]);
	}
	return before;
}

static int put_kind(const struct run_summary *s, enum run_line_kind kind, struct buf *out,
                    struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		size_t behind, before = place_in_group(s, i, &behind);
		if (s->lines[i].kind != kind || before >= GROUP_TOLD_MAX)
			continue;
		if (put_line(&s->lines[i], out, err) != 0)
			return err->code;
		if (before + 1 == GROUP_TOLD_MAX && behind > 0 &&
		    buf_printf(out, err, "%-8sand %zu more of %s\n", "", behind, s->lines[i].group) != 0)
			return err->code;
	}
	return 0;
}

int run_summary_text(const struct run_summary *s, struct buf *out, struct err *err)
{
	int rc = put_kind(s, RUN_FAILED, out, err);
	return rc == 0 ? put_kind(s, RUN_NOTE, out, err) : rc;
}
