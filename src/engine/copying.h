/*
 * copying - one copy under way: what its parts share. Nobody but the files of the copy verb includes
 * it.
 *
 * What is wrong with an object of the source goes to copying_problem and the copy goes on; what the
 * target refuses ends it.
 */
#ifndef COPYING_H
#define COPYING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "engine/meter.h"
#include "format/head.h"
#include "holdfast/copy.h"

struct backend;
struct buf;
struct object_entry;
struct objects;

enum { COPYING_THREADS_MAX = 8 };        /* whose packs are in memory, where these are full */

/* What all stores of a copy share, however many are copied at once. */
struct copying_common {
	struct vault *from;
	struct backend *to;
	const char *url;                     /* of the target, for messages */
	const struct copy_options *options;
	pthread_mutex_t lock;                /* around results, the telling, and what follows */
	pthread_cond_t changed;
	size_t room, room_all;               /* bytes that may still be held in memory, and in all */
	size_t helpers;                      /* threads that may still be started for packs */
	atomic_bool ended;                   /* one store failed: the others end too */
};

/* Doom marks that one writer's packs have in the source: listed once for all its stores. */
struct copying_marks {
	uint8_t writer[16];
	pthread_mutex_t lock;
	struct objects *list;                /* NULL: not yet */
};

/* The copy of one store, or of what belongs to none. */
struct copying {
	struct copying_common *all;
	struct copy_result *result;
	struct meter meter;
};

/* ERR_STOPPED if the caller asked for an end, or another store failed. */
int copying_check(const struct copying *c, struct err *err);

/* Wait until so much memory may be held, or all there is: what was taken. Whoever holds some gives it
 * back before taking more. */
size_t copying_take_room(struct copying *c, uint64_t bytes);
void copying_give_room(struct copying *c, size_t taken);

/* Tell and count the failure in *err: 0. Where it says nothing about an object, its code. */
int copying_problem(struct copying *c, const struct err *err);

/* The object is in the target: with this size it is skipped; with another one that is a problem. */
int copying_present(struct copying *c, const struct object_entry *here,
                    const struct object_entry *there, struct err *err);

/* Put an object, in place of what may be there if `replace`. In a dry run only count it. */
int copying_put(struct copying *c, const char *name, const void *data, size_t len, bool replace,
                struct err *err);

/* Read, verify as far as can be without a key, put. */
int copying_small(struct copying *c, const char *name, struct err *err);

/* The same of all below a prefix, and of one that is to be asked for by its name, where they are not in
 * the target. */
int copying_folder(struct copying *c, const char *prefix, struct err *err);
int copying_fixed(struct copying *c, const char *name, struct err *err);

/* Are the beginnings of what lies under one name the same on both sides? If not, that is told. */
int copying_compare(struct copying *c, const char *name, struct err *err);

/* ERR_FORK unless this is the vault.json of the vault that is copied; ERR_CORRUPT. */
int copying_verify_anchor(const struct copying_common *all, const struct buf *bytes, struct err *err);

/* A store: everything but its snapshots before these. */
int copying_store(struct copying *c, const struct store_info *store, struct copying_marks *marks,
                  struct err *err);

/* What is known of a pack of the store. */
struct copy_pack {
	struct head_pack pack;               /* first: sorted by its id */
	bool there;                          /* in the target, whole, from the start or by now */
};

/* Copy the packs that are not there. */
int copy_packs(struct copying *c, const struct store_info *store, struct copy_pack *packs, size_t n,
               const struct objects *target, struct err *err);

#endif
