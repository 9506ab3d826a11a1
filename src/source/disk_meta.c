/*
 * By descriptor, and not through libarchive's own writer: that sets the process's umask, resolves
 * absolute paths anew for every file and changes the working folder for deep ones.
 */
#include "source/disk_meta.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/wire.h"
#include "holdfast/err.h"

/* linux/posix_acl_xattr.h: u32 version, then per entry u16 tag, u16 permissions, u32 id; ordered by
 * tag, then id. */
enum { ACL_VERSION = 2, ACL_HEADER = 4, ACL_ENTRY = 8, ACL_NO_ID = -1, ACL_ENTRIES_MAX = 8000 };

struct target {
	int folder;
	const char *name;
	int fd;
	struct disk_meta *meta;
	struct archive_entry *e;
};

static bool find_user(const char *name, uint32_t *id)
{
	char room[16384];
	struct passwd record, *found = NULL;
	if (getpwnam_r(name, &record, room, sizeof room, &found) != 0 || !found)
		return false;
	*id = found->pw_uid;
	return true;
}

static bool find_group(const char *name, uint32_t *id)
{
	char room[16384];
	struct group record, *found = NULL;
	if (getgrnam_r(name, &record, room, sizeof room, &found) != 0 || !found)
		return false;
	*id = found->gr_gid;
	return true;
}

static uint32_t lookup(struct disk_meta_name *last, const char *name, int64_t number,
                       bool find(const char *name, uint32_t *id))
{
	if (!name || !*name || strlen(name) >= sizeof last->name)
		return (uint32_t)number;
	if (strcmp(last->name, name) != 0) {
		snprintf(last->name, sizeof last->name, "%s", name);
		last->found = find(name, &last->id);
	}
	return last->found ? last->id : (uint32_t)number;
}

static int set_owner(const struct target *t, uint32_t uid, uint32_t gid, struct err *err)
{
	int r = t->fd >= 0 ? fchown(t->fd, uid, gid)
	                   : fchownat(t->folder, t->name, uid, gid, AT_SYMLINK_NOFOLLOW);
	return r == 0 ? 0 : err_sys(err, "set owner %u:%u", uid, gid);
}

static int stat_target(const struct target *t, struct stat *st)
{
	return t->fd >= 0 ? fstat(t->fd, st) : fstatat(t->folder, t->name, st, AT_SYMLINK_NOFOLLOW);
}

static int set_mode(const struct target *t, uint32_t uid, uint32_t gid, struct err *err)
{
	struct stat st;
	if (stat_target(t, &st) != 0)
		return err_sys(err, "stat");
	if (S_ISLNK(st.st_mode))
		return 0;
	mode_t mode = archive_entry_perm(t->e);
	if (st.st_uid != uid)
		mode &= (mode_t)~S_ISUID;
	if (st.st_gid != gid)
		mode &= (mode_t)~S_ISGID;
	int r = t->fd >= 0 ? fchmod(t->fd, mode) : fchmodat(t->folder, t->name, mode, 0);
	return r == 0 ? 0 : err_sys(err, "set mode %04o", mode);
}

static int set_xattr(const struct target *t, const char *key, const void *value, size_t len,
                     struct err *err)
{
	int r;
	if (t->fd >= 0) {
		r = fsetxattr(t->fd, key, value, len, 0);
	} else {
		char path[NAME_MAX + 64];
		snprintf(path, sizeof path, "/proc/self/fd/%d/%s", t->folder, t->name);
		r = lsetxattr(path, key, value, len, 0);
	}
	return r == 0 ? 0 : err_sys(err, "set attribute %.100s", key);
}

static void keep_first(struct err *first, const struct err *later)
{
	if (first->code == ERR_NONE)
		*first = *later;
}

static int set_xattrs(const struct target *t, struct err *err)
{
	const char *key;
	const void *value;
	size_t len;
	struct err first = { .code = ERR_NONE };
	archive_entry_xattr_reset(t->e);
	while (archive_entry_xattr_next(t->e, &key, &value, &len) == ARCHIVE_OK)
		if (set_xattr(t, key, value, len, err) != 0)
			keep_first(&first, err);
	if (first.code != ERR_NONE)
		*err = first;
	return first.code;
}

static uint16_t acl_tag(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ: return 0x01;
	case ARCHIVE_ENTRY_ACL_USER: return 0x02;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ: return 0x04;
	case ARCHIVE_ENTRY_ACL_GROUP: return 0x08;
	case ARCHIVE_ENTRY_ACL_MASK: return 0x10;
	case ARCHIVE_ENTRY_ACL_OTHER: return 0x20;
	default: return 0;
	}
}

struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};

static int compare_acl(const void *a, const void *b)
{
	const struct acl_entry *x = a, *y = b;
	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static size_t list_acl(const struct target *t, int want, struct acl_entry *out, size_t max)
{
	int type, perm, tag, id;
	const char *name;
	size_t n = 0;
	while (n < max && archive_entry_acl_next(t->e, want, &type, &perm, &tag, &id, &name) ==
	                          ARCHIVE_OK) {
		uint32_t number = (uint32_t)ACL_NO_ID;
		if (tag == ARCHIVE_ENTRY_ACL_USER)
			number = lookup(&t->meta->user, name, id, find_user);
		else if (tag == ARCHIVE_ENTRY_ACL_GROUP)
			number = lookup(&t->meta->group, name, id, find_group);
		out[n++] = (struct acl_entry){ acl_tag(tag), (uint16_t)(perm & 7), number };
	}
	qsort(out, n, sizeof *out, compare_acl);
	return n;
}

static int set_acl(const struct target *t, int want, const char *key, struct err *err)
{
	int count = archive_entry_acl_reset(t->e, want);
	if (count <= 0)
		return 0;
	if (count > ACL_ENTRIES_MAX)
		return err_set(err, ERR_LIMIT, "ACL of %d entries", count);
	struct acl_entry *list = calloc((size_t)count, sizeof *list);
	uint8_t *bytes = malloc(ACL_HEADER + (size_t)count * ACL_ENTRY), *end = bytes;
	int rc;
	if (!list || !bytes) {
		rc = err_no_memory(err);
	} else {
		size_t n = list_acl(t, want, list, (size_t)count);
		end = wire_put_u32(end, ACL_VERSION);
		for (size_t i = 0; i < n; i++) {
			end = wire_put_u16(end, list[i].tag);
			end = wire_put_u16(end, list[i].perm);
			end = wire_put_u32(end, list[i].id);
		}
		rc = set_xattr(t, key, bytes, (size_t)(end - bytes), err);
	}
	free(list);
	free(bytes);
	return rc;
}

static int set_time(const struct target *t, struct err *err)
{
	struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = archive_entry_mtime(t->e), .tv_nsec = archive_entry_mtime_nsec(t->e) },
	};
	int r = t->fd >= 0 ? futimens(t->fd, times)
	                   : utimensat(t->folder, t->name, times, AT_SYMLINK_NOFOLLOW);
	return r == 0 ? 0 : err_sys(err, "set time");
}

/* Owner before mode and attributes, because chown drops set-id bits and capabilities; the ACL after
 * the mode, because its mask takes the place of the group's bits; the time last. */
int disk_meta_apply(struct disk_meta *m, int folder, const char *name, int fd,
                    struct archive_entry *e, struct err *err)
{
	struct target t = { folder, name, fd, m, e };
	struct err first = { .code = ERR_NONE }, now = first;
	uint32_t uid = lookup(&m->user, archive_entry_uname(e), archive_entry_uid(e), find_user);
	uint32_t gid = lookup(&m->group, archive_entry_gname(e), archive_entry_gid(e), find_group);

	if (geteuid() == 0 && set_owner(&t, uid, gid, &now) != 0)
		keep_first(&first, &now);
	if (set_mode(&t, uid, gid, &now) != 0)
		keep_first(&first, &now);
	if (set_xattrs(&t, &now) != 0)
		keep_first(&first, &now);
	if (set_acl(&t, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access", &now) != 0)
		keep_first(&first, &now);
	if (set_acl(&t, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default", &now) != 0)
		keep_first(&first, &now);
	if (set_time(&t, &now) != 0)
		keep_first(&first, &now);
	if (first.code == ERR_NONE)
		return 0;
	*err = first;
	return err->code;
}
