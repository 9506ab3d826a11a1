#include "holdfast/probe.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "format/names.h"
#include "vault/keyfile.h"
#include "vault/storage.h"
#include "vault/vault.h"

enum { SMALL_BYTES = 32, READS = 5, NAME_MAX_PROBE = 64 };

static const char throughput_name[] = NAMES_PROBE "throughput";

struct probing {
	struct backend *b;
	struct probe_result *result;
	char name[NAME_MAX_PROBE];       /* new each time, so that nothing is there */
	uint8_t small[SMALL_BYTES];
};

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* What a call left in *err counts only if it failed. */
static bool record(int rc, const struct err *err, struct err *into)
{
	if (rc != 0)
		*into = *err;
	else
		*into = (struct err){ .code = ERR_NONE };
	return rc == 0;
}

static bool try_put(struct probing *p)
{
	struct err err = { 0 };
	int rc = storage_put(p->b, p->name, p->small, sizeof p->small, BACKEND_NEW, &err);
	if (!record(rc, &err, &p->result->put))
		return false;
	rc = storage_put(p->b, p->name, p->small, sizeof p->small, BACKEND_NEW, &err);
	p->result->exclusive = rc == ERR_EXISTS;
	return true;
}

/* Several times: the first one may have to connect. */
static void try_get(struct probing *p)
{
	struct err err = { 0 };
	uint8_t back[SMALL_BYTES];
	size_t len = 0;
	int rc = 0;
	p->result->latency_us = UINT64_MAX;
	for (int i = 0; rc == 0 && i < READS; i++) {
		uint64_t began = now_us();
		rc = storage_get(p->b, p->name, 0, back, sizeof back, &len, &err);
		uint64_t took = now_us() - began;
		if (took < p->result->latency_us)
			p->result->latency_us = took;
	}
	if (rc == 0 && (len != sizeof back || memcmp(back, p->small, sizeof back) != 0))
		rc = err_set(&err, ERR_CORRUPT, "%s: reads back differently", p->name);
	if (!record(rc, &err, &p->result->get))
		p->result->latency_us = 0;
}

static int look_for(void *arg, const struct backend_object *o, struct err *err)
{
	(void)err;
	const struct probing *p = arg;
	return strcmp(o->name, p->name) == 0;
}

static void try_list(struct probing *p)
{
	struct err err = { 0 };
	int rc = storage_list(p->b, NAMES_PROBE, look_for, p, &err);
	if (rc == 0)
		rc = err_set(&err, ERR_CORRUPT, "%s: is not listed though it was stored", p->name);
	record(rc > 0 ? 0 : rc, &err, &p->result->list);
}

static bool try_remove(struct probing *p, const char *name)
{
	struct err err = { 0 };
	bool removed = record(storage_remove(p->b, name, &err), &err, &p->result->remove);
	p->result->left |= !removed;
	return removed;
}

static uint64_t rate(uint64_t began_us)
{
	uint64_t took = now_us() - began_us;
	return (uint64_t)PROBE_BYTES * 1000000 / (took ? took : 1);
}

/* Always the same name, so that where nothing may be removed only one such object stays. */
static void measure(struct probing *p)
{
	struct err err = { 0 };
	size_t len;
	void *bytes = aligned_alloc(BACKEND_ALIGN, PROBE_BYTES);
	if (!bytes)
		return;
	randombytes_buf(bytes, PROBE_BYTES);
	uint64_t began = now_us();
	if (storage_put(p->b, throughput_name, bytes, PROBE_BYTES, BACKEND_REPLACE, &err) == 0) {
		p->result->up_bytes_per_s = rate(began);
		began = now_us();
		if (storage_get(p->b, throughput_name, 0, bytes, PROBE_BYTES, &len, &err) == 0)
			p->result->down_bytes_per_s = rate(began);
		try_remove(p, throughput_name);
	}
	free(bytes);
}

static void not_tried(struct err *e)
{
	err_set(e, ERR_STOPPED, "not tried: nothing could be stored");
}

static void try_traits(struct probing *p)
{
	struct err err = { 0 };
	record(storage_traits(p->b, &p->result->traits, &err), &err, &p->result->traits_failed);
}

static void run(struct probing *p)
{
	uint8_t id[12];
	char hex[2 * sizeof id + 1];
	randombytes_buf(id, sizeof id);
	randombytes_buf(p->small, sizeof p->small);
	snprintf(p->name, sizeof p->name, NAMES_PROBE "%s", hex_encode(hex, id, sizeof id));
	if (!try_put(p)) {
		not_tried(&p->result->get);
		not_tried(&p->result->list);
		not_tried(&p->result->remove);
		not_tried(&p->result->traits_failed);
		return;
	}
	try_get(p);
	try_list(p);
	try_remove(p, p->name);
	measure(p);
	try_traits(p);
}

/* A vault needs no key to be opened; what a policy names is the machine's own. */
static void find_key_id(const char *url, const struct backend_options *storage, const char *keys_dir,
                        struct probe_result *result)
{
	const struct vault_options o = { .url = url, .storage = storage, .keys_dir = keys_dir };
	struct err err = { 0 };
	AUTO(vault) v = vault_open(&o, &err);
	const struct keyfile *key = v ? vault_keyfile(v) : NULL;
	if (key)
		hex_encode(result->key_id, key->id, sizeof key->id);
	else if (v)
		err_set(&err, ERR_KEY, "this machine has no key for this vault");
	record(key ? 0 : err.code, &err, &result->key_failed);
}

int probe_run(const char *url, const struct backend_options *storage, const char *keys_dir,
              struct probe_result *result, struct err *err)
{
	if (crypto_start() != 0)
		return err_no_memory(err);
	*result = (struct probe_result){ .lock_configured = storage && storage->lock_s != 0 };
	struct probing p = { .b = storage_open(url, storage, err), .result = result };
	if (!p.b)
		return err->code;
	run(&p);
	storage_free(p.b);
	find_key_id(url, storage, keys_dir, result);
	return 0;
}

/* The keys of stores are never locked, so that they can be shredded: locks alone protect nothing. */
bool probe_can_destroy(const struct probe_result *r, const char **why)
{
	bool denied = r->remove.code == ERR_DENIED, locked = r->traits.locks && r->lock_configured;
	if (denied && (r->traits.versions || locked))
		*why = "they may not remove anything, and what they overwrite is kept";
	else if (denied)
		*why = "they may not remove objects, but overwrite them, and no older versions are kept";
	else if (r->remove.code != ERR_NONE)
		*why = "whether they may remove objects is not known, and they may overwrite them";
	else if (locked)
		*why = "packs and snapshots are locked, but the keys that open them may be removed; keys "
		       "are never locked";
	else if (r->traits.versions)
		*why = "they may remove objects with all their versions, and nothing is locked";
	else
		*why = "they may remove objects, and neither older versions nor locks protect these";
	return !(denied && (r->traits.versions || locked));
}
