/* What a copy does with one object, and how it tells what is wrong with one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto/sha256.h"
#include "crypto/slot.h"
#include "engine/copying.h"
#include "engine/objects.h"
#include "format/charter.h"
#include "format/names.h"
#include "format/storekey.h"
#include "vault/storage.h"
#include "vault/vault.h"

int copying_check(const struct copying *c, struct err *err)
{
	if (atomic_load(&c->all->ended))
		return err_set(err, ERR_STOPPED, "ended, since the copy of another store failed");
	return meter_check(&c->meter, err);
}

size_t copying_take_room(struct copying *c, uint64_t bytes)
{
	struct copying_common *all = c->all;
	size_t wanted = bytes < all->room_all ? (size_t)bytes : all->room_all;
	pthread_mutex_lock(&all->lock);
	while (all->room < wanted)
		pthread_cond_wait(&all->changed, &all->lock);
	all->room -= wanted;
	pthread_mutex_unlock(&all->lock);
	return wanted;
}

void copying_give_room(struct copying *c, size_t taken)
{
	pthread_mutex_lock(&c->all->lock);
	c->all->room += taken;
	pthread_cond_broadcast(&c->all->changed);
	pthread_mutex_unlock(&c->all->lock);
}

int copying_problem(struct copying *c, const struct err *err)
{
	bool damage = err->code == ERR_CORRUPT || err->code == ERR_ABSENT || err->code == ERR_LIMIT ||
	              err->code == ERR_FORK || err->code == ERR_NEWER;
	if (!damage)
		return err->code;
	pthread_mutex_lock(&c->all->lock);
	c->result->problems++;
	c->all->options->problem(c->all->options->arg, err);
	pthread_mutex_unlock(&c->all->lock);
	return 0;
}

static int differs(struct copying *c, const char *name, struct err *err)
{
	err_set(err, ERR_FORK, "%s: is another object in %.150s than here", name, c->all->url);
	err_hint(err, "nothing is replaced: find out which of the two is right before you remove the "
	         "other");
	return copying_problem(c, err);
}

int copying_present(struct copying *c, const struct object_entry *here,
                    const struct object_entry *there, struct err *err)
{
	if (here->size != there->size)
		return differs(c, here->name, err);
	pthread_mutex_lock(&c->all->lock);
	c->result->skipped++;
	pthread_mutex_unlock(&c->all->lock);
	return 0;
}

/* Another copy may have put it since it was listed. */
static int put(struct copying *c, const char *name, const void *data, size_t len, bool replace,
               struct err *err)
{
	if (c->all->options->dry_run)
		return 0;
	int rc = storage_put(c->all->to, name, data, len, replace ? BACKEND_REPLACE : BACKEND_NEW, err);
	meter_stored(&c->meter, len);
	return rc == 0 || rc == ERR_EXISTS ? 0 : err_wrap(err, "%.150s", c->all->url);
}

int copying_put(struct copying *c, const char *name, const void *data, size_t len, bool replace,
                struct err *err)
{
	if (put(c, name, data, len, replace, err) != 0)
		return err->code;
	pthread_mutex_lock(&c->all->lock);
	c->result->objects++;
	c->result->bytes += len;
	pthread_mutex_unlock(&c->all->lock);
	return 0;
}

static int verify_text(const uint8_t expected[32], const struct buf *bytes, struct err *err)
{
	uint8_t found[32];
	hash_plain(found, bytes->bytes, bytes->len);
	return memcmp(found, expected, 32) == 0
	     ? 0 : err_set(err, ERR_CORRUPT, "is not what was written when the vault was made");
}

int copying_verify_anchor(const struct copying_common *all, const struct buf *bytes, struct err *err)
{
	struct charter_anchor a;
	const struct charter_anchor *known = vault_anchor(all->from);
	if (charter_decode_anchor(&a, bytes->bytes, bytes->len, err) != 0)
		return err->code;
	return memcmp(a.vault, known->vault, 16) == 0 && memcmp(a.root, known->root, 32) == 0
	     ? 0 : err_set(err, ERR_FORK, "is of another vault");
}

static int verify_charter(const struct charter_anchor *known, const char *name,
                          const struct buf *bytes, struct err *err)
{
	uint64_t n;
	AUTO(charter) charter = charter_decode(bytes->bytes, bytes->len, known, err);
	if (!charter)
		return err->code;
	return names_tail_number(name, &n) && n == charter->n
	     ? 0 : err_set(err, ERR_CORRUPT, "holds %" PRIu64 " entries", charter->n);
}

static int verify_list(const char *name, const struct buf *bytes, struct err *err)
{
	uint8_t expected[SHA256_BYTES], found[SHA256_BYTES];
	sha256(found, bytes->bytes, bytes->len);
	return names_tail_id(name, expected, sizeof expected) && memcmp(found, expected, sizeof found) == 0
	     ? 0 : err_set(err, ERR_CORRUPT, "is not what its name says");
}

/* As far as can be without a key. */
static int verify(const struct copying *c, const char *name, const struct buf *bytes,
                  struct err *err)
{
	const struct charter_anchor *known = vault_anchor(c->all->from);
	if (strcmp(name, NAMES_ANCHOR) == 0)
		return copying_verify_anchor(c->all, bytes, err);
	if (strcmp(name, NAMES_RECOVERY) == 0)
		return verify_text(known->recovery_txt, bytes, err);
	if (strcmp(name, NAMES_FORMAT) == 0)
		return verify_text(known->format_md, bytes, err);
	if (names_starts(name, NAMES_CHARTERS))
		return verify_charter(known, name, bytes, err);
	if (strstr(name, "/runs/"))
		return verify_list(name, bytes, err);
	return names_starts(name, NAMES_SLOTS) ? slot_check(bytes->bytes, bytes->len, err) : 0;
}

/* Whether a slot is what it was only the passphrase tells: at least it was not damaged on the way. */
static int read_again(const struct copying *c, const char *name, const struct buf *bytes,
                      struct err *err)
{
	AUTO(buf) again = buf_new(CHARTER_MAX_BYTES, err);
	if (!again || storage_get_all(vault_storage(c->all->from), name, again, err) != 0)
		return err->code;
	if (again->len == bytes->len && memcmp(again->bytes, bytes->bytes, bytes->len) == 0)
		return 0;
	return err_set(err, ERR_CORRUPT, "%s: reads differently the second time", name);
}

static int read_small(const struct copying *c, const char *name, struct buf *bytes, struct err *err)
{
	struct storekey k;
	if (names_starts(name, NAMES_KEYS))
		return vault_read_key(c->all->from, name, &k, bytes, err);
	if (storage_get_all(vault_storage(c->all->from), name, bytes, err) != 0)
		return err->code;
	if (verify(c, name, bytes, err) != 0)
		return err_wrap(err, "%s", name);
	bool unvouched = names_starts(name, NAMES_SLOTS) || strstr(name, "/drills/");
	return unvouched ? read_again(c, name, bytes, err) : 0;
}

/* Without vault.json and the charter nothing may follow: it could not be opened. */
static bool is_needed(const struct copying *c, const char *name)
{
	char charter[NAMES_MAX];
	return strcmp(name, NAMES_ANCHOR) == 0 ||
	       strcmp(name, names_charter(charter, vault_charter(c->all->from)->n)) == 0;
}

int copying_small(struct copying *c, const char *name, struct err *err)
{
	AUTO(buf) bytes = buf_new(CHARTER_MAX_BYTES, err);
	if (!bytes || copying_check(c, err) != 0)
		return err->code;
	if (read_small(c, name, bytes, err) != 0)
		return is_needed(c, name) ? err->code : copying_problem(c, err);
	return copying_put(c, name, bytes->bytes, bytes->len, false, err);
}

/* The beginnings of what lies under one name on both sides. */
int copying_compare(struct copying *c, const char *name, struct err *err)
{
	enum { COMPARED = 64 << 10 };
	size_t here_len = 0, there_len = 0;
	uint8_t *here = malloc(2 * COMPARED), *there = here + COMPARED;
	int rc = here ? storage_get(vault_storage(c->all->from), name, 0, here, COMPARED, &here_len, err)
	              : err_no_memory(err);
	if (rc != 0)
		rc = copying_problem(c, err);
	else if ((rc = storage_get(c->all->to, name, 0, there, COMPARED, &there_len, err)) == 0 &&
	         (here_len != there_len || memcmp(here, there, here_len) != 0))
		rc = differs(c, name, err);
	free(here);
	return rc;
}

/* All below a prefix. Slots are compared: they are few, nothing opens without one, and nobody else
 * sees that one is damaged. */
int copying_folder(struct copying *c, const char *prefix, struct err *err)
{
	AUTO(objects) here = objects_list(vault_storage(c->all->from), prefix, err);
	AUTO(objects) there = here && here->n ? objects_list(c->all->to, prefix, err) : NULL;
	if (!here || (here->n && !there))
		return err->code;
	for (size_t i = 0; i < here->n; i++) {
		const struct object_entry *twin = objects_find(there, here->list[i].name);
		int rc = twin ? copying_present(c, &here->list[i], twin, err)
		              : copying_small(c, here->list[i].name, err);
		if (rc == 0 && twin && names_starts(prefix, NAMES_SLOTS))
			rc = copying_compare(c, twin->name, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int copying_fixed(struct copying *c, const char *name, struct err *err)
{
	struct backend_object here = { .name = name }, there;
	int rc = storage_stat(c->all->to, name, &there, err);
	if (rc == ERR_ABSENT)
		return copying_small(c, name, err);
	if (rc == 0 && storage_stat(vault_storage(c->all->from), name, &here, err) != 0)
		return copying_problem(c, err);
	const struct object_entry mine = { (char *)(uintptr_t)name, here.size_bytes };
	const struct object_entry twin = { (char *)(uintptr_t)name, there.size_bytes };
	return rc == 0 ? copying_present(c, &mine, &twin, err) : rc;
}
