/* sample_packs - packs of a made-up store in a sample vault, through the real packer; for tests. */
#ifndef SAMPLE_PACKS_H
#define SAMPLE_PACKS_H

#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "engine/framer.h"
#include "engine/packer.h"
#include "format/head.h"
#include "sample_vault.h"
#include "vault/vault.h"

enum { SAMPLE_FILES = 3, SAMPLE_PACKS_MAX = 64 };

struct sample_packs {
	struct sample_vault *vault;
	uint8_t store[16], key[32];
	struct pack_header header;
	struct pack_file files[SAMPLE_FILES];
	struct packer *packer;
	/* what was acknowledged, in that order */
	struct packer_done done[SAMPLE_PACKS_MAX];
	struct head_pack list[SAMPLE_PACKS_MAX];   /* by serial, from 1 */
	uint32_t n;
	int stored_rc;                             /* what `stored` answers */
};

static inline int sample_lookup(void *arg, uint32_t number, struct pack_file *out, struct err *err)
{
	struct sample_packs *s = arg;
	if (number >= SAMPLE_FILES)
		return err_set(err, ERR_INVALID, "file %u is not known", number);
	*out = s->files[number];
	return 0;
}

static inline int sample_stored(void *arg, const struct packer_done *done, struct err *err)
{
	struct sample_packs *s = arg;
	if (s->stored_rc)
		return err_set(err, (enum err_code)s->stored_rc, "the journal cannot be written");
	assert_true(s->n < SAMPLE_PACKS_MAX && done->serial >= 1 && done->serial < SAMPLE_PACKS_MAX);
	s->done[s->n] = *done;
	s->done[s->n++].runs = NULL;
	memcpy(s->list[done->serial - 1].id, done->id, 32);
	s->list[done->serial - 1].size = done->size;
	return 0;
}

/* A session of store "sample" with files 0, 1, 2: units of 512, 512 and 4096, lengths as given. */
static inline void sample_packs_begin(struct sample_packs *s, struct sample_vault *vault,
                                      const uint64_t lengths[SAMPLE_FILES])
{
	struct err err;
	struct vault_epoch epoch;
	uint8_t context[PACK_CONTEXT_BYTES];
	static const char *const paths[SAMPLE_FILES] = { "zero.db", "one.db", "two.db" };
	memset(s, 0, sizeof *s);
	s->vault = vault;
	for (uint32_t i = 0; i < SAMPLE_FILES; i++)
		s->files[i] = (struct pack_file){ .number = i, .page_bytes = 4096,
		                                  .unit_bytes = i == 2 ? 4096 : 512,
		                                  .length = lengths[i], .path = paths[i],
		                                  .path_len = strlen(paths[i]) };
	vault_store_id(vault->vault, "sample", s->store);
	must(vault_make_epoch(vault->vault, "sample", 1, &epoch, &err));
	randombytes_buf(s->key, sizeof s->key);
	memcpy(s->header.vault, vault_id(vault->vault), 16);
	memcpy(s->header.store, s->store, 16);
	randombytes_buf(s->header.session, 16);
	s->header.seq = 1;
	s->header.epoch = 1;
	pack_context(context, &s->header);
	assert_int_equal(seal_stanza(s->header.stanza, s->key, epoch.pk, vault_psk(vault->vault), context,
	                             sizeof context), 0);
}

static inline void sample_packer(struct sample_packs *s, unsigned uploaders, unsigned pool)
{
	struct err err;
	const struct packer_options o = {
		.vault = s->vault->vault, .header = s->header, .session_key = s->key,
		.first_serial = s->n + 1, .first_number = s->n, .uploaders = uploaders, .pool = pool,
		.lookup = sample_lookup, .stored = sample_stored, .arg = s,
	};
	s->packer = packer_new(&o, &err);
	assert_non_null(s->packer);
}

/* Bytes that do not compress, different for every seed. */
static inline void sample_fill(uint8_t *p, size_t len, uint64_t seed)
{
	uint64_t z = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (size_t i = 0; i < len; i++) {
		z ^= z << 13;
		z ^= z >> 7;
		z ^= z << 17;
		p[i] = (uint8_t)(z >> 32);
	}
}

#endif
