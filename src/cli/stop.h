/* stop - SIGINT and SIGTERM: the first asks the work to end, the second ends it at once. */
#ifndef STOP_H
#define STOP_H

#include <signal.h>

void stop_install(void);

/* What the second signal removes before it ends the program: a file and its folder; they stay the
 * caller's. NULL, NULL: nothing any more. */
void stop_will_remove(const char *file, const char *folder);

/* Becomes non-zero when the user wants an end. */
const volatile sig_atomic_t *stop_flag(void);

#endif
