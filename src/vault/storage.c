#include "vault/storage.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "format/names.h"
#include "holdfast/err.h"

extern const struct backend_ops backend_file, backend_s3, backend_sftp, backend_webdavs, backend_webdav,
	backend_memory, backend_faulty;

/* A new driver is one line here and one above. */
static const struct backend_ops *const drivers[] = {
	&backend_file, &backend_s3, &backend_sftp, &backend_webdavs, &backend_webdav, &backend_memory,
	&backend_faulty,
};
enum { DRIVERS = sizeof drivers / sizeof drivers[0] };

static const struct backend_ops *driver_of(const char *scheme, size_t len)
{
	for (size_t i = 0; i < DRIVERS; i++)
		if (strlen(drivers[i]->scheme) == len && memcmp(drivers[i]->scheme, scheme, len) == 0)
			return drivers[i];
	return NULL;
}

static bool is_path(const char *url)
{
	return url[0] == '/' || strcmp(url, ".") == 0 || strcmp(url, "..") == 0 ||
	       strncmp(url, "./", 2) == 0 || strncmp(url, "../", 3) == 0;
}

static void refuse_url(const char *url, size_t shown, struct err *err)
{
	char known[200] = "";
	for (size_t i = 0, at = 0; i < DRIVERS && at < sizeof known; i++)
		at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "",
		                       drivers[i]->scheme);
	err_set(err, ERR_INVALID, "no storage driver for '%.*s': there are %s", (int)shown, url, known);
	err_hint(err, "a folder is written /srv/vault or file:///srv/vault");
}

struct backend *storage_open(const char *url, const struct backend_options *options,
                             struct err *err)
{
	struct backend_options o = options ? *options : (struct backend_options){ 0 };
	const char *separator = strstr(url, "://");
	size_t len = separator ? (size_t)(separator - url) : 0;
	const struct backend_ops *driver = is_path(url) ? &backend_file
	                                   : separator  ? driver_of(url, len)
	                                                : NULL;
	o.location = is_path(url) ? url : separator ? separator + 3 : "";
	if (driver) {
		struct backend *b = driver->open(&o, err);
		/* a file of this machine that is gone, with keys or a password, says nothing of the vault */
		if (!b && err->code == ERR_ABSENT)
			err->code = ERR_INVALID;
		/* cppcheck-suppress returnDanglingLifetime ; drivers copy what they keep */
		return b;
	}
	/* what follows the scheme may hold a password */
	refuse_url(url, separator ? len + 3 : strnlen(url, 100), err);
	return NULL;
}

void storage_free(struct backend *b)
{
	if (b)
		b->ops->free(b);
}

bool storage_name_ok(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strnlen(name, BACKEND_NAME_MAX + 1);
	if (len == 0 || len > BACKEND_NAME_MAX)
		return false;
	for (const char *part = name;;) {
		size_t n = strspn(part, allowed);
		if (n == 0 || part[0] == '.' || (part[n] != '/' && part[n] != '\0'))
			return false;
		if (part[n] == '\0')
			return true;
		part += n + 1;
	}
}

static int check_name(const char *name, struct err *err)
{
	if (storage_name_ok(name))
		return 0;
	return err_set(err, ERR_INVALID, "'%.100s' is not a name for an object", name);
}

int storage_put_tagged(struct backend *b, const char *name, const void *data, size_t len,
                       enum backend_put_mode mode, char tag[BACKEND_TAG_MAX], struct err *err)
{
	if (check_name(name, err) != 0)
		return err->code;
	const struct backend_put put = { name, data, len, mode, names_retained(name) };
	int rc = b->ops->put(b, &put, tag, err);
	if (rc == ERR_SPACE && !err->hint[0])
		err_hint(err, "the vault is full: make room where it lies and repeat; what has arrived is "
		         "used again, and earlier snapshots are as they were");
	return rc == 0 ? 0 : err_wrap(err, "%s", name);
}

int storage_put(struct backend *b, const char *name, const void *data, size_t len,
                enum backend_put_mode mode, struct err *err)
{
	return storage_put_tagged(b, name, data, len, mode, NULL, err);
}

int storage_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
                size_t *len, struct err *err)
{
	if (check_name(name, err) != 0)
		return err->code;
	int rc = b->ops->get(b, name, offset, out, cap, len, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", name);
}

int storage_stat(struct backend *b, const char *name, struct backend_object *object,
                 struct err *err)
{
	if (check_name(name, err) != 0)
		return err->code;
	int rc = b->ops->stat(b, name, object, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", name);
}

int storage_remove(struct backend *b, const char *name, struct err *err)
{
	if (check_name(name, err) != 0)
		return err->code;
	int rc = b->ops->remove(b, name, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", name);
}

int storage_next_copy(struct backend *b, const char *name, struct err *err)
{
	if (check_name(name, err) != 0)
		return err->code;
	int rc = b->ops->next_copy(b, name, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", name);
}

int storage_retain(struct backend *b, const char *name, struct err *err)
{
	if (check_name(name, err) != 0)
		return err->code;
	int rc = b->ops->retain(b, name, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", name);
}

int storage_traits(struct backend *b, struct backend_traits *traits, struct err *err)
{
	*traits = (struct backend_traits){ 0 };
	return b->ops->traits(b, traits, err);
}

struct listing {
	backend_visit *visit;
	void *arg;
	bool stopped;
};

/* Names that no put can have made belong to somebody else: lost+found, a sync tool's leavings. */
static int visit_ours(void *arg, const struct backend_object *object, struct err *err)
{
	struct listing *l = arg;
	int rc = storage_name_ok(object->name) ? l->visit(l->arg, object, err) : 0;
	l->stopped = rc != 0;
	return rc;
}

static int check_prefix(const char *prefix, struct err *err)
{
	char folder[BACKEND_NAME_MAX + 1];
	size_t len = strnlen(prefix, sizeof folder + 1);
	if (len == 0)
		return 0;
	if (len > sizeof folder || prefix[len - 1] != '/')
		return err_set(err, ERR_INVALID, "'%.100s' is not a prefix of objects", prefix);
	memcpy(folder, prefix, len - 1);
	folder[len - 1] = '\0';
	return check_name(folder, err);
}

int storage_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
                 struct err *err)
{
	if (check_prefix(prefix, err) != 0)
		return err->code;
	struct listing l = { visit, arg, false };
	int rc = b->ops->list(b, prefix, visit_ours, &l, err);
	if (rc == 0 || l.stopped)
		return rc;
	return *prefix ? err_wrap(err, "%s", prefix) : err_wrap(err, "listing the vault");
}

/* The buffer is full to its cap: fine if the object ends here. */
static int expect_end(struct backend *b, const char *name, uint64_t offset, size_t max,
                      struct err *err)
{
	uint8_t byte;
	size_t got;
	if (storage_get(b, name, offset, &byte, 1, &got, err) != 0)
		return err->code;
	return got == 0 ? 0 : err_set(err, ERR_LIMIT, "%s: more than %zu bytes", name, max);
}

/* The first piece holds any object that is ever replaced, so that none is read half old, half new. */
enum { PIECE_FIRST = 256 << 10, PIECE_MAX = 4 << 20 };

static int append_pieces(struct backend *b, const char *name, struct buf *out, struct err *err)
{
	uint64_t offset = 0;
	for (size_t piece = PIECE_FIRST;; piece = piece < PIECE_MAX ? piece * 2 : piece) {
		size_t room = out->max - out->len;
		if (room == 0)
			return expect_end(b, name, offset, out->max, err);
		size_t want = room < piece ? room : piece, got;
		uint8_t *to = buf_reserve(out, want, err);
		if (!to)
			return err_wrap(err, "%s", name);
		if (storage_get(b, name, offset, to, want, &got, err) != 0)
			return err->code;
		out->len += got;
		offset += got;
		if (got < want)
			return 0;
	}
}

int storage_get_all(struct backend *b, const char *name, struct buf *out, struct err *err)
{
	size_t before = out->len;
	int rc = append_pieces(b, name, out, err);
	if (rc != 0)
		out->len = before;
	return rc;
}
