/* Lists of a run that stand in objects of their own. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/wire.h"
#include "format/entry.h"
#include "holdfast/err.h"

static int by_item(const void *a, const void *b)
{
	const struct entry_item *x = a, *y = b;
	int rc = memcmp(x->store, y->store, sizeof x->store);
	if (rc == 0)
		rc = (x->did > y->did) - (x->did < y->did);
	return rc ? rc : (x->number > y->number) - (x->number < y->number);
}

int entry_items_encode(struct entry_item *items, size_t n, struct buf *out, struct err *err)
{
	if (n)
		qsort(items, n, sizeof *items, by_item);
	for (size_t i = 0; i < n; i++) {
		char store[33], hash[65];
		if (buf_printf(out, err, "%s %" PRIu64 " %s %s\n", hex_encode(store, items[i].store, 16),
		               items[i].number, hex_encode(hash, items[i].hash, 32),
		               entry_did_word(items[i].did)) != 0)
			return err->code;
	}
	return 0;
}

/* Exactly 2 * len digits, and the byte `end` behind them. */
static bool take_hex(struct wire *w, void *out, size_t len, char end)
{
	char text[65];
	const uint8_t *digits = wire_bytes(w, 2 * len);
	if (!digits)
		return false;
	memcpy(text, digits, 2 * len);
	text[2 * len] = '\0';
	return hex_decode(out, len, text) && wire_u8(w) == (uint8_t)end;
}

/* At most 18 digits, without zeros before them. */
static bool take_number(struct wire *w, uint64_t *number)
{
	const uint8_t *first = w->at;
	unsigned digits = 0;
	for (; wire_left(w) && *w->at >= '0' && *w->at <= '9' && digits < 18; digits++)
		*number = *number * 10 + (uint64_t)(*w->at++ - '0');
	return digits == 1 || (digits > 1 && *first != '0');
}

static bool take_item(struct wire *w, struct entry_item *item)
{
	if (!take_hex(w, item->store, 16, ' ') || !take_number(w, &item->number) || wire_u8(w) != ' ' ||
	    !take_hex(w, item->hash, 32, ' '))
		return false;
	const uint8_t *word = w->at, *end = memchr(word, '\n', wire_left(w));
	if (!end || !entry_did_from((const char *)word, (size_t)(end - word), &item->did))
		return false;
	w->at = end + 1;
	return true;
}

/* ["<store>",<number>,"<hash>","<word>"] */
static bool take_json_item(struct wire *w, struct entry_item *item)
{
	if (wire_u8(w) != '[' || wire_u8(w) != '"' || !take_hex(w, item->store, 16, '"') ||
	    wire_u8(w) != ',' || !take_number(w, &item->number) || wire_u8(w) != ',' ||
	    wire_u8(w) != '"' || !take_hex(w, item->hash, 32, '"') || wire_u8(w) != ',' ||
	    wire_u8(w) != '"')
		return false;
	const uint8_t *word = w->at, *end = memchr(word, '"', wire_left(w));
	if (!end || !entry_did_from((const char *)word, (size_t)(end - word), &item->did))
		return false;
	w->at = end + 1;
	return wire_u8(w) == ']';
}

bool entry_peek_items(const uint8_t *bytes, size_t len, struct entry_item items[ENTRY_INLINE_MAX],
                      size_t *n)
{
	static const char begin[] = "\"items\":[", end[] = ",\"v\":1}";
	const size_t begin_len = sizeof begin - 1, end_len = sizeof end - 1;
	const uint8_t *at = memmem(bytes, len, begin, begin_len);
	if (!at || len < end_len || memcmp(bytes + len - end_len, end, end_len) != 0)
		return false;
	at += begin_len;
	struct wire w = wire_over(at, len - (size_t)(at - bytes));
	for (*n = 0; *n < ENTRY_INLINE_MAX; ++*n) {
		items[*n] = (struct entry_item){ .number = 0 };
		if (!take_json_item(&w, &items[*n]))
			return false;
		uint8_t next = wire_u8(&w);
		if (next == ']') {
			++*n;
			return true;
		}
		if (next != ',')
			return false;
	}
	return false;
}

static size_t count_lines(const uint8_t *bytes, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++)
		n += bytes[i] == '\n';
	return n;
}

int entry_items_decode(struct entry_item **items, size_t *n, const uint8_t *bytes, size_t len,
                       struct err *err)
{
	size_t count = count_lines(bytes, len), i = 0;
	struct wire w = wire_over(bytes, len);
	struct entry_item *list = calloc(count + 1, sizeof *list);
	if (!list)
		return err_no_memory(err);
	while (i < count && take_item(&w, &list[i]) && (i == 0 || by_item(&list[i - 1], &list[i]) < 0))
		i++;
	if (i < count || !wire_done(&w)) {
		free(list);
		return err_set(err, ERR_CORRUPT, "list of a run: line %zu is malformed", i + 1);
	}
	*items = list;
	*n = count;
	return 0;
}

static int by_store(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

int entry_stores_encode(uint8_t (*stores)[16], size_t n, struct buf *out, struct err *err)
{
	if (n)
		qsort(stores, n, sizeof *stores, by_store);
	for (size_t i = 0; i < n; i++) {
		char hex[33];
		if (buf_printf(out, err, "%s\n", hex_encode(hex, stores[i], 16)) != 0)
			return err->code;
	}
	return 0;
}

int entry_stores_decode(uint8_t (**stores)[16], size_t *n, const uint8_t *bytes, size_t len,
                        struct err *err)
{
	size_t count = len / 33, i = 0;
	struct wire w = wire_over(bytes, len);
	uint8_t (*list)[16] = calloc(count + 1, sizeof *list);
	if (!list)
		return err_no_memory(err);
	while (i < count && take_hex(&w, list[i], 16, '\n') &&
	       (i == 0 || by_store(list[i - 1], list[i]) < 0))
		i++;
	if (i < count || !wire_done(&w)) {
		free(list);
		return err_set(err, ERR_CORRUPT, "list of stores: line %zu is malformed", i + 1);
	}
	*stores = list;
	*n = count;
	return 0;
}
