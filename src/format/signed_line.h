/*
 * signed_line - a line that says who signed it: vault.json and the entries of the charter. Pure.
 *
 *   canonical JSON | TAB | signature in hex (128 digits) | LF        at most SIGNED_LINE_MAX bytes
 *
 * The signature is Ed25519 over BLAKE2b-512("hf1.charter", JSON bytes).
 */
#ifndef SIGNED_LINE_H
#define SIGNED_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/sign.h"

struct buf;
struct err;

enum { SIGNED_LINE_MAX = 64 << 10 };

struct signed_line {
	const uint8_t *bytes;    /* with the LF; the caller's */
	size_t len, json_len;
	uint8_t signature[SIGN_BYTES];
};

/* Append the line for j. ERR_LIMIT if it gets too long, ERR_INVALID, ERR_NOMEM. */
int signed_line_append(struct buf *out, const json_t *j, const uint8_t sk[SIGN_SECRET_BYTES],
                       struct err *err);

/* Cut the first line off; every byte of it has one meaning only. ERR_CORRUPT naming `what`. */
int signed_line_split(struct signed_line *l, const uint8_t *bytes, size_t len, const char *what,
                      struct err *err);

bool signed_line_verify(const struct signed_line *l, const uint8_t pk[SIGN_PUBLIC_BYTES]);

/* BLAKE2b-256("hf1.line", the line with its LF): the link of the next one. */
void signed_line_hash(uint8_t hash[32], const uint8_t *line, size_t len);

#endif
