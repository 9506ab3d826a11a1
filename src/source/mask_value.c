#include "source/mask_value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "source/mask_date.h"
#include "source/mask_number.h"
#include "source/mask_words.h"

enum { EMAIL_LETTERS = 16, DAY_S = 86400 };

struct secret *mask_value_key(const struct secret *restore_key, enum mask_kind kind, const char *domain,
                              struct err *err)
{
	struct secret *key = secret_new(HASH_BYTES, err);
	struct hash_state h;
	if (!key)
		return NULL;
	const char *word = mask_kind_text(kind);
	hash_begin(&h, HASH_BYTES, "hf1.maskcolumn", restore_key->bytes, restore_key->len);
	hash_add(&h, word, strlen(word) + 1);
	hash_add(&h, domain, strlen(domain));
	hash_end(&h, key->bytes, HASH_BYTES);
	return key;
}

/* ---- the keyed hash ---- */

static void add_folded(struct hash_state *h, const uint8_t *text, size_t len)
{
	uint8_t block[256];
	for (size_t n; len > 0; text += n, len -= n) {
		n = len < sizeof block ? len : sizeof block;
		for (size_t i = 0; i < n; i++)
			block[i] = text[i] >= 'A' && text[i] <= 'Z' ? (uint8_t)(text[i] + 32) : text[i];
		hash_add(h, block, n);
	}
}

/* SQL holds 1 and 1.0 for equal, so they are one value here. */
static bool is_whole(const struct mask_cell *c)
{
	return c->type == MASK_IS_REAL && fabs(c->real) < (double)(INT64_C(1) << MASK_NUMBER_BITS) &&
	       c->real == trunc(c->real);
}

static void digest_of(const struct mask_how *how, const struct mask_cell *in, uint8_t out[HASH_BYTES])
{
	struct hash_state h;
	bool whole = is_whole(in);
	int64_t integer = whole ? (int64_t)in->real : in->integer;
	uint8_t type = (uint8_t)(whole ? MASK_IS_INTEGER : in->type);
	hash_begin(&h, HASH_BYTES, "hf1.maskvalue", how->key->bytes, how->key->len);
	hash_add(&h, &type, 1);
	if (type == MASK_IS_INTEGER)
		hash_add(&h, &integer, sizeof integer);
	else if (type == MASK_IS_REAL)
		hash_add(&h, &in->real, sizeof in->real);
	else if (type == MASK_IS_TEXT && how->nocase)
		add_folded(&h, in->bytes, in->len);
	else if (type != MASK_IS_NULL)
		hash_add(&h, in->bytes, in->len);
	hash_end(&h, out, HASH_BYTES);
}

static uint64_t number_of(const uint8_t digest[HASH_BYTES])
{
	uint64_t n = 0;
	for (unsigned i = 0; i < 8; i++)
		n |= (uint64_t)digest[i] << (8 * i);
	return n;
}

/* Letters only: digits would be taken for a number where a column wants numbers. */
static int add_letters(const uint8_t digest[HASH_BYTES], unsigned n, struct buf *room, struct err *err)
{
	char text[2 * HASH_BYTES];
	for (unsigned i = 0; i < n; i++)
		text[i] = (char)('a' + (digest[i / 2] >> (i % 2 ? 4 : 0) & 15));
	return buf_append(room, text, n, err);
}

static void take_room(struct mask_cell *out, enum mask_type type, const struct buf *room)
{
	*out = (struct mask_cell){ .type = type, .bytes = room->bytes ? (const void *)room->bytes : "",
	                           .len = room->len };
}

static int64_t permuted(const struct mask_how *how, const struct mask_cell *in)
{
	return mask_number(how->key, in->type == MASK_IS_REAL ? (int64_t)in->real : in->integer);
}

/* A number that is no whole one becomes a whole one, by chance also twice the same: 53 bits. */
static double hashed_real(const struct mask_how *how, const struct mask_cell *in)
{
	uint8_t digest[HASH_BYTES];
	if (is_whole(in))
		return (double)permuted(how, in);
	digest_of(how, in, digest);
	return (double)(number_of(digest) >> (64 - MASK_NUMBER_BITS)) + 0.5;
}

static int hash(const struct mask_how *how, const struct mask_cell *in, struct mask_cell *out,
                struct buf *room, struct err *err)
{
	uint8_t digest[HASH_BYTES];
	if (in->type == MASK_IS_INTEGER || in->type == MASK_IS_REAL) {
		*out = (struct mask_cell){ .type = in->type };
		if (in->type == MASK_IS_INTEGER)
			out->integer = permuted(how, in);
		else
			out->real = hashed_real(how, in);
		return 0;
	}
	digest_of(how, in, digest);
	int rc = in->type == MASK_IS_TEXT ? add_letters(digest, how->rule->letters, room, err)
	                                  : buf_append(room, digest, sizeof digest, err);
	take_room(out, in->type, room);
	return rc;
}

static int pseudonym(const struct mask_how *how, const struct mask_cell *in, struct mask_cell *out)
{
	uint8_t digest[HASH_BYTES];
	digest_of(how, in, digest);
	const char *word = mask_words_choose(how->rule->words, number_of(digest));
	*out = (struct mask_cell){ .type = MASK_IS_TEXT, .bytes = word, .len = strlen(word) };
	return 0;
}

/* ---- parts that stay ---- */

static bool begins_character(uint8_t byte) { return (byte & 0xc0) != 0x80; }

static size_t characters(const uint8_t *text, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++)
		n += i == 0 || begins_character(text[i]);
	return n;
}

/* A value that is no longer than what may stay would stay as a whole: none of it does. */
static int partial_text(const struct mask_rule *rule, const uint8_t *text, size_t len, char fill,
                        struct buf *room, struct err *err)
{
	size_t n = characters(text, len), at = 0;
	bool hide_all = n <= (size_t)rule->first + rule->last;
	for (size_t i = 0; i < len; at++) {
		size_t from = i++;
		while (i < len && !begins_character(text[i]))
			i++;
		bool stays = !hide_all && (at < rule->first || at >= n - rule->last);
		if (buf_append(room, stays ? (const void *)(text + from) : &fill, stays ? i - from : 1,
		               err) != 0)
			return err->code;
	}
	return 0;
}

/* The digits of a number, without its sign. */
static int partial_integer(const struct mask_rule *rule, int64_t n, struct mask_cell *out,
                           struct buf *room, struct err *err)
{
	char text[32];
	int len = snprintf(text, sizeof text, "%llu",
	                   n < 0 ? 0 - (unsigned long long)n : (unsigned long long)n);
	if (partial_text(rule, (const uint8_t *)text, (size_t)len, '0', room, err) != 0)
		return err->code;
	uint64_t masked = 0;
	for (size_t i = 0; i < room->len; i++)
		masked = masked * 10 + (uint64_t)(room->bytes[i] - '0');
	*out = (struct mask_cell){ .type = MASK_IS_INTEGER };
	out->integer = (int64_t)(n < 0 ? 0 - masked : masked);
	return 0;
}

static int unfit(const struct mask_rule *rule, const char *type, struct err *err)
{
	err_set(err, ERR_INVALID, "%s does not fit %s", mask_kind_text(rule->kind), type);
	return err_hint(err, "set, null or hash fit every value");
}

static int partial(const struct mask_how *how, const struct mask_cell *in, struct mask_cell *out,
                   struct buf *room, struct err *err)
{
	if (in->type == MASK_IS_INTEGER)
		return partial_integer(how->rule, in->integer, out, room, err);
	if (in->type != MASK_IS_TEXT)
		return unfit(how->rule, in->type == MASK_IS_BLOB ? "a blob" : "a real number", err);
	int rc = partial_text(how->rule, in->bytes, in->len, how->rule->fill, room, err);
	take_room(out, MASK_IS_TEXT, room);
	return rc;
}

/* The hash is of the whole address: bob at two places is two people. */
static int email(const struct mask_how *how, const struct mask_cell *in, struct mask_cell *out,
                 struct buf *room, struct err *err)
{
	uint8_t digest[HASH_BYTES];
	if (in->type != MASK_IS_TEXT)
		return unfit(how->rule, "what is no text", err);
	const char *text = in->bytes, *at = in->len ? memrchr(text, '@', in->len) : NULL;
	digest_of(how, in, digest);
	int rc = add_letters(digest, EMAIL_LETTERS, room, err);
	if (rc == 0 && at)
		rc = buf_append(room, at, in->len - (size_t)(at - text), err);
	take_room(out, MASK_IS_TEXT, room);
	return rc;
}

/* ---- dates ---- */

/* 1 to `days`, later or earlier: never none, which would leave a date as it is. */
static int days_for(const struct mask_how *how, const struct mask_cell *subject)
{
	uint8_t digest[HASH_BYTES];
	digest_of(how, subject, digest);
	uint64_t n = number_of(digest) % (2 * (uint64_t)how->rule->days);
	int days = (int)(n / 2) + 1;
	return n % 2 ? -days : days;
}

static int64_t per_day(enum mask_unit unit)
{
	static const int64_t each[] = { [MASK_SECONDS] = DAY_S, [MASK_MILLISECONDS] = DAY_S * INT64_C(1000),
	                                [MASK_MICROSECONDS] = DAY_S * INT64_C(1000000), [MASK_DAYS] = 1 };
	return each[unit];
}

static int shift_text(const struct mask_how *how, const struct mask_cell *in, int days,
                      struct mask_cell *out, struct buf *room, struct err *err)
{
	if (buf_append(room, in->bytes, in->len, err) != 0)
		return err->code;
	if (in->len == 0 || !mask_date_move((char *)room->bytes, room->len, days))
		return unfit(how->rule, "a text that does not begin with YYYY-MM-DD", err);
	take_room(out, MASK_IS_TEXT, room);
	return 0;
}

static int date_shift(const struct mask_how *how, const struct mask_cell *in,
                      const struct mask_cell *subject, struct mask_cell *out, struct buf *room,
                      struct err *err)
{
	int days = days_for(how, subject);
	*out = (struct mask_cell){ .type = in->type };
	switch (in->type) {
	case MASK_IS_TEXT: return shift_text(how, in, days, out, room, err);
	case MASK_IS_REAL:
		out->real = in->real + (double)days * (double)per_day(how->rule->unit);
		return 0;
	case MASK_IS_INTEGER:
		if (__builtin_add_overflow(in->integer, days * per_day(how->rule->unit), &out->integer))
			return unfit(how->rule, "so large a number", err);
		return 0;
	case MASK_IS_NULL:
	case MASK_IS_BLOB: break;
	}
	return unfit(how->rule, "a blob", err);
}

int mask_value(const struct mask_how *how, const struct mask_cell *in, const struct mask_cell *subject,
               struct mask_cell *out, struct buf *room, struct err *err)
{
	const struct mask_rule *rule = how->rule;
	static const struct mask_cell none = { .type = MASK_IS_NULL };
	buf_clear(room);
	if (in->type == MASK_IS_NULL && rule->kind != MASK_SET) {
		*out = none;
		return 0;
	}
	switch (rule->kind) {
	case MASK_KEEP: *out = *in; return 0;
	case MASK_NULL: *out = none; return 0;
	case MASK_SET:
		*out = (struct mask_cell){ .type = MASK_IS_TEXT, .bytes = rule->text,
		                           .len = strlen(rule->text) };
		return 0;
	case MASK_HASH: return hash(how, in, out, room, err);
	case MASK_PSEUDONYM: return pseudonym(how, in, out);
	case MASK_PARTIAL: return partial(how, in, out, room, err);
	case MASK_EMAIL: return email(how, in, out, room, err);
	case MASK_DATE_SHIFT: return date_shift(how, in, subject ? subject : &none, out, room, err);
	case MASK_UNDECIDED: break;
	}
	return err_set(err, ERR_INVALID, "no rule is given");
}
