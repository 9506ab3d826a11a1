/*
 * restore_page - put a page file together by output region: workers fill regions of 1 MiB from
 * frames, tag them, and hand them, in order, to one writer.
 */
#ifndef RESTORE_PAGE_H
#define RESTORE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/body.h"
#include "format/sum.h"

struct err;
struct fetch;
struct meter;

struct restore_page_options {
	struct fetch *fetch;
	uint32_t n_packs;
	const struct body_file *file;
	const struct sum_keys *keys;     /* NULL: no sum is known (rescue) */
	bool fill_missing;               /* rescue: units in no pack become zeros */
	unsigned workers;
	struct meter *meter;
	/* Called in order, from one thread at a time, with whole regions; data is 4096-aligned. */
	int (*write)(void *arg, uint64_t offset, const uint8_t *data, size_t len, struct err *err);
	/* An earlier attempt's bytes of this region instead of fetching: 1 if there, 0 if not. Asked for
	 * regions within the file's first `kept` bytes; packs that only they need are not read ahead.
	 * May be NULL. Called from workers. */
	uint64_t kept;
	int (*reuse)(void *arg, uint64_t offset, uint8_t *data, size_t len, struct err *err);
	void *arg;
};

/* All regions were written and the file's sum is right, or an error that names the file: ERR_CORRUPT
 * naming the object too, write errors, ERR_STOPPED. */
int restore_page_file(const struct restore_page_options *options, struct err *err);

#endif
