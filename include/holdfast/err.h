/*
 * err - one error record, owned by the caller, passed last to every call that can fail.
 *
 * A call returns 0 (or a non-negative count where it says so) or a negative enum err_code, the
 * same as err->code. On failure outputs are untouched unless the call says otherwise. Recording an
 * error never allocates. Absent, damaged, denied and unreachable are different codes on purpose:
 * only ERR_ABSENT may be treated as absence (DESIGN.md, rule 2).
 */
#ifndef HOLDFAST_ERR_H
#define HOLDFAST_ERR_H

enum err_code {
	ERR_NONE = 0,
	ERR_NOMEM = -1,
	ERR_IO = -2,           /* the operating system refused; err.sys holds errno */
	ERR_ABSENT = -3,       /* the object or file is not there, and whoever holds it said so */
	ERR_CORRUPT = -4,      /* bytes fail authentication, a hash or parsing */
	ERR_LIMIT = -5,        /* larger than this program accepts */
	ERR_EXISTS = -6,       /* would overwrite what is there */
	ERR_INVALID = -7,      /* the caller's arguments or configuration */
	ERR_DENIED = -8,       /* permission or credential refused */
	ERR_UNREACHABLE = -9,  /* no answer, or none before the deadline */
	ERR_KEY = -10,         /* the key for this is not on this machine, or the passphrase is wrong */
	ERR_BUSY = -11,        /* locked by somebody else */
	ERR_FORK = -12,        /* two histories where there may be one: clone, rollback, forgery */
	ERR_SPACE = -13,       /* no space left where the bytes have to go */
	ERR_SOURCE = -14,      /* the data store could not be read completely and consistently */
	ERR_NEWER = -15,       /* written by a newer format than this program knows */
	ERR_STOPPED = -16,     /* interrupted by the user */
};

struct err {
	enum err_code code;
	int sys;          /* errno for ERR_IO, ERR_SPACE and ERR_DENIED, else 0 */
	char msg[600];    /* "object: fact", one line, no newline */
	char hint[300];   /* the next step, or empty */
};

/* Record a failure, dropping any earlier hint; returns code: return err_set(err, ERR_...). */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ERR_NOMEM, "out of memory". */
int err_no_memory(struct err *err);

/* Record a failed system call: appends strerror(errno) and picks ERR_SPACE (ENOSPC, EDQUOT),
 * ERR_DENIED (EACCES, EPERM, EROFS), ERR_ABSENT (ENOENT), ERR_EXISTS (EEXIST), ERR_NOMEM or ERR_IO. */
int err_sys(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put "fmt: " in front of the recorded message; returns the recorded code. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Attach the next step for the user; returns the recorded code. */
int err_hint(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
