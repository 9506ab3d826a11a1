/* history - nights of one store of pages: back up, remember what was there, restore and compare. */
#ifndef HISTORY_H
#define HISTORY_H

#include <inttypes.h>

#include "lab.h"
#include "pages.h"

enum { HISTORY_MOMENTS = 64 };

/* What a committed snapshot must bring back. */
struct moment {
	uint64_t seq;
	struct pages_image image;
};

struct history {
	struct lab *lab;
	struct pages_store store;
	struct backup_store spec;
	struct backup_options options;
	struct backup_result result;     /* of the last backup */
	struct store_info info;
	struct moment moments[HISTORY_MOMENTS];
	size_t n;
};

static inline bool history_begin(struct history *h, struct lab *lab, const char *name)
{
	*h = (struct history){ .lab = lab };
	if (!pages_begin_store(&h->store, name))
		return false;
	h->spec.source = (struct source_options){ .type = "pages", .name = h->store.name,
	                                          .path = h->store.name };
	h->info = lab_store(lab, h->store.name);
	return true;
}

static inline void history_forget(struct history *h, size_t at)
{
	pages_clear(&h->moments[at].image);
	h->n--;
	memmove(&h->moments[at], &h->moments[at + 1], (h->n - at) * sizeof h->moments[0]);
}

static inline void history_end(struct history *h)
{
	while (h->n > 0)
		history_forget(h, h->n - 1);
	pages_end_store(&h->store);
}

/* What is in the store now is what snapshot seq has to hold. A run that found the store current makes no
 * snapshot: then the newest one is held against it. */
static inline bool history_remember(struct history *h, uint64_t seq)
{
	if (h->n > 0 && h->moments[h->n - 1].seq == seq) {
		pages_clear(&h->moments[h->n - 1].image);
		return pages_copy(&h->moments[h->n - 1].image, &h->store.now);
	}
	if (h->n == HISTORY_MOMENTS)
		return false;
	struct moment *m = &h->moments[h->n++];
	m->seq = seq;
	return pages_copy(&m->image, &h->store.now);
}

/* One night through this handle. What is committed is remembered. */
static inline int history_backup_by(struct history *h, struct vault *v, struct err *err)
{
	int rc = backup_run(v, &h->spec, 1, &h->options, &h->result, err);
	if (rc == 0 && !h->options.dry_run && !history_remember(h, h->result.seq))
		return err_set(err, ERR_NOMEM, "too many snapshots for this test");
	return rc;
}

static inline int history_backup(struct history *h, struct err *err)
{
	return history_backup_by(h, h->lab->writer, err);
}

/* 0, or what is wrong with that snapshot. */
static inline int history_verify_one(const struct history *h, const struct moment *m,
                                     struct err *err)
{
	struct pages_image image = { .n = 0 };
	struct pages_sink sink = pages_sink_to(&image);
	struct restore_result result;
	int rc = restore_to_sink(h->lab->reader, &h->info, m->seq, NULL, &sink.base, NULL, &result,
	                         err);
	const char *unlike = rc == 0 ? pages_unlike(&image, &m->image) : NULL;
	pages_clear(&image);
	if (rc == 0 && !sink.closed)
		unlike = "a sink that was not closed";
	return unlike ? err_set(err, ERR_CORRUPT, "snapshot %" PRIu64 " restored wrong: %s", m->seq,
	                        unlike) : rc;
}

/* All that are remembered. */
static inline int history_verify(const struct history *h, struct err *err)
{
	for (size_t i = 0; i < h->n; i++)
		if (history_verify_one(h, &h->moments[i], err) != 0)
			return err->code;
	return 0;
}

#endif
