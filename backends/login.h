/* login - what proves to a server who we are, read from files that nobody else may read. */
#ifndef LOGIN_H
#define LOGIN_H

struct buf;
struct err;

enum { LOGIN_PASSWORD_MAX = 512 };

/* Is the file closed to everybody but its owner? For files that others than we read; what we read
 * ourselves is judged by its descriptor, below. what: for messages, "password file".
 * ERR_ABSENT, ERR_DENIED with a hint, ERR_INVALID (no regular file), ERR_IO. */
int login_check_private(const char *path, const char *what, struct err *err);

/* Append the whole of such a file. What check_private gives, ERR_LIMIT beyond out's max, ERR_NOMEM. */
int login_read_private(const char *path, const char *what, struct buf *out, struct err *err);

/* The file's first line, without its end. What read_private gives, ERR_INVALID when it is empty or
 * holds control characters, ERR_LIMIT. The caller wipes out. */
int login_read_password(const char *path, char out[LOGIN_PASSWORD_MAX], struct err *err);

#endif
