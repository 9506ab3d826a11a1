/*
 * minisign - signatures and public keys as files that Debian's `minisign -V` takes. Pure.
 *
 *   key          untrusted comment: minisign public key <key id in hex>\n
 *                base64("Ed" | key id 8 | public key 32)\n
 *   signature    untrusted comment: signature from a Holdfast report key\n
 *                base64("ED" | key id 8 | signature 64)\n
 *                trusted comment: <comment>\n
 *                base64(signature of: signature 64 | comment)\n
 *
 *   signature = Ed25519(BLAKE2b-512(file))       "prehashed"; plain Ed25519, not Ed25519ph
 *   key id    = BLAKE2b-128("hf1.minisign", public key)[0:8]; printed as a number, LE64
 *
 * Other programs ignore the untrusted comment. Here it is a constant and base64 has one spelling, so
 * that no byte of such a file can be changed.
 */
#ifndef MINISIGN_H
#define MINISIGN_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/sign.h"

struct buf;
struct err;

enum {
	MINISIGN_ID_BYTES = 8,
	MINISIGN_COMMENT_MAX = 256,   /* of the trusted comment, with its NUL */
	MINISIGN_MAX = 1024,          /* bytes of a signature file or key file */
};

void minisign_key_id(uint8_t id[MINISIGN_ID_BYTES], const uint8_t pk[SIGN_PUBLIC_BYTES]);

/* Append the key file. ERR_NOMEM, ERR_LIMIT. */
int minisign_encode_key(const uint8_t pk[SIGN_PUBLIC_BYTES], struct buf *out, struct err *err);
/* ERR_CORRUPT; also for keys of other programs, whose ids are random. */
int minisign_decode_key(uint8_t pk[SIGN_PUBLIC_BYTES], const uint8_t *bytes, size_t len,
                        struct err *err);

/* Append the signature file. The comment is printable ASCII and tabs. ERR_INVALID (comment),
 * ERR_NOMEM, ERR_LIMIT. */
int minisign_sign(const void *data, size_t len, const char *comment,
                  const uint8_t sk[SIGN_SECRET_BYTES], struct buf *out, struct err *err);

/* Is this the signature file of the data by this key? comment may be NULL. ERR_CORRUPT: malformed,
 * by another key, or the data or comment was changed; the message says which. */
int minisign_verify(const void *data, size_t len, const uint8_t *signature, size_t signature_len,
                    const uint8_t pk[SIGN_PUBLIC_BYTES], char comment[MINISIGN_COMMENT_MAX],
                    struct err *err);

#endif
