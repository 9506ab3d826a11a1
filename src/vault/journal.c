#include "vault/journal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "holdfast/err.h"

static const char magic[8] = "HFJRNL1";

enum {
	RECORD_MAX = 64 << 20,
	CHECK_BYTES = 16,
	KIND_HEAD = 1,
	KIND_FILE = 2,
	KIND_PACK = 3,
};

struct journal {
	int fd;
	uint64_t end;                   /* behind the last good record */
	uint8_t check[CHECK_BYTES];     /* of that record */
	uint8_t key[32];
	struct buf *record;
};

static void path_of(char out[PATH_MAX], const char *dir)
{
	snprintf(out, PATH_MAX, "%s/journal", dir);
}

static struct journal *journal_on(const char *dir, int flags, const uint8_t key[32],
                                  struct err *err)
{
	char path[PATH_MAX];
	path_of(path, dir);
	AUTO(journal) j = calloc(1, sizeof *j);
	if (!j) {
		err_no_memory(err);
		return NULL;
	}
	j->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	if (j->fd < 0) {
		err_sys(err, "%s", path);
		return NULL;
	}
	memcpy(j->key, key, sizeof j->key);
	j->record = buf_new(RECORD_MAX, err);
	return j->record ? TAKE(j) : NULL;
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	io_drop(&j->fd);
	buf_free(j->record);
	explicit_bzero(j, sizeof *j);
	free(j);
}

int journal_remove(const char *dir, struct err *err)
{
	char path[PATH_MAX];
	path_of(path, dir);
	return unlink(path) == 0 || access(path, F_OK) != 0 ? 0 : err_sys(err, "%s", path);
}

static void next_check(const struct journal *j, uint8_t out[CHECK_BYTES], const void *payload,
                       size_t len)
{
	struct hash_state h;
	hash_begin(&h, CHECK_BYTES, "hf1.journal", j->key, sizeof j->key);
	hash_add(&h, j->check, CHECK_BYTES);
	hash_add(&h, payload, len);
	hash_end(&h, out, CHECK_BYTES);
}

/* j->record holds four free bytes and the payload */
static int append(struct journal *j, bool sync, struct err *err)
{
	uint8_t check[CHECK_BYTES];
	size_t len = j->record->len - 4;
	wire_put_u32(j->record->bytes, (uint32_t)len);
	next_check(j, check, j->record->bytes + 4, len);
	if (buf_append(j->record, check, sizeof check, err) != 0 ||
	    io_pwrite(j->fd, j->record->bytes, j->record->len, j->end, err) != 0)
		return err_wrap(err, "state: journal");
	if (sync && fdatasync(j->fd) != 0)
		return err_sys(err, "state: journal");
	j->end += j->record->len;
	memcpy(j->check, check, sizeof check);
	return 0;
}

static int begin(struct journal *j, uint8_t kind, struct err *err)
{
	buf_clear(j->record);
	if (wire_add_u32(j->record, 0, err) != 0)
		return err->code;
	return wire_add_u8(j->record, kind, err);
}

static int write_head(struct journal *j, const struct journal_head *h, struct err *err)
{
	if (io_pwrite(j->fd, magic, sizeof magic, 0, err) != 0)
		return err_wrap(err, "state: journal");
	j->end = sizeof magic;
	if (begin(j, KIND_HEAD, err) != 0 || buf_append(j->record, h->base_hash, 32, err) != 0 ||
	    wire_add_u64(j->record, h->seq, err) != 0 ||
	    buf_append(j->record, h->page_key, SUM_KEY_BYTES, err) != 0 ||
	    wire_add_u8(j->record, h->full, err) != 0)
		return err->code;
	return append(j, false, err);
}

struct journal *journal_create(const char *dir, const struct journal_head *head,
                               const uint8_t key[32], struct err *err)
{
	AUTO(journal) j = journal_on(dir, O_CREAT | O_TRUNC, key, err);
	return j && write_head(j, head, err) == 0 ? TAKE(j) : NULL;
}

int journal_add_file(struct journal *j, const struct journal_file *f, struct err *err)
{
	if (begin(j, KIND_FILE, err) != 0 || wire_add_u32(j->record, f->number, err) != 0 ||
	    wire_add_u32(j->record, f->page_bytes, err) != 0 ||
	    wire_add_u32(j->record, f->unit_bytes, err) != 0 ||
	    wire_add_counted(j->record, f->path, strlen(f->path), err) != 0)
		return err->code;
	return append(j, false, err);
}

int journal_add_pack(struct journal *j, const struct journal_pack *p, bool sync, struct err *err)
{
	if (begin(j, KIND_PACK, err) != 0 || wire_add_u32(j->record, p->serial, err) != 0 ||
	    wire_add_u32(j->record, p->number, err) != 0 ||
	    buf_append(j->record, p->id, 32, err) != 0 ||
	    wire_add_u32(j->record, p->size, err) != 0 ||
	    wire_add_u64(j->record, p->weight, err) != 0 ||
	    buf_append(j->record, p->runs, p->runs_len, err) != 0)
		return err->code;
	return append(j, sync, err);
}

int journal_code_run(struct buf *b, uint32_t file, uint64_t first, uint32_t count, bool zero,
                     const uint8_t *tags, struct err *err)
{
	uint8_t bytes[3 * WIRE_VARINT_MAX], *p = bytes;
	p = wire_put_varint(p, file);
	p = wire_put_varint(p, first);
	p = wire_put_varint(p, (uint64_t)count << 1 | zero);
	if (buf_append(b, bytes, (size_t)(p - bytes), err) != 0)
		return err->code;
	return buf_append(b, tags, (size_t)count * SUM_TAG_BYTES, err);
}

/* ---- reading ---- */

/* The record at `at`: 1 and its payload in j->record, or 0 when there is no good one. */
static int read_record(struct journal *j, uint64_t *at, struct wire *payload, struct err *err)
{
	uint8_t len_bytes[4], check[CHECK_BYTES];
	size_t got;
	if (io_pread(j->fd, len_bytes, 4, *at, &got, err) != 0)
		return err_wrap(err, "state: journal");
	struct wire w = wire_over(len_bytes, 4);
	uint32_t len = wire_u32(&w);
	if (got < 4 || len == 0 || len > RECORD_MAX - CHECK_BYTES)
		return 0;
	buf_clear(j->record);
	uint8_t *to = buf_reserve(j->record, len + CHECK_BYTES, err);
	if (!to || io_pread(j->fd, to, len + CHECK_BYTES, *at + 4, &got, err) != 0)
		return err->code;
	if (got < len + CHECK_BYTES)
		return 0;
	j->record->len = got;
	next_check(j, check, to, len);
	if (memcmp(check, to + len, CHECK_BYTES) != 0)
		return 0;
	memcpy(j->check, check, CHECK_BYTES);
	*at += 4 + got;
	*payload = wire_over(to, len);
	return 1;
}

static bool read_head(struct wire *w, struct journal_head *h)
{
	if (wire_u8(w) != KIND_HEAD)
		return false;
	wire_copy(w, h->base_hash, 32);
	h->seq = wire_u64(w);
	wire_copy(w, h->page_key, SUM_KEY_BYTES);
	h->full = wire_u8(w) != 0;
	return wire_done(w);
}

struct journal *journal_open(const char *dir, struct journal_head *head, const uint8_t key[32],
                             struct err *err)
{
	AUTO(journal) j = journal_on(dir, 0, key, err);
	if (!j)
		return NULL;
	char m[sizeof magic];
	size_t got;
	struct wire w;
	if (io_pread(j->fd, m, sizeof m, 0, &got, err) != 0)
		return NULL;
	uint64_t at = sizeof magic;
	int rc = got == sizeof m && memcmp(m, magic, sizeof m) == 0 ? read_record(j, &at, &w, err) : 0;
	if (rc < 0)
		return NULL;
	if (rc == 0 || !read_head(&w, head)) {
		err_set(err, ERR_CORRUPT, "state: the journal is damaged");
		return NULL;
	}
	do
		j->end = at;
	while ((rc = read_record(j, &at, &w, err)) == 1);
	if (rc < 0)
		return NULL;
	if (ftruncate(j->fd, (off_t)j->end) != 0) {
		err_sys(err, "state: journal");
		return NULL;
	}
	return TAKE(j);
}

static int replay_runs(const struct journal_pack *p, const struct journal_visit *visit, void *arg,
                       struct err *err)
{
	struct wire w = wire_over(p->runs, p->runs_len);
	while (wire_left(&w) > 0) {
		uint32_t file = (uint32_t)wire_bounded(&w, UINT32_MAX);
		uint64_t first = wire_varint(&w);
		uint64_t count = wire_bounded(&w, (uint64_t)UINT32_MAX << 1 | 1);
		const uint8_t *tags = wire_bytes(&w, (size_t)(count >> 1) * SUM_TAG_BYTES);
		if (!wire_ok(&w))
			return err_set(err, ERR_CORRUPT, "state: the journal is damaged");
		int rc = visit->run(arg, p, file, first, (uint32_t)(count >> 1), count & 1, tags, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int replay_pack(struct wire *w, const struct journal_visit *visit, void *arg,
                       struct err *err)
{
	struct journal_pack p = { .serial = wire_u32(w) };
	p.number = wire_u32(w);
	wire_copy(w, p.id, 32);
	p.size = wire_u32(w);
	p.weight = wire_u64(w);
	p.runs_len = wire_left(w);
	p.runs = wire_bytes(w, p.runs_len);
	if (!wire_ok(w))
		return err_set(err, ERR_CORRUPT, "state: the journal is damaged");
	int rc = visit->pack(arg, &p, err);
	return rc == 0 ? replay_runs(&p, visit, arg, err) : rc < 0 ? rc : 0;
}

static int replay_file(struct wire *w, const struct journal_visit *visit, void *arg,
                       struct err *err)
{
	char text[SOURCE_PATH_MAX + 1];
	size_t len;
	struct journal_file f = { .number = wire_u32(w) };
	f.page_bytes = wire_u32(w);
	f.unit_bytes = wire_u32(w);
	const uint8_t *path = wire_counted(w, SOURCE_PATH_MAX, &len);
	if (!wire_done(w))
		return err_set(err, ERR_CORRUPT, "state: the journal is damaged");
	memcpy(text, path, len);
	text[len] = '\0';
	f.path = text;
	return visit->file(arg, &f, err);
}

int journal_replay(struct journal *j, const struct journal_visit *visit, void *arg,
                   struct err *err)
{
	uint64_t at = sizeof magic, end = j->end;
	struct wire w;
	memset(j->check, 0, sizeof j->check);
	while (at < end) {
		int rc = read_record(j, &at, &w, err);
		if (rc == 0)
			rc = err_set(err, ERR_CORRUPT, "state: the journal is damaged");
		if (rc < 0)
			return rc;
		uint8_t kind = wire_u8(&w);
		rc = kind == KIND_FILE ? replay_file(&w, visit, arg, err)
		   : kind == KIND_PACK ? replay_pack(&w, visit, arg, err) : 0;
		if (rc != 0)
			return rc;
	}
	return 0;
}
