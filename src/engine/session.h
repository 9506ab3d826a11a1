/*
 * session - one backup run of one store: what it starts from, what it has stored, what it leaves.
 * Shared by the files of the backup verb; nobody else includes it.
 */
#ifndef SESSION_H
#define SESSION_H

#include <limits.h>
#include <pthread.h>

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

struct stream;

struct session {
	struct vault *vault;
	const struct backup_store *spec;
	const struct backup_options *options;
	struct backup_result *result;
	unsigned workers;
	struct meter meter;
	uint64_t now_s;

	/* what there was */
	uint8_t store[16];
	char dir[PATH_MAX];              /* state folder */
	int lock_fd;
	struct source *source;
	struct state *base;              /* agrees with the vault's newest snapshot, or NULL */
	struct heads_entry *newest;      /* the vault's newest snapshot, or NULL */
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
	uint32_t first_number;           /* of this run's packs within the snapshot */
	bool changed;                    /* content or metadata differ from the base */
	bool damaged;                    /* the arrays do not belong to the base: start again, full */
};

/* Lock, open the source, load the state, look at the vault, decide. */
int session_open(struct session *s, bool force_full, struct err *err);
/* Epoch, session key, packer, arrays of a killed run: everything before the first byte is read. */
int session_start(struct session *s, struct err *err);
void session_close(struct session *s);

/* Bring back what a killed run stored for the same snapshot, if its journal fits. */
int session_resume(struct session *s, struct err *err);

/* Which packs to empty, so that a restore stays within 1.5 times the live bytes. */
int session_plan_evacuation(struct session *s, struct err *err);

/* Read one page file. */
int session_page_file(struct session *s, const struct source_entry *e, struct err *err);
/* All files were read: what the base had and the source has no more. */
int session_end_files(struct session *s, struct err *err);

/* Inventory, snapshot, arrays, base record. */
int session_commit(struct session *s, struct err *err);
/* Finish a commit that a crash interrupted behind the put: state from base.new and the journal. */
int session_recover(struct session *s, struct err *err);

/* Write what the journal holds into the arrays that `next` describes; safe to repeat. */
int session_apply(struct session *s, const struct state *next, struct journal *j,
                  struct err *err);

/* A warning for the result; the first one stays. */
void session_warn(struct session *s, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
