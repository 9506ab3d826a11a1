#include "format/note.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/wire.h"
#include "crypto/sha256.h"
#include "format/base64.h"
#include "format/tiles.h"
#include "holdfast/err.h"

static const char dash[] = "\xe2\x80\x94 ";
static const char what[] = "checkpoint";

enum {
	KEY_ID = 4,
	TYPE_SIGNATURE = 0x01,
	TYPE_COSIGNATURE = 0x04,
	SIGNATURE_BYTES = KEY_ID + SIGN_BYTES,
	COSIGNATURE_BYTES = KEY_ID + 8 + SIGN_BYTES,
	COSIGNED_MAX = NOTE_MAX + 64,
	KEY_BYTES = 1 + SIGN_PUBLIC_BYTES,
};

static void key_id(uint8_t id[KEY_ID], const char *name, uint8_t type, const uint8_t *pk)
{
	uint8_t hash[SHA256_BYTES];
	struct sha256_state h;
	sha256_begin(&h);
	sha256_add(&h, name, strlen(name));
	sha256_add(&h, "\n", 1);
	sha256_add(&h, &type, 1);
	sha256_add(&h, pk, SIGN_PUBLIC_BYTES);
	sha256_end(&h, hash);
	memcpy(id, hash, KEY_ID);
}

/* A name stands in one line, before a blank, and in keys before a '+'. */
static bool is_name(const char *name)
{
	size_t len = strlen(name);
	if (len == 0 || len >= NOTE_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] == '+' || name[i] == 0x7f)
			return false;
	return true;
}

static const char *key_text(char *out, const char *name, uint8_t type,
                            const uint8_t pk[SIGN_PUBLIC_BYTES])
{
	uint8_t id[KEY_ID], key[KEY_BYTES] = { type };
	char base64[BASE64_TEXT_MAX];
	key_id(id, name, type, pk);
	memcpy(key + 1, pk, SIGN_PUBLIC_BYTES);
	base64_encode(base64, key, sizeof key);
	snprintf(out, NOTE_KEY_MAX, "%s+%02x%02x%02x%02x+%.48s", name, id[0], id[1], id[2], id[3],
	         base64);
	return out;
}

const char *note_key(char *out, const char *name, const uint8_t pk[SIGN_PUBLIC_BYTES])
{
	return key_text(out, name, TYPE_SIGNATURE, pk);
}

const char *note_witness_key(char *out, const struct note_witness *w)
{
	return key_text(out, w->name, TYPE_COSIGNATURE, w->pk);
}

int note_witness_decode(struct note_witness *w, const char *text, size_t len, struct err *err)
{
	struct note_witness d = { .name = "" };
	uint8_t key[KEY_BYTES];
	char again[NOTE_KEY_MAX];
	if (len > 0 && text[len - 1] == '\n')
		len--;
	const char *plus = memchr(text, '+', len);
	size_t name_len = plus ? (size_t)(plus - text) : 0, tail = 1 + 2 * KEY_ID + 1;
	bool good = plus && name_len < sizeof d.name && len > name_len + tail &&
	            base64_decode_all(key, sizeof key, plus + tail, len - name_len - tail) &&
	            key[0] == TYPE_COSIGNATURE;
	if (good) {
		memcpy(d.name, text, name_len);
		memcpy(d.pk, key + 1, sizeof d.pk);
		/* there is one spelling, and it has the key's id */
		note_witness_key(again, &d);
		good = is_name(d.name) && strlen(again) == len && memcmp(again, text, len) == 0;
	}
	if (!good)
		return err_set(err, ERR_CORRUPT, "not a witness's key: NAME+ID+KEY (C2SP cosignature/v1)");
	*w = d;
	return 0;
}

/* ---- writing ---- */

static int add_line(struct buf *out, const char *name, const uint8_t *blob, size_t len,
                    struct err *err)
{
	char base64[BASE64_TEXT_MAX];
	base64_encode(base64, blob, len);
	return buf_printf(out, err, "%s%s %s\n", dash, name, base64);
}

int note_encode(const struct note *n, const uint8_t sk[SIGN_SECRET_BYTES], struct buf *out,
                struct err *err)
{
	char root[BASE64_TEXT_MAX];
	uint8_t pk[SIGN_PUBLIC_BYTES], blob[SIGNATURE_BYTES];
	size_t start = out->len;
	if (!is_name(n->origin))
		return err_set(err, ERR_INVALID, "'%.100s' is no name for a ledger", n->origin);
	base64_encode(root, n->root, sizeof n->root);
	if (buf_printf(out, err, "%s\n%" PRIu64 "\n%s\n", n->origin, n->size, root) != 0)
		return err->code;
	sign_public(pk, sk);
	key_id(blob, n->origin, TYPE_SIGNATURE, pk);
	sign_plain(blob + KEY_ID, out->bytes + start, out->len - start, sk);
	if (buf_append(out, "\n", 1, err) != 0)
		return err->code;
	return add_line(out, n->origin, blob, sizeof blob, err);
}

/* What a witness signs. */
static size_t cosigned_text(uint8_t out[COSIGNED_MAX], const uint8_t *text, size_t len,
                            uint64_t time_s)
{
	int used = snprintf((char *)out, COSIGNED_MAX, "cosignature/v1\ntime %" PRIu64 "\n", time_s);
	memcpy(out + used, text, len);
	return (size_t)used + len;
}

int note_cosign(const struct note *n, struct buf *bytes, const char *name, uint64_t time_s,
                const uint8_t sk[SIGN_SECRET_BYTES], struct err *err)
{
	uint8_t pk[SIGN_PUBLIC_BYTES], blob[COSIGNATURE_BYTES], text[COSIGNED_MAX];
	if (!is_name(name))
		return err_set(err, ERR_INVALID, "'%.100s' is no name for a witness", name);
	sign_public(pk, sk);
	key_id(blob, name, TYPE_COSIGNATURE, pk);
	for (int i = 0; i < 8; i++)
		blob[KEY_ID + i] = (uint8_t)(time_s >> (56 - 8 * i));
	size_t len = cosigned_text(text, bytes->bytes, n->text_len, time_s);
	sign_plain(blob + KEY_ID + 8, text, len, sk);
	return add_line(bytes, name, blob, sizeof blob, err);
}

/* ---- reading ---- */

/* The next line without its LF; false if there is none. */
static bool next_line(struct wire *w, const char **line, size_t *len)
{
	const uint8_t *end = memchr(w->at, '\n', wire_left(w));
	if (!end)
		return false;
	*line = (const char *)w->at;
	*len = (size_t)(end - w->at);
	w->at = end + 1;
	return true;
}

static bool parse_size(const char *text, size_t len, uint64_t *out)
{
	*out = 0;
	if (len == 0 || len > 12 || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*out = *out * 10 + (uint64_t)(text[i] - '0');
	}
	return *out <= TILES_SIZE_MAX;
}

/* "— name base64": false if it is not that. */
struct line { const char *name; size_t name_len; uint8_t blob[BASE64_TEXT_MAX]; size_t blob_len; };

static bool parse_signature(struct line *out, const char *text, size_t len)
{
	size_t prefix = sizeof dash - 1;
	if (len < prefix || memcmp(text, dash, prefix) != 0)
		return false;
	out->name = text + prefix;
	const char *blank = memchr(out->name, ' ', len - prefix);
	if (!blank || blank == out->name)
		return false;
	out->name_len = (size_t)(blank - out->name);
	return base64_decode(out->blob, sizeof out->blob, blank + 1,
	                    len - prefix - out->name_len - 1, &out->blob_len) &&
	       out->blob_len > KEY_ID;
}

static bool has_control(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((bytes[i] < ' ' && bytes[i] != '\n') || bytes[i] == 0x7f)
			return true;
	return false;
}

static bool decode_text(struct note *n, struct wire *w)
{
	const char *origin, *size, *root, *blank;
	size_t origin_len, size_len, root_len, blank_len, got;
	if (!next_line(w, &origin, &origin_len) || origin_len >= sizeof n->origin ||
	    !next_line(w, &size, &size_len) || !parse_size(size, size_len, &n->size) ||
	    !next_line(w, &root, &root_len) ||
	    !base64_decode(n->root, sizeof n->root, root, root_len, &got) || got != sizeof n->root)
		return false;
	memcpy(n->origin, origin, origin_len);
	n->text_len = (size_t)(w->at - (const uint8_t *)origin);
	return is_name(n->origin) && next_line(w, &blank, &blank_len) && blank_len == 0;
}

int note_decode(struct note *n, const uint8_t *bytes, size_t len, struct err *err)
{
	struct note decoded = { .size = 0 };
	struct line line;
	const char *text;
	size_t text_len;
	unsigned signatures = 0;
	struct wire w = wire_over(bytes, len);
	bool ok = len <= NOTE_MAX && !has_control(bytes, len) && decode_text(&decoded, &w);
	for (; ok && wire_left(&w) > 0; signatures++)
		ok = signatures < NOTE_SIGNATURES_MAX && next_line(&w, &text, &text_len) &&
		     parse_signature(&line, text, text_len);
	if (!ok || signatures == 0)
		return err_set(err, ERR_CORRUPT, "%s: is malformed", what);
	*n = decoded;
	return 0;
}

/* The line of this key in a note that decodes. */
static bool find_line(const struct note *n, const uint8_t *bytes, size_t len, const char *name,
                      const uint8_t id[KEY_ID], struct line *out)
{
	const char *text;
	size_t text_len;
	struct wire w = wire_over(bytes + n->text_len + 1, len - n->text_len - 1);
	while (next_line(&w, &text, &text_len))
		if (parse_signature(out, text, text_len) && out->name_len == strlen(name) &&
		    memcmp(out->name, name, out->name_len) == 0 &&
		    memcmp(out->blob, id, KEY_ID) == 0)
			return true;
	return false;
}

int note_verify(const struct note *n, const uint8_t *bytes, size_t len, const char *name,
                const uint8_t pk[SIGN_PUBLIC_BYTES], struct err *err)
{
	struct line line;
	uint8_t id[KEY_ID];
	key_id(id, name, TYPE_SIGNATURE, pk);
	if (!find_line(n, bytes, len, name, id, &line))
		return err_set(err, ERR_CORRUPT, "%s: is not signed by %s", what, name);
	if (line.blob_len != SIGNATURE_BYTES ||
	    !sign_plain_verify(line.blob + KEY_ID, bytes, n->text_len, pk))
		return err_set(err, ERR_CORRUPT, "%s: the signature of %s fails", what, name);
	return 0;
}

int note_verify_cosigned(const struct note *n, const uint8_t *bytes, size_t len, const char *name,
                         const uint8_t pk[SIGN_PUBLIC_BYTES], uint64_t *time_s, struct err *err)
{
	struct line line;
	uint8_t id[KEY_ID], text[COSIGNED_MAX];
	key_id(id, name, TYPE_COSIGNATURE, pk);
	if (!find_line(n, bytes, len, name, id, &line))
		return err_set(err, ERR_ABSENT, "%s: is not cosigned by %s", what, name);
	uint64_t at = 0;
	for (int i = 0; i < 8 && line.blob_len == COSIGNATURE_BYTES; i++)
		at = at << 8 | line.blob[KEY_ID + i];
	size_t text_len = cosigned_text(text, bytes, n->text_len, at);
	if (line.blob_len != COSIGNATURE_BYTES ||
	    !sign_plain_verify(line.blob + KEY_ID + 8, text, text_len, pk))
		return err_set(err, ERR_CORRUPT, "%s: the cosignature of %s fails", what, name);
	*time_s = at;
	return 0;
}
