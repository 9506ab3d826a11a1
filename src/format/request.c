#include "format/request.h"

#include <ctype.h>
#include <string.h>

#include "base/utf8.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "holdfast/err.h"

static const char prefix[] = "hfreq1.";
static const char label[] = "hf1.request";

enum {
	VERSION_1 = 1,
	FIXED_BYTES = 1 + 16 + 32 + 4 + 5 * 32,
	CHECK_BYTES = 4,
	BYTES_MAX = FIXED_BYTES + 1 + REQUEST_NAME_MAX + SIGN_BYTES + CHECK_BYTES,
	PREFIX_LEN = sizeof prefix - 1,
	VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

bool request_name_ok(const char *name)
{
	size_t len = strnlen(name, REQUEST_NAME_MAX + 1);
	if (len == 0 || len > REQUEST_NAME_MAX || *name == '-' || strpbrk(name, " /:@,*?["))
		return false;
	for (size_t n; *name; name += n)
		if ((n = utf8_printable(name)) == 0)
			return false;
	return true;
}

static bool roles_ok(unsigned roles)
{
	return roles != 0 && (roles & ~(unsigned)ROLES_ALL) == 0;
}

static void checksum(uint8_t out[16], const uint8_t *bytes, size_t len)
{
	hash_labelled(out, 16, label, NULL, 0, bytes, len);
}

int request_encode(const struct request *r, const uint8_t record_sk[SIGN_SECRET_BYTES],
                   char out[REQUEST_TEXT_MAX], struct err *err)
{
	uint8_t bytes[BYTES_MAX], check[16], *p = bytes;
	size_t name_len = strlen(r->key.name);
	if (!request_name_ok(r->key.name) || !roles_ok(r->key.roles))
		return err_set(err, ERR_INVALID, "'%.100s' is no name for a machine, or it has no role",
		               r->key.name);
	*p++ = VERSION_1;
	p = wire_put_bytes(p, r->vault, 16);
	p = wire_put_bytes(p, r->root, 32);
	p = wire_put_u32(p, r->key.roles);
	p = wire_put_bytes(p, r->key.record, 32);
	p = wire_put_bytes(p, r->key.log, 32);
	p = wire_put_bytes(p, r->key.report, 32);
	p = wire_put_bytes(p, r->key.box, 32);
	p = wire_put_bytes(p, r->pairing, 32);
	p = wire_put_varint(p, name_len);
	p = wire_put_bytes(p, r->key.name, name_len);
	sign_message(p, label, bytes, (size_t)(p - bytes), record_sk);
	p += SIGN_BYTES;
	checksum(check, bytes, (size_t)(p - bytes));
	p = wire_put_bytes(p, check, CHECK_BYTES);
	memcpy(out, prefix, PREFIX_LEN);
	sodium_bin2base64(out + PREFIX_LEN, REQUEST_TEXT_MAX - PREFIX_LEN, bytes, (size_t)(p - bytes),
	                  VARIANT);
	return 0;
}

/* ---- reading ---- */

/* The text without its white space; false if it is too long to be a request. */
static bool gather(char out[REQUEST_TEXT_MAX], const char *text, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		if (isspace((unsigned char)text[i]))
			continue;
		if (n == REQUEST_TEXT_MAX - 1)
			return false;
		out[n++] = text[i];
	}
	out[n] = '\0';
	return true;
}

static int not_whole(struct err *err)
{
	err_set(err, ERR_INVALID, "the request is not whole: characters are missing or changed");
	return err_hint(err, "copy it again: one line that begins with %s", prefix);
}

/* The bytes that the signature covers are bytes[0:*signed_len]. */
static int unwrap(uint8_t bytes[BYTES_MAX], size_t *signed_len, const char *text, size_t len,
                  struct err *err)
{
	char plain[REQUEST_TEXT_MAX];
	uint8_t check[16];
	size_t n;
	if (!gather(plain, text, len) || strncmp(plain, prefix, PREFIX_LEN) != 0) {
		err_set(err, ERR_INVALID, "this is no enrolment request");
		return err_hint(err, "'holdfast key enroll' on the new machine prints one: it begins with "
		                "%s", prefix);
	}
	const char *coded = plain + PREFIX_LEN;
	if (sodium_base642bin(bytes, BYTES_MAX, coded, strlen(coded), NULL, &n, NULL, VARIANT) != 0 ||
	    n < 1 + SIGN_BYTES + CHECK_BYTES)
		return not_whole(err);
	checksum(check, bytes, n - CHECK_BYTES);
	if (memcmp(check, bytes + n - CHECK_BYTES, CHECK_BYTES) != 0)
		return not_whole(err);
	*signed_len = n - CHECK_BYTES - SIGN_BYTES;
	return 0;
}

static bool take(struct request *r, const uint8_t *bytes, size_t len)
{
	struct wire w = wire_over(bytes, len);
	size_t name_len;
	wire_bytes(&w, 1);
	wire_copy(&w, r->vault, 16);
	wire_copy(&w, r->root, 32);
	r->key.roles = wire_u32(&w);
	wire_copy(&w, r->key.record, 32);
	wire_copy(&w, r->key.log, 32);
	wire_copy(&w, r->key.report, 32);
	wire_copy(&w, r->key.box, 32);
	wire_copy(&w, r->pairing, 32);
	const uint8_t *name = wire_counted(&w, REQUEST_NAME_MAX, &name_len);
	if (!wire_ok(&w) || wire_left(&w) != 0 || memchr(name, 0, name_len))
		return false;
	memcpy(r->key.name, name, name_len);
	charter_key_id(r->key.id, r->key.record);
	return request_name_ok(r->key.name) && roles_ok(r->key.roles);
}

int request_decode(struct request *r, const char *text, size_t len, struct err *err)
{
	uint8_t bytes[BYTES_MAX];
	size_t signed_len = 0;
	struct request out = { .pairing = { 0 } };
	if (unwrap(bytes, &signed_len, text, len, err) != 0)
		return err->code;
	if (bytes[0] != VERSION_1) {
		err_set(err, ERR_NEWER, "the request was made by a newer Holdfast");
		return err_hint(err, "install a newer Holdfast here");
	}
	if (!take(&out, bytes, signed_len) ||
	    !sign_verify(bytes + signed_len, label, bytes, signed_len, out.key.record))
		return err_set(err, ERR_INVALID, "the request is not signed by the key it names");
	*r = out;
	return 0;
}

/* ---- the answer ---- */

enum { CONTEXT_BYTES = 32 };

static void make_context(uint8_t context[CONTEXT_BYTES], const uint8_t vault[16],
                         const uint8_t key_id[16])
{
	wire_put_bytes(wire_put_bytes(context, vault, 16), key_id, 16);
}

int request_seal_psk(struct request *r, const uint8_t psk[32], struct err *err)
{
	uint8_t context[CONTEXT_BYTES];
	make_context(context, r->vault, r->key.id);
	if (seal_stanza(r->key.psk, psk, r->key.box, r->pairing, context, sizeof context) != 0)
		return err_set(err, ERR_INVALID, "the request's box key is not valid");
	r->key.has_psk = true;
	return 0;
}

int request_open_psk(uint8_t psk[32], const struct charter_key *entry, const uint8_t vault[16],
                     const uint8_t box_sk[32], const uint8_t pairing[32], struct err *err)
{
	uint8_t context[CONTEXT_BYTES];
	make_context(context, vault, entry->id);
	if (entry->has_psk &&
	    seal_unstanza(psk, entry->psk, box_sk, pairing, context, sizeof context) == SEAL_OPENED)
		return 0;
	return err_set(err, ERR_CORRUPT, "the charter's entry for %s holds no vault key that this machine's "
	               "key file opens", entry->name);
}
