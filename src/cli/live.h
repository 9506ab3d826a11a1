/* live - one line on the terminal that tells how far the work is; nothing where there is none. */
#ifndef LIVE_H
#define LIVE_H

#include <stdbool.h>

#include "holdfast/progress.h"

/* What to hand to the library. Shows a line only if `show` and standard error is a terminal; `moved`
 * says what happened to the bytes that went through the network: "stored", "fetched". */
const struct progress *live_progress(bool show, const char *moved);

/* Wipe the line; after every call that was given the progress, before anything is printed. */
void live_clear(void);

#endif
