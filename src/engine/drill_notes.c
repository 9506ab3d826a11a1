#include "engine/drill_notes.h"

#include <jansson.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/json.h"
#include "engine/drill_report.h"
#include "holdfast/drill.h"
#include "vault/vault.h"

enum { NOTES_MAX_BYTES = 1 << 20, TOLD_AFTER_S = 90 * 86400 };

static const char what[] = "findings.json";

static int path_of(const struct vault *v, char path[PATH_MAX], struct err *err)
{
	if (!vault_state_dir(v))
		return err_set(err, ERR_KEY, "this machine remembers nothing of the vault");
	snprintf(path, PATH_MAX, "%.4000s/drills/%s", vault_state_dir(v), what);
	return 0;
}

/* {"findings":[{"closed","due","id","opened","text","ticket"}]}; an absent file is an empty list. */
static json_t *load(const struct vault *v, struct err *err)
{
	char path[PATH_MAX];
	AUTO(buf) text = buf_new(NOTES_MAX_BYTES, err);
	if (!text || path_of(v, path, err) != 0)
		return NULL;
	int rc = io_read_file(path, text, err);
	if (rc == ERR_ABSENT)
		return json_pack("{s:[]}", "findings");
	JSON_AUTO j = rc == 0 ? json_decode_canonical((const char *)text->bytes, text->len, what, err) : NULL;
	if (j && !json_is_array(json_object_get(j, "findings"))) {
		err_set(err, ERR_CORRUPT, "%s: holds no list of findings", path);
		return NULL;
	}
	return json_incref(j);
}

static int add_one(struct report *r, const json_t *j, struct err *err)
{
	struct report_finding *grown = reallocarray(r->findings.items, r->findings.n + 1, sizeof *grown);
	if (!grown)
		return err_no_memory(err);
	r->findings.items = grown;
	struct report_finding *f = &grown[r->findings.n++];
	*f = (struct report_finding){ .opened_s = json_count(j, "opened"), .due_s = json_count(j, "due"),
	                              .closed_s = json_count(j, "closed") };
	snprintf(f->severity, sizeof f->severity, "finding");
	f->ticket = drill_text(json_text(j, "ticket"));
	f->text = drill_text(json_text(j, "text"));
	return hex_decode(f->id, sizeof f->id, json_text(j, "id"))
	       ? 0 : err_set(err, ERR_CORRUPT, "%s: a finding without an id", what);
}

int drill_notes_load(struct vault *v, struct report *r, struct err *err)
{
	const json_t *one;
	size_t i;
	if (!vault_state_dir(v))
		return 0;
	JSON_AUTO j = load(v, err);
	if (!j)
		return err->code;
	json_array_foreach(json_object_get(j, "findings"), i, one) {
		uint64_t closed = json_count(one, "closed");
		if (closed && closed + TOLD_AFTER_S < (uint64_t)time(NULL))
			continue;
		if (r->findings.n < REPORT_FINDINGS_MAX && add_one(r, one, err) != 0)
			return err->code;
	}
	return 0;
}

static json_t *find(const json_t *list, const char *ticket)
{
	json_t *one;
	size_t i;
	json_array_foreach(list, i, one)
		if (strcmp(json_text(one, "ticket"), ticket) == 0)
			return one;
	return NULL;
}

static json_t *new_one(json_t *list, const char *drill, const char *ticket)
{
	uint8_t id[16];
	randombytes_buf(id, sizeof id);
	json_t *one = json_pack("{s:o, s:s, s:s, s:I, s:s}", "id", json_hex(id, sizeof id), "drill", drill,
	                        "ticket", ticket, "opened", (json_int_t)time(NULL), "text", "");
	return json_array_append_new(list, one) == 0 ? one : NULL;
}

static int change(json_t *j, const char *drill, const struct drill_finding_note *n, struct err *err)
{
	json_t *list = json_object_get(j, "findings"), *one = find(list, n->ticket);
	if (!one && n->close)
		return err_set(err, ERR_ABSENT, "finding: there is none with the ticket '%.60s'", n->ticket);
	if (!one && !(one = new_one(list, drill, n->ticket)))
		return err_set(err, ERR_INVALID, "finding: the ticket is no UTF-8");
	if (n->text && json_object_set_new(one, "text", json_string(n->text)) != 0)
		return err_set(err, ERR_INVALID, "finding: the text is no UTF-8");
	if (n->due_s > 0)
		json_object_set_new(one, "due", json_integer((json_int_t)n->due_s));
	if (n->close)
		json_object_set_new(one, "closed", json_integer((json_int_t)time(NULL)));
	return 0;
}

int drill_note_finding(struct vault *v, const struct drill_finding_note *n, struct err *err)
{
	char path[PATH_MAX], drills[PATH_MAX];
	struct drill_result of = { .verdict = DRILL_UNVERIFIED };
	if (drill_load(v, n->drill, NULL, &of, err) != 0)
		return err->code;
	JSON_AUTO j = load(v, err);
	AUTO(buf) text = buf_new(NOTES_MAX_BYTES, err);
	int rc = j && text ? change(j, of.id, n, err) : (int)err->code;
	drill_result_clear(&of);
	if (rc != 0 || json_encode(j, text, err) != 0 || path_of(v, path, err) != 0 ||
	    vault_state_make(v, err) != 0)
		return err->code;
	snprintf(drills, sizeof drills, "%.4000s/drills", vault_state_dir(v));
	if (io_make_dirs(drills, 0700, err) != 0)
		return err->code;
	return io_write_file(path, text->bytes, text->len, 0600, err);
}
