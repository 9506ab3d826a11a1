#include "engine/meter.h"

#include <string.h>
#include <time.h>

#include "holdfast/err.h"

uint64_t meter_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void meter_begin(struct meter *m, const struct progress *progress, const char *store)
{
	memset(m, 0, sizeof *m);
	m->progress = progress;
	m->state.store = store;
	pthread_mutex_init(&m->lock, NULL);
}

void meter_end(struct meter *m)
{
	pthread_mutex_destroy(&m->lock);
}

static void report_locked(struct meter *m, bool now)
{
	uint64_t ms = meter_now_ms();
	if (!now && ms - m->last_ms < 100)
		return;
	m->last_ms = ms;
	m->progress->report(m->progress->arg, &m->state);
}

static bool silent(const struct meter *m)
{
	return !m->progress || !m->progress->report;
}

void meter_phase(struct meter *m, const char *phase, uint64_t total_bytes)
{
	if (silent(m))
		return;
	pthread_mutex_lock(&m->lock);
	m->state.phase = phase;
	m->state.done_bytes = 0;
	m->state.total_bytes = total_bytes;
	report_locked(m, true);
	pthread_mutex_unlock(&m->lock);
}

void meter_done(struct meter *m, uint64_t bytes)
{
	if (silent(m))
		return;
	pthread_mutex_lock(&m->lock);
	m->state.done_bytes += bytes;
	report_locked(m, false);
	pthread_mutex_unlock(&m->lock);
}

void meter_stored(struct meter *m, uint64_t bytes)
{
	if (silent(m))
		return;
	pthread_mutex_lock(&m->lock);
	m->state.stored_bytes += bytes;
	report_locked(m, false);
	pthread_mutex_unlock(&m->lock);
}

int meter_check(const struct meter *m, struct err *err)
{
	if (!m->progress || !m->progress->stop || !*m->progress->stop)
		return 0;
	return err_set(err, ERR_STOPPED, "interrupted");
}
