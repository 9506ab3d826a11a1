/* machines - further machines of a sample vault: keys folders of their own, enrolled or not. */
#ifndef MACHINES_H
#define MACHINES_H

#include "sample_vault.h"

#include "holdfast/enrol.h"

struct machine {
	char root[SCRATCH_MAX], keys[SCRATCH_MAX + 10], state[SCRATCH_MAX + 10];
	struct vault_options options;
	struct vault *vault;
};

static inline void machine_open(struct machine *m)
{
	struct err err = { 0 };
	vault_free(m->vault);
	m->vault = vault_open(&m->options, &err);
	if (!m->vault)
		fail_msg("%s", err.msg);
}

/* A machine that knows the address and has no key. */
static inline void machine_make(struct machine *m, const char *url)
{
	memset(m, 0, sizeof *m);
	assert_true(scratch_make(m->root));
	snprintf(m->keys, sizeof m->keys, "%s/keys", m->root);
	snprintf(m->state, sizeof m->state, "%s/state", m->root);
	m->options = (struct vault_options){ .url = url, .state_dir = m->state, .keys_dir = m->keys };
	machine_open(m);
}

static inline void machine_drop(struct machine *m)
{
	vault_free(m->vault);
	assert_int_equal(scratch_remove(m->root), 0);
}

/* The sample's machine again, with the root key. */
static inline void sample_unlock_root(struct sample_vault *v)
{
	vault_keep_root(v->vault);
	sample_unlock(v);
}

static inline void machine_ask(struct machine *m, unsigned roles, const char *name,
                               char request[ENROL_REQUEST_MAX])
{
	struct err err;
	bool again;
	must(enrol_request(m->vault, m->keys, roles, name, request, &again, &err));
}

static inline int machine_accept(struct vault *by, const char *request, struct err *err)
{
	return enrol_accept(by, request, strlen(request), err);
}

/* Asked, accepted by the sample's admin, opened anew. */
static inline void machine_enrol(struct machine *m, struct sample_vault *v, unsigned roles,
                                 const char *name)
{
	struct err err;
	char request[ENROL_REQUEST_MAX];
	machine_make(m, v->url);
	machine_ask(m, roles, name, request);
	must(machine_accept(v->vault, request, &err));
	machine_open(m);
}

#endif
