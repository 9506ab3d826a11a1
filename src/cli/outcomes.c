#include "cli/outcomes.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "cli/output.h"
#include "cli/run_lock.h"
#include "holdfast/err.h"

enum { FORMAT = 1, FILE_MAX_BYTES = 64 << 20, KEY_MAX = 400 };

struct outcomes {
	char path[PATH_MAX];
	int lock;               /* -1: to be read only */
	json_t *root;
	json_t *vault;          /* in root; NULL: nothing is known of it */
};

void outcomes_free(struct outcomes *o)
{
	if (!o)
		return;
	json_decref(o->root);
	io_drop(&o->lock);
	free(o);
}

/* ---- load and store ---- */

static struct outcomes *empty(struct err *err)
{
	AUTO(outcomes) o = calloc(1, sizeof *o);
	if (o) {
		o->lock = -1;
		o->root = json_pack("{s:i, s:{}}", "format", FORMAT, "vaults");
	}
	if (!o || !o->root) {
		err_no_memory(err);
		return NULL;
	}
	return TAKE(o);
}

struct outcomes *outcomes_parse(const char *text, size_t len, struct err *err)
{
	JSON_AUTO root = json_decode(text, len, "outcomes.json", err);
	if (!root)
		return NULL;
	if (json_integer_value(json_object_get(root, "format")) != FORMAT ||
	    !json_is_object(json_object_get(root, "vaults"))) {
		err_set(err, ERR_CORRUPT, "outcomes.json: of a form that this program does not know");
		return NULL;
	}
	AUTO(outcomes) o = empty(err);
	if (!o)
		return NULL;
	json_decref(o->root);
	o->root = json_incref(root);
	return TAKE(o);
}

static struct outcomes *read_file(const char *path, bool *lost, struct err *err)
{
	AUTO(buf) text = buf_new(FILE_MAX_BYTES, err);
	if (!text)
		return NULL;
	int rc = io_read_file(path, text, err);
	if (rc == ERR_ABSENT)
		return empty(err);
	if (rc != 0 && rc != ERR_LIMIT)
		return NULL;
	AUTO(outcomes) o = rc == 0 ? outcomes_parse((const char *)text->bytes, text->len, err) : NULL;
	if (o || err->code == ERR_NOMEM)
		return TAKE(o);
	if (lost)
		*lost = true;
	return empty(err);
}

static int take_lock(const char *state_dir, struct err *err)
{
	int fd = run_lock_open(state_dir, "outcomes.lock", err);
	if (fd < 0 || flock(fd, LOCK_EX) == 0)
		return fd;
	err_sys(err, "%s/outcomes.lock", state_dir);
	io_drop(&fd);
	return err->code;
}

struct outcomes *outcomes_load(const char *state_dir, bool change, bool *lost, struct err *err)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/outcomes.json", state_dir) >= PATH_MAX) {
		err_set(err, ERR_LIMIT, "path is too long: %.100s...", state_dir);
		return NULL;
	}
	IO_AUTO_FD lock = change ? take_lock(state_dir, err) : -1;
	if (change && lock < 0)
		return NULL;
	struct outcomes *o = read_file(path, lost, err);
	if (!o)
		return NULL;
	snprintf(o->path, sizeof o->path, "%s", path);
	o->lock = lock;
	lock = -1;
	return o;
}

int outcomes_store(const struct outcomes *o, struct err *err)
{
	AUTO(buf) text = buf_new(FILE_MAX_BYTES, err);
	if (!text || json_encode(o->root, text, err) != 0 || buf_append(text, "\n", 1, err) != 0)
		return err->code;
	return io_write_file(o->path, text->bytes, text->len, 0600, err);
}

/* ---- which vault ---- */

static json_t *by_url(const struct outcomes *o, const char *url)
{
	const char *id;
	json_t *v;
	json_object_foreach(json_object_get(o->root, "vaults"), id, v) {
		const char *known = json_string_value(json_object_get(v, "url"));
		if (known && strcmp(known, url) == 0)
			return v;
	}
	return NULL;
}

int outcomes_of_vault(struct outcomes *o, const char *id, const char *url, struct err *err)
{
	json_t *vaults = json_object_get(o->root, "vaults");
	o->vault = id ? json_object_get(vaults, id) : by_url(o, url);
	if (!id)
		return 0;
	if (!json_is_object(o->vault) || !json_is_object(json_object_get(o->vault, "done"))) {
		if (json_object_set_new(vaults, id, json_pack("{s:{}}", "done")) != 0)
			return err_no_memory(err);
		o->vault = json_object_get(vaults, id);
	}
	return json_object_set_new(o->vault, "url", output_json_text(url)) == 0 ? 0 : err_no_memory(err);
}

/* ---- outcomes ---- */

/* What is no UTF-8 cannot be a key of JSON. */
static json_t *key_text(const char *kind, const char *name)
{
	char key[KEY_MAX];
	snprintf(key, sizeof key, "%s/%s", kind, name);
	return output_json_text(key);
}

static json_t *find(const struct outcomes *o, const char *kind, const char *name)
{
	JSON_AUTO key = key_text(kind, name);
	return key ? json_object_get(json_object_get(o->vault, "done"), json_string_value(key)) : NULL;
}

/* What is larger was not written by us, and could overflow. */
static const int64_t number_max = INT64_C(1) << 53;

static int64_t number(const json_t *j, const char *key)
{
	int64_t n = json_int(j, key);
	return n > 0 && n <= number_max ? n : 0;
}

void outcomes_get(const struct outcomes *o, const char *kind, const char *name, struct outcome *out)
{
	const json_t *j = find(o, kind, name);
	*out = (struct outcome){ .good_s = number(j, "good"), .tried_s = number(j, "tried"),
		                 .failures = (uint64_t)number(j, "failures") };
	snprintf(out->error, sizeof out->error, "%s", json_text(j, "error"));
}

int64_t outcomes_newest(const struct outcomes *o, const char *kind)
{
	const char *key;
	json_t *j;
	int64_t newest = 0;
	size_t len = strlen(kind);
	json_object_foreach(json_object_get(o->vault, "done"), key, j)
		if (strncmp(key, kind, len) == 0 && key[len] == '/' && number(j, "good") > newest)
			newest = number(j, "good");
	return newest;
}

static int put(struct outcomes *o, const char *kind, const char *name, json_t *outcome,
               struct err *err)
{
	JSON_AUTO key = key_text(kind, name);
	JSON_AUTO value = outcome;
	if (!key || !value)
		return err_no_memory(err);
	/* of a vault that was never opened from here there is nothing to remember it by */
	json_t *done = json_object_get(o->vault, "done");
	return !done || json_object_set(done, json_string_value(key), value) == 0 ? 0 : err_no_memory(err);
}

int outcomes_note_good(struct outcomes *o, const char *kind, const char *name, int64_t start_s,
                       struct err *err)
{
	return put(o, kind, name, json_pack("{s:I, s:I}", "good", (json_int_t)start_s, "tried",
	                                    (json_int_t)start_s), err);
}

int outcomes_note_failed(struct outcomes *o, const char *kind, const char *name, int64_t start_s,
                         int64_t turn_s, const char *error, struct err *err)
{
	const json_t *before = find(o, kind, name);
	int64_t failures = number(before, "failures");
	if (failures == 0 || number(before, "turn") != turn_s)
		failures++;
	return put(o, kind, name,
	           json_pack("{s:I, s:I, s:I, s:I, s:o}", "good", (json_int_t)number(before, "good"),
	                     "tried", (json_int_t)start_s, "turn", (json_int_t)turn_s, "failures",
	                     (json_int_t)failures, "error", output_json_text(error)), err);
}
