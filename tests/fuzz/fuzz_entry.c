/* fuzz_entry - entries of ledgers and the lists they name; tiles of entries and names of tiles. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/wire.h"
#include "format/entry.h"
#include "format/tiles.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What decodes is written again; members that are not known are left out, so it may be shorter. */
static void check_entry(const uint8_t *data, size_t len)
{
	struct entry e;
	struct err err;
	if (entry_decode(&e, data, len, &err) != 0)
		return;
	AUTO(buf) again = buf_new(2 * ENTRY_MAX, &err);
	if (e.kind != ENTRY_OTHER &&
	    (!entry_may_be(data, len, e.kind) || !again || entry_encode(&e, again, &err) != 0 ||
	     again->len > len))
		abort();
	entry_clear(&e);
}

static void check_lists(const uint8_t *data, size_t len)
{
	struct entry_item *items;
	uint8_t (*stores)[16];
	size_t n;
	struct err err;
	AUTO(buf) again = buf_new(ENTRY_LIST_MAX, &err);
	if (entry_stores_decode(&stores, &n, data, len, &err) == 0) {
		if (entry_stores_encode(stores, n, again, &err) != 0 || again->len != len ||
		    (len && memcmp(again->bytes, data, len) != 0))
			abort();
		free(stores);
	}
	buf_clear(again);
	if (entry_items_decode(&items, &n, data, len, &err) == 0) {
		if (entry_items_encode(items, n, again, &err) != 0 || again->len > len)
			abort();
		free(items);
	}
}

static void check_tiles(const uint8_t *data, size_t len)
{
	char path[TILES_PATH_MAX + 20];
	const uint8_t *entry;
	size_t entry_len;
	struct tile t;
	struct wire w = wire_over(data, len);
	while (tiles_next_entry(&w, &entry, &entry_len))
		if (entry < data || entry + entry_len > data + len)
			abort();
	if (len >= sizeof path)
		return;
	memcpy(path, data, len);
	path[len] = '\0';
	if (tiles_parse(path, &t) && (t.width == 0 || t.width > TILES_WIDTH || t.level >= TILES_LEVELS))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	check_entry(data, len);
	check_lists(data, len);
	check_tiles(data, len);
	return 0;
}
