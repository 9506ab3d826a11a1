#include "format/pack.h"

#include <string.h>
#include <zstd.h>

#include "base/wire.h"
#include "crypto/hash.h"
#include "holdfast/err.h"

static const char magic[8] = "HFPACK1";

enum { COMMIT_AT = PACK_HEADER_BYTES - 32, NONCE_AT = COMMIT_AT - 32, AAD_BYTES = 42 };

void pack_context(uint8_t out[PACK_CONTEXT_BYTES], const struct pack_header *header)
{
	uint8_t *p = wire_put_bytes(out, header->vault, 16);
	p = wire_put_bytes(p, header->store, 16);
	p = wire_put_bytes(p, header->session, 16);
	wire_put_u32(p, header->epoch);
}

/* okm[0:32] is the frame key, okm[32:64] the commitment */
static void derive(uint8_t okm[64], const uint8_t *header, const uint8_t session_key[32])
{
	hash_labelled(okm, 64, "hf1.pack", session_key, 32, header, COMMIT_AT);
}

static void take_key(struct pack_key *key, const uint8_t *header, const uint8_t okm[64])
{
	memcpy(key->frame, okm, sizeof key->frame);
	hash_labelled(key->header_hash, sizeof key->header_hash, "hf1.header", NULL, 0, header,
	              PACK_HEADER_BYTES);
}

void pack_begin(uint8_t out[PACK_HEADER_BYTES], struct pack_key *key,
                const struct pack_header *header, const uint8_t session_key[32])
{
	uint8_t *p = wire_put_bytes(out, magic, sizeof magic);
	p = wire_put_u16(p, 1);
	p = wire_put_u16(p, 0);
	p = wire_put_u16(p, 0);
	p = wire_put_u16(p, PACK_SUITE);
	p = wire_put_bytes(p, header->vault, 16);
	p = wire_put_bytes(p, header->store, 16);
	p = wire_put_bytes(p, header->session, 16);
	p = wire_put_u64(p, header->seq);
	p = wire_put_u32(p, header->number);
	p = wire_put_u32(p, header->epoch);
	wire_put_bytes(p, header->stanza, sizeof header->stanza);
	randombytes_buf(out + NONCE_AT, 32);

	uint8_t okm[64];
	derive(okm, out, session_key);
	memcpy(out + COMMIT_AT, okm + 32, 32);
	take_key(key, out, okm);
	sodium_memzero(okm, sizeof okm);
}

int pack_header_decode(struct pack_header *header, const uint8_t *bytes, size_t len,
                       struct err *err)
{
	struct wire w = wire_over(bytes, len < PACK_HEADER_BYTES ? 0 : PACK_HEADER_BYTES);
	const uint8_t *m = wire_bytes(&w, sizeof magic);
	if (!m || memcmp(m, magic, sizeof magic) != 0)
		return err_set(err, ERR_CORRUPT, "not a pack (its first bytes are wrong)");
	uint16_t version = wire_u16(&w), required = wire_u16(&w);
	wire_u16(&w);
	uint16_t suite = wire_u16(&w);
	if (version != 1 || required != 0 || suite != PACK_SUITE)
		return err_set(err, ERR_NEWER, "pack version %u, features %#x, suite %u are newer than "
		               "this program", version, required, suite);
	wire_copy(&w, header->vault, 16);
	wire_copy(&w, header->store, 16);
	wire_copy(&w, header->session, 16);
	header->seq = wire_u64(&w);
	header->number = wire_u32(&w);
	header->epoch = wire_u32(&w);
	wire_copy(&w, header->stanza, sizeof header->stanza);
	return 0;
}

int pack_unlock(struct pack_key *key, const uint8_t header[PACK_HEADER_BYTES],
                const uint8_t session_key[32], struct err *err)
{
	uint8_t okm[64];
	derive(okm, header, session_key);
	int differs = sodium_memcmp(okm + 32, header + COMMIT_AT, 32);
	if (!differs)
		take_key(key, header, okm);
	sodium_memzero(okm, sizeof okm);
	return differs ? err_set(err, ERR_CORRUPT, "the header's commitment does not fit its key") : 0;
}

static void make_aad(uint8_t aad[AAD_BYTES], const struct pack_key *key, enum pack_part part,
                     uint32_t number, enum pack_codec codec, uint32_t plain_len)
{
	aad[0] = (uint8_t)part;
	uint8_t *p = wire_put_bytes(aad + 1, key->header_hash, 32);
	p = wire_put_u32(p, number);
	*p++ = (uint8_t)codec;
	wire_put_u32(p, plain_len);
}

void pack_seal(uint8_t *out, const void *data, size_t len, const struct pack_key *key,
               enum pack_part part, uint32_t number, enum pack_codec codec, uint32_t plain_len)
{
	uint8_t aad[AAD_BYTES];
	make_aad(aad, key, part, number, codec, plain_len);
	seal_encrypt(out, data, len, aad, sizeof aad, key->frame);
}

static int decompress(void *out, uint32_t plain_len, const uint8_t *data, size_t len,
                      ZSTD_DCtx *dctx, struct err *err)
{
	/* the exact length as capacity: given more, zstd may write behind the frame's end */
	size_t n = dctx ? ZSTD_decompressDCtx(dctx, out, plain_len, data, len)
	                : ZSTD_decompress(out, plain_len, data, len);
	if (ZSTD_isError(n) || n != plain_len)
		return err_set(err, ERR_CORRUPT, "does not decompress to its recorded length");
	return 0;
}

int pack_open(void *out, uint32_t plain_len, const uint8_t *sealed, size_t sealed_len,
              uint8_t *scratch, struct ZSTD_DCtx_s *dctx, const struct pack_key *key,
              enum pack_part part, uint32_t number, enum pack_codec codec, struct err *err)
{
	uint8_t aad[AAD_BYTES];
	make_aad(aad, key, part, number, codec, plain_len);
	bool raw = codec == PACK_RAW;
	if (sealed_len < SEAL_OVERHEAD_BYTES ||
	    (raw && sealed_len - SEAL_OVERHEAD_BYTES != plain_len))
		return err_set(err, ERR_CORRUPT, "has a wrong length");
	if (seal_decrypt(raw ? out : scratch, sealed, sealed_len, aad, sizeof aad, key->frame) != 0)
		return err_set(err, ERR_CORRUPT,
		               "fails authentication (changed or damaged in storage)");
	if (raw)
		return 0;
	return decompress(out, plain_len, scratch, sealed_len - SEAL_OVERHEAD_BYTES, dctx, err);
}

uint64_t pack_units(uint64_t length, uint32_t unit_bytes)
{
	return length / unit_bytes + (length % unit_bytes != 0);
}

uint32_t pack_unit_len(const struct pack_file *f, uint64_t unit)
{
	uint64_t at = unit * f->unit_bytes;
	return f->length - at < f->unit_bytes ? (uint32_t)(f->length - at) : f->unit_bytes;
}

uint64_t pack_padded(uint64_t len)
{
	if (len < 2)
		return len;
	unsigned e = 63 - (unsigned)__builtin_clzll(len), s = 0;
	while (e >> s)
		s++;
	uint64_t mask = e > s ? (UINT64_C(1) << (e - s)) - 1 : 0;
	return (len + mask) & ~mask;
}

int pack_tail_decode(const uint8_t tail[PACK_TAIL_BYTES], uint64_t pack_len, uint32_t *stored,
                     uint32_t *plain, struct err *err)
{
	struct wire w = wire_over(tail, PACK_TAIL_BYTES);
	uint32_t s = wire_u32(&w), p = wire_u32(&w);
	if (pack_len < PACK_HEADER_BYTES + PACK_TAIL_BYTES || pack_len > PACK_BYTES ||
	    s > pack_len - PACK_HEADER_BYTES - PACK_TAIL_BYTES || s < SEAL_OVERHEAD_BYTES ||
	    p > PACK_TRAILER_PLAIN_MAX)
		return err_set(err, ERR_CORRUPT, "the pack's end is damaged or cut off");
	*stored = s;
	*plain = p;
	return 0;
}
