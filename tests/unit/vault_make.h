/* vault_make - a vault in memory with one unlocked handle, for tests. */
#ifndef VAULT_MAKE_H
#define VAULT_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../backends/memory.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "vault/vault.h"

static const char vault_pass[] = "six words of no great length";

struct made {
	char folder[SCRATCH_MAX], state[SCRATCH_MAX + 20], keys[SCRATCH_MAX + 20];
	const char *url;
	struct vault *vault;
};

static inline struct vault *must_open_vault(const struct made *m, bool unlock)
{
	struct err err = { 0 };
	struct vault_options o = { .url = m->url, .state_dir = m->state, .keys_dir = m->keys };
	struct vault *v = vault_open(&o, &err);
	if (!v || (unlock && vault_unlock(v, vault_pass, sizeof vault_pass - 1, &err) != 0))
		fail_msg("%s", err.msg);
	return v;
}

/* url lives as long as the fixture. */
static inline void make_vault(struct made *m, const char *url)
{
	struct err err = { 0 };
	if (!scratch_make(m->folder))
		fail_msg("no scratch folder");
	snprintf(m->state, sizeof m->state, "%s/state", m->folder);
	snprintf(m->keys, sizeof m->keys, "%s/keys", m->folder);
	m->url = url;
	struct vault_options o = { .url = url, .state_dir = m->state, .keys_dir = m->keys };
	struct vault_init_options init = { .machine = "test", .passphrase = vault_pass,
	                                   .passphrase_len = sizeof vault_pass - 1, .slot_ops = 1,
	                                   .slot_mem_kib = 8192 };
	if (vault_init(&o, &init, &err) != 0)
		fail_msg("%s", err.msg);
	m->vault = must_open_vault(m, true);
}

static inline void drop_vault(struct made *m)
{
	vault_free(m->vault);
	memory_forget(m->url + strlen("memory://"));
	scratch_remove(m->folder);
}

#endif
