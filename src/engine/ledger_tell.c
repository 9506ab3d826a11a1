/* What an admin did, in the ledger of the machine on which it was done. */
#include <string.h>
#include <time.h>

#include "format/entry.h"
#include "holdfast/err.h"
#include "holdfast/ledger.h"
#include "vault/ledger.h"
#include "vault/vault.h"

static int tell(struct vault *v, const char *machine, struct entry *e, struct err *err)
{
	const struct charter *c = vault_charter(v);
	const struct charter_key *k = charter_find_name(c, machine);
	if (!ledger_is_kept(v))
		return 0;
	if (!k)
		return err_set(err, ERR_ABSENT, "vault %s: there is no machine '%.100s'", vault_short_id(v),
		               machine);
	e->time_s = (uint64_t)time(NULL);
	e->charter_n = c->n;
	memcpy(e->charter, c->hash, sizeof e->charter);
	memcpy(e->key, k->id, sizeof e->key);
	if (e->kind == ENTRY_ENROLL)
		e->roles = k->roles;
	return ledger_write_seeing(v, e, err);
}

int ledger_tell_enrolment(struct vault *v, const char *machine, struct err *err)
{
	struct entry e = { .kind = ENTRY_ENROLL };
	return tell(v, machine, &e, err);
}

int ledger_tell_grant(struct vault *v, const char *machine, uint64_t keys, struct err *err)
{
	struct entry e = { .kind = ENTRY_GRANT, .keys = keys };
	return tell(v, machine, &e, err);
}
