/*
 * checking - one check under way: how its parts tell problems. Shared by the files of the check
 * verb; nobody else includes it.
 *
 * What is wrong with an object goes to checking_problem and the check goes on; what keeps it from
 * being checked at all (no memory, no connection, the user's stop) ends it.
 */
#ifndef CHECKING_H
#define CHECKING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/meter.h"
#include "holdfast/check.h"

struct checking {
	struct vault *vault;
	const struct store_info *store;      /* NULL: the vault itself */
	const struct check_options *options;
	struct check_result *result;
	check_problem *tell;
	void *arg;
	pthread_mutex_t lock;                /* around tell and result */
	struct meter meter;
};

/* Tell the failure in *err and count it: 0. Where it says nothing about an object, its code. From
 * any thread. */
int checking_problem(struct checking *c, const struct err *err);

/* Can what is checked be decrypted here: by the recovery secret, or one store by a grant? */
bool checking_reads(const struct checking *c);

int check_vault(struct checking *c, struct err *err);
int check_store(struct checking *c, struct err *err);

#endif
