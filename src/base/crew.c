#include "base/crew.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "holdfast/err.h"

enum { MOST = 32, REMOTE = 16 };

struct crew {
	crew_work *work;
	void *arg;
	uint64_t n;
	atomic_uint_fast64_t next;
	atomic_bool failed;
	pthread_mutex_t lock;        /* around what follows */
	uint64_t failed_at;          /* the lowest so far */
	struct err err;
};

static void *member(void *arg)
{
	struct crew *c = arg;
	uint64_t number;
	while (!c->failed && (number = atomic_fetch_add(&c->next, 1)) < c->n) {
		struct err err = { 0 };
		if (c->work(c->arg, number, &err) == 0)
			continue;
		pthread_mutex_lock(&c->lock);
		if (!c->failed || number < c->failed_at) {
			c->err = err;
			c->failed_at = number;
		}
		c->failed = true;
		pthread_mutex_unlock(&c->lock);
	}
	return NULL;
}

unsigned crew_size(bool remote)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (remote)
		return REMOTE;
	return cores < 1 ? 1 : cores > MOST ? MOST : (unsigned)cores;
}

unsigned crew_waiting(bool remote)
{
	return remote ? MOST : 1;
}

int crew_run(unsigned threads, uint64_t n, crew_work *work, void *arg, struct err *err)
{
	struct crew c = { .work = work, .arg = arg, .n = n };
	pthread_t others[MOST];
	unsigned started = 0;
	pthread_mutex_init(&c.lock, NULL);
	while (started + 1 < threads && started < MOST && started + 1 < n &&
	       pthread_create(&others[started], NULL, member, &c) == 0)
		started++;
	member(&c);
	while (started > 0)
		pthread_join(others[--started], NULL);
	pthread_mutex_destroy(&c.lock);
	if (!c.failed)
		return 0;
	*err = c.err;
	return err->code;
}
