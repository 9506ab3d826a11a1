#include "format/timestamp.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/wire.h"
#include "holdfast/err.h"

enum tag {
	BOOLEAN = 0x01, INTEGER = 0x02, OCTETS = 0x04, NULL_VALUE = 0x05, OID = 0x06, TIME = 0x18,
	SEQUENCE = 0x30, SET = 0x31, EXPLICIT_0 = 0xa0,
};

static const uint8_t sha256_oid[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01 };
static const uint8_t signed_data_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02 };
static const uint8_t tst_info_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
	                                0x01, 0x09, 0x10, 0x01, 0x04 };

void timestamp_query(uint8_t out[TIMESTAMP_QUERY_BYTES], const uint8_t sha256[32],
                     uint8_t nonce[TIMESTAMP_NONCE_BYTES])
{
	static const uint8_t head[] = { 0x30, 0x43, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09,
		                        0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
		                        0x04, 0x20 };
	static const uint8_t certificates_wanted[] = { 0x01, 0x01, 0xff };
	nonce[0] = (uint8_t)((nonce[0] & 0x7f) | 0x40);
	uint8_t *p = wire_put_bytes(out, head, sizeof head);
	p = wire_put_bytes(p, sha256, 32);
	*p++ = INTEGER;
	*p++ = TIMESTAMP_NONCE_BYTES;
	p = wire_put_bytes(p, nonce, TIMESTAMP_NONCE_BYTES);
	wire_put_bytes(p, certificates_wanted, sizeof certificates_wanted);
}

/* ---- DER ---- */

/* The length of a value, in its shortest form. */
static size_t der_length(struct wire *w)
{
	size_t len = wire_u8(w);
	if (len < 0x80)
		return len;
	size_t n = len & 0x7f;
	if (n == 0 || n > 3) {
		w->bad = true;
		return 0;
	}
	len = 0;
	for (size_t i = 0; i < n; i++)
		len = len << 8 | wire_u8(w);
	if (len < 0x80 || len >> (8 * (n - 1)) == 0)
		w->bad = true;
	return len;
}

/* Enter the next value, which must have this tag. On any violation both readers are bad. */
static struct wire der_enter(struct wire *w, enum tag tag)
{
	if (wire_u8(w) != tag)
		w->bad = true;
	size_t len = der_length(w);
	const uint8_t *value = w->bad ? NULL : wire_bytes(w, len);
	struct wire in = wire_over(value ? value : w->at, value ? len : 0);
	in.bad = !value;
	return in;
}

static bool der_is(struct wire *w, enum tag tag, const uint8_t *value, size_t len)
{
	struct wire in = der_enter(w, tag);
	const uint8_t *p = wire_left(&in) == len ? wire_bytes(&in, len) : NULL;
	return p && wire_ok(&in) && (len == 0 || memcmp(p, value, len) == 0);
}

static bool der_next_is(const struct wire *w, enum tag tag)
{
	return wire_left(w) > 0 && *w->at == tag;
}

/* ---- what a response holds ---- */

static bool parse_imprint(struct wire *info, uint8_t sha256[32])
{
	struct wire imprint = der_enter(info, SEQUENCE);
	struct wire algorithm = der_enter(&imprint, SEQUENCE);
	if (!der_is(&algorithm, OID, sha256_oid, sizeof sha256_oid) ||
	    (wire_left(&algorithm) > 0 && !der_is(&algorithm, NULL_VALUE, NULL, 0)) ||
	    !wire_done(&algorithm))
		return false;
	struct wire hash = der_enter(&imprint, OCTETS);
	wire_copy(&hash, sha256, 32);
	return wire_done(&hash) && wire_done(&imprint);
}

/* YYYYMMDDHHMMSS[.fraction]Z */
static bool parse_time(struct wire *info, uint64_t *out)
{
	struct wire w = der_enter(info, TIME);
	int field[7];
	for (size_t i = 0; i < 7; i++) {
		const uint8_t *d = wire_bytes(&w, 2);
		if (!d || d[0] < '0' || d[0] > '9' || d[1] < '0' || d[1] > '9')
			return false;
		field[i] = (d[0] - '0') * 10 + d[1] - '0';
	}
	if (der_next_is(&w, '.'))
		do {
			wire_u8(&w);
		} while (wire_left(&w) > 0 && *w.at >= '0' && *w.at <= '9');
	if (wire_u8(&w) != 'Z' || !wire_done(&w))
		return false;
	struct tm tm = { .tm_year = field[0] * 100 + field[1] - 1900, .tm_mon = field[2] - 1,
	                 .tm_mday = field[3], .tm_hour = field[4], .tm_min = field[5],
	                 .tm_sec = field[6] };
	time_t t = timegm(&tm);
	*out = (uint64_t)t;
	return t > 0;
}

/* accuracy, ordering and nonce may stand behind the time, in this order */
static void parse_nonce(struct wire *info, uint8_t nonce[TIMESTAMP_NONCE_BYTES])
{
	memset(nonce, 0, TIMESTAMP_NONCE_BYTES);
	if (der_next_is(info, SEQUENCE))
		der_enter(info, SEQUENCE);
	if (der_next_is(info, BOOLEAN))
		der_enter(info, BOOLEAN);
	if (!der_next_is(info, INTEGER))
		return;
	struct wire number = der_enter(info, INTEGER);
	if (wire_left(&number) == TIMESTAMP_NONCE_BYTES)
		wire_copy(&number, nonce, TIMESTAMP_NONCE_BYTES);
}

static bool parse_info(struct timestamp *t, struct wire w)
{
	static const uint8_t version[] = { 1 };
	struct wire info = der_enter(&w, SEQUENCE);
	if (!wire_done(&w) || !der_is(&info, INTEGER, version, sizeof version))
		return false;
	der_enter(&info, OID);                       /* the authority's policy */
	bool ok = parse_imprint(&info, t->sha256);
	der_enter(&info, INTEGER);                   /* its serial number */
	if (!ok || !wire_ok(&info) || !parse_time(&info, &t->time_s))
		return false;
	parse_nonce(&info, t->nonce);
	return wire_ok(&info);
}

/* ContentInfo > SignedData > encapContentInfo > TSTInfo */
static bool parse_token(struct timestamp *t, struct wire *response)
{
	struct wire content = der_enter(response, SEQUENCE);
	if (!der_is(&content, OID, signed_data_oid, sizeof signed_data_oid))
		return false;
	struct wire holder = der_enter(&content, EXPLICIT_0);
	struct wire data = der_enter(&holder, SEQUENCE);
	der_enter(&data, INTEGER);
	der_enter(&data, SET);
	struct wire inner = der_enter(&data, SEQUENCE);
	if (!wire_done(&content) || !wire_done(&holder) ||
	    !der_is(&inner, OID, tst_info_oid, sizeof tst_info_oid))
		return false;
	struct wire octets = der_enter(&inner, EXPLICIT_0);
	struct wire info = der_enter(&octets, OCTETS);
	return wire_done(&inner) && wire_done(&octets) && wire_ok(&info) && parse_info(t, info);
}

int timestamp_decode(struct timestamp *t, const uint8_t *bytes, size_t len, struct err *err)
{
	struct timestamp d;
	static const char what[] = "not an answer of a timestamp authority";
	struct wire w = wire_over(bytes, len);
	struct wire response = der_enter(&w, SEQUENCE);
	struct wire status = der_enter(&response, SEQUENCE);
	struct wire number = der_enter(&status, INTEGER);
	if (len > TIMESTAMP_MAX || !wire_done(&w) || !wire_ok(&number) || wire_left(&number) != 1)
		return err_set(err, ERR_CORRUPT, what);
	unsigned said = wire_u8(&number);
	if (said > 1)
		return err_set(err, ERR_DENIED, "the timestamp authority refused (status %u)", said);
	if (!parse_token(&d, &response) || !wire_done(&response))
		return err_set(err, ERR_CORRUPT, what);
	*t = d;
	return 0;
}
