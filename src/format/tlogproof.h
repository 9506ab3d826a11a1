/*
 * tlogproof - a file that proves an entry to be in a log: C2SP tlog-proof (c2sp.org/tlog-proof). Pure.
 *
 *   c2sp.org/tlog-proof@v1\n
 *   index <i>\n
 *   <hash in base64>\n ...          from the leaf's sibling upward
 *   \n
 *   <checkpoint>                    note.h
 */
#ifndef TLOGPROOF_H
#define TLOGPROOF_H

#include <stddef.h>
#include <stdint.h>

#include "format/merkle.h"

struct buf;
struct err;

enum { TLOGPROOF_MAX = 16384 };

struct tlogproof {
	uint64_t index;
	struct merkle_proof path;
	const uint8_t *checkpoint;   /* decoded: points into the bytes */
	size_t checkpoint_len;
};

int tlogproof_encode(const struct tlogproof *p, struct buf *out, struct err *err);

/* ERR_CORRUPT. That the path leads to the root is for merkle_verify_entry to say, and who signed the
 * checkpoint for note_verify. */
int tlogproof_decode(struct tlogproof *p, const uint8_t *bytes, size_t len, struct err *err);

#endif
