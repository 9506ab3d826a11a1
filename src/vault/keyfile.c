#include "vault/keyfile.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "holdfast/err.h"

static const char magic[8] = "HFROLE1";

enum {
	BYTES = 268,
	CHECKED = BYTES - 32,
	RESERVED = 80,
	TEXT_MAX = 8192,
	LINE_BYTES = 32,
	FLAG_REQUEST = 1,
};

static struct secret *signing_key(uint8_t pk[32], const struct keyfile *k, const char *label,
                                  struct err *err)
{
	AUTO(secret) seed = secret_derive(k->seed->bytes, label, err);
	AUTO(secret) sk = secret_new(SIGN_SECRET_BYTES, err);
	if (!seed || !sk)
		return NULL;
	sign_keypair(pk, sk->bytes, seed->bytes);
	return TAKE(sk);
}

static int derive_keys(struct keyfile *k, struct err *err)
{
	uint8_t pk[SIGN_PUBLIC_BYTES];
	k->log_sk = signing_key(pk, k, "hf1.log", err);
	k->report_sk = signing_key(pk, k, "hf1.report", err);
	k->record_sk = signing_key(pk, k, "hf1.record", err);   /* last: the id is its hash */
	k->box_sk = secret_derive(k->seed->bytes, "hf1.box", err);
	k->naming = secret_derive(k->seed->bytes, "hf1.naming", err);
	k->state = secret_derive(k->seed->bytes, "hf1.state", err);
	if (!k->log_sk || !k->report_sk || !k->record_sk || !k->box_sk || !k->naming || !k->state)
		return err->code;
	charter_key_id(k->id, pk);
	return 0;
}

void keyfile_describe(const struct keyfile *k, const char *name, struct charter_key *pub)
{
	memset(pub, 0, sizeof *pub);
	sign_public(pub->record, k->record_sk->bytes);
	sign_public(pub->log, k->log_sk->bytes);
	sign_public(pub->report, k->report_sk->bytes);
	seal_public(pub->box, k->box_sk->bytes);
	memcpy(pub->id, k->id, sizeof pub->id);
	pub->roles = k->roles;
	snprintf(pub->name, sizeof pub->name, "%s", name);
}

int keyfile_request(const struct keyfile *k, struct request *out, struct err *err)
{
	AUTO(secret) pairing = secret_derive(k->seed->bytes, "hf1.pair", err);
	if (!pairing)
		return err->code;
	keyfile_describe(k, k->name, &out->key);
	memcpy(out->vault, k->vault, 16);
	memcpy(out->root, k->root, 32);
	memcpy(out->pairing, pairing->bytes, 32);
	return 0;
}

int keyfile_take_psk(struct keyfile *k, const struct charter_key *entry, struct err *err)
{
	AUTO(secret) pairing = secret_derive(k->seed->bytes, "hf1.pair", err);
	AUTO(secret) psk = secret_new(32, err);
	if (!pairing || !psk || request_open_psk(psk->bytes, entry, k->vault, k->box_sk->bytes,
	                                         pairing->bytes, err) != 0)
		return err->code;
	secret_free(k->psk);
	k->psk = TAKE(psk);
	return 0;
}

struct keyfile *keyfile_new(const uint8_t vault[16], const uint8_t root[32],
                            const uint8_t recovery[32], const uint8_t *psk, unsigned roles,
                            const char *name, struct charter_key *pub, struct err *err)
{
	AUTO(keyfile) k = calloc(1, sizeof *k);
	if (!k) {
		err_no_memory(err);
		return NULL;
	}
	k->roles = roles;
	memcpy(k->vault, vault, 16);
	memcpy(k->root, root, 32);
	memcpy(k->recovery, recovery, 32);
	k->seed = secret_random(32, err);
	k->requested = !psk;
	if (k->requested)
		snprintf(k->name, sizeof k->name, "%s", name);
	else
		k->psk = secret_copy(psk, 32, err);
	if (!k->seed || (psk && !k->psk) || derive_keys(k, err) != 0)
		return NULL;
	keyfile_describe(k, name, pub);
	return TAKE(k);
}

void keyfile_free(struct keyfile *k)
{
	if (!k)
		return;
	secret_free(k->seed);
	secret_free(k->psk);
	secret_free(k->record_sk);
	secret_free(k->log_sk);
	secret_free(k->report_sk);
	secret_free(k->box_sk);
	secret_free(k->naming);
	secret_free(k->state);
	free(k);
}

int keyfile_path(char out[PATH_MAX], const char *dir, const uint8_t vault[16], struct err *err)
{
	char hex[33];
	if (snprintf(out, PATH_MAX, "%s/%s.key", dir, hex_encode(hex, vault, 16)) >= PATH_MAX)
		return err_set(err, ERR_INVALID, "path is too long: %.100s", dir);
	return 0;
}

static void encode(uint8_t out[BYTES], const struct keyfile *k)
{
	uint8_t *p = wire_put_bytes(out, magic, sizeof magic);
	p = wire_put_u32(p, k->roles);
	p = wire_put_bytes(p, k->vault, 16);
	p = wire_put_bytes(p, k->root, 32);
	p = wire_put_bytes(p, k->recovery, 32);
	p = wire_put_bytes(p, k->seed->bytes, 32);
	memset(p, 0, 32 + RESERVED);
	if (!k->requested)
		wire_put_bytes(p, k->psk->bytes, 32);
	p += 32;
	p[0] = k->requested ? FLAG_REQUEST : 0;
	p[1] = (uint8_t)strlen(k->name);
	wire_put_bytes(p + 2, k->name, strlen(k->name));
	hash_labelled(p + RESERVED, 32, "hf1.keyfile", NULL, 0, out, CHECKED);
}

static const char *what_it_can(const struct keyfile *k)
{
	if (k->roles & ROLES_READERS)
		return "It decrypts the stores that are granted to it.";
	return k->roles & ROLE_WRITER ? "It can add backups; it cannot decrypt them."
	                              : "It cannot decrypt backups.";
}

int keyfile_store(const struct keyfile *k, const char *dir, const char *url, struct err *err)
{
	char path[PATH_MAX], line[2 * LINE_BYTES + 1];
	if (keyfile_path(path, dir, k->vault, err) != 0 || io_make_dirs(dir, 0700, err) != 0)
		return err->code;
	if (access(path, F_OK) == 0)
		return err_set(err, ERR_EXISTS, "%s exists", path);
	AUTO(buf) text = buf_new(TEXT_MAX, err);
	if (!text || buf_printf(text, err,
	                        "# Holdfast key file of this machine for the vault %.300s\n"
	                        "# Keep it secret. %s\n", url, what_it_can(k)) != 0)
		return err->code;
	uint8_t bytes[BYTES];
	encode(bytes, k);
	int rc = 0;
	for (size_t at = 0; at < BYTES && rc == 0; at += LINE_BYTES) {
		size_t n = BYTES - at < LINE_BYTES ? BYTES - at : LINE_BYTES;
		rc = buf_printf(text, err, "%s\n", hex_encode(line, bytes + at, n));
	}
	explicit_bzero(bytes, sizeof bytes);
	explicit_bzero(line, sizeof line);
	return rc == 0 ? io_write_file(path, text->bytes, text->len, 0600, err) : rc;
}

/* Gather the hex digits of the lines that are no comments. */
static bool strip(char hex[2 * BYTES + 1], const char *text)
{
	size_t n = 0;
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		if (line[0] != '#') {
			if (len > 2 * BYTES - n)
				return false;
			memcpy(hex + n, line, len);
			n += len;
		}
		line += len + (line[len] == '\n');
	}
	hex[n] = '\0';
	return true;
}

static int read_extension(struct keyfile *k, struct wire *w, struct err *err)
{
	uint8_t flags = wire_u8(w), len = wire_u8(w);
	if (flags > FLAG_REQUEST) {
		err_set(err, ERR_NEWER, "the key file was made by a newer Holdfast");
		return err_hint(err, "install a newer Holdfast");
	}
	if (len > REQUEST_NAME_MAX)
		return err_set(err, ERR_CORRUPT, "the key file is damaged");
	k->requested = flags & FLAG_REQUEST;
	wire_copy(w, k->name, len);
	k->name[len] = '\0';
	return 0;
}

static int decode(struct keyfile *k, const uint8_t bytes[BYTES], struct err *err)
{
	uint8_t check[32];
	hash_labelled(check, 32, "hf1.keyfile", NULL, 0, bytes, CHECKED);
	if (memcmp(bytes, magic, sizeof magic) != 0 || memcmp(check, bytes + CHECKED, 32) != 0)
		return err_set(err, ERR_CORRUPT, "the key file is damaged");
	struct wire w = wire_over(bytes + sizeof magic, BYTES - sizeof magic);
	k->roles = wire_u32(&w);
	wire_copy(&w, k->vault, 16);
	wire_copy(&w, k->root, 32);
	wire_copy(&w, k->recovery, 32);
	k->seed = secret_copy(wire_bytes(&w, 32), 32, err);
	const uint8_t *psk = wire_bytes(&w, 32);
	if (read_extension(k, &w, err) != 0)
		return err->code;
	if (!k->requested)
		k->psk = secret_copy(psk, 32, err);
	return k->seed && (k->psk || k->requested) ? derive_keys(k, err) : err->code;
}

static int check_mode(const char *path, struct err *err)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return err_sys(err, "%s", path);
	if (!(st.st_mode & 077))
		return 0;
	err_set(err, ERR_DENIED, "%s: may be read by other users (mode %03o)", path,
	        st.st_mode & 0777u);
	return err_hint(err, "chmod 600 %.200s", path);
}

struct keyfile *keyfile_load(const char *dir, const uint8_t vault[16], struct err *err)
{
	char path[PATH_MAX], hex[2 * BYTES + 1];
	AUTO(buf) text = buf_new(TEXT_MAX, err);
	AUTO(keyfile) k = calloc(1, sizeof *k);
	if (!text || !k) {
		err_no_memory(err);
		return NULL;
	}
	if (keyfile_path(path, dir, vault, err) != 0 || check_mode(path, err) != 0 ||
	    io_read_file(path, text, err) != 0)
		return NULL;
	const char *plain = buf_text(text, err);
	if (!plain)
		return NULL;
	uint8_t bytes[BYTES];
	bool ok = strip(hex, plain) && hex_decode(bytes, BYTES, hex);
	explicit_bzero(hex, sizeof hex);
	int rc = ok ? decode(k, bytes, err) : err_set(err, ERR_CORRUPT, "the key file is damaged");
	explicit_bzero(bytes, sizeof bytes);
	if (rc == 0 && memcmp(k->vault, vault, 16) != 0)
		rc = err_set(err, ERR_CORRUPT, "the key file belongs to another vault");
	if (rc != 0) {
		err_wrap(err, "%s", path);
		return NULL;
	}
	return TAKE(k);
}
