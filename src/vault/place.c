#include "vault/place.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "format/charter.h"
#include "holdfast/err.h"

enum { PLACE_MAX = CHARTER_MAX_BYTES + CHARTER_LINE_MAX + 4096, VALID_S = 7 * 86400 };

static const uint8_t magic[8] = "HFPLCE1";

struct place *place_new(struct err *err)
{
	AUTO(place) p = calloc(1, sizeof *p);
	if (!p) {
		err_no_memory(err);
		return NULL;
	}
	p->anchor = buf_new(CHARTER_LINE_MAX, err);
	p->charter = buf_new(CHARTER_MAX_BYTES, err);
	return p->anchor && p->charter ? TAKE(p) : NULL;
}

void place_free(struct place *p)
{
	if (!p)
		return;
	buf_free(p->anchor);
	buf_free(p->charter);
	free(p);
}

static int path_of(const char *state_dir, const char *url, char out[PATH_MAX], struct err *err)
{
	uint8_t id[16];
	char hex[33];
	hash_labelled(id, sizeof id, "hf1.place", NULL, 0, url, strlen(url));
	int n = snprintf(out, PATH_MAX, "%s/places/%s", state_dir, hex_encode(hex, id, sizeof id));
	return n < PATH_MAX ? 0 : err_set(err, ERR_LIMIT, "path of the state folder is too long");
}

static int take(struct wire *w, size_t max, struct buf *out, struct err *err)
{
	size_t len;
	const uint8_t *bytes = wire_counted(w, max, &len);
	return bytes ? buf_append(out, bytes, len, err) : 0;
}

static int decode(struct place *p, const struct buf *b, uint64_t *read_s, struct err *err)
{
	size_t len;
	uint8_t begins[sizeof magic];
	struct wire w = wire_over(b->bytes, b->len);
	wire_copy(&w, begins, sizeof begins);
	*read_s = wire_u64(&w);
	p->n = wire_u64(&w);
	const uint8_t *tag = wire_counted(&w, sizeof p->tag - 1, &len);
	if (tag)
		memcpy(p->tag, tag, len);
	if (take(&w, CHARTER_LINE_MAX, p->anchor, err) != 0 ||
	    take(&w, CHARTER_MAX_BYTES, p->charter, err) != 0)
		return err->code;
	return wire_done(&w) && memcmp(begins, magic, sizeof magic) == 0
	     ? 0 : err_set(err, ERR_CORRUPT, "is damaged");
}

struct place *place_load(const char *state_dir, const char *url, struct err *err)
{
	char path[PATH_MAX];
	uint64_t read_s, now = (uint64_t)time(NULL);
	AUTO(buf) b = buf_new(PLACE_MAX, err);
	AUTO(place) p = b ? place_new(err) : NULL;
	if (!p || path_of(state_dir, url, path, err) != 0 || io_read_file(path, b, err) != 0)
		return NULL;
	if (decode(p, b, &read_s, err) != 0) {
		err_wrap(err, "%s", path);
		return NULL;
	}
	if (p->tag[0] && now >= read_s && now - read_s < VALID_S)
		return TAKE(p);
	err_set(err, ERR_ABSENT, "%s: is too old", path);
	return NULL;
}

int place_store(const struct place *p, const char *state_dir, const char *url, struct err *err)
{
	char path[PATH_MAX], folder[PATH_MAX];
	AUTO(buf) b = buf_new(PLACE_MAX, err);
	if (!b || buf_append(b, magic, sizeof magic, err) != 0 ||
	    wire_add_u64(b, (uint64_t)time(NULL), err) != 0 || wire_add_u64(b, p->n, err) != 0 ||
	    wire_add_counted(b, p->tag, strlen(p->tag), err) != 0 ||
	    wire_add_counted(b, p->anchor->bytes, p->anchor->len, err) != 0 ||
	    wire_add_counted(b, p->charter->bytes, p->charter->len, err) != 0 ||
	    path_of(state_dir, url, path, err) != 0)
		return err->code;
	snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
	return io_make_dirs(folder, 0700, err) == 0
	     ? io_write_file_lazily(path, b->bytes, b->len, 0600, err) : err->code;
}
