/* disk_file - the contents of one regular file on their way to disk: zeros become holes, or, where
 * the file may be there already, every byte is compared instead. */
#ifndef DISK_FILE_H
#define DISK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct disk_file {
	int fd;            /* -1: no file */
	bool comparing;    /* fd is an existing file, only read */
	uint64_t at;       /* bytes that have come */
};

/* Write, leaving out aligned blocks of zeros. ERR_SPACE, ERR_IO. */
int disk_file_write(struct disk_file *f, const void *data, size_t len, struct err *err);

/* Compare: 1 equal so far, 0 different (`at` then stays before these bytes). ERR_IO. */
int disk_file_compare(struct disk_file *f, const void *data, size_t len, struct err *err);

/* Append the first len bytes of another file. ERR_SPACE, ERR_IO. */
int disk_file_copy(struct disk_file *f, int from, uint64_t len, struct err *err);

/* Give a written file its full length, where it ends in a hole. */
int disk_file_finish(struct disk_file *f, struct err *err);

#endif
