/*
 * packer - fills packs and sends them: the open pack, a pool of pack buffers, uploader threads.
 *
 * Workers reserve a slot in the open pack, seal straight into it, and release it; the last to leave
 * a closed pack finishes it (trailer, padding, id) and queues it. Every acknowledged pack is told
 * to `stored`, one at a time, from any thread. The last pack of a session is sent by packer_finish
 * itself, so that a small store needs no threads. All functions but new, finish and free may be
 * called from several threads.
 */
#ifndef PACKER_H
#define PACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/pack.h"
#include "holdfast/progress.h"

struct buf;
struct err;
struct vault;

/* A pack that the vault has acknowledged. */
struct packer_done {
	uint32_t serial, number, size;
	uint8_t id[PACK_ID_BYTES];
	uint64_t weight;                /* units, or bytes of chunks */
	uint64_t zeros;                 /* zero units listed */
	const struct buf *runs;         /* as coded by journal_code_run; empty for chunks */
	bool last;                      /* the session's last, sent by packer_finish */
};
typedef int packer_stored(void *arg, const struct packer_done *done, struct err *err);

struct packer_options {
	const struct vault *vault;
	struct pack_header header;      /* number is filled in per pack */
	const uint8_t *session_key;     /* 32 bytes, lives as long as the packer */
	uint32_t first_number, first_serial;
	unsigned uploaders;             /* threads, made when the first full pack is queued */
	unsigned pool;                  /* pack buffers, at least 2 */
	pack_file_lookup *lookup;       /* files that runs name */
	packer_stored *stored;
	void *arg;                      /* for both */
};

struct packer;
struct packer *packer_new(const struct packer_options *options, struct err *err);
/* Without finish: waits for puts under way, sends nothing more. */
void packer_free(struct packer *p);
AUTO_FREE(packer);

/* Where a frame will lie. */
struct packer_slot {
	uint8_t *at;                    /* seal here: len + SEAL_OVERHEAD_BYTES bytes */
	const struct pack_key *key;
	uint32_t serial;                /* of its pack */
	uint32_t frame;                 /* its number within the pack */
	void *pack;
};

struct packer_frame {
	enum pack_codec codec;
	size_t len;                     /* bytes to be sealed */
	uint32_t plain_len;
	const struct pack_run *runs;    /* .file: file numbers; none for chunks */
	size_t n_runs;
	const uint8_t *tags;            /* of all units of the runs */
	uint64_t weight;
};

/* Waits for a free pack buffer. What stopped the packer (a failed put, packer_stop) is returned. */
int packer_reserve(struct packer *p, const struct packer_frame *frame, struct packer_slot *slot,
                   struct err *err);
/* The sealed bytes are in place. Finishes the pack if it was the last one missing. */
int packer_release(struct packer *p, const struct packer_slot *slot, struct err *err);

/* List zero units. */
int packer_zeros(struct packer *p, const struct pack_run *run, const uint8_t *tags,
                 uint32_t *serial, struct err *err);

/* Send what is left and wait for everything. Afterwards no more frames may be added. */
int packer_finish(struct packer *p, struct err *err);

/* Make all waiting and further calls fail with this error; the first one counts. */
void packer_stop(struct packer *p, const struct err *why);

/* Serials below this were used already. Before the first frame. */
void packer_skip_serials(struct packer *p, uint32_t below);

uint64_t packer_stored_bytes(struct packer *p);
uint32_t packer_stored_packs(struct packer *p);
uint32_t packer_next_serial(struct packer *p);

#endif
