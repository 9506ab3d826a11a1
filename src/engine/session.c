#include "engine/session.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "crypto/seal.h"
#include "engine/evacuation.h"
#include "engine/run_record.h"
#include "holdfast/err.h"

enum {
	UPLOADERS = 2,
	REMOTE_UPLOADERS = 4,
	POOL = 5,               /* packs in memory: more do not fit our limit of 128 MiB */
};

void session_warn(struct session *s, enum err_code code, const char *fmt, ...)
{
	struct err *w = &s->result->warning;
	if (w->code != ERR_NONE)
		return;
	va_list args;
	va_start(args, fmt);
	vsnprintf(w->msg, sizeof w->msg, fmt, args);
	va_end(args);
	w->code = code;
}

/* ---- opening: does the state agree with the vault? ---- */

/* The storage says by its fingerprint that the newest snapshot is the one we put: then it need not be
 * fetched. Somebody else's would have another one. */
static bool is_as_we_put_it(const struct session *s)
{
	const struct state *b = s->base;
	return b && b->head_tag[0] && b->seq == s->there->newest &&
	       strcmp(b->head_tag, s->there->newest_tag) == 0;
}

static void newest_is_base(struct session *s)
{
	s->newest = s->base->seq;
	memcpy(s->newest_hash, s->base->head_hash, sizeof s->newest_hash);
}

static int load_newest(struct session *s, struct err *err)
{
	const uint8_t *writer = vault_keyfile(s->vault)->id;
	if (session_inventory(s, err) != 0)
		return err->code;
	uint64_t seq = s->there->newest;
	if (seq == 0)
		return 0;
	if (is_as_we_put_it(s)) {
		newest_is_base(s);
		return 0;
	}
	AUTO(heads_entry) e = heads_load(s->vault, writer, s->store, seq, false, err);
	if (e) {
		s->newest = seq;
		memcpy(s->newest_hash, e->hash, sizeof s->newest_hash);
		return 0;
	}
	if (err->code != ERR_CORRUPT)
		return err->code;
	/* damage to one object must not end all backups; a number is left free, so that the sound
	 * object may be copied back without looking like a fork */
	session_warn(s, ERR_CORRUPT, "%s: the newest snapshot is damaged (%.200s); a full snapshot was "
	             "taken", s->spec->source.name, err->msg);
	s->next->seq = seq + 1;
	return 0;
}

static bool has_left(const struct session *s, const char *name)
{
	char path[PATH_MAX + 16];
	snprintf(path, sizeof path, "%s/%s", s->dir, name);
	return access(path, F_OK) == 0;
}

/* What a killed run left is settled by looking. A local storage is looked at each night: that takes no
 * time, and packs that are gone are missed at once. */
static int find_newest(struct session *s, struct err *err)
{
	s->proven = s->proven && s->base && !has_left(s, "base.new") && !has_left(s, "journal");
	if (!s->proven || !vault_storage(s->vault)->remote)
		return load_newest(s, err);
	newest_is_base(s);
	s->put_off = true;
	return 0;
}

int session_inventory(struct session *s, struct err *err)
{
	if (s->there)
		return 0;
	s->there = inventory_load(s->vault, vault_keyfile(s->vault)->id, s->store, s->doomed, err);
	if (!s->there)
		return err->code;
	s->outdated |= s->put_off && (s->there->newest != s->newest ||
	                              (s->base->head_tag[0] && !is_as_we_put_it(s)));
	s->put_off = false;
	return 0;
}

bool session_is_newest(const struct session *s, const struct state *base)
{
	return s->newest && s->newest == base->seq &&
	       memcmp(s->newest_hash, base->head_hash, sizeof s->newest_hash) == 0;
}

/* What to say when the state and the vault disagree; the run then is a full. */
static void explain(struct session *s, const struct state *base)
{
	uint64_t there = s->newest;
	const char *name = s->spec->source.name;
	if (there < base->seq)
		session_warn(s, ERR_FORK, "%s: the vault is older than this machine remembers: its newest "
		             "snapshot is %" PRIu64 ", not %" PRIu64 ". Was it rolled back, or are "
		             "snapshots missing? A full snapshot was taken", name, there, base->seq);
	else if (there == base->seq)
		session_warn(s, ERR_FORK, "%s: snapshot %" PRIu64 " in the vault is not the one this "
		             "machine wrote: a copy of this machine writes the same store. A full snapshot "
		             "was taken", name, there);
	else
		session_warn(s, ERR_EXISTS, "%s: the vault has snapshots up to %" PRIu64 ", this machine "
		             "remembers %" PRIu64 ": its state was set back, or a copy of it writes the "
		             "same store. A full snapshot was taken", name, there, base->seq);
}

/* Before it is known whether a commit was interrupted: what is wrong with it is told later. */
static void peek_base(struct session *s)
{
	struct err ignored;
	s->base = state_load(s->dir, "base", s->store, vault_keyfile(s->vault)->state->bytes, &ignored);
}

/* No base and 0: there is none, or it is of no use. */
static int load_base(struct session *s, struct err *err)
{
	state_free(s->base);
	s->base = state_load(s->dir, "base", s->store, vault_keyfile(s->vault)->state->bytes, err);
	if (!s->base && err->code == ERR_CORRUPT)
		session_warn(s, ERR_CORRUPT, "%s: the local state was damaged and is discarded; a full "
		             "snapshot was taken", s->spec->source.name);
	else if (!s->base && err->code != ERR_ABSENT)
		return err->code;
	return 0;
}

/* The state counts only if it agrees with the vault. */
static void compare_base(struct session *s)
{
	if (!s->base || session_is_newest(s, s->base))
		return;
	explain(s, s->base);
	/* Numbers go on above both histories. What this run knows stays on the disk until its commit
	 * replaces it: a run that is killed must not take the news with it. */
	if (s->next->seq < s->base->seq)
		s->next->seq = s->base->seq;
	s->next->generation = s->base->generation;
	state_free(s->base);
	s->base = NULL;
	s->proven = false;
}

static void decide(struct session *s, bool force_full)
{
	s->full = force_full || s->options->full || !s->base ||
	          session_due(s->now_s, s->base->last_full_s, s->spec->full_every_s);
	struct state *n = s->next, *b = s->base;
	n->seq = (s->newest > n->seq ? s->newest : n->seq) + 1;
	if (!b)
		return;
	n->epoch = b->epoch;
	memcpy(n->epoch_pk, b->epoch_pk, 32);
	memcpy(n->key_tag, b->key_tag, sizeof n->key_tag);
	n->epoch_since_s = b->epoch_since_s;
	n->last_full_s = b->last_full_s;
	n->next_number = b->next_number;
	n->next_serial = b->next_serial;
	n->generation = b->generation;
	n->churn_ppm = b->churn_ppm;
	n->full_packs = b->full_packs;
	n->full_epoch = b->full_epoch;
	if (!s->full)
		memcpy(n->page_key, b->page_key, sizeof n->page_key);
}

int session_open(struct session *s, bool force_full, struct err *err)
{
	vault_store_id(s->vault, s->spec->source.name, s->store);
	s->now_s = (uint64_t)time(NULL);
	if (state_dir(s->vault, s->store, s->dir, sizeof s->dir, err) != 0)
		return err->code;
	s->lock_fd = state_lock(s->dir, s->spec->source.name, err);
	if (s->lock_fd < 0)
		return err->code;
	s->source = source_open(&s->spec->source, err);
	s->next = state_new(s->store, err);
	bool recovered = false;
	if (!s->source || !s->next)
		return err->code;
	peek_base(s);
	if (find_newest(s, err) != 0 || session_recover(s, &recovered, err) != 0 ||
	    ((recovered || !s->base) && load_base(s, err) != 0))
		return err->code;
	compare_base(s);
	decide(s, force_full);
	return 0;
}

void session_close(struct session *s)
{
	if (s->stream)
		stream_stop(s->stream);
	packer_free(s->packer);
	stream_free(s->stream);
	journal_free(s->journal);
	source_free(s->source);
	state_free(s->base);
	state_free(s->next);
	state_free(s->journaled);
	inventory_free(s->there);
	usage_free(s->known);
	usage_free(s->kept);
	free(s->evacuate);
	free(s->stored);
	secret_free(s->key);
	sodium_memzero(&s->keys, sizeof s->keys);
	io_drop(&s->lock_fd);
	if (s->may_read)
		sem_post(s->reading);
	pthread_mutex_destroy(&s->journal_lock);
}

/* ---- starting: session key, packer ---- */

static int make_header(struct session *s, struct err *err)
{
	uint8_t context[PACK_CONTEXT_BYTES];
	randombytes_buf(s->id, sizeof s->id);
	s->key = secret_random(32, err);
	if (!s->key)
		return err->code;
	memcpy(s->header.vault, vault_id(s->vault), 16);
	memcpy(s->header.store, s->store, 16);
	memcpy(s->header.session, s->id, 16);
	s->header.seq = s->next->seq;
	s->header.epoch = s->next->epoch;
	pack_context(context, &s->header);
	if (seal_stanza(s->header.stanza, s->key->bytes, s->next->epoch_pk, vault_psk(s->vault),
	                context, sizeof context) != 0)
		return err_set(err, ERR_CORRUPT, "%s: the epoch's public key is not valid",
		               s->spec->source.name);
	return 0;
}

/* Called by the packer for each file that a pack's runs name. */
static int lookup_file(void *arg, uint32_t number, struct pack_file *out, struct err *err)
{
	struct session *s = arg;
	int rc = ERR_INVALID;
	pthread_mutex_lock(&s->journal_lock);
	for (uint32_t i = 0; i < s->next->n_files && rc != 0; i++) {
		const struct state_file *f = &s->next->files[i];
		if (f->number != number)
			continue;
		*out = (struct pack_file){ .number = number, .page_bytes = f->page_bytes,
		                           .unit_bytes = f->unit_bytes, .length = f->length,
		                           .path = f->path, .path_len = strlen(f->path) };
		rc = 0;
	}
	pthread_mutex_unlock(&s->journal_lock);
	return rc == 0 ? 0 : err_set(err, ERR_INVALID, "file %" PRIu32 " is not known", number);
}

static int journal_begin(struct session *s, struct err *err)
{
	struct journal_head head = { .seq = s->next->seq, .full = s->full };
	if (s->base)
		memcpy(head.base_hash, s->base->head_hash, 32);
	memcpy(head.page_key, s->next->page_key, sizeof head.page_key);
	s->journal = journal_create(s->dir, &head, vault_keyfile(s->vault)->state->bytes, err);
	sodium_memzero(&head, sizeof head);
	int rc = s->journal ? 0 : err->code;
	for (uint32_t i = 0; i < s->next->n_files && rc == 0; i++) {
		const struct state_file *f = &s->next->files[i];
		struct journal_file jf = { f->number, f->page_bytes, f->unit_bytes, f->path };
		rc = journal_add_file(s->journal, &jf, err);
	}
	return rc;
}

static int journal_pack(struct session *s, const struct packer_done *done, struct err *err)
{
	struct journal_pack p = { .serial = done->serial, .number = done->number,
	                          .size = done->size, .weight = done->weight,
	                          .runs = done->runs->bytes, .runs_len = done->runs->len };
	memcpy(p.id, done->id, 32);
	if (!s->journal && journal_begin(s, err) != 0)
		return err->code;
	return journal_add_pack(s->journal, &p, !done->last, err);
}

static int remember_pack(struct session *s, const struct packer_done *done, struct err *err)
{
	struct state_pack *list = realloc(s->stored, (s->n_stored + 1) * sizeof *list);
	if (!list)
		return err_no_memory(err);
	s->stored = list;
	struct state_pack *p = &list[s->n_stored++];
	*p = (struct state_pack){ .serial = done->serial, .size = done->size,
	                          .weight = done->weight, .live = done->weight,
	                          .zeros = done->zeros };
	memcpy(p->id, done->id, 32);
	return 0;
}

static int pack_stored(void *arg, const struct packer_done *done, struct err *err)
{
	struct session *s = arg;
	pthread_mutex_lock(&s->journal_lock);
	int rc = remember_pack(s, done, err);
	if (rc == 0)
		rc = s->stream ? stream_stored(s->stream, done, err) : journal_pack(s, done, err);
	pthread_mutex_unlock(&s->journal_lock);
	meter_stored(&s->meter, done->size);
	return rc;
}

static int make_packer(struct session *s, struct err *err)
{
	unsigned uploaders = vault_storage(s->vault)->remote ? REMOTE_UPLOADERS : UPLOADERS;
	struct packer_options o = {
		.vault = s->vault, .header = s->header, .session_key = s->key->bytes,
		.first_number = s->first_number, .first_serial = s->next->next_serial,
		.uploaders = uploaders, .pool = s->workers > 1 ? POOL : 2,
		.lookup = lookup_file, .stored = pack_stored, .arg = s,
	};
	s->packer = packer_new(&o, err);
	return s->packer ? 0 : err->code;
}

int session_plan_evacuation(struct session *s, struct err *err)
{
	uint32_t n = s->base ? s->base->n_packs : 0;
	if (s->full || s->resumed || n == 0)
		return 0;
	struct evacuation_pack *packs = calloc(n, sizeof *packs);
	bool *chosen = calloc(n, sizeof *chosen);
	s->evacuate = calloc(s->kept->n + 1u, sizeof *s->evacuate);
	bool ok = packs && chosen && s->evacuate;
	for (uint32_t i = 0; ok && i < n; i++)
		packs[i] = (struct evacuation_pack){ .size = s->base->packs[i].size,
		                                     .weight = s->base->packs[i].weight,
		                                     .live = s->base->packs[i].live };
	bool any = false;
	if (ok)
		evacuation_choose(packs, n, (double)s->base->churn_ppm / 1e6, s->base->full_packs, chosen);
	for (uint32_t i = 0; ok && i < n; i++)
		if (chosen[i])
			any = s->evacuate[s->base->packs[i].serial - s->kept->first] = true;
	free(packs);
	free(chosen);
	if (!any) {
		free(s->evacuate);
		s->evacuate = NULL;
	}
	return ok ? 0 : err_no_memory(err);
}

/* Counters for every pack stored before this run. */
static int make_usage(struct session *s, struct err *err)
{
	uint32_t first = s->next->next_serial;
	for (uint32_t i = 0; i < s->n_stored; i++)
		if (s->stored[i].serial < first)
			first = s->stored[i].serial;
	if (!s->full && s->base->n_packs && s->base->packs[0].serial < first)
		first = s->base->packs[0].serial;
	s->known = usage_new(first, s->next->next_serial, err);
	s->kept = usage_new(first, s->next->next_serial, err);
	return s->known && s->kept ? 0 : err->code;
}

/* Many stores may be looked at together, but only some be read. */
static void wait_to_read(struct session *s)
{
	if (s->may_read)
		return;
	while (sem_wait(s->reading) != 0)
		;   /* EINTR */
	s->may_read = true;
}

bool session_may_stay(const struct session *s)
{
	return s->proven && !s->full && !s->options->dry_run && !session_must_rotate(s) &&
	       (!s->there || session_has_packs(s, s->base));
}

int session_start(struct session *s, bool will_read, struct err *err)
{
	if (!s->options->dry_run && (will_read || session_must_rotate(s)) &&
	    session_choose_epoch(s, err) != 0)
		return err->code;
	will_read = will_read || s->full;
	if (will_read)
		wait_to_read(s);
	if (s->full) {
		s->next->full_epoch = s->next->epoch;
		randombytes_buf(s->next->page_key, sizeof s->next->page_key);
		s->next->generation++;
		s->next->last_full_s = s->now_s;
	}
	if (will_read && session_resume(s, err) != 0)
		return err->code;
	sum_keys_derive(&s->keys, s->next->page_key);
	if (make_usage(s, err) != 0 || (will_read && session_plan_evacuation(s, err) != 0))
		return err->code;
	if (s->options->dry_run)
		return 0;
	if (make_header(s, err) != 0)
		return err->code;
	return will_read ? make_packer(s, err) : 0;
}
