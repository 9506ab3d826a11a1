#include "vault/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "holdfast/err.h"
#include "vault/vault.h"

static const char magic[8] = "HFSTAT1";

enum {
	STATE_MAX_BYTES = 512 << 20,
	CHECK_BYTES = 32,
	PACK_BYTES_CODED = 4 + 32 + 4 + 8 + 8 + 8,
	FILES_MAX = 1 << 24,
};

struct state *state_new(const uint8_t store[16], struct err *err)
{
	struct state *s = calloc(1, sizeof *s);
	if (!s) {
		err_no_memory(err);
		return NULL;
	}
	memcpy(s->store, store, 16);
	s->next_number = s->next_serial = 1;
	return s;
}

void state_free(struct state *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n_files; i++)
		free(s->files[i].path);
	free(s->files);
	free(s->packs);
	free(s->facts);
	explicit_bzero(s, sizeof *s);
	free(s);
}

int state_dir(const struct vault *v, const uint8_t store[16], char *out, size_t cap,
              struct err *err)
{
	char hex[33];
	if (vault_state_make(v, err) != 0)
		return err->code;
	if (snprintf(out, cap, "%s/%s", vault_state_dir(v), hex_encode(hex, store, 16)) >= (int)cap)
		return err_set(err, ERR_LIMIT, "path of the state folder is too long");
	if (mkdir(out, 0700) != 0 && errno != EEXIST)
		return err_sys(err, "%s", out);
	return 0;
}

int state_lock(const char *dir, const char *store_name, struct err *err)
{
	char path[PATH_MAX], pid[24] = "";
	snprintf(path, sizeof path, "%s/lock", dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
		close(fd);
		err_set(err, ERR_BUSY, "%s: a backup by pid %ld is running", store_name,
		        n > 0 ? strtol(pid, NULL, 10) : 0L);
		return err_hint(err, "wait for it, or see 'holdfast log'; there is no lock to remove");
	}
	/* always as long: truncating a file costs more than all the rest of this */
	int n = snprintf(pid, sizeof pid, "%20ld\n", (long)getpid());
	if (pwrite(fd, pid, (size_t)n, 0) != n) {
		err_sys(err, "%s", path);
		close(fd);
		return err->code;
	}
	return fd;
}

/* ---- encoding ---- */

static int encode_packs(const struct state *s, struct buf *b, struct err *err)
{
	int rc = wire_add_varint(b, s->n_packs, err);
	for (uint32_t i = 0; i < s->n_packs && rc == 0; i++) {
		const struct state_pack *p = &s->packs[i];
		uint8_t bytes[PACK_BYTES_CODED], *at = wire_put_u32(bytes, p->serial);
		at = wire_put_bytes(at, p->id, 32);
		at = wire_put_u32(at, p->size);
		at = wire_put_u64(at, p->weight);
		at = wire_put_u64(at, p->live);
		wire_put_u64(at, p->zeros);
		rc = buf_append(b, bytes, sizeof bytes, err);
	}
	return rc;
}

static int encode_files(const struct state *s, struct buf *b, struct err *err)
{
	int rc = wire_add_varint(b, s->n_files, err);
	for (uint32_t i = 0; i < s->n_files && rc == 0; i++) {
		const struct state_file *f = &s->files[i];
		const uint64_t numbers[] = { f->number, f->page_bytes, f->unit_bytes, f->length,
		                             f->mode, f->uid, f->gid, (uint64_t)f->mtime_ns };
		for (size_t k = 0; k < sizeof numbers / sizeof *numbers && rc == 0; k++)
			rc = wire_add_u64(b, numbers[k], err);
		if (rc == 0)
			rc = buf_append(b, f->sum, SUM_BYTES, err);
		if (rc == 0)
			rc = wire_add_counted(b, f->path, strlen(f->path), err);
	}
	return rc;
}

static int encode(const struct state *s, struct buf *b, struct err *err)
{
	const uint64_t numbers[] = { s->seq, s->epoch, s->epoch_since_s, s->last_full_s,
	                             s->last_read_s, s->generation, s->next_number,
	                             s->next_serial, s->churn_ppm, s->full_packs, s->full_epoch };
	int rc = buf_append(b, magic, sizeof magic, err);
	for (size_t k = 0; k < sizeof numbers / sizeof *numbers && rc == 0; k++)
		rc = wire_add_u64(b, numbers[k], err);
	if (rc != 0 || buf_append(b, s->store, 16, err) != 0 ||
	    buf_append(b, s->head_hash, 32, err) != 0 || buf_append(b, s->epoch_pk, 32, err) != 0 ||
	    buf_append(b, s->page_key, SUM_KEY_BYTES, err) != 0 ||
	    wire_add_counted(b, s->stamp, strlen(s->stamp), err) != 0 ||
	    wire_add_counted(b, s->facts ? s->facts : "", s->facts ? strlen(s->facts) : 0, err) != 0)
		return err->code;
	rc = encode_packs(s, b, err);
	if (rc == 0)
		rc = encode_files(s, b, err);
	if (rc == 0)
		rc = wire_add_counted(b, s->head_tag, strlen(s->head_tag), err);
	return rc == 0 ? wire_add_counted(b, s->key_tag, strlen(s->key_tag), err) : rc;
}

static void checksum(uint8_t out[CHECK_BYTES], const uint8_t key[32], const void *data, size_t len)
{
	hash_labelled(out, CHECK_BYTES, "hf1.base", key, 32, data, len);
}

/* Atomic but not synced: see the invariants in the header. */
static int replace_file(const char *dir, const char *name, const struct buf *b, struct err *err)
{
	char path[PATH_MAX], temporary[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	snprintf(temporary, sizeof temporary, "%s/%s.tmp", dir, name);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, "%s", temporary);
	int rc = io_write(fd, b->bytes, b->len, err);
	if (rc == 0)
		rc = io_close(&fd, err);
	io_drop(&fd);
	if (rc != 0)
		return err_wrap(err, "%s", temporary);
	return rename(temporary, path) == 0 ? 0 : err_sys(err, "%s", path);
}

int state_store(const struct state *s, const char *dir, const char *name, const uint8_t key[32],
                struct err *err)
{
	AUTO(buf) b = buf_new(STATE_MAX_BYTES, err);
	if (!b || encode(s, b, err) != 0)
		return err->code;
	uint8_t check[CHECK_BYTES];
	checksum(check, key, b->bytes, b->len);
	if (buf_append(b, check, sizeof check, err) != 0)
		return err->code;
	return replace_file(dir, name, b, err);
}

/* ---- decoding ---- */

struct state_pack *state_find_pack(const struct state *s, uint32_t serial)
{
	uint32_t low = 0, high = s->n_packs;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (s->packs[mid].serial < serial)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n_packs && s->packs[low].serial == serial ? &s->packs[low] : NULL;
}

int state_add_pack(struct state *s, const struct state_pack *p, struct err *err)
{
	struct state_pack *packs = s->packs;
	if ((s->n_packs & (s->n_packs - 1)) == 0) {
		packs = realloc(packs, (s->n_packs ? s->n_packs * 2 : 1) * sizeof *packs);
		if (!packs)
			return err_no_memory(err);
		s->packs = packs;
	}
	packs[s->n_packs++] = *p;
	return 0;
}

struct state_file *state_find_file(const struct state *s, const char *path)
{
	for (uint32_t i = 0; i < s->n_files; i++)
		if (strcmp(s->files[i].path, path) == 0)
			return &s->files[i];
	return NULL;
}

struct state_file *state_add_file(struct state *s, const struct state_file *f, struct err *err)
{
	struct state_file *files = realloc(s->files, (s->n_files + 1) * sizeof *files);
	char *path = strdup(f->path);
	if (files)
		s->files = files;
	if (!files || !path) {
		free(path);
		err_no_memory(err);
		return NULL;
	}
	files[s->n_files] = *f;
	files[s->n_files].path = path;
	return &files[s->n_files++];
}

static int decode_packs(struct state *s, struct wire *w, struct err *err)
{
	uint64_t n = wire_bounded(w, wire_left(w) / PACK_BYTES_CODED);
	for (uint64_t i = 0; i < n; i++) {
		struct state_pack p = { .serial = wire_u32(w) };
		wire_copy(w, p.id, 32);
		p.size = wire_u32(w);
		p.weight = wire_u64(w);
		p.live = wire_u64(w);
		p.zeros = wire_u64(w);
		if (state_add_pack(s, &p, err) != 0)
			return err->code;
	}
	return 0;
}

static int decode_files(struct state *s, struct wire *w, struct err *err)
{
	uint64_t n = wire_bounded(w, FILES_MAX);
	for (uint64_t i = 0; i < n && wire_ok(w); i++) {
		char text[SOURCE_PATH_MAX + 1];
		size_t len;
		struct state_file f = { .number = (uint32_t)wire_u64(w) };
		f.page_bytes = (uint32_t)wire_u64(w);
		f.unit_bytes = (uint32_t)wire_u64(w);
		f.length = wire_u64(w);
		f.mode = (uint32_t)wire_u64(w);
		f.uid = (uint32_t)wire_u64(w);
		f.gid = (uint32_t)wire_u64(w);
		f.mtime_ns = (int64_t)wire_u64(w);
		wire_copy(w, f.sum, SUM_BYTES);
		const uint8_t *path = wire_counted(w, SOURCE_PATH_MAX, &len);
		if (!path)
			break;
		memcpy(text, path, len);
		text[len] = '\0';
		f.path = text;
		if (!state_add_file(s, &f, err))
			return err->code;
	}
	return 0;
}

static int decode_head(struct state *s, struct wire *w, struct err *err)
{
	s->seq = wire_u64(w);
	s->epoch = (uint32_t)wire_u64(w);
	s->epoch_since_s = wire_u64(w);
	s->last_full_s = wire_u64(w);
	s->last_read_s = wire_u64(w);
	s->generation = wire_u64(w);
	s->next_number = (uint32_t)wire_u64(w);
	s->next_serial = (uint32_t)wire_u64(w);
	s->churn_ppm = wire_u64(w);
	s->full_packs = wire_u64(w);
	s->full_epoch = (uint32_t)wire_u64(w);
	wire_copy(w, s->store, 16);
	wire_copy(w, s->head_hash, 32);
	wire_copy(w, s->epoch_pk, 32);
	wire_copy(w, s->page_key, SUM_KEY_BYTES);
	size_t stamp_len, facts_len;
	const uint8_t *stamp = wire_counted(w, SOURCE_STAMP_MAX - 1, &stamp_len);
	const uint8_t *facts = wire_counted(w, SOURCE_FACTS_MAX, &facts_len);
	if (!wire_ok(w))
		return 0;
	memcpy(s->stamp, stamp, stamp_len);
	s->facts = facts_len ? strndup((const char *)facts, facts_len) : NULL;
	return facts_len && !s->facts ? err_no_memory(err) : 0;
}

/* Records written before there was this tag end here. */
static void decode_tag(char out[BACKEND_TAG_MAX], struct wire *w)
{
	size_t len;
	const uint8_t *tag = wire_left(w) ? wire_counted(w, BACKEND_TAG_MAX - 1, &len) : NULL;
	if (tag)
		memcpy(out, tag, len);
}

struct state *state_load(const char *dir, const char *name, const uint8_t store[16],
                         const uint8_t key[32], struct err *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	AUTO(buf) b = buf_new(STATE_MAX_BYTES, err);
	AUTO(state) s = state_new(store, err);
	if (!b || !s || io_read_file(path, b, err) != 0)
		return NULL;
	uint8_t check[CHECK_BYTES];
	size_t len = b->len < CHECK_BYTES ? 0 : b->len - CHECK_BYTES;
	checksum(check, key, b->bytes, len);
	if (len < sizeof magic || memcmp(b->bytes, magic, sizeof magic) != 0 ||
	    memcmp(check, b->bytes + len, CHECK_BYTES) != 0) {
		err_set(err, ERR_CORRUPT, "%s: is damaged", path);
		return NULL;
	}
	struct wire w = wire_over(b->bytes + sizeof magic, len - sizeof magic);
	if (decode_head(s, &w, err) != 0 || decode_packs(s, &w, err) != 0 ||
	    decode_files(s, &w, err) != 0)
		return NULL;
	decode_tag(s->head_tag, &w);
	decode_tag(s->key_tag, &w);
	if (!wire_done(&w) || memcmp(s->store, store, 16) != 0) {
		err_set(err, ERR_CORRUPT, "%s: is damaged", path);
		return NULL;
	}
	return TAKE(s);
}

/* ---- files of the folder ---- */

static bool other_generation(const char *name, uint64_t generation)
{
	char keep[32];
	snprintf(keep, sizeof keep, "tags-%" PRIu64 "-", generation);
	return strncmp(name, "tags-", 5) == 0 && strncmp(name, keep, strlen(keep)) != 0;
}

int state_promote(const char *dir, uint64_t generation, struct err *err)
{
	char from[PATH_MAX], to[PATH_MAX];
	snprintf(from, sizeof from, "%s/base.new", dir);
	snprintf(to, sizeof to, "%s/base", dir);
	if (rename(from, to) != 0)
		return err_sys(err, "%s", to);
	return state_keep_generation(dir, generation, err);
}

int state_keep_generation(const char *dir, uint64_t generation, struct err *err)
{
	int rc = 0;
	DIR *d = opendir(dir);
	if (!d)
		return err_sys(err, "%s", dir);
	for (struct dirent *e; (e = readdir(d));)
		if (other_generation(e->d_name, generation) && unlinkat(dirfd(d), e->d_name, 0) != 0 &&
		    errno != ENOENT)
			rc = err_sys(err, "%s/%s", dir, e->d_name);
	closedir(d);
	return rc;
}
