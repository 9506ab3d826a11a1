/* fuzz_pack_header - header and tail of a pack from whoever holds the storage. */
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "format/pack.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_tail(const uint8_t *data, size_t len)
{
	struct err err;
	uint32_t stored, plain;
	static const uint64_t sizes[] = { 0, 300, 4096, PACK_BYTES, PACK_BYTES + 1, UINT64_MAX };
	for (size_t i = 0; len >= PACK_TAIL_BYTES && i < sizeof sizes / sizeof *sizes; i++)
		if (pack_tail_decode(data, sizes[i], &stored, &plain, &err) == 0 &&
		    (stored > sizes[i] - PACK_HEADER_BYTES - PACK_TAIL_BYTES ||
		     plain > PACK_TRAILER_PLAIN_MAX))
			abort();
}

/* The same fields under our own session key give the same bytes, and these open. */
static void check_again(const struct pack_header *header, const uint8_t *data)
{
	enum { FIELDS_AT = 16, FIELDS_END = PACK_HEADER_BYTES - 64 };
	static const uint8_t session_key[32] = { 7 };
	uint8_t bytes[PACK_HEADER_BYTES], context[PACK_CONTEXT_BYTES];
	struct pack_key key;
	struct err err;
	pack_begin(bytes, &key, header, session_key);
	pack_context(context, header);
	if (memcmp(bytes + FIELDS_AT, data + FIELDS_AT, FIELDS_END - FIELDS_AT) != 0 ||
	    memcmp(context, bytes + FIELDS_AT, 48) != 0 ||
	    pack_unlock(&key, bytes, session_key, &err) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t other_key[32];
	struct pack_header header;
	struct pack_key key;
	struct err err;
	if (crypto_start() != 0)
		abort();
	check_tail(data, len);
	if (pack_header_decode(&header, data, len, &err) != 0)
		return 0;
	if (len < PACK_HEADER_BYTES || pack_unlock(&key, data, other_key, &err) != ERR_CORRUPT)
		abort();
	check_again(&header, data);
	return 0;
}
