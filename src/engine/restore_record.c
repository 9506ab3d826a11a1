#include "engine/restore_record.h"

#include <string.h>
#include <time.h>

#include "vault/ledger.h"
#include "vault/vault.h"

static bool keeps_ledger(const struct vault *v)
{
	const struct keyfile *k = vault_keyfile(v);
	return k && charter_find(vault_charter(v), k->id) && vault_state_dir(v) && !vault_is_past(v);
}

void restore_record(struct vault *v, const struct restored *what, const struct err *failure,
                    struct restore_result *result)
{
	struct err err = { 0 };
	struct entry e = { .kind = failure->code ? ENTRY_ATTEMPT : ENTRY_RESTORE, .act = "restore",
	                   .time_s = (uint64_t)time(NULL), .seq = what->seq,
	                   .code = (uint64_t)-failure->code, .bytes = result->bytes_written,
	                   .duration_ms = result->duration_ms };
	if (!keeps_ledger(v))
		return;
	e.verdict = what->seq ? VERDICT_PASSED : VERDICT_UNVERIFIED;
	memcpy(e.writer, what->store->writer, 16);
	memcpy(e.store, what->store->store, 16);
	memcpy(e.head, what->head, 32);
	memcpy(e.mask, what->mask, 32);
	if (ledger_write(v, &e, &err) != 0 && result->warning.code == ERR_NONE)
		result->warning = err;
}
