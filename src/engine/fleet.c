#include "holdfast/fleet.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/json.h"
#include "base/utf8.h"
#include "crypto/hash.h"
#include "holdfast/err.h"
#include "holdfast/vault.h"
#include "vault/vault.h"

AUTO_FREE(fleet);

enum {
	RECORD_MAX = 64 << 20,
	RECORD_ID_BYTES = 16,
	NAME_WORK_MAX = 1 << 16,   /* a template may hold several parts of a path */
};

bool fleet_is_pattern(const char *path)
{
	return strpbrk(path, "*?[") != NULL;
}

/* glob gives its error callback no argument of the caller's. */
static _Thread_local struct { int sys; char path[200]; } unreadable;

static int note_unreadable(const char *path, int sys)
{
	/* a folder that is gone matches nothing; one that is refused may hide files */
	if (sys == ENOENT || sys == ENOTDIR)
		return 0;
	unreadable.sys = sys;
	snprintf(unreadable.path, sizeof unreadable.path, "%s", path);
	return 1;
}

static int match(const char *pattern, glob_t *found, struct err *err)
{
	unreadable.sys = 0;
	switch (glob(pattern, GLOB_NOSORT, note_unreadable, found)) {
	case 0:
	case GLOB_NOMATCH:
		return 0;
	case GLOB_NOSPACE:
		return err_no_memory(err);
	default:
		errno = unreadable.sys ? unreadable.sys : EIO;
		return err_sys(err, "%s", unreadable.path);
	}
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), want = strlen(end);
	return len >= want && strcmp(text + len - want, end) == 0;
}

/* A link that leads nowhere stays in: its store then fails by name instead of being left out. */
static bool is_member(const char *path)
{
	if (ends_with(path, "-wal") || ends_with(path, "-shm") || ends_with(path, "-journal"))
		return false;
	struct stat st;
	if (stat(path, &st) == 0)
		return S_ISREG(st.st_mode);
	return lstat(path, &st) == 0;
}

struct part {
	const char *text;
	size_t len;
};

static struct part file_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	return (struct part){ name, strlen(name) };
}

static struct part stem_part(const char *path)
{
	struct part name = file_part(path);
	const char *dot = strrchr(name.text, '.');
	if (dot && dot > name.text)
		name.len = (size_t)(dot - name.text);
	return name;
}

static struct part parent_part(const char *path)
{
	const char *end = file_part(path).text;
	while (end > path && end[-1] == '/')
		end--;
	const char *start = end;
	while (start > path && start[-1] != '/')
		start--;
	return (struct part){ start, (size_t)(end - start) };
}

static int add_placeholder(struct buf *out, const char *name, size_t len, const char *path,
                           struct err *err)
{
	static const struct {
		const char *name;
		struct part (*of)(const char *path);
	} placeholders[] = {
		{ "stem", stem_part }, { "name", file_part }, { "parent", parent_part },
	};
	for (size_t i = 0; i < sizeof placeholders / sizeof placeholders[0]; i++) {
		if (strlen(placeholders[i].name) != len || memcmp(placeholders[i].name, name, len) != 0)
			continue;
		struct part part = placeholders[i].of(path);
		return buf_append(out, part.text, part.len, err);
	}
	err_set(err, ERR_INVALID, "name: '{%.*s}' stands for nothing", (int)(len < 40 ? len : 40), name);
	return err_hint(err, "use {stem}, {name} or {parent}");
}

static int fill_template(struct buf *out, const char *template, const char *path, struct err *err)
{
	while (*template) {
		size_t plain = strcspn(template, "{}");
		if (buf_append(out, template, plain, err) != 0)
			return err->code;
		template += plain;
		if (!*template)
			break;
		size_t len = strcspn(template, "}");
		if (*template == '}' || template[len] == '\0')
			return err_set(err, ERR_INVALID, "name: '%c' is not paired", *template);
		if (add_placeholder(out, template + 1, len - 1, path, err) != 0)
			return err->code;
		template += len + 1;
	}
	return 0;
}

/* Names go into command lines (not as an option), into `store@snapshot`, and into file names. */
static const char *why_refused(const char *name)
{
	if (*name == '\0' || strlen(name) > VAULT_NAME_MAX)
		return "is empty or too long";
	if (*name == '-' || *name == '/')
		return "begins with '-' or '/'";
	if (strchr(name, '@'))
		return "holds '@'";
	for (size_t n; *name; name += n) {
		n = utf8_printable(name);
		if (n == 0)
			return "holds bytes that are not printable UTF-8";
	}
	return NULL;
}

/* For messages: what cannot be printed becomes '?'. */
static const char *shown(const char *path, char out[400])
{
	size_t used = 0;
	for (size_t n; *path && used + 8 < 400; path += n) {
		n = utf8_printable(path);
		if (n == 0)
			out[used++] = '?';
		else
			used = (size_t)((char *)memcpy(out + used, path, n) + n - out);
		n = n ? n : 1;
	}
	out[used] = '\0';
	return out;
}

static int name_member(struct fleet_member *m, const char *template, struct err *err)
{
	AUTO(buf) text = buf_new(NAME_WORK_MAX, err);
	if (!text || fill_template(text, template, m->path, err) != 0)
		return err->code;
	const char *name = buf_text(text, err);
	if (!name)
		return err->code;
	char path[400];
	const char *why = why_refused(name);
	if (why) {
		err_set(err, ERR_INVALID, "%s: its store's name %s", shown(m->path, path), why);
		return err_hint(err, "rename the file, or leave it out of the pattern");
	}
	m->name = strdup(name);
	return m->name ? 0 : err_no_memory(err);
}

static int add_member(struct fleet *f, const char *path, const char *template, struct err *err)
{
	struct fleet_member *m = &f->members[f->n++];
	m->path = strdup(path);
	if (!m->path)
		return err_no_memory(err);
	return name_member(m, template, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct fleet_member *)a)->name, ((const struct fleet_member *)b)->name);
}

static int refuse_duplicates(const struct fleet *f, struct err *err)
{
	for (size_t i = 1; i < f->n; i++) {
		const struct fleet_member *a = &f->members[i - 1], *b = &f->members[i];
		if (strcmp(a->name, b->name) != 0)
			continue;
		char pa[400], pb[400];
		err_set(err, ERR_INVALID, "%.180s and %.180s would both be store '%s'",
			shown(a->path, pa), shown(b->path, pb), a->name);
		return err_hint(err, "tell them apart in 'name' with {parent}, {name} or {stem}");
	}
	return 0;
}

static int add_matches(struct fleet *f, const glob_t *found, const char *pattern,
                       const char *template, struct err *err)
{
	f->members = calloc(found->gl_pathc + 1, sizeof *f->members);
	if (!f->members)
		return err_no_memory(err);
	for (size_t i = 0; i < found->gl_pathc; i++)
		if (is_member(found->gl_pathv[i]) &&
		    add_member(f, found->gl_pathv[i], template, err) != 0)
			return err->code;
	if (f->n == 0) {
		char path[400];
		err_set(err, ERR_SOURCE, "no file matches %s", shown(pattern, path));
		return err_hint(err, "is it mounted?");
	}
	qsort(f->members, f->n, sizeof *f->members, by_name);
	return refuse_duplicates(f, err);
}

static int record_path(struct vault *v, const char *section, char path[PATH_MAX], struct err *err)
{
	uint8_t id[RECORD_ID_BYTES];
	char hex[2 * RECORD_ID_BYTES + 1];
	hash_labelled(id, sizeof id, "hf1.fleet", NULL, 0, section, strlen(section));
	int n = snprintf(path, PATH_MAX, "%s/fleets/%s", vault_state_dir(v),
			 hex_encode(hex, id, sizeof id));
	return n < PATH_MAX ? 0 : err_set(err, ERR_LIMIT, "%.100s...: path is too long", path);
}

static bool is_here(const struct fleet *f, const char *name)
{
	struct fleet_member key = { .name = (char *)(uintptr_t)name };
	return bsearch(&key, f->members, f->n, sizeof key, by_name) != NULL;
}

static int note_vanished(struct fleet *f, const json_t *names, struct err *err)
{
	f->vanished = calloc(json_array_size(names) + 1, sizeof *f->vanished);
	if (!f->vanished)
		return err_no_memory(err);
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		if (!name)
			return err_set(err, ERR_CORRUPT, "names: not a text");
		if (is_here(f, name))
			continue;
		f->vanished[f->n_vanished] = strdup(name);
		if (!f->vanished[f->n_vanished++])
			return err_no_memory(err);
	}
	return 0;
}

static int read_record(struct fleet *f, const char *path, struct err *err)
{
	AUTO(buf) text = buf_new(RECORD_MAX, err);
	if (!text || io_read_file(path, text, err) != 0)
		return err->code;
	JSON_AUTO record = json_decode_canonical((const char *)text->bytes, text->len, path, err);
	if (!record)
		return err->code;
	const json_t *names = json_object_get(record, "names");
	if (!json_is_array(names))
		return err_set(err, ERR_CORRUPT, "%s: names: missing", path);
	return note_vanished(f, names, err);
}

static int compare_with_record(struct vault *v, const char *section, struct fleet *f,
                               struct err *err)
{
	char path[PATH_MAX];
	if (!vault_state_dir(v))
		return 0;
	if (record_path(v, section, path, err) != 0)
		return err->code;
	int rc = read_record(f, path, err);
	if (rc == ERR_ABSENT)
		return 0;
	if (rc == ERR_CORRUPT)
		err_hint(err, "remove it; files that vanished since the last run then stay unnoticed");
	return rc;
}

struct fleet *fleet_expand(struct vault *v, const char *section, const char *pattern,
                           const char *name_template, struct err *err)
{
	AUTO(fleet) f = calloc(1, sizeof *f);
	if (!f) {
		err_no_memory(err);
		return NULL;
	}
	glob_t found = { 0 };
	int rc = match(pattern, &found, err);
	if (rc == 0)
		rc = add_matches(f, &found, pattern, name_template ? name_template : "{stem}", err);
	globfree(&found);
	if (rc == 0)
		rc = compare_with_record(v, section, f, err);
	return rc == 0 ? TAKE(f) : NULL;
}

void fleet_free(struct fleet *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++) {
		free(f->members[i].name);
		free(f->members[i].path);
	}
	for (size_t i = 0; i < f->n_vanished; i++)
		free(f->vanished[i]);
	free(f->members);
	free(f->vanished);
	free(f);
}

static int encode_record(const struct fleet *f, struct buf *out, struct err *err)
{
	JSON_AUTO record = json_pack("{s:[]}", "names");
	json_t *names = json_object_get(record, "names");
	for (size_t i = 0; i < f->n; i++)
		if (json_array_append_new(names, json_string(f->members[i].name)) != 0)
			return err_no_memory(err);
	return json_encode(record, out, err);
}

int fleet_remember(struct vault *v, const char *section, const struct fleet *f, struct err *err)
{
	char path[PATH_MAX], folder[PATH_MAX];
	if (!vault_state_dir(v))
		return err_set(err, ERR_INVALID, "there is no state folder to remember files in");
	if (record_path(v, section, path, err) != 0)
		return err->code;
	snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
	if (io_make_dirs(folder, 0700, err) != 0)
		return err->code;

	AUTO(buf) text = buf_new(RECORD_MAX, err);
	if (!text || encode_record(f, text, err) != 0)
		return err->code;
	return io_write_file(path, text->bytes, text->len, 0600, err);
}
