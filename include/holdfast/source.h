/*
 * source - one data store read as one consistent image: the contract of store drivers.
 *
 * A driver is one file under src/source/ and one line in the table of src/source/source.c. Life of
 * a backup: open, stamp, begin, then for every file next and read until 0, then end, free. The
 * engine serialises all calls on one handle, but they may come from different threads.
 *
 * Sources harm nothing (DESIGN.md, rule 4): no checkpoints, no long locks, a deadline on every
 * wait, no write to the store. A source never reports an image that is not whole: whatever cannot
 * be read completely and consistently is ERR_SOURCE (or ERR_DENIED, ERR_ABSENT, ERR_BUSY, ERR_IO).
 *
 * A sink takes files back. Restores of page files are written by the engine itself, region by
 * region, and handed to `settle`; content-defined files are streamed into a sink.
 */
#ifndef HOLDFAST_SOURCE_H
#define HOLDFAST_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	SOURCE_PATH_MAX = 4096,
	SOURCE_EXTRA_MAX = 1 << 20,
	SOURCE_STAMP_MAX = 256,      /* with its NUL */
	SOURCE_FACTS_MAX = 1 << 20,
};
#define SOURCE_LENGTH_UNKNOWN UINT64_MAX

/* How the user described a store; strings live as long as the handle. Absent options are NULL. */
struct source_options {
	const char *type;            /* "sqlite", "files", "command", "postgres-dump", ... */
	const char *name;            /* the store's name, for messages */
	const char *path;            /* database file or folder */
	const char *command;         /* command sources: the dump command */
	const char *restore_command;
	const char *end_marker;      /* text that the last kilobyte of a dump must hold */
	bool shell;                  /* run commands through /bin/sh -c */
	const char *user;            /* run commands as this user */
	const char *defaults_file;   /* option file with credentials for dump presets */
	const char *database;        /* for dump presets */
	const char *const *exclude;  /* NULL-terminated patterns, or NULL */
	unsigned timeout_s;          /* longest wait for a lock; 0 = the driver's default */
	bool one_file_system;
};

struct source_entry {
	const char *path;            /* relative, '/'-separated, no "..", any bytes but NUL; unique */
	uint32_t page_bytes;         /* a power of two 512..65536, or 0: content-defined */
	uint64_t length_bytes;       /* of page files exact; else SOURCE_LENGTH_UNKNOWN is allowed */
	uint32_t mode;               /* st_mode: type and permissions */
	uint32_t uid, gid;
	int64_t mtime_ns;            /* since 1970 */
	const void *extra;           /* the driver's own metadata, given back to its sink; may be NULL */
	size_t extra_len;
	char stamp[SOURCE_STAMP_MAX];   /* same path and stamp as last time: content is unchanged and
	                                   need not be read. Empty: always read. */
};

struct source {
	const struct source_ops *ops;
};

/* What a driver knows of the image after the end; freed with the source. */
struct source_facts {
	const char *json;   /* one canonical JSON object (ASCII keys sorted, integers, no floats) */
};

struct sink;

struct settle_request {
	const char *temporary;              /* complete, verified, fsynced; same folder as target */
	const char *target;
	const struct source_entry *entry;   /* owner, mode, times as recorded */
	bool overwrite;                     /* keep what is there as TARGET.before-restore */
};

/* Every member is mandatory. */
struct source_ops {
	const char *type;

	/* Check options and open; no wait and no harm yet. NULL with ERR_INVALID, ERR_ABSENT,
	 * ERR_DENIED, ERR_SOURCE, ERR_NOMEM. */
	struct source *(*open)(const struct source_options *options, struct err *err);
	void (*free)(struct source *s);

	/* The whole store's stamp, without reading it: equal to the stamp of the last image means
	 * unchanged for certain. Empty when the driver cannot tell. Called before begin. */
	int (*stamp)(struct source *s, char stamp[SOURCE_STAMP_MAX], struct err *err);

	/* Fix the image. Waits at most the deadline for locks: ERR_BUSY. */
	int (*begin)(struct source *s, struct err *err);

	/* 1: *entry describes the next file, its strings valid until the next call; 0: no more. A
	 * file whose bytes are not wanted is simply not read. */
	int (*next)(struct source *s, struct source_entry *entry, struct err *err);

	/* The current file's next bytes, as many as cap unless the file ends; 0 at its end. cap is a
	 * multiple of 65536. Page files deliver exactly length_bytes. */
	int (*read)(struct source *s, void *out, size_t cap, size_t *len, struct err *err);

	/* Page files: read again at an offset, same image (for evacuation). ERR_INVALID if the
	 * driver's stream cannot go back. */
	int (*reread)(struct source *s, uint64_t offset, void *out, size_t len, struct err *err);

	/* Release the image; 0 only if everything delivered was whole and consistent. `stamp` gets the
	 * store stamp that belongs to this image, or an empty string. */
	int (*end)(struct source *s, struct source_facts *facts, char stamp[SOURCE_STAMP_MAX],
	           struct err *err);

	/* Put a restored page file in its place: owner, mode, stale side files, rename, fsync of the
	 * folder. ERR_INVALID from drivers without page files. */
	int (*settle)(const struct settle_request *request, struct err *err);

	/* Where content-defined files go when a whole store is restored to the folder `dir`. NULL with
	 * ERR_INVALID from drivers of page files. */
	struct sink *(*restore)(const struct source_options *options, const char *dir, bool overwrite,
	                        struct err *err);
};

/* Looks the driver up by options->type. NULL with ERR_INVALID or what open gives. */
struct source *source_open(const struct source_options *options, struct err *err);
void source_free(struct source *s);

/* The driver of that type, or NULL. */
const struct source_ops *source_driver(const char *type);

/* Add a driver to those built in, for programs with a store kind of their own; before any thread
 * that backs up or restores. ops stays the caller's and must outlive every use. ERR_EXISTS (there
 * is a driver of that type), ERR_LIMIT (SOURCE_REGISTERED_MAX were added). */
enum { SOURCE_REGISTERED_MAX = 8 };
int source_register(const struct source_ops *ops, struct err *err);

/* Files in, one after the other: entry, then data until the next entry. */
struct sink_ops {
	int (*entry)(struct sink *k, const struct source_entry *entry, struct err *err);
	int (*data)(struct sink *k, const void *data, size_t len, struct err *err);
	int (*close)(struct sink *k, struct err *err);   /* everything arrived: make it final */
	void (*free)(struct sink *k);                    /* without close: undo or leave no half file */
};

struct sink {
	const struct sink_ops *ops;
};

void sink_free(struct sink *k);

/* Raw bytes of every file to a descriptor, which stays the caller's. */
struct sink *sink_to_fd(int fd, struct err *err);

/* A tar or zip archive to a descriptor; format is "tar" or "zip". ERR_INVALID for others. */
struct sink *sink_to_archive(int fd, const char *format, struct err *err);

#endif
