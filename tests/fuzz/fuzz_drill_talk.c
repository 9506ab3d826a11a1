/*
 * fuzz_drill_talk - what a sandbox answers, and what users and dumps write around a drill: lines of an
 * answer that are taken say the same when they are written again; requests, moments, expectations and
 * roles are taken or refused.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/expect.h"
#include "base/json.h"
#include "engine/drill_report.h"
#include "engine/drill_talk.h"
#include "source/postgres_roles.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void same(const struct drill_line *line)
{
	struct drill_line again = { .facts = NULL };
	struct err err = { 0 };
	struct buf *b = buf_new(DRILL_REPLY_MAX, &err);
	if (drill_line_encode(line, b, &err) == 0) {
		const char *at = (const char *)b->bytes, *end = at + b->len;
		if (drill_line_next(&again, &at, end, &err) != 1 || at != end || again.said != line->said ||
		    again.ms != line->ms || again.number != line->number || again.code != line->code ||
		    again.null != line->null || again.verdict != line->verdict)
			abort();
		json_drop(&again.facts);
	}
	buf_free(b);
}

static void lines(const char *text, size_t len)
{
	struct drill_line line = { .facts = NULL };
	struct err err = { 0 };
	const char *at = text, *end = text + len;
	int rc;
	while ((rc = drill_line_next(&line, &at, end, &err)) == 1) {
		if (at > end || (line.said == SAID_FACTS) != (line.facts != NULL))
			abort();
		same(&line);
		json_drop(&line.facts);
	}
	if (rc != 0 && rc != ERR_CORRUPT)
		abort();
}

static void texts(const char *text)
{
	struct expect e;
	struct err err = { 0 };
	char role[POSTGRES_ROLE_MAX];
	int64_t moment;
	if (expect_parse(&e, text, &err) == 0) {
		expect_met(&e, NULL);
		expect_met(&e, text);
	}
	if (drill_parse_time(text, &moment) && moment < 0)
		abort();
	if (postgres_role_of(text, role) && !strstr(text, role))
		abort();
	free(drill_text(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	char *text = malloc(len + 1);
	if (!text)
		return 0;
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	lines(text, len);
	texts(text);
	struct drill_request *r = drill_request_decode(text, len, &err);
	drill_request_free(r);
	free(text);
	return 0;
}
