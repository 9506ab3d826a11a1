/* The sandbox, against programs that try to get out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/sandbox.h"
#include "holdfast/err.h"
#include "scratch.h"

enum { SHORT_MS = 20000 };

struct place {
	char dir[SCRATCH_MAX], parent[SCRATCH_MAX + 40];
	struct sandbox *box;
	struct buf *output;
};

static struct sandbox_options plain(const struct place *p)
{
	return (struct sandbox_options){ .parent = p->parent, .name = "one" };
}

static void open_box(struct place *p, const struct sandbox_options *o)
{
	struct err err = { 0 };
	p->box = sandbox_new(o, &err);
	if (!p->box)
		fail_msg("%s", err.msg);
}

static int set_up(void **state)
{
	static struct place p;
	struct err err;
	p = (struct place){ 0 };
	/* of a run whose walls were broken */
	static const char *const escaped[] = { "/var/tmp/holdfast-escape", "/tmp/holdfast-escape",
	                                       "/tmp/holdfast-inside" };
	for (size_t i = 0; i < sizeof escaped / sizeof escaped[0]; i++)
		unlink(escaped[i]);
	assert_true(scratch_make(p.dir));
	/* others must get through where the kernel refuses namespaces */
	assert_int_equal(chmod(p.dir, 0711), 0);
	snprintf(p.parent, sizeof p.parent, "%s/sandboxes", p.dir);
	p.output = buf_new(1 << 16, &err);
	struct sandbox_options o = plain(&p);
	open_box(&p, &o);
	*state = &p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	sandbox_free(p->box);
	buf_free(p->output);
	scratch_remove(p->dir);
	return 0;
}

/* Run a line of shell; its output, without the last newline. */
static const char *run(struct place *p, const char *script, int *rc, struct err *err)
{
	const struct sandbox_program program = {
		.argv = (const char *const[]){ "/bin/sh", "-c", script, NULL }, .timeout_ms = SHORT_MS,
	};
	*err = (struct err){ 0 };
	buf_clear(p->output);
	*rc = sandbox_run(p->box, &program, p->output, err);
	struct err ignored;
	char *text = (char *)(uintptr_t)buf_text(p->output, &ignored);
	if (text && p->output->len > 0 && text[p->output->len - 1] == '\n')
		text[p->output->len - 1] = '\0';
	return text;
}

static const char *must_run(struct place *p, const char *script)
{
	int rc;
	struct err err;
	const char *out = run(p, script, &rc, &err);
	if (rc != 0)
		fail_msg("%s: %s", script, err.msg);
	return out;
}

static bool walled(const struct place *p)
{
	struct sandbox_isolation i;
	sandbox_isolation(p->box, &i);
	return i.walls == SANDBOX_NAMESPACES;
}

static void need_walls(const struct place *p)
{
	if (walled(p))
		return;
	print_message("the kernel refuses namespaces here\n");
	skip();
}

static bool exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

static void a_program_runs_in_the_box_and_leaves_its_files_there(void **state)
{
	struct place *p = *state;
	char path[4200];
	const char *out = must_run(p, "pwd; echo here > file; echo $TMPDIR");
	char expected[9000];
	snprintf(expected, sizeof expected, "%s\n%s", sandbox_inside(p->box), sandbox_inside(p->box));
	assert_string_equal(out, expected);
	snprintf(path, sizeof path, "%s/file", sandbox_folder(p->box));
	assert_true(exists(path));
}

static void input_arrives_and_output_comes_back(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };
	static uint8_t big[200000];
	memset(big, 'x', sizeof big);
	const struct sandbox_program count = {
		.argv = (const char *const[]){ "/usr/bin/wc", "-c", NULL }, .input = big,
		.input_len = sizeof big, .timeout_ms = SHORT_MS,
	};
	assert_int_equal(sandbox_run(p->box, &count, p->output, &err), 0);
	assert_string_equal(buf_text(p->output, &err), "200000\n");
}

static void a_failing_program_is_told_with_its_last_words(void **state)
{
	struct place *p = *state;
	int rc;
	struct err err;
	const char *out = run(p, "echo partial; echo 'error: so it goes' >&2; exit 3", &rc, &err);
	assert_int_equal(rc, ERR_SOURCE);
	assert_string_equal(out, "partial");
	assert_non_null(strstr(err.msg, "exited 3"));
	assert_non_null(strstr(err.msg, "so it goes"));
}

static void root_gives_up_its_rights(void **state)
{
	struct place *p = *state;
	struct sandbox_isolation i;
	sandbox_isolation(p->box, &i);
	char expected[100];
	snprintf(expected, sizeof expected, "%u", i.uid);
	assert_string_equal(must_run(p, "id -u"), expected);
	assert_int_equal(i.own_user, geteuid() == 0);
	if (geteuid() == 0)
		assert_int_not_equal(i.uid, 0);
	assert_string_equal(must_run(p, "grep -E '^(CapEff|CapPrm|CapInh|CapAmb|NoNewPrivs)' "
	                                "/proc/self/status | tr -s '\\t ' ' ' | cut -d' ' -f2 | "
	                                "sort -u | tr '\\n' ' '"),
	                    "0000000000000000 1 ");
}

/* Somebody listens here, where everybody outside reaches it. */
static int listen_here(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void nothing_connects_out(void **state)
{
	struct place *p = *state;
	uint16_t port;
	char script[300];
	int rc;
	struct err err;
	need_walls(p);
	int fd = listen_here(&port);
	snprintf(script, sizeof script, "exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/%u'", port);
	/* the same line does connect outside */
	char outside[400];
	snprintf(outside, sizeof outside, "bash -c 'exec 3<>/dev/tcp/127.0.0.1/%u'", port);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", outside, NULL);
		_exit(99);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	run(p, script, &rc, &err);
	assert_int_equal(rc, ERR_SOURCE);
	assert_string_equal(must_run(p, "grep -c : /proc/net/dev"), "1");
	close(fd);
}

static void sockets_of_servers_are_not_reached(void **state)
{
	struct place *p = *state;
	need_walls(p);
	assert_string_equal(must_run(p, "ls -A /run | wc -l"), "0");
	assert_string_equal(must_run(p, "ls -A /dev/shm | wc -l"), "0");
}

static void nothing_is_written_outside(void **state)
{
	struct place *p = *state;
	static const char *const places[] = { "/var/tmp", "/dev/shm", "/run", "/etc", "/", "/usr" };
	int rc;
	struct err err;
	need_walls(p);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		char script[200];
		snprintf(script, sizeof script, "echo out > %s/holdfast-escape", places[i]);
		run(p, script, &rc, &err);
		assert_int_equal(rc, ERR_SOURCE);
	}
	/* nor where everybody may write */
	char open_to_all[SCRATCH_MAX], script[SCRATCH_MAX + 40];
	snprintf(open_to_all, sizeof open_to_all, "/var/lib/holdfast-test-%d", (int)getpid());
	if (mkdir(open_to_all, 0700) == 0 && chmod(open_to_all, 0777) == 0) {
		snprintf(script, sizeof script, "echo out > %s/escape", open_to_all);
		run(p, script, &rc, &err);
		rmdir(open_to_all);
		bool kept = !exists(open_to_all);
		scratch_remove(open_to_all);
		assert_int_equal(rc, ERR_SOURCE);
		assert_true(kept);
	}
	/* its own /tmp is the box */
	must_run(p, "echo in > /tmp/holdfast-escape");
	assert_false(exists("/tmp/holdfast-escape"));
	/* not by a way back either */
	run(p, "mount -o remount,rw / 2>/dev/null || unshare -U true", &rc, &err);
	run(p, "cd /proc/1/root && echo out > var/tmp/holdfast-escape", &rc, &err);
	assert_int_equal(rc, ERR_SOURCE);
	assert_false(exists("/var/tmp/holdfast-escape"));
}

static void a_hidden_folder_is_empty_inside(void **state)
{
	struct place *p = *state;
	char secret[SCRATCH_MAX + 20], file[SCRATCH_MAX + 40], script[2 * SCRATCH_MAX + 100];
	/* where everybody may look, and not below /tmp, which is another one inside */
	snprintf(secret, sizeof secret, "/var/lib/holdfast-test-%d", (int)getpid());
	need_walls(p);
	if (mkdir(secret, 0755) != 0) {
		print_message("needs root\n");
		skip();
	}
	snprintf(file, sizeof file, "%s/key", secret);
	close(open(file, O_CREAT | O_WRONLY, 0644));
	snprintf(script, sizeof script, "ls -A %s | wc -l", secret);
	char before[20], after[20];
	snprintf(before, sizeof before, "%s", must_run(p, script));
	sandbox_free(p->box);
	const char *const hidden[] = { secret, "/nowhere", NULL };
	struct sandbox_options o = plain(p);
	o.hidden = hidden;
	open_box(p, &o);
	snprintf(after, sizeof after, "%s", must_run(p, script));
	scratch_remove(secret);
	assert_string_equal(before, "1");
	assert_string_equal(after, "0");
}

static void nothing_outlives_its_program(void **state)
{
	struct place *p = *state;
	char path[4200];
	need_walls(p);
	/* a child in a session of its own, which notes every 50 ms that it lives */
	must_run(p, "setsid sh -c 'while :; do date +%s%N > alive; sleep 0.05; done' >/dev/null 2>&1 & "
	            "while [ ! -e alive ]; do sleep 0.01; done");
	snprintf(path, sizeof path, "%s/alive", sandbox_folder(p->box));
	struct stat before, after;
	assert_int_equal(stat(path, &before), 0);
	nanosleep(&(struct timespec){ 0, 400000000 }, NULL);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
}

/* Refuse the flag of clone(2) for a namespace of processes, as containers do. */
static bool refuse_namespaces(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWPID, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = { sizeof code / sizeof code[0], code };
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/* In a process of its own, which asserts nothing: 0, or the line where it went wrong. */
static int outlive_without_walls(struct place *p, const char *end, unsigned timeout_ms)
{
	struct sandbox_options o = plain(p);
	struct err err = { 0 };
	struct stat before, after;
	char script[300], path[4200];
	o.name = "two";
	if (!refuse_namespaces() || !(p->box = sandbox_new(&o, &err)) || walled(p))
		return __LINE__;
	snprintf(script, sizeof script, "(setsid sh -c 'for i in $(seq 200); do date +%%s%%N > alive; "
	         "sleep 0.05; done' >/dev/null 2>&1 &); while [ ! -e alive ]; do sleep 0.01; done; %s", end);
	const struct sandbox_program program = {
		.argv = (const char *const[]){ "/bin/sh", "-c", script, NULL }, .timeout_ms = timeout_ms,
	};
	int expected = *end ? ERR_UNREACHABLE : 0;
	if (sandbox_run(p->box, &program, p->output, &err) != expected)
		return __LINE__;
	snprintf(path, sizeof path, "%s/alive", sandbox_folder(p->box));
	if (stat(path, &before) != 0 || nanosleep(&(struct timespec){ 0, 400000000 }, NULL) != 0 ||
	    stat(path, &after) != 0 || before.st_mtim.tv_nsec != after.st_mtim.tv_nsec)
		return __LINE__;
	return sandbox_ended(p->box) && sandbox_remove(p->box, &err) == 0 ? 0 : __LINE__;
}

/* As above; the box is at `mode` of the folder around all. */
static int look_without_walls(struct place *p, mode_t mode)
{
	struct sandbox_options o = plain(p);
	struct err err = { 0 };
	int rc;
	o.name = "two";
	if (!refuse_namespaces() || chmod(p->dir, mode) != 0)
		return __LINE__;
	p->box = sandbox_new(&o, &err);
	if (mode == 0700)
		return !p->box && err.code == ERR_DENIED && strstr(err.msg, "cannot get there") &&
		       strstr(err.hint, "'folder'") ? 0 : __LINE__;
	if (!p->box || walled(p))
		return __LINE__;
	char script[4300];
	snprintf(script, sizeof script, "cd / && echo here > %s/file && cat %s/file",
	         sandbox_inside(p->box), sandbox_inside(p->box));
	const char *said = run(p, script, &rc, &err);
	if (rc != 0 || strcmp(said, "here") != 0)
		return __LINE__;
	return sandbox_remove(p->box, &err) == 0 ? 0 : __LINE__;
}

static void without_walls_the_way_to_the_box_is_open_or_that_is_told(void **state)
{
	struct place *p = *state;
	if (geteuid() != 0) {
		print_message("only root runs programs as another user\n");
		skip();
	}
	for (int i = 0; i < 2; i++) {
		int status;
		pid_t pid = fork();
		if (pid == 0)
			_exit(look_without_walls(p, i ? 0700 : 0711) & 0xff);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) != 0)
			fail_msg("line %d of 256, in case %d", WEXITSTATUS(status), i);
	}
}

static void nothing_outlives_its_program_without_walls_either(void **state)
{
	struct place *p = *state;
	static const struct { const char *end; unsigned timeout_ms; } cases[] = {
		{ "", SHORT_MS }, { "sleep 20", 1500 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int status, line = 0, ends[2];
		assert_int_equal(pipe(ends), 0);
		pid_t pid = fork();
		if (pid == 0) {
			line = outlive_without_walls(p, cases[i].end, cases[i].timeout_ms);
			_exit(write(ends[1], &line, sizeof line) == (ssize_t)sizeof line ? 0 : 1);
		}
		close(ends[1]);
		assert_int_equal(read(ends[0], &line, sizeof line), sizeof line);
		close(ends[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (line != 0)
			fail_msg("line %d, with '%s'", line, cases[i].end);
	}
}

static void only_its_own_processes_are_seen(void **state)
{
	struct place *p = *state;
	need_walls(p);
	assert_string_equal(must_run(p, "ls -d /proc/[0-9]* | wc -l | awk '{ print $1 < 6 }'"), "1");
	char script[60];
	int rc;
	struct err err;
	snprintf(script, sizeof script, "kill -0 %d", (int)getpid());
	run(p, script, &rc, &err);
	assert_int_equal(rc, ERR_SOURCE);
}

static void a_deadline_ends_it(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };
	const struct sandbox_program sleeper = {
		.argv = (const char *const[]){ "/bin/sh", "-c", "trap '' TERM; sleep 60", NULL },
		.timeout_ms = 300,
	};
	assert_int_equal(sandbox_run(p->box, &sleeper, p->output, &err), ERR_UNREACHABLE);
}

static void a_stop_ends_it(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };
	static volatile sig_atomic_t stop;
	sandbox_free(p->box);
	struct sandbox_options o = plain(p);
	stop = 0;
	o.stop = &stop;
	open_box(p, &o);
	stop = 1;
	const struct sandbox_program sleeper = {
		.argv = (const char *const[]){ "/bin/sleep", "60", NULL }, .timeout_ms = SHORT_MS,
	};
	assert_int_equal(sandbox_run(p->box, &sleeper, p->output, &err), ERR_STOPPED);
}

static void too_many_bytes_end_it(void **state)
{
	struct place *p = *state;
	int rc;
	struct err err;
	sandbox_free(p->box);
	struct sandbox_options o = plain(p);
	o.disk_bytes = 8 << 20;
	open_box(p, &o);
	/* one file is stopped by its limit, many together by the look at the disk */
	run(p, "head -c 20000000 /dev/zero > one", &rc, &err);
	assert_int_equal(rc, ERR_SOURCE);
	run(p, "rm -f one; i=0; while [ $i -lt 1000 ]; do head -c 1000000 /dev/zero > f$i; i=$((i+1)); "
	       "sleep 0.02; done", &rc, &err);
	assert_int_equal(rc, ERR_SPACE);
	assert_non_null(strstr(err.msg, "sandbox is full"));
}

static void memory_is_limited(void **state)
{
	struct place *p = *state;
	int rc;
	struct err err;
	sandbox_free(p->box);
	struct sandbox_options o = plain(p);
	o.memory_bytes = 256 << 20;
	open_box(p, &o);
	must_run(p, "head -c 1000 /dev/zero | tail -c 1 >/dev/null");
	const char *out = run(p, "head -c 1000000000 /dev/zero | tail -c 900000000 | wc -c", &rc, &err);
	assert_string_not_equal(out, "900000000");
}

static void endless_output_is_refused(void **state)
{
	struct place *p = *state;
	int rc;
	struct err err;
	run(p, "exec cat /dev/zero", &rc, &err);
	assert_int_equal(rc, ERR_LIMIT);
}

static void no_core_is_dumped(void **state)
{
	struct place *p = *state;
	assert_string_equal(must_run(p, "ulimit -c"), "0");
}

static void a_folder_that_holds_anything_is_refused(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };
	char path[SCRATCH_MAX + 60];
	snprintf(path, sizeof path, "%s/two", p->parent);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof path, "%s/two/file", p->parent);
	close(open(path, O_CREAT | O_WRONLY, 0644));
	struct sandbox_options o = plain(p);
	o.name = "two";
	assert_null(sandbox_new(&o, &err));
	assert_int_equal(err.code, ERR_EXISTS);
	assert_true(exists(path));
	/* an empty one is as good as none */
	unlink(path);
	struct sandbox *box = sandbox_new(&o, &err);
	assert_non_null(box);
	sandbox_free(box);
	o.name = "../up";
	assert_null(sandbox_new(&o, &err));
	assert_int_equal(err.code, ERR_INVALID);
}

static void only_the_caller_enters_the_folder(void **state)
{
	struct place *p = *state;
	struct stat st;
	char top[SCRATCH_MAX + 60];
	/* another user must pass where there is no other way in, and sees no names */
	mode_t around = geteuid() != 0 || walled(p) ? 0700 : 0711;
	snprintf(top, sizeof top, "%s/one", p->parent);
	assert_int_equal(stat(top, &st), 0);
	assert_int_equal(st.st_mode & 07777, around);
	assert_int_equal(stat(p->parent, &st), 0);
	assert_int_equal(st.st_mode & 07777, around);
	assert_int_equal(stat(sandbox_folder(p->box), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void files_that_are_given_can_be_read(void **state)
{
	struct place *p = *state;
	char path[4200];
	struct err err;
	snprintf(path, sizeof path, "%s/data", sandbox_folder(p->box));
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/data/f", sandbox_folder(p->box));
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "yes", 3), 3);
	close(fd);
	/* a link that leads out is given itself, and not what it names */
	char link[4200];
	struct stat before, after;
	stat("/etc/hostname", &before);
	snprintf(link, sizeof link, "%s/data/link", sandbox_folder(p->box));
	assert_int_equal(symlink("/etc/hostname", link), 0);
	assert_int_equal(sandbox_give(p->box, &err), 0);
	assert_string_equal(must_run(p, "cat data/f"), "yes");
	stat("/etc/hostname", &after);
	assert_int_equal(before.st_uid, after.st_uid);
}

static void removing_leaves_nothing(void **state)
{
	struct place *p = *state;
	struct err err;
	char top[SCRATCH_MAX + 60];
	must_run(p, "mkdir -p a/b/c; echo 1 > a/b/c/d; ln -s /etc link; chmod 000 a/b");
	assert_int_equal(sandbox_remove(p->box, &err), 0);
	snprintf(top, sizeof top, "%s/one", p->parent);
	assert_false(exists(top));
	assert_true(exists("/etc/passwd"));
	assert_int_equal(sandbox_remove(p->box, &err), 0);
}

static void a_sweep_removes_what_the_dead_left_and_nothing_else(void **state)
{
	struct place *p = *state;
	struct err err;
	unsigned swept;
	char path[SCRATCH_MAX + 80], dead[SCRATCH_MAX + 80];
	snprintf(path, sizeof path, "%s/strange", p->parent);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof path, "%s/strange/lock", p->parent);
	close(open(path, O_CREAT | O_WRONLY, 0644));
	snprintf(path, sizeof path, "%s/strange/file", p->parent);
	close(open(path, O_CREAT | O_WRONLY, 0644));
	pid_t pid = fork();
	if (pid == 0) {
		struct sandbox_options o = plain(p);
		o.name = "dead";
		struct sandbox *box = sandbox_new(&o, &err);
		raise(box ? SIGKILL : SIGTERM);
		_exit(1);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	snprintf(dead, sizeof dead, "%s/dead", p->parent);
	assert_true(exists(dead));
	assert_int_equal(sandbox_sweep(p->parent, &swept, &err), 0);
	assert_int_equal(swept, 1);
	assert_false(exists(dead));
	assert_true(exists(path));
	/* the living one too */
	must_run(p, "true");
	assert_int_equal(sandbox_sweep("/nowhere/at/all", &swept, &err), 0);
	assert_int_equal(swept, 0);
}

/* The caller is killed without a chance to clean up; its program must not go on. */
static void a_program_dies_with_its_caller(void **state)
{
	struct place *p = *state;
	struct err err;
	need_walls(p);
	pid_t pid = fork();
	if (pid == 0) {
		struct sandbox_options o = plain(p);
		o.name = "dying";
		struct place child = *p;
		child.box = sandbox_new(&o, &err);
		must_run(&child, "while :; do date +%s%N > alive; sleep 0.05; done");
		_exit(0);
	}
	char path[SCRATCH_MAX + 80];
	snprintf(path, sizeof path, "%s/dying/box/alive", p->parent);
	for (int i = 0; i < 1000 && !exists(path); i++)
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	assert_true(exists(path));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	nanosleep(&(struct timespec){ 0, 200000000 }, NULL);
	struct stat before, after;
	assert_int_equal(stat(path, &before), 0);
	nanosleep(&(struct timespec){ 0, 300000000 }, NULL);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	unsigned swept;
	assert_int_equal(sandbox_sweep(p->parent, &swept, &err), 0);
	assert_int_equal(swept, 1);
}

/* A user without rights has the same walls, by a user namespace, and stays who they are. */
static void a_plain_user_has_walls_too(void **state)
{
	struct place *p = *state;
	need_walls(p);
	if (geteuid() != 0) {
		print_message("all the others ran as one already\n");
		skip();
	}
	char mine[SCRATCH_MAX + 20];
	snprintf(mine, sizeof mine, "%s/plain", p->dir);
	assert_int_equal(mkdir(mine, 0700), 0);
	assert_int_equal(chown(mine, 65534, 65534), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct err err = { 0 };
		struct place q = { .output = p->output };
		snprintf(q.parent, sizeof q.parent, "%s/boxes", mine);
		if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
			_exit(10);
		struct sandbox_options o = plain(&q);
		q.box = sandbox_new(&o, &err);
		if (!q.box)
			_exit(11);
		struct sandbox_isolation i;
		sandbox_isolation(q.box, &i);
		int rc;
		bool good = i.walls == SANDBOX_NAMESPACES && !i.own_user && i.uid == 65534 &&
		            strcmp(run(&q, "id -u", &rc, &err), "65534") == 0 &&
		            strcmp(run(&q, "grep -c : /proc/net/dev", &rc, &err), "1") == 0;
		run(&q, "echo out > /var/tmp/holdfast-escape", &rc, &err);
		good = good && rc == ERR_SOURCE;
		run(&q, "echo in > /tmp/holdfast-inside", &rc, &err);
		good = good && rc == 0 && !exists("/tmp/holdfast-inside");
		good = good && sandbox_remove(q.box, &err) == 0;
		_exit(good ? 0 : 12);
	}
	int status;
	waitpid(pid, &status, 0);
	if (WEXITSTATUS(status) == 12) {
		/* not every kernel lets plain users make namespaces */
		print_message("a plain user has no walls here\n");
	}
	assert_int_equal(status, 0);
}

int main(void)
{
#define WITH_BOX(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_BOX(a_program_runs_in_the_box_and_leaves_its_files_there),
		WITH_BOX(input_arrives_and_output_comes_back),
		WITH_BOX(a_failing_program_is_told_with_its_last_words),
		WITH_BOX(root_gives_up_its_rights),
		WITH_BOX(nothing_connects_out),
		WITH_BOX(sockets_of_servers_are_not_reached),
		WITH_BOX(nothing_is_written_outside),
		WITH_BOX(a_hidden_folder_is_empty_inside),
		WITH_BOX(nothing_outlives_its_program),
		WITH_BOX(without_walls_the_way_to_the_box_is_open_or_that_is_told),
		WITH_BOX(nothing_outlives_its_program_without_walls_either),
		WITH_BOX(only_its_own_processes_are_seen),
		WITH_BOX(a_deadline_ends_it),
		WITH_BOX(a_stop_ends_it),
		WITH_BOX(too_many_bytes_end_it),
		WITH_BOX(memory_is_limited),
		WITH_BOX(endless_output_is_refused),
		WITH_BOX(no_core_is_dumped),
		WITH_BOX(a_folder_that_holds_anything_is_refused),
		WITH_BOX(only_the_caller_enters_the_folder),
		WITH_BOX(files_that_are_given_can_be_read),
		WITH_BOX(removing_leaves_nothing),
		WITH_BOX(a_sweep_removes_what_the_dead_left_and_nothing_else),
		WITH_BOX(a_program_dies_with_its_caller),
		WITH_BOX(a_plain_user_has_walls_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
