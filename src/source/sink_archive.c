/*
 * sink_archive - files as a tar or zip archive to a descriptor.
 *
 * libarchive turns names into UTF-8 by the thread's locale, and under cron that is "C": every call
 * that handles names therefore runs under C.UTF-8. Names that are no UTF-8 go out as they are (tar
 * marks them with hdrcharset=BINARY).
 */
#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "holdfast/err.h"
#include "holdfast/source.h"
#include "source/entry_meta.h"

struct archive_sink {
	struct sink sink;
	struct archive *archive;
	locale_t utf8;       /* 0 if the system has none */
	int fd;
	bool zip;
	bool closed;
	uint64_t left;       /* bytes of the current file still to come */
	char path[SOURCE_PATH_MAX];
	struct err output;   /* why nothing more is written to fd */
};

static struct archive_sink *of(struct sink *k) { return (struct archive_sink *)k; }

static locale_t enter_utf8(const struct archive_sink *k)
{
	return k->utf8 ? uselocale(k->utf8) : uselocale((locale_t)0);
}

/* libarchive is never told of a failure: it would then leak its filters. */
static la_ssize_t write_out(struct archive *a, void *arg, const void *data, size_t len)
{
	(void)a;
	struct archive_sink *k = arg;
	if (k->output.code == ERR_NONE && io_write(k->fd, data, len, &k->output) != 0)
		err_wrap(&k->output, "output");
	return (la_ssize_t)len;
}

static int check(const struct archive_sink *k, bool done, struct err *err)
{
	if (k->output.code != ERR_NONE) {
		*err = k->output;
		return err->code;
	}
	if (done)
		return 0;
	const char *why = archive_error_string(k->archive);
	return err_set(err, ERR_IO, "%.400s: %.150s", k->path, why ? why : "cannot be archived");
}

static int ended(struct archive_sink *k, struct err *err)
{
	if (k->left == 0)
		return 0;
	return err_set(err, ERR_CORRUPT, "%.400s: ends %llu bytes early", k->path,
	               (unsigned long long)k->left);
}

/* zip knows no hard links; a symbolic link to the first name gives the same contents. */
static int link_for_zip(struct archive_entry *e, struct err *err)
{
	const char *path = archive_entry_pathname(e), *first = archive_entry_hardlink(e);
	size_t same = 0;
	for (size_t i = 0; path[i] && path[i] == first[i]; i++)
		if (path[i] == '/')
			same = i + 1;
	size_t ups = 0;
	for (const char *p = path + same; *p; p++)
		ups += *p == '/';

	char *target = malloc(ups * 3 + strlen(first + same) + 1);
	if (!target)
		return err_no_memory(err);
	for (size_t i = 0; i < ups; i++)
		memcpy(target + i * 3, "../", 3);
	memcpy(target + ups * 3, first + same, strlen(first + same) + 1);
	archive_entry_set_hardlink(e, NULL);
	archive_entry_set_mode(e, S_IFLNK | 0777);
	archive_entry_copy_symlink(e, target);
	free(target);
	return 0;
}

static int fit_zip(struct archive_entry *e, struct err *err)
{
	if (archive_entry_hardlink(e))
		return link_for_zip(e, err);
	mode_t type = archive_entry_filetype(e);
	if (type == S_IFREG || type == S_IFDIR || type == S_IFLNK)
		return 0;
	err_set(err, ERR_INVALID, "%.400s: zip holds no devices or pipes", archive_entry_pathname(e));
	return err_hint(err, "use tar");
}

/* libarchive 3.6 writes a time before 1970 as its seconds, a point and its nanoseconds, as if those
 * counted away from zero; given so, they do. Between -1 and 0 the sign would be lost. */
static void fit_tar(struct archive_entry *e)
{
	time_t s = archive_entry_mtime(e);
	long ns = archive_entry_mtime_nsec(e);
	if (s >= 0 || ns == 0)
		return;
	archive_entry_set_mtime(e, s == -1 ? s : s + 1, s == -1 ? 0 : 1000000000 - ns);
}

static bool is_utf8(const struct archive_sink *k, const char *text)
{
	locale_t before = enter_utf8(k);
	bool valid = !text || mbstowcs(NULL, text, 0) != (size_t)-1;
	uselocale(before);
	return valid;
}

/* A name that is no UTF-8 costs a warning and nothing else. */
static bool may_warn(const struct archive_sink *k, struct archive_entry *e)
{
	return !is_utf8(k, archive_entry_pathname(e)) || !is_utf8(k, archive_entry_hardlink(e)) ||
	       !is_utf8(k, archive_entry_symlink(e)) || !is_utf8(k, archive_entry_uname(e)) ||
	       !is_utf8(k, archive_entry_gname(e));
}

static int put_header(struct archive_sink *k, struct archive_entry *e, struct err *err)
{
	bool lenient = may_warn(k, e);
	locale_t before = enter_utf8(k);
	int r = archive_write_header(k->archive, e);
	uselocale(before);
	return check(k, r == ARCHIVE_OK || (r == ARCHIVE_WARN && lenient), err);
}

static int archive_sink_entry(struct sink *sink, const struct source_entry *entry, struct err *err)
{
	struct archive_sink *k = of(sink);
	if (ended(k, err) != 0)
		return err->code;
	if (entry->length_bytes == SOURCE_LENGTH_UNKNOWN)
		return err_set(err, ERR_INVALID, "%.400s: an archive needs its length", entry->path);
	struct archive_entry *e = entry_meta_decode(entry, err);
	if (!e)
		return err->code;
	snprintf(k->path, sizeof k->path, "%s", entry->path);
	int rc = 0;
	if (k->zip)
		rc = fit_zip(e, err);
	else
		fit_tar(e);
	if (rc == 0)
		rc = put_header(k, e, err);
	if (rc == 0 && archive_entry_filetype(e) == S_IFREG && !archive_entry_hardlink(e))
		k->left = entry->length_bytes;
	archive_entry_free(e);
	return rc;
}

static int archive_sink_data(struct sink *sink, const void *data, size_t len, struct err *err)
{
	struct archive_sink *k = of(sink);
	if (len > k->left)
		return err_set(err, ERR_CORRUPT, "%.400s: longer than recorded", k->path);
	for (size_t done = 0; done < len;) {
		la_ssize_t n = archive_write_data(k->archive, (const char *)data + done, len - done);
		if (check(k, n > 0, err) != 0)
			return err->code;
		done += (size_t)n;
	}
	k->left -= len;
	return 0;
}

static int archive_sink_close(struct sink *sink, struct err *err)
{
	struct archive_sink *k = of(sink);
	if (ended(k, err) != 0)
		return err->code;
	locale_t before = enter_utf8(k);
	int r = archive_write_close(k->archive);
	uselocale(before);
	k->closed = true;
	return check(k, r == ARCHIVE_OK, err);
}

static void archive_sink_free(struct sink *sink)
{
	struct archive_sink *k = of(sink);
	/* a half archive must not get an end that makes it look whole */
	if (!k->closed)
		k->output.code = ERR_STOPPED;
	archive_write_free(k->archive);
	if (k->utf8)
		freelocale(k->utf8);
	free(k);
}

static const struct sink_ops archive_ops = {
	.entry = archive_sink_entry,
	.data = archive_sink_data,
	.close = archive_sink_close,
	.free = archive_sink_free,
};

/* Attributes in the form that GNU tar reads, without a second copy in libarchive's own. */
static int set_format(const struct archive_sink *k)
{
	if (k->zip)
		return archive_write_set_format_zip(k->archive);
	int r = archive_write_set_format_pax(k->archive);
	return r != ARCHIVE_OK
	               ? r
	               : archive_write_set_format_option(k->archive, NULL, "xattrheader", "SCHILY");
}

static int set_up(struct archive_sink *k)
{
	int r = set_format(k);
	if (r == ARCHIVE_OK)
		r = archive_write_set_bytes_per_block(k->archive, 10240);
	if (r == ARCHIVE_OK && k->zip)
		r = archive_write_set_bytes_in_last_block(k->archive, 1);
	return r == ARCHIVE_OK ? archive_write_open(k->archive, k, NULL, write_out, NULL) : r;
}

struct sink *sink_to_archive(int fd, const char *format, struct err *err)
{
	bool zip = strcmp(format, "zip") == 0;
	if (!zip && strcmp(format, "tar") != 0) {
		err_set(err, ERR_INVALID, "archive format '%.50s': use tar or zip", format);
		return NULL;
	}
	struct archive_sink *k = calloc(1, sizeof *k);
	struct archive *a = archive_write_new();
	if (!k || !a) {
		archive_write_free(a);
		free(k);
		err_no_memory(err);
		return NULL;
	}
	*k = (struct archive_sink){ .sink.ops = &archive_ops, .archive = a, .fd = fd, .zip = zip };
	k->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	snprintf(k->path, sizeof k->path, "archive");
	if (check(k, set_up(k) == ARCHIVE_OK, err) != 0) {
		archive_sink_free(&k->sink);
		return NULL;
	}
	return &k->sink;
}
