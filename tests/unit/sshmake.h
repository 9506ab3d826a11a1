/* sshmake - SSH signatures made here, where ssh-keygen cannot: by a FIDO token that is not there. */
#ifndef SSHMAKE_H
#define SSHMAKE_H

#include <string.h>

#include "base/buf.h"
#include "base/lines.h"
#include "crypto/sha256.h"
#include "crypto/sha512.h"
#include "crypto/sign.h"
#include "format/sshsig.h"

#include <sodium.h>

struct sshmake_token { struct sshkey key; uint8_t sk[64]; };

static inline struct sshmake_token sshmake_token(uint8_t seed_byte)
{
	const uint8_t seed[32] = { seed_byte };
	struct sshmake_token t = { .key = { .on_token = true, .application = "ssh:" } };
	sign_keypair(t.key.pk, t.sk, seed);
	return t;
}

static inline int sshmake_key_blob(uint8_t out[256], const struct sshkey *k)
{
	uint8_t *p = sshkey_put_string(out, sshkey_type(k), strlen(sshkey_type(k)));
	p = sshkey_put_string(p, k->pk, 32);
	p = sshkey_put_string(p, k->application, strlen(k->application));
	return (int)(p - out);
}

/* As OpenSSH's PROTOCOL.sshsig and PROTOCOL.u2f have it. */
static inline int sshmake_sign(const struct sshmake_token *t, const char *namespace, const void *data,
                               size_t len, uint8_t flags, struct buf *out, struct err *err)
{
	uint8_t digest[64], signed_part[512], token[69], signature[64], blob[256], inner[256], all[1024];
	char text[2000];
	uint8_t *p = wire_put_bytes(signed_part, "SSHSIG", 6);
	sha512(digest, data, len);
	p = sshkey_put_string(p, namespace, strlen(namespace));
	p = sshkey_put_string(p, "", 0);
	p = sshkey_put_string(p, "sha512", 6);
	p = sshkey_put_string(p, digest, 64);
	const uint8_t presence[5] = { flags, 0, 0, 0, 9 };
	sha256(token, t->key.application, strlen(t->key.application));
	memcpy(token + 32, presence, 5);
	sha256(token + 37, signed_part, (size_t)(p - signed_part));
	sign_plain(signature, token, sizeof token, t->sk);
	uint8_t *q = sshkey_put_string(inner, sshkey_type(&t->key), strlen(sshkey_type(&t->key)));
	q = sshkey_put_string(q, signature, 64);
	q = wire_put_bytes(q, presence, 5);
	int key_len = sshmake_key_blob(blob, &t->key);
	p = wire_put_bytes(all, "SSHSIG\0\0\0\1", 10);
	p = sshkey_put_string(p, blob, (size_t)key_len);
	p = sshkey_put_string(p, namespace, strlen(namespace));
	p = sshkey_put_string(p, "", 0);
	p = sshkey_put_string(p, "sha512", 6);
	p = sshkey_put_string(p, inner, (size_t)(q - inner));
	sodium_bin2base64(text, sizeof text, all, (size_t)(p - all), sodium_base64_VARIANT_ORIGINAL);
	int rc = buf_printf(out, err, "-----BEGIN SSH SIGNATURE-----\n");
	for (size_t at = 0; at < strlen(text) && rc == 0; at += 70)
		rc = buf_printf(out, err, "%.70s\n", text + at);
	return rc == 0 ? buf_printf(out, err, "-----END SSH SIGNATURE-----\n") : rc;
}

#endif
