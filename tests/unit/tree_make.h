/* tree_make - for tests: a folder with every kind of file that a backup can meet. */
#ifndef TREE_MAKE_H
#define TREE_MAKE_H

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { TREE_HOLE = 64 << 20, TREE_TAIL = 30 * 4096, TREE_DEEP = 4090 };

static inline bool tree_file(int folder, const char *name, const void *data, size_t len)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	bool done = fd >= 0 && write(fd, data, len) == (ssize_t)len;
	close(fd);
	return done;
}

static inline bool tree_text(int folder, const char *name, const char *text)
{
	return tree_file(folder, name, text, strlen(text));
}

static inline bool tree_make_sparse(int folder)
{
	int fd = openat(folder, "sparse", O_WRONLY | O_CREAT, 0600);
	bool done = fd >= 0 && pwrite(fd, "head", 4, 0) == 4 && pwrite(fd, "x", 1, TREE_HOLE) == 1 &&
	            ftruncate(fd, TREE_HOLE + TREE_TAIL) == 0;
	close(fd);
	return done;
}

/* Folders in folders until the path below the root is as long as a source takes. */
static inline bool tree_make_deep(int root)
{
	char name[57];
	memset(name, 'd', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	int at = dup(root);
	for (size_t left = TREE_DEEP; at >= 0 && left > 8;) {
		size_t n = left - 6 < sizeof name - 1 ? left - 6 : sizeof name - 1;
		name[n] = '\0';
		int next = mkdirat(at, name, 0755) == 0 ? openat(at, name, O_RDONLY | O_DIRECTORY) : -1;
		close(at);
		at = next;
		left -= n + 1;
	}
	bool done = at >= 0 && tree_text(at, "leaf", "deep");
	close(at);
	return done;
}

static inline bool tree_make_names(int root)
{
	char longest[NAME_MAX + 1];
	memset(longest, 'n', NAME_MAX);
	longest[NAME_MAX] = '\0';
	return tree_text(root, "new\nline", "1") && tree_text(root, " space ", "2") &&
	       tree_text(root, "Stra\xc3\x9f" "e", "3") && tree_text(root, "latin\xe9\xff", "4") &&
	       tree_text(root, longest, "5") && tree_text(root, "-rf", "6") &&
	       tree_text(root, "back\\slash*?[", "7") &&
	       symlinkat("latin\xe9\xff", root, "to-latin") == 0 &&
	       symlinkat("Stra\xc3\x9f" "e", root, "to-utf8") == 0;
}

static inline bool tree_make_links(int root)
{
	return tree_text(root, "one", "linked") && linkat(root, "one", root, "two", 0) == 0 &&
	       mkdirat(root, "sub", 0751) == 0 && linkat(root, "one", root, "sub/three", 0) == 0 &&
	       symlinkat("nowhere", root, "dangling") == 0 &&
	       symlinkat("/etc/hostname", root, "absolute") == 0 &&
	       symlinkat("../sub", root, "sub/up") == 0 &&
	       linkat(root, "dangling", root, "dangling2", 0) == 0;
}

static inline bool tree_make_plain(int root)
{
	static char noise[300000];
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (char)(i * 7 + i / 251);
	return tree_file(root, "noise", noise, sizeof noise) && tree_text(root, "empty", "") &&
	       tree_file(root, "zeros", (char[10000]){ 0 }, 10000) &&
	       tree_text(root, ".noise.holdfast-part", "a name like our own") &&
	       mkdirat(root, "empty folder", 0700) == 0 && mkfifoat(root, "pipe", 0620) == 0;
}

static inline bool tree_make_xattrs(const char *root)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/attributes", root);
	return tree_text(AT_FDCWD, path, "x") && setxattr(path, "user.plain", "text", 4, 0) == 0 &&
	       setxattr(path, "user.a=b", "equals", 6, 0) == 0 &&
	       setxattr(path, "user.binary", "\0\n\xff=\0", 5, 0) == 0 &&
	       setxattr(path, "user.none", "", 0, 0) == 0 &&
	       setxattr(root, "user.root", "of the root", 11, 0) == 0;
}

static inline bool tree_make_acls(const char *root)
{
	char command[PATH_MAX + 400];
	snprintf(command, sizeof command,
	         "cd '%s' && touch acl && mkdir acls && setfacl -m u:daemon:rwx,u:4711:r,g:4712:x,m::rx "
	         "acl && setfacl -m u:4711:rx -d -m u:daemon:rwx acls",
	         root);
	return system(command) == 0;
}

/* What only root can make. */
static inline bool tree_make_owned(int root)
{
	return tree_text(root, "setuid", "s") && fchownat(root, "setuid", 54321, 54322, 0) == 0 &&
	       fchmodat(root, "setuid", 06755, 0) == 0 &&
	       fchownat(root, "dangling", 4000000000U, 7, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fchownat(root, "noise", 1, 1, 0) == 0 &&
	       mknodat(root, "null", S_IFCHR | 0666, makedev(1, 3)) == 0 &&
	       mknodat(root, "disk", S_IFBLK | 0600, makedev(259, 70000)) == 0 &&
	       mkdirat(root, "sticky", 0700) == 0 && fchmodat(root, "sticky", 03777, 0) == 0 &&
	       mkdirat(root, "closed", 0) == 0 && fchownat(root, "closed", 99, 98, 0) == 0;
}

static inline bool tree_make_times(int root)
{
	struct timespec before[2] = { { .tv_sec = 1 }, { .tv_sec = -86400 * 365, .tv_nsec = 250000001 } };
	struct timespec whole[2] = { { .tv_sec = 1 }, { .tv_sec = -1 } };
	struct timespec late[2] = { { .tv_sec = 1 }, { .tv_sec = 8000000000, .tv_nsec = 999999999 } };
	return utimensat(root, "empty", before, 0) == 0 && utimensat(root, "one", whole, 0) == 0 &&
	       utimensat(root, "sub", late, 0) == 0 && utimensat(root, "empty folder", whole, 0) == 0 &&
	       utimensat(root, "absolute", before, AT_SYMLINK_NOFOLLOW) == 0 &&
	       utimensat(root, ".", late, 0) == 0;
}

/* Make the folder `path`. As root with owners and devices. */
static inline bool tree_make(const char *path)
{
	if (mkdir(path, 0750) != 0)
		return false;
	int root = open(path, O_RDONLY | O_DIRECTORY);
	bool done = root >= 0 && tree_make_plain(root) && tree_make_names(root) &&
	            tree_make_links(root) && tree_make_sparse(root) && tree_make_deep(root) &&
	            tree_make_xattrs(path) && tree_make_acls(path) &&
	            (geteuid() != 0 || tree_make_owned(root)) && tree_make_times(root);
	close(root);
	return done;
}

#endif
