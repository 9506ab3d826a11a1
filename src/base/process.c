#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/launch.h"
#include "base/utf8.h"
#include "holdfast/err.h"

enum {
	PIPE_BYTES = 1 << 20,
	GRACE_MS = 1000,       /* from SIGTERM to SIGKILL: pg_dump cancels its query on the server */
	LOOK_MS = 10,          /* how often to look whether it ended */
	DRAIN_MAX = 64,        /* reads in one go: an endless stderr must not hold us */
	WORDS_MAX = 400,       /* of its stderr in a message */
	WORDS_LINES = 6,
};

struct process {
	pid_t pid;             /* 0 once reaped */
	int in, out, errors;   /* our ends; -1: closed */
	int status;            /* of waitpid; meaningful once pid is 0 and it was not lost */
	bool lost;             /* somebody else reaped it: nothing is known of its end */
	size_t said;           /* bytes it wrote to stderr so far */
	char ring[PROCESS_STDERR_KEPT];
	char name[128];
};

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void set_name(struct process *p, const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *from = slash ? slash + 1 : program;
	size_t n = 0;
	for (size_t len; *from && n + 4 < sizeof p->name; from += len) {
		len = utf8_printable(from);
		if (len == 0) {
			p->name[n++] = '?';
			len = 1;
			continue;
		}
		memcpy(p->name + n, from, len);
		n += len;
	}
}

const char *process_name(const struct process *p)
{
	return p->name;
}

/* Our ends do not block; the program's ends are descriptions of their own and stay as they are. */
static int open_pipes(struct process *p, const struct process_options *options, int theirs[3],
                      struct err *err)
{
	int ends[2];
	if (options->input) {
		if (launch_pipe(ends, err) != 0)
			return err->code;
		theirs[0] = ends[0];
		p->in = ends[1];
		fcntl(p->in, F_SETFL, O_NONBLOCK);
	}
	if (options->output) {
		if (launch_pipe(ends, err) != 0)
			return err->code;
		p->out = ends[0];
		theirs[1] = ends[1];
		fcntl(p->out, F_SETFL, O_NONBLOCK);
		fcntl(p->out, F_SETPIPE_SZ, PIPE_BYTES);
	}
	if (launch_pipe(ends, err) != 0)
		return err->code;
	p->errors = ends[0];
	theirs[2] = ends[1];
	fcntl(p->errors, F_SETFL, O_NONBLOCK);
	return 0;
}

static int start(struct process *p, const struct process_options *options, struct err *err)
{
	int theirs[3] = { -1, -1, -1 };
	int rc = open_pipes(p, options, theirs, err);
	if (rc == 0) {
		struct launch l = {
			.argv = options->argv,
			.user = options->user,
			.keep_env = options->keep_env,
			.set_env = options->set_env,
			.enter = options->enter,
			.dies_with_parent = options->dies_with_parent,
			.in = theirs[0],
			.out = theirs[1],
			.errors = theirs[2],
		};
		rc = launch_program(&l, err);
	}
	for (int i = 0; i < 3; i++)
		io_drop(&theirs[i]);
	if (rc > 0)
		p->pid = rc;
	return rc > 0 ? 0 : rc;
}

struct process *process_start(const struct process_options *options, struct err *err)
{
	struct process *p = calloc(1, sizeof *p);
	if (!p) {
		err_no_memory(err);
		return NULL;
	}
	p->in = p->out = p->errors = -1;
	set_name(p, options->argv[0]);
	if (start(p, options, err) != 0) {
		process_free(p);
		return NULL;
	}
	return p;
}

static void drain_errors(struct process *p)
{
	char block[PROCESS_STDERR_KEPT];
	for (int i = 0; i < DRAIN_MAX && p->errors >= 0; i++) {
		ssize_t n = read(p->errors, block, sizeof block);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			io_drop(&p->errors);
		for (ssize_t k = 0; k < n; k++)
			p->ring[p->said++ % sizeof p->ring] = block[k];
	}
}

/* Until fd is ready or the deadline: false. fd -1 only waits. */
static bool wait_ready(struct process *p, int fd, short events, int64_t deadline)
{
	for (;;) {
		struct pollfd fds[2] = { { fd, events, 0 }, { p->errors, POLLIN, 0 } };
		int64_t left = deadline - now_ms();
		int n = poll(fds, 2, left < 0 ? 0 : (int)(left < INT32_MAX ? left : INT32_MAX));
		if (n > 0 && fds[1].revents)
			drain_errors(p);
		if (n > 0 && fds[0].revents)
			return true;
		if (left <= 0)
			return false;
	}
}

/* Without reaping: while the dead leader is kept, its group's number cannot be given to others. */
static bool has_ended(struct process *p)
{
	siginfo_t info = { 0 };
	if (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
		return info.si_pid != 0;
	p->lost = errno == ECHILD;
	return p->lost;
}

static bool wait_end(struct process *p, int64_t deadline)
{
	while (!has_ended(p)) {
		int64_t now = now_ms();
		if (now >= deadline)
			return false;
		wait_ready(p, -1, 0, now + LOOK_MS < deadline ? now + LOOK_MS : deadline);
	}
	return true;
}

/* Kill what is left of the group, then let the leader go. */
static void reap(struct process *p)
{
	if (!p->lost) {
		kill(-p->pid, SIGKILL);
		while (waitpid(p->pid, &p->status, 0) < 0)
			if (errno != EINTR) {
				p->lost = true;
				break;
			}
	}
	p->pid = 0;
	drain_errors(p);
}

static void end_group(struct process *p)
{
	if (p->pid == 0)
		return;
	if (!has_ended(p))
		kill(-p->pid, SIGTERM);
	wait_end(p, now_ms() + GRACE_MS);
	reap(p);
}

void process_free(struct process *p)
{
	if (!p)
		return;
	end_group(p);
	io_drop(&p->in);
	io_drop(&p->out);
	io_drop(&p->errors);
	free(p);
}

/* The kept stderr in order, unprintable bytes as blanks, cut into at most WORDS_LINES last lines. */
struct last_words {
	char text[PROCESS_STDERR_KEPT + 1];
	char *lines[WORDS_LINES];
	size_t n;
};

static void unroll(const struct process *p, char *text)
{
	size_t len = p->said < sizeof p->ring ? p->said : sizeof p->ring;
	for (size_t i = 0; i < len; i++) {
		char c = p->ring[(p->said - len + i) % sizeof p->ring];
		text[i] = c ? c : ' ';
	}
	text[len] = '\0';
	for (char *at = text; *at;) {
		size_t n = utf8_printable(at);
		if (n == 0 && *at != '\n')
			*at = ' ';
		at += n ? n : 1;
	}
}

static char *trim(char *line)
{
	line += strspn(line, " ");
	for (size_t len = strlen(line); len > 0 && line[len - 1] == ' ';)
		line[--len] = '\0';
	return line;
}

static void cut_lines(struct last_words *w)
{
	char *rest = w->text;
	while (rest) {
		char *line = trim(strsep(&rest, "\n"));
		if (!*line)
			continue;
		if (w->n == WORDS_LINES)
			memmove(w->lines, w->lines + 1, --w->n * sizeof w->lines[0]);
		w->lines[w->n++] = line;
	}
}

static bool tells_of_error(const char *line)
{
	return strcasestr(line, "error") || strcasestr(line, "fatal");
}

/*
 * The last line; but pg_dump and others let details follow their error (`detail: Command was...`),
 * so where one of the last lines speaks of an error, from that line on.
 */
static void last_words(const struct process *p, char out[WORDS_MAX])
{
	struct last_words w = { .n = 0 };
	unroll(p, w.text);
	cut_lines(&w);
	size_t from = 0;
	while (from + 1 < w.n && !tells_of_error(w.lines[from]))
		from++;
	size_t used = 0;
	out[0] = '\0';
	for (; from < w.n && used < WORDS_MAX; from++) {
		int n = snprintf(out + used, WORDS_MAX - used, "%s%s", used ? "; " : "", w.lines[from]);
		used += n > 0 ? (size_t)n : 0;
	}
	/* not half a character at the end */
	for (size_t len = strlen(out); len + 1 == WORDS_MAX && len > 0 && (out[len - 1] & 0x80);)
		out[--len] = '\0';
}

static int failed(const struct process *p, struct err *err, const char *fate)
{
	char words[WORDS_MAX];
	last_words(p, words);
	if (!words[0])
		return err_set(err, ERR_SOURCE, "%s %s", p->name, fate);
	return err_set(err, ERR_SOURCE, "%s %s: \"%s\"", p->name, fate, words);
}

static int stalled(struct process *p, struct err *err, const char *what, unsigned timeout_ms)
{
	char fate[120];
	snprintf(fate, sizeof fate, "%s for %u s and was killed", what, timeout_ms / 1000);
	end_group(p);
	return failed(p, err, fate);
}

int process_read(struct process *p, void *out, size_t cap, size_t *len, unsigned timeout_ms,
                 struct err *err)
{
	size_t done = 0;
	while (done < cap && p->out >= 0) {
		ssize_t n = read(p->out, (uint8_t *)out + done, cap - done);
		if (n < 0 && errno == EAGAIN) {
			if (!wait_ready(p, p->out, POLLIN, now_ms() + timeout_ms))
				return stalled(p, err, "sent nothing", timeout_ms);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "%s: read", p->name);
		if (n == 0)
			io_drop(&p->out);
		done += (size_t)n;
	}
	*len = done;
	return 0;
}

int process_read_some(struct process *p, void *out, size_t cap, size_t *len, bool *ended,
                      unsigned timeout_ms, struct err *err)
{
	ssize_t n = 0;
	*len = 0;
	if (p->out >= 0 && !wait_ready(p, p->out, POLLIN, now_ms() + timeout_ms)) {
		*ended = false;
		return 0;
	}
	while (p->out >= 0 && (n = read(p->out, out, cap)) < 0)
		if (errno != EINTR)
			return err_sys(err, "%s: read", p->name);
	*len = (size_t)n;
	*ended = n == 0;
	return 0;
}

/* write() without the SIGPIPE that would end a program which does not ignore it. */
static ssize_t write_quietly(int fd, const void *data, size_t len)
{
	sigset_t pipe_only, before, pending;
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	ssize_t n = write(fd, data, len);
	int sys = errno;
	if (n < 0 && sys == EPIPE && !sigismember(&pending, SIGPIPE))
		while (sigtimedwait(&pipe_only, NULL, &(struct timespec){ 0, 0 }) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = sys;
	return n;
}

/* It closed its stdin; mostly because it ended, and then its end is the better message. */
static int gave_up(struct process *p, struct err *err)
{
	io_drop(&p->in);
	if (process_finish(p, GRACE_MS, err) != 0)
		return err->code;
	return failed(p, err, "ended without reading everything");
}

int process_write(struct process *p, const void *data, size_t len, unsigned timeout_ms,
                  struct err *err)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write_quietly(p->in, (const uint8_t *)data + done, len - done);
		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		if (errno == EPIPE)
			return gave_up(p, err);
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, "%s: write", p->name);
		if (!wait_ready(p, p->in, POLLOUT, now_ms() + timeout_ms))
			return stalled(p, err, "took nothing", timeout_ms);
	}
	return 0;
}

/* What still lies in the pipe; the kernel keeps it for us while we hold our end. */
static int unread_bytes(const struct process *p)
{
	int n = 0;
	return ioctl(p->in, FIONREAD, &n) == 0 ? n : 0;
}

int process_end_input(struct process *p, unsigned timeout_ms, struct err *err)
{
	int left = unread_bytes(p);
	for (int64_t deadline = now_ms() + timeout_ms; left > 0;) {
		/* POLLERR: no reader is left */
		struct pollfd fd = { p->in, 0, 0 };
		bool closed = poll(&fd, 1, 0) > 0;
		int before = left;
		left = unread_bytes(p);
		if (left > 0 && closed)
			return gave_up(p, err);
		if (left < before)
			deadline = now_ms() + timeout_ms;
		else if (now_ms() >= deadline)
			return stalled(p, err, "took nothing", timeout_ms);
		if (left > 0)
			wait_ready(p, -1, 0, now_ms() + LOOK_MS);
	}
	return io_close(&p->in, err);
}

static int judge(const struct process *p, struct err *err)
{
	char fate[64];
	if (p->lost)
		return failed(p, err, "ended, but somebody else took its exit status");
	if (WIFEXITED(p->status) && WEXITSTATUS(p->status) == 0)
		return 0;
	if (WIFSIGNALED(p->status))
		snprintf(fate, sizeof fate, "was killed by signal %d", WTERMSIG(p->status));
	else
		snprintf(fate, sizeof fate, "exited %d", WEXITSTATUS(p->status));
	return failed(p, err, fate);
}

int process_finish(struct process *p, unsigned timeout_ms, struct err *err)
{
	if (p->pid > 0 && !wait_end(p, now_ms() + timeout_ms))
		return stalled(p, err, "did not end", timeout_ms);
	if (p->pid > 0)
		reap(p);
	return judge(p, err);
}
