/*
 * offspring - the processes that a program leaves behind where no namespace ends them with it.
 *
 * Between offspring_begin and offspring_end, a process whose parent ends becomes a child of this one, also
 * from a session of its own. No other thread may start programs meanwhile: they would be taken for what
 * was left.
 */
#ifndef OFFSPRING_H
#define OFFSPRING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

enum { OFFSPRING_KNOWN_MAX = 256 };

struct offspring {
	pid_t known[OFFSPRING_KNOWN_MAX];   /* children that were there before */
	size_t n;
	int adopted;                        /* orphans came here before, too */
};

/* ERR_LIMIT (this process has too many children), ERR_ABSENT (there is no /proc to look at), ERR_IO. */
int offspring_begin(struct offspring *o, struct err *err);

/* Kill all children but those that were there before, and theirs. True: no other is seen any more. */
bool offspring_end(const struct offspring *o);

#endif
