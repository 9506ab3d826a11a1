#include "engine/ends.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "format/pack.h"
#include "holdfast/err.h"

enum { THREADS = 16, SLOTS = 24 };

/* Header and tail are asked for apart, so that a pack costs one round trip. */
enum end { HEADER, TAIL, ENDS };

enum slot_state { FREE, WANTED, LOADING, READY, FAILED };

struct slot {
	uint32_t pack;
	enum slot_state state[ENDS];   /* both FREE, or none */
	size_t tail_len;
	uint8_t header[PACK_HEADER_BYTES];
	uint8_t *tail;
};

struct ends {
	pieces_read *read;
	void *arg;
	const struct head_pack *list;
	uint32_t n, last;            /* the pack that was wanted last, for the direction; n: none yet */
	bool down;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t threads[THREADS];
	unsigned n_threads;
	bool ending;
	struct slot slots[SLOTS];
};

struct ends *ends_new(pieces_read *read, void *arg, const struct head_pack *list, uint32_t n)
{
	struct ends *e = calloc(1, sizeof *e);
	uint8_t *tails = malloc((size_t)SLOTS * ENDS_TAIL_BYTES);
	if (!e || !tails) {
		free(e);
		free(tails);
		return NULL;
	}
	e->read = read;
	e->arg = arg;
	e->list = list;
	e->n = n;
	e->last = n;
	for (unsigned i = 0; i < SLOTS; i++)
		e->slots[i].tail = tails + (size_t)i * ENDS_TAIL_BYTES;
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->changed, NULL);
	return e;
}

void ends_free(struct ends *e)
{
	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	e->ending = true;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
	while (e->n_threads > 0)
		pthread_join(e->threads[--e->n_threads], NULL);
	pthread_mutex_destroy(&e->lock);
	pthread_cond_destroy(&e->changed);
	free(e->slots[0].tail);
	free(e);
}

/* ---- reading ---- */

static bool load(struct ends *e, struct slot *s, enum end which)
{
	struct err ignored;
	size_t size = e->list[s->pack].size, got;
	size_t len = which == HEADER ? sizeof s->header : s->tail_len;
	uint8_t *to = which == HEADER ? s->header : s->tail;
	return e->read(e->arg, s->pack, which == HEADER ? 0 : size - len, to, len, &got, &ignored) == 0 &&
	       got == len;
}

static struct slot *find_wanted(struct ends *e, enum end *which)
{
	for (unsigned i = 0; i < SLOTS; i++)
		for (*which = HEADER; *which < ENDS; ++*which)
			if (e->slots[i].state[*which] == WANTED)
				return &e->slots[i];
	return NULL;
}

static void *work(void *arg)
{
	struct ends *e = arg;
	pthread_mutex_lock(&e->lock);
	while (!e->ending) {
		enum end which;
		struct slot *s = find_wanted(e, &which);
		if (!s) {
			pthread_cond_wait(&e->changed, &e->lock);
			continue;
		}
		s->state[which] = LOADING;
		pthread_mutex_unlock(&e->lock);
		bool good = load(e, s, which);
		pthread_mutex_lock(&e->lock);
		s->state[which] = good ? READY : FAILED;
		pthread_cond_broadcast(&e->changed);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* ---- asking; with the lock held ---- */

static bool is_free(const struct slot *s)
{
	return s->state[HEADER] == FREE;
}

static bool is_loading(const struct slot *s)
{
	return s->state[HEADER] == LOADING || s->state[TAIL] == LOADING;
}

static void set_state(struct slot *s, enum slot_state state)
{
	s->state[HEADER] = s->state[TAIL] = state;
}

static struct slot *slot_of(struct ends *e, uint32_t pack)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (!is_free(&e->slots[i]) && e->slots[i].pack == pack)
			return &e->slots[i];
	return NULL;
}

/* A free one, or one whose pack lies outside of [low, high] and was never taken. */
static struct slot *make_room(struct ends *e, uint32_t low, uint32_t high)
{
	struct slot *s = NULL;
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *at = &e->slots[i];
		if (is_free(at))
			return at;
		if (!s && !is_loading(at) && (at->pack < low || at->pack > high))
			s = at;
	}
	return s;
}

static void want(struct ends *e, uint32_t pack, uint32_t low, uint32_t high)
{
	struct slot *s = slot_of(e, pack) ? NULL : make_room(e, low, high);
	if (s) {
		size_t size = e->list[pack].size;
		s->pack = pack;
		s->tail_len = size < ENDS_TAIL_BYTES ? size : ENDS_TAIL_BYTES;
		set_state(s, WANTED);
	}
}

/* A pack is asked for twice, for both its ends: that is no turn, which would ask for what was taken. */
static void note_direction(struct ends *e, uint32_t pack)
{
	if (e->last == e->n)
		e->down = pack == e->n - 1;
	else if (pack != e->last)
		e->down = pack < e->last;
	e->last = pack;
}

static void want_on(struct ends *e, uint32_t pack)
{
	uint32_t reach = SLOTS - 1;
	note_direction(e, pack);
	uint32_t low = e->down ? (pack > reach ? pack - reach : 0) : pack;
	uint32_t high = e->down ? pack : (e->n - 1 - pack > reach ? pack + reach : e->n - 1);
	for (uint32_t i = 0; i <= high - low; i++)
		want(e, e->down ? high - i : low + i, low, high);
	pthread_cond_broadcast(&e->changed);
	while (e->n_threads < THREADS && e->n_threads < ENDS * (high - low + 1) &&
	       pthread_create(&e->threads[e->n_threads], NULL, work, e) == 0)
		e->n_threads++;
}

static bool take(struct ends *e, uint32_t pack, enum end which, uint8_t *out, size_t len)
{
	pthread_mutex_lock(&e->lock);
	want_on(e, pack);
	struct slot *s = slot_of(e, pack);
	while (s && e->n_threads > 0 && s->pack == pack &&
	       (s->state[which] == WANTED || s->state[which] == LOADING))
		pthread_cond_wait(&e->changed, &e->lock);
	bool good = s && s->pack == pack && s->state[which] == READY &&
	            len <= (which == TAIL ? s->tail_len : sizeof s->header);
	if (good)
		memcpy(out, which == TAIL ? s->tail + s->tail_len - len : s->header, len);
	/* a header is followed by its tail; what is damaged is not to be given again */
	if (s && s->pack == pack && (which == TAIL || !good) && !is_loading(s))
		set_state(s, FREE);
	pthread_mutex_unlock(&e->lock);
	return good;
}

bool ends_header(struct ends *e, uint32_t pack, uint8_t *out, size_t len)
{
	return take(e, pack, HEADER, out, len);
}

bool ends_tail(struct ends *e, uint32_t pack, uint8_t *out, size_t len)
{
	return take(e, pack, TAIL, out, len);
}
