#include "base/offspring.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "holdfast/err.h"

enum { END_MS = 5000, LOOK_MS = 10, STAT_BYTES = 512 };

/* "PID (any NAME) STATE PPID ...": the name may hold anything, also ')'. 0: it has vanished. */
static pid_t parent_of(int proc, const char *pid)
{
	char path[300], text[STAT_BYTES];
	snprintf(path, sizeof path, "%.250s/stat", pid);
	IO_AUTO_FD fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	const char *name_end = strrchr(text, ')');
	int parent;
	return name_end && sscanf(name_end, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* Calls visit for each child of this process until it returns false. False: they cannot be seen. */
static bool each_child(bool (*visit)(void *arg, pid_t child), void *arg)
{
	DIR *proc = opendir("/proc");
	if (!proc)
		return false;
	bool self = false, more = true;
	for (struct dirent *e; more && (e = readdir(proc));) {
		pid_t pid = isdigit((unsigned char)*e->d_name) ? (pid_t)strtol(e->d_name, NULL, 10) : 0;
		self |= pid == getpid();
		if (pid > 0 && parent_of(dirfd(proc), e->d_name) == getpid())
			more = visit(arg, pid);
	}
	closedir(proc);
	/* a /proc of other processes, or of none, shows no children either */
	return self || !more;
}

static bool note(void *arg, pid_t child)
{
	struct offspring *o = arg;
	if (o->n == OFFSPRING_KNOWN_MAX)
		return false;
	o->known[o->n++] = child;
	return true;
}

int offspring_begin(struct offspring *o, struct err *err)
{
	*o = (struct offspring){ .n = 0 };
	if (!each_child(note, o))
		return err_set(err, ERR_ABSENT, "/proc does not show the processes here");
	if (o->n == OFFSPRING_KNOWN_MAX)
		return err_set(err, ERR_LIMIT, "more than %d programs are running already",
		               OFFSPRING_KNOWN_MAX);
	if (prctl(PR_GET_CHILD_SUBREAPER, &o->adopted) != 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		return err_sys(err, "child subreaper");
	return 0;
}

struct round {
	const struct offspring *o;
	size_t seen;
};

/* Its own children come here when it has ended, for the next round. */
static bool end_one(void *arg, pid_t child)
{
	struct round *r = arg;
	for (size_t i = 0; i < r->o->n; i++)
		if (r->o->known[i] == child)
			return true;
	r->seen++;
	kill(child, SIGKILL);
	waitpid(child, NULL, WNOHANG);
	return true;
}

bool offspring_end(const struct offspring *o)
{
	struct round r = { .o = o, .seen = 1 };
	bool looked = true;
	for (int64_t deadline = clock_ms() + END_MS; looked && r.seen > 0 && clock_left_ms(deadline) > 0;) {
		r.seen = 0;
		looked = each_child(end_one, &r);
		if (r.seen > 0)
			nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000000 }, NULL);
	}
	prctl(PR_SET_CHILD_SUBREAPER, o->adopted);
	return looked && r.seen == 0;
}
