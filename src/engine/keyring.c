#include "engine/keyring.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/seal.h"
#include "crypto/secret.h"
#include "holdfast/err.h"
#include "vault/vault.h"

struct keyring {
	const struct vault *vault;
	uint8_t writer[16], store[16];
	pthread_mutex_t lock;
	struct secret *sk;            /* of the epoch opened last */
	uint32_t epoch;
};

struct keyring *keyring_new(const struct vault *v, const uint8_t writer[16],
                            const uint8_t store[16], struct err *err)
{
	if (vault_need_store(v, writer, store, err) != 0)
		return NULL;
	struct keyring *k = calloc(1, sizeof *k);
	if (k)
		k->sk = secret_new(32, err);
	if (!k || !k->sk) {
		free(k);
		err_no_memory(err);
		return NULL;
	}
	k->vault = v;
	memcpy(k->writer, writer, 16);
	memcpy(k->store, store, 16);
	pthread_mutex_init(&k->lock, NULL);
	return k;
}

void keyring_free(struct keyring *k)
{
	if (!k)
		return;
	secret_free(k->sk);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

static int open_epoch(struct keyring *k, uint32_t epoch, struct err *err)
{
	struct storekey key;
	if (k->epoch == epoch)
		return 0;
	int rc = vault_open_epoch(k->vault, k->writer, k->store, epoch, &key, err);
	if (rc == 0) {
		memcpy(k->sk->bytes, key.sk, 32);
		k->epoch = epoch;
	} else if (rc == ERR_ABSENT)
		err_set(err, ERR_CORRUPT, "the key of epoch %" PRIu32 " is not in the vault: it was "
		        "deleted (shredded), or lost", epoch);
	sodium_memzero(&key, sizeof key);
	return rc == 0 ? 0 : err->code;
}

int keyring_session(struct keyring *k, const struct pack_header *header, uint8_t key[32],
                    struct err *err)
{
	uint8_t context[PACK_CONTEXT_BYTES];
	if (memcmp(header->vault, vault_id(k->vault), 16) != 0 ||
	    memcmp(header->store, k->store, 16) != 0)
		return err_set(err, ERR_CORRUPT, "belongs to another vault or store (was it swapped?)");
	pack_context(context, header);
	pthread_mutex_lock(&k->lock);
	int rc = open_epoch(k, header->epoch, err);
	enum seal_open opened = rc == 0 ? seal_unstanza(key, header->stanza, k->sk->bytes,
	                                                vault_psk(k->vault), context, sizeof context)
	                                : SEAL_OPENED;
	pthread_mutex_unlock(&k->lock);
	if (rc != 0)
		return rc;
	return opened == SEAL_OPENED ? 0
	     : err_set(err, ERR_CORRUPT, "its sealed session key does not open");
}
