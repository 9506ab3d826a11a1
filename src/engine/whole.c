#include "engine/whole.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "format/pack.h"
#include "holdfast/err.h"

enum {
	THREADS_MAX = WHOLE_MAX * (PACK_BYTES / WHOLE_PART_BYTES),
};

static const uint32_t NONE = UINT32_MAX;

_Static_assert(PACK_BYTES % WHOLE_PART_BYTES == 0, "parts fill the memory of a pack");

enum state { NOT_WHOLE, PLANNED, LOADING, LOADED };

struct item {
	enum state state;
	uint8_t *memory;
	uint32_t asked;               /* bytes that threads have taken upon them */
	unsigned reading;             /* threads at it */
	unsigned copy;                /* of which copy of the object the memory is */
	bool begun;                   /* a part is there */
	bool mixed;                   /* of more than one: no good */
	uint64_t left;                /* units announced and not yet consumed */
	unsigned users;
};

struct whole {
	whole_read *read;
	void *arg;
	const struct head_pack *list;
	uint32_t n, part_bytes;
	struct item *items;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t threads[THREADS_MAX];
	unsigned n_threads, threads_wanted;
	bool ending;
	uint32_t *order;
	uint32_t order_n, order_at;
	uint32_t now;                 /* the pack whose parts are handed out, or NONE */
	unsigned resident;
	uint8_t *spare[WHOLE_MAX];    /* memory of packs that are done with: clearing pages costs */
	unsigned n_spare;
	struct err why;               /* of the first that failed */
};

/* ---- memory ---- */

uint8_t *whole_map(struct err *err)
{
	void *m = mmap(NULL, PACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED) {
		err_no_memory(err);
		return NULL;
	}
	madvise(m, PACK_BYTES, MADV_HUGEPAGE);
	return m;
}

void whole_unmap(uint8_t *memory)
{
	if (memory)
		munmap(memory, PACK_BYTES);
}

static void drop(struct whole *w, struct item *p)
{
	if (p->memory) {
		w->spare[w->n_spare++] = p->memory;
		w->resident--;
	}
	p->memory = NULL;
	p->state = NOT_WHOLE;
}

/* ---- handles ---- */

struct whole *whole_new(whole_read *read, void *arg, const struct head_pack *list, uint32_t n,
                        bool remote, struct err *err)
{
	struct whole *w = calloc(1, sizeof *w);
	struct item *items = calloc(n + 1u, sizeof *items);
	if (!w || !items) {
		free(w);
		free(items);
		err_no_memory(err);
		return NULL;
	}
	w->read = read;
	w->arg = arg;
	w->list = list;
	w->n = n;
	w->items = items;
	w->now = NONE;
	/* one thread keeps a disk busy; a network wants much asked for at once */
	w->part_bytes = remote ? WHOLE_PART_BYTES : PACK_BYTES;
	w->threads_wanted = remote ? THREADS_MAX : 1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	return w;
}

static void stop(struct whole *w)
{
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	while (w->n_threads > 0)
		pthread_join(w->threads[--w->n_threads], NULL);
	w->ending = false;
	w->now = NONE;
	for (uint32_t i = 0; i < w->n; i++) {
		drop(w, &w->items[i]);
		w->items[i].left = 0;
	}
}

void whole_free(struct whole *w)
{
	if (!w)
		return;
	stop(w);
	while (w->n_spare > 0)
		whole_unmap(w->spare[--w->n_spare]);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->changed);
	free(w->items);
	free(w->order);
	free(w);
}

/* ---- reading; with the lock held, but for the read ---- */

static void fail(struct whole *w, const struct err *err)
{
	if (w->why.code == ERR_NONE)
		w->why = *err;
	pthread_cond_broadcast(&w->changed);
}

/* The next planned pack that is still needed becomes `now`. There is room for it. */
static void begin_next(struct whole *w)
{
	while (w->now == NONE && w->order_at < w->order_n) {
		uint32_t pack = w->order[w->order_at++];
		struct item *p = &w->items[pack];
		struct err err;
		if (p->left == 0 || p->state != PLANNED)
			continue;
		p->memory = w->n_spare ? w->spare[--w->n_spare] : whole_map(&err);
		if (!p->memory) {
			fail(w, &err);
			return;
		}
		w->resident++;
		p->state = LOADING;
		p->asked = 0;
		p->begun = p->mixed = false;
		w->now = pack;
	}
}

struct part {
	uint32_t pack, offset;
};

/* Once there is room; false at the end. */
static bool take_part(struct whole *w, struct part *out)
{
	while (!w->ending && w->why.code == ERR_NONE) {
		if (w->now == NONE && w->resident < WHOLE_MAX)
			begin_next(w);
		if (w->now != NONE)
			break;
		if (w->order_at == w->order_n)
			return false;
		if (w->why.code == ERR_NONE)
			pthread_cond_wait(&w->changed, &w->lock);
	}
	if (w->ending || w->why.code != ERR_NONE)
		return false;
	struct item *p = &w->items[w->now];
	*out = (struct part){ w->now, p->asked };
	p->asked += w->part_bytes;
	p->reading++;
	if (p->asked >= w->list[w->now].size)
		w->now = NONE;
	return true;
}

static void end_part(struct whole *w, const struct part *part, unsigned copy)
{
	struct item *p = &w->items[part->pack];
	p->mixed = p->mixed || (p->begun && p->copy != copy);
	p->copy = copy;
	p->begun = true;
	if (--p->reading > 0 || p->asked < w->list[part->pack].size)
		return;
	p->state = LOADED;
	if (p->left == 0)
		drop(w, p);
	pthread_cond_broadcast(&w->changed);
}

static void *work(void *arg)
{
	struct whole *w = arg;
	struct part part;
	pthread_mutex_lock(&w->lock);
	while (take_part(w, &part)) {
		struct err err = { 0 };
		unsigned copy = 0;
		uint8_t *memory = w->items[part.pack].memory;
		pthread_mutex_unlock(&w->lock);
		int rc = w->read(w->arg, part.pack, part.offset, memory + part.offset, w->part_bytes,
		                 &copy, &err);
		pthread_mutex_lock(&w->lock);
		if (rc != 0)
			fail(w, &err);
		end_part(w, &part, copy);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* ---- for others ---- */

int whole_plan(struct whole *w, const uint32_t *packs, const uint64_t *units, uint32_t n,
               struct err *err)
{
	stop(w);
	uint32_t *order = malloc((n + 1u) * sizeof *order);
	if (!order)
		return err_no_memory(err);
	free(w->order);
	w->order = order;
	w->order_n = n;
	w->order_at = 0;
	for (uint32_t i = 0; i < n; i++) {
		order[i] = packs[i];
		w->items[packs[i]].left = units[i];
		w->items[packs[i]].state = PLANNED;
	}
	while (n > 0 && w->n_threads < w->threads_wanted &&
	       pthread_create(&w->threads[w->n_threads], NULL, work, w) == 0)
		w->n_threads++;
	if (w->n_threads == 0)
		for (uint32_t i = 0; i < n; i++)
			w->items[packs[i]].state = NOT_WHOLE;
	return 0;
}

static void drop_if_done(struct whole *w, struct item *p)
{
	if (p->left > 0 || p->users > 0 || p->state != LOADED)
		return;
	drop(w, p);
	pthread_cond_broadcast(&w->changed);
}

void whole_consumed(struct whole *w, uint32_t pack, uint64_t units)
{
	struct item *p = &w->items[pack];
	pthread_mutex_lock(&w->lock);
	p->left = units < p->left ? p->left - units : 0;
	drop_if_done(w, p);
	pthread_mutex_unlock(&w->lock);
}

static bool will_come(const struct whole *w, const struct item *p)
{
	return p->state == LOADING ||
	       (p->state == PLANNED && w->resident < WHOLE_MAX && w->order_at < w->order_n);
}

int whole_pin(struct whole *w, uint32_t pack, const uint8_t **memory, unsigned *copy,
              struct err *err)
{
	struct item *p = &w->items[pack];
	int rc = 0;
	pthread_mutex_lock(&w->lock);
	while (w->why.code == ERR_NONE && will_come(w, p))
		pthread_cond_wait(&w->changed, &w->lock);
	*memory = NULL;
	if (w->why.code != ERR_NONE) {
		*err = w->why;
		rc = err->code;
	} else if (p->state == LOADED && !p->mixed) {
		*memory = p->memory;
		*copy = p->copy;
		p->users++;
	}
	pthread_mutex_unlock(&w->lock);
	return rc;
}

void whole_unpin(struct whole *w, uint32_t pack)
{
	struct item *p = &w->items[pack];
	pthread_mutex_lock(&w->lock);
	p->users--;
	drop_if_done(w, p);
	pthread_mutex_unlock(&w->lock);
}
