#include "net_tune.h"

enum { REST_FIRST = 4, REST_MAX = 64 };

/* Of what moved before: a larger number has to earn its connections, a smaller one to lose nothing. */
static const double worth_more = 13.0 / 12, worth_less = 0.97;

void net_tune_begin(struct net_tune *t, unsigned first, unsigned least, unsigned most)
{
	*t = (struct net_tune){ .now = first, .least = least, .most = most, .rest = REST_FIRST };
}

static void rest(struct net_tune *t)
{
	t->state = NET_TUNE_REST;
	t->rest_left = t->rest;
	if (t->rest < REST_MAX)
		t->rest *= 2;
}

static void try_more(struct net_tune *t)
{
	unsigned more = t->now + (t->now > 1 ? t->now / 2 : 1);
	if (t->now == t->most) {
		rest(t);
		return;
	}
	t->before = t->now;
	t->now = more < t->most ? more : t->most;
	t->state = NET_TUNE_MORE;
}

static void try_less(struct net_tune *t)
{
	unsigned step = t->now > 4 ? t->now / 4 : 1;
	if (t->now == t->least) {
		rest(t);
		return;
	}
	t->before = t->now;
	t->now = t->now - t->least > step ? t->now - step : t->least;
	t->state = NET_TUNE_LESS;
}

static void go_back(struct net_tune *t)
{
	t->now = t->before;
	rest(t);
}

unsigned net_tune_sample(struct net_tune *t, uint64_t bytes, int64_t ns)
{
	double rate = (double)bytes * 1e9 / (double)(ns > 0 ? ns : 1);
	bool more = rate >= t->before_rate * worth_more, less = rate >= t->before_rate * worth_less;
	bool failed = (t->state == NET_TUNE_MORE && !more) || (t->state == NET_TUNE_LESS && !less);
	if (failed) {
		go_back(t);
		return t->now;
	}
	t->before_rate = rate;
	if (t->state == NET_TUNE_REST && --t->rest_left > 0)
		return t->now;
	if (t->state == NET_TUNE_MORE || t->state == NET_TUNE_LESS)
		t->rest = REST_FIRST;   /* things change here */
	bool down = t->state == NET_TUNE_LESS || (t->state == NET_TUNE_REST && t->less_next);
	if (t->state == NET_TUNE_REST)
		t->less_next = !t->less_next;
	if (down)
		try_less(t);
	else
		try_more(t);
	return t->now;
}
