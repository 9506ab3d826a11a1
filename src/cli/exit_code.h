/* exit_code - what the program's exit status says; the same table stands in holdfast(1). */
#ifndef EXIT_CODE_H
#define EXIT_CODE_H

#include "holdfast/err.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,          /* usage or configuration */
	EXIT_SOME_FAILED = 3,    /* of several stores; outranks the rest */
	EXIT_DEGRADED = 4,       /* done, but something is to be known */
	EXIT_OVERDUE = 5,
	EXIT_DRILL = 6,          /* a drill failed or could not verify */
	EXIT_NO_VAULT = 10,
	EXIT_STORE_BUSY = 11,
	EXIT_NO_KEY = 12,        /* key missing, or wrong passphrase */
	EXIT_DAMAGE = 20,        /* damage or a fork was found */
	EXIT_STOPPED = 130,
};

/* The status for an error. "No vault" is not among them: only who opened the vault knows that. */
enum exit_code exit_code_of(enum err_code code);

#endif
