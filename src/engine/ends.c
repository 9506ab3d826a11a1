#include "engine/ends.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "format/pack.h"
#include "holdfast/err.h"

enum { THREADS = 8, SLOTS = 24 };

enum slot_state { FREE, WANTED, LOADING, READY, FAILED };

struct slot {
	uint32_t pack;
	enum slot_state state;
	size_t tail_len;
	uint8_t header[PACK_HEADER_BYTES];
	uint8_t *tail;
};

struct ends {
	pieces_read *read;
	void *arg;
	const struct head_pack *list;
	uint32_t n, last;            /* the pack that was wanted last, for the direction */
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

static bool load(struct ends *e, struct slot *s)
{
	struct err ignored;
	size_t len, size = e->list[s->pack].size;
	s->tail_len = size < ENDS_TAIL_BYTES ? size : ENDS_TAIL_BYTES;
	return e->read(e->arg, s->pack, 0, s->header, sizeof s->header, &len, &ignored) == 0 &&
	       len == sizeof s->header &&
	       e->read(e->arg, s->pack, size - s->tail_len, s->tail, s->tail_len, &len, &ignored) == 0 &&
	       len == s->tail_len;
}

static struct slot *find(struct ends *e, enum slot_state state)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (e->slots[i].state == state)
			return &e->slots[i];
	return NULL;
}

static void *work(void *arg)
{
	struct ends *e = arg;
	pthread_mutex_lock(&e->lock);
	while (!e->ending) {
		struct slot *s = find(e, WANTED);
		if (!s) {
			pthread_cond_wait(&e->changed, &e->lock);
			continue;
		}
		s->state = LOADING;
		pthread_mutex_unlock(&e->lock);
		bool good = load(e, s);
		pthread_mutex_lock(&e->lock);
		s->state = good ? READY : FAILED;
		pthread_cond_broadcast(&e->changed);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* ---- asking; with the lock held ---- */

static struct slot *slot_of(struct ends *e, uint32_t pack)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (e->slots[i].state != FREE && e->slots[i].pack == pack)
			return &e->slots[i];
	return NULL;
}

/* A free one, or one whose pack lies outside of [low, high] and was never taken. */
static struct slot *make_room(struct ends *e, uint32_t low, uint32_t high)
{
	struct slot *s = find(e, FREE);
	for (unsigned i = 0; !s && i < SLOTS; i++)
		if (e->slots[i].state != LOADING && (e->slots[i].pack < low || e->slots[i].pack > high))
			s = &e->slots[i];
	return s;
}

static void want(struct ends *e, uint32_t pack, uint32_t low, uint32_t high)
{
	struct slot *s = slot_of(e, pack) ? NULL : make_room(e, low, high);
	if (s) {
		s->pack = pack;
		s->state = WANTED;
	}
}

static void want_on(struct ends *e, uint32_t pack)
{
	bool down = pack < e->last || pack == e->n - 1;
	uint32_t reach = SLOTS - 1;
	uint32_t low = down ? (pack > reach ? pack - reach : 0) : pack;
	uint32_t high = down ? pack : (e->n - 1 - pack > reach ? pack + reach : e->n - 1);
	e->last = pack;
	for (uint32_t i = 0; i <= high - low; i++)
		want(e, down ? high - i : low + i, low, high);
	pthread_cond_broadcast(&e->changed);
	while (e->n_threads < THREADS && e->n_threads <= high - low &&
	       pthread_create(&e->threads[e->n_threads], NULL, work, e) == 0)
		e->n_threads++;
}

static bool take(struct ends *e, uint32_t pack, bool tail, uint8_t *out, size_t len)
{
	pthread_mutex_lock(&e->lock);
	want_on(e, pack);
	struct slot *s = slot_of(e, pack);
	while (s && e->n_threads > 0 && s->pack == pack && (s->state == WANTED || s->state == LOADING))
		pthread_cond_wait(&e->changed, &e->lock);
	bool good = s && s->pack == pack && s->state == READY &&
	            len <= (tail ? s->tail_len : sizeof s->header);
	if (good)
		memcpy(out, tail ? s->tail + s->tail_len - len : s->header, len);
	/* a header is followed by its tail; what is damaged is not to be given again */
	if (s && s->pack == pack && (tail || !good) && s->state != LOADING)
		s->state = FREE;
	pthread_mutex_unlock(&e->lock);
	return good;
}

bool ends_header(struct ends *e, uint32_t pack, uint8_t *out, size_t len)
{
	return take(e, pack, false, out, len);
}

bool ends_tail(struct ends *e, uint32_t pack, uint8_t *out, size_t len)
{
	return take(e, pack, true, out, len);
}
