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

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	BACKEND_NAME_MAX = 250,
	BACKEND_TAG_MAX = 72,   /* with its NUL */
	BACKEND_ALIGN = 4096,   /* put and get are fastest into memory aligned so */
};

/*
 * The place, as the user described it. Absent options are NULL or 0; the strings need to live only
 * during the call of open, which ignores what does not concern its kind of storage. Secrets are in
 * files; none is in a URL or an option.
 */
struct backend_options {
	const char *location;        /* what follows "scheme://" in the URL */

	/* connections, for all drivers that go through a network */
	const char *ca_file;         /* PEM; instead of the system's authorities */
	const char *client_cert, *client_key;   /* PEM */
	const char *pinned_key;      /* "sha256//<base64>" of the server's public key */
	const char *proxy;           /* URL */
	const char *limit_up, *limit_down;      /* bytes per second, hours: "20M", "20M 08:00-18:00" */
	unsigned connections;        /* at most, at once; 0: as many as help */
	unsigned connect_timeout_s;  /* 0: 20 */
	unsigned stall_timeout_s;    /* give an attempt up when nothing moves for so long; 0: 30 */
	unsigned timeout_s;          /* go on trying one call for so long; 0: 300 */
	const volatile sig_atomic_t *stop;      /* non-zero: give up soon, ERR_STOPPED */

	/* who we are there */
	const char *password_file;   /* webdav; its first line */
	const char *credentials;     /* s3: file in the format of ~/.aws/credentials */
	const char *profile;         /* s3: section of that file */
	const char *identity;        /* sftp: private key file */
	const char *known_hosts;     /* sftp */
	bool accept_new_host;        /* sftp: remember the key of a host seen for the first time */

	/* s3 */
	const char *endpoint, *region, *storage_class;
	bool virtual_host;           /* the bucket's name is part of the host's */
	bool lock_compliance;        /* else governance */
	uint64_t lock_s;             /* retention of what is put with `retain`; 0: no lock */
	int64_t as_of_s;             /* read everything as it was then, Unix seconds; 0: as it is */
};

/* A driver embeds this as the first member of its own struct. open fills it in. */
struct backend {
	const struct backend_ops *ops;
	bool remote;            /* every call waits for a network: much at once is better */
	unsigned connections;   /* calls at once that move much data, at most; more do no good */
};

struct backend_object {
	const char *name;       /* whole name, valid during the visit */
	uint64_t size_bytes;
	int64_t time_s;         /* the storage's own clock at the last put, Unix seconds */
	char tag[BACKEND_TAG_MAX];   /* the storage's fingerprint of the content: the same name and the
	                                same tag mean the same bytes. "" where there is none */
};

/* Return 0 to go on; anything else ends the listing and is returned by it. */
typedef int backend_visit(void *arg, const struct backend_object *object, struct err *err);

enum backend_put_mode {
	BACKEND_NEW,       /* ERR_EXISTS if the name is taken; exactly one of several racing writers wins,
	                      where traits.conditional holds */
	BACKEND_REPLACE,   /* atomically in place of what may be there */
};

struct backend_put {
	const char *name;
	const void *data;
	size_t len;
	enum backend_put_mode mode;
	bool retain;       /* lock it against deletion, where a lock is configured */
};

/* What the storage is like; `vault test` and the manual tell users what follows from it. */
struct backend_traits {
	bool conditional;       /* the storage itself refuses a second BACKEND_NEW */
	bool versions;          /* what is replaced or removed is kept as an older version */
	bool locks;             /* objects can be locked against removal */
	char server[100];       /* what answers there, for humans */
	int64_t clock_ahead_s;  /* the storage's clock minus ours */
};

/* Every member is mandatory. */
struct backend_ops {
	const char *scheme;   /* "file", "s3", "sftp", ... as in scheme://location */

	/*
	 * The place need not hold a vault, and is not asked for yet: a network driver connects at the
	 * first call, a file driver makes its top folder at the first put.
	 * NULL with ERR_INVALID (location or options malformed), ERR_DENIED, ERR_UNREACHABLE, ERR_IO,
	 * ERR_NOMEM.
	 */
	struct backend *(*open)(const struct backend_options *options, struct err *err);
	void (*free)(struct backend *b);   /* NULL is never passed */

	/*
	 * Store an object whole: on return 0 it is complete, durable (survives a power cut) and
	 * visible; on an error nothing under that name changed, or, where the answer was lost, the
	 * whole new object is there. That an earlier attempt of the same call succeeded unheard is not
	 * ERR_EXISTS. `tag` (may be NULL) gets what list will say of it, or "" if that is not known.
	 * ERR_EXISTS, ERR_SPACE, ERR_DENIED, ERR_UNREACHABLE, ERR_IO, ERR_STOPPED.
	 */
	int (*put)(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
	           struct err *err);

	/*
	 * Read up to cap bytes from offset; *len says how many: fewer than cap only at the object's
	 * end, 0 at or beyond it. ERR_ABSENT, ERR_DENIED, ERR_UNREACHABLE, ERR_IO, ERR_STOPPED.
	 */
	int (*get)(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
	           size_t *len, struct err *err);

	/* object->name is set to name. ERR_ABSENT and the others of get. */
	int (*stat)(struct backend *b, const char *name, struct backend_object *object,
	            struct err *err);

	/*
	 * Visit every object whose name begins with prefix, at any depth, in any order. prefix is
	 * empty or ends with '/'. Nothing there is no error. Objects put or removed meanwhile may or
	 * may not be visited. Visitors may call the driver.
	 */
	int (*list)(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
	            struct err *err);

	/* Remove an object and all older versions of it; ERR_ABSENT when there is none, ERR_DENIED
	 * when it is locked. */
	int (*remove)(struct backend *b, const char *name, struct err *err);

	/*
	 * What get and stat give for this name is not what it should be, or is absent: from now on, on
	 * this handle, give the next older content that the storage keeps. ERR_ABSENT when there is no
	 * other: then the current content counts again.
	 */
	int (*next_copy)(struct backend *b, const char *name, struct err *err);

	/* Lock an object that is there from now on for the configured time, if its lock ends sooner.
	 * ERR_INVALID where no lock is configured, ERR_ABSENT, ERR_DENIED. */
	int (*retain)(struct backend *b, const char *name, struct err *err);

	/* May ask the storage, and put objects below `probe/` and remove them again. */
	int (*traits)(struct backend *b, struct backend_traits *traits, struct err *err);
};

#endif
