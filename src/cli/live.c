#include "cli/live.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/stop.h"
#include "cli/text.h"

/* One process has one terminal, so this state is the program's, like stdio's. */
static struct {
	pthread_mutex_t lock;
	bool shown;
	const char *moved;
	char store[128], phase[32];
	uint64_t first_bytes, last_bytes;
	double first_s;
} live = { .lock = PTHREAD_MUTEX_INITIALIZER };

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Stores that run side by side take turns here; rates then begin anew and stay hidden. */
static void note_start(const struct progress_state *p, const char *store)
{
	if (strcmp(live.store, store) == 0 && strcmp(live.phase, p->phase) == 0 &&
	    p->done_bytes >= live.last_bytes)
		return;
	snprintf(live.store, sizeof live.store, "%s", store);
	snprintf(live.phase, sizeof live.phase, "%s", p->phase);
	live.first_bytes = p->done_bytes;
	live.first_s = now_s();
}

static void add_rate(char *line, size_t cap, const struct progress_state *p)
{
	double took = now_s() - live.first_s;
	double rate = took > 0 ? (double)(p->done_bytes - live.first_bytes) / took : 0;
	if (took < 0.5 || rate < 1)
		return;
	char speed[TEXT_MAX];
	size_t used = strlen(line);
	snprintf(line + used, cap - used, "  %s/s", text_size(speed, (uint64_t)rate));
	if (p->total_bytes <= p->done_bytes)
		return;
	uint64_t left = (uint64_t)((double)(p->total_bytes - p->done_bytes) / rate);
	used = strlen(line);
	snprintf(line + used, cap - used, "  ETA %" PRIu64 ":%02" PRIu64, left / 60, left % 60);
}

static void compose(char *line, size_t cap, const struct progress_state *p)
{
	char done[TEXT_MAX], name[sizeof live.store];
	text_escape(name, sizeof name, live.store);
	if (p->total_bytes)
		snprintf(line, cap, "%s  %s  %3.0f %%", name, p->phase,
		         100.0 * (double)p->done_bytes / (double)p->total_bytes);
	else if (p->done_bytes)
		snprintf(line, cap, "%s  %s  %s", name, p->phase, text_size(done, p->done_bytes));
	else
		snprintf(line, cap, "%s  %s", name, p->phase);
	add_rate(line, cap, p);
	size_t used = strlen(line);
	if (p->stored_bytes)
		snprintf(line + used, cap - used, "  %s %s", live.moved, text_size(done, p->stored_bytes));
}

static unsigned columns(void)
{
	struct winsize size;
	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

static void report(void *arg, const struct progress_state *p)
{
	(void)arg;
	char line[320];
	pthread_mutex_lock(&live.lock);
	note_start(p, p->store ? p->store : "");
	compose(line, sizeof line, p);
	live.last_bytes = p->done_bytes;
	/* a line that wraps could not be wiped */
	for (size_t len = strlen(line); text_columns(line) >= columns(); line[len] = '\0')
		do
			len--;
		while (((unsigned char)line[len] & 0xc0) == 0x80);
	fprintf(stderr, "\r%s\033[K", line);
	live.shown = true;
	pthread_mutex_unlock(&live.lock);
}

const struct progress *live_progress(bool show, const char *moved)
{
	static struct progress progress;
	live.moved = moved;
	progress.stop = stop_flag();
	progress.report = show && isatty(STDERR_FILENO) ? report : NULL;
	return &progress;
}

void live_clear(void)
{
	pthread_mutex_lock(&live.lock);
	if (live.shown)
		fputs("\r\033[K", stderr);
	live.shown = false;
	pthread_mutex_unlock(&live.lock);
}
