/* Taking ledgers away, for somebody who has openssl and a shell and not this program. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "engine/ledger_read.h"
#include "engine/stamp.h"
#include "format/base64.h"
#include "format/tiles.h"
#include "format/timestamp.h"
#include "holdfast/err.h"
#include "holdfast/ledger.h"
#include "vault/tlog.h"
#include "vault/vault.h"

enum { OUT_MAX = 1 << 20 };

/* complete.sh keeps to what Debian's dash, openssl and coreutils know. */
__asm__(".section .rodata\n"
        ".local holdfast_complete_sh\n"
        "holdfast_complete_sh:\n"
        ".incbin \"src/engine/complete.sh\"\n"
        ".local holdfast_complete_sh_end\n"
        "holdfast_complete_sh_end:\n"
        ".byte 0\n"
        ".text\n");
extern const char holdfast_complete_sh[], holdfast_complete_sh_end[];

struct export {
	struct buf *lines;
	int fd;
	const char *path;
};

static int flush(struct export *x, struct err *err)
{
	if (io_write(x->fd, x->lines->bytes, x->lines->len, err) != 0)
		return err_wrap(err, "%s", x->path);
	buf_clear(x->lines);
	return 0;
}

static int add_line(void *arg, uint64_t index, const uint8_t *entry, size_t len, struct err *err)
{
	struct export *x = arg;
	if (memchr(entry, '\n', len) || memchr(entry, '\0', len))
		return err_set(err, ERR_CORRUPT, "entry %llu is no line of text", (unsigned long long)index);
	if (x->lines->len + len + 1 > OUT_MAX && flush(x, err) != 0)
		return err->code;
	if (buf_append(x->lines, entry, len, err) != 0)
		return err->code;
	return buf_append(x->lines, "\n", 1, err);
}

/* An Ed25519 public key as openssl reads it: SPKI (RFC 8410) in PEM. */
static int write_key(const char *dir, const uint8_t pk[32], struct err *err)
{
	static const uint8_t prefix[12] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03,
	                                    0x21, 0x00 };
	uint8_t der[44];
	char base64[BASE64_TEXT_MAX], text[240], path[PATH_MAX];
	memcpy(der, prefix, sizeof prefix);
	memcpy(der + sizeof prefix, pk, 32);
	int n = snprintf(text, sizeof text, "-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n",
	                 base64_encode(base64, der, sizeof der));
	if (io_join(path, dir, "log.pem", err) != 0)
		return err->code;
	return io_write_file(path, text, (size_t)n, 0644, err);
}

static int export_log(struct vault *v, const struct charter_key *key, const char *top, struct note *note,
                      struct err *err)
{
	char dir[PATH_MAX], path[PATH_MAX], hex[33];
	AUTO(buf) checkpoint = buf_new(NOTE_MAX, err);
	AUTO(buf) lines = buf_new(OUT_MAX, err);
	if (!checkpoint || !lines || io_join(dir, top, hex_encode(hex, key->id, 16), err) != 0 ||
	    io_join(path, dir, "entries", err) != 0 || io_make_dirs(dir, 0755, err) != 0)
		return err->code;
	IO_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, "%s", path);
	struct export x = { .lines = lines, .fd = fd, .path = path };
	int rc = ledger_read(v, key->id, note, checkpoint, add_line, &x, err);
	if (rc != 0 || flush(&x, err) != 0)
		return err->code;
	if (fsync(fd) != 0 || io_close(&fd, err) != 0)
		return err_sys(err, "%s", path);
	if (io_join(path, dir, "checkpoint", err) != 0 ||
	    io_write_file(path, checkpoint->bytes, checkpoint->len, 0644, err) != 0)
		return err->code;
	return write_key(dir, key->log, err);
}

/* Nothing of another export may mix with this one. */
static int make_dir(const char *dir, struct err *err)
{
	if (io_make_dirs(dir, 0755, err) != 0)
		return err->code;
	if (rmdir(dir) == 0)
		return mkdir(dir, 0755) == 0 ? 0 : err_sys(err, "%s", dir);
	if (errno != ENOTEMPTY && errno != EEXIST)
		return err_sys(err, "%s", dir);
	err_set(err, ERR_EXISTS, "%s: is not empty", dir);
	return err_hint(err, "give a folder of its own to each export");
}

/* A key that did nothing yet leaves no folder. */
static void drop_empty(const char *top, const struct charter_key *key)
{
	char dir[PATH_MAX], path[PATH_MAX], hex[33];
	struct err ignored;
	if (io_join(dir, top, hex_encode(hex, key->id, 16), &ignored) == 0 &&
	    io_join(path, dir, "entries", &ignored) == 0 && unlink(path) == 0)
		rmdir(dir);
}

int ledger_export(struct vault *v, const char *dir, uint64_t *logs, uint64_t *entries,
                  struct err *err)
{
	const struct charter *c = vault_charter(v);
	char path[PATH_MAX];
	*logs = *entries = 0;
	if (make_dir(dir, err) != 0)
		return err->code;
	for (size_t i = 0; i < c->n_keys; i++) {
		struct note note;
		int rc = export_log(v, &c->keys[i], dir, &note, err);
		if (rc == ERR_ABSENT) {
			drop_empty(dir, &c->keys[i]);
			continue;
		}
		if (rc != 0)
			return rc;
		*logs += 1;
		*entries += note.size;
	}
	if (io_join(path, dir, "COMPLETE.txt", err) != 0)
		return err->code;
	return io_write_file(path, holdfast_complete_sh,
	                     (size_t)(holdfast_complete_sh_end - holdfast_complete_sh), 0755, err);
}

/* ---- a checkpoint with a timestamp ---- */

struct stamped {
	struct buf *checkpoint, *answer, *certificates;
};

static int write_stamped(const char *dir, const struct stamped *s, struct err *err)
{
	const struct { const char *name; const struct buf *bytes; } files[] = {
		{ "checkpoint", s->checkpoint }, { "tsa-ca.pem", s->certificates },
		{ "checkpoint.tsr", s->answer },
	};
	char path[PATH_MAX];
	if (make_dir(dir, err) != 0)
		return err->code;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (io_join(path, dir, files[i].name, err) != 0 ||
		    io_write_file(path, files[i].bytes->bytes, files[i].bytes->len, 0644, err) != 0)
			return err->code;
	return 0;
}

int ledger_timestamp(struct vault *v, const uint8_t key[16], const char *tsa, const char *tsa_ca,
                     const char *dir, struct ledger_stamp *out, struct err *err)
{
	const struct stamp_authority authority = { tsa, tsa_ca };
	struct note note;
	struct timestamp t;
	AUTO(buf) checkpoint = buf_new(NOTE_MAX, err);
	AUTO(buf) answer = checkpoint ? buf_new(TIMESTAMP_MAX, err) : NULL;
	AUTO(buf) certificates = answer ? buf_new(STAMP_CA_MAX, err) : NULL;
	const struct stamped s = { checkpoint, answer, certificates };
	if (!certificates || tlog_checkpoint(v, key, &note, checkpoint, err) != 0 ||
	    stamp_ask(&authority, checkpoint->bytes, checkpoint->len, answer, certificates, err) != 0 ||
	    timestamp_decode(&t, answer->bytes, answer->len, err) != 0 || write_stamped(dir, &s, err) != 0)
		return err->code;
	*out = (struct ledger_stamp){ .entries = note.size, .time_s = t.time_s };
	return 0;
}
