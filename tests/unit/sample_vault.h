/* sample_vault - a vault with cheap Argon2id parameters and folders of its own; for tests. */
#ifndef SAMPLE_VAULT_H
#define SAMPLE_VAULT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../backends/memory.h"
#include "crypto/slot.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "vault/storage.h"
#include "vault/vault.h"

#define SAMPLE_PASSPHRASE "correct horse"

struct sample_vault {
	char root[SCRATCH_MAX], keys[SCRATCH_MAX + 8], state[SCRATCH_MAX + 8];
	char url[SCRATCH_MAX + 40];
	struct vault_options options;
	struct vault *vault;         /* open, not unlocked */
};

#define must(call)                                                                                 \
	do {                                                                                       \
		if ((call) != 0)                                                                   \
			fail_msg("%s: %s", #call, err.msg);                                        \
	} while (0)

static inline int sample_init(const struct vault_options *o, struct err *err)
{
	const struct vault_init_options init = {
		.machine = "db1", .passphrase = SAMPLE_PASSPHRASE,
		.passphrase_len = strlen(SAMPLE_PASSPHRASE), .slot_ops = 1,
		.slot_mem_kib = SLOT_MEM_KIB_MIN,
	};
	return vault_init(o, &init, err);
}

/* Folders and options only; "memory://x" is emptied first. */
static inline void sample_place(struct sample_vault *s, const char *url)
{
	memset(s, 0, sizeof *s);
	assert_true(scratch_make(s->root));
	snprintf(s->keys, sizeof s->keys, "%s/keys", s->root);
	snprintf(s->state, sizeof s->state, "%s/state", s->root);
	snprintf(s->url, sizeof s->url, "%s", url);
	if (strncmp(url, "memory://", 9) == 0)
		memory_forget(url + 9);
	s->options = (struct vault_options){ .url = s->url, .state_dir = s->state,
	                                     .keys_dir = s->keys };
}

static inline void sample_open(struct sample_vault *s)
{
	struct err err;
	s->vault = vault_open(&s->options, &err);
	if (!s->vault)
		fail_msg("%s", err.msg);
}

static inline void sample_make(struct sample_vault *s, const char *url)
{
	struct err err;
	sample_place(s, url);
	must(sample_init(&s->options, &err));
	sample_open(s);
}

static inline void sample_unlock(struct sample_vault *s)
{
	struct err err;
	must(vault_unlock(s->vault, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), &err));
}

static inline void sample_drop(struct sample_vault *s)
{
	vault_free(s->vault);
	if (strncmp(s->url, "memory://", 9) == 0)
		memory_forget(s->url + 9);
	assert_int_equal(scratch_remove(s->root), 0);
}

#endif
