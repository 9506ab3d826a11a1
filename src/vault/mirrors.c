#include "vault/mirrors.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/charter.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/storage.h"

enum trust { UNKNOWN, SAME_VAULT, USELESS };

struct place {
	struct backend *storage;
	char *label;
	enum trust trust;
};

/* An object that is read from a copy. */
struct route {
	char name[NAMES_MAX];
	size_t place;
	bool told;
};

struct mirrors {
	struct backend base;
	struct charter_anchor anchor;
	struct place places[MIRRORS_MAX];   /* the first is the vault's own */
	size_t n;
	atomic_bool wide;
	pthread_mutex_t lock;               /* over what follows, and trust */
	struct route *routes;
	size_t n_routes, cap_routes;
};

static struct mirrors *of(struct backend *b)
{
	return (struct mirrors *)(void *)b;
}

/* ---- routes; the lock is held ---- */

static struct route *find_route(struct mirrors *m, const char *name)
{
	for (size_t i = 0; i < m->n_routes; i++)
		if (strcmp(m->routes[i].name, name) == 0)
			return &m->routes[i];
	return NULL;
}

static struct route *make_route(struct mirrors *m, const char *name, struct err *err)
{
	struct route *r = find_route(m, name);
	if (r)
		return r;
	if (m->n_routes == m->cap_routes) {
		size_t cap = m->cap_routes * 2 + 16;
		struct route *grown = realloc(m->routes, cap * sizeof *grown);
		if (!grown) {
			err_no_memory(err);
			return NULL;
		}
		m->routes = grown;
		m->cap_routes = cap;
	}
	r = &m->routes[m->n_routes++];
	*r = (struct route){ .place = 0 };
	snprintf(r->name, sizeof r->name, "%s", name);
	return r;
}

static void drop_route(struct mirrors *m, struct route *r)
{
	*r = m->routes[--m->n_routes];
}

/* Where this object is read from. */
static struct backend *place_of(struct mirrors *m, const char *name)
{
	pthread_mutex_lock(&m->lock);
	const struct route *r = find_route(m, name);
	struct backend *b = m->places[r ? r->place : 0].storage;
	pthread_mutex_unlock(&m->lock);
	return b;
}

/* ---- is it the same vault? ---- */

static bool holds_anchor(const struct mirrors *m, const struct place *p)
{
	struct err ignored;
	struct charter_anchor found;
	AUTO(buf) bytes = buf_new(CHARTER_LINE_MAX, &ignored);
	return bytes && storage_get_all(p->storage, NAMES_ANCHOR, bytes, &ignored) == 0 &&
	       charter_decode_anchor(&found, bytes->bytes, bytes->len, &ignored) == 0 &&
	       memcmp(found.vault, m->anchor.vault, sizeof found.vault) == 0 &&
	       memcmp(found.root, m->anchor.root, sizeof found.root) == 0;
}

/* One that does not answer is not asked again: every time would take minutes. */
static bool is_usable(const struct mirrors *m, struct place *p)
{
	if (p->trust == UNKNOWN)
		p->trust = holds_anchor(m, p) ? SAME_VAULT : USELESS;
	return p->trust == SAME_VAULT;
}

/* ---- the driver ---- */

static void mirrors_free(struct backend *b)
{
	struct mirrors *m = of(b);
	for (size_t i = 0; i < m->n; i++) {
		storage_free(m->places[i].storage);
		free(m->places[i].label);
	}
	free(m->routes);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static struct backend *mirrors_open(const struct backend_options *options, struct err *err)
{
	(void)options;
	err_set(err, ERR_INVALID, "mirrors are not opened by an address");
	return NULL;
}

static int mirrors_put(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
                       struct err *err)
{
	struct backend *first = of(b)->places[0].storage;
	return first->ops->put(first, put, tag, err);
}

static int mirrors_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
                       size_t *len, struct err *err)
{
	struct backend *at = place_of(of(b), name);
	return at->ops->get(at, name, offset, out, cap, len, err);
}

static int mirrors_stat(struct backend *b, const char *name, struct backend_object *object,
                        struct err *err)
{
	struct backend *at = place_of(of(b), name);
	return at->ops->stat(at, name, object, err);
}

/* That another place cannot be listed takes nothing away from what the first one holds. */
static int mirrors_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
                        struct err *err)
{
	struct mirrors *m = of(b);
	struct backend *first = m->places[0].storage;
	struct err ignored;
	int rc = first->ops->list(first, prefix, visit, arg, err);
	for (size_t i = 1; rc == 0 && m->wide && i < m->n; i++) {
		pthread_mutex_lock(&m->lock);
		bool usable = is_usable(m, &m->places[i]);
		pthread_mutex_unlock(&m->lock);
		int found = usable ? storage_list(m->places[i].storage, prefix, visit, arg, &ignored) : 0;
		rc = found > 0 ? found : 0;
	}
	return rc;
}

static int mirrors_remove(struct backend *b, const char *name, struct err *err)
{
	struct backend *first = of(b)->places[0].storage;
	return first->ops->remove(first, name, err);
}

/* Point the route to the next copy there is; false if there is none. */
static bool advance(struct mirrors *m, struct route *r)
{
	struct err ignored;
	struct backend_object o;
	if (storage_next_copy(m->places[r->place].storage, r->name, &ignored) == 0)
		return true;
	for (size_t i = r->place + 1; i < m->n; i++)
		if (is_usable(m, &m->places[i]) &&
		    storage_stat(m->places[i].storage, r->name, &o, &ignored) == 0) {
			r->place = i;
			return true;
		}
	return false;
}

static int mirrors_next_copy(struct backend *b, const char *name, struct err *err)
{
	struct mirrors *m = of(b);
	pthread_mutex_lock(&m->lock);
	struct route *r = make_route(m, name, err);
	int rc = r ? 0 : err->code;
	if (r && !advance(m, r)) {
		drop_route(m, r);
		rc = err_set(err, ERR_ABSENT, "there is no other copy of it");
	}
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int mirrors_retain(struct backend *b, const char *name, struct err *err)
{
	struct backend *first = of(b)->places[0].storage;
	return first->ops->retain(first, name, err);
}

static int mirrors_traits(struct backend *b, struct backend_traits *traits, struct err *err)
{
	struct backend *first = of(b)->places[0].storage;
	return first->ops->traits(first, traits, err);
}

static const struct backend_ops mirrors_ops = {
	.scheme = "mirrors",
	.open = mirrors_open,
	.free = mirrors_free,
	.put = mirrors_put,
	.get = mirrors_get,
	.stat = mirrors_stat,
	.list = mirrors_list,
	.remove = mirrors_remove,
	.next_copy = mirrors_next_copy,
	.retain = mirrors_retain,
	.traits = mirrors_traits,
};

/* ---- for the vault ---- */

struct backend *mirrors_new(struct backend *first, const struct charter_anchor *anchor,
                            struct err *err)
{
	struct mirrors *m = calloc(1, sizeof *m);
	if (!m) {
		err_no_memory(err);
		return NULL;
	}
	m->base = *first;
	m->base.ops = &mirrors_ops;
	m->anchor = *anchor;
	m->places[m->n++] = (struct place){ .storage = first, .trust = SAME_VAULT };
	pthread_mutex_init(&m->lock, NULL);
	return &m->base;
}

int mirrors_add(struct backend *m, const char *label, struct backend *place, struct err *err)
{
	struct mirrors *all = of(m);
	char *copy = strdup(label);
	if (copy && all->n < MIRRORS_MAX) {
		all->places[all->n++] = (struct place){ .storage = place, .label = copy };
		return 0;
	}
	storage_free(place);
	free(copy);
	return copy ? err_set(err, ERR_LIMIT, "more than %d vaults", MIRRORS_MAX)
	            : err_no_memory(err);
}

bool mirrors_widen(struct backend *m)
{
	struct mirrors *all = of(m);
	return !atomic_exchange(&all->wide, true) && all->n > 1;
}

bool mirrors_are_wide(struct backend *m)
{
	struct mirrors *all = of(m);
	return all->wide && all->n > 1;
}

static void tell(const struct mirrors *m, const struct route *r, size_t others, struct err *told)
{
	const char *label = m->places[r->place].label;
	char more[60] = "";
	if (others > 0)
		snprintf(more, sizeof more, ", and %zu more object%s likewise", others,
		         others == 1 ? "" : "s");
	err_set(told, ERR_CORRUPT, "%s: is damaged or gone here; read from %s%.150s%s", r->name,
	        label ? "vault " : "an older version", label ? label : "", more);
	err_hint(told, "'holdfast check --read-data' finds all damage; delete what is damaged, and "
	         "'holdfast copy' from the other vault to this one brings it back");
}

bool mirrors_used(struct backend *backend, const char *part, struct err *told)
{
	struct mirrors *m = of(backend);
	const struct route *first = NULL;
	size_t n = 0;
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < m->n_routes; i++) {
		struct route *r = &m->routes[i];
		if (part && !strstr(r->name, part))
			continue;
		if (!first && !r->told)
			first = r;
		n += !r->told;
		r->told = true;
	}
	if (first)
		tell(m, first, n - 1, told);
	pthread_mutex_unlock(&m->lock);
	return first != NULL;
}
