#include "holdfast/memory.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "holdfast/err.h"
#include "vault/state.h"
#include "vault/vault.h"

int store_memory_load(struct vault *v, const struct store_info *store, struct store_memory *out,
                      struct err *err)
{
	const struct keyfile *key = vault_keyfile(v);
	char dir[PATH_MAX], hex[2 * VAULT_STORE_ID_BYTES + 1];
	if (!key || !vault_state_dir(v) || memcmp(key->id, store->writer, VAULT_KEY_ID_BYTES) != 0)
		return err_set(err, ERR_ABSENT, "this machine remembers nothing of the store");
	/* not state_dir, which would make the folder */
	if (snprintf(dir, sizeof dir, "%s/%s", vault_state_dir(v),
	             hex_encode(hex, store->store, VAULT_STORE_ID_BYTES)) >= PATH_MAX)
		return err_set(err, ERR_LIMIT, "path of the state folder is too long");
	AUTO(state) base = state_load(dir, "base", store->store, key->state->bytes, err);
	if (!base)
		return err->code;
	*out = (struct store_memory){ .seq = base->seq, .epoch = base->epoch,
		                      .epoch_since_s = (int64_t)base->epoch_since_s,
		                      .last_full_s = (int64_t)base->last_full_s };
	return 0;
}
