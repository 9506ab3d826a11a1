/* copy_log - one key's ledger to another place. Nobody but the copy verb includes it. */
#ifndef COPY_LOG_H
#define COPY_LOG_H

#include <stdint.h>

struct copying;
struct err;

/*
 * Its lists, its drills, then its tiles, the checkpoint last: what the target's checkpoint does not cover
 * yet. A target that has entries which are not here is told and left as it is; what another copy brought
 * there meanwhile is here by then, and stays. Errors as in copying.h.
 */
int copy_log(struct copying *c, const uint8_t key[16], struct err *err);

#endif
