/*
 * timestamp - RFC 3161: a third party's word that a checkpoint existed at a time. Pure.
 *
 * The query: SHA-256, certificates wanted, a nonce that the answer has to repeat, so that nobody on the way
 * hands out an old one. POST it as application/timestamp-query, keep the answer.
 *
 * Of the answer only what it says is read here: that it was granted, for which SHA-256 and nonce, and when.
 * Whether its signature and certificates hold is for `openssl ts -verify` to say.
 */
#ifndef TIMESTAMP_H
#define TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

struct err;

enum { TIMESTAMP_QUERY_BYTES = 69, TIMESTAMP_NONCE_BYTES = 8, TIMESTAMP_MAX = 64 << 10 };

/* The bytes that `openssl ts -query -sha256 -cert` makes, but for the nonce. That is any 8 bytes; two bits
 * of the first are set so that it is a positive number of that length, and `nonce` gets it so. */
void timestamp_query(uint8_t out[TIMESTAMP_QUERY_BYTES], const uint8_t sha256[32],
                     uint8_t nonce[TIMESTAMP_NONCE_BYTES]);

struct timestamp {
	uint8_t sha256[32];       /* of what was stamped */
	uint64_t time_s;
	uint8_t nonce[TIMESTAMP_NONCE_BYTES];   /* zeros: none, or none of timestamp_query's */
};

/* DER, strictly. ERR_CORRUPT: malformed or another hash than SHA-256; ERR_DENIED: the authority
 * refused. */
int timestamp_decode(struct timestamp *t, const uint8_t *bytes, size_t len, struct err *err);

#endif
