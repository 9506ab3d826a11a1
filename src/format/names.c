#include "format/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"

enum { ID_HEX = 33 };

const char *names_charter(char *out, uint64_t n)
{
	snprintf(out, NAMES_MAX, "charter/%08" PRIu64, n);
	return out;
}

const char *names_slot(char *out, const uint8_t id[16])
{
	char hex[ID_HEX];
	snprintf(out, NAMES_MAX, "slots/%s", hex_encode(hex, id, 16));
	return out;
}

const char *names_keys(char *out, const uint8_t writer[16], const uint8_t *store)
{
	char w[ID_HEX], s[ID_HEX] = "";
	if (store)
		hex_encode(s, store, 16);
	snprintf(out, NAMES_MAX, "keys/%s/%s%s", hex_encode(w, writer, 16), s, store ? "/" : "");
	return out;
}

const char *names_key(char *out, const uint8_t writer[16], const uint8_t store[16],
                      uint32_t epoch, const uint8_t recipient[16])
{
	char prefix[NAMES_MAX], r[ID_HEX];
	snprintf(out, NAMES_MAX, "%.110s%08" PRIu32 "-%s", names_keys(prefix, writer, store), epoch,
	         hex_encode(r, recipient, 16));
	return out;
}

const char *names_writer(char *out, const uint8_t writer[16])
{
	char w[ID_HEX];
	snprintf(out, NAMES_MAX, "%s/", hex_encode(w, writer, 16));
	return out;
}

const char *names_doomed(char *out, const uint8_t writer[16])
{
	char w[ID_HEX];
	snprintf(out, NAMES_MAX, "%s/doomed/", hex_encode(w, writer, 16));
	return out;
}

const char *names_store(char *out, const uint8_t writer[16], const uint8_t store[16])
{
	char w[ID_HEX], s[ID_HEX];
	snprintf(out, NAMES_MAX, "%s/%s/", hex_encode(w, writer, 16), hex_encode(s, store, 16));
	return out;
}

static const char *store_folder(char *out, const uint8_t writer[16], const uint8_t store[16],
                                const char *folder, const char *tail)
{
	char w[ID_HEX], s[ID_HEX];
	snprintf(out, NAMES_MAX, "%s/%s/%s/%s", hex_encode(w, writer, 16), hex_encode(s, store, 16),
	         folder, tail);
	return out;
}

const char *names_packs(char *out, const uint8_t writer[16], const uint8_t store[16])
{
	return store_folder(out, writer, store, "packs", "");
}

const char *names_pack(char *out, const uint8_t writer[16], const uint8_t store[16],
                       const uint8_t id[32])
{
	char hex[65];
	return store_folder(out, writer, store, "packs", hex_encode(hex, id, 32));
}

const char *names_snapshots(char *out, const uint8_t writer[16], const uint8_t store[16])
{
	return store_folder(out, writer, store, "snapshots", "");
}

const char *names_snapshot(char *out, const uint8_t writer[16], const uint8_t store[16],
                           uint64_t seq)
{
	char text[24];
	snprintf(text, sizeof text, "%08" PRIu64, seq);
	return store_folder(out, writer, store, "snapshots", text);
}

const char *names_log(char *out, const uint8_t key[16], const char *path)
{
	char k[ID_HEX];
	snprintf(out, NAMES_MAX, "%s/log/%.200s", hex_encode(k, key, 16), path);
	return out;
}

const char *names_list(char *out, const uint8_t key[16], const uint8_t *digest)
{
	char k[ID_HEX], hex[65] = "";
	if (digest)
		hex_encode(hex, digest, 32);
	snprintf(out, NAMES_MAX, "%s/runs/%s", hex_encode(k, key, 16), hex);
	return out;
}

const char *names_drills(char *out, const uint8_t key[16])
{
	char k[ID_HEX];
	snprintf(out, NAMES_MAX, "%s/drills/", hex_encode(k, key, 16));
	return out;
}

bool names_directly_in(const char *folder, const char *name)
{
	size_t len = strlen(folder);
	return strncmp(name, folder, len) == 0 && !strchr(name + len, '/');
}

bool names_retained(const char *name)
{
	static const char *const kinds[] = { "packs/", "snapshots/", "wal/" };
	const char *below = strchr(name, '/');
	if (!below || below - name != ID_HEX - 1)
		return false;
	if (strncmp(below, "/log/tile/", 10) == 0)
		return !strstr(below, ".p/");
	if (strncmp(below, "/runs/", 6) == 0)
		return true;
	const char *kind = strchr(below + 1, '/');
	for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++)
		if (strncmp(kind + 1, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return false;
}

static const char *tail_of(const char *name)
{
	const char *slash = strrchr(name, '/');
	return slash ? slash + 1 : name;
}

bool names_tail_id(const char *name, void *id, unsigned len)
{
	return hex_decode(id, len, tail_of(name));
}

static bool number(const char *text, size_t len, uint64_t *n)
{
	uint64_t v = 0;
	if (len < 8 || len > 18 || (len > 8 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	*n = v;
	return true;
}

bool names_tail_number(const char *name, uint64_t *n)
{
	const char *tail = tail_of(name);
	return number(tail, strlen(tail), n);
}

static bool take_id(const char **at, uint8_t id[16], char end)
{
	char hex[ID_HEX];
	if (strnlen(*at, 33) < 32 || (*at)[32] != end)
		return false;
	memcpy(hex, *at, 32);
	hex[32] = '\0';
	*at += end ? 33 : 32;
	return hex_decode(id, 16, hex);
}

bool names_parse_key(const char *name, uint8_t writer[16], uint8_t store[16], uint32_t *epoch,
                     uint8_t recipient[16])
{
	const char *at = name + strlen(NAMES_KEYS);
	uint64_t n;
	if (strncmp(name, NAMES_KEYS, strlen(NAMES_KEYS)) != 0 || !take_id(&at, writer, '/') ||
	    !take_id(&at, store, '/'))
		return false;
	size_t digits = strcspn(at, "-");
	if (at[digits] != '-' || !number(at, digits, &n) || n > UINT32_MAX)
		return false;
	*epoch = (uint32_t)n;
	at += digits + 1;
	return take_id(&at, recipient, '\0');
}
