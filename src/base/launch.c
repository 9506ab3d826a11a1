#include "base/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "holdfast/err.h"

static const char standard_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

enum { GROUPS_MAX = 1024 };

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	int n_groups;
	char user_env[300], home_env[PATH_MAX];   /* "USER=...", "HOME=..." */
};

static bool is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

int launch_find(const char *program, char path[PATH_MAX], struct err *err)
{
	if (strchr(program, '/')) {
		size_t size = strlen(program) + 1;
		if (size > PATH_MAX || !is_program(program))
			return err_set(err, ERR_SOURCE, "%.200s: not a program that can be run", program);
		memcpy(path, program, size);
		return 0;
	}
	const char *from = getenv("PATH");
	for (from = from ? from : standard_path; *program && *from;) {
		size_t len = strcspn(from, ":");
		int n = snprintf(path, PATH_MAX, "%.*s/%s", (int)len, from, program);
		if (len > 0 && n < PATH_MAX && is_program(path))
			return 0;
		from += len + (from[len] == ':');
	}
	return err_set(err, ERR_SOURCE, "%.200s: not found in PATH", program);
}

static int find_identity(const char *user, struct identity *id, struct err *err)
{
	char text[16384];
	struct passwd entry, *found = NULL;
	int rc = getpwnam_r(user, &entry, text, sizeof text, &found);
	if (rc != 0 || !found)
		return err_set(err, ERR_INVALID, "user %.100s: there is no such user", user);
	if (geteuid() != 0 && geteuid() != entry.pw_uid) {
		err_set(err, ERR_DENIED, "cannot run programs as user %.100s", user);
		return err_hint(err, "run as root, or as %.100s itself", user);
	}
	id->uid = entry.pw_uid;
	id->gid = entry.pw_gid;
	id->n_groups = GROUPS_MAX;
	if (getgrouplist(user, entry.pw_gid, id->groups, &id->n_groups) < 0)
		return err_set(err, ERR_LIMIT, "user %.100s is in too many groups", user);
	snprintf(id->user_env, sizeof id->user_env, "USER=%s", user);
	snprintf(id->home_env, sizeof id->home_env, "HOME=%s", entry.pw_dir);
	return 0;
}

int launch_check_user(const char *user, struct err *err)
{
	struct identity id;
	return find_identity(user, &id, err);
}

int launch_pipe(int ends[2], struct err *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_sys(err, "pipe");
	for (int i = 0; i < 2; i++) {
		if (fds[i] > 2)
			continue;
		int moved = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (moved < 0) {
			err_sys(err, "pipe");
			close(fds[0]);
			close(fds[1]);
			return err->code;
		}
		close(fds[i]);
		fds[i] = moved;
	}
	ends[0] = fds[0];
	ends[1] = fds[1];
	return 0;
}

static bool is_kept(const char *variable, const char *const *keep)
{
	size_t len = strcspn(variable, "=");
	for (; keep && *keep; keep++) {
		size_t want = strlen(*keep);
		bool prefix = want > 0 && (*keep)[want - 1] == '*';
		if (prefix ? len >= want - 1 && memcmp(variable, *keep, want - 1) == 0
			   : len == want && memcmp(variable, *keep, len) == 0)
			return true;
	}
	return false;
}

/* The first of two equal names wins with getenv, so what is set goes in front of what is kept. */
static const char **make_env(const struct launch *l, const struct identity *id)
{
	size_t room = 3, n = 0;
	for (char **e = environ; *e; e++)
		room++;
	for (const char *const *s = l->set_env; s && *s; s++)
		room++;
	const char **env = calloc(room, sizeof *env);
	if (!env)
		return NULL;
	for (const char *const *s = l->set_env; s && *s; s++)
		env[n++] = *s;
	if (id) {
		env[n++] = id->user_env;
		env[n++] = id->home_env;
	}
	for (char **e = environ; *e; e++)
		if (is_kept(*e, l->keep_env) &&
		    !(id && (strncmp(*e, "USER=", 5) == 0 || strncmp(*e, "HOME=", 5) == 0)))
			env[n++] = *e;
	return env;
}

/* All that the child needs, made before the fork: after it, in a process with threads, only
 * async-signal-safe calls are allowed. */
struct child {
	const char *path;
	char *const *argv;
	char *const *env;
	const struct identity *id;   /* NULL: no switch */
	const struct launch_enter *enter;
	pid_t parent;                /* without it the program is not to live; 0: it may */
	int program;                 /* with enter: the program itself, since its path may be hidden then */
	int fds[3];
	int report;                  /* errno of what failed goes here */
};

static void reset_signals(void)
{
	/* ignored signals would stay ignored over exec: a dump must die of SIGPIPE */
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_others(void)
{
	/* our own are close-on-exec; other libraries' may not be */
	if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	for (int fd = 3; fd < 4096; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static bool become(const struct identity *id)
{
	if (geteuid() == 0 && setgroups((size_t)id->n_groups, id->groups) != 0)
		return false;
	return setresgid(id->gid, id->gid, id->gid) == 0 &&
	       setresuid(id->uid, id->uid, id->uid) == 0 && chdir("/") == 0;
}

/* After `become`, which would undo the signal. The parent may be dead before it is asked for. */
static bool die_with(pid_t parent)
{
	if (!parent)
		return true;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return false;
	errno = ECANCELED;
	return getppid() == parent;
}

_Noreturn static void run_child(const struct child *c)
{
	setsid();
	umask(077);
	reset_signals();
	bool ready = true;
	for (int i = 0; i < 3; i++)
		ready = ready && dup2(c->fds[i], i) == i;
	close_others();
	if (ready && c->enter) {
		if ((errno = c->enter->run(c->enter->arg)) == 0)
			execveat(c->program, "", c->argv, c->env, AT_EMPTY_PATH);
	} else if (ready && (!c->id || become(c->id)) && die_with(c->parent)) {
		execve(c->path, c->argv, c->env);
	}
	int sys = errno;
	ssize_t ignored = write(c->report, &sys, sizeof sys);
	_exit(ignored == 0 ? 126 : 127);
}

/* No signal handler of this program may run in the child before exec. */
static pid_t fork_child(struct child *c)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	/* clone(2) itself: fork cannot make namespaces, and unshare would leave this process outside */
	pid_t pid = c->enter ? (pid_t)syscall(SYS_clone, c->enter->namespaces | SIGCHLD, 0, 0, 0, 0) : fork();
	if (pid == 0)
		run_child(c);
	int sys = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = sys;
	return pid;
}

/* The report ends without a byte when exec closes it. */
static pid_t start_child(struct child *c, struct err *err)
{
	int ends[2] = { -1, -1 };
	if (launch_pipe(ends, err) != 0)
		return err->code;
	c->report = ends[1];
	pid_t pid = fork_child(c);
	if (pid < 0)
		err_sys(err, "fork");
	close(ends[1]);

	int sys = 0;
	size_t got = 0;
	struct err ignored;
	if (pid > 0)
		io_read(ends[0], &sys, sizeof sys, &got, &ignored);
	close(ends[0]);
	if (got == 0)
		return pid > 0 ? pid : (pid_t)err->code;

	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	char reason[128];
	enum err_code code = sys == EACCES || sys == EPERM ? ERR_DENIED : ERR_SOURCE;
	err_set(err, code, "%.200s: cannot run: %s", c->path, strerror_r(sys, reason, sizeof reason));
	err->sys = sys;
	return code;
}

pid_t launch_program(const struct launch *l, struct err *err)
{
	char path[PATH_MAX];
	struct identity id;
	if (launch_find(l->argv[0], path, err) != 0)
		return err->code;
	if (l->user && find_identity(l->user, &id, err) != 0)
		return err->code;

	IO_AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0 && null <= 2) {
		int low = null;
		null = fcntl(low, F_DUPFD_CLOEXEC, 3);
		close(low);
	}
	if (null < 0)
		return err_sys(err, "/dev/null");
	const char **env = make_env(l, l->user ? &id : NULL);
	if (!env)
		return err_no_memory(err);

	/* execve takes its arrays without const for C's sake; it changes nothing */
	union { const char *const *is; char *const *as; } argv = { l->argv }, envp = { env };
	IO_AUTO_FD program = l->enter ? open(path, O_PATH | O_CLOEXEC) : -1;
	struct child c = {
		.path = path,
		.argv = argv.as,
		.env = envp.as,
		.id = l->user ? &id : NULL,
		.enter = l->enter,
		.parent = l->dies_with_parent ? getpid() : 0,
		.program = program,
		.fds = { l->in < 0 ? null : l->in, l->out < 0 ? null : l->out,
		         l->errors < 0 ? null : l->errors },
	};
	pid_t pid = start_child(&c, err);
	free(env);
	return pid;
}
