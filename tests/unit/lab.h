/* lab - a vault of one's own for a test, with a handle that writes and one that reads. */
#ifndef LAB_H
#define LAB_H

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../backends/memory.h"
#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "format/names.h"
#include "holdfast/backup.h"
#include "holdfast/restore.h"
#include "scratch.h"
#include "vault/heads.h"
#include "vault/state.h"
#include "vault/storage.h"
#include "vault/vault.h"

static const char lab_passphrase[] = "six words that nobody else knows";

enum { LAB_PATH = SCRATCH_MAX + 64, LAB_OBJECT_MAX = 64 << 20 };

struct lab {
	char dir[SCRATCH_MAX], url[LAB_PATH], state[LAB_PATH], keys[LAB_PATH];
	struct vault *writer, *reader;   /* the reader is unlocked and has neither keys nor state */
};

/* Another writer's handle on the same vault; NULL is the lab's own url, state, keys. */
static inline struct vault *lab_open(const struct lab *l, const char *url, const char *state,
                                     const char *keys, struct err *err)
{
	const struct vault_options o = { .url = url ? url : l->url,
	                                 .state_dir = state ? state : l->state,
	                                 .keys_dir = keys ? keys : l->keys };
	return vault_open(&o, err);
}

/* Forget everything that the writing process knew; url as in lab_open. */
static inline int lab_reopen(struct lab *l, const char *url, struct err *err)
{
	vault_free(l->writer);
	l->writer = lab_open(l, url, NULL, NULL, err);
	return l->writer ? 0 : err->code;
}

static inline int lab_unlock(struct lab *l, struct err *err)
{
	const struct vault_options o = { .url = l->url };
	vault_free(l->reader);
	l->reader = vault_open(&o, err);
	return l->reader ? vault_unlock(l->reader, lab_passphrase, strlen(lab_passphrase), err)
	                 : err->code;
}

/* scheme: "memory" or "file". */
static inline int lab_begin(struct lab *l, const char *scheme, struct err *err)
{
	*l = (struct lab){ 0 };
	if (!scratch_make(l->dir))
		return err_sys(err, "%s", l->dir);
	snprintf(l->url, sizeof l->url, "%s://%s/vault", scheme, l->dir);
	snprintf(l->state, sizeof l->state, "%s/state", l->dir);
	snprintf(l->keys, sizeof l->keys, "%s/keys", l->dir);
	const struct vault_options o = { .url = l->url, .state_dir = l->state, .keys_dir = l->keys };
	const struct vault_init_options init = {
		.machine = "lab", .passphrase = lab_passphrase,
		.passphrase_len = strlen(lab_passphrase), .slot_ops = 1, .slot_mem_kib = 8192,
	};
	if (vault_init(&o, &init, err) != 0 || lab_reopen(l, NULL, err) != 0)
		return err->code;
	return lab_unlock(l, err);
}

static inline void lab_end(struct lab *l)
{
	vault_free(l->writer);
	vault_free(l->reader);
	if (strncmp(l->url, "memory://", 9) == 0)
		memory_forget(l->url + 9);
	scratch_remove(l->dir);
}

/* The writer's store of that name. */
static inline struct store_info lab_store(const struct lab *l, const char *name)
{
	struct store_info s = { .name = name, .writer_name = "lab" };
	memcpy(s.writer, vault_keyfile(l->writer)->id, sizeof s.writer);
	vault_store_id(l->writer, name, s.store);
	return s;
}

/* STATE/<vault-id>/<store-id> */
static inline void lab_state_folder(const struct lab *l, const struct store_info *s,
                                    char out[LAB_PATH + 80])
{
	char hex[33];
	snprintf(out, LAB_PATH + 80, "%s/%s/%s", l->state, vault_id_text(l->writer),
	         hex_encode(hex, s->store, 16));
}

/* ---- objects ---- */

struct lab_names { char (*names)[NAMES_MAX]; size_t n; };

static inline int lab_add_name(void *arg, const struct backend_object *o, struct err *err)
{
	struct lab_names *l = arg;
	char(*names)[NAMES_MAX] = realloc(l->names, (l->n + 1) * sizeof *names);
	if (!names)
		return err_no_memory(err);
	l->names = names;
	snprintf(names[l->n++], NAMES_MAX, "%s", o->name);
	return 0;
}

static inline int lab_name_order(const void *a, const void *b) { return strcmp(a, b); }

/* Sorted; free(names). */
static inline int lab_list(const struct lab *l, const char *prefix, struct lab_names *out,
                           struct err *err)
{
	*out = (struct lab_names){ 0 };
	int rc = storage_list(vault_storage(l->reader), prefix, lab_add_name, out, err);
	if (rc == 0 && out->n)
		qsort(out->names, out->n, sizeof *out->names, lab_name_order);
	return rc;
}

static inline int lab_remove(const struct lab *l, const char *name, struct err *err)
{
	return storage_remove(vault_storage(l->reader), name, err);
}

/* Everything below the prefix. */
static inline int lab_remove_all(const struct lab *l, const char *prefix, struct err *err)
{
	struct lab_names names;
	int rc = lab_list(l, prefix, &names, err);
	for (size_t i = 0; i < names.n && rc == 0; i++)
		rc = lab_remove(l, names.names[i], err);
	free(names.names);
	return rc;
}

/* A fingerprint of all objects, their names and bytes. */
static inline int lab_print_vault(const struct lab *l, uint8_t out[32], struct err *err)
{
	struct lab_names names;
	struct hash_state h;
	int rc = lab_list(l, "", &names, err);
	hash_begin(&h, 32, "lab", NULL, 0);
	for (size_t i = 0; i < names.n && rc == 0; i++) {
		AUTO(buf) b = buf_new(LAB_OBJECT_MAX, err);
		rc = b ? storage_get_all(vault_storage(l->reader), names.names[i], b, err) : err->code;
		hash_add(&h, names.names[i], strlen(names.names[i]) + 1);
		if (rc == 0 && b->len)
			hash_add(&h, b->bytes, b->len);
	}
	hash_end(&h, out, 32);
	free(names.names);
	return rc;
}

/* ---- folders without folders in them ---- */

typedef int lab_file(void *arg, const char *name, struct buf *bytes, struct err *err);

static inline int lab_each_file(const char *dir, lab_file *visit, void *arg, struct err *err)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, alphasort), rc = 0;
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];
		AUTO(buf) b = buf_new(LAB_OBJECT_MAX, err);
		snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name);
		if (rc == 0 && list[i]->d_name[0] != '.')
			rc = b && io_read_file(path, b, err) == 0 ? visit(arg, list[i]->d_name, b, err)
			                                          : err->code;
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return rc;
}

static inline int lab_copy_one(void *arg, const char *name, struct buf *b, struct err *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%.255s", (const char *)arg, name);
	IO_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(err, "%s", path) : io_write(fd, b->bytes, b->len, err);
}

/* Replace one folder by a copy of the other. An absent one is copied as an absent one. */
static inline int lab_copy_folder(const char *from, const char *to, struct err *err)
{
	char folder[PATH_MAX - 300];
	snprintf(folder, sizeof folder, "%s", to);
	scratch_remove(to);
	if (access(from, F_OK) != 0)
		return 0;
	if (io_make_dirs(to, 0700, err) != 0)
		return err->code;
	return lab_each_file(from, lab_copy_one, folder, err);
}

static inline int lab_print_one(void *arg, const char *name, struct buf *b, struct err *err)
{
	(void)err;
	if (strcmp(name, "lock") == 0)   /* holds the pid of the last run */
		return 0;
	hash_add(arg, name, strlen(name) + 1);
	if (b->len)
		hash_add(arg, b->bytes, b->len);
	return 0;
}

/* A fingerprint of a folder's files. */
static inline int lab_print_folder(const char *dir, uint8_t out[32], struct err *err)
{
	struct hash_state h;
	hash_begin(&h, 32, "lab", NULL, 0);
	int rc = lab_each_file(dir, lab_print_one, &h, err);
	hash_end(&h, out, 32);
	return rc;
}

/* Flip one bit of a file at an offset from its beginning. False if it is shorter. */
static inline bool lab_flip(const char *path, uint64_t offset, unsigned bit)
{
	uint8_t b;
	IO_AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pread(fd, &b, 1, (off_t)offset) != 1)
		return false;
	b ^= (uint8_t)(1u << (bit & 7));
	return pwrite(fd, &b, 1, (off_t)offset) == 1;
}

#endif
