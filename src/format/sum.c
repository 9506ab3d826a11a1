#include "format/sum.h"

#include <sodium.h>

#include "base/wire.h"
#include "crypto/unitmac.h"

void sum_keys_derive(struct sum_keys *keys, const uint8_t page_key[SUM_KEY_BYTES])
{
	hash_labelled(keys->tag, 32, "hf1.tag", page_key, SUM_KEY_BYTES, NULL, 0);
	hash_labelled(keys->sum, 32, "hf1.sum", page_key, SUM_KEY_BYTES, NULL, 0);
	hash_labelled(keys->chunk, 32, "hf1.cut", page_key, SUM_KEY_BYTES, NULL, 0);
}

void sum_tags(uint8_t *tags, const void *data, size_t len, uint32_t unit_bytes,
              const struct sum_keys *keys)
{
	size_t whole = len / unit_bytes, rest = len % unit_bytes;
	const uint8_t *p = data;
	unitmac(tags, p, whole, unit_bytes, keys->tag);
	if (rest)
		crypto_onetimeauth_poly1305(tags + whole * SUM_TAG_BYTES, p + whole * unit_bytes, rest,
		                            keys->tag);
}

void sum_leaf(uint8_t leaf[SUM_BYTES], uint64_t block, const void *tags, size_t n_tags,
              const struct sum_keys *keys)
{
	uint8_t number[8];
	struct hash_state h;
	wire_put_u64(number, block);
	hash_begin(&h, SUM_BYTES, "hf1.leaf", keys->sum, sizeof keys->sum);
	hash_add(&h, number, sizeof number);
	hash_add(&h, tags, n_tags * SUM_TAG_BYTES);
	hash_end(&h, leaf, SUM_BYTES);
}

void sum_begin(struct sum_fold *f, uint32_t file, uint32_t page_bytes, uint32_t unit_bytes,
               const struct sum_keys *keys)
{
	uint8_t head[12];
	wire_put_u32(wire_put_u32(wire_put_u32(head, file), page_bytes), unit_bytes);
	hash_begin(&f->state, SUM_BYTES, "hf1.sum", keys->sum, sizeof keys->sum);
	hash_add(&f->state, head, sizeof head);
}

void sum_add(struct sum_fold *f, const uint8_t leaf[SUM_BYTES])
{
	hash_add(&f->state, leaf, SUM_BYTES);
}

void sum_end(struct sum_fold *f, uint64_t length, uint8_t sum[SUM_BYTES])
{
	uint8_t tail[8];
	wire_put_u64(tail, length);
	hash_add(&f->state, tail, sizeof tail);
	hash_end(&f->state, sum, SUM_BYTES);
}
