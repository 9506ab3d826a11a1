/* names - where objects lie in a vault (DESIGN.md 3). Pure text; every out holds NAMES_MAX bytes. */
#ifndef NAMES_H
#define NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { NAMES_MAX = 256 };

#define NAMES_ANCHOR "vault.json"
#define NAMES_RECOVERY "RECOVERY.txt"
#define NAMES_FORMAT "FORMAT.md"
#define NAMES_CHARTERS "charter/"
#define NAMES_SLOTS "slots/"
#define NAMES_KEYS "keys/"
#define NAMES_PROBE "probe/"   /* what `vault test` puts and removes */

const char *names_charter(char *out, uint64_t n);                        /* charter/00000002 */
const char *names_slot(char *out, const uint8_t id[16]);
const char *names_keys(char *out, const uint8_t writer[16], const uint8_t *store);   /* prefix */
const char *names_key(char *out, const uint8_t writer[16], const uint8_t store[16],
                      uint32_t epoch, const uint8_t recipient[16]);
const char *names_writer(char *out, const uint8_t writer[16]);           /* <key-id>/ */
const char *names_doomed(char *out, const uint8_t writer[16]);           /* <key-id>/doomed/ */
/* <key-id>/<store-id>/ */
const char *names_store(char *out, const uint8_t writer[16], const uint8_t store[16]);
const char *names_packs(char *out, const uint8_t writer[16], const uint8_t store[16]);
const char *names_pack(char *out, const uint8_t writer[16], const uint8_t store[16],
                       const uint8_t id[32]);
const char *names_snapshots(char *out, const uint8_t writer[16], const uint8_t store[16]);
const char *names_snapshot(char *out, const uint8_t writer[16], const uint8_t store[16],
                           uint64_t seq);

/* A key's ledger: <key-id>/log/<path>, where path is NAMES_CHECKPOINT, a tile's (tiles.h), or ""; and
 * the lists that its entries name: <key-id>/runs/<SHA-256>; NULL: all of them. */
#define NAMES_CHECKPOINT "checkpoint"
const char *names_log(char *out, const uint8_t key[16], const char *path);
const char *names_list(char *out, const uint8_t key[16], const uint8_t *digest);
const char *names_drills(char *out, const uint8_t key[16]);              /* <key-id>/drills/ */

/* Does the name, or what is left of it, begin so? */
static inline bool names_starts(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/* Does the object lie in the folder (a prefix from above) itself, not in one below? */
bool names_directly_in(const char *folder, const char *name);

/* Is it an object that stays as it is for as long as it is needed, so that a lock may hold it? Packs,
 * snapshots, WAL, the full tiles of ledgers and the lists they name; never keys/ (shredding), slots/,
 * doom marks, checkpoints, partial tiles. */
bool names_retained(const char *name);

/* The part behind the last '/' as hex id or decimal number. */
bool names_tail_id(const char *name, void *id, unsigned len);
bool names_tail_number(const char *name, uint64_t *n);

/* keys/<writer>/<store>/<epoch>-<recipient> taken apart. */
bool names_parse_key(const char *name, uint8_t writer[16], uint8_t store[16], uint32_t *epoch,
                     uint8_t recipient[16]);

#endif
