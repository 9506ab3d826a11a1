#include "source/trial_program.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/launch.h"
#include "base/process.h"
#include "holdfast/err.h"

enum { BLOCK_BYTES = 65536, LOOK_MS = 100 };

struct run {
	struct process *process;
	int input;                   /* -1: none, or read to its end */
	struct buf *output;
	int64_t deadline;
	unsigned timeout_ms;
};

static int too_late(const struct run *r, struct err *err)
{
	return err_set(err, ERR_UNREACHABLE, "%s: not done after %u s", process_name(r->process),
	               r->timeout_ms / 1000);
}

/* Programs that take input here say little until they took all. */
static int feed(struct run *r, struct err *err)
{
	static uint8_t block[BLOCK_BYTES];
	for (size_t got = sizeof block; got == sizeof block;) {
		if (clock_left_ms(r->deadline) == 0)
			return too_late(r, err);
		if (io_read(r->input, block, sizeof block, &got, err) != 0 ||
		    process_write(r->process, block, got, clock_left_ms(r->deadline), err) != 0)
			return err->code;
	}
	return process_end_input(r->process, clock_left_ms(r->deadline), err);
}

static int listen_to(struct run *r, struct err *err)
{
	static uint8_t block[BLOCK_BYTES];
	for (bool ended = false; !ended;) {
		size_t got;
		if (clock_left_ms(r->deadline) == 0)
			return too_late(r, err);
		if (process_read_some(r->process, block, sizeof block, &got, &ended, LOOK_MS, err) != 0)
			return err->code;
		if (got > 0 && buf_append(r->output, block, got, err) != 0)
			return err->code;
	}
	return process_finish(r->process, clock_left_ms(r->deadline), err);
}

int trial_program_run(const struct trial_program *p, struct buf *output, struct err *err)
{
	char path[PATH_MAX];
	if (launch_find(p->argv[0], path, err) != 0) {
		err->code = ERR_ABSENT;
		return err->code;
	}
	IO_AUTO_FD input = p->input ? open(p->input, O_RDONLY | O_CLOEXEC) : -1;
	if (p->input && input < 0)
		return err_sys(err, "%.200s", p->input);
	const char *const keep[] = { "PATH", "HOME", "TMPDIR", "LANG", "USER", NULL };
	const struct process_options options = { .argv = p->argv, .set_env = p->set_env,
	                                         .keep_env = keep, .dies_with_parent = true,
	                                         .input = input >= 0,
	                                         .output = output != NULL };
	AUTO(process) process = process_start(&options, err);
	if (!process)
		return err->code;
	struct run r = { .process = process, .input = input, .output = output,
	                 .deadline = clock_ms() + p->timeout_ms, .timeout_ms = p->timeout_ms };
	int rc = input >= 0 && feed(&r, err) != 0 ? (int)err->code : listen_to(&r, err);
	/* what was killed because its time was over has said nothing about the data */
	return rc == ERR_SOURCE && clock_left_ms(r.deadline) == 0 ? too_late(&r, err) : rc;
}
