/*
 * fuzz_request - enrolment requests from anywhere: the input as text, and as the bytes behind a right
 * signature and checksum. What is accepted encodes to what it was.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "format/request.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { BYTES_MAX = 400, RECORD_AT = 53, TEXT_MAX = 1000 };

static uint8_t record_pk[32], record_sk[SIGN_SECRET_BYTES];

static int read_text(const char *text, size_t len, struct request *r)
{
	struct err err = { 0 };
	char *exact = malloc(len + 1);
	if (!exact)
		abort();
	memcpy(exact, text, len);
	int rc = request_decode(r, exact, len, &err);
	free(exact);
	if (rc != err.code)
		abort();
	return rc;
}

static void check(const struct request *r)
{
	uint8_t id[16];
	charter_key_id(id, r->key.record);
	if (!request_name_ok(r->key.name) || !r->key.roles || memcmp(id, r->key.id, 16) != 0 ||
	    r->key.has_psk)
		abort();
}

static void read_signed(const uint8_t *data, size_t len)
{
	struct request r;
	struct err err;
	uint8_t bytes[BYTES_MAX + SIGN_BYTES + 16], sum[16];
	char text[TEXT_MAX] = "hfreq1.", again[REQUEST_TEXT_MAX];
	memcpy(bytes, data, len);
	if (len >= RECORD_AT + 32)
		memcpy(bytes + RECORD_AT, record_pk, 32);
	sign_message(bytes + len, "hf1.request", bytes, len, record_sk);
	len += SIGN_BYTES;
	hash_labelled(sum, 16, "hf1.request", NULL, 0, bytes, len);
	memcpy(bytes + len, sum, 4);
	sodium_bin2base64(text + 7, sizeof text - 7, bytes, len + 4,
	                  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	if (read_text(text, strlen(text), &r) != 0)
		return;
	check(&r);
	if (request_encode(&r, record_sk, again, &err) != 0 || strcmp(text, again) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t seed[32] = { 1 };
	struct request r;
	if (crypto_start() != 0)
		abort();
	sign_keypair(record_pk, record_sk, seed);
	if (read_text((const char *)data, len, &r) == 0)
		check(&r);
	if (len <= BYTES_MAX)
		read_signed(data, len);
	return 0;
}
