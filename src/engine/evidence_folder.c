#include "engine/evidence_folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/tree.h"
#include "crypto/sha256.h"
#include "format/detail.h"
#include "format/entry.h"
#include "format/minisign.h"
#include "format/note.h"
#include "format/report.h"
#include "format/spki.h"
#include "format/sshsig.h"
#include "format/timestamp.h"
#include "format/tlogproof.h"
#include "holdfast/err.h"

enum { SCRIPT_MAX = 64 << 10, CERTIFICATES_MAX = 256 << 10, SUMS_MAX = 8 << 10 };

static const struct {
	const char *name;
	size_t max;
	bool needed;
} known[EVIDENCE_FILES] = {
	[FILE_ENTRY] = { "entry.json", ENTRY_MAX, true },
	[FILE_PROOF] = { "report.tlog-proof", TLOGPROOF_MAX, true },
	[FILE_CHECKPOINT] = { "checkpoint", NOTE_MAX, true },
	[FILE_TIMESTAMP] = { "checkpoint.tsr", TIMESTAMP_MAX, false },
	[FILE_REPORT] = { "report.json", REPORT_MAX, true },
	[FILE_REPORT_SIGNATURE] = { "report.json.minisig", MINISIGN_MAX, true },
	[FILE_DETAIL] = { "detail.sealed", DETAIL_MAX, true },
	[FILE_APPROVAL] = { "approval.sig", SSHSIG_MAX, false },
	[FILE_SIGNERS] = { "allowed_signers", SSHKEY_SIGNERS_MAX, false },
	[FILE_TSA_CA] = { "tsa-ca.pem", CERTIFICATES_MAX, false },
	[FILE_REPORT_KEY] = { "drill.pub", MINISIGN_MAX, true },
	[FILE_LOG_KEY] = { "log.pem", SPKI_MAX, true },
	[FILE_LOG_VKEY] = { "log.vkey", NOTE_KEY_MAX, true },
	[FILE_SCRIPT] = { "VERIFY.txt", SCRIPT_MAX, true },
	[FILE_SUMS] = { "SHA256SUMS", SUMS_MAX, true },
	[FILE_SUMS_SIGNATURE] = { "SHA256SUMS.minisig", MINISIGN_MAX, true },
};

const char *evidence_file_name(enum evidence_file f) { return known[f].name; }
bool evidence_file_needed(enum evidence_file f) { return known[f].needed; }

struct evidence_folder *evidence_folder_new(struct err *err)
{
	struct evidence_folder *f = calloc(1, sizeof *f);
	if (!f)
		err_no_memory(err);
	return f;
}

void evidence_folder_free(struct evidence_folder *f)
{
	for (unsigned i = 0; f && i < EVIDENCE_FILES; i++)
		buf_free(f->files[i]);
	free(f);
}

struct buf *evidence_folder_add(struct evidence_folder *f, enum evidence_file file, struct err *err)
{
	buf_free(f->files[file]);
	f->files[file] = buf_new(known[file].max, err);
	return f->files[file];
}

/* ---- reading ---- */

static int known_index(const char *name)
{
	for (int i = 0; i < EVIDENCE_FILES; i++)
		if (strcmp(name, known[i].name) == 0)
			return i;
	return -1;
}

static int read_one(struct evidence_folder *f, const char *dir, const char *name, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;
	int file = known_index(name);
	if (io_join(path, dir, name, err) != 0)
		return err->code;
	if (lstat(path, &st) != 0)
		return err_sys(err, "%s", path);
	/* a pipe would keep us waiting, and a link leads elsewhere */
	if (file < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > known[file].max) {
		snprintf(f->stranger, sizeof f->stranger, "%s", name);
		return 0;
	}
	struct buf *b = evidence_folder_add(f, (enum evidence_file)file, err);
	return b ? io_read_file(path, b, err) : err->code;
}

static int read_all(struct evidence_folder *f, DIR *d, const char *dir, struct err *err)
{
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(d);
		if (!e)
			return errno ? err_sys(err, "%s", dir) : 0;
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    read_one(f, dir, e->d_name, err) != 0)
			return err->code;
	}
}

struct evidence_folder *evidence_folder_read(const char *dir, struct err *err)
{
	AUTO(evidence_folder) f = evidence_folder_new(err);
	DIR *d = f ? opendir(dir) : NULL;
	if (!d) {
		if (f)
			err_sys(err, "%s", dir);
		return NULL;
	}
	int rc = read_all(f, d, dir, err);
	closedir(d);
	return rc == 0 ? TAKE(f) : NULL;
}

/* ---- writing ---- */

static int fill(const struct evidence_folder *f, const char *dir, struct err *err)
{
	char path[PATH_MAX];
	if (mkdir(dir, 0755) != 0 || chmod(dir, 0755) != 0)
		return err_sys(err, "%s", dir);
	for (unsigned i = 0; i < EVIDENCE_FILES; i++)
		if (f->files[i] &&
		    (io_join(path, dir, known[i].name, err) != 0 ||
		     io_write_file(path, f->files[i]->bytes, f->files[i]->len, 0644, err) != 0))
			return err->code;
	return 0;
}

int evidence_folder_write(const struct evidence_folder *f, const char *dir, struct err *err)
{
	char partial[PATH_MAX];
	if (tree_partial(dir, partial, err) != 0)
		return err->code;
	int rc = fill(f, partial, err);
	if (rc == 0 && rename(partial, dir) != 0) {
		rc = err_sys(err, "%s", dir);
		if (err->sys == ENOTEMPTY || err->code == ERR_EXISTS)
			rc = err_set(err, ERR_EXISTS, "%s: exists and is not empty", dir);
	}
	if (rc != 0) {
		struct err ignored;
		tree_remove(partial, &ignored);
		return rc;
	}
	return io_sync_parent(dir, err);
}

/* ---- contents ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(known[*(const unsigned *)a].name, known[*(const unsigned *)b].name);
}

bool evidence_folder_line(const struct evidence_folder *f, enum evidence_file file,
                          char out[EVIDENCE_LINE_MAX])
{
	uint8_t hash[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	const struct buf *b = f->files[file];
	if (!b || file == FILE_SUMS || file == FILE_SUMS_SIGNATURE)
		return false;
	sha256(hash, b->bytes, b->len);
	snprintf(out, EVIDENCE_LINE_MAX, "%s  %s\n", hex_encode(hex, hash, sizeof hash),
	         known[file].name);
	return true;
}

int evidence_folder_sums(const struct evidence_folder *f, struct buf *out, struct err *err)
{
	unsigned order[EVIDENCE_FILES];
	for (unsigned i = 0; i < EVIDENCE_FILES; i++)
		order[i] = i;
	qsort(order, EVIDENCE_FILES, sizeof *order, by_name);
	for (unsigned i = 0; i < EVIDENCE_FILES; i++) {
		char line[EVIDENCE_LINE_MAX];
		if (evidence_folder_line(f, (enum evidence_file)order[i], line) &&
		    buf_printf(out, err, "%s", line) != 0)
			return err->code;
	}
	return 0;
}

/* verify.dash keeps to what Debian's dash, minisign, ssh-keygen, openssl and coreutils know. */
__asm__(".section .rodata\n"
        ".local holdfast_verify_sh\n"
        "holdfast_verify_sh:\n"
        ".incbin \"src/engine/verify.dash\"\n"
        ".local holdfast_verify_sh_end\n"
        "holdfast_verify_sh_end:\n"
        ".byte 0\n"
        ".text\n");
extern const char holdfast_verify_sh[], holdfast_verify_sh_end[];

static int script_head(const struct report *r, struct buf *out, struct err *err)
{
	char drill[33], machine[33], vault[33];
	if (!r)
		return buf_printf(out, err, "#!/bin/sh\n"
		        "# This folder has the keys of a machine that runs recovery drills, for whoever\n"
		        "# checks them. Keep it where that machine cannot write.\n");
	return buf_printf(out, err, "#!/bin/sh\n"
	        "# This folder is the evidence of recovery drill %s,\n"
	        "# in which machine %s restored a backup from\n"
	        "# vault %s and measured it: report.json says what it found.\n"
	        "# The text below checks that the machine signed all of it, that nothing was changed since,\n"
	        "# and that the machine's append-only log holds it.\n",
	        hex_encode(drill, r->drill, 16), hex_encode(machine, r->machine, 16),
	        hex_encode(vault, r->vault, 16));
}

int evidence_script(const struct report *r, struct buf *out, struct err *err)
{
	if (script_head(r, out, err) != 0)
		return err->code;
	return buf_append(out, holdfast_verify_sh,
	                  (size_t)(holdfast_verify_sh_end - holdfast_verify_sh), err);
}
