/*
 * vault - one vault behind a URL, with the keys this machine has for it. (docs/FORMAT.md)
 *
 * A handle is opened without any secret; what it can do depends on what is found: with a writer's
 * key file (keys_dir) it can write, with a drill's or restorer's it can read what was granted to it,
 * after vault_unlock it can read everything. One handle may be used from several threads once it is
 * opened and unlocked.
 */
#ifndef HOLDFAST_VAULT_H
#define HOLDFAST_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct vault;

enum {
	VAULT_ID_BYTES = 16,
	VAULT_STORE_ID_BYTES = 16,
	VAULT_KEY_ID_BYTES = 16,
	VAULT_NAME_MAX = 200,        /* bytes of a store's name */
	VAULT_FORMAT = 1,            /* the newest format this program reads, and the one it writes */
};

struct backend_options;

struct vault_options {
	const char *url;
	const struct backend_options *storage;   /* backend.h; NULL: nothing to say */
	const char *state_dir;       /* writers' local state; NULL on a machine that only reads */
	const char *keys_dir;        /* key files; NULL: none */
	bool brief;                  /* for who opens it often: what this machine read within a week is not
	                                read again while the storage's fingerprint of the newest charter
	                                is the same. Needs state_dir and a key */
};

struct vault_init_options {
	const char *machine;         /* this machine's name, for the charter */
	const char *passphrase;
	size_t passphrase_len;
	bool generated;              /* the passphrase is a generated code of 77 bits, not a thought */
	uint32_t slot_ops, slot_mem_kib;   /* Argon2id cost; 0: 3 passes, 256 MiB (a code: 64 MiB) */
};

/*
 * Make a new vault: recovery seed, slot, vault.json, charter with this machine as writer and admin,
 * RECOVERY.txt, FORMAT.md; and this machine's key file (mode 0600). ERR_EXISTS if a vault or other
 * objects are there, or a key file would be overwritten; storage errors as in backend.h.
 */
int vault_init(const struct vault_options *options, const struct vault_init_options *init,
               struct err *err);

/*
 * Open: read vault.json, the charter, and this machine's key file if keys_dir has one for it; what
 * the key file remembers of the vault must agree. NULL with ERR_ABSENT (no vault there),
 * ERR_CORRUPT, ERR_FORK (not the vault that the key file knows, or a charter rolled back),
 * ERR_NEWER, or storage errors.
 */
struct vault *vault_open(const struct vault_options *options, struct err *err);
void vault_free(struct vault *v);

/*
 * Copies: from vault_use_copies on, what is damaged or gone is read from elsewhere: from an older
 * version that the storage keeps, or from mirrors: other places of the same vault, which are not asked
 * before they are needed. For restores; who checks a vault wants to know how this one is. To be
 * called before other threads use the handle. vault_add_mirror: `label` is what users call the
 * place. ERR_NOMEM, ERR_LIMIT, what opening storage gives.
 */
int vault_use_copies(struct vault *v, struct err *err);
int vault_add_mirror(struct vault *v, const char *label, const char *url,
                     const struct backend_options *storage, struct err *err);

/* Something that should be there is not listed: list the mirrors too from now on. False if they are
 * listed already, or there is none. */
bool vault_list_mirrors(struct vault *v);
bool vault_lists_mirrors(const struct vault *v);   /* they are */

/* How many threads may ask for small objects at once, since each does little but wait for the network: 1
 * where the vault lies on this machine. */
unsigned vault_at_once(const struct vault *v);

/* Get the recovery secret with the passphrase. ERR_KEY if it is wrong; ERR_ABSENT if there is no
 * slot; ERR_CORRUPT, ERR_FORK if the slot does not belong to this vault. */
int vault_unlock(struct vault *v, const char *passphrase, size_t len, struct err *err);

/* Before vault_unlock: keep the root key too, to sign with it (enrol.h). */
void vault_keep_root(struct vault *v);

/* Writes its own stores; reads everything (it is unlocked); reads this store, unlocked or by grant. */
bool vault_can_write(const struct vault *v);
bool vault_can_read(const struct vault *v);
bool vault_reads_store(const struct vault *v, const uint8_t writer[VAULT_KEY_ID_BYTES],
                       const uint8_t store[VAULT_STORE_ID_BYTES]);

/* What this machine can do with the keys at hand. Whether the storage's credentials allow it is
 * another matter (probe.h). */
struct vault_abilities {
	const char *machine;   /* its name; NULL: it has no key of this vault */
	unsigned roles;        /* enum role; 0 until it is accepted */
	bool waiting;          /* it has asked to be enrolled, and is not yet */
	bool write, enrol;     /* enrol machines that are no admins */
	enum { READS_NOTHING, READS_GRANTED, READS_EVERYTHING } read;
};
void vault_abilities(const struct vault *v, struct vault_abilities *out);

/* The same as a sentence: "this machine is db1 (admin, writer): it can write its own stores; can read
 * nothing without the recovery code". Writes into out and returns it. */
enum { VAULT_ABILITIES_MAX = 320 };
char *vault_abilities_text(const struct vault *v, char out[VAULT_ABILITIES_MAX]);

const char *vault_url(const struct vault *v);
const char *vault_id_text(const struct vault *v);      /* 32 hex digits */
const char *vault_short_id(const struct vault *v);     /* "3f9a-77c2" */
/* Fingerprint of the root key, for paper: eight groups of four hex digits. */
const char *vault_fingerprint(const struct vault *v);
const char *vault_machine(const struct vault *v);      /* this machine's name in the charter, or NULL */

/* ERR_KEY with the words for the user unless everything can be read: what is missing, and who gives it. */
int vault_need_reader(const struct vault *v, struct err *err);

struct store_info {
	uint8_t writer[VAULT_KEY_ID_BYTES];
	uint8_t store[VAULT_STORE_ID_BYTES];
	const char *name;            /* NULL where this machine has no key that opens the name */
	const char *writer_name;     /* from the charter */
	const char *damage;          /* why no key object tells the name; NULL: none failed */
};
/* What was read from copies and not told yet, as an error to be told: of this store's objects, or of all
 * (NULL); false: nothing. */
bool vault_copies_used(struct vault *v, const struct store_info *of, struct err *told);

typedef int store_visit(void *arg, const struct store_info *info, struct err *err);

/* Visit every store that has objects in the vault. Names are read from keys/ with the recovery secret,
 * and from those of them that are sealed to this machine; else only names given in `known`
 * (NULL-terminated, may be NULL) are recognised, and only of this machine's own stores. A key object that
 * is damaged costs its own store the name at most. The strings last as long as the visit. */
int vault_stores(struct vault *v, const char *const *known, store_visit *visit, void *arg,
                 struct err *err);

#endif
