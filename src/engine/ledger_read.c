#include "engine/ledger_read.h"

#include <pthread.h>
#include <string.h>

#include "base/buf.h"
#include "base/wire.h"
#include "engine/ledger_tree.h"
#include "holdfast/err.h"
#include "vault/tlog.h"
#include "vault/vault.h"

struct reading {
	pthread_mutex_t lock;
	struct err first;            /* problem */
	ledger_read_entry *visit;
	void *arg;
};

static void keep_first(void *arg, const struct err *problem)
{
	struct reading *r = arg;
	pthread_mutex_lock(&r->lock);
	if (r->first.code == ERR_NONE)
		r->first = *problem;
	pthread_mutex_unlock(&r->lock);
}

static int visit_tile(const struct reading *r, const struct ledger_tree *t, uint64_t n,
                      struct buf *bundle, struct err *err)
{
	const struct tile tile = tiles_of(t->size, TILES_ENTRIES, n);
	const uint8_t *entry;
	size_t len;
	uint64_t index = n * TILES_WIDTH;
	buf_clear(bundle);
	if (tlog_tile(t->vault, t->key, &tile, bundle, err) != 0)
		return err->code;
	if (!ledger_tree_fits(t, &tile, bundle))
		return err_set(err, ERR_CORRUPT, "entries of a ledger read differently the second time");
	struct wire w = wire_over(bundle->bytes, bundle->len);
	for (int rc; tiles_next_entry(&w, &entry, &len); index++)
		if ((rc = r->visit(r->arg, index, entry, len, err)) != 0)
			return rc;
	return 0;
}

static int visit_all(const struct reading *r, const struct ledger_tree *t, struct err *err)
{
	int rc = 0;
	AUTO(buf) bundle = buf_new(TILES_BUNDLE_MAX, err);
	if (!bundle)
		return err->code;
	for (uint64_t n = 0; rc == 0 && n * TILES_WIDTH < t->size; n++)
		rc = visit_tile(r, t, n, bundle, err);
	return rc;
}

int ledger_read(const struct vault *v, const uint8_t key[16], struct note *checkpoint,
                struct buf *bytes, ledger_read_entry *visit, void *arg, struct err *err)
{
	struct reading r = { .visit = visit, .arg = arg };
	const struct ledger_tree_reader reader = { .problem = keep_first, .arg = &r };
	if (tlog_checkpoint(v, key, checkpoint, bytes, err) != 0)
		return err->code;
	pthread_mutex_init(&r.lock, NULL);
	AUTO(ledger_tree) t = ledger_tree_read(v, key, checkpoint, &reader, err);
	pthread_mutex_destroy(&r.lock);
	if (!t)
		return err->code;
	if (t->sound)
		return visit_all(&r, t, err);
	*err = r.first;
	err->code = ERR_CORRUPT;
	return err_hint(err, "'holdfast ledger verify' shows all that is wrong with it");
}
