/*
 * sshsig - signatures that people make with their own SSH key: `ssh-keygen -Y sign -n NAMESPACE -f KEY
 * FILE` (OpenSSH, PROTOCOL.sshsig). Read only. Pure.
 *
 *   -----BEGIN SSH SIGNATURE-----\n  base64 in lines  -----END SSH SIGNATURE-----\n   of
 *   "SSHSIG" | 1, 32 bits | string key | string namespace | string "" | string hash | string signature
 *
 *   signed    = "SSHSIG" | string namespace | string "" | string hash | string hash of the file
 *   signature = string type | string Ed25519 of `signed`
 *   by token  = string type | string Ed25519 of (SHA-256(application) | flags 1 | counter 4 |
 *               SHA-256(signed)) | flags 1 | counter 4                       (PROTOCOL.u2f)
 *
 * hash is "sha512" or "sha256". A token must have seen its owner's touch (flag 1).
 */
#ifndef SSHSIG_H
#define SSHSIG_H

#include "format/sshkey.h"

enum { SSHSIG_MAX = 4096 };   /* bytes of a signature file */

struct sshsig {
	struct sshkey key;
	char namespace[SSHKEY_NAME_MAX];
	bool sha512;              /* else SHA-256 */
	uint8_t signature[SIGN_BYTES];
	uint8_t presence[5];      /* of a token: flags, counter */
};

/* ERR_CORRUPT; ERR_INVALID for keys of another kind. */
int sshsig_decode(struct sshsig *s, const uint8_t *bytes, size_t len, struct err *err);

/* Does it sign these bytes under this namespace? Whose key it is, is for sshkey_signer to say.
 * ERR_CORRUPT; the message says why. */
int sshsig_verify(const struct sshsig *s, const char *namespace, const void *data, size_t len,
                  struct err *err);

#endif
