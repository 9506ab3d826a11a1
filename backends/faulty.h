/*
 * faulty - a storage driver that fails on purpose: faulty://<rules>/<inner url>, see faulty.c.
 *
 * Calls are counted per URL and process, whichever handle they come through, so that a test can
 * fail call 1, 2, 3... of a scenario until one run through which no fault fired.
 */
#ifndef FAULTY_H
#define FAULTY_H

#include <stdbool.h>

/* Calls of all operations so far; 0 for a URL never opened. */
unsigned long faulty_calls(const char *url);

/* Did any rule of this URL take effect? */
bool faulty_fired(const char *url);

/* Count from nothing again. */
void faulty_reset(const char *url);

#endif
