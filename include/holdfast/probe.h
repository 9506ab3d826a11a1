/*
 * probe - try a place for vaults with the credentials at hand: what is allowed, how fast, and could
 * whoever steals the credentials destroy what is stored.
 *
 * Everything it puts lies below `probe/` and is removed again, where that is allowed.
 */
#ifndef HOLDFAST_PROBE_H
#define HOLDFAST_PROBE_H

#include <signal.h>
#include <stdbool.h>

#include "holdfast/backend.h"
#include "holdfast/err.h"

enum { PROBE_BYTES = 16 << 20, PROBE_KEY_ID = 33 };

struct probe_result {
	struct err put, get, list, remove;   /* code 0: allowed; ERR_STOPPED: not tried */
	struct err traits_failed;            /* code 0: traits hold */
	struct backend_traits traits;
	bool exclusive;                      /* a second put of the same name as new was refused */
	bool lock_configured;
	uint64_t latency_us;                 /* of one small read, the quickest of a few */
	uint64_t up_bytes_per_s, down_bytes_per_s;   /* one object of PROBE_BYTES; 0: not measured */
	bool left;                           /* something stays below probe/ */
	char key_id[PROBE_KEY_ID];           /* hex: this machine's folder in the vault that is there */
	struct err key_failed;               /* code 0: key_id holds; ERR_ABSENT: there is no vault yet;
	                                        ERR_KEY: this machine has no key for it */
};

/* keys_dir: where this machine's key files are, or NULL. ERR_INVALID and others of opening storage;
 * what is refused later is in the result. */
int probe_run(const char *url, const struct backend_options *storage, const char *keys_dir,
              struct probe_result *result, struct err *err);

/* Can these credentials destroy what is stored? *why is one line for the user. */
bool probe_can_destroy(const struct probe_result *r, const char **why);

#endif
