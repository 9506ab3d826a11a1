/* login - what proves to a server who we are, read from files that nobody else may read. */
#ifndef LOGIN_H
#define LOGIN_H

struct err;

enum { LOGIN_PASSWORD_MAX = 512 };

/* The file is there, regular, and closed to everybody but its owner. what: for messages, "the key".
 * ERR_ABSENT, ERR_DENIED with a hint, ERR_IO. */
int login_check_private(const char *path, const char *what, struct err *err);

/* The file's first line, without its end. What check_private gives, ERR_INVALID when it is empty or
 * holds control characters, ERR_LIMIT. The caller wipes out. */
int login_read_password(const char *path, char out[LOGIN_PASSWORD_MAX], struct err *err);

#endif
