/*
 * outcomes - what became of everything that is done again and again: STATE/outcomes.json.
 *
 *   {"format":1,"vaults":{"<vault id>":{"url":"...","done":{"backup/crm":{"good":N,"tried":N,
 *   "turn":N,"failures":N,"error":"..."}}}}}
 *
 * Names: backup/STORE, fleet/SECTION (good when all its members are), copy/VAULT. Times are the
 * starts of attempts, Unix seconds. Losing the file costs an early backup: what the vault holds tells
 * when there was a good one.
 */
#ifndef OUTCOMES_H
#define OUTCOMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct err;
struct outcomes;

enum { OUTCOMES_ERROR_MAX = 600 };

struct outcome {
	int64_t good_s;        /* 0: never, as far as is known here */
	int64_t tried_s;
	uint64_t failures;     /* turns in a row that failed: several attempts in one are one */
	char error[OUTCOMES_ERROR_MAX];   /* of the last failure; "" after a success */
};

/* Read. No file is an empty one; one that is damaged too, and *lost (may be NULL) then is true. To
 * change it, open it with `change`: others wait until it is freed. ERR_IO, ERR_DENIED, ERR_NOMEM. */
struct outcomes *outcomes_load(const char *state_dir, bool change, bool *lost, struct err *err);
void outcomes_free(struct outcomes *o);
AUTO_FREE(outcomes);

/* The same from a text, for tests. NULL with ERR_CORRUPT, ERR_NOMEM. */
struct outcomes *outcomes_parse(const char *text, size_t len, struct err *err);

/* From here on speak of this vault: known by its id, or, where that is NULL, by the address it had
 * last. With an id it is remembered under that address. ERR_NOMEM. */
int outcomes_of_vault(struct outcomes *o, const char *id, const char *url, struct err *err);

/* "kind/name"; zeros if there is nothing. */
void outcomes_get(const struct outcomes *o, const char *kind, const char *name, struct outcome *out);

/* The newest success of that kind; 0: none. */
int64_t outcomes_newest(const struct outcomes *o, const char *kind);

/* Note an attempt. turn_s: the turn it belongs to (due_slot). ERR_NOMEM. */
int outcomes_note_good(struct outcomes *o, const char *kind, const char *name, int64_t start_s,
                       struct err *err);
int outcomes_note_failed(struct outcomes *o, const char *kind, const char *name, int64_t start_s,
                         int64_t turn_s, const char *error, struct err *err);

/* Replace the file; makes the folder. Only of one that was opened to be changed. */
int outcomes_store(const struct outcomes *o, struct err *err);

#endif
