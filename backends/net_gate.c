#include "net_gate.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "holdfast/err.h"
#include "net_loop.h"
#include "net_tune.h"

/* Throughput over less time than this is chance. */
#define WINDOW_NS (NET_NS / 2)

enum { SLACK = 10 };   /* part of a window in which places may have been free */

struct net_gate {
	pthread_mutex_t lock;
	pthread_cond_t left;
	unsigned width, inside;
	bool fixed;
	struct net_tune tune;
	/* the window that is measured now */
	int64_t began_ns;
	uint64_t began_moved;
	int64_t free_since_ns;        /* since when a place has been free; 0: none is */
	int64_t free_ns;              /* how long one was, before that */
};

struct net_gate *net_gate_new(unsigned fixed, struct err *err)
{
	struct net_gate *g = calloc(1, sizeof *g);
	if (!g) {
		err_no_memory(err);
		return NULL;
	}
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->left, NULL);
	net_tune_begin(&g->tune, NET_GATE_AUTO_FIRST, NET_GATE_AUTO_LEAST, NET_GATE_AUTO_MOST);
	g->fixed = fixed > 0;
	g->width = fixed ? fixed : g->tune.now;
	g->began_ns = g->free_since_ns = net_now_ns();
	return g;
}

void net_gate_free(struct net_gate *g)
{
	if (!g)
		return;
	pthread_mutex_destroy(&g->lock);
	pthread_cond_destroy(&g->left);
	free(g);
}

/* The number inside, or the width, has changed. */
static void note_free(struct net_gate *g, int64_t now)
{
	bool is_free = g->inside < g->width;
	if (!is_free && g->free_since_ns) {
		g->free_ns += now - g->free_since_ns;
		g->free_since_ns = 0;
	} else if (is_free && !g->free_since_ns) {
		g->free_since_ns = now;
	}
}

/* Only a time in which all places were taken says what they are good for: who sends no faster than it reads
 * would otherwise be told that connections do not matter. */
static void measure(struct net_gate *g, uint64_t moved, int64_t now)
{
	int64_t window = now - g->began_ns;
	int64_t idle = g->free_ns + (g->free_since_ns ? now - g->free_since_ns : 0);
	if (window < WINDOW_NS)
		return;
	if (idle * SLACK < window)
		g->width = net_tune_sample(&g->tune, moved - g->began_moved, window);
	g->began_ns = now;
	g->began_moved = moved;
	g->free_ns = 0;
	if (g->free_since_ns)
		g->free_since_ns = now;
}

void net_gate_enter(struct net_gate *g)
{
	pthread_mutex_lock(&g->lock);
	while (g->inside >= g->width)
		pthread_cond_wait(&g->left, &g->lock);
	g->inside++;
	note_free(g, net_now_ns());
	pthread_mutex_unlock(&g->lock);
}

void net_gate_leave(struct net_gate *g, uint64_t moved)
{
	int64_t now = net_now_ns();
	pthread_mutex_lock(&g->lock);
	g->inside--;
	if (!g->fixed)
		measure(g, moved, now);
	note_free(g, now);
	pthread_cond_broadcast(&g->left);
	pthread_mutex_unlock(&g->lock);
}

unsigned net_gate_width(struct net_gate *g)
{
	pthread_mutex_lock(&g->lock);
	unsigned width = g->width;
	pthread_mutex_unlock(&g->lock);
	return width;
}
