/*
 * scan - one pass over a page file: tag every unit, keep those whose tag is known, store the rest.
 *
 * As many workers as cores take blocks of 256 KiB from the source under a lock and carry them
 * through: tags, comparison, gathering, compression, sealing. A block that changed as a whole
 * becomes a frame at once; other changed units are gathered until they fill one.
 */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "format/sum.h"
#include "holdfast/progress.h"

struct err;
struct packer;
struct source;
struct tagfile;
struct usage;

struct scan_options {
	struct source *source;           /* positioned at the file: source.next returned it */
	struct packer *packer;           /* NULL: count only (dry run) */
	const struct sum_keys *keys;
	uint32_t number;                 /* of the file */
	uint32_t page_bytes, unit_bytes;
	uint64_t length;
	const struct tagfile *arrays;    /* what is known, or NULL */
	uint64_t known_length;           /* of the base's file: units beyond it are new */
	const bool *evacuate;            /* by serial - usage->first, or NULL */
	struct usage *known;             /* gets the base's use of its packs, as the arrays have it */
	struct usage *kept;              /* gets what of it stays in use */
	unsigned workers;
	int level;
	unsigned check_every;
	const struct progress *progress;
	void (*advanced)(void *arg, uint64_t bytes);   /* from any worker */
	void *arg;
};

struct scan_result {
	uint8_t sum[SUM_BYTES];          /* of the file as read */
	uint8_t known_sum[SUM_BYTES];    /* of the base's file, recomputed from the arrays */
	bool arrays_damaged;             /* an array names a pack that cannot be */
	uint64_t bytes_read, bytes_changed, bytes_evacuated, units, changed_units;
};

/* Errors of source and packer, ERR_NOMEM, ERR_STOPPED. */
int scan_file(const struct scan_options *options, struct scan_result *result, struct err *err);

#endif
