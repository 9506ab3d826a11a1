/*
 * mask_number - another number for each number, and never the same for two: a keyed permutation.
 *
 * 0 to 2^53 - 1 stay among themselves, so that a program that reads numbers as doubles still tells them
 * apart; all others stay among themselves too. Joins hold, and so does uniqueness.
 */
#ifndef MASK_NUMBER_H
#define MASK_NUMBER_H

#include <stdint.h>

struct secret;

enum { MASK_NUMBER_BITS = 53 };

/* key has 32 bytes. */
int64_t mask_number(const struct secret *key, int64_t n);

#endif
