/*
 * backend - named immutable objects in one storage location: the contract of storage drivers.
 *
 * A driver is one file under backends/ and one line in the table of src/vault/storage.c. It knows
 * nothing of backups: it moves bytes under names. Every driver passes tests/unit/test_backend.c.
 *
 * Names are ASCII [A-Za-z0-9._-] in folders separated by '/', at most BACKEND_NAME_MAX bytes, no
 * empty, "." or ".." part; a part never begins with '.' (drivers may use such names for
 * temporaries, which list must not show). storage_* checks names before it calls a driver.
 *
 * Every operation may be called from several threads at once on one handle.
 */
#ifndef HOLDFAST_BACKEND_H
#define HOLDFAST_BACKEND_H

#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	BACKEND_NAME_MAX = 250,
	BACKEND_ALIGN = 4096,   /* put and get are fastest into memory aligned so */
};

/* A driver embeds this as the first member of its own struct. */
struct backend {
	const struct backend_ops *ops;
};

struct backend_object {
	const char *name;       /* whole name, valid during the visit */
	uint64_t size_bytes;
	int64_t time_s;         /* the storage's own clock at the last put, Unix seconds */
};

/* Return 0 to go on; anything else ends the listing and is returned by it. */
typedef int backend_visit(void *arg, const struct backend_object *object, struct err *err);

enum backend_put_mode {
	BACKEND_NEW,       /* ERR_EXISTS if the name is taken; exactly one of several racing writers wins */
	BACKEND_REPLACE,   /* atomically in place of what may be there */
};

/* Every member is mandatory. */
struct backend_ops {
	const char *scheme;   /* "file", "memory", "faulty", ... as in scheme://location */

	/*
	 * location is what follows "scheme://". The place need not hold a vault, but a file driver
	 * does not create its top folder here (it does so at the first put).
	 * NULL with ERR_INVALID (location malformed), ERR_DENIED, ERR_UNREACHABLE, ERR_IO, ERR_NOMEM.
	 */
	struct backend *(*open)(const char *location, struct err *err);
	void (*free)(struct backend *b);   /* NULL is never passed */

	/*
	 * Store an object whole: on return 0 it is complete, durable (survives a power cut) and
	 * visible; on an error nothing under that name changed, or, where the answer was lost, the
	 * whole new object is there. ERR_EXISTS, ERR_SPACE, ERR_DENIED, ERR_UNREACHABLE, ERR_IO.
	 */
	int (*put)(struct backend *b, const char *name, const void *data, size_t len,
	           enum backend_put_mode mode, struct err *err);

	/*
	 * Read up to cap bytes from offset; *len says how many: fewer than cap only at the object's
	 * end, 0 at or beyond it. ERR_ABSENT, ERR_DENIED, ERR_UNREACHABLE, ERR_IO.
	 */
	int (*get)(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
	           size_t *len, struct err *err);

	/* object->name is set to name. ERR_ABSENT and the others of get. */
	int (*stat)(struct backend *b, const char *name, struct backend_object *object,
	            struct err *err);

	/*
	 * Visit every object whose name begins with prefix, at any depth, in any order. prefix is
	 * empty or ends with '/'. Nothing there is no error. Objects put or removed meanwhile may or
	 * may not be visited.
	 */
	int (*list)(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
	            struct err *err);

	/* Remove an object; ERR_ABSENT when it is not there. */
	int (*remove)(struct backend *b, const char *name, struct err *err);
};

#endif
