/* confine - what a child does to itself before it becomes a program in a sandbox (sandbox.h). */
#ifndef CONFINE_H
#define CONFINE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { CONFINE_HIDDEN_MAX = 16 };

struct confine {
	bool namespaces;         /* it is in its own: mount, network, process, IPC, host name */
	bool maps_user;          /* and in a user namespace of its own, not mapped yet */
	bool switches_user;
	uid_t uid;
	gid_t gid;
	uint64_t memory_bytes, file_bytes;   /* 0: no limit */
	int lifeline;            /* a pipe's read end; its other end closes when the caller dies */
	const char *folder;      /* of the box */
	const char *passwd;      /* laid over /etc/passwd, or NULL */
	const char *hidden[CONFINE_HIDDEN_MAX + 1];   /* NULL-terminated */
};

/* Where programs in namespaces see the box. */
#define CONFINE_INSIDE "/tmp"

/* For struct launch_enter: arg is a struct confine. */
int confine_enter(const void *arg);

/* The namespaces that are wanted, for struct launch_enter. */
int confine_namespaces(const struct confine *c);

#endif
