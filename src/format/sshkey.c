#include "format/sshkey.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/lines.h"
#include "format/base64.h"
#include "holdfast/err.h"

static const char in_file[] = "ssh-ed25519";
static const char on_token[] = "sk-ssh-ed25519@openssh.com";

enum { BLOB_MAX = 119, LINE_MAX_BYTES = 8192 };   /* what base64_encode takes */

/* ---- binary form ---- */

const uint8_t *sshkey_string(struct wire *w, size_t max, size_t *len)
{
	const uint8_t *p = wire_bytes(w, 4);
	*len = p ? (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3] : 0;
	if (*len > max)
		w->bad = true;
	return w->bad ? NULL : wire_bytes(w, *len);
}

const char *sshkey_type(const struct sshkey *k)
{
	return k->on_token ? on_token : in_file;
}

static bool is_plain(const uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return true;
}

bool sshkey_text(struct wire *w, char *out, size_t cap)
{
	size_t len;
	const uint8_t *p = sshkey_string(w, cap - 1, &len);
	if (!p || !is_plain(p, len))
		return false;
	memcpy(out, p, len);
	out[len] = '\0';
	return true;
}

int sshkey_decode(struct sshkey *k, const uint8_t *bytes, size_t len, struct err *err)
{
	struct sshkey d = { .on_token = false };
	char type[SSHKEY_NAME_MAX];
	size_t pk_len;
	struct wire w = wire_over(bytes, len);
	if (!sshkey_text(&w, type, sizeof type))
		return err_set(err, ERR_CORRUPT, "not an SSH public key");
	d.on_token = strcmp(type, on_token) == 0;
	if (!d.on_token && strcmp(type, in_file) != 0) {
		err_set(err, ERR_INVALID, "an SSH key of type %s", type);
		return err_hint(err, "only Ed25519 keys are supported: ssh-keygen -t ed25519");
	}
	const uint8_t *pk = sshkey_string(&w, sizeof d.pk, &pk_len);
	if (!pk || pk_len != sizeof d.pk ||
	    (d.on_token && !sshkey_text(&w, d.application, sizeof d.application)) || !wire_done(&w))
		return err_set(err, ERR_CORRUPT, "not an SSH public key");
	memcpy(d.pk, pk, sizeof d.pk);
	*k = d;
	return 0;
}

bool sshkey_equal(const struct sshkey *a, const struct sshkey *b)
{
	return a->on_token == b->on_token && memcmp(a->pk, b->pk, sizeof a->pk) == 0 &&
	       strcmp(a->application, b->application) == 0;
}

uint8_t *sshkey_put_string(uint8_t *p, const void *data, size_t len)
{
	*p++ = 0;
	*p++ = 0;
	*p++ = (uint8_t)(len >> 8);
	*p++ = (uint8_t)len;
	return wire_put_bytes(p, data, len);
}

int sshkey_encode_line(const struct sshkey *k, struct buf *out, struct err *err)
{
	uint8_t blob[BLOB_MAX];
	char text[BASE64_TEXT_MAX];
	const char *type = sshkey_type(k);
	uint8_t *p = sshkey_put_string(blob, type, strlen(type));
	p = sshkey_put_string(p, k->pk, sizeof k->pk);
	if (k->on_token)
		p = sshkey_put_string(p, k->application, strlen(k->application));
	return buf_printf(out, err, "%s %s", type, base64_encode(text, blob, (size_t)(p - blob)));
}

/* ---- allowed signers ---- */

struct signer {
	char principal[SSHKEY_NAME_MAX];
	struct line namespaces;          /* text NULL: all */
	uint64_t after_s, before_s;      /* 0: no bound */
	bool known;                      /* a key of a kind that we know */
	struct sshkey key;
};

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Cut off the next word; quotes keep blanks within it. */
static bool take_word(struct line *l, struct line *word)
{
	while (l->len > 0 && is_blank(*l->text))
		l->text++, l->len--;
	bool quoted = false;
	size_t n = 0;
	for (; n < l->len && (quoted || !is_blank(l->text[n])); n++)
		quoted ^= l->text[n] == '"';
	*word = (struct line){ l->text, n };
	l->text += n;
	l->len -= n;
	return n > 0 && !quoted;
}

/* or nothing at all */
static bool is_comment(struct line l)
{
	struct line word;
	take_word(&l, &word);
	return word.len == 0 || *word.text == '#';
}

static bool parse_number(const char *text, size_t digits, int *out)
{
	*out = 0;
	for (size_t i = 0; i < digits; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*out = *out * 10 + (text[i] - '0');
	}
	return true;
}

/* YYYYMMDD[HHMM[SS]]Z */
static bool parse_time(const struct line *l, uint64_t *out)
{
	struct tm tm = { .tm_mday = 0 };
	size_t n = l->len;
	if ((n != 9 && n != 13 && n != 15) || l->text[n - 1] != 'Z' ||
	    !parse_number(l->text, 4, &tm.tm_year) || !parse_number(l->text + 4, 2, &tm.tm_mon) ||
	    !parse_number(l->text + 6, 2, &tm.tm_mday) ||
	    (n > 9 && (!parse_number(l->text + 8, 2, &tm.tm_hour) ||
	               !parse_number(l->text + 10, 2, &tm.tm_min))) ||
	    (n > 13 && !parse_number(l->text + 12, 2, &tm.tm_sec)))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	struct tm normal = tm;
	time_t t = timegm(&normal);
	/* what is out of bounds is carried over into the next */
	if (t <= 0 || normal.tm_mon != tm.tm_mon || normal.tm_hour != tm.tm_hour ||
	    normal.tm_min != tm.tm_min)
		return false;
	*out = (uint64_t)t;
	return true;
}

/* name="value", and what follows */
static bool take_option(struct line *l, const char *name, struct line *value)
{
	struct line at = *l;
	if (!line_skip(&at, name) || !line_skip(&at, "=\""))
		return false;
	const char *end = memchr(at.text, '"', at.len);
	if (!end)
		return false;
	*value = (struct line){ at.text, (size_t)(end - at.text) };
	*l = (struct line){ end + 1, at.len - value->len - 1 };
	return true;
}

static bool parse_options(struct signer *s, struct line l)
{
	struct line value;
	do {
		if (take_option(&l, "namespaces", &value)) {
			if (s->namespaces.text || memchr(value.text, '*', value.len) ||
			    memchr(value.text, '?', value.len) || memchr(value.text, '!', value.len))
				return false;
			s->namespaces = value;
		} else if (take_option(&l, "valid-after", &value)) {
			if (s->after_s || !parse_time(&value, &s->after_s))
				return false;
		} else if (take_option(&l, "valid-before", &value)) {
			if (s->before_s || !parse_time(&value, &s->before_s))
				return false;
		} else {
			return false;
		}
	} while (line_skip(&l, ","));
	return l.len == 0;
}

static bool parse_principal(struct signer *s, const struct line *word)
{
	if (word->len >= sizeof s->principal || !is_plain((const uint8_t *)word->text, word->len))
		return false;
	memcpy(s->principal, word->text, word->len);
	s->principal[word->len] = '\0';
	return strcspn(s->principal, "\",*?!") == word->len;
}

static bool parse_key(struct signer *s, const struct line *type, const struct line *text)
{
	uint8_t blob[BLOB_MAX];
	size_t len;
	struct err err;
	s->known = line_is(type, in_file) || line_is(type, on_token);
	if (!s->known)
		return true;
	return base64_decode(blob, sizeof blob, text->text, text->len, &len) &&
	       sshkey_decode(&s->key, blob, len, &err) == 0 &&
	       line_is(type, sshkey_type(&s->key));
}

static bool parse_signer(struct signer *s, struct line l)
{
	struct line word, key;
	*s = (struct signer){ .known = false };
	if (l.len > LINE_MAX_BYTES || !take_word(&l, &word) || !parse_principal(s, &word) ||
	    !take_word(&l, &word))
		return false;
	/* no type of key holds such a character, and all options do */
	if (memchr(word.text, '=', word.len) &&
	    (!parse_options(s, word) || !take_word(&l, &word)))
		return false;
	return !line_is(&word, "cert-authority") && take_word(&l, &key) && parse_key(s, &word, &key);
}

static bool has_namespace(const struct line *list, const char *namespace)
{
	for (size_t at = 0; at <= list->len; at++) {
		const char *end = memchr(list->text + at, ',', list->len - at);
		struct line one = { list->text + at,
			            end ? (size_t)(end - list->text) - at : list->len - at };
		if (line_is(&one, namespace))
			return true;
		at += one.len;
	}
	return false;
}

static bool may_sign(const struct signer *s, const char *namespace, uint64_t time_s)
{
	return (!s->namespaces.text || has_namespace(&s->namespaces, namespace)) &&
	       (s->after_s == 0 || time_s >= s->after_s) &&
	       (s->before_s == 0 || time_s <= s->before_s);
}

int sshkey_signer(const uint8_t *list, size_t len, const struct sshkey *k, const char *namespace,
                  uint64_t time_s, char principal[SSHKEY_NAME_MAX], struct err *err)
{
	struct wire w = wire_over(list, len);
	struct line l;
	struct signer s, found = { .known = false };
	bool listed = false;
	for (unsigned n = 1; lines_next(&w, &l); n++) {
		if (is_comment(l))
			continue;
		if (!parse_signer(&s, l))
			return err_set(err, ERR_CORRUPT, "allowed_signers: line %u is malformed", n);
		if (!s.known || !sshkey_equal(&s.key, k))
			continue;
		listed = true;
		if (!found.known && may_sign(&s, namespace, time_s))
			found = s;
	}
	if (!wire_done(&w))
		return err_set(err, ERR_CORRUPT, "allowed_signers: the last line has no end");
	if (!listed)
		return err_set(err, ERR_KEY, "allowed_signers: nobody has the key that signed");
	if (!found.known)
		return err_set(err, ERR_DENIED, "allowed_signers: the key that signed may not sign as "
		               "'%s', or not at that time", namespace);
	memcpy(principal, found.principal, sizeof found.principal);
	return 0;
}
