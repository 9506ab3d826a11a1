#include "format/sshsig.h"

#include <string.h>

#include "base/lines.h"
#include "crypto/sha256.h"
#include "crypto/sha512.h"
#include "format/base64.h"
#include "holdfast/err.h"

static const char begin[] = "-----BEGIN SSH SIGNATURE-----";
static const char end[] = "-----END SSH SIGNATURE-----";
static const char magic[] = "SSHSIG";

enum {
	MAGIC = sizeof magic - 1,
	BLOB_MAX = SSHSIG_MAX,
	KEY_MAX = 512,
	SIGNED_MAX = MAGIC + 4 * 4 + SSHKEY_NAME_MAX + 8 + SHA512_BYTES,
	TOUCHED = 1,
};

/* ---- decoding ---- */

static bool strip_armour(uint8_t blob[BLOB_MAX], size_t *len, const uint8_t *bytes, size_t n)
{
	char text[SSHSIG_MAX];
	size_t used = 0;
	struct line l;
	struct wire w = wire_over(bytes, n);
	if (n > SSHSIG_MAX || !lines_next(&w, &l) || !line_is(&l, begin))
		return false;
	while (lines_next(&w, &l) && !line_is(&l, end)) {
		memcpy(text + used, l.text, l.len);
		used += l.len;
	}
	return wire_done(&w) && line_is(&l, end) && base64_decode(blob, BLOB_MAX, text, used, len);
}

static bool decode_signature(struct sshsig *s, const uint8_t *bytes, size_t len)
{
	char type[SSHKEY_NAME_MAX];
	size_t n;
	struct wire w = wire_over(bytes, len);
	if (!sshkey_text(&w, type, sizeof type) || strcmp(type, sshkey_type(&s->key)) != 0)
		return false;
	const uint8_t *p = sshkey_string(&w, SIGN_BYTES, &n);
	if (!p || n != SIGN_BYTES)
		return false;
	memcpy(s->signature, p, SIGN_BYTES);
	if (s->key.on_token)
		wire_copy(&w, s->presence, sizeof s->presence);
	return wire_done(&w);
}

int sshsig_decode(struct sshsig *s, const uint8_t *bytes, size_t len, struct err *err)
{
	static const uint8_t version[4] = { 0, 0, 0, 1 };
	uint8_t blob[BLOB_MAX];
	struct sshsig d = { .sha512 = false };
	char hash[8], reserved[2];
	size_t blob_len, key_len, signature_len;
	static const char what[] = "not an SSH signature";
	if (!strip_armour(blob, &blob_len, bytes, len))
		return err_set(err, ERR_CORRUPT, what);
	struct wire w = wire_over(blob, blob_len);
	const uint8_t *start = wire_bytes(&w, MAGIC + sizeof version);
	const uint8_t *key = sshkey_string(&w, KEY_MAX, &key_len);
	if (!start || !key || memcmp(start, magic, MAGIC) != 0 ||
	    memcmp(start + MAGIC, version, sizeof version) != 0)
		return err_set(err, ERR_CORRUPT, what);
	if (sshkey_decode(&d.key, key, key_len, err) != 0)
		return err_wrap(err, what);
	if (!sshkey_text(&w, d.namespace, sizeof d.namespace) ||
	    !sshkey_text(&w, reserved, sizeof reserved) || !sshkey_text(&w, hash, sizeof hash) ||
	    (strcmp(hash, "sha512") != 0 && strcmp(hash, "sha256") != 0))
		return err_set(err, ERR_CORRUPT, what);
	const uint8_t *signature = sshkey_string(&w, KEY_MAX, &signature_len);
	if (reserved[0] || !signature || !wire_done(&w) ||
	    !decode_signature(&d, signature, signature_len))
		return err_set(err, ERR_CORRUPT, what);
	d.sha512 = strcmp(hash, "sha512") == 0;
	*s = d;
	return 0;
}

/* ---- verifying ---- */

static size_t signed_bytes(uint8_t out[SIGNED_MAX], const struct sshsig *s, const void *data,
                           size_t len)
{
	uint8_t digest[SHA512_BYTES];
	uint8_t *p = wire_put_bytes(out, magic, MAGIC);
	p = sshkey_put_string(p, s->namespace, strlen(s->namespace));
	p = sshkey_put_string(p, "", 0);
	p = sshkey_put_string(p, s->sha512 ? "sha512" : "sha256", 6);
	if (s->sha512)
		sha512(digest, data, len);
	else
		sha256(digest, data, len);
	p = sshkey_put_string(p, digest, s->sha512 ? SHA512_BYTES : SHA256_BYTES);
	return (size_t)(p - out);
}

static bool verify_token(const struct sshsig *s, const uint8_t *bytes, size_t len)
{
	uint8_t text[2 * SHA256_BYTES + sizeof s->presence];
	sha256(text, s->key.application, strlen(s->key.application));
	memcpy(text + SHA256_BYTES, s->presence, sizeof s->presence);
	sha256(text + SHA256_BYTES + sizeof s->presence, bytes, len);
	return s->presence[0] & TOUCHED &&
	       sign_plain_verify(s->signature, text, sizeof text, s->key.pk);
}

int sshsig_verify(const struct sshsig *s, const char *namespace, const void *data, size_t len,
                  struct err *err)
{
	uint8_t bytes[SIGNED_MAX];
	if (strcmp(s->namespace, namespace) != 0)
		return err_set(err, ERR_CORRUPT, "was made for '%s', not for '%s'", s->namespace,
		               namespace);
	size_t n = signed_bytes(bytes, s, data, len);
	bool fits = s->key.on_token ? verify_token(s, bytes, n)
	                            : sign_plain_verify(s->signature, bytes, n, s->key.pk);
	return fits ? 0 : err_set(err, ERR_CORRUPT, "does not fit: the file or the signature was changed");
}
