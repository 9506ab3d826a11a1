/* What goes to an auditor: a folder with folders in it, listed, signed, and with a script that checks it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "crypto/sha256.h"
#include "engine/evidence.h"
#include "format/minisign.h"
#include "holdfast/err.h"
#include "vault/keyfile.h"
#include "vault/vault.h"

enum { DEPTH_MAX = 4, FILES_MAX = 1 << 20, SUMS_MAX_BYTES = 256 << 20, BLOCK = 64 << 10,
       SCRIPT_MAX = 64 << 10 };

/* bundle.dash keeps to what Debian's dash, minisign and coreutils know. It holds the script of ledger
 * exports: what lies beside the ledgers may have been written by whoever changed them. */
__asm__(".section .rodata\n"
        ".local holdfast_bundle_sh\n"
        "holdfast_bundle_sh:\n"
        ".incbin \"src/engine/bundle.dash\"\n"
        ".local holdfast_bundle_sh_end\n"
        "holdfast_bundle_sh_end:\n"
        ".local holdfast_bundle_complete_sh\n"
        "holdfast_bundle_complete_sh:\n"
        ".incbin \"src/engine/complete.sh\"\n"
        ".local holdfast_bundle_complete_sh_end\n"
        "holdfast_bundle_complete_sh_end:\n"
        ".byte 0\n"
        ".text\n");
extern const char holdfast_bundle_sh[], holdfast_bundle_sh_end[];
extern const char holdfast_bundle_complete_sh[], holdfast_bundle_complete_sh_end[];
static const char complete_here[] = "@COMPLETE.txt@\n";

/* ---- which files ---- */

struct names {
	char **all;               /* relative to the folder */
	size_t n;
};

static void names_clear(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->all[i]);
	free(l->all);
	*l = (struct names){ NULL, 0 };
}

static int add_name(struct names *l, const char *name, struct err *err)
{
	char **grown = l->n < FILES_MAX ? reallocarray(l->all, l->n + 1, sizeof *grown) : NULL;
	if (!grown)
		return l->n < FILES_MAX ? err_no_memory(err)
		                        : err_set(err, ERR_LIMIT, "evidence: too many files");
	l->all = grown;
	grown[l->n] = strdup(name);
	return grown[l->n++] ? 0 : err_no_memory(err);
}

static int walk(struct names *l, const char *top, const char *below, int depth, struct err *err);

static int walk_one(struct names *l, const char *top, const char *below, const char *name, int depth,
                    struct err *err)
{
	char inside[PATH_MAX], path[PATH_MAX];
	struct stat st;
	if (io_join(inside, below, name, err) != 0 || io_join(path, top, inside, err) != 0)
		return err->code;
	if (lstat(path, &st) != 0)
		return err_sys(err, "%s", path);
	if (S_ISDIR(st.st_mode))
		return depth < DEPTH_MAX ? walk(l, top, inside, depth + 1, err)
		                         : err_set(err, ERR_LIMIT, "%s: is too deep for evidence", path);
	/* a line of SHA256SUMS holds a name as it is */
	if (!S_ISREG(st.st_mode) || strpbrk(inside, "\\\r\n"))
		return err_set(err, ERR_INVALID, "%s: does not belong into evidence", path);
	return add_name(l, inside, err);
}

static int walk(struct names *l, const char *top, const char *below, int depth, struct err *err)
{
	char path[PATH_MAX];
	if (io_join(path, top, below, err) != 0)
		return err->code;
	DIR *d = opendir(path);
	if (!d)
		return err_sys(err, "%s", path);
	int rc = 0;
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(d);
		if (!e) {
			rc = errno ? err_sys(err, "%s", path) : rc;
			break;
		}
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if ((rc = walk_one(l, top, below, e->d_name, depth, err)) != 0)
			break;
	}
	closedir(d);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* ---- their digests ---- */

static int hash_file(const char *path, uint8_t out[SHA256_BYTES], struct err *err)
{
	uint8_t block[BLOCK];
	struct sha256_state h;
	IO_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(err, "%s", path);
	sha256_begin(&h);
	for (size_t got = sizeof block; got == sizeof block;) {
		if (io_read(fd, block, sizeof block, &got, err) != 0)
			return err_wrap(err, "%s", path);
		sha256_add(&h, block, got);
	}
	sha256_end(&h, out);
	return 0;
}

static int list_sums(const char *dir, struct names *l, struct buf *out, struct err *err)
{
	if (walk(l, dir, "", 0, err) != 0)
		return err->code;
	if (l->n)
		qsort(l->all, l->n, sizeof *l->all, by_name);
	for (size_t i = 0; i < l->n; i++) {
		char path[PATH_MAX], hex[2 * SHA256_BYTES + 1];
		uint8_t hash[SHA256_BYTES];
		if (io_join(path, dir, l->all[i], err) != 0 || hash_file(path, hash, err) != 0 ||
		    buf_printf(out, err, "%s  %s\n", hex_encode(hex, hash, sizeof hash), l->all[i]) != 0)
			return err->code;
	}
	return 0;
}

/* ---- signing ---- */

static int write_file(const char *dir, const char *name, const void *bytes, size_t len, struct err *err)
{
	char path[PATH_MAX];
	return io_join(path, dir, name, err) == 0 ? io_write_file(path, bytes, len, 0644, err) : err->code;
}

static int write_key(const char *dir, const uint8_t *sk, struct err *err)
{
	uint8_t pk[SIGN_PUBLIC_BYTES];
	AUTO(buf) key = buf_new(MINISIGN_MAX, err);
	sign_public(pk, sk);
	return key && minisign_encode_key(pk, key, err) == 0
	       ? write_file(dir, "drill.pub", key->bytes, key->len, err) : err->code;
}

static int sign_list(const char *dir, const struct buf *sums, const char *comment, const uint8_t *sk,
                     struct err *err)
{
	AUTO(buf) signature = buf_new(MINISIGN_MAX, err);
	if (!signature || minisign_sign(sums->bytes, sums->len, comment, sk, signature, err) != 0 ||
	    write_file(dir, "SHA256SUMS", sums->bytes, sums->len, err) != 0)
		return err->code;
	return write_file(dir, "SHA256SUMS.minisig", signature->bytes, signature->len, err);
}

static int write_script(const char *dir, struct err *err)
{
	const size_t len = (size_t)(holdfast_bundle_sh_end - holdfast_bundle_sh);
	const char *mark = memmem(holdfast_bundle_sh, len, complete_here, sizeof complete_here - 1);
	const size_t before = mark ? (size_t)(mark - holdfast_bundle_sh) : len;
	const size_t rest = mark ? before + sizeof complete_here - 1 : len;
	AUTO(buf) text = buf_new(SCRIPT_MAX, err);
	if (!text || buf_append(text, holdfast_bundle_sh, before, err) != 0 ||
	    buf_append(text, holdfast_bundle_complete_sh,
	               (size_t)(holdfast_bundle_complete_sh_end - holdfast_bundle_complete_sh), err) != 0 ||
	    buf_append(text, holdfast_bundle_sh + rest, len - rest, err) != 0)
		return err->code;
	return write_file(dir, "VERIFY.txt", text->bytes, text->len, err);
}

int evidence_sign_folder(struct vault *v, const char *dir, const char *comment, struct err *err)
{
	const struct keyfile *key = vault_keyfile(v);
	struct names names = { NULL, 0 };
	if (!key || !vault_self(v)) {
		err_set(err, ERR_KEY, "evidence: this machine has no key of vault %s", vault_short_id(v));
		return err_hint(err, "run it on an enrolled machine: its report key signs the folder");
	}
	AUTO(buf) sums = buf_new(SUMS_MAX_BYTES, err);
	if (!sums || write_key(dir, key->report_sk->bytes, err) != 0 ||
	    write_script(dir, err) != 0)
		return err->code;
	int rc = list_sums(dir, &names, sums, err);
	names_clear(&names);
	return rc == 0 ? sign_list(dir, sums, comment, key->report_sk->bytes, err) : rc;
}
