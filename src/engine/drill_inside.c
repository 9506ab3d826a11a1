/* The half of a drill that runs inside the sandbox: it reads a request, tries the store, and tells. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/split.h"
#include "engine/drill_talk.h"
#include "holdfast/drill.h"
#include "source/command_line.h"
#include "source/trial_program.h"

struct inside {
	int out;
	const struct drill_request *request;
	struct trial *trial;
	const char *phase;
	int64_t begun;
};

static int say(const struct inside *in, const struct drill_line *line, struct err *err)
{
	AUTO(buf) text = buf_new(DRILL_REPLY_MAX, err);
	if (!text || drill_line_encode(line, text, err) != 0)
		return err->code;
	return io_write(in->out, text->bytes, text->len, err);
}

static int say_stopped(const struct inside *in, const struct err *why, struct err *err)
{
	struct drill_line line = { .said = SAID_STOPPED, .code = why->code };
	snprintf(line.phase, sizeof line.phase, "%s", in->phase);
	snprintf(line.text, sizeof line.text, "%s%s%s%s", why->msg, why->hint[0] ? " (" : "", why->hint,
	         why->hint[0] ? ")" : "");
	return say(in, &line, err);
}

static int say_check(void *arg, const char *check, enum trial_verdict verdict, const char *expected,
                     const char *actual, struct err *err)
{
	struct drill_line line = { .said = SAID_CHECK, .verdict = verdict };
	snprintf(line.name, sizeof line.name, "%s", check);
	snprintf(line.expected, sizeof line.expected, "%s", expected);
	snprintf(line.text, sizeof line.text, "%s", actual);
	return say(arg, &line, err);
}

static void begin_phase(struct inside *in, const char *phase)
{
	in->phase = phase;
	in->begun = clock_ms();
}

static int end_phase(const struct inside *in, struct err *err)
{
	struct drill_line line = { .said = SAID_PHASE, .ms = (uint64_t)(clock_ms() - in->begun) };
	snprintf(line.phase, sizeof line.phase, "%s", in->phase);
	return say(in, &line, err);
}

/* An engine that does not take the files is a finding, and the last one. */
static int start(struct inside *in, struct err *err)
{
	begin_phase(in, "start");
	in->trial = trial_start(&in->request->trial, err);
	if (in->trial)
		return end_phase(in, err);
	if (err->code != ERR_SOURCE)
		return err->code;
	char why[sizeof err->msg];
	snprintf(why, sizeof why, "%s", err->msg);
	if (say_check(in, "opens", TRIAL_FAILED, "the engine opens it", why, err) != 0)
		return err->code;
	return err_set(err, ERR_SOURCE, "%s", why);
}

static int load(struct inside *in, struct err *err)
{
	begin_phase(in, "replay");
	if (in->trial->ops->load(in->trial, say_check, in, err) != 0)
		return err->code;
	return end_phase(in, err);
}

static int tell_facts(struct inside *in, struct err *err)
{
	AUTO(buf) text = buf_new(DRILL_REPLY_MAX / 2, err);
	if (!text || in->trial->ops->facts(in->trial, text, err) != 0)
		return err->code;
	struct drill_line line = { .said = SAID_FACTS };
	line.facts = json_decode((const char *)text->bytes, text->len, "facts", err);
	int rc = line.facts ? say(in, &line, err) : (int)err->code;
	json_drop(&line.facts);
	return rc;
}

/* One statement that fails keeps none of the others from being asked. */
static int answer(struct inside *in, size_t i, struct err *err)
{
	const struct drill_query *q = &in->request->queries[i];
	struct trial_value value;
	struct err why;
	struct drill_line line = { .said = SAID_VALUE, .number = i };
	if (in->trial->ops->query(in->trial, q->database, q->sql, &value, &why) == 0) {
		line.null = value.null;
		snprintf(line.text, sizeof line.text, "%s", value.text);
	} else {
		line.said = SAID_NO_VALUE;
		line.code = why.code;
		snprintf(line.text, sizeof line.text, "%s", why.msg);
	}
	return say(in, &line, err);
}

/* The engine's way, and where the files are. NULL when out of memory. */
static const char **check_env(const struct inside *in, const char *folder)
{
	const char *const *engine = in->trial->ops->env(in->trial);
	size_t n = 0;
	while (engine[n])
		n++;
	const char **env = calloc(n + 2, sizeof *env);
	if (!env)
		return NULL;
	memcpy(env, engine, n * sizeof *env);
	env[n] = folder;
	return env;
}

static int run_check(struct inside *in, char **argv, struct err *err)
{
	static const char name[] = "check-command", expected[] = "exits 0";
	char folder[PATH_MAX + 32];
	snprintf(folder, sizeof folder, "HOLDFAST_DRILL_FOLDER=%s", in->request->trial.folder);
	const char **env = check_env(in, folder);
	AUTO(buf) said = buf_new(TRIAL_OUTPUT_MAX, err);
	if (!env || !said) {
		free(env);
		return err_no_memory(err);
	}
	const struct trial_program p = { .argv = (const char *const *)argv, .set_env = env,
	                                 .timeout_ms = in->request->trial.timeout_ms };
	int rc = trial_program_run(&p, said, err);
	free(env);
	if (rc == 0)
		return say_check(in, name, TRIAL_PASSED, expected, "exited 0", err);
	struct err why = *err;
	return say_check(in, name, rc == ERR_SOURCE ? TRIAL_FAILED : TRIAL_SKIPPED, expected, why.msg, err);
}

static int user_check(struct inside *in, struct err *err)
{
	const struct drill_request *r = in->request;
	if (!r->check_command)
		return 0;
	char **argv = command_line_words(r->check_command, r->check_shell, err);
	if (!argv)
		return err_wrap(err, "check-command");
	int rc = run_check(in, argv, err);
	split_free(argv);
	return rc;
}

static int check(struct inside *in, struct err *err)
{
	begin_phase(in, "checks");
	if (in->trial->ops->structure(in->trial, say_check, in, err) != 0 || tell_facts(in, err) != 0)
		return err->code;
	for (size_t i = 0; i < in->request->n_queries; i++)
		if (answer(in, i, err) != 0)
			return err->code;
	if (user_check(in, err) != 0 || in->trial->ops->stop(in->trial, err) != 0)
		return err->code;
	return end_phase(in, err);
}

static int read_request(struct drill_request **out, struct err *err)
{
	AUTO(buf) text = buf_new(DRILL_REQUEST_MAX, err);
	if (!text || io_read_all(STDIN_FILENO, text, err) != 0)
		return err->code;
	*out = drill_request_decode((const char *)text->bytes, text->len, err);
	return *out ? 0 : (int)err->code;
}

static int work(struct inside *in, struct err *err)
{
	if (start(in, err) != 0 || load(in, err) != 0 || check(in, err) != 0) {
		struct err why = *err;
		if (say_stopped(in, &why, err) != 0)
			return err->code;
	}
	return say(in, &(struct drill_line){ .said = SAID_END }, err);
}

int drill_trial_main(void)
{
	struct err err = { 0 };
	struct drill_request *request = NULL;
	struct inside in = { .out = STDOUT_FILENO };
	int rc = read_request(&request, &err);
	if (rc == 0) {
		in.request = request;
		rc = work(&in, &err);
	}
	trial_free(in.trial);
	drill_request_free(request);
	if (rc != 0)
		dprintf(STDERR_FILENO, "error: %s\n", err.msg);
	return rc == 0 ? 0 : 1;
}
