/* The trailer's plain text: writer and parser. Layout: docs/FORMAT.md, "Trailer". */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "format/pack.h"
#include "holdfast/err.h"

enum {
	TRAILER_VERSION = 1,
	TRAILER_LEVEL = 3,
	TRAILER_NUMBER = UINT32_MAX >> 1,   /* the trailer's "frame number" in its AAD */
	FILE_BOUND = 64,                    /* of a file entry, without its path */
	RUN_BOUND = 3 * WIRE_VARINT_MAX,
	FRAME_BOUND = 1 + 3 * 5,
	PATH_BOUND = 4096,
};

struct pack_writer {
	struct buf *frames, *zeros;
	uint32_t *numbers;                  /* files in order of first mention */
	uint64_t *next;                     /* per file: the unit behind its last run */
	uint32_t n_files, cap_files, last_file, n_frames, n_zeros, n_runs;
};

struct pack_writer *pack_writer_new(struct err *err)
{
	struct pack_writer *w = calloc(1, sizeof *w);
	if (w) {
		w->frames = buf_new(PACK_TRAILER_PLAIN_MAX / 2, err);
		w->zeros = buf_new(PACK_TRAILER_PLAIN_MAX / 4, err);
	}
	if (w && w->frames && w->zeros)
		return w;
	pack_writer_free(w);
	err_no_memory(err);
	return NULL;
}

void pack_writer_free(struct pack_writer *w)
{
	if (!w)
		return;
	buf_free(w->frames);
	buf_free(w->zeros);
	free(w->numbers);
	free(w->next);
	free(w);
}

void pack_writer_clear(struct pack_writer *w)
{
	buf_clear(w->frames);
	buf_clear(w->zeros);
	w->n_files = w->last_file = w->n_frames = w->n_zeros = w->n_runs = 0;
}

size_t pack_writer_len(const struct pack_writer *w)
{
	return 64 + w->frames->len + w->zeros->len + (size_t)w->n_files * (FILE_BOUND + PATH_BOUND);
}

size_t pack_writer_frame_bound(size_t n_runs)
{
	/* units are counted in 40 bits at most; a run is 2 + 6 + 3 bytes then, and rarely above 5 */
	return FRAME_BOUND + n_runs * 11 + (n_runs ? FILE_BOUND + PATH_BOUND : 0);
}

bool pack_writer_room(const struct pack_writer *w, size_t n_runs)
{
	return w->n_frames < PACK_FRAMES_MAX && n_runs <= PACK_RUNS_MAX - w->n_runs &&
	       FRAME_BOUND + n_runs * RUN_BOUND <= w->frames->max - w->frames->len &&
	       RUN_BOUND <= w->zeros->max - w->zeros->len;
}

uint32_t pack_writer_frames(const struct pack_writer *w) { return w->n_frames; }
bool pack_writer_empty(const struct pack_writer *w) { return w->n_frames + w->n_zeros == 0; }

static int grow_files(struct pack_writer *w, struct err *err)
{
	uint32_t cap = w->cap_files ? w->cap_files * 2 : 8;
	uint32_t *numbers = realloc(w->numbers, cap * sizeof *numbers);
	if (numbers)
		w->numbers = numbers;
	uint64_t *next = realloc(w->next, cap * sizeof *next);
	if (next)
		w->next = next;
	if (!numbers || !next)
		return err_no_memory(err);
	w->cap_files = cap;
	return 0;
}

/* Runs of one file follow each other, so the last file is nearly always the one. */
static int file_index(struct pack_writer *w, uint32_t number, uint32_t *index, struct err *err)
{
	if (w->n_files && w->numbers[w->last_file] == number) {
		*index = w->last_file;
		return 0;
	}
	uint32_t i = w->n_files;
	while (i > 0 && w->numbers[i - 1] != number)
		i--;
	if (i > 0) {
		*index = w->last_file = i - 1;
		return 0;
	}
	if (w->n_files == PACK_FILES_MAX)
		return err_set(err, ERR_LIMIT, "too many files in one pack");
	if (w->n_files == w->cap_files && grow_files(w, err) != 0)
		return err->code;
	w->numbers[w->n_files] = number;
	w->next[w->n_files] = 0;
	*index = w->last_file = w->n_files++;
	return 0;
}

static uint64_t zigzag(uint64_t from, uint64_t to)
{
	int64_t d = (int64_t)(to - from);
	return (uint64_t)d << 1 ^ (uint64_t)(d >> 63);
}

static uint64_t unzigzag(uint64_t from, uint64_t coded)
{
	return from + ((coded >> 1) ^ (0 - (coded & 1)));
}

static int add_run(struct pack_writer *w, struct buf *to, const struct pack_run *run,
                   struct err *err)
{
	uint32_t index = 0;
	uint8_t bytes[RUN_BOUND], *p = bytes;
	if (file_index(w, run->file, &index, err) != 0)
		return err->code;
	p = wire_put_varint(p, index);
	p = wire_put_varint(p, zigzag(w->next[index], run->first));
	p = wire_put_varint(p, run->count);
	w->next[index] = run->first + run->count;
	w->n_runs++;
	return buf_append(to, bytes, (size_t)(p - bytes), err);
}

static int too_many(struct err *err)
{
	return err_set(err, ERR_LIMIT, "too many frames or runs in one pack");
}

int pack_writer_frame(struct pack_writer *w, enum pack_codec codec, uint32_t stored,
                      uint32_t plain, const struct pack_run *runs, size_t n_runs, struct err *err)
{
	uint8_t bytes[1 + 3 * WIRE_VARINT_MAX], *p = bytes;
	if (!pack_writer_room(w, n_runs))
		return too_many(err);
	*p++ = (uint8_t)codec;
	p = wire_put_varint(p, stored);
	p = wire_put_varint(p, plain);
	p = wire_put_varint(p, n_runs);
	if (buf_append(w->frames, bytes, (size_t)(p - bytes), err) != 0)
		return err->code;
	for (size_t i = 0; i < n_runs; i++)
		if (add_run(w, w->frames, &runs[i], err) != 0)
			return err->code;
	w->n_frames++;
	return 0;
}

/*
 * Zero runs are coded against the same per-file position as the others. They come after all
 * frames in the trailer, so their position must restart: they keep positions of their own.
 */
int pack_writer_zeros(struct pack_writer *w, const struct pack_run *run, struct err *err)
{
	uint32_t index = 0;
	uint8_t bytes[RUN_BOUND], *p = bytes;
	if (!pack_writer_room(w, 1))
		return too_many(err);
	if (file_index(w, run->file, &index, err) != 0)
		return err->code;
	p = wire_put_varint(p, index);
	p = wire_put_varint(p, run->first);
	p = wire_put_varint(p, run->count);
	if (buf_append(w->zeros, bytes, (size_t)(p - bytes), err) != 0)
		return err->code;
	w->n_zeros++;
	w->n_runs++;
	return 0;
}

static int add_files(struct buf *out, const struct pack_writer *w, pack_file_lookup *lookup,
                     void *arg, struct err *err)
{
	int rc = wire_add_varint(out, w->n_files, err);
	for (uint32_t i = 0; i < w->n_files && rc == 0; i++) {
		struct pack_file f;
		if (lookup(arg, w->numbers[i], &f, err) != 0)
			return err->code;
		uint8_t bytes[4 * WIRE_VARINT_MAX], *p = bytes;
		p = wire_put_varint(p, f.number);
		p = wire_put_varint(p, f.page_bytes);
		p = wire_put_varint(p, f.unit_bytes);
		p = wire_put_varint(p, f.length);
		rc = buf_append(out, bytes, (size_t)(p - bytes), err);
		if (rc == 0)
			rc = wire_add_counted(out, f.path, f.path_len, err);
	}
	return rc;
}

static int encode(struct buf *out, const struct pack_writer *w, pack_file_lookup *lookup,
                  void *arg, struct err *err)
{
	if (wire_add_u8(out, TRAILER_VERSION, err) != 0 ||
	    add_files(out, w, lookup, arg, err) != 0 ||
	    wire_add_varint(out, w->n_frames, err) != 0 ||
	    buf_append(out, w->frames->bytes, w->frames->len, err) != 0 ||
	    wire_add_varint(out, w->n_zeros, err) != 0)
		return err->code;
	return buf_append(out, w->zeros->bytes, w->zeros->len, err);
}

static int compress(struct buf *out, const struct buf *plain, struct err *err)
{
	size_t bound = ZSTD_compressBound(plain->len);
	uint8_t *to = buf_reserve(out, bound, err);
	if (!to)
		return err->code;
	size_t n = ZSTD_compress(to, bound, plain->bytes, plain->len, TRAILER_LEVEL);
	if (ZSTD_isError(n))
		return err_set(err, ERR_NOMEM, "zstd: %s", ZSTD_getErrorName(n));
	out->len += n;
	return 0;
}

int pack_finish(uint8_t *pack, size_t used, bool last, struct pack_writer *w,
                const struct pack_key *key, pack_file_lookup *lookup, void *arg, size_t *len,
                uint8_t id[PACK_ID_BYTES], struct err *err)
{
	AUTO(buf) plain = buf_new(PACK_TRAILER_PLAIN_MAX, err);
	AUTO(buf) small = buf_new(PACK_BYTES, err);
	if (!plain || !small)
		return err->code;
	if (encode(plain, w, lookup, arg, err) != 0 || compress(small, plain, err) != 0)
		return err->code;

	size_t stored = small->len + SEAL_OVERHEAD_BYTES;
	size_t need = used + stored + PACK_TAIL_BYTES;
	if (need > PACK_BYTES)
		return err_set(err, ERR_LIMIT, "a pack's trailer does not fit");
	size_t total = last ? (size_t)pack_padded(need) : PACK_BYTES;
	if (total > PACK_BYTES)
		total = PACK_BYTES;

	uint8_t *trailer = pack + total - PACK_TAIL_BYTES - stored;
	memset(pack + used, 0, (size_t)(trailer - (pack + used)));
	pack_seal(trailer, small->bytes, small->len, key, PACK_TRAILER, TRAILER_NUMBER, PACK_ZSTD,
	          (uint32_t)plain->len);
	wire_put_u32(wire_put_u32(pack + total - PACK_TAIL_BYTES, (uint32_t)stored),
	             (uint32_t)plain->len);
	hash_plain(id, pack, total);
	*len = total;
	return 0;
}

/* ---- parser ---- */

void pack_trailer_free(struct pack_trailer *t)
{
	if (!t)
		return;
	free(t->files);
	free(t->frames);
	free(t->runs);
	free(t->paths);
	free(t);
}

static bool power_of_two(uint64_t v, uint64_t min, uint64_t max)
{
	return v >= min && v <= max && (v & (v - 1)) == 0;
}

static bool file_ok(const struct pack_file *f)
{
	return f->path_len > 0 && power_of_two(f->page_bytes, 512, 65536) &&
	       power_of_two(f->unit_bytes, 256, f->page_bytes) && f->length < UINT64_C(1) << 56;
}

struct parser {
	struct wire w;
	struct pack_trailer *t;
	uint64_t frames_end;
	uint64_t *next;       /* per file: the unit behind its last run */
	uint32_t cap_runs;
	bool nomem;           /* why a step returned false: else what is there is malformed */
};

static void *got(struct parser *p, void *memory)
{
	p->nomem |= !memory;
	return memory;
}

/* Paths are copied into one block, each with a NUL behind. */
static bool parse_files(struct parser *p)
{
	struct wire *w = &p->w;
	struct pack_trailer *t = p->t;
	t->n_files = (uint32_t)wire_bounded(w, PACK_FILES_MAX);
	size_t room = wire_left(w) + t->n_files + 1, used = 0;
	/* a file takes five bytes at least, so the count is bounded by what is there */
	if (!wire_ok(w) || t->n_files > wire_left(w) / 5)
		return false;
	t->files = got(p, calloc(t->n_files + 1u, sizeof *t->files));
	t->paths = got(p, malloc(room));
	p->next = got(p, calloc(t->n_files + 1u, sizeof *p->next));
	if (p->nomem)
		return false;
	for (uint32_t i = 0; i < t->n_files; i++) {
		struct pack_file *f = &t->files[i];
		f->number = (uint32_t)wire_bounded(w, UINT32_MAX);
		f->page_bytes = (uint32_t)wire_bounded(w, UINT32_MAX);
		f->unit_bytes = (uint32_t)wire_bounded(w, UINT32_MAX);
		f->length = wire_varint(w);
		const uint8_t *path = wire_counted(w, PATH_BOUND, &f->path_len);
		if (!wire_ok(w) || !path || !file_ok(f) || memchr(path, 0, f->path_len))
			return false;
		f->path = memcpy(t->paths + used, path, f->path_len);
		t->paths[used + f->path_len] = '\0';
		used += f->path_len + 1;
	}
	return true;
}

static bool room_for_runs(struct parser *p, uint64_t more)
{
	struct pack_trailer *t = p->t;
	if (more > PACK_RUNS_MAX || t->n_runs + more > PACK_RUNS_MAX)
		return false;
	if (t->n_runs + more <= p->cap_runs)
		return true;
	uint32_t cap = p->cap_runs ? p->cap_runs : 256;
	while (cap < t->n_runs + more)
		cap *= 2;
	struct pack_run *runs = got(p, realloc(t->runs, cap * sizeof *runs));
	if (!runs)
		return false;
	t->runs = runs;
	p->cap_runs = cap;
	return true;
}

/* Checks that the run lies inside its file and returns the bytes it covers, or 0. */
static uint64_t run_bytes(const struct pack_trailer *t, const struct pack_run *r)
{
	const struct pack_file *f = &t->files[r->file];
	uint64_t units = pack_units(f->length, f->unit_bytes);
	if (r->count == 0 || r->first >= units || r->count > units - r->first)
		return 0;
	return (uint64_t)(r->count - 1) * f->unit_bytes +
	       pack_unit_len(f, r->first + r->count - 1);
}

/* Frames' runs are coded as distances from the file's last one, zero runs as they are. */
static uint64_t parse_run(struct parser *p, bool distance)
{
	struct pack_trailer *t = p->t;
	struct pack_run *r = &t->runs[t->n_runs];
	r->file = (uint32_t)wire_bounded(&p->w, UINT32_MAX);
	uint64_t first = wire_varint(&p->w);
	r->count = (uint32_t)wire_bounded(&p->w, UINT32_MAX);
	if (!wire_ok(&p->w) || r->file >= t->n_files)
		return 0;
	r->first = distance ? unzigzag(p->next[r->file], first) : first;
	uint64_t bytes = run_bytes(t, r);
	if (bytes && distance)
		p->next[r->file] = r->first + r->count;
	t->n_runs += bytes != 0;
	return bytes;
}

static bool parse_frame(struct parser *p, struct pack_frame *f)
{
	struct wire *w = &p->w;
	uint8_t codec = wire_u8(w);
	f->stored = (uint32_t)wire_bounded(w, PACK_BYTES);
	f->plain = (uint32_t)wire_bounded(w, PACK_FRAME_PLAIN_MAX);
	uint64_t n = wire_bounded(w, PACK_RUNS_MAX);
	if (!wire_ok(w) || codec > PACK_ZSTD || f->stored <= SEAL_OVERHEAD_BYTES || f->plain == 0 ||
	    n > wire_left(w) / 3 || !room_for_runs(p, n))
		return false;
	f->codec = codec == PACK_RAW ? PACK_RAW : PACK_ZSTD;
	f->run = p->t->n_runs;
	f->n_runs = (uint32_t)n;
	uint64_t covered = 0;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t bytes = parse_run(p, true);
		covered += bytes;
		if (bytes == 0 || covered > f->plain)
			return false;
	}
	return n == 0 || covered == f->plain;
}

static bool parse_frames(struct parser *p)
{
	struct pack_trailer *t = p->t;
	t->n_frames = (uint32_t)wire_bounded(&p->w, PACK_FRAMES_MAX);
	if (!wire_ok(&p->w) || t->n_frames > wire_left(&p->w) / 4)
		return false;
	t->frames = got(p, calloc(t->n_frames + 1u, sizeof *t->frames));
	if (!t->frames)
		return false;
	uint64_t at = PACK_HEADER_BYTES;
	for (uint32_t i = 0; i < t->n_frames; i++) {
		t->frames[i].offset = (uint32_t)at;
		if (!parse_frame(p, &t->frames[i]))
			return false;
		at += t->frames[i].stored;
		if (at > p->frames_end)
			return false;
	}
	return true;
}

static bool parse_zeros(struct parser *p)
{
	uint64_t n = wire_bounded(&p->w, PACK_RUNS_MAX);
	p->t->zero_run = p->t->n_runs;
	if (!wire_ok(&p->w) || n > wire_left(&p->w) / 3 || !room_for_runs(p, n))
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (parse_run(p, false) == 0)
			return false;
	return true;
}

struct pack_trailer *pack_trailer_decode(const uint8_t *plain, size_t len, uint64_t frames_end,
                                         struct err *err)
{
	AUTO(pack_trailer) t = calloc(1, sizeof *t);
	if (!t) {
		err_no_memory(err);
		return NULL;
	}
	struct parser p = { .w = wire_over(plain, len), .t = t, .frames_end = frames_end };
	if (wire_u8(&p.w) != TRAILER_VERSION) {
		err_set(err, wire_ok(&p.w) ? ERR_NEWER : ERR_CORRUPT, "trailer of an unknown version");
		return NULL;
	}
	bool ok = parse_files(&p) && parse_frames(&p) && parse_zeros(&p) && wire_done(&p.w);
	free(p.next);
	if (ok)
		return TAKE(t);
	if (p.nomem)
		err_no_memory(err);
	else
		err_set(err, ERR_CORRUPT, "trailer is malformed");
	return NULL;
}

struct pack_trailer *pack_trailer_open(const uint8_t *sealed, uint32_t stored, uint32_t plain,
                                       uint64_t pack_len, const struct pack_key *key,
                                       struct err *err)
{
	uint8_t *text = malloc((size_t)plain + 1), *scratch = malloc((size_t)stored + 1);
	struct pack_trailer *t = NULL;
	if (!text || !scratch)
		err_no_memory(err);
	else if (pack_open(text, plain, sealed, stored, scratch, NULL, key, PACK_TRAILER,
	                   TRAILER_NUMBER, PACK_ZSTD, err) == 0)
		t = pack_trailer_decode(text, plain, pack_len - PACK_TAIL_BYTES - stored, err);
	if (!t)
		err_wrap(err, "trailer");
	free(text);
	free(scratch);
	return t;
}
