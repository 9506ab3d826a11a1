/* The rows of a chunk index. (chunkindex.h) */
#include <string.h>

#include "base/buf.h"
#include "base/wire.h"
#include "holdfast/err.h"
#include "vault/chunkindex_db.h"

enum {
	CHUNK_CHECK_BYTES = 8,
	CHUNK_BYTES = 16 + CHUNK_CHECK_BYTES,
	PACK_BYTES_CODED = 56 + CHECK_BYTES,
	DEAD_MIN = 1 << 16,            /* fewer dead chunks are not worth a pass over the table */
};

/* ---- chunks ---- */

static void check_chunk(const struct chunkindex *x, const uint8_t *id, uint32_t serial,
                        const uint8_t place[16], uint8_t out[CHECK_BYTES])
{
	uint8_t key[CHUNKINDEX_ID_BYTES + 4];
	wire_put_u32(wire_put_bytes(key, id, CHUNKINDEX_ID_BYTES), serial);
	index_check(x, 'c', key, sizeof key, place, 16, out);
}

int chunkindex_chunk(struct chunkindex *x, const uint8_t id[CHUNKINDEX_ID_BYTES],
                     struct extent *out, struct err *err)
{
	sqlite3_stmt *q = x->q[CHUNK_GET];
	index_bind(q, 1, id, CHUNKINDEX_ID_BYTES);
	int rc = index_row(x, q, err);
	if (rc == 1) {
		size_t len;
		const uint8_t *place = index_column(q, 1, &len);
		uint32_t serial = (uint32_t)sqlite3_column_int64(q, 0);
		uint8_t want[CHECK_BYTES];
		if (!place || len != CHUNK_BYTES) {
			rc = index_corrupt(x, err);
		} else {
			check_chunk(x, id, serial, place, want);
			struct wire w = wire_over(place, 16);
			struct extent e = { .serial = serial, .frame = wire_u32(&w) };
			e.offset = wire_u32(&w);
			e.length = wire_u32(&w);
			e.ordinal = wire_u32(&w);
			if (memcmp(want, place + 16, CHUNK_CHECK_BYTES) != 0)
				rc = index_corrupt(x, err);
			else
				*out = e;
		}
	}
	index_done(q);
	return rc;
}

int chunkindex_put_chunk(struct chunkindex *x, const uint8_t id[CHUNKINDEX_ID_BYTES],
                         const struct extent *e, struct err *err)
{
	sqlite3_stmt *q = x->q[CHUNK_PUT];
	uint8_t place[16 + CHECK_BYTES], *p = wire_put_u32(place, e->frame);
	p = wire_put_u32(p, e->offset);
	p = wire_put_u32(p, e->length);
	p = wire_put_u32(p, e->ordinal);
	check_chunk(x, id, e->serial, place, p);
	index_bind(q, 1, id, CHUNKINDEX_ID_BYTES);
	sqlite3_bind_int64(q, 2, e->serial);
	index_bind(q, 3, place, CHUNK_BYTES);
	return index_finish(x, q, err);
}

/* ---- files ---- */

static bool decode_file(const uint8_t *bytes, size_t len, struct chunkindex_file *f)
{
	size_t stamp_len;
	struct wire w = wire_over(bytes, len);
	f->read_s = wire_varint(&w);
	const uint8_t *stamp = wire_counted(&w, SOURCE_STAMP_MAX, &stamp_len);
	f->mode = (uint32_t)wire_bounded(&w, UINT32_MAX);
	f->uid = (uint32_t)wire_bounded(&w, UINT32_MAX);
	f->gid = (uint32_t)wire_bounded(&w, UINT32_MAX);
	f->mtime_ns = (int64_t)wire_u64(&w);
	f->extra = wire_counted(&w, SOURCE_EXTRA_MAX, &f->extra_len);
	f->length = wire_varint(&w);
	wire_copy(&w, f->sum, SUM_BYTES);
	f->extents_len = wire_left(&w);
	f->extents = wire_bytes(&w, f->extents_len);
	if (!wire_ok(&w) || !stamp || stamp_len == 0 || stamp[stamp_len - 1] != '\0')
		return false;
	f->stamp = (const char *)stamp;
	return true;
}

static void file_key(uint8_t out[4 + SOURCE_PATH_MAX], uint32_t number, const void *path,
                     size_t len)
{
	wire_put_bytes(wire_put_u32(out, number), path, len);
}

/* The row that the statement stands at. */
static int read_file(struct chunkindex *x, sqlite3_stmt *q, struct chunkindex_file *out,
                     struct err *err)
{
	size_t path_len, len;
	uint8_t key[4 + SOURCE_PATH_MAX];
	const uint8_t *path = index_column(q, 1, &path_len), *bytes = index_column(q, 2, &len);
	struct chunkindex_file f = { .number = (uint32_t)sqlite3_column_int64(q, 0) };
	if (!path || !bytes || path_len > SOURCE_PATH_MAX || memchr(path, 0, path_len))
		return index_corrupt(x, err);
	file_key(key, f.number, path, path_len);
	if (!index_is_whole(x, 'f', key, 4 + path_len, bytes, len))
		return index_corrupt(x, err);
	x->record->len = 0;
	if (buf_append(x->record, bytes, len - CHECK_BYTES, err) != 0)
		return err->code;
	memcpy(x->path, path, path_len);
	x->path[path_len] = '\0';
	if (!decode_file(x->record->bytes, x->record->len, &f))
		return index_corrupt(x, err);
	f.path = x->path;
	*out = f;
	return 0;
}

int chunkindex_file(struct chunkindex *x, const char *path, struct chunkindex_file *out,
                    struct err *err)
{
	sqlite3_stmt *q = x->q[FILE_GET];
	index_bind(q, 1, path, strlen(path));
	int rc = index_row(x, q, err);
	if (rc == 1 && read_file(x, q, out, err) != 0)
		rc = err->code;
	index_done(q);
	return rc;
}

static int encode_file(struct buf *b, const struct chunkindex_file *f, struct err *err)
{
	b->len = 0;
	if (wire_add_varint(b, f->read_s, err) != 0 ||
	    wire_add_counted(b, f->stamp, strlen(f->stamp) + 1, err) != 0 ||
	    wire_add_varint(b, f->mode, err) != 0 || wire_add_varint(b, f->uid, err) != 0 ||
	    wire_add_varint(b, f->gid, err) != 0 ||
	    wire_add_u64(b, (uint64_t)f->mtime_ns, err) != 0 ||
	    wire_add_counted(b, f->extra, f->extra_len, err) != 0 ||
	    wire_add_varint(b, f->length, err) != 0 ||
	    buf_append(b, f->sum, SUM_BYTES, err) != 0)
		return err->code;
	return buf_append(b, f->extents, f->extents_len, err);
}

int chunkindex_put_file(struct chunkindex *x, const struct chunkindex_file *f, struct err *err)
{
	sqlite3_stmt *q = x->q[FILE_PUT];
	uint8_t key[4 + SOURCE_PATH_MAX];
	size_t path_len = strlen(f->path);
	if (path_len > SOURCE_PATH_MAX)
		return err_set(err, ERR_LIMIT, "%.200s...: path is too long", f->path);
	if (encode_file(x->out, f, err) != 0)
		return err->code;
	uint8_t *to = buf_reserve(x->out, CHECK_BYTES, err);
	if (!to)
		return err->code;
	file_key(key, f->number, f->path, path_len);
	index_check(x, 'f', key, 4 + path_len, x->out->bytes, x->out->len, to);
	sqlite3_bind_int64(q, 1, f->number);
	index_bind(q, 2, f->path, path_len);
	index_bind(q, 3, x->out->bytes, x->out->len + CHECK_BYTES);
	return index_finish(x, q, err);
}

/* ---- packs ---- */

static int read_pack(struct chunkindex *x, sqlite3_stmt *q, struct chunkindex_pack *p,
                     struct err *err)
{
	size_t len;
	uint8_t key[4];
	const uint8_t *bytes = index_column(q, 1, &len);
	p->serial = (uint32_t)sqlite3_column_int64(q, 0);
	wire_put_u32(key, p->serial);
	if (!bytes || len != PACK_BYTES_CODED || !index_is_whole(x, 'p', key, sizeof key, bytes, len))
		return index_corrupt(x, err);
	struct wire w = wire_over(bytes, len);
	wire_copy(&w, p->id, 32);
	p->size = wire_u32(&w);
	p->chunks = wire_u32(&w);
	p->weight = wire_u64(&w);
	p->seq = wire_u64(&w);
	return 0;
}

int chunkindex_packs(struct chunkindex *x, chunkindex_pack_visit *visit, void *arg,
                     struct err *err)
{
	sqlite3_stmt *q = x->q[PACK_ALL];
	struct chunkindex_pack p;
	int rc;
	while ((rc = index_row(x, q, err)) == 1)
		if ((rc = read_pack(x, q, &p, err)) != 0 || (rc = visit(arg, &p, err)) != 0)
			break;
	index_done(q);
	return rc;
}

int chunkindex_put_pack(struct chunkindex *x, const struct chunkindex_pack *p, struct err *err)
{
	sqlite3_stmt *q = x->q[PACK_PUT];
	uint8_t bytes[PACK_BYTES_CODED], key[4], *at = wire_put_bytes(bytes, p->id, 32);
	at = wire_put_u32(at, p->size);
	at = wire_put_u32(at, p->chunks);
	at = wire_put_u64(at, p->weight);
	at = wire_put_u64(at, p->seq);
	wire_put_u32(key, p->serial);
	index_check(x, 'p', key, sizeof key, bytes, (size_t)(at - bytes), at);
	sqlite3_bind_int64(q, 1, p->serial);
	sqlite3_bind_int64(q, 2, p->chunks);
	index_bind(q, 3, bytes, sizeof bytes);
	return index_finish(x, q, err);
}

int chunkindex_drop_pack(struct chunkindex *x, uint32_t serial, struct err *err)
{
	sqlite3_bind_int64(x->q[PACK_DROP], 1, serial);
	return index_finish(x, x->q[PACK_DROP], err);
}

/* ---- the listing ---- */

int chunkindex_list_begin(struct chunkindex *x, struct err *err)
{
	return index_run(x, "DELETE FROM listing", err);
}

int chunkindex_list_add(struct chunkindex *x, uint32_t number, struct err *err)
{
	sqlite3_bind_int64(x->q[LIST_ADD], 1, number);
	return index_finish(x, x->q[LIST_ADD], err);
}

int chunkindex_files(struct chunkindex *x, chunkindex_file_visit *visit, void *arg,
                     struct err *err)
{
	sqlite3_stmt *q = x->q[LIST_ALL];
	struct chunkindex_file f;
	int rc;
	while ((rc = index_row(x, q, err)) == 1)
		if ((rc = read_file(x, q, &f, err)) != 0 || (rc = visit(arg, &f, err)) != 0)
			break;
	index_done(q);
	return rc;
}

static int living_chunks(struct chunkindex *x, uint64_t *n, struct err *err)
{
	sqlite3_stmt *q = NULL;
	if (sqlite3_prepare_v2(x->db, "SELECT total(chunks) FROM packs", -1, &q, NULL) != SQLITE_OK)
		return index_failed(x, err);
	int rc = index_row(x, q, err);
	if (rc == 1)
		*n = (uint64_t)sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return rc < 0 ? rc : 0;
}

int chunkindex_sweep(struct chunkindex *x, struct err *err)
{
	uint64_t living = 0;
	if (index_run(x, "DELETE FROM files WHERE number NOT IN (SELECT number FROM listing)", err) != 0 ||
	    living_chunks(x, &living, err) != 0)
		return err->code;
	if (x->meta.dead < DEAD_MIN || x->meta.dead < living / 2)
		return 0;
	x->meta.dead = 0;
	return index_run(x, "DELETE FROM chunks WHERE serial NOT IN (SELECT serial FROM packs)", err);
}
