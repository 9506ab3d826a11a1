#include "source/disk_file.h"

#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "holdfast/err.h"

enum { BLOCK = 4096, COPY = 65536 };

static bool is_zero(const uint8_t *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

/* Bytes from data up to the next block boundary of the file. */
static size_t step(uint64_t at, size_t len)
{
	size_t n = BLOCK - (size_t)(at % BLOCK);
	return n < len ? n : len;
}

/* How many bytes from here on are data, up to the first whole block of zeros. */
static size_t data_run(uint64_t at, const uint8_t *data, size_t len)
{
	size_t run = 0;
	while (run < len) {
		size_t n = step(at + run, len - run);
		if (n == BLOCK && is_zero(data + run, n))
			break;
		run += n;
	}
	return run;
}

int disk_file_write(struct disk_file *f, const void *data, size_t len, struct err *err)
{
	const uint8_t *p = data;
	while (len > 0) {
		size_t run = data_run(f->at, p, len);
		if (run > 0 && io_pwrite(f->fd, p, run, f->at, err) != 0)
			return err->code;
		if (run == 0)
			run = BLOCK;
		f->at += run;
		p += run;
		len -= run;
	}
	return 0;
}

int disk_file_compare(struct disk_file *f, const void *data, size_t len, struct err *err)
{
	uint8_t there[COPY];
	uint64_t start = f->at;
	for (size_t done = 0; done < len;) {
		size_t want = len - done < COPY ? len - done : COPY, got;
		if (io_pread(f->fd, there, want, start + done, &got, err) != 0)
			return err->code;
		if (got != want || memcmp(there, (const uint8_t *)data + done, want) != 0)
			return 0;
		done += want;
	}
	f->at = start + len;
	return 1;
}

int disk_file_copy(struct disk_file *f, int from, uint64_t len, struct err *err)
{
	uint8_t block[COPY];
	for (uint64_t done = 0; done < len;) {
		size_t want = len - done < COPY ? (size_t)(len - done) : COPY, got;
		if (io_pread(from, block, want, done, &got, err) != 0)
			return err->code;
		if (got != want)
			return err_set(err, ERR_IO, "the file there was shortened meanwhile");
		if (disk_file_write(f, block, want, err) != 0)
			return err->code;
		done += want;
	}
	return 0;
}

int disk_file_finish(struct disk_file *f, struct err *err)
{
	return ftruncate(f->fd, (off_t)f->at) == 0 ? 0 : err_sys(err, "set length");
}
