/*
 * enrol - machines and their keys: asking for a place in the charter, giving one, and who is there.
 *
 * A new machine makes its key and a request (enrol_request); an admin's machine, or whoever holds the
 * recovery secret, accepts it (enrol_accept). Nothing secret travels: see format/request.h.
 */
#ifndef HOLDFAST_ENROL_H
#define HOLDFAST_ENROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "holdfast/roles.h"

struct err;
struct vault;

enum {
	ENROL_NAME_MAX = 128,      /* with its NUL; machines that ask may have 64 bytes */
	ENROL_REQUEST_MAX = 640,   /* the text of a request with its NUL */
};

struct enrol_machine {
	char name[ENROL_NAME_MAX];
	unsigned roles;
	char id[33];               /* key id, hex */
	char fingerprint[40];      /* of the record key, for people to compare */
	char record[65], log[65], report[65], box[65];   /* public keys, hex */
	uint64_t enrolled_s;       /* 0: not enrolled yet */
	char by[ENROL_NAME_MAX];   /* "root", or the admin's name */
	bool self;                 /* this machine */
};

/*
 * Make this machine's key file in keys_dir and the request for it. Where it made one before with this
 * name and these roles, the same again: *again. ERR_EXISTS if this machine has another key of the
 * vault or the name is taken; ERR_INVALID for a name or roles that are none.
 */
int enrol_request(struct vault *v, const char *keys_dir, unsigned roles, const char *name,
                  char request[ENROL_REQUEST_MAX], bool *again, struct err *err);

/* The request that this machine waits to be accepted for. ERR_ABSENT if it does not wait. */
int enrol_pending(const struct vault *v, char request[ENROL_REQUEST_MAX], struct err *err);

/* What a request asks for; it is for this vault, and could be accepted. ERR_INVALID, ERR_FORK (the new
 * machine saw another vault under that address), ERR_EXISTS, ERR_NEWER. */
int enrol_inspect(const struct vault *v, const char *request, size_t len, struct enrol_machine *out,
                  struct err *err);

/* Does accepting it take the root key? Else this machine's admin key suffices. */
bool enrol_takes_root(const struct vault *v, const struct enrol_machine *m);

/* Enter it in the charter, signed by root if that is here (vault_keep_root and vault_unlock), else by
 * this machine's admin key. ERR_KEY with neither; errors of enrol_inspect and of storage. */
int enrol_accept(struct vault *v, const char *request, size_t len, struct err *err);

/*
 * Enrol this machine as writer and admin, signed by root, which must be here: for when the machine
 * that wrote is lost. Takes `name`; if that is taken and may be changed, the first of name-2, name-3,
 * ... that is free. What it is called now is in vault_machine(). ERR_EXISTS (the name, or this machine
 * has a key that is enrolled or waits), ERR_KEY, ERR_INVALID.
 */
int enrol_recover(struct vault *v, const char *keys_dir, const char *name, bool may_change,
                  struct err *err);

/* All machines of the charter in the order of their enrolment; this one first, if it is not there yet. */
typedef int enrol_visit(void *arg, const struct enrol_machine *m, struct err *err);
int enrol_machines(const struct vault *v, enrol_visit *visit, void *arg, struct err *err);

#endif
