/*
 * sshkey - public keys as OpenSSH writes them, and lists of who may sign what ("allowed signers",
 * ssh-keygen(1)). Ed25519 keys, in files or on FIDO tokens; other kinds are told apart only. Pure.
 *
 *   ssh-ed25519 <base64 of: string "ssh-ed25519" | string key 32>
 *   sk-ssh-ed25519@openssh.com <base64 of: string type | string key 32 | string application>
 *       where string = length, 32 bits, big-endian, and the bytes (RFC 4251)
 *
 *   <principal> [namespaces="a,b"][,valid-after="T"][,valid-before="T"] <key> [comment]\n
 *       T = YYYYMMDD[HHMM[SS]]Z
 *
 * Stricter than OpenSSH: one principal in a line and no patterns; times end in Z, because without it
 * the clock zone of whoever verifies would count; no certificates.
 */
#ifndef SSHKEY_H
#define SSHKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wire.h"
#include "crypto/sign.h"

struct buf;
struct err;

enum {
	SSHKEY_NAME_MAX = 128,       /* of a principal, a namespace; with the NUL */
	SSHKEY_APPLICATION_MAX = 50,
	SSHKEY_SIGNERS_MAX = 1 << 20,   /* bytes of a list */
};

struct sshkey {
	bool on_token;
	uint8_t pk[SIGN_PUBLIC_BYTES];
	char application[SSHKEY_APPLICATION_MAX];   /* of a token's key: "ssh:" */
};

/* An RFC 4251 string in place; NULL, and the reader is bad, if it is longer than max or than what is
 * left. */
const uint8_t *sshkey_string(struct wire *w, size_t max, size_t *len);
/* The same as text: printable ASCII without blanks, shorter than cap. False if it is not. */
bool sshkey_text(struct wire *w, char *out, size_t cap);

/* Store one of at most 65535 bytes at p; return the byte behind. p has room. */
uint8_t *sshkey_put_string(uint8_t *p, const void *data, size_t len);

/* "ssh-ed25519" or the token's */
const char *sshkey_type(const struct sshkey *k);

/* The binary form. ERR_CORRUPT; ERR_INVALID for a key of another kind. */
int sshkey_decode(struct sshkey *k, const uint8_t *bytes, size_t len, struct err *err);
bool sshkey_equal(const struct sshkey *a, const struct sshkey *b);

/* Append "<type> <base64>", without a LF. ERR_NOMEM, ERR_LIMIT. */
int sshkey_encode_line(const struct sshkey *k, struct buf *out, struct err *err);

/*
 * Who in the list signs with this key, under this namespace, at this time? The whole list must be well
 * formed. ERR_KEY: nobody; ERR_DENIED: somebody, but not for this namespace or not at that time;
 * ERR_CORRUPT: the list is malformed; the message names the line.
 */
int sshkey_signer(const uint8_t *list, size_t len, const struct sshkey *k, const char *namespace,
                  uint64_t time_s, char principal[SSHKEY_NAME_MAX], struct err *err);

#endif
