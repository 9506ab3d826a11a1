/* stores - the stores that a vault holds, and those that the command line means. */
#ifndef STORES_H
#define STORES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/scope.h"
#include "holdfast/snapshot.h"
#include "holdfast/vault.h"

struct err;
struct cli;

struct store_entry {
	struct store_info info;   /* its strings belong to the entry */
	char label[VAULT_NAME_MAX + 80];   /* the name, with "machine:" where it is not unique, or an id */
};

struct stores {
	struct store_entry *entries;   /* sorted by label */
	size_t n;
};

/* What to load. */
enum stores_names {
	STORES_AS_THEY_ARE,   /* names that this machine knows */
	STORES_ASK,           /* get the passphrase if names are missing and there is one */
};
struct stores *stores_load(struct cli *cli, enum stores_names names, struct err *err);
/* STORES_AS_THEY_ARE; where the vault lists none that the pattern means, its mirrors are listed too. */
struct stores *stores_load_holding(struct cli *cli, const char *pattern, struct err *err);
/* The same, to read what the pattern means: with what is granted to this machine where that suffices,
 * else with the recovery secret. ERR_KEY, naming the grant that is missing. */
struct stores *stores_load_to_read(struct cli *cli, const char *pattern, struct err *err);
void stores_free(struct stores *list);
AUTO_FREE(stores);

/* STORE[@SNAPSHOT] taken apart; store is empty where the operand begins with '@'. */
struct store_spec {
	char store[VAULT_NAME_MAX + 80];
	const char *snapshot;   /* behind '@', or NULL */
};
int stores_parse_spec(const char *operand, struct store_spec *out, struct err *err);

/* Does a pattern (or plain name, or MACHINE:NAME) mean this store? */
bool stores_match(const struct store_entry *entry, const char *pattern);

/* The one store that is meant. NULL with ERR_ABSENT (none; hints at the nearest) or ERR_INVALID
 * (several). */
const struct store_entry *stores_one(const struct stores *list, const char *pattern,
                                     struct err *err);

/* ERR_ABSENT (hints at the nearest): the pattern means none of them. */
int stores_must_mean(const struct stores *list, const char *pattern, struct err *err);

/* Sort out all that none of the operands means; with no operands all stay. ERR_ABSENT for an
 * operand that means none. */
int stores_keep(struct stores *list, char **operands, size_t n, struct err *err);

/* Drop what is behind the first n; drop one. */
void stores_shorten(struct stores *list, size_t n);
void stores_remove(struct stores *list, size_t at);

/* The newest snapshot; *found is false if there is none. */
int stores_newest(struct cli *cli, const struct store_entry *entry, struct snapshot_info *out,
                  bool *found, struct err *err);

/* What a snapshot added to the vault; with the first, that is all of it. */
uint64_t stores_new_bytes(const struct snapshot_info *info);

#endif
