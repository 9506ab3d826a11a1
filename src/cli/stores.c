#include "cli/stores.h"

#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/cli.h"
#include "cli/known.h"
#include "cli/nearest.h"
#include "holdfast/err.h"

/* the strings are ours, though the library's struct calls them const */
static void entry_drop(struct store_entry *e)
{
	free((char *)(uintptr_t)e->info.name);
	free((char *)(uintptr_t)e->info.writer_name);
	free((char *)(uintptr_t)e->info.damage);
}

void stores_free(struct stores *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->n; i++)
		entry_drop(&list->entries[i]);
	free(list->entries);
	free(list);
}

static int add(void *arg, const struct store_info *info, struct err *err)
{
	struct stores *list = arg;
	struct store_entry *grown = reallocarray(list->entries, list->n + 1, sizeof *grown);
	if (!grown)
		return err_no_memory(err);
	list->entries = grown;
	struct store_entry *e = &grown[list->n++];
	*e = (struct store_entry){ .info = *info };
	e->info.name = info->name ? strdup(info->name) : NULL;
	e->info.writer_name = info->writer_name ? strdup(info->writer_name) : NULL;
	e->info.damage = info->damage ? strdup(info->damage) : NULL;
	if ((info->name && !e->info.name) || (info->writer_name && !e->info.writer_name) ||
	    (info->damage && !e->info.damage))
		return err_no_memory(err);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct store_entry *x = a, *y = b;
	if (!x->info.name || !y->info.name)
		return (x->info.name == NULL) - (y->info.name == NULL);
	return strcmp(x->info.name, y->info.name);
}

static bool same_name(const struct store_entry *a, const struct store_entry *b)
{
	return a->info.name && b->info.name && strcmp(a->info.name, b->info.name) == 0;
}

static void label(struct stores *list)
{
	if (list->n > 1)
		qsort(list->entries, list->n, sizeof *list->entries, by_name);
	for (size_t i = 0; i < list->n; i++) {
		struct store_entry *e = &list->entries[i];
		bool shared = (i > 0 && same_name(e, e - 1)) ||
		              (i + 1 < list->n && same_name(e, e + 1));
		char id[2 * VAULT_STORE_ID_BYTES + 1];
		hex_encode(id, e->info.store, VAULT_STORE_ID_BYTES);
		if (e->info.name)
			snprintf(e->label, sizeof e->label, "%s%s%s",
			         shared && e->info.writer_name ? e->info.writer_name : "",
			         shared && e->info.writer_name ? ":" : "", e->info.name);
		else
			snprintf(e->label, sizeof e->label, "(%.12s, %s)", id,
			         e->info.damage ? "its key is damaged" : "name not known here");
	}
}

static bool a_name_is_missing(const struct stores *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (!list->entries[i].info.name)
			return true;
	return false;
}

static struct stores *load_once(struct cli *cli, struct err *err)
{
	AUTO(known) known = known_names(cli, err);
	AUTO(stores) list = calloc(1, sizeof *list);
	if (known && !list)
		err_no_memory(err);
	if (!known || !list || vault_stores(cli->vault, known_list(known), add, list, err) != 0)
		return NULL;
	label(list);
	return TAKE(list);
}

struct stores *stores_load(struct cli *cli, enum stores_names names, struct err *err)
{
	bool unlocked;
	AUTO(stores) list = load_once(cli, err);
	if (!list || names == STORES_AS_THEY_ARE || !a_name_is_missing(list) ||
	    vault_can_read(cli->vault))
		return TAKE(list);
	if (cli_unlock_if_given(cli, true, &unlocked, err) != 0)
		return NULL;
	return unlocked ? load_once(cli, err) : TAKE(list);
}

int stores_parse_spec(const char *operand, struct store_spec *out, struct err *err)
{
	const char *at = strrchr(operand, '@');
	size_t len = at ? (size_t)(at - operand) : strlen(operand);
	if (len >= sizeof out->store)
		return err_set(err, ERR_INVALID, "'%.60s...': no store has so long a name",
		               operand);
	memcpy(out->store, operand, len);
	out->store[len] = '\0';
	out->snapshot = at ? at + 1 : NULL;
	return 0;
}

bool stores_match(const struct store_entry *entry, const char *pattern)
{
	const char *name = entry->info.name, *machine = entry->info.writer_name;
	char full[sizeof entry->label];
	if (!name)
		return false;
	if (strcmp(name, pattern) == 0 || fnmatch(pattern, name, 0) == 0)
		return true;
	snprintf(full, sizeof full, "%s:%s", machine ? machine : "", name);
	return strcmp(full, pattern) == 0 || fnmatch(pattern, full, 0) == 0;
}

static int none(const struct stores *list, const char *pattern, struct err *err)
{
	const char *best = NULL, *damage = NULL;
	size_t distance = SIZE_MAX, unknown = 0;
	for (size_t i = 0; i < list->n; i++) {
		const struct store_info *info = &list->entries[i].info;
		if (info->name)
			best = nearest_better(pattern, info->name, best, &distance);
		unknown += !info->name;
		damage = info->damage ? info->damage : damage;
	}
	if (damage) {
		err_set(err, ERR_CORRUPT, "%.100s: no store has that name, but one has a name that cannot be "
		        "read: %s", pattern, damage);
		return err_hint(err, "another copy of the vault may have that key whole; in a bucket that "
		                     "keeps versions, --as-of TIME");
	}
	err_set(err, ERR_ABSENT, "%s: no such store in the vault", pattern);
	if (best)
		return err_hint(err, "did you mean '%s'?", best);
	if (unknown)
		return err_hint(err, "%zu of its stores have names that only the passphrase opens: "
		                     "--passphrase-file", unknown);
	return err_hint(err, "'holdfast snapshots' lists what is there; in a bucket that keeps versions, "
	                     "--as-of TIME what was");
}

const struct store_entry *stores_one(const struct stores *list, const char *pattern,
                                     struct err *err)
{
	const struct store_entry *found = NULL;
	for (size_t i = 0; i < list->n; i++) {
		const struct store_entry *e = &list->entries[i];
		if (!stores_match(e, pattern))
			continue;
		if (found) {
			err_set(err, ERR_INVALID, "%s: means several stores: '%s' and '%s'",
			        pattern, found->label, e->label);
			err_hint(err, "name one of them");
			return NULL;
		}
		found = e;
	}
	if (!found)
		none(list, pattern, err);
	return found;
}

static bool is_meant(const struct store_entry *e, char **operands, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (stores_match(e, operands[i]))
			return true;
	return n == 0;
}

static bool means_any(const struct stores *list, const char *operand)
{
	for (size_t i = 0; i < list->n; i++)
		if (stores_match(&list->entries[i], operand))
			return true;
	return false;
}

struct stores *stores_load_holding(struct cli *cli, const char *pattern, struct err *err)
{
	AUTO(stores) list = stores_load(cli, STORES_AS_THEY_ARE, err);
	if (!list || means_any(list, pattern) || !vault_list_mirrors(cli->vault))
		return TAKE(list);
	return stores_load(cli, STORES_AS_THEY_ARE, err);
}

/* Is there something that is meant, and can all of it be read here? */
static bool all_readable(const struct cli *cli, const struct stores *list, const char *pattern)
{
	bool any = false;
	for (size_t i = 0; i < list->n; i++) {
		const struct store_info *info = &list->entries[i].info;
		if (!stores_match(&list->entries[i], pattern))
			continue;
		if (!vault_reads_store(cli->vault, info->writer, info->store))
			return false;
		any = true;
	}
	return any;
}

struct stores *stores_load_to_read(struct cli *cli, const char *pattern, struct err *err)
{
	struct vault_abilities here;
	if (cli_open(cli, err) != 0)
		return NULL;
	vault_abilities(cli->vault, &here);
	if (here.read == READS_GRANTED) {
		AUTO(stores) list = stores_load_holding(cli, pattern, err);
		if (!list || all_readable(cli, list, pattern))
			return TAKE(list);
	}
	return cli_unlock(cli, err) == 0 ? stores_load_holding(cli, pattern, err) : NULL;
}

int stores_must_mean(const struct stores *list, const char *pattern, struct err *err)
{
	return means_any(list, pattern) ? 0 : none(list, pattern, err);
}

int stores_keep(struct stores *list, char **operands, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (stores_must_mean(list, operands[i], err) != 0)
			return err->code;
	size_t kept = 0;
	for (size_t i = 0; i < list->n; i++)
		if (is_meant(&list->entries[i], operands, n))
			list->entries[kept++] = list->entries[i];
		else
			entry_drop(&list->entries[i]);
	list->n = kept;
	return 0;
}

void stores_shorten(struct stores *list, size_t n)
{
	while (list->n > n)
		entry_drop(&list->entries[--list->n]);
}

void stores_remove(struct stores *list, size_t at)
{
	entry_drop(&list->entries[at]);
	list->n--;
	memmove(&list->entries[at], &list->entries[at + 1], (list->n - at) * sizeof *list->entries);
}

int stores_newest(struct cli *cli, const struct store_entry *entry, struct snapshot_info *out,
                  bool *found, struct err *err)
{
	int rc = snapshot_select(cli->vault, &entry->info, NULL, out, err);
	*found = rc == 0;
	return rc == ERR_ABSENT ? 0 : rc;
}

uint64_t stores_new_bytes(const struct snapshot_info *info)
{
	return info->seq == 1 ? info->listed_bytes : info->new_bytes;
}
