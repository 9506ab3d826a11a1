/* The epoch of keys that a session stores under. (session.h) */
#include <inttypes.h>
#include <string.h>

#include "engine/run_record.h"
#include "engine/session.h"
#include "holdfast/err.h"

bool session_must_rotate(const struct session *s)
{
	return session_due(s->now_s, s->next->epoch_since_s, s->spec->rotate_s);
}

static void take_epoch(struct session *s, const struct vault_epoch *e)
{
	s->next->epoch = e->number;
	memcpy(s->next->epoch_pk, e->pk, sizeof s->next->epoch_pk);
	memcpy(s->next->key_tag, e->tag, sizeof s->next->key_tag);
}

static int make_epoch(struct session *s, uint32_t number, struct err *err)
{
	struct vault_epoch e;
	if (vault_make_epoch(s->vault, s->spec->source.name, number, &e, err) != 0)
		return err->code;
	take_epoch(s, &e);
	s->next->epoch_since_s = s->now_s;
	struct entry_item made = { .number = number, .did = DID_EPOCH };
	memcpy(made.store, s->store, 16);
	memcpy(made.hash, e.pk, 32);
	run_record_intend(s->record, &made);
	run_record_made(s->record, &made);
	return 0;
}

/* What is sealed to a lost or damaged key cannot be restored: no snapshot may list such packs. */
static int replace_epochs(struct session *s, const struct vault_epoch *there, struct err *err)
{
	static const char then[] = "snapshots sealed to it cannot be restored. A new epoch and a full "
	                           "snapshot were made";
	uint32_t from = s->next->full_epoch, to = s->next->epoch;
	if (there->damaged)
		session_warn(s, ERR_CORRUPT, "%s: the key of its epoch %" PRIu32 " is damaged in the vault: "
		             "%s", s->spec->source.name, there->number, then);
	else
		session_warn(s, ERR_ABSENT, "%s: a key of its epochs %" PRIu32 " to %" PRIu32 " is gone from "
		             "the vault: %s", s->spec->source.name, from, to, then);
	s->full = true;
	return make_epoch(s, (there->number > to ? there->number : to) + 1, err);
}

int session_choose_epoch(struct session *s, struct err *err)
{
	struct state *n = s->next;
	struct vault_epoch there, known = { .number = n->epoch };
	memcpy(known.pk, n->epoch_pk, sizeof known.pk);
	memcpy(known.tag, n->key_tag, sizeof known.tag);
	if (vault_newest_epoch(s->vault, s->store, n->full_epoch, &known, &there, err) != 0)
		return err->code;
	if (there.damaged || there.number < n->epoch || (s->base && !s->full && !there.whole))
		return replace_epochs(s, &there, err);
	if (there.number > n->epoch || n->epoch == 0) {
		if (there.number == 0 || !there.granted)
			return make_epoch(s, there.number + 1, err);
		/* after state loss, or made by a run that was killed before its first commit */
		take_epoch(s, &there);
		n->epoch_since_s = s->now_s;
		return 0;
	}
	if (memcmp(there.pk, n->epoch_pk, 32) != 0)
		return err_set(err, ERR_FORK, "%s: the key of epoch %" PRIu32 " in the vault is not the "
		               "one this machine made", s->spec->source.name, there.number);
	take_epoch(s, &there);
	if (!there.granted || session_must_rotate(s))
		return make_epoch(s, n->epoch + 1, err);
	return 0;
}
