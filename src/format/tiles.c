#include "format/tiles.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/wire.h"
#include "holdfast/err.h"

enum { LEVEL_BITS = 8, GROUP = 1000, GROUPS_MAX = 4 };

/* ---- names ---- */

/* Groups of three digits, the highest first. */
static size_t print_number(char *out, size_t cap, uint64_t n)
{
	unsigned groups[GROUPS_MAX], k = 0;
	size_t used = 0;
	do
		groups[k++] = (unsigned)(n % GROUP);
	while ((n /= GROUP) && k < GROUPS_MAX);
	while (k-- > 0)
		used += (size_t)snprintf(out + used, cap - used, "%s%03u%s", k ? "x" : "", groups[k],
		                         k ? "/" : "");
	return used;
}

const char *tiles_path(char *out, const struct tile *t)
{
	char level[12] = "entries";
	if (t->level != TILES_ENTRIES)
		snprintf(level, sizeof level, "%d", t->level);
	size_t used = (size_t)snprintf(out, TILES_PATH_MAX, "tile/%s/", level);
	used += print_number(out + used, TILES_PATH_MAX - used, t->n);
	if (t->width < TILES_WIDTH)
		snprintf(out + used, TILES_PATH_MAX - used, ".p/%u", t->width);
	return out;
}

/* The number in front of `end`, which is not read. */
static bool parse_digits(const char **at, unsigned least, unsigned most, uint64_t *out)
{
	unsigned n = 0;
	*out = 0;
	for (; **at >= '0' && **at <= '9'; (*at)++, n++) {
		if (n == most)
			return false;
		*out = *out * 10 + (uint64_t)(**at - '0');
	}
	return n >= least;
}

static bool parse_number(const char **at, uint64_t *out)
{
	uint64_t group;
	*out = 0;
	for (unsigned k = 0; k < GROUPS_MAX; k++) {
		bool more = **at == 'x';
		*at += more;
		if (!parse_digits(at, 3, 3, &group))
			return false;
		*out = *out * GROUP + group;
		if (!more)
			return true;
		if (*(*at)++ != '/')
			return false;
	}
	return false;
}

bool tiles_parse(const char *path, struct tile *out)
{
	char again[TILES_PATH_MAX];
	uint64_t level = 0, width = TILES_WIDTH;
	const char *at = path;
	bool entries = strncmp(at, "tile/entries/", 13) == 0;
	if (entries)
		at += 13;
	else if (strncmp(at, "tile/", 5) != 0)
		return false;
	else {
		at += 5;
		if (!parse_digits(&at, 1, 1, &level) || level >= TILES_LEVELS || *at++ != '/')
			return false;
	}
	struct tile t = { .level = entries ? TILES_ENTRIES : (int)level };
	if (!parse_number(&at, &t.n))
		return false;
	if (strncmp(at, ".p/", 3) == 0) {
		at += 3;
		if (!parse_digits(&at, 1, 3, &width) || width == 0 || width >= TILES_WIDTH)
			return false;
	}
	t.width = (unsigned)width;
	/* one spelling only */
	if (*at != '\0' || strcmp(tiles_path(again, &t), path) != 0)
		return false;
	*out = t;
	return true;
}

uint64_t tiles_count(uint64_t size, int level)
{
	return level == TILES_ENTRIES ? size : size >> (LEVEL_BITS * level);
}

struct tile tiles_of(uint64_t size, int level, uint64_t n)
{
	uint64_t count = tiles_count(size, level), from = n * TILES_WIDTH;
	struct tile t = { .level = level, .n = n };
	if (from < count)
		t.width = count - from < TILES_WIDTH ? (unsigned)(count - from) : TILES_WIDTH;
	return t;
}

/* ---- bundles ---- */

int tiles_add_entry(struct buf *bundle, const void *entry, size_t len, struct err *err)
{
	if (len > TILES_ENTRY_MAX)
		return err_set(err, ERR_LIMIT, "an entry of %zu bytes; a ledger takes %d", len,
		               TILES_ENTRY_MAX);
	const uint8_t prefix[2] = { (uint8_t)(len >> 8), (uint8_t)len };
	if (buf_append(bundle, prefix, sizeof prefix, err) != 0)
		return err->code;
	return buf_append(bundle, entry, len, err);
}

bool tiles_next_entry(struct wire *bundle, const uint8_t **entry, size_t *len)
{
	if (wire_left(bundle) == 0)
		return false;
	const uint8_t *prefix = wire_bytes(bundle, 2);
	if (!prefix)
		return false;
	*len = (size_t)(prefix[0] << 8 | prefix[1]);
	*entry = wire_bytes(bundle, *len);
	return *entry != NULL;
}

/* ---- the right edge ---- */

void tiles_fold(uint8_t (*hashes)[MERKLE_BYTES], unsigned n, uint8_t out[MERKLE_BYTES])
{
	for (; n > 1; n /= 2)
		for (unsigned i = 0; i < n / 2; i++)
			merkle_node(hashes[i], hashes[2 * i], hashes[2 * i + 1]);
	memcpy(out, hashes[0], MERKLE_BYTES);
}

int tiles_edge_add(struct tiles_edge *e, const uint8_t leaf[MERKLE_BYTES], tiles_full *full,
                   void *arg, struct err *err)
{
	uint8_t hash[MERKLE_BYTES];
	if (e->size >= TILES_SIZE_MAX)
		return err_set(err, ERR_LIMIT, "a ledger of more than 2^36 entries");
	uint64_t at = e->size++;
	memcpy(hash, leaf, sizeof hash);
	for (int level = 0; level < TILES_LEVELS; level++, at /= TILES_WIDTH) {
		memcpy(e->hashes[level][at % TILES_WIDTH], hash, sizeof hash);
		if (at % TILES_WIDTH != TILES_WIDTH - 1)
			return 0;
		const struct tile t = { level, at / TILES_WIDTH, TILES_WIDTH };
		if (full(arg, &t, (const uint8_t(*)[MERKLE_BYTES])e->hashes[level], err) != 0)
			return err->code;
		tiles_fold(e->hashes[level], TILES_WIDTH, hash);
	}
	return 0;
}

static int read_edge(void *arg, unsigned level, uint64_t index, uint8_t out[MERKLE_BYTES],
                     struct err *err)
{
	const struct tiles_edge *e = arg;
	unsigned within = level % LEVEL_BITS, n = 1u << within;
	uint8_t hashes[TILES_WIDTH / 2][MERKLE_BYTES];
	(void)err;
	memcpy(hashes, e->hashes[level / LEVEL_BITS][(index << within) % TILES_WIDTH],
	       n * sizeof *hashes);
	tiles_fold(hashes, n, out);
	return 0;
}

void tiles_edge_root(const struct tiles_edge *e, uint8_t out[MERKLE_BYTES])
{
	struct err never;
	merkle_root(e->size, read_edge, (void *)(uintptr_t)e, out, &never);
}
