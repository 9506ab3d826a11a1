#include "base/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/confine.h"
#include "base/io.h"
#include "base/launch.h"
#include "base/offspring.h"
#include "base/process.h"
#include "base/tree.h"
#include "holdfast/err.h"

/* Programs run as this user if there is one. */
#define SANDBOX_USER "holdfast-drill"

static const char lock_text[] = "A sandbox of Holdfast: removed when nobody holds this file's lock.\n";

enum {
	/* where systemd takes users without a name from, too: each asks whether it is taken */
	FREE_UID_FIRST = 61184, FREE_UID_LAST = 65519,
	MAKE_TRIES = 3,
	TRIAL_MS = 10000,
	LOOK_MS = 200,         /* how often to look at the stop flag and the disk */
	LOOK_SHARE = 20,       /* at most this part of the time goes into looking at the disk */
	WRITE_MS = 10000,
};

struct sandbox {
	char top[PATH_MAX], box[PATH_MAX], passwd[PATH_MAX];
	int lock;                    /* held; -1 when removed */
	int lifeline[2];
	struct confine confine;
	uint64_t disk_bytes;
	bool left;                   /* processes, or it is not known whether there are any */
	const volatile sig_atomic_t *stop;
};

/* ---- the user ---- */

static bool is_taken(uid_t uid)
{
	char text[4096];
	struct passwd entry, *found = NULL;
	return getpwuid_r(uid, &entry, text, sizeof text, &found) != 0 || found;
}

static int free_uid(uid_t *out, struct err *err)
{
	const unsigned n = FREE_UID_LAST - FREE_UID_FIRST + 1;
	unsigned start = 0;
	if (getrandom(&start, sizeof start, 0) != (ssize_t)sizeof start)
		return err_sys(err, "random bytes");
	for (unsigned i = 0; i < n; i++) {
		uid_t uid = FREE_UID_FIRST + (start % n + i) % n;
		if (!is_taken(uid)) {
			*out = uid;
			return 0;
		}
	}
	err_set(err, ERR_DENIED, "no user is free to run sandboxed programs as");
	return err_hint(err, "make one: useradd --system " SANDBOX_USER);
}

/* initdb and others ask for the name of who they are. */
static int write_passwd(struct sandbox *s, struct err *err)
{
	char text[200];
	int n = snprintf(text, sizeof text, "root:x:0:0:root:/root:/bin/sh\n"
	                 "drill:x:%u:%u::" CONFINE_INSIDE ":/bin/sh\n", s->confine.uid, s->confine.gid);
	if (io_write_file(s->passwd, text, (size_t)n, 0644, err) != 0)
		return err->code;
	s->confine.passwd = s->passwd;
	return 0;
}

static int choose_user(struct sandbox *s, struct err *err)
{
	char text[4096];
	struct passwd entry, *found = NULL;
	struct confine *c = &s->confine;
	c->uid = geteuid();
	c->gid = getegid();
	if (c->uid != 0)
		return 0;
	c->switches_user = true;
	if (getpwnam_r(SANDBOX_USER, &entry, text, sizeof text, &found) == 0 && found &&
	    found->pw_uid != 0) {
		c->uid = found->pw_uid;
		c->gid = found->pw_gid;
		return 0;
	}
	if (free_uid(&c->uid, err) != 0)
		return err->code;
	c->gid = c->uid;
	return write_passwd(s, err);
}

/* ---- the folder ---- */

static bool name_ok(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return len > 0 && len < SANDBOX_NAME_MAX && name[len] == '\0';
}

static int set_paths(struct sandbox *s, const struct sandbox_options *o, struct err *err)
{
	if (!name_ok(o->name))
		return err_set(err, ERR_INVALID, "sandbox '%.60s': not a name", o->name);
	if (io_make_dirs(o->parent, 0700, err) != 0)
		return err->code;
	char *parent = realpath(o->parent, NULL);
	if (!parent)
		return err_sys(err, "%.200s", o->parent);
	int n = snprintf(s->top, sizeof s->top - 10, "%s/%s", parent, o->name);
	free(parent);
	if (n >= (int)sizeof s->top - 10)
		return err_set(err, ERR_INVALID, "%.100s...: path is too long", o->parent);
	snprintf(s->box, sizeof s->box, "%.*s/box", n, s->top);
	snprintf(s->passwd, sizeof s->passwd, "%.*s/passwd", n, s->top);
	return 0;
}

/* Who makes it waits for a sweep that looks at it; who sweeps does not wait. */
static int open_lock(const char *top, bool make, struct err *err)
{
	char path[PATH_MAX + 8];
	snprintf(path, sizeof path, "%s/lock", top);
	int fd = open(path, (make ? O_CREAT | O_EXCL : 0) | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%.200s", path);
	if (flock(fd, make ? LOCK_EX : LOCK_EX | LOCK_NB) == 0)
		return fd;
	err_set(err, ERR_BUSY, "%.200s: the sandbox is in use", top);
	close(fd);
	return err->code;
}

static int make_folder(struct sandbox *s, struct err *err)
{
	/* rmdir takes away what is empty, and nothing else */
	if (rmdir(s->top) != 0 && errno != ENOENT)
		return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
		       ? err_set(err, ERR_EXISTS, "sandbox %.300s: is there already and not empty", s->top)
		       : err_sys(err, "sandbox %.300s", s->top);
	/* a sweep that comes between takes it for an empty one that was left */
	for (int tries = 0; s->lock < 0 && tries < MAKE_TRIES; tries++) {
		if (mkdir(s->top, 0700) != 0 && errno != EEXIST)
			return err_sys(err, "sandbox %.300s", s->top);
		s->lock = open_lock(s->top, true, err);
	}
	if (s->lock < 0)
		return err->code;
	if (io_write(s->lock, lock_text, sizeof lock_text - 1, err) != 0)
		return err_wrap(err, "sandbox %.300s", s->top);
	return mkdir(s->box, 0700) == 0 ? 0 : err_sys(err, "sandbox %.300s", s->box);
}

static int give_box(const struct sandbox *s, struct err *err)
{
	const struct confine *c = &s->confine;
	if (!c->switches_user || chown(s->box, c->uid, c->gid) == 0)
		return 0;
	return err_sys(err, "sandbox %.300s", s->box);
}

int sandbox_give(const struct sandbox *s, struct err *err)
{
	const struct confine *c = &s->confine;
	return c->switches_user ? tree_give(s->box, c->uid, c->gid, err) : 0;
}

/* ---- the walls ---- */

static const char *const hidden_always[] = { "/run", "/dev/shm", "/var/tmp" };

static int set_hidden(struct confine *c, const char *const *more, struct err *err)
{
	size_t n = 0;
	for (; n < sizeof hidden_always / sizeof hidden_always[0]; n++)
		c->hidden[n] = hidden_always[n];
	for (; more && *more; more++) {
		if (n == CONFINE_HIDDEN_MAX)
			return err_set(err, ERR_LIMIT, "sandbox: too many folders to hide");
		c->hidden[n++] = *more;
	}
	return 0;
}

static int try_program(struct sandbox *s, const char *const *argv, struct err *err)
{
	const struct sandbox_program program = { .argv = argv, .timeout_ms = TRIAL_MS };
	AUTO(buf) output = buf_new(1024, err);
	return output ? sandbox_run(s, &program, output, err) : err->code;
}

static int try_walls(struct sandbox *s, struct err *err)
{
	return try_program(s, (const char *const[]){ "/bin/true", NULL }, err);
}

/* Both folders around the box are only for sandboxes. */
static int let_pass(const struct sandbox *s, struct err *err)
{
	char parent[PATH_MAX];
	snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(s->top, '/') - s->top), s->top);
	return chmod(parent, 0711) == 0 && chmod(s->top, 0711) == 0
	       ? 0 : err_sys(err, "sandbox %.300s", s->top);
}

/* Without namespaces programs see the box where it is, and must get there as the user they run as. */
static int open_way(struct sandbox *s, struct err *err)
{
	struct err ignored;
	const char *const look[] = { "/bin/sh", "-c", "test -w \"$0\"", s->box, NULL };
	if (!s->confine.switches_user)
		return 0;
	if (let_pass(s, err) != 0)
		return err->code;
	if (try_program(s, look, &ignored) == 0)
		return 0;
	err_set(err, ERR_DENIED, "sandbox %.300s: user %u, as whom its programs run, cannot get there, and "
	        "the kernel refuses namespaces here", s->box, s->confine.uid);
	return err_hint(err, "all folders around it must let every user pass (chmod 711); where it is, "
	                "'folder' of a drill says");
}

/* What holds a program is what held one: each way is tried, the strongest first. */
static int raise_walls(struct sandbox *s, struct err *err)
{
	struct err ignored;
	s->confine.namespaces = true;
	if (try_walls(s, &ignored) == 0)
		return 0;
	s->confine.maps_user = !s->confine.switches_user;
	if (s->confine.maps_user && try_walls(s, &ignored) == 0)
		return 0;
	s->confine.namespaces = s->confine.maps_user = false;
	return try_walls(s, err) == 0 ? open_way(s, err) : err_wrap(err, "sandbox");
}

/* ---- life ---- */

/* A sandbox must not fill the disk that others need. */
static int choose_disk(struct sandbox *s, uint64_t wanted, struct err *err)
{
	struct statvfs fs;
	if (statvfs(s->box, &fs) != 0)
		return err_sys(err, "sandbox %.300s", s->box);
	s->disk_bytes = wanted ? wanted : (uint64_t)fs.f_bavail * fs.f_frsize / 10 * 9;
	return 0;
}

static int set_up(struct sandbox *s, const struct sandbox_options *o, struct err *err)
{
	struct confine *c = &s->confine;
	if (set_paths(s, o, err) != 0 || make_folder(s, err) != 0)
		return err->code;
	c->folder = s->box;
	c->memory_bytes = o->memory_bytes;
	if (choose_disk(s, o->disk_bytes, err) != 0)
		return err->code;
	c->file_bytes = s->disk_bytes;
	s->stop = o->stop;
	if (set_hidden(c, o->hidden, err) != 0 || choose_user(s, err) != 0 || give_box(s, err) != 0 ||
	    launch_pipe(s->lifeline, err) != 0)
		return err->code;
	c->lifeline = s->lifeline[0];
	return raise_walls(s, err);
}

struct sandbox *sandbox_new(const struct sandbox_options *options, struct err *err)
{
	struct sandbox *s = calloc(1, sizeof *s);
	if (!s) {
		err_no_memory(err);
		return NULL;
	}
	s->lock = s->lifeline[0] = s->lifeline[1] = -1;
	if (set_up(s, options, err) == 0)
		return s;
	sandbox_free(s);
	return NULL;
}

static bool is_lock_or_dots(const char *name)
{
	return strcmp(name, "lock") == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int remove_others(const char *top, struct err *err)
{
	DIR *dir = opendir(top);
	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, "sandbox %.300s", top);
	int rc = 0;
	for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
		char path[PATH_MAX + NAME_MAX + 2];
		snprintf(path, sizeof path, "%s/%s", top, e->d_name);
		if (!is_lock_or_dots(e->d_name))
			rc = tree_remove(path, err);
	}
	closedir(dir);
	return rc == 0 ? 0 : err_wrap(err, "sandbox");
}

static int remove_empty(const char *top, struct err *err)
{
	char path[PATH_MAX + 8];
	snprintf(path, sizeof path, "%s/lock", top);
	if (unlink(path) != 0 && errno != ENOENT)
		return err_sys(err, "sandbox %.300s", top);
	return rmdir(top) == 0 || errno == ENOENT ? 0 : err_sys(err, "sandbox %.300s", top);
}

/* The lock is held until all else is gone, so that a sweep that comes meanwhile keeps off. */
static int remove_folder(const char *top, struct err *err)
{
	return remove_others(top, err) == 0 ? remove_empty(top, err) : (int)err->code;
}

int sandbox_remove(struct sandbox *s, struct err *err)
{
	struct stat st;
	if (s->lock < 0)
		return 0;
	if (remove_folder(s->top, err) != 0)
		return err->code;
	if (lstat(s->top, &st) == 0)
		return err_set(err, ERR_IO, "sandbox %.300s: is still there", s->top);
	io_drop(&s->lock);
	return 0;
}

void sandbox_free(struct sandbox *s)
{
	struct err ignored;
	if (!s)
		return;
	sandbox_remove(s, &ignored);
	io_drop(&s->lock);
	io_drop(&s->lifeline[0]);
	io_drop(&s->lifeline[1]);
	free(s);
}

bool sandbox_ended(const struct sandbox *s) { return !s->left; }

uint64_t sandbox_disk(const struct sandbox *s) { return s->disk_bytes; }

const char *sandbox_folder(const struct sandbox *s) { return s->box; }

const char *sandbox_inside(const struct sandbox *s)
{
	return s->confine.namespaces ? CONFINE_INSIDE : s->box;
}

void sandbox_isolation(const struct sandbox *s, struct sandbox_isolation *out)
{
	out->walls = s->confine.namespaces ? SANDBOX_NAMESPACES : SANDBOX_NONE;
	out->uid = s->confine.uid;
	out->own_user = s->confine.switches_user;
}

/* ---- programs ---- */

struct running {
	struct sandbox *box;
	struct process *process;
	int64_t deadline;
	int64_t look_at;         /* when to look at the disk again */
	unsigned timeout_ms;
};

static int check_disk(struct running *r, struct err *err)
{
	struct err ignored;
	uint64_t used;
	int64_t begun = clock_ms();
	if (begun < r->look_at)
		return 0;
	/* what cannot be counted now, because it changes, is counted the next time */
	bool known = tree_usage(r->box->box, &used, &ignored) == 0;
	int64_t took = clock_ms() - begun;
	r->look_at = begun + took + (took * LOOK_SHARE > LOOK_MS ? took * LOOK_SHARE : LOOK_MS);
	if (!known || used <= r->box->disk_bytes)
		return 0;
	return err_set(err, ERR_SPACE, "%s: the sandbox is full: more than %llu MiB",
	               process_name(r->process), (unsigned long long)(r->box->disk_bytes >> 20));
}

/* ERR_*: it must end now. */
static int check_running(struct running *r, struct err *err)
{
	if (r->box->stop && *r->box->stop)
		return err_set(err, ERR_STOPPED, "interrupted");
	if (clock_ms() >= r->deadline)
		return err_set(err, ERR_UNREACHABLE, "%s: not done after %u s", process_name(r->process),
		               r->timeout_ms / 1000);
	return check_disk(r, err);
}

static int follow(struct running *r, struct buf *output, struct err *err)
{
	for (bool ended = false; !ended;) {
		char block[4096];
		size_t got;
		if (check_running(r, err) != 0 ||
		    process_read_some(r->process, block, sizeof block, &got, &ended, LOOK_MS, err) != 0 ||
		    buf_append(output, block, got, err) != 0)
			return err->code;
	}
	return process_finish(r->process, clock_left_ms(r->deadline), err);
}

static struct process *start(struct sandbox *s, const struct sandbox_program *p, struct err *err)
{
	char home[PATH_MAX + 8], tmpdir[PATH_MAX + 8];
	const char *env[32] = { home, tmpdir, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
	                        "LANG=C.UTF-8", "USER=drill" };
	size_t n = 5;
	snprintf(home, sizeof home, "HOME=%s", sandbox_inside(s));
	snprintf(tmpdir, sizeof tmpdir, "TMPDIR=%s", sandbox_inside(s));
	for (const char *const *e = p->set_env; e && *e; e++) {
		if (n + 1 == sizeof env / sizeof env[0]) {
			err_set(err, ERR_LIMIT, "too many environment variables");
			return NULL;
		}
		env[n++] = *e;
	}
	const struct launch_enter enter = { confine_namespaces(&s->confine), confine_enter, &s->confine };
	const struct process_options options = { .argv = p->argv, .set_env = env, .enter = &enter,
	                                         .input = p->input_len > 0, .output = true };
	return process_start(&options, err);
}

static int run_to_end(struct sandbox *s, const struct sandbox_program *p, struct buf *output,
                      struct err *err)
{
	AUTO(process) process = start(s, p, err);
	if (!process)
		return err->code;
	if (p->input_len > 0 && (process_write(process, p->input, p->input_len, WRITE_MS, err) != 0 ||
	                         process_end_input(process, WRITE_MS, err) != 0))
		return err->code;
	struct running r = { .box = s, .process = process, .deadline = clock_ms() + p->timeout_ms,
	                     .timeout_ms = p->timeout_ms };
	return follow(&r, output, err);
}

int sandbox_run(struct sandbox *s, const struct sandbox_program *p, struct buf *output,
                struct err *err)
{
	struct offspring left;
	if (s->confine.namespaces)
		return run_to_end(s, p, output, err);
	if (offspring_begin(&left, err) != 0)
		return err_wrap(err, "sandbox");
	int rc = run_to_end(s, p, output, err);
	s->left |= !offspring_end(&left);
	return rc;
}

/* ---- what was left ---- */

static bool holds_only_lock(const char *top)
{
	DIR *dir = opendir(top);
	bool only = dir != NULL;
	for (struct dirent *e; only && (e = readdir(dir));)
		only = is_lock_or_dots(e->d_name);
	if (dir)
		closedir(dir);
	return only;
}

/* 1: removed; 0: not ours to remove. */
static int sweep_one(const char *parent, const char *name, struct err *err)
{
	char top[PATH_MAX], text[sizeof lock_text];
	size_t got;
	struct err ignored;
	if (!name_ok(name) || snprintf(top, sizeof top, "%s/%s", parent, name) >= (int)sizeof top)
		return 0;
	/* killed before there was a lock, or after: nothing is in it */
	if (rmdir(top) == 0)
		return 1;
	IO_AUTO_FD lock = open_lock(top, false, &ignored);
	if (lock < 0 || io_pread(lock, text, sizeof text, 0, &got, &ignored) != 0)
		return 0;
	if (got == 0 && holds_only_lock(top))
		return remove_empty(top, err) == 0 ? 1 : err->code;
	if (got != sizeof lock_text - 1 || memcmp(text, lock_text, got) != 0)
		return 0;
	return remove_folder(top, err) == 0 ? 1 : err->code;
}

int sandbox_sweep(const char *parent, unsigned *swept, struct err *err)
{
	*swept = 0;
	DIR *dir = opendir(parent);
	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, "%.200s", parent);
	int rc = 0;
	for (struct dirent *e; rc >= 0 && (e = readdir(dir));) {
		rc = sweep_one(parent, e->d_name, err);
		*swept += rc == 1;
	}
	closedir(dir);
	return rc < 0 ? rc : 0;
}
