/*
 * session - one backup run of one store: what it starts from, what it has stored, what it leaves.
 * Shared by the files of the backup verb; nobody else includes it.
 */
#ifndef SESSION_H
#define SESSION_H

#include <limits.h>
#include <pthread.h>
#include <semaphore.h>

#include "base/scope.h"
#include "engine/meter.h"
#include "engine/packer.h"
#include "engine/usage.h"
#include "format/body.h"
#include "format/sum.h"
#include "holdfast/backup.h"
#include "vault/heads.h"
#include "vault/inventory.h"
#include "vault/journal.h"
#include "vault/state.h"
#include "vault/vault.h"

struct body_writer;
struct run_record;
struct stream;

struct session {
	struct vault *vault;
	const struct backup_store *spec;
	const struct backup_options *options;
	struct backup_result *result;
	size_t number;                   /* of the store in the run */
	unsigned workers;
	struct doomed *doomed;           /* of the whole run */
	struct run_record *record;       /* of the whole run; NULL: a dry one */
	bool proven;                     /* by the ledger: the base is of the vault's newest snapshot */
	sem_t *reading;                  /* of the whole run: how many may hold packs in memory */
	bool may_read;                   /* this one does */
	struct meter meter;
	uint64_t now_s;

	/* what there was */
	uint8_t store[16];
	char dir[PATH_MAX];              /* state folder */
	int lock_fd;
	struct source *source;
	struct state *base;              /* agrees with the vault's newest snapshot, or NULL */
	struct inventory *there;         /* what the vault held of this store, when it was asked; NULL where
	                                    it was not asked: session_inventory */
	bool put_off;                    /* it will be asked for when it is needed */
	uint64_t newest;                 /* number of the vault's newest snapshot that can be read, 0: none */
	uint8_t newest_hash[32];
	bool full;                       /* this run stores everything anew */
	bool resumed;                    /* arrays hold what a killed run had stored */
	struct state *journaled;         /* its files, by path: their numbers go on */

	/* what becomes */
	struct state *next;              /* the base record to be */
	struct sum_keys keys;
	struct usage *known, *kept;      /* of packs stored before this run */
	bool *evacuate;                  /* by serial - kept->first, or NULL */
	uint8_t id[16];
	struct secret *key;              /* session key */
	struct pack_header header;       /* template, with the stanza */
	struct packer *packer;
	pthread_mutex_t journal_lock;
	struct journal *journal;         /* made when the first pack is stored */
	struct state_pack *stored;       /* this run's packs, in the order acknowledged */
	uint32_t n_stored;
	struct stream *stream;           /* content-defined files, once there is one */
	uint32_t files;
	uint64_t units, changed_units;   /* of the page files read */
	uint32_t first_number;           /* of this run's packs within the snapshot */
	bool stays;                      /* nothing was to be done: the base is what the vault has */
	bool changed;                    /* content or metadata differ from the base */
	bool damaged;                    /* the arrays do not belong to the base: start again, full */
	bool outdated;                   /* the vault is not as the ledger says: start again and look first */
};

/* Lock, open the source, load the state, look at the vault, decide. Where the ledger proves what the
 * vault's newest snapshot is, a storage behind a network is not asked for it. */
int session_open(struct session *s, bool force_full, struct err *err);

/* The store's inventory in s->there, if it is not there yet. Where it was put off, it may show that the
 * ledger does not tell all: s->outdated. */
int session_inventory(struct session *s, struct err *err);

/* Nothing is to be done for a store that its source says is unchanged: the run's entry tells that it was
 * found current. */
bool session_may_stay(const struct session *s);
/* Epoch, session key, and, if the store will be read, packer and arrays of a killed run: everything
 * before the first byte. */
int session_start(struct session *s, bool will_read, struct err *err);
void session_close(struct session *s);

/* Has the time since then reached `every` seconds, where that is not 0? */
static inline bool session_due(uint64_t now, uint64_t since, uint64_t every)
{
	return every != 0 && now >= since && now - since >= every;
}

/* session_epoch.c: is it time for a new epoch? And the epoch for what is to be stored: the newest in the
 * vault, if this machine's and whole and granted to all that it is to be, or a new one. Runs that read the
 * source look at the keys/ objects of all epochs in use. ERR_FORK, errors of storage. */
bool session_must_rotate(const struct session *s);
int session_choose_epoch(struct session *s, struct err *err);

/* Bring back what a killed run stored for the same snapshot, if its journal fits. */
int session_resume(struct session *s, struct err *err);

/* Which packs to empty, so that a restore stays within 1.5 times the live bytes. */
int session_plan_evacuation(struct session *s, struct err *err);

/* Read one page file. */
int session_page_file(struct session *s, const struct source_entry *e, struct err *err);
/* All files were read: what the base had and the source has no more. */
int session_end_files(struct session *s, struct err *err);

/* Are all packs of that record in s->there? */
bool session_has_packs(const struct session *s, const struct state *of);

/* Inventory, snapshot, arrays, base record. Commits nothing if the session is damaged or outdated. */
int session_commit(struct session *s, struct err *err);
/* Finish a commit that a crash interrupted behind the put: state from base.new and the journal. */
int session_recover(struct session *s, bool *recovered, struct err *err);

/* Does this record describe the vault's newest snapshot? */
bool session_is_newest(const struct session *s, const struct state *base);

/* Write what the journal holds into the arrays that `next` describes; safe to repeat. */
int session_apply(struct session *s, const struct state *next, struct journal *j,
                  struct err *err);

/* A warning for the result; the first one stays. */
void session_warn(struct session *s, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * ---- content-defined files (trees, dumps): keyed chunks, a local index; stream.c ----
 *
 * STATE/<vault-id>/<store-id>/index.db (chunkindex.h) knows chunks, files and packs. It belongs to
 * one page key; a full starts a new one. A row counts only while its pack is in the vault's
 * inventory and is the base's, or was stored for the very snapshot being made: so a killed run is
 * continued by simply finding its chunks.
 */

/* Index of s->dir for s->next->page_key; made anew where it is missing, damaged, or of another
 * page key. Called once, before the first content-defined file. */
struct stream *stream_open(struct session *s, struct err *err);
/* End its threads. Before the packer is freed, which they use; the packer's callback is still
 * served until stream_free. */
void stream_stop(struct stream *t);
void stream_free(struct stream *t);
AUTO_FREE(stream);

/* One entry of the source (also folders, links...). Skips reading if path, stamp and extents are
 * known and none of its packs is to be evacuated; else chunks, finds or stores them. */
int stream_entry(struct stream *t, const struct source_entry *e, struct err *err);

/* All entries seen: hand the last chunks to the packer. Before packer_finish. */
int stream_flush(struct stream *t, struct err *err);

/* A pack was acknowledged. Called under the packer's stored lock, from any thread. */
int stream_stored(struct stream *t, const struct packer_done *done, struct err *err);

/* After packer_finish: fill in the packs in use (s->next->packs: serial, id, size, weight, live),
 * ascending, and say in s->changed whether anything differs from the base snapshot. */
int stream_packs(struct stream *t, struct err *err);

/* Write the file records of this snapshot; extents name packs by their index in s->next->packs. */
int stream_body(struct stream *t, struct body_writer *body, struct err *err);

/* The snapshot was committed: forget files that are gone. */
int stream_committed(struct stream *t, struct err *err);

#endif
