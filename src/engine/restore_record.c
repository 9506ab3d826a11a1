#include "engine/restore_record.h"

#include <string.h>
#include <time.h>

#include "vault/ledger.h"
#include "vault/vault.h"

void restore_record(struct vault *v, const struct restored *what, const struct err *failure,
                    struct restore_result *result)
{
	struct err err = { 0 };
	struct entry e = { .kind = failure->code ? ENTRY_ATTEMPT : ENTRY_RESTORE, .act = "restore",
	                   .time_s = (uint64_t)time(NULL), .seq = what->seq,
	                   .code = (uint64_t)-failure->code, .bytes = result->bytes_written,
	                   .duration_ms = result->duration_ms };
	if (!ledger_is_kept(v))
		return;
	e.verdict = what->seq ? VERDICT_PASSED : VERDICT_UNVERIFIED;
	memcpy(e.writer, what->store->writer, 16);
	memcpy(e.store, what->store->store, 16);
	memcpy(e.head, what->head, 32);
	memcpy(e.mask, what->mask, 32);
	int rc = what->one_of_many ? ledger_defer(v, &e, &err) : ledger_write_seeing(v, &e, &err);
	if (rc != 0 && result->warning.code == ERR_NONE)
		result->warning = err;
}

int restore_settle(struct vault *v, struct err *err)
{
	return ledger_is_kept(v) ? ledger_settle_seeing(v, err) : 0;
}
