/* grant - let a machine read stores without the recovery secret: their keys, sealed to its own. */
#ifndef HOLDFAST_GRANT_H
#define HOLDFAST_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "holdfast/vault.h"

struct grant_store {
	uint8_t writer[VAULT_KEY_ID_BYTES], store[VAULT_STORE_ID_BYTES];
};

struct grant_result {
	size_t stores;        /* that it may read now by this call */
	size_t keys;          /* of their epochs, sealed to it by this call */
	size_t keys_before;   /* that were already */
};

/*
 * Grant the named machine these stores, or `all` that there are and will be, and seal the keys of all
 * their epochs to it; new epochs are sealed by those who make them. May be repeated: what is there is
 * not made again, what an interrupted call left undone is. Root must be here (vault_keep_root and
 * vault_unlock). ERR_KEY without it; ERR_ABSENT, no such machine; ERR_INVALID, it has neither the role
 * drill nor restorer; ERR_CORRUPT naming a key object; storage errors.
 */
int grant_stores(struct vault *v, const char *machine, const struct grant_store *stores, size_t n,
                 bool all, struct grant_result *result, struct err *err);

/* Is the store granted to that machine? To all stores, coming ones too? */
bool grant_covers(const struct vault *v, const char *machine, const struct store_info *store);
bool grant_covers_all(const struct vault *v, const char *machine);

#endif
