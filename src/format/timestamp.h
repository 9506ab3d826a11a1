/*
 * timestamp - RFC 3161: a third party's word that a checkpoint existed at a time. Pure.
 *
 * The query is the same for everybody: SHA-256, certificates wanted, no nonce (the imprint is unique
 * enough: it is that of a signed checkpoint). POST it as application/timestamp-query, keep the answer.
 *
 * Of the answer only what it says is read here: that it was granted, for which SHA-256, and when. Whether
 * its signature and certificates hold is for `openssl ts -verify` to say.
 */
#ifndef TIMESTAMP_H
#define TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

struct err;

enum { TIMESTAMP_QUERY_BYTES = 59, TIMESTAMP_MAX = 64 << 10 };

/* The bytes that `openssl ts -query -sha256 -cert -no_nonce` makes. */
void timestamp_query(uint8_t out[TIMESTAMP_QUERY_BYTES], const uint8_t sha256[32]);

struct timestamp {
	uint8_t sha256[32];       /* of what was stamped */
	uint64_t time_s;
};

/* DER, strictly. ERR_CORRUPT: malformed or another hash than SHA-256; ERR_DENIED: the authority
 * refused. */
int timestamp_decode(struct timestamp *t, const uint8_t *bytes, size_t len, struct err *err);

#endif
