#include "format/entry.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/json.h"
#include "holdfast/err.h"

static const char what[] = "ledger entry";
enum { VERSION = 1 };

static const char *const dids[] = { "full", "incremental", "unchanged", "epoch", "failed" };
static const char *const verdicts[] = { "passed", "failed", "could-not-verify" };
enum { DIDS = sizeof dids / sizeof *dids, VERDICTS = sizeof verdicts / sizeof *verdicts };

static int word_index(const char *const *words, int n, const char *word, size_t len)
{
	for (int i = 0; i < n; i++)
		if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
			return i;
	return -1;
}

/* ---- which members an entry of each kind has ---- */

enum type { ID, HASH, HASH_OPTIONAL, NUMBER, NUMBER_OPTIONAL, WORD, VERDICT, ITEMS, STORES, LOGS };

struct field {
	const char *name;
	enum type type;
	size_t offset;
};

#define FIELD(name, type, member) { name, type, offsetof(struct entry, member) }
enum { FIELDS_MAX = 13 };

static const struct {
	const char *word;
	struct field fields[FIELDS_MAX];
} kinds[ENTRY_OTHER] = {
	[ENTRY_RUN] = { "run", {
		FIELD("run", ID, run), FIELD("started", NUMBER, started_s),
		FIELD("finished", NUMBER, finished_s), FIELD("stores", NUMBER, stores),
		FIELD("made", NUMBER, made), FIELD("unchanged", NUMBER, unchanged),
		FIELD("failed", NUMBER, failed), FIELD("covered", HASH_OPTIONAL, covered),
		FIELD("covers", STORES, covers), FIELD("list", HASH_OPTIONAL, list),
		FIELD("items", ITEMS, items), FIELD("current", HASH, current) } },
	[ENTRY_ADOPTED] = { "adopted", {
		FIELD("list", HASH_OPTIONAL, list), FIELD("items", ITEMS, items) } },
	[ENTRY_RESTORE] = { "restore", {
		FIELD("writer", ID, writer), FIELD("store", ID, store), FIELD("seq", NUMBER, seq),
		FIELD("head", HASH, head), FIELD("verdict", VERDICT, verdict),
		FIELD("bytes", NUMBER, bytes), FIELD("duration_ms", NUMBER, duration_ms),
		FIELD("mask", HASH_OPTIONAL, mask) } },
	[ENTRY_ATTEMPT] = { "attempt", {
		FIELD("act", WORD, act), FIELD("code", NUMBER, code), FIELD("writer", ID, writer),
		FIELD("store", ID, store), FIELD("mask", HASH_OPTIONAL, mask) } },
	[ENTRY_SEEN] = { "seen", { FIELD("logs", LOGS, logs) } },
	[ENTRY_ENROLL] = { "enroll", {
		FIELD("key", ID, key), FIELD("roles", NUMBER, roles),
		FIELD("charter_n", NUMBER, charter_n), FIELD("charter", HASH, charter) } },
	[ENTRY_GRANT] = { "grant", {
		FIELD("key", ID, key), FIELD("keys", NUMBER, keys),
		FIELD("charter_n", NUMBER, charter_n), FIELD("charter", HASH, charter) } },
	[ENTRY_DRILL_PLANNED] = { "drill-planned", {
		FIELD("drill", ID, drill), FIELD("due", NUMBER, due_s),
		FIELD("attempt", NUMBER_OPTIONAL, attempt), FIELD("plan", HASH, plan),
		FIELD("writer", ID, writer), FIELD("store", ID, store), FIELD("seq", NUMBER, seq),
		FIELD("head", HASH, head) } },
	[ENTRY_DRILL_STARTED] = { "drill-started", {
		FIELD("drill", ID, drill), FIELD("writer", ID, writer), FIELD("store", ID, store),
		FIELD("seq", NUMBER, seq), FIELD("head", HASH, head) } },
	[ENTRY_DRILL_FINISHED] = { "drill-finished", {
		FIELD("drill", ID, drill), FIELD("verdict", VERDICT, verdict),
		FIELD("report", HASH, report), FIELD("duration_ms", NUMBER, duration_ms) } },
};

const char *entry_kind_word(enum entry_kind kind)
{
	return kind < ENTRY_OTHER ? kinds[kind].word : "other";
}

const char *entry_did_word(enum entry_did did) { return dids[did]; }

bool entry_did_from(const char *word, size_t len, enum entry_did *did)
{
	int i = word_index(dids, DIDS, word, len);
	if (i >= 0)
		*did = (enum entry_did)i;
	return i >= 0;
}
const char *entry_verdict_word(enum entry_verdict verdict) { return verdicts[verdict]; }

static bool is_word(const char *text)
{
	size_t len = strlen(text);
	return len > 0 && len < ENTRY_WORD_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz-") == len;
}

bool entry_may_be(const uint8_t *bytes, size_t len, enum entry_kind kind)
{
	char text[ENTRY_WORD_MAX + 16];
	/* a quote inside a string has a backslash before it, and no list within an entry has a "kind" */
	int n = snprintf(text, sizeof text, "\"kind\":\"%s\"", entry_kind_word(kind));
	return memmem(bytes, len, text, (size_t)n) != NULL;
}

/* ---- encoding ---- */

static json_t *items_json(const struct entry *e)
{
	JSON_AUTO list = json_array();
	for (size_t i = 0; list && i < e->n_items; i++) {
		const struct entry_item *item = &e->items[i];
		json_t *j = json_pack("[o, I, o, s]", json_hex(item->store, 16),
		                      (json_int_t)item->number, json_hex(item->hash, 32),
		                      dids[item->did]);
		if (json_array_append_new(list, j) != 0)
			return NULL;
	}
	return json_incref(list);
}

static json_t *stores_json(const struct entry *e)
{
	JSON_AUTO list = json_array();
	for (size_t i = 0; list && i < e->n_covers; i++)
		if (json_array_append_new(list, json_hex(e->covers[i], 16)) != 0)
			return NULL;
	return json_incref(list);
}

static json_t *logs_json(const struct entry *e)
{
	JSON_AUTO list = json_array();
	for (size_t i = 0; list && i < e->n_logs; i++) {
		const struct entry_log *l = &e->logs[i];
		json_t *j = json_pack("[o, I, o]", json_hex(l->key, 16), (json_int_t)l->size,
		                      json_hex(l->root, 32));
		if (json_array_append_new(list, j) != 0)
			return NULL;
	}
	return json_incref(list);
}

static json_t *field_json(const struct entry *e, const struct field *f)
{
	const void *at = (const char *)e + f->offset;
	switch (f->type) {
	case ID: return json_hex(at, 16);
	case HASH:
	case HASH_OPTIONAL: return json_hex(at, 32);
	case NUMBER:
	case NUMBER_OPTIONAL: return json_integer((json_int_t)*(const uint64_t *)at);
	case WORD: return json_string(at);
	case VERDICT: return json_string(verdicts[*(const enum entry_verdict *)at]);
	case ITEMS: return items_json(e);
	case STORES: return stores_json(e);
	case LOGS: return logs_json(e);
	}
	return NULL;
}

static bool is_left_out(const struct entry *e, const struct field *f)
{
	return (f->type == HASH_OPTIONAL && sodium_is_zero((const uint8_t *)e + f->offset, 32)) ||
	       (f->type == NUMBER_OPTIONAL && *(const uint64_t *)((const char *)e + f->offset) == 0) ||
	       (f->type == ITEMS && !sodium_is_zero(e->list, 32)) ||
	       (f->type == STORES && !sodium_is_zero(e->covered, 32));
}

static int check_lists(const struct entry *e, struct err *err)
{
	bool items = sodium_is_zero(e->list, 32) && e->n_items > ENTRY_INLINE_MAX;
	bool stores = sodium_is_zero(e->covered, 32) && e->n_covers > ENTRY_INLINE_MAX;
	if (e->kind >= ENTRY_OTHER || items || stores || e->n_logs > ENTRY_LOGS_MAX ||
	    (e->kind == ENTRY_ATTEMPT && !is_word(e->act)))
		return err_set(err, ERR_INVALID, "%s: holds what none can hold", what);
	return 0;
}

int entry_encode(const struct entry *e, struct buf *out, struct err *err)
{
	if (check_lists(e, err) != 0)
		return err->code;
	JSON_AUTO j = json_pack("{s:s, s:I, s:i}", "kind", kinds[e->kind].word, "time",
	                        (json_int_t)e->time_s, "v", VERSION);
	int rc = j ? 0 : -1;
	for (const struct field *f = kinds[e->kind].fields; rc == 0 && f->name; f++)
		if (!is_left_out(e, f))
			rc = json_object_set_new(j, f->name, field_json(e, f));
	if (rc != 0)
		return err_no_memory(err);
	size_t before = out->len;
	if (json_encode(j, out, err) != 0)
		return err->code;
	if (out->len - before > ENTRY_MAX)
		return err_set(err, ERR_LIMIT, "%s: of %zu bytes is too long", what, out->len - before);
	return 0;
}

/* ---- decoding ---- */

static bool hex_at(const json_t *list, size_t i, void *out, size_t len)
{
	const char *text = json_string_value(json_array_get(list, i));
	return text && hex_decode(out, len, text);
}

static bool number_at(const json_t *list, size_t i, uint64_t *out)
{
	const json_t *n = json_array_get(list, i);
	if (!json_is_integer(n) || json_integer_value(n) < 0)
		return false;
	*out = (uint64_t)json_integer_value(n);
	return true;
}

static bool item_from(struct entry_item *item, const json_t *j)
{
	const char *word = json_string_value(json_array_get(j, 3));
	return word && entry_did_from(word, strlen(word), &item->did) && json_array_size(j) == 4 &&
	       hex_at(j, 0, item->store, 16) && number_at(j, 1, &item->number) &&
	       hex_at(j, 2, item->hash, 32);
}

static bool log_from(struct entry_log *log, const json_t *j)
{
	return json_array_size(j) == 3 && hex_at(j, 0, log->key, 16) && number_at(j, 1, &log->size) &&
	       hex_at(j, 2, log->root, 32);
}

static int list_fails(const char *name, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "%s: '%s' is malformed", what, name);
}

/* A list of at most `max` members: memory for them; *n is how many. */
static void *list_memory(const json_t *list, const char *name, size_t max, size_t size, size_t *n,
                         struct err *err)
{
	if (!json_is_array(list) || json_array_size(list) > max) {
		list_fails(name, err);
		return NULL;
	}
	*n = json_array_size(list);
	void *p = calloc(*n + 1, size);
	if (!p)
		err_no_memory(err);
	return p;
}

static int take_items(struct entry *e, const json_t *list, const char *name, struct err *err)
{
	size_t n = 0;
	e->items = list_memory(list, name, ENTRY_INLINE_MAX, sizeof *e->items, &n, err);
	if (!e->items)
		return err->code;
	for (; e->n_items < n; e->n_items++)
		if (!item_from(&e->items[e->n_items], json_array_get(list, e->n_items)))
			return list_fails(name, err);
	return 0;
}

static int take_stores(struct entry *e, const json_t *list, const char *name, struct err *err)
{
	size_t n = 0;
	e->covers = list_memory(list, name, ENTRY_INLINE_MAX, sizeof *e->covers, &n, err);
	if (!e->covers)
		return err->code;
	for (; e->n_covers < n; e->n_covers++)
		if (!hex_at(list, e->n_covers, e->covers[e->n_covers], 16))
			return list_fails(name, err);
	return 0;
}

static int take_logs(struct entry *e, const json_t *list, const char *name, struct err *err)
{
	size_t n = 0;
	e->logs = list_memory(list, name, ENTRY_LOGS_MAX, sizeof *e->logs, &n, err);
	if (!e->logs)
		return err->code;
	for (; e->n_logs < n; e->n_logs++)
		if (!log_from(&e->logs[e->n_logs], json_array_get(list, e->n_logs)))
			return list_fails(name, err);
	return 0;
}

static int take_word(struct entry *e, const json_t *j, const struct field *f, struct err *err)
{
	const char *text;
	if (json_get_text(j, f->name, &text, what, err) != 0)
		return err->code;
	if (f->type == WORD && is_word(text)) {
		snprintf((char *)e + f->offset, ENTRY_WORD_MAX, "%s", text);
		return 0;
	}
	int verdict = word_index(verdicts, VERDICTS, text, strlen(text));
	if (f->type == WORD || verdict < 0)
		return list_fails(f->name, err);
	e->verdict = (enum entry_verdict)verdict;
	return 0;
}

static int take_field(struct entry *e, const json_t *j, const struct field *f, struct err *err)
{
	void *at = (char *)e + f->offset;
	const json_t *list = json_object_get(j, f->name);
	switch (f->type) {
	case ID: return json_get_hex(j, f->name, at, 16, what, err);
	case HASH: return json_get_hex(j, f->name, at, 32, what, err);
	case HASH_OPTIONAL: return list ? json_get_hex(j, f->name, at, 32, what, err) : 0;
	case NUMBER: return json_get_u64(j, f->name, INT64_MAX, at, what, err);
	case NUMBER_OPTIONAL: return list ? json_get_u64(j, f->name, INT64_MAX, at, what, err) : 0;
	case WORD:
	case VERDICT: return take_word(e, j, f, err);
	case ITEMS: return is_left_out(e, f) ? 0 : take_items(e, list, f->name, err);
	case STORES: return is_left_out(e, f) ? 0 : take_stores(e, list, f->name, err);
	case LOGS: return take_logs(e, list, f->name, err);
	}
	return 0;
}

static int take_kind(struct entry *e, const json_t *j, struct err *err)
{
	const char *word;
	uint64_t version;
	if (json_get_text(j, "kind", &word, what, err) != 0 ||
	    json_get_u64(j, "time", INT64_MAX, &e->time_s, what, err) != 0 ||
	    json_get_u64(j, "v", INT64_MAX, &version, what, err) != 0)
		return err->code;
	if (version > VERSION)
		return err_set(err, ERR_NEWER, "%s: of version %" PRIu64 "; this program reads up to %d",
		               what, version, VERSION);
	if (!is_word(word))
		return list_fails("kind", err);
	snprintf(e->word, sizeof e->word, "%s", word);
	e->kind = ENTRY_RUN;
	while (e->kind < ENTRY_OTHER && strcmp(kinds[e->kind].word, word) != 0)
		e->kind++;
	return 0;
}

static int decode(struct entry *e, const uint8_t *bytes, size_t len, struct err *err)
{
	if (len > ENTRY_MAX)
		return err_set(err, ERR_CORRUPT, "%s: is too long", what);
	JSON_AUTO j = json_decode_canonical((const char *)bytes, len, what, err);
	if (!j || take_kind(e, j, err) != 0)
		return err->code;
	if (e->kind == ENTRY_OTHER)
		return 0;
	for (const struct field *f = kinds[e->kind].fields; f->name; f++)
		if (take_field(e, j, f, err) != 0)
			return err->code;
	return 0;
}

int entry_decode(struct entry *e, const uint8_t *bytes, size_t len, struct err *err)
{
	*e = (struct entry){ .kind = ENTRY_OTHER };
	int rc = decode(e, bytes, len, err);
	if (rc != 0)
		entry_clear(e);
	return rc;
}

void entry_clear(struct entry *e)
{
	free(e->items);
	free(e->covers);
	free(e->logs);
	*e = (struct entry){ .kind = ENTRY_OTHER };
}
