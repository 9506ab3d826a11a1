/* check_files - can the files of a snapshot be put together? Part of the check verb. */
#ifndef CHECK_FILES_H
#define CHECK_FILES_H

#include <stdint.h>

struct checking;
struct err;
struct head_pack;
struct pack_trailer;

/* Decrypt and decompress everything and recompute every sum, as a restore does, writing nothing. */
int check_files_decode(struct checking *c, uint64_t seq, struct err *err);

/* Every unit and extent lies in a pack that the snapshot lists; only trailers are read. */
int check_files_cover(struct checking *c, uint64_t seq, struct err *err);

enum { CHECK_FILES_TEXT = 240 };
/* Which files of snapshot `seq` need this pack: "file 'a', 'b' and 3 more". `trailer` is the
 * pack's, or NULL if it does not open. Empty if nothing can be said. */
void check_files_affected(struct checking *c, uint64_t seq, const uint8_t pack[32],
                          const struct pack_trailer *trailer, char out[CHECK_FILES_TEXT]);

#endif
