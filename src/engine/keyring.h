/*
 * keyring - session keys of one store's packs and bodies, opened with the recovery secret, or with this
 * machine's own key where the store is granted to it.
 */
#ifndef KEYRING_H
#define KEYRING_H

#include <stdint.h>

#include "base/scope.h"
#include "format/pack.h"

struct err;
struct vault;

struct keyring;
/* NULL with ERR_KEY (the vault is not unlocked, the store not granted), ERR_NOMEM. Thread-safe. */
struct keyring *keyring_new(const struct vault *v, const uint8_t writer[16],
                            const uint8_t store[16], struct err *err);
void keyring_free(struct keyring *k);
AUTO_FREE(keyring);

/* The session key behind a header's stanza. The header's vault, store and epoch are checked.
 * ERR_CORRUPT, ERR_ABSENT (the epoch's key object is gone), ERR_KEY. */
int keyring_session(struct keyring *k, const struct pack_header *header, uint8_t key[32],
                    struct err *err);

#endif
