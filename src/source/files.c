/*
 * files - a folder tree as a store. Not libarchive's own tree walk, because that changes the
 * process's working folder under the feet of other threads; only its knowledge of attributes.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "holdfast/err.h"
#include "holdfast/source.h"
#include "source/entry_meta.h"
#include "source/sink.h"
#include "source/walk.h"

enum {
	TRIES = 16,            /* of looking at a name that is being replaced */
	FACTS_PATHS = 100,
	FACTS_PATH_BYTES = 1000,
	RACY_S = 2,            /* a coarse clock may stamp two changes this near alike */
};

/* A count, and the first of the paths behind it. */
struct tally {
	json_int_t n;
	json_t *paths;
};

struct files {
	struct source source;
	char *root;
	int root_fd;
	dev_t root_dev;
	bool one_file_system, has_proc;
	struct archive *disk, *match;
	struct archive_entry *entry, *probe;
	struct archive_entry_linkresolver *links;
	struct walk *walk;
	struct buf *extra, *facts;
	time_t started_s;
	bool root_given, finished;
	/* the current file */
	int fd;
	struct stat st;
	uint64_t left;
	bool checked;
	/* facts */
	json_int_t entries, excluded, sockets, vanished;
	struct tally changed, incomplete;
};

extern const struct source_ops source_files;

static struct files *of(struct source *s) { return (struct files *)s; }

static void files_free(struct source *s)
{
	struct files *f = of(s);
	archive_read_free(f->disk);
	archive_match_free(f->match);
	archive_entry_free(f->entry);
	archive_entry_free(f->probe);
	archive_entry_linkresolver_free(f->links);
	walk_free(f->walk);
	buf_free(f->extra);
	buf_free(f->facts);
	json_decref(f->changed.paths);
	json_decref(f->incomplete.paths);
	io_drop(&f->fd);
	io_drop(&f->root_fd);
	free(f->root);
	free(f);
}

static const char *path_of(const struct files *f)
{
	const char *path = walk_path(f->walk);
	return *path ? path : ".";
}

static int open_root(struct files *f, const char *path, struct err *err)
{
	f->root = strdup(path);
	if (!f->root)
		return err_no_memory(err);
	f->root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->root_fd >= 0)
		return 0;
	if (errno == ENOTDIR)
		return err_set(err, ERR_SOURCE, "%.500s: not a folder", path);
	err_sys(err, "%.500s", path);
	return err->code == ERR_ABSENT ? err_hint(err, "is it mounted?") : err->code;
}

static int set_up(struct files *f, struct err *err)
{
	f->disk = archive_read_disk_new();
	f->match = archive_match_new();
	f->entry = archive_entry_new();
	f->probe = archive_entry_new();
	f->links = archive_entry_linkresolver_new();
	f->walk = walk_new();
	f->extra = buf_new(SOURCE_EXTRA_MAX, err);
	f->facts = buf_new(SOURCE_FACTS_MAX, err);
	f->changed.paths = json_array();
	f->incomplete.paths = json_array();
	if (!f->disk || !f->match || !f->entry || !f->probe || !f->links || !f->walk || !f->extra ||
	    !f->facts || !f->changed.paths || !f->incomplete.paths)
		return err_no_memory(err);
	archive_read_disk_set_symlink_physical(f->disk);
	archive_read_disk_set_standard_lookup(f->disk);
	archive_read_disk_set_behavior(f->disk, ARCHIVE_READDISK_NO_SPARSE | ARCHIVE_READDISK_NO_FFLAGS);
	archive_entry_linkresolver_set_strategy(f->links, ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
	return 0;
}

static int add_excludes(struct files *f, const char *const *patterns, struct err *err)
{
	for (; patterns && *patterns; patterns++)
		if (archive_match_exclude_pattern(f->match, *patterns) != ARCHIVE_OK)
			return err_set(err, ERR_INVALID, "exclude '%.300s': %s", *patterns,
			               archive_error_string(f->match));
	return 0;
}

static struct source *files_open(const struct source_options *options, struct err *err)
{
	if (!options->path || !*options->path) {
		err_set(err, ERR_INVALID, "a store of type files needs a path");
		return NULL;
	}
	struct files *f = calloc(1, sizeof *f);
	if (!f) {
		err_no_memory(err);
		return NULL;
	}
	f->source.ops = &source_files;
	f->fd = f->root_fd = -1;
	f->one_file_system = options->one_file_system;
	f->has_proc = access("/proc/self/fd", X_OK) == 0;
	if (open_root(f, options->path, err) != 0 || set_up(f, err) != 0 ||
	    add_excludes(f, options->exclude, err) != 0) {
		files_free(&f->source);
		return NULL;
	}
	return &f->source;
}

static int files_stamp(struct source *s, char stamp[SOURCE_STAMP_MAX], struct err *err)
{
	(void)s, (void)err;
	stamp[0] = '\0';
	return 0;
}

static int files_begin(struct source *s, struct err *err)
{
	struct timespec now;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return err_sys(err, "clock");
	of(s)->started_s = now.tv_sec;
	return 0;
}

/* Any bytes as printable ASCII, for the facts. */
static void printable(char *out, size_t cap, const char *path)
{
	size_t n = 0;
	for (; *path && n + 5 <= cap; path++) {
		unsigned char c = (unsigned char)*path;
		if (c > 0x20 && c < 0x7f && c != '\\')
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, cap - n, "\\x%02x", c);
	}
	out[n] = '\0';
}

static void count(struct tally *t, const char *path)
{
	t->n++;
	char text[FACTS_PATH_BYTES];
	printable(text, sizeof text, path);
	if (json_array_size(t->paths) < FACTS_PATHS)
		json_array_append_new(t->paths, json_string(text));
}

/* A pattern that begins with '/' is bound to the store's folder, as in rsync. */
static bool is_excluded(struct files *f)
{
	char path[SOURCE_PATH_MAX + 1];
	snprintf(path, sizeof path, "/%s", walk_path(f->walk));
	archive_entry_copy_pathname(f->probe, path);
	return archive_match_path_excluded(f->match, f->probe) == 1;
}

static int unreadable(const struct files *f, struct err *err)
{
	err_sys(err, "%.300s/%.260s", f->root, path_of(f));
	return err->code != ERR_DENIED
	               ? err->code
	               : err_hint(err, "exclude it, or run as a user who may read it");
}

/* O_NOATIME is for the owner and root only; O_NONBLOCK, because a fifo may just have taken the
 * name. */
static int open_quietly(int folder, const char *name)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = openat(folder, name, flags | O_NOATIME);
	return fd < 0 && errno == EPERM ? openat(folder, name, flags) : fd;
}

/* 1: f->st describes what the name stands for, and f->fd is open if that is a file or a folder;
 * 0: it is gone. */
static int look(struct files *f, struct err *err)
{
	int folder = walk_folder(f->walk);
	const char *name = walk_name(f->walk);
	for (int i = 0; i < TRIES; i++) {
		if (fstatat(folder, name, &f->st, AT_SYMLINK_NOFOLLOW) != 0)
			return errno == ENOENT ? 0 : unreadable(f, err);
		mode_t type = f->st.st_mode & S_IFMT;
		if (type != S_IFREG && type != S_IFDIR)
			return 1;
		f->fd = open_quietly(folder, name);
		if (f->fd < 0 && (errno == ENOENT || errno == ELOOP))
			continue;
		if (f->fd < 0 || fstat(f->fd, &f->st) != 0)
			return unreadable(f, err);
		if ((f->st.st_mode & S_IFMT) == type)
			return 1;
		io_drop(&f->fd);
	}
	return err_set(err, ERR_SOURCE, "%.300s/%.260s: is replaced faster than it can be read", f->root,
	               path_of(f));
}

/* Attributes of what cannot be opened are read by path; /proc keeps that race-free. */
static void set_source_path(struct files *f)
{
	char path[2 * SOURCE_PATH_MAX];
	if (!f->has_proc)
		snprintf(path, sizeof path, "%s/%s", f->root, path_of(f));
	else if (!f->root_given)
		snprintf(path, sizeof path, "/proc/self/fd/%d", f->fd);
	else
		snprintf(path, sizeof path, "/proc/self/fd/%d/%s", walk_folder(f->walk),
		         walk_name(f->walk));
	archive_entry_copy_sourcepath(f->entry, path);
}

/* 1, or 0 when a symbolic link is gone before its target was read. */
static int gather(struct files *f, struct err *err)
{
	archive_entry_clear(f->entry);
	archive_entry_copy_pathname(f->entry, path_of(f));
	set_source_path(f);
	int r = archive_read_disk_entry_from_file(f->disk, f->entry, f->fd, &f->st);
	if (S_ISLNK(f->st.st_mode) && !archive_entry_symlink(f->entry))
		return 0;
	if (r < ARCHIVE_WARN)
		return err_set(err, ERR_SOURCE, "%.300s/%.260s: %s", f->root, path_of(f),
		               archive_error_string(f->disk));
	if (r != ARCHIVE_OK)
		count(&f->incomplete, path_of(f));

	struct archive_entry *spare = NULL, *e = f->entry;
	if (f->st.st_nlink > 1 && !S_ISDIR(f->st.st_mode))
		archive_entry_linkify(f->links, &e, &spare);
	buf_clear(f->extra);
	return entry_meta_encode(e, f->extra, err) == 0 ? 1 : err_wrap(err, "%.300s", path_of(f));
}

static void set_stamp(const struct files *f, struct source_entry *entry)
{
	entry->stamp[0] = '\0';
	if (f->fd < 0 || f->st.st_ctim.tv_sec >= f->started_s - RACY_S)
		return;
	snprintf(entry->stamp, sizeof entry->stamp,
	         "%" PRIxMAX ":%" PRIxMAX ":%" PRIxMAX ":%" PRId64 ":%" PRId64,
	         (uintmax_t)f->st.st_dev, (uintmax_t)f->st.st_ino, (uintmax_t)f->st.st_size,
	         entry_meta_ns(f->st.st_mtim), entry_meta_ns(f->st.st_ctim));
}

/* Only the first name of a file keeps its descriptor, and with it length, contents and stamp. */
static void fill(struct files *f, struct source_entry *entry)
{
	if (!S_ISREG(f->st.st_mode) || archive_entry_hardlink(f->entry))
		io_drop(&f->fd);
	f->left = f->fd >= 0 ? (uint64_t)f->st.st_size : 0;
	f->checked = false;
	*entry = (struct source_entry){
		.path = path_of(f),
		.length_bytes = f->left,
		.mode = f->st.st_mode,
		.uid = f->st.st_uid,
		.gid = f->st.st_gid,
		.mtime_ns = entry_meta_ns(f->st.st_mtim),
		.extra = f->extra->bytes,
		.extra_len = f->extra->len,
	};
	set_stamp(f, entry);
	f->entries++;
}

static int enter(struct files *f, struct err *err)
{
	int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return unreadable(f, err);
	return walk_enter(f->walk, fd, err);
}

static int give_root(struct files *f, struct source_entry *entry, struct err *err)
{
	f->fd = openat(f->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd < 0 || fstat(f->fd, &f->st) != 0)
		return unreadable(f, err);
	if (gather(f, err) < 0 || enter(f, err) != 0)
		return err->code;
	f->root_given = true;
	f->root_dev = f->st.st_dev;
	fill(f, entry);
	return 1;
}

/* 1: *entry is the name the walk stands at; 0: there is nothing to tell of it. */
static int give(struct files *f, struct source_entry *entry, struct err *err)
{
	if (is_excluded(f)) {
		f->excluded++;
		return 0;
	}
	int rc = look(f, err);
	if (rc > 0 && S_ISSOCK(f->st.st_mode)) {
		f->sockets++;
		return 0;
	}
	if (rc > 0)
		rc = gather(f, err);
	if (rc == 0)
		f->vanished++;
	if (rc <= 0)
		return rc;
	bool foreign = f->one_file_system && f->st.st_dev != f->root_dev;
	if (S_ISDIR(f->st.st_mode) && !foreign && enter(f, err) != 0)
		return err->code;
	fill(f, entry);
	return 1;
}

static int files_next(struct source *s, struct source_entry *entry, struct err *err)
{
	struct files *f = of(s);
	io_drop(&f->fd);
	if (!f->root_given)
		return give_root(f, entry, err);
	for (;;) {
		int rc = walk_next(f->walk, err);
		if (rc > 0)
			rc = give(f, entry, err);
		else if (rc == 0)
			f->finished = true;
		if (rc != 0 || f->finished)
			return rc;
		io_drop(&f->fd);
	}
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static int check_unchanged(struct files *f, struct err *err)
{
	struct stat now;
	if (fstat(f->fd, &now) != 0)
		return unreadable(f, err);
	if (now.st_size != f->st.st_size || !same_time(now.st_mtim, f->st.st_mtim) ||
	    !same_time(now.st_ctim, f->st.st_ctim))
		count(&f->changed, path_of(f));
	f->checked = true;
	return 0;
}

/* Never beyond the length that was listed: of a log that grows, a whole prefix is stored. */
static int files_read(struct source *s, void *out, size_t cap, size_t *len, struct err *err)
{
	struct files *f = of(s);
	size_t want = f->left < cap ? (size_t)f->left : cap, got = 0;
	if (want > 0 && io_read(f->fd, out, want, &got, err) != 0)
		return err_wrap(err, "%.300s/%.260s", f->root, path_of(f));
	f->left = got < want ? 0 : f->left - got;
	if (f->left == 0 && f->fd >= 0 && !f->checked && check_unchanged(f, err) != 0)
		return err->code;
	*len = got;
	return 0;
}

static int files_reread(struct source *s, uint64_t offset, void *out, size_t len, struct err *err)
{
	(void)s, (void)offset, (void)out, (void)len;
	return err_set(err, ERR_INVALID, "files are read in order only");
}

static int files_end(struct source *s, struct source_facts *facts, char stamp[SOURCE_STAMP_MAX],
                     struct err *err)
{
	struct files *f = of(s);
	if (!f->finished)
		return err_set(err, ERR_SOURCE, "%.500s: not read to its end", f->root);
	JSON_AUTO j = json_pack("{s:s s:I s:I s:I s:I s:I s:O s:I s:O}", "engine", "files", "entries",
	                        f->entries, "excluded", f->excluded, "sockets", f->sockets, "vanished",
	                        f->vanished, "changed_while_read", f->changed.n, "changed_paths",
	                        f->changed.paths, "metadata_incomplete", f->incomplete.n,
	                        "metadata_incomplete_paths", f->incomplete.paths);
	buf_clear(f->facts);
	if (json_encode(j, f->facts, err) != 0)
		return err->code;
	const char *text = buf_text(f->facts, err);
	if (!text)
		return err->code;
	facts->json = text;
	stamp[0] = '\0';
	return 0;
}

static int files_settle(const struct settle_request *request, struct err *err)
{
	return err_set(err, ERR_INVALID, "%.400s: a file tree has no page files", request->target);
}

static struct sink *files_restore(const struct source_options *options, const char *dir,
                                  bool overwrite, struct err *err)
{
	(void)options;
	return sink_to_disk(dir, overwrite, err);
}

const struct source_ops source_files = {
	.type = "files",
	.open = files_open,
	.free = files_free,
	.stamp = files_stamp,
	.begin = files_begin,
	.next = files_next,
	.read = files_read,
	.reread = files_reread,
	.end = files_end,
	.settle = files_settle,
	.restore = files_restore,
};
