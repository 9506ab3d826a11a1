#include "source/veiled.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "crypto/secret.h"
#include "holdfast/err.h"

enum { BLOCK = 65536, SECTOR = 4096, NAME_BYTES = 40, PATH_BYTES = 64 };

struct veiled {
	int fd;
	uint64_t length;
	struct secret *key;
	struct secret *block;        /* plain bytes on their way */
	sqlite3_vfs vfs;
	char name[NAME_BYTES];       /* of the vfs */
};

/* ---- the file ---- */

int veiled_write(struct veiled *v, const void *data, size_t len, struct err *err)
{
	const uint8_t *at = data;
	for (size_t n; len > 0; at += n, len -= n) {
		n = len < BLOCK ? len : BLOCK;
		memcpy(v->block->bytes, at, n);
		veil_apply(v->key, v->length, v->block->bytes, n);
		if (io_pwrite(v->fd, v->block->bytes, n, v->length, err) != 0)
			return err->code;
		v->length += n;
	}
	return 0;
}

uint64_t veiled_length(const struct veiled *v) { return v->length; }

/* ---- what SQLite asks of a file ---- */

struct veiled_file {
	sqlite3_file base;
	struct veiled *v;
};

static struct veiled *of(sqlite3_file *f) { return ((struct veiled_file *)(void *)f)->v; }

static int file_close(sqlite3_file *f) { (void)f; return SQLITE_OK; }

static int file_read(sqlite3_file *f, void *out, int amount, sqlite3_int64 offset)
{
	const struct veiled *v = of(f);
	struct err ignored;
	size_t got, len = (size_t)amount;
	if (offset < 0 || io_pread(v->fd, out, len, (uint64_t)offset, &got, &ignored) != 0)
		return SQLITE_IOERR_READ;
	veil_apply(v->key, (uint64_t)offset, out, got);
	if (got == len)
		return SQLITE_OK;
	memset((char *)out + got, 0, len - got);
	return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *f, const void *data, int amount, sqlite3_int64 offset)
{
	(void)f, (void)data, (void)amount, (void)offset;
	return SQLITE_READONLY;
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	(void)f, (void)size;
	return SQLITE_READONLY;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	*size = (sqlite3_int64)of(f)->length;
	return SQLITE_OK;
}

/* Nobody else can reach it: there is nothing to sync, and nothing to lock. */
static int file_flag(sqlite3_file *f, int flags)
{
	(void)f, (void)flags;
	return SQLITE_OK;
}

static int file_reserved(sqlite3_file *f, int *reserved)
{
	(void)f;
	*reserved = 0;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
	(void)f, (void)op, (void)arg;
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *f) { (void)f; return SECTOR; }

/* A file that cannot change needs no journal and no log, whatever its header says. */
static int file_traits(sqlite3_file *f) { (void)f; return SQLITE_IOCAP_IMMUTABLE; }

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_flag,
	.xFileSize = file_size,
	.xLock = file_flag,
	.xUnlock = file_flag,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits,
};

/* ---- and of a file system: the one file, and nothing else ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
	struct veiled_file *file = (struct veiled_file *)(void *)f;
	(void)name;
	file->base.pMethods = NULL;
	if (!(flags & SQLITE_OPEN_MAIN_DB) || !(flags & SQLITE_OPEN_READONLY))
		return SQLITE_CANTOPEN;
	file->base.pMethods = &methods;
	file->v = vfs->pAppData;
	if (out_flags)
		*out_flags = flags;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs, (void)name, (void)sync;
	return SQLITE_IOERR_DELETE;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	(void)vfs, (void)name, (void)flags;
	*out = 0;
	return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
	(void)vfs;
	return snprintf(out, (size_t)n, "%s", name) < n ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int make_vfs(struct veiled *v, struct err *err)
{
	const sqlite3_vfs *system = sqlite3_vfs_find(NULL);
	if (!system)
		return err_set(err, ERR_SOURCE, "SQLite has no file system");
	snprintf(v->name, sizeof v->name, "holdfast-veiled-%p", (void *)v);
	v->vfs = (sqlite3_vfs){
		.iVersion = 1,
		.szOsFile = sizeof(struct veiled_file),
		.mxPathname = PATH_BYTES,
		.zName = v->name,
		.pAppData = v,
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_path,
		.xRandomness = system->xRandomness,
		.xSleep = system->xSleep,
		.xCurrentTime = system->xCurrentTime,
		.xGetLastError = system->xGetLastError,
	};
	return sqlite3_vfs_register(&v->vfs, 0) == SQLITE_OK ? 0 : err_no_memory(err);
}

int veiled_open(struct veiled *v, sqlite3 **db, struct err *err)
{
	if (!v->vfs.zName && make_vfs(v, err) != 0)
		return err->code;
	if (sqlite3_open_v2("restored", db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, v->name) == SQLITE_OK)
		return 0;
	err_set(err, *db ? ERR_SOURCE : ERR_NOMEM, "%s", *db ? sqlite3_errmsg(*db) : "out of memory");
	sqlite3_close(*db);
	*db = NULL;
	return err->code;
}

static struct veiled *start(const char *path, int flags, const uint8_t *key, struct err *err)
{
	AUTO(veiled) v = calloc(1, sizeof *v);
	if (!v) {
		err_no_memory(err);
		return NULL;
	}
	v->fd = -1;
	v->key = key ? secret_copy(key, VEIL_KEY_BYTES, err) : secret_random(VEIL_KEY_BYTES, err);
	v->block = v->key ? secret_new(BLOCK, err) : NULL;
	if (!v->block)
		return NULL;
	v->fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (v->fd >= 0)
		return TAKE(v);
	err_sys(err, "%.300s", path);
	return NULL;
}

struct veiled *veiled_new(const char *path, struct err *err)
{
	return start(path, O_RDWR | O_CREAT | O_EXCL, NULL, err);
}

struct veiled *veiled_attach(const char *path, const uint8_t key[VEIL_KEY_BYTES], struct err *err)
{
	struct stat st;
	AUTO(veiled) v = start(path, O_RDONLY, key, err);
	if (!v)
		return NULL;
	if (fstat(v->fd, &st) != 0) {
		err_sys(err, "%.300s", path);
		return NULL;
	}
	v->length = (uint64_t)st.st_size;
	return TAKE(v);
}

const uint8_t *veiled_key(const struct veiled *v) { return v->key->bytes; }

void veiled_free(struct veiled *v)
{
	if (!v)
		return;
	if (v->vfs.zName)
		sqlite3_vfs_unregister(&v->vfs);
	io_drop(&v->fd);
	secret_free(v->key);
	secret_free(v->block);
	free(v);
}
