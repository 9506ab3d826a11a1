#include "source/entry_meta.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "holdfast/err.h"
#include "holdfast/source.h"

enum { NS = 1000000000 };

int64_t entry_meta_ns(struct timespec t)
{
	int64_t ns;
	if (__builtin_mul_overflow((int64_t)t.tv_sec, (int64_t)NS, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)t.tv_nsec, &ns))
		return t.tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

struct timespec entry_meta_time(int64_t ns)
{
	int64_t rest = ns % NS, s = ns / NS;
	if (rest < 0) {
		rest += NS;
		s--;
	}
	return (struct timespec){ .tv_sec = s, .tv_nsec = rest };
}

struct output {
	struct buf *buf;
	struct err *err;
	bool ended;   /* the end of an archive, which libarchive insists on, is not wanted */
};

/* libarchive is never told of a failure: it would then leak its output filter. */
static la_ssize_t append(struct archive *a, void *arg, const void *data, size_t len)
{
	(void)a;
	struct output *o = arg;
	if (!o->ended && buf_append(o->buf, data, len, o->err) != 0)
		o->ended = true;
	return (la_ssize_t)len;
}

static bool is_ascii(const char *text)
{
	for (; text && *text; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

static bool all_ascii(struct archive_entry *e)
{
	return is_ascii(archive_entry_pathname(e)) && is_ascii(archive_entry_symlink(e)) &&
	       is_ascii(archive_entry_hardlink(e)) && is_ascii(archive_entry_uname(e)) &&
	       is_ascii(archive_entry_gname(e));
}

static bool xattr_name_has_equals(struct archive_entry *e)
{
	const char *name;
	const void *value;
	size_t len;
	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK)
		if (strchr(name, '='))
			return true;
	return false;
}

/* The restricted form writes an extended header only where the old one cannot hold a value, hence
 * no fraction of a second either: 512 bytes for most files instead of 1536. */
static void drop_volatile(struct archive_entry *e)
{
	archive_entry_set_mtime(e, archive_entry_mtime(e), 0);
	archive_entry_unset_atime(e);
	archive_entry_unset_ctime(e);
	archive_entry_unset_birthtime(e);
	archive_entry_sparse_clear(e);
	archive_entry_set_size(e, 0);
}

/* Raw bytes instead of UTF-8, so that libarchive converts nothing by the process's locale; and the
 * SCHILY form of attributes, which GNU tar reads, unless its name=value syntax would be ambiguous. */
static int set_up(struct archive *a, struct archive_entry *e, struct output *o)
{
	if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK)
		return ARCHIVE_FATAL;
	if (!all_ascii(e) &&
	    archive_write_set_format_option(a, NULL, "hdrcharset", "BINARY") != ARCHIVE_OK)
		return ARCHIVE_FATAL;
	const char *form = xattr_name_has_equals(e) ? "LIBARCHIVE" : "SCHILY";
	if (archive_write_set_format_option(a, NULL, "xattrheader", form) != ARCHIVE_OK)
		return ARCHIVE_FATAL;
	return archive_write_open(a, o, NULL, append, NULL);
}

int entry_meta_encode(struct archive_entry *e, struct buf *out, struct err *err)
{
	struct output o = { out, err, false };
	size_t before = out->len;
	struct archive *a = archive_write_new();
	if (!a)
		return err_no_memory(err);

	drop_volatile(e);
	err->code = ERR_NONE;
	int r = set_up(a, e, &o);
	if (r == ARCHIVE_OK)
		r = archive_write_header(a, e);
	if (r != ARCHIVE_OK && err->code == ERR_NONE)
		err_set(err, ERR_INVALID, "%s", archive_error_string(a));
	o.ended = true;
	archive_write_free(a);
	if (err->code == ERR_NONE && out->len - before > SOURCE_EXTRA_MAX)
		err_set(err, ERR_LIMIT, "metadata of more than %d bytes", SOURCE_EXTRA_MAX);
	return err->code;
}

static int parse(struct archive *a, const struct source_entry *entry, struct archive_entry *e)
{
	if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_open_memory(a, entry->extra, entry->extra_len) != ARCHIVE_OK)
		return ARCHIVE_FATAL;
	return archive_read_next_header2(a, e);
}

static int decode_extra(const struct source_entry *entry, struct archive_entry *e, struct err *err)
{
	if (entry->extra_len > SOURCE_EXTRA_MAX)
		return err_set(err, ERR_CORRUPT, "%s: metadata too long", entry->path);
	struct archive *a = archive_read_new();
	if (!a)
		return err_no_memory(err);
	int r = parse(a, entry, e);
	const char *why = r == ARCHIVE_EOF ? "empty" : archive_error_string(a);
	/* a warning is a name inside an ACL that is no UTF-8; its number is there too */
	int rc = r == ARCHIVE_OK || r == ARCHIVE_WARN
	                 ? 0
	                 : err_set(err, ERR_CORRUPT, "%s: metadata: %s", entry->path, why ? why : "?");
	archive_read_free(a);
	return rc;
}

/* A driver without extra bytes may leave the type out as well. */
static void describe_plain(const struct source_entry *entry, struct archive_entry *e)
{
	uint32_t mode = entry->mode ? entry->mode : 0600;
	archive_entry_set_mode(e, mode & S_IFMT ? mode : mode | S_IFREG);
	archive_entry_set_uid(e, entry->uid);
	archive_entry_set_gid(e, entry->gid);
}

static void complete(const struct source_entry *entry, struct archive_entry *e)
{
	archive_entry_copy_pathname(e, entry->path);
	if (entry->mtime_ns != INT64_MIN && entry->mtime_ns != INT64_MAX) {
		struct timespec t = entry_meta_time(entry->mtime_ns);
		archive_entry_set_mtime(e, t.tv_sec, t.tv_nsec);
	}
	archive_entry_unset_size(e);
	if (!archive_entry_hardlink(e) && entry->length_bytes <= INT64_MAX)
		archive_entry_set_size(e, (la_int64_t)entry->length_bytes);
}

struct archive_entry *entry_meta_decode(const struct source_entry *entry, struct err *err)
{
	struct archive_entry *e = archive_entry_new();
	if (!e) {
		err_no_memory(err);
		return NULL;
	}
	if (!entry->extra || entry->extra_len == 0) {
		describe_plain(entry, e);
	} else if (decode_extra(entry, e, err) != 0) {
		archive_entry_free(e);
		return NULL;
	}
	/* tar does not say of a second name what kind of file it is */
	if (archive_entry_filetype(e) == 0)
		archive_entry_set_filetype(e, entry->mode & S_IFMT);
	if (entry->extra && archive_entry_filetype(e) != (entry->mode & S_IFMT)) {
		err_set(err, ERR_CORRUPT, "%s: metadata of another kind of file", entry->path);
		archive_entry_free(e);
		return NULL;
	}
	complete(entry, e);
	return e;
}
