/*
 * fuzz_journal - journals: the input as a file, and as records with right checks (two bytes of
 * length, then the payload). What opens is replayed, appended to, and replayed again.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "holdfast/err.h"
#include "vault/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t key[32] = { 6 };
static char dir[200], path[220];

static void make_dir(void)
{
	const char *under = getenv("TMPDIR");
	if (dir[0])
		return;
	snprintf(dir, sizeof dir, "%.150s/fuzz-journal-XXXXXX", under ? under : "/tmp");
	if (crypto_start() != 0 || !mkdtemp(dir))
		abort();
	snprintf(path, sizeof path, "%s/journal", dir);
}

static void write_file(const uint8_t *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	close(fd);
}

static int on_file(void *arg, const struct journal_file *f, struct err *err)
{
	(void)arg;
	(void)err;
	if (strlen(f->path) > SOURCE_PATH_MAX)
		abort();
	return 0;
}

static int on_pack(void *arg, const struct journal_pack *p, struct err *err)
{
	(void)err;
	++*(unsigned *)arg;
	return p->serial % 8 == 7;
}

/* Every tag is read, so that one outside the record is noticed. */
static int on_run(void *arg, const struct journal_pack *p, uint32_t file, uint64_t first,
                  uint32_t count, bool zero, const uint8_t *tags, struct err *err)
{
	volatile uint8_t sum = 0;
	(void)arg;
	(void)file;
	(void)first;
	(void)zero;
	(void)err;
	if (tags < p->runs || (size_t)(p->runs + p->runs_len - tags) / SUM_TAG_BYTES < count)
		abort();
	for (size_t i = 0; i < (size_t)count * SUM_TAG_BYTES; i++)
		sum = (uint8_t)(sum ^ tags[i]);
	return 0;
}

static void read_all(void)
{
	static const struct journal_visit visit = { on_file, on_pack, on_run };
	struct journal_head head;
	struct err err;
	unsigned before = 0, after = 0;
	AUTO(journal) j = journal_open(dir, &head, key, &err);
	if (!j || journal_replay(j, &visit, &before, &err) != 0)
		return;
	const struct journal_pack more = { .serial = 8 };
	if (journal_add_pack(j, &more, false, &err) != 0 ||
	    journal_replay(j, &visit, &after, &err) != 0 || after != before + 1)
		abort();
}

static void write_records(const uint8_t *data, size_t len)
{
	struct err err;
	uint8_t check[16] = { 0 };
	AUTO(buf) b = buf_new(1 << 24, &err);
	if (!b || buf_append(b, "HFJRNL1", 8, &err) != 0)
		abort();
	for (size_t at = 0; at + 2 <= len;) {
		size_t n = data[at] | (size_t)data[at + 1] << 8;
		if (n > len - at - 2)
			n = len - at - 2;
		struct hash_state h;
		hash_begin(&h, sizeof check, "hf1.journal", key, sizeof key);
		hash_add(&h, check, sizeof check);
		hash_add(&h, data + at + 2, n);
		hash_end(&h, check, sizeof check);
		if (wire_add_u32(b, (uint32_t)n, &err) != 0 ||
		    buf_append(b, data + at + 2, n, &err) != 0 ||
		    buf_append(b, check, sizeof check, &err) != 0)
			abort();
		at += 2 + n;
	}
	write_file(b->bytes, b->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	make_dir();
	write_file(data, len);
	read_all();
	write_records(data, len);
	read_all();
	unlink(path);
	return 0;
}
